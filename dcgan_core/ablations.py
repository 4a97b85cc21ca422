"""Which of the guidelines matter? (Paper §3, §4) A small DCGAN, trained again and again with one guideline removed.

A pair is the same seed with and without a guideline: the same images in the same order, the same z, and the same initial
weights wherever a weight has the same place and shape in both nets. What differs is what the guideline does, and chance; five
pairs tell how much is chance. `dcgan ablate` trains and measures; stopped, it goes on where it was.

    runs/ablations/ablations.json       what all runs have in common; classifier.safetensors measures them
    runs/ablations/<variant>-<seed>/    a run like any other, and measured.json once it has been measured
    runs/ablations/results.json         the table so far; `--ship` copies it and the sheets of samples to book/ablations
"""

from __future__ import annotations

import datetime
import io
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from PIL import Image

from dcgan_core import assets, config_io, devices, instability, intervals, latent, networks, pictures, training
from dcgan_core.config_io import did_you_mean
from dcgan_core.data import loading
from dcgan_core.errors import UserError
from dcgan_core.files import read_json, write_atomically, write_json
from dcgan_core.metrics import fidelity, memorisation
from dcgan_core.metrics.fidelity import FeatureNet
from dcgan_core.networks import Architecture, Discriminator, Generator
from dcgan_core.plots import Table
from dcgan_core.runs import Run, environment
from dcgan_core.training import Config

SEEDS, IMAGES = 5, 16_000
SAMPLES = 2000  # drawn from each run, and at most so many held-out pictures
SNAPSHOTS, APART = 6, 25  # of the fixed z, at the end of a run, and G's updates between two
RETURNS = 0.8  # images that come back: nearer to where they were two snapshots ago than this share of one snapshot's way
DEVIATIONS = ("kernel", "updates", "sampling_statistics")  # claims about this book's choices, not about guidelines
BAND = (0.8, 1.25)  # there, as a multiple of the Fréchet distance: what is called no difference
OSCILLATES = ("batchnorm_everywhere", "beta1")  # where the paper speaks of oscillation
CHANGES = {
    "precision": "precision",
    "recall": "recall",
    "diversity": "diversity",
    "oscillation": "movement of fixed z",
    "returns": "way in two snapshots over that in one",
}

BASELINE = Config(
    "drawn-sprites",
    Architecture(32, 3, (32, 64, 128), (2, 2, 2), kernel=4),
    batch=32,
    updates="both",
    images=IMAGES,
    precision="single",  # on every machine, so that all runs can be compared
    on_collapse="warn",  # and for that all are equally long
)


@dataclass(frozen=True)
class Variant:
    """One guideline removed, or one way to provoke a collapse. `settings` are those of `--set`."""

    name: str
    what: str
    settings: tuple[str, ...] = ()
    claim: str = ""  # in the ledger: ablation.<claim>
    length: float = 1.0  # images in all, as a share of the baseline's

    def config(self, baseline: Config, seed: int) -> Config:
        config = config_io.override(baseline, list(self.settings))
        return replace(config, images=round(baseline.images * self.length), seed=seed)


GUIDELINES = Variant("guidelines", "all guidelines followed")
VARIANTS = (
    # a 3x3 convolution and pooling over 2x2 see 4x4 pixels, as a 4x4 convolution with stride 2 does
    Variant("pooling", "pooling, upsampling", ("architecture.resample=pooling", "architecture.kernel=3"), "strides"),
    Variant("no-batchnorm", "no batchnorm", ("architecture.norm=none",), "batchnorm"),
    Variant("batchnorm-everywhere", "batchnorm on all layers", ("architecture.norm=everywhere",), "batchnorm_everywhere"),
    Variant("fully-connected", "a fully connected hidden layer", ("architecture.hidden=512",), "fully_connected"),
    Variant("relu", "ReLU in D", ("architecture.leak=0",), "activations"),
    Variant("sigmoid", "sigmoid in D", ("architecture.d_activation=sigmoid",), "activations"),
    Variant("beta1-0.9", "beta1 = 0.9", ("beta1=0.9",), "beta1"),
    Variant("lr-0.001", "learning rate 0.001", ("learning_rate=0.001",), "lr"),
    # twice the images, as each batch trains one net: as many updates of each net as the baseline
    Variant("alternate", "the authors' update order", ("updates=alternate",), "updates", length=2),
    Variant("kernel-5", "kernel 5", ("architecture.kernel=5",), "kernel"),
)
SAMPLING = Variant(
    "batch-statistics", "statistics of the batch when sampling", claim="sampling_statistics"
)  # no runs of its own

