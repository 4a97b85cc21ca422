from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from dcgan_core import config_io, devices, latent, networks, pictures, runs
from dcgan_core.ablations import measuring, variants
from dcgan_core.ablations.measuring import Judged
from dcgan_core.ablations.variants import (
    ALL,
    BASELINE,
    GUIDELINES,
    IMAGES,
    PROVOKED,
    PROVOKING,
    SAMPLING,
    SEEDS,
    VARIANTS,
    Variant,
    named,
    seeds_of,
)
from dcgan_core.data import loading
from dcgan_core.errors import UserError
from dcgan_core.files import read_json, write_atomically, write_json
from dcgan_core.networks import Architecture, Discriminator, Generator
from dcgan_core.runs import Run, environment
from dcgan_core.training import loop, session
from dcgan_core.training.collapse import Collapsed
from dcgan_core.training.config import Config, check_resumable
from dcgan_core.training.session import Event

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


def train_variant(config: Config, baseline: Config, path: Path, device: str = "auto", progress: bool = True) -> Run:
    """Trains, or goes on, with snapshots of the run's fixed z at the end. Raises KeyboardInterrupt where it was stopped."""
    data = loading.load_data(config.data, config.architecture.size, crop=config.crop)
    if (path / "run.json").exists():
        run = Run(path)
        if run.info["status"] != "training":
            return run
        check_resumable(config, run)
    else:
        run = runs.start(config, data, path)
    a = config.architecture
    first = config.images - config.batch * variants.APART * variants.SNAPSHOTS * (2 if config.updates == "alternate" else 1)

    def keep(event: Event) -> None:
        if event.row and event.images > first and event.row["g_updates"] % variants.APART == 0:
            pixels = latent.draw_pixels(event.generator, variants.fixed_z(a, config.seed), batch=session.GRID)
            (run.path / "snapshots").mkdir(exist_ok=True)
            write_atomically(run.path / "snapshots" / f"{event.images:09d}.png", pictures.png(pictures.grid(pixels, gap=0)))

    start = Start(a, baseline.architecture, config.seed)
    try:
        if not loop.train(config, data, run, device, initial=start, on_event=keep, progress=progress):
            raise KeyboardInterrupt
    except Collapsed:
        pass  # diverged; the nets before that are measured
    return run


def pair(variant: str, images: int, folder: Path, seed: int = 0, device: str = "auto") -> list[tuple[str, np.ndarray]]:
    """Trains one pair, without measuring it, before a reader's eyes: for `plots.strips`, labels and images of the same z."""
    baseline, rows = replace(BASELINE, images=images), []
    for v in named([variant]):
        run = train_variant(v.config(baseline, seed), baseline, folder / v.name, device)
        z = variants.fixed_z(run.architecture, seed)[:10]
        rows.append((v.what, latent.draw_pixels(run.generator(devices.pick(device)), z)))
    return rows


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
    chosen = named(only)
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
            m = measuring.measure_variant(
                train_variant(variant.config(base, seed), base, path, device, progress), judge, device
            )
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
    rows = [measuring.row(v, followed, runs.get(v.name, {}), _baseline(out)) for v in VARIANTS]
    rows += [measuring.row(SAMPLING, followed, measuring.sampled(followed), _baseline(out)), measuring.detected(runs)]
    return {
        "baseline": baseline,
        "held_out_halves": measuring.rounded(judged.halves()),
        "runs": runs,
        "rows": [r for r in rows if r],
        "finds": _finds(out, runs),
        "seconds": round(sum(m["train_seconds"] + m["measure_seconds"] for seeds in runs.values() for m in seeds.values()), 1),
        **environment(),
    }


def _finds(out: Path, runs: dict[str, dict[int, dict]]) -> list[dict]:
    """The runs in which more than half of the fixed z come back, strongest first, and by how many of 255 grey levels a pixel of
    theirs changes from snapshot to snapshot (root mean square)."""
    finds = []
    for variant in ALL:
        size = (PROVOKING if variant in PROVOKED else _baseline(out)).architecture.size
        for seed, m in runs.get(variant.name, {}).items():
            if measuring.comes_back(m):
                steps = np.diff(measuring.snapshots(out / f"{variant.name}-{seed}", size).astype(float), axis=0)
                levels = measuring.rounded(float(np.sqrt((steps**2).mean())))
                finds.append(
                    {"variant": variant.name, "seed": seed, "size": size, "returns": m["returns"], "grey_levels": levels}
                )
    return sorted(finds, key=lambda find: find["returns"])


def _baseline(out: Path) -> Config:
    """What the runs in `out` have in common, those from before a setting existed with its default."""
    path = out / "ablations.json"
    return config_io.from_dict(Config, read_json(path, "what the runs have in common").get("baseline"), str(path))


def _measured(out: Path, variant: Variant) -> dict[int, dict]:
    """Seed -> measurements."""
    files = {seed: out / f"{variant.name}-{seed}" / "measured.json" for seed in range(1000)}
    return {seed: read_json(path, "measurements") for seed, path in files.items() if path.exists()}
