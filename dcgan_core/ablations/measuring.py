"""What a variant's run says beside the baseline's of the same seed."""

from __future__ import annotations

import datetime
import io
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from PIL import Image

from dcgan_core import devices, intervals, latent, networks, pictures
from dcgan_core.ablations import variants
from dcgan_core.ablations.variants import (
    BASELINE,
    CHANGES,
    PROVOKED,
    PROVOKING,
    Variant,
    seeds_of,
)
from dcgan_core.data import loading
from dcgan_core.files import write_atomically, write_json
from dcgan_core.metrics import fidelity, memorisation
from dcgan_core.metrics.fidelity import FeatureNet
from dcgan_core.runs import Run
from dcgan_core.training.config import Config

SAMPLES = 2000  # drawn from each run, and at most so many held-out pictures
RETURNS = 0.8  # images that come back: nearer to where they were two snapshots ago than this share of one snapshot's way


# --- measuring one run ------------------------------------------------------------------------------------------------


def collapse(m: dict) -> str | None:
    """What is called a collapse, on samples alone; None where it is none. Settled after short pilots, before the full table."""
    if m["diverged"]:
        return "weights that are not numbers"
    if m["diversity"] < 0.25:
        return "samples differ by less than a quarter of what held-out images do"
    return None


def healthy(m: dict) -> bool:
    """Neither collapsed nor astray: some samples look like the data, and some of the data like samples.

    Lenient about provoked runs: fewer than a hundred digits are held out, so their balls are large, and two thousand samples
    have many chances to fall into one.
    """
    return not m["collapsed"] and m["precision"] >= 0.02 and m["recall"] >= 0.02


class Judged:
    """Held-out images of a set, and how far samples are from them in the features of a classifier of the set.

    The classifier is trained once, on the training images, and kept at `path`. Raises UserError for a set without classes.
    """

    def __init__(self, name: str, size: int, path: Path, device: str = "auto") -> None:
        chosen = devices.pick(device)
        self.held_out = loading.load_data(name, size, "test").images[:SAMPLES]
        data = loading.load_data(name, size)
        if path.exists():
            self.classifier = FeatureNet(data.size, data.channels, len(data.classes)).to(chosen).eval()
            self.classifier.load_state_dict(safetensors.torch.load_file(path))
        else:
            self.classifier = fidelity.train_classifier(data, device=chosen)
            path.parent.mkdir(parents=True, exist_ok=True)
            state = {key: value.cpu().contiguous() for key, value in self.classifier.state_dict().items()}
            write_atomically(path, safetensors.torch.save(state))
        self.features = self.classifier.features(self.held_out)

    def measure(self, images: np.ndarray) -> dict:
        """images: uint8 N x C x S x S. Precision, recall and diversity are shares; Fréchet distance 0 is the best."""
        return compare(self.features, self.classifier.features(images))

    def halves(self) -> dict:
        """As `measure`: one half of the held-out images, chosen by chance, with the other. No samples can be expected to do
        better. Fréchet distances of fewer images are larger, so this one is a little too high."""
        order, half = np.random.default_rng(0).permutation(len(self.features)), len(self.features) // 2
        return compare(self.features[order[:half]], self.features[order[half : 2 * half]])


def compare(real: np.ndarray, samples: np.ndarray) -> dict:
    """Features N x D and M x D: how near the samples are to the data, in four numbers."""
    found = fidelity.precision_recall(real, samples)
    return {
        "frechet": fidelity.frechet(real, samples, draws=2).value,  # the interval is that of the pairs
        "precision": found["precision"].value,
        "recall": found["recall"].value,
        "diversity": spread(samples) / spread(real),
    }


def spread(features: np.ndarray) -> float:
    """The root mean square distance between two of them (N x D).

    It misleads where a few are far off: they count most. And two tight clumps far apart look varied.
    """
    return float(np.sqrt(2 * features.var(0, ddof=1).sum()))