# Short runs on the digits that should go wrong, by several means, and one that should not: does training notice?
PROVOKING = Config(
    "digits",
    Architecture(16, 1, (64, 128), (2, 2), kernel=4),
    batch=32,
    updates="both",
    images=16_000,
    precision="single",
    on_collapse="warn",
)
PROVOKED = (
    Variant("provoked-nothing", "nothing changed"),
    Variant("provoked-narrow", "half as wide", ("architecture.widths=32,64",)),
    Variant("provoked-narrower", "a quarter as wide", ("architecture.widths=16,32",)),
    Variant("provoked-narrowest", "an eighth as wide", ("architecture.widths=8,16",)),
    Variant("provoked-deep", "narrow, a layer more", ("architecture.widths=16,32,64", "architecture.strides=2,2,2")),
    Variant("provoked-narrow-beta1", "half as wide, beta1 0.9", ("architecture.widths=32,64", "beta1=0.9")),
    Variant("provoked-narrow-lr", "half as wide, learning rate 0.001", ("architecture.widths=32,64", "learning_rate=0.001")),
    Variant("provoked-momentum", "learning rate 0.005, beta1 0.95", ("learning_rate=0.005", "beta1=0.95")),
    Variant("provoked-no-batchnorm", "no batchnorm", ("architecture.norm=none",)),
)
ALL = (GUIDELINES, *VARIANTS, *PROVOKED)


def variants(names: Iterable[str]) -> list[Variant]:
    """The variants called so, guidelines first; all where no names are given. Raises UserError for an unknown name."""
    known = {v.name: v for v in ALL}
    for name in names:
        if name not in known:
            raise UserError(f"--only {name}{did_you_mean(name, known)}")
    return [v for v in ALL if not names or v.name in names or v is GUIDELINES]


def seeds_of(variant: Variant, count: int = SEEDS) -> range:
    """Provoked runs have later seeds, as runs of the first ones served to choose the detector's limit, `instability.ALIKE`; and
    twice as many, as no more than half of them collapse."""
    return range(SEEDS, SEEDS + 2 * count) if variant in PROVOKED else range(count)


# --- training one run -------------------------------------------------------------------------------------------------


class Start:
    """Initial weights: those of the baseline's nets of this seed, wherever a weight has the same name and shape."""

    def __init__(self, architecture: Architecture, baseline: Architecture, seed: int) -> None:
        self.nets = networks.build(architecture, seed)
        for net, twin in zip(self.nets, networks.build(baseline, seed), strict=True):
            state, other = net.state_dict(), twin.state_dict()
            same = {k: v for k, v in other.items() if k in state and state[k].shape == v.shape}
            net.load_state_dict(state | same)

    def generator(self, device: torch.device | str) -> Generator:
        return self.nets[0].to(device)

    def discriminator(self, device: torch.device | str) -> Discriminator:
        return self.nets[1].to(device)


def train(config: Config, baseline: Config, path: Path, device: str = "auto", progress: bool = True) -> Run:
    """Trains, or goes on, with snapshots of the run's fixed z at the end. Raises KeyboardInterrupt where it was stopped."""
    data = loading.load_data(config.data, config.architecture.size, crop=config.crop)
    if (path / "run.json").exists():
        run = Run(path)
        if run.info["status"] != "training":
            return run
        training.check_resumable(config, run)
    else:
        about = {"name": data.name, "images": len(data), **data.provenance}
        run = Run.create(path, {"config": config_io.to_dict(config), "data": about, **environment()})
    a = config.architecture
    first = config.images - config.batch * APART * SNAPSHOTS * (2 if config.updates == "alternate" else 1)

    def keep(event: training.Event) -> None:
        if event.row and event.images > first and event.row["g_updates"] % APART == 0:
            pixels = latent.draw_pixels(event.generator, fixed_z(a, config.seed), batch=training.GRID)
            (run.path / "snapshots").mkdir(exist_ok=True)
            write_atomically(run.path / "snapshots" / f"{event.images:09d}.png", pictures.png(pictures.grid(pixels, gap=0)))

    start = Start(a, baseline.architecture, config.seed)
    try:
        if not training.train(config, data, run, device, start, keep, progress):
            raise KeyboardInterrupt
    except instability.Collapsed:
        pass  # diverged; the nets before that are measured
    return run


