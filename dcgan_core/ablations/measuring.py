"""What does a variant's run say beside the baseline's of the same seed?"""

import datetime
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from dcgan_core import devices, intervals, latent, networks, pictures
from dcgan_core.ablations import variants
from dcgan_core.ablations.variants import Variant
from dcgan_core.data import loading
from dcgan_core.files import write_atomically, write_json
from dcgan_core.metrics import fidelity, memorisation
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


def _healthy(m: dict) -> bool:
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
            self.classifier = fidelity.FeatureNet(data.size, data.channels, len(data.classes)).to(chosen).eval()
            self.classifier.load_state_dict(safetensors.torch.load_file(path))
        else:
            self.classifier = fidelity.train_classifier(data, device=chosen)
            path.parent.mkdir(parents=True, exist_ok=True)
            state = {key: value.cpu().contiguous() for key, value in self.classifier.state_dict().items()}
            write_atomically(path, safetensors.torch.save(state))
        self.features = self.classifier.features(self.held_out)

    def measure(self, images: np.ndarray) -> dict:
        """images: uint8 N x C x S x S. Precision, recall and diversity are shares; Fréchet distance 0 is the best."""
        return _compare(self.features, self.classifier.features(images))

    def halves(self) -> dict:
        """As `measure`: one half of the held-out images, chosen by chance, with the other. No samples can be expected to do
        better. Fréchet distances of fewer images are larger, so this one is a little too high."""
        order, half = np.random.default_rng(0).permutation(len(self.features)), len(self.features) // 2
        return _compare(self.features[order[:half]], self.features[order[half : 2 * half]])


def _compare(real: np.ndarray, samples: np.ndarray) -> dict:
    """Features N x D and M x D: how near the samples are to the data, in four numbers."""
    found = fidelity.precision_recall(real, samples)
    return {
        "frechet": fidelity.frechet(real, samples, draws=2).value,  # the interval is that of the pairs
        "precision": found["precision"].value,
        "recall": found["recall"].value,
        "diversity": _spread(samples) / _spread(real),
    }


def _spread(features: np.ndarray) -> float:
    """The root mean square distance between two of them (N x D).

    It misleads where a few are far off: they count most. And two tight clumps far apart look varied.
    """
    return float(np.sqrt(2 * features.var(0, ddof=1).sum()))


def _movement(snapshots: np.ndarray) -> dict:
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
    """Everything measured of a finished run, also in its measured.json; its checkpoint is then no longer needed, and goes."""
    started = time.perf_counter()
    generator = run.generator(devices.pick(device))
    a, seed = run.architecture, run.info["config"]["seed"]
    alarms = run.info.get("alarms", [])
    images = memorisation.draw_samples(generator, SAMPLES, seed)
    measured = judged.measure(images) | {"diverged": any(alarm["kind"] == "diverged" for alarm in alarms)}
    measured |= _movement(snapshots(run.path, a.size))
    measured["collapsed"] = collapse(measured)
    with networks.batch_statistics(generator):
        z = latent.sample(a, SAMPLES, torch.Generator().manual_seed(seed))
        measured["batch_statistics"] = judged.measure(latent.generate_pixels(generator, z, batch=128))
    measured = five_digits(measured) | {
        "alarms": alarms,
        "train_seconds": round(60 * run.info["minutes"], 1),
        "measure_seconds": round(time.perf_counter() - started, 1),
    }
    sheet = pictures.grid(latent.generate_pixels(generator, variants.fixed_z(a, seed)[:16]), columns=8, gap=1)
    write_atomically(run.path / "sheet.webp", pictures.encode(sheet, "webp", quality=90))
    write_json(run.path / "measured.json", measured)
    run.forget_good_checkpoint()
    (run.path / "checkpoint.pt").unlink(missing_ok=True)
    return measured


def snapshots(path: Path, size: int) -> np.ndarray:
    """A run's last snapshots of its fixed z: uint8 T x N x 3 x size x size, T = 0 where there are none."""
    files = sorted((path / "snapshots").glob("*.png"))[-variants.SNAPSHOTS :]
    return np.stack([pictures.tiles(p, size, gap=0) for p in files]) if files else np.zeros((0, 1, 3, size, size), np.uint8)


def with_batch_statistics(followed: dict[int, dict]) -> dict[int, dict]:
    """The same runs, sampled with the batch's statistics. Nothing was trained anew; how those images move was not measured."""
    without = {"oscillation": None, "returns": None, "train_seconds": 0.0, "measure_seconds": 0.0}
    found = {seed: m | m["batch_statistics"] | without for seed, m in followed.items()}
    return {seed: m | {"collapsed": collapse(m)} for seed, m in found.items()}


