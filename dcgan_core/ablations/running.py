"""How is every variant trained and measured, and stopped and taken up again?"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from dcgan_core import config_io, devices, latent, networks, pictures, runs
from dcgan_core.ablations import measuring, variants
from dcgan_core.ablations.measuring import Judged
from dcgan_core.ablations.variants import Variant
from dcgan_core.data import loading
from dcgan_core.data.images import ImageData
from dcgan_core.errors import UserError
from dcgan_core.files import locked, read_json, write_atomically, write_json
from dcgan_core.networks import Architecture
from dcgan_core.runs import Run
from dcgan_core.training import loop, session
from dcgan_core.training.collapse import Collapsed
from dcgan_core.training.config import Config, check_resumable
from dcgan_core.training.session import Event

# --- training one run -------------------------------------------------------------------------------------------------


class Start:
    """The weights that a run starts from, as a run gives them (`initial` of `loop.train`): those of the baseline's nets of this
    seed, wherever a weight has the same name and shape."""

    def __init__(self, architecture: Architecture, baseline: Architecture, seed: int) -> None:
        nets = networks.build(architecture, seed)
        for net, twin in zip(nets, networks.build(baseline, seed), strict=True):
            state, other = net.state_dict(), twin.state_dict()
            same = {k: v for k, v in other.items() if k in state and state[k].shape == v.shape}
            net.load_state_dict(state | same)
        self.generator, self.discriminator = (net.to for net in nets)  # called with a device


def train_to_end(config: Config, data: ImageData, path: Path, device: str, **how: Any) -> Run:
    """Starts the run at `path`, or goes on with it, to its end; of one that diverged the nets from before are kept. how: of
    `loop.train`. Raises KeyboardInterrupt where it was stopped, UserError where the run has other settings."""
    devices.pick(device)  # refused before there is a run
    if (path / "run.json").exists():
        check_resumable(config, run := Run(path))
    else:
        run = runs.start(config, data, path)
    with locked(path / ".lock") as free, suppress(Collapsed):
        if not free:
            raise UserError(f"{path}: another process trains it; stop that one first, or choose another `out`")
        if run.info["status"] == "training" and not loop.train(config, data, run, device, **how):
            raise KeyboardInterrupt
    return run


def train_variant(
    config: Config,
    baseline: Config,
    path: Path,
    device: str = "auto",
    *,
    progress: bool = True,
    watch: Callable[[Event], None] | None = None,
) -> Run:
    """Trains, or goes on, with snapshots of the run's fixed z at the end, or as `watch` says. Raises KeyboardInterrupt where it
    was stopped."""
    a = config.architecture
    data = loading.load_data(config.data, a.size, crop=config.crop)
    first = config.images - config.batch * variants.APART * variants.SNAPSHOTS * (2 if config.updates == "alternate" else 1)

    def keep(event: Event) -> None:
        if event.row and event.generator and event.images > first and event.row["g_updates"] % variants.APART == 0:
            pixels = latent.generate_pixels(event.generator, variants.fixed_z(a, config.seed), batch=session.GRID)
            (path / "snapshots").mkdir(exist_ok=True)
            write_atomically(path / "snapshots" / f"{event.images:09d}.png", pictures.encode(pictures.grid(pixels, gap=0)))

    start = cast(Run, Start(a, baseline.architecture, config.seed))
    return train_to_end(config, data, path, device, initial=start, on_event=watch or keep, progress=progress)


def pair(variant: str, images: int, folder: Path, seed: int = 0, device: str = "auto") -> list[tuple[str, np.ndarray]]:
    """Trains one pair, without measuring it, before a reader's eyes: labels and images of the same z, for
    `image_rows.strips`."""
    baseline, rows = replace(variants.BASELINE, images=images), []
    for v in called([variant]):
        run = train_variant(v.config(baseline, seed), baseline, folder / v.name, device)
        z = variants.fixed_z(run.architecture, seed)[:10]
        rows.append((v.what, latent.generate_pixels(run.generator(devices.pick(device)), z)))
    return rows


# --- all of them ------------------------------------------------------------------------------------------------------


def ablate(
    out: Path,
    only: Iterable[str] = (),
    *,
    seeds: int = variants.SEEDS,
    images: int = variants.IMAGES,
    data: str = variants.BASELINE.data,
    device: str = "auto",
    progress: bool = True,
) -> dict:
    """Trains and measures what is not there yet, seed by seed; returns the table, which is also in `out`/results.json.

    Raises UserError where `out` holds runs of other settings, KeyboardInterrupt where it was stopped.
    """
    if seeds < 1:
        raise UserError(f"`seeds` {seeds}: at least 1; intervals need at least 2")
    chosen, provoking = called(only), variants.PROVOKING
    a, channels = variants.BASELINE.architecture, (loading.native(data) or (0, 3))[1]
    baseline = replace(variants.BASELINE, data=data, images=images, architecture=replace(a, channels=channels))
    note = out / "ablations.json"
    if note.exists() and _baseline(out) != baseline:
        raise UserError(f"{out}: holds runs of another length or data; choose another `out`")
    judged = _judged(data, a.size, out / "classifier.safetensors", device)
    provoked = judged  # where nothing is provoked, never asked
    if any(v in variants.PROVOKED for v in chosen):
        provoked = _judged(provoking.data, provoking.architecture.size, out / "classifier-provoked.safetensors", device)
    write_json(note, {"baseline": config_io.to_dict(baseline)})
    for seed in range(variants.SEEDS + 2 * seeds):
        for variant in (v for v in chosen if seed in variants.seeds_of(v, seeds)):
            path = out / f"{variant.name}-{seed}"
            if (path / "measured.json").exists():
                continue
            base, judge = (provoking, provoked) if variant in variants.PROVOKED else (baseline, judged)
            run = train_variant(variant.config(base, seed), base, path, device, progress=progress)
            m = measuring.measure_variant(run, judge, device)
            found = f"Fréchet {m['frechet']:.3g}, precision {m['precision']:.2f}, recall {m['recall']:.2f}"
            print(f"{path.name:24} {found}" + (f"; collapsed: {m['collapsed']}" if m["collapsed"] else ""), flush=True)
            write_json(out / "results.json", _results(out, judged))
    table = _results(out, judged)
    write_json(out / "results.json", table)
    return table


def _judged(name: str, size: int, path: Path, device: str) -> Judged:
    held_out = loading.load_data(name, size, "test").images[: measuring.SAMPLES]
    return Judged(loading.load_data(name, size), np.asarray(held_out), path, device)


def called(names: Iterable[str]) -> list[Variant]:
    """The variants called so, guidelines first; all where no names are given. Raises UserError for an unknown name."""
    known = {v.name: v for v in variants.ALL}
    for name in names:
        if name not in known:
            raise UserError(f"`only` {name}{config_io.did_you_mean(name, known)}")
    return [v for v in variants.ALL if not names or v.name in names or v is variants.GUIDELINES]


def _results(out: Path, judged: Judged) -> dict:
    """The table of all that has been measured in `out`: every run, and for each row of the ledger what the pairs say."""
    baseline = _baseline(out)
    measured = {v.name: _measured(out, v) for v in variants.ALL}
    followed = measured[variants.GUIDELINES.name]
    pairs = [(v, measured.get(v.name, {})) for v in variants.VARIANTS]
    pairs.append((variants.SAMPLING, measuring.with_batch_statistics(followed)))
    rows = [measuring.row(v, followed, removed, baseline) for v, removed in pairs] + [measuring.detected(measured)]
    return {
        "baseline": config_io.to_dict(baseline),
        "held_out_halves": measuring.five_digits(judged.halves()),
        "runs": measured,
        "rows": [r for r in rows if r],
        "seconds": round(
            sum(m["train_seconds"] + m["measure_seconds"] for seeds in measured.values() for m in seeds.values()), 1
        ),
        **runs.environment(),
    }


def _baseline(out: Path) -> Config:
    """What the runs in `out` have in common, those from before a setting existed with its default."""
    path = out / "ablations.json"
    return config_io.from_dict(Config, read_json(path, "what the runs have in common").get("baseline"), str(path))


def _measured(out: Path, variant: Variant) -> dict[int, dict]:
    """Seed -> measurements."""
    files = {seed: out / f"{variant.name}-{seed}" / "measured.json" for seed in range(1000)}
    return {seed: read_json(path, "measurements") for seed, path in files.items() if path.exists()}