def fixed_z(architecture: Architecture, seed: int) -> torch.Tensor:
    """The z whose images a run's sample grids and snapshots show."""
    return latent.sample(architecture, training.GRID, torch.Generator().manual_seed(seed + 2))


def pair(variant: str, images: int, folder: Path, seed: int = 0, device: str = "auto") -> list[tuple[str, np.ndarray]]:
    """Trains one pair, without measuring it, before a reader's eyes: for `plots.strips`, labels and images of the same z."""
    baseline, rows = replace(BASELINE, images=images), []
    for v in variants([variant]):
        run = train(v.config(baseline, seed), baseline, folder / v.name, device)
        z = fixed_z(run.architecture, seed)[:10]
        rows.append((v.what, latent.draw_pixels(run.generator(devices.pick(device)), z)))
    return rows


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


def measure(run: Run, judged: Judged, device: str = "auto") -> dict:
    """Everything measured of a finished run; its checkpoint and snapshots are then no longer needed, and go."""
    started = time.perf_counter()
    generator = run.generator(devices.pick(device))
    a, seed = run.architecture, run.info["config"]["seed"]
    alarms = run.info.get("alarms", [])
    images = memorisation.draw_samples(generator, SAMPLES, seed)
    measured = judged.measure(images) | {"diverged": any(alarm["kind"] == "diverged" for alarm in alarms)}
    measured |= movement(_snapshots(run.path, a.size))
    measured["collapsed"] = collapse(measured)
    with networks.batch_statistics(generator):
        z = latent.sample(a, SAMPLES, torch.Generator().manual_seed(seed))
        measured["batch_statistics"] = judged.measure(latent.draw_pixels(generator, z, batch=128))
    measured = _rounded(measured) | {
        "alarms": alarms,
        "train_seconds": round(60 * run.info["minutes"], 1),
        "measure_seconds": round(time.perf_counter() - started, 1),
    }
    sheet = pictures.grid(latent.draw_pixels(generator, fixed_z(a, seed)[:16]), columns=8, gap=1)
    _save_webp(run.path / "sheet.webp", sheet)
    write_json(run.path / "measured.json", measured)
    run.forget_good_checkpoint()
    (run.path / "checkpoint.pt").unlink(missing_ok=True)
    return measured


def _snapshots(path: Path, size: int) -> np.ndarray:
    """A run's last snapshots of its fixed z: uint8 T x N x 3 x size x size, T = 0 where there are none."""
    files = sorted((path / "snapshots").glob("*.png"))[-SNAPSHOTS:]
    return np.stack([pictures.tiles(p, size, gap=0) for p in files]) if files else np.zeros((0, 1, 3, size, size), np.uint8)


def _save_webp(path: Path, picture: np.ndarray, lossless: bool = False) -> None:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "webp", quality=90, lossless=lossless)
    write_atomically(path, buffer.getvalue())


# --- all of them ------------------------------------------------------------------------------------------------------