def movement(snapshots: np.ndarray) -> dict:
    """How much images of fixed z change from snapshot to snapshot (T x N x C x S x S, uint8).

    `oscillation` is the mean change between neighbours as a share of the distance between two images of one snapshot. `returns`
    is the change over two steps as a share of that over one: 2 where images drift one way, about 1.4 where they wander, 1 where
    they jitter about a fixed place, less where they come back; `returning` is the share of z below RETURNS.

    It misleads in a net near collapse: two of its images are hardly apart, so any change is a large share. It sees whole
    images, not filters, and no swing whose period is the time between two snapshots.
    """
    x = torch.from_numpy(snapshots).float().div(255).flatten(2)
    if len(x) < 3:
        return {"oscillation": None, "returns": None, "returning": None}
    one, two = ((x[step:] - x[:-step]).pow(2).mean(2).sqrt().mean(0) for step in (1, 2))  # N
    apart = x.var(1).mul(2).mean(1).sqrt().mean()
    ratio = two / one.clamp_min(1e-6)
    return {
        "oscillation": (one.mean() / apart.clamp_min(1e-6)).item(),
        "returns": ratio.median().item(),
        "returning": (ratio < RETURNS).float().mean().item(),
    }


def measure_variant(run: Run, judged: Judged, device: str = "auto") -> dict:
    """Everything measured of a finished run; its checkpoint and snapshots are then no longer needed, and go."""
    started = time.perf_counter()
    generator = run.generator(devices.pick(device))
    a, seed = run.architecture, run.info["config"]["seed"]
    alarms = run.info.get("alarms", [])
    images = memorisation.draw_samples(generator, SAMPLES, seed)
    measured = judged.measure(images) | {"diverged": any(alarm["kind"] == "diverged" for alarm in alarms)}
    measured |= movement(snapshots(run.path, a.size))
    measured["collapsed"] = collapse(measured)
    with networks.batch_statistics(generator):
        z = latent.sample(a, SAMPLES, torch.Generator().manual_seed(seed))
        measured["batch_statistics"] = judged.measure(latent.draw_pixels(generator, z, batch=128))
    measured = rounded(measured) | {
        "alarms": alarms,
        "train_seconds": round(60 * run.info["minutes"], 1),
        "measure_seconds": round(time.perf_counter() - started, 1),
    }
    sheet = pictures.grid(latent.draw_pixels(generator, variants.fixed_z(a, seed)[:16]), columns=8, gap=1)
    save_webp(run.path / "sheet.webp", sheet)
    write_json(run.path / "measured.json", measured)
    run.forget_good_checkpoint()
    (run.path / "checkpoint.pt").unlink(missing_ok=True)
    return measured


def snapshots(path: Path, size: int) -> np.ndarray:
    """A run's last snapshots of its fixed z: uint8 T x N x 3 x size x size, T = 0 where there are none."""
    files = sorted((path / "snapshots").glob("*.png"))[-variants.SNAPSHOTS :]
    return np.stack([pictures.tiles(p, size, gap=0) for p in files]) if files else np.zeros((0, 1, 3, size, size), np.uint8)


def sampled(followed: dict[int, dict]) -> dict[int, dict]:
    """The same runs, sampled with the batch's statistics. Nothing was trained anew; how those images move was not measured."""
    without = {"oscillation": None, "returns": None, "train_seconds": 0.0, "measure_seconds": 0.0}
    sampled = {seed: m | m["batch_statistics"] | without for seed, m in followed.items()}
    return {seed: m | {"collapsed": collapse(m)} for seed, m in sampled.items()}


def comes_back(m: dict) -> bool:
    """Do more than half of the fixed z of a measured run?"""
    return m["returning"] is not None and m["returning"] > 0.5