def comes_back(m: dict) -> bool:
    """Do more than half of the fixed z of a measured run?"""
    return m["returning"] is not None and m["returning"] > 0.5


# --- rows of the ledger -----------------------------------------------------------------------------------------------


def row(
    variant: Variant, followed: dict[int, dict], removed: dict[int, dict], baseline: Config = variants.BASELINE
) -> dict | None:
    """A row of the ledger: how many times as large the Fréchet distance is without the guideline. None without two pairs.

    The mean and its interval are those of the logarithms of the pairs' ratios: twice and half are equally far from 1.
    """
    seeds = sorted(followed.keys() & removed.keys())
    if len(seeds) < 2:
        return None
    pairs = [(followed[seed], removed[seed]) for seed in seeds]
    frechet = np.array([[m["frechet"] for m in pair] for pair in pairs])
    collapsed = np.array([[bool(m["collapsed"]) for m in pair] for pair in pairs])
    differences = {}
    for key in ("precision", "recall", "diversity", "oscillation", "returns"):
        known = [b[key] - a[key] for a, b in pairs if a[key] is not None and b[key] is not None]
        if len(known) > 1:
            differences[key] = intervals.student(known)
    details = {
        "variant": variant.what,
        "settings": variant.settings,
        "seeds": seeds,
        "frechet": frechet.tolist(),
        "means": {key: np.mean([(a[key], b[key]) for a, b in pairs], 0).tolist() for key in ("precision", "recall")},
        "differences": differences,
        "collapsed": {"followed": intervals.share(collapsed[:, 0]), "removed": intervals.share(collapsed[:, 1])},
    }
    found = np.exp(intervals.student(np.log(frechet[:, 1] / frechet[:, 0])))
    runs, claim = [m for pair in pairs for m in pair], f"ablation.{variant.claim}"
    return _ledger_row(claim, found, baseline, name=variant.name, n=len(pairs), runs=runs, details=details)


def detected(runs: dict[str, dict[int, dict]]) -> dict | None:
    """A row of the ledger: the share of provoked collapses that training reported. None where nothing collapsed."""
    counted = {
        v.what: {seed: m for seed, m in runs.get(v.name, {}).items() if seed >= variants.seeds_of(v).start}
        for v in variants.PROVOKED
    }
    provoked = [m for measured in counted.values() for m in measured.values()]
    collapsed = [m for m in provoked if m["collapsed"]]
    if not collapsed:
        return None
    fine = [m for m in provoked if _healthy(m)]
    going = [m for m in provoked if not m["collapsed"]]
    details = {
        "provoked": len(provoked),
        "seeds": sorted({seed for measured in counted.values() for seed in measured}),
        "collapsed": {what: _count(measured, "collapsed") for what, measured in counted.items()},
        "alarms": {what: _count(measured, "alarms") for what, measured in counted.items()},
        "false_alarms": _alarmed(fine),
        "healthy_runs": len(fine),
        "reported_not_collapsed": _alarmed(going),
        "not_collapsed": len(going),
    }
    found, n, claim = _alarmed(collapsed), len(collapsed), "instability.detected"
    return _ledger_row(claim, found, variants.PROVOKING, name="provoked", n=n, runs=provoked, details=details)


def _count(measured: dict[int, dict], key: str) -> list[int]:
    """How many of the runs have it, and how many there are."""
    return [sum(bool(m[key]) for m in measured.values()), len(measured)]


def _alarmed(runs: list[dict]) -> tuple[float, float, float]:
    return intervals.share(np.array([bool(m["alarms"]) for m in runs], bool))


def _ledger_row(
    claim: str, found: Iterable[float], config: Config, *, name: str, n: int, runs: list[dict], details: dict
) -> dict:
    """found: value, low, high; config: what the runs have in common; n: pairs or runs counted, of those trained."""
    return {
        "claim": claim,
        **dict(zip(("value", "low", "high"), (float(f"{x:.6g}") for x in found), strict=True)),
        "n": n,
        "seconds": round(sum(m["train_seconds"] + m["measure_seconds"] for m in runs), 1),
        "run": f"ablations/{name}",
        "data": config.data,
        "stand_in": True,
        "instead": f"{config.data} at {config.architecture.size} pixels, small nets and short runs",
        "seed": details["seeds"][0],
        "date": datetime.date.today().isoformat(),
        "details": five_digits(details),
    }


# --- files ------------------------------------------------------------------------------------------------------------


def five_digits(value: Any) -> Any:
    """Numbers to five digits, for files that people read."""
    if isinstance(value, dict):
        return {key: five_digits(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [five_digits(v) for v in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value