def ablate(
    out: Path,
    only: Iterable[str] = (),
    seeds: int = SEEDS,
    images: int = IMAGES,
    data: str = BASELINE.data,
    device: str = "auto",
    progress: bool = True,
) -> dict:
    """Trains and measures what is not there yet, seed by seed; returns the table, which is also in `out`/results.json.

    Raises UserError where `out` holds runs of other settings, KeyboardInterrupt where it was stopped.
    """
    if seeds < 1:
        raise UserError(f"--seeds {seeds}: at least 1; intervals need at least 2")
    chosen = variants(only)
    size, channels = BASELINE.architecture.size, (loading.native(data) or (0, 3))[1]
    baseline = replace(BASELINE, data=data, images=images, architecture=replace(BASELINE.architecture, channels=channels))
    note = out / "ablations.json"
    if note.exists() and _baseline(out) != baseline:
        raise UserError(f"{out}: holds runs of another length or data; choose another --out")
    judged = Judged(data, size, out / "classifier.safetensors", device)
    provoked = None
    if any(v in PROVOKED for v in chosen):
        provoked = Judged(PROVOKING.data, PROVOKING.architecture.size, out / "classifier-provoked.safetensors", device)
    write_json(note, {"baseline": config_io.to_dict(baseline)})
    for seed in range(SEEDS + 2 * seeds):
        for variant in (v for v in chosen if seed in seeds_of(v, seeds)):
            path = out / f"{variant.name}-{seed}"
            if (path / "measured.json").exists():
                continue
            base, judge = (PROVOKING, provoked) if variant in PROVOKED else (baseline, judged)
            m = measure(train(variant.config(base, seed), base, path, device, progress), judge, device)
            found = f"Fréchet {m['frechet']:.3g}, precision {m['precision']:.2f}, recall {m['recall']:.2f}"
            print(f"{path.name:24} {found}" + (f"; collapsed: {m['collapsed']}" if m["collapsed"] else ""), flush=True)
            write_json(out / "results.json", results(out, judged))
    table = results(out, judged)
    write_json(out / "results.json", table)
    return table


def results(out: Path, judged: Judged) -> dict:
    """The table of all that has been measured in `out`: every run, and for each row of the ledger what the pairs say."""
    baseline = config_io.to_dict(_baseline(out))
    runs = {v.name: _measured(out, v) for v in ALL}
    followed = runs[GUIDELINES.name]
    rows = [row(v, followed, runs.get(v.name, {}), _baseline(out)) for v in VARIANTS]
    rows += [row(SAMPLING, followed, _sampled(followed), _baseline(out)), detected(runs)]
    return {
        "baseline": baseline,
        "held_out_halves": _rounded(judged.halves()),
        "runs": runs,
        "rows": [r for r in rows if r],
        "finds": _finds(out, runs),
        "seconds": round(sum(m["train_seconds"] + m["measure_seconds"] for seeds in runs.values() for m in seeds.values()), 1),
        **environment(),
    }


def _sampled(followed: dict[int, dict]) -> dict[int, dict]:
    """The same runs, sampled with the batch's statistics. Nothing was trained anew; how those images move was not measured."""
    without = {"oscillation": None, "returns": None, "train_seconds": 0.0, "measure_seconds": 0.0}
    sampled = {seed: m | m["batch_statistics"] | without for seed, m in followed.items()}
    return {seed: m | {"collapsed": collapse(m)} for seed, m in sampled.items()}


def _finds(out: Path, runs: dict[str, dict[int, dict]]) -> list[dict]:
    """The runs in which more than half of the fixed z come back, strongest first, and by how many of 255 grey levels a pixel of
    theirs changes from snapshot to snapshot (root mean square)."""
    finds = []
    for variant in ALL:
        size = (PROVOKING if variant in PROVOKED else _baseline(out)).architecture.size
        for seed, m in runs.get(variant.name, {}).items():
            if _comes_back(m):
                steps = np.diff(_snapshots(out / f"{variant.name}-{seed}", size).astype(float), axis=0)
                levels = _rounded(float(np.sqrt((steps**2).mean())))
                finds.append(
                    {"variant": variant.name, "seed": seed, "size": size, "returns": m["returns"], "grey_levels": levels}
                )
    return sorted(finds, key=lambda find: find["returns"])


def _comes_back(m: dict) -> bool:
    """Do more than half of the fixed z of a measured run?"""
    return m["returning"] is not None and m["returning"] > 0.5


def _baseline(out: Path) -> Config:
    """What the runs in `out` have in common, those from before a setting existed with its default."""
    path = out / "ablations.json"
    return config_io.from_dict(Config, read_json(path, "what the runs have in common").get("baseline"), str(path))