def row(variant: Variant, followed: dict[int, dict], removed: dict[int, dict], baseline: Config = BASELINE) -> dict | None:
    """A row of the ledger: how many times as large the Fréchet distance is without the guideline. None without two pairs.

    The mean and its interval are those of the logarithms of the pairs' ratios: twice and half are equally far from 1.
    """
    seeds = sorted(followed.keys() & removed.keys())
    if len(seeds) < 2:
        return None
    pairs = [(followed[seed], removed[seed]) for seed in seeds]
    ratios = np.array([without["frechet"] / with_["frechet"] for with_, without in pairs])
    differences = {}
    for key in CHANGES:
        known = [(a[key], b[key]) for a, b in pairs if a[key] is not None and b[key] is not None]
        if len(known) > 1:
            differences[key] = intervals.student([b - a for a, b in known])
    details = {
        "variant": variant.what,
        "settings": variant.settings,
        "seeds": seeds,
        "frechet": [[with_["frechet"], without["frechet"]] for with_, without in pairs],
        "means": {key: np.mean([(a[key], b[key]) for a, b in pairs], 0).tolist() for key in ("precision", "recall")},
        "differences": differences,
        "collapsed": {
            "followed": intervals.share(np.array([bool(a["collapsed"]) for a, _ in pairs])),
            "removed": intervals.share(np.array([bool(b["collapsed"]) for _, b in pairs])),
        },
    }
    found = np.exp(intervals.student(np.log(ratios)))
    return ledger_row(f"ablation.{variant.claim}", variant.name, found, len(pairs), pairs, details, baseline)


def detected(runs: dict[str, dict[int, dict]]) -> dict | None:
    """A row of the ledger: the share of provoked collapses that training reported. None where nothing collapsed."""
    counted = {v.name: {seed: m for seed, m in runs.get(v.name, {}).items() if seed >= seeds_of(v).start} for v in PROVOKED}
    runs = {name: list(measured.values()) for name, measured in counted.items()}
    provoked = [m for measured in runs.values() for m in measured]
    collapsed = [m for m in provoked if m["collapsed"]]
    if not collapsed:
        return None
    fine = [m for m in provoked if healthy(m)]
    going = [m for m in provoked if not m["collapsed"]]
    details = {
        "provoked": len(provoked),
        "seeds": sorted({seed for measured in counted.values() for seed in measured}),
        "collapsed": {v.what: _count(runs[v.name], "collapsed") for v in PROVOKED},
        "alarms": {v.what: _count(runs[v.name], "alarms") for v in PROVOKED},
        "false_alarms": _alarmed(fine),
        "healthy_runs": len(fine),
        "reported_not_collapsed": _alarmed(going),
        "not_collapsed": len(going),
    }
    return ledger_row("instability.detected", "provoked", _alarmed(collapsed), len(collapsed), [provoked], details, PROVOKING)


def _count(runs: Iterable[dict], key: str) -> list[int]:
    """How many of the runs have it, and how many there are."""
    flags = [bool(m[key]) for m in runs]
    return [sum(flags), len(flags)]


def _alarmed(runs: list[dict]) -> tuple[float, float, float]:
    return intervals.share(np.array([bool(m["alarms"]) for m in runs], bool))


def ledger_row(claim: str, name: str, found: Iterable[float], n: int, runs: list, details: dict, config: Config) -> dict:
    return {
        "claim": claim,
        **dict(zip(("value", "low", "high"), (float(f"{x:.6g}") for x in found), strict=True)),
        "n": n,
        "seconds": round(sum(m["train_seconds"] + m["measure_seconds"] for group in runs for m in group), 1),
        "run": f"ablations/{name}",
        "data": config.data,
        "stand_in": True,
        "instead": f"{config.data} at {config.architecture.size} pixels, small nets and short runs",
        "seed": details["seeds"][0],
        "date": datetime.date.today().isoformat(),
        "details": rounded(details),
    }


def rounded(value: Any) -> Any:
    """Numbers to five digits, for files that people read."""
    if isinstance(value, dict):
        return {key: rounded(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(v) for v in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def save_webp(path: Path, picture: np.ndarray, lossless: bool = False) -> None:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "webp", quality=90, lossless=lossless)
    write_atomically(path, buffer.getvalue())