def _measured(out: Path, variant: Variant) -> dict[int, dict]:
    """Seed -> measurements."""
    files = {seed: out / f"{variant.name}-{seed}" / "measured.json" for seed in range(1000)}
    return {seed: read_json(path, "measurements") for seed, path in files.items() if path.exists()}


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
    return _ledger(f"ablation.{variant.claim}", variant.name, found, len(pairs), pairs, details, baseline)


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
    return _ledger("instability.detected", "provoked", _alarmed(collapsed), len(collapsed), [provoked], details, PROVOKING)


def _count(runs: Iterable[dict], key: str) -> list[int]:
    """How many of the runs have it, and how many there are."""
    flags = [bool(m[key]) for m in runs]
    return [sum(flags), len(flags)]


def _alarmed(runs: list[dict]) -> tuple[float, float, float]:
    return intervals.share(np.array([bool(m["alarms"]) for m in runs], bool))


def _ledger(claim: str, name: str, found: Iterable[float], n: int, runs: list, details: dict, config: Config) -> dict:
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
        "details": _rounded(details),
    }


def _rounded(value: Any) -> Any:
    """Numbers to five digits, for files that people read."""
    if isinstance(value, dict):
        return {key: _rounded(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(v) for v in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


# --- the shipped table ------------------------------------------------------------------------------------------------


def ship(out: Path) -> Path:
    """Copies the table, the first seed's samples of each variant and the images that come back most into the book.

    Raises UserError for a table with less in it than the one that ships now, or with fewer than SEEDS pairs in a row.
    """
    table = read_json(out / "results.json", "the table of ablations")
    lost = {r["run"] for r in shipped()["rows"]} - {r["run"] for r in table["rows"]}
    few = {r["run"] for r in table["rows"] if r["claim"].startswith("ablation.") and r["n"] < SEEDS}
    if lost or few:
        why = f"lacks {', '.join(sorted(lost)) or 'nothing'} of what ships now; fewer than {SEEDS} pairs: {len(few)} rows"
        raise UserError(f"{out / 'results.json'}: {why}. Measure all of it first: dcgan ablate --out {out}")
    target = assets.folder("ablations")
    write_json(target / "results.json", table)
    for variant in ALL:
        sheet = out / f"{variant.name}-{seeds_of(variant).start}" / "sheet.webp"
        if sheet.exists():
            write_atomically(target / f"{variant.name}.webp", sheet.read_bytes())
    if table["finds"]:  # a row for each of a few z; lossless, since a swing may be a single grey level
        strongest = table["finds"][0]
        shown = _snapshots(out / f"{strongest['variant']}-{strongest['seed']}", strongest["size"])[:, :2].swapaxes(0, 1)
        _save_webp(target / "returning.webp", pictures.grid(shown, gap=1), lossless=True)
    return target


def _where(variant: Variant) -> str:
    """What a variant is called where all of them stand in one table."""
    return f"{variant.what} ({PROVOKING.data})" if variant in PROVOKED else variant.what


def shipped() -> dict:
    """The table that ships with the book; without runs and rows where none ships. Raises UserError where it cannot be found."""
    path = assets.folder("ablations") / "results.json"
    return read_json(path, "the table of ablations") if path.exists() else {"runs": {}, "rows": []}


def rows(claims: Iterable[str] = ()) -> list[dict]:
    """The shipped rows of `ablation.<claim>`, in the order of the claims given; all where none are given."""
    there = [r for r in shipped()["rows"] if r["claim"].startswith("ablation.")]
    return [r for c in claims for r in there if r["claim"] == f"ablation.{c}"] if claims else there


def table(rows: list[dict]) -> Table:
    """What a guideline's absence does: Fréchet distances as multiples, shares followed → removed; intervals of the change."""
    if not rows:
        return Table(["ablations"], [["not measured"]])

    def share(r: dict, key: str) -> str:
        followed, removed = r["details"]["means"][key]
        return "{:.2f} → {:.2f} ({:+.2f} to {:+.2f})".format(followed, removed, *r["details"]["differences"][key][1:])

    def movement(r: dict) -> str:
        found = r["details"]["differences"].get("oscillation")
        return "not measured" if found is None else "{:+.2f} ({:+.2f} to {:+.2f})".format(*found)

    def collapsed(r: dict) -> str:
        followed, removed = (round(r["details"]["collapsed"][key][0] * r["n"]) for key in ("followed", "removed"))
        return f"{followed} → {removed} of {r['n']}"

    header = ["instead", "Fréchet distance, times", "precision", "recall", "movement of fixed z", "collapsed"]
    cells = [
        [
            r["details"]["variant"],
            f"{r['value']:.2f} ({r['low']:.2f} to {r['high']:.2f})",
            share(r, "precision"),
            share(r, "recall"),
            movement(r),
            collapsed(r),
        ]
        for r in rows
    ]
    return Table(header, cells)


def sentence(r: dict) -> str:
    """What a row says, in words: the ledger's verdict, which the Fréchet distance decides, and what else is shown to change."""
    details, claim = r["details"], r["claim"].removeprefix("ablation.")
    deviation, (lowest, highest) = claim in DEVIATIONS, BAND
    if deviation and lowest <= r["low"] and r["high"] <= highest:
        said, so = "no difference that counts", ""
    elif deviation and lowest <= r["high"] and r["low"] <= highest:
        said, so = "not settled", f": the interval reaches out of {lowest:g} to {highest:g}"
    elif r["low"] >= 1:
        said, so = "worse samples", "" if deviation else ": the guideline holds for us"
    elif r["high"] <= 1:
        said, so = "better samples", "" if deviation else ": the guideline does not hold for us"
    else:
        said, so = "no difference shown", ": the guideline is neither confirmed nor refuted"
    size = f"{r['value']:.2f} times, {r['low']:.2f} to {r['high']:.2f}, {r['n']} pairs"
    parts = [f"{details['variant'][0].upper()}{details['variant'][1:]}: {said} by the Fréchet distance ({size}){so}."]
    found = details["differences"]
    others = [f"{name} {found[key][0]:+.2f}" for key, name in CHANGES.items() if key in found and _excludes_zero(found[key])]
    if others:
        parts.append(f"Also changed: {', '.join(others)}.")
    if claim in OSCILLATES:
        mean, low, high = found["oscillation"]
        how = "rose" if low > 0 else "fell" if high < 0 else "is not shown to rise"
        parts.append(f"Oscillation, as the paper has it? Movement of fixed z {how}: {mean:+.2f} ({low:+.2f} to {high:+.2f}).")
    removed, followed = (round(details["collapsed"][key][0] * r["n"]) for key in ("removed", "followed"))
    if removed or followed:
        parts.append(f"{removed} of {r['n']} collapsed, against {followed} with all guidelines.")
    return " ".join(parts)


def _excludes_zero(found: list[float]) -> bool:
    """found: mean, low, high of differences."""
    return found[1] > 0 or found[2] < 0


def sheets(claims: Iterable[str]) -> list[tuple[str, np.ndarray]]:
    """Labelled samples of seed 0 for `plots.strips`: with all guidelines, then without each; empty where none ship."""
    wanted = [GUIDELINES, *(v for c in claims for v in VARIANTS if v.claim == c)]
    found = [(v.what, assets.folder("ablations") / f"{v.name}.webp") for v in wanted]
    return [(what, pictures.tiles(path, BASELINE.architecture.size, gap=1)[:10]) for what, path in found if path.exists()]


def returning() -> list[tuple[str, int, int]]:
    """Where the shipped runs oscillate: variant, runs searched, runs in which more than half of the fixed z come back."""
    there = shipped()["runs"]
    known = {v: [m for m in there.get(v.name, {}).values() if m["returning"] is not None] for v in ALL}
    return [(_where(v), len(runs), sum(map(_comes_back, runs))) for v, runs in known.items() if runs]


def swinging() -> list[np.ndarray]:
    """A few z of the shipped run whose images come back most (the first of `finds`), each with its last snapshots from left to
    right, uint8 SNAPSHOTS x 3 x S x S. Empty where no run's do."""
    finds = shipped().get("finds")
    if not finds:
        return []
    images = pictures.tiles(assets.folder("ablations") / "returning.webp", finds[0]["size"], gap=1)
    return list(images.reshape(-1, SNAPSHOTS, *images.shape[1:]))
