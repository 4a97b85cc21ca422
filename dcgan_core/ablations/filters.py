"""Do some of G's filters collapse to a single oscillating mode when a net is trained for long (paper §7)?

A filter's maps of a few fixed z are kept every `APART` updates, and judged over a window of `WINDOW` such snapshots:

- `variety`: the share of the variance of its numbers that lies between z. Near 0, the filter draws one map, whatever z.
- `swing`: the maps' strongest mode in time (their first principal component over the window), and the share of its power that
  one frequency holds, the slowest two left out, since they are drift. Near 1, the filter goes to and fro; noise has about 0.2.

Fixed before the run: a filter is in a single oscillating mode where variety is below `ONE` and swing above `SWINGS` in two
windows running.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dcgan_core import runs
from dcgan_core.ablations import measuring, running, stability, variants
from dcgan_core.files import read_json, write_json
from dcgan_core.networks import Generator
from dcgan_core.training.session import Event

UPDATES, APART, WINDOW = 20 * stability.UPDATES, 25, 64
BATCH, KEPT = 64, 8  # fixed z in a batch, whose statistics count, and those whose maps are kept
ONE, SWINGS, DRIFT = 0.05, 0.5, 2
BASELINE = replace(stability.BASELINE, images=UPDATES * stability.BASELINE.batch)


def study(out: Path, device: str = "auto", progress: bool = True) -> dict:
    """Trains one net with all guidelines in `out`/filters, or goes on, and watches its filters; returns the table, also in
    `out`/filters.json. The window in which a run was stopped is left out. Raises KeyboardInterrupt where it is stopped."""
    watch = _Watch(out / "filters.json")
    run = running.train_variant(BASELINE, BASELINE, out / "filters", device, progress=progress, watch=watch)
    return watch.write(seconds=60 * run.info["minutes"])


def maps(generator: Generator, z: Tensor) -> Iterator[Tensor]:
    """The maps of each of G's hidden layers, N x filters x side x side, z's side first. For nets without classes."""
    h = z
    for stage in generator.dense:
        h = stage(h)
    yield (h := h.unflatten(1, generator.architecture.base))
    for stage in generator.convs[:-1]:
        yield (h := stage(h))


def judge(seen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A layer's window, T x z x filters x side x side: each filter's variety and swing, NaN where it is dead (all one number),
    and the course of its strongest mode, filters x T."""
    x = np.moveaxis(seen.astype(np.float32), 2, 0)  # filters x T x z x side x side
    x = x.reshape(*x.shape[:3], -1)
    whole = x.var((1, 2, 3))
    with np.errstate(invalid="ignore"):
        variety = x.var(2).mean((1, 2)) / np.where(whole > 0, whole, np.nan)
        moved = (x - x.mean(1, keepdims=True)).reshape(len(x), x.shape[1], -1)
        courses = np.linalg.eigh(moved @ moved.swapaxes(1, 2))[1][:, :, -1]  # filters x T
        power = np.abs(np.fft.rfft(courses - courses.mean(1, keepdims=True)))[:, 1:] ** 2
        swing = power[:, DRIFT:].max(1) / power.sum(1)
    return variety, np.where(whole > 0, swing, np.nan), courses


class _Watch:
    """Collects maps while a run trains, and judges each window when it is full."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.table = read_json(path, "the table of filters") if path.exists() else {"windows": {}, "strongest": None}
        self.seen: dict[int, list[np.ndarray]] = {}  # updates -> each layer's maps, in this window

    def __call__(self, event: Event) -> None:
        updates = event.row["g_updates"] if event.row else 0
        if not event.generator or updates % APART:
            return
        device = next(event.generator.parameters()).device
        z = variants.fixed_z(event.generator.architecture, BASELINE.seed)[:BATCH].to(device)
        with torch.no_grad():
            self.seen[updates] = [h[:KEPT].half().cpu().numpy() for h in maps(event.generator, z)]
        if updates % (APART * WINDOW) == 0:
            if len(self.seen) == WINDOW:
                self._judge(updates)
            self.seen.clear()

    def _judge(self, updates: int) -> None:
        layers = []
        for i, layer in enumerate(zip(*self.seen.values(), strict=True)):
            variety, swing, courses = judge(np.stack(layer))
            if not np.isnan(swing).all():
                most = int(np.nanargmax(swing))
                strongest = {"updates": updates, "layer": i, "filter": most, "swing": float(swing[most])}
                strongest |= {"variety": float(variety[most]), "course": courses[most].tolist()}
                if strongest["swing"] > (self.table["strongest"] or {"swing": 0})["swing"]:
                    self.table["strongest"] = measuring.five_digits(strongest)
            fives = {k: np.nanpercentile(v, (0, 25, 50, 75, 100)).tolist() for k, v in (("variety", variety), ("swing", swing))}
            one, swings = variety < ONE, swing > SWINGS
            counts = {
                "filters": len(swing),
                "dead": int(np.isnan(swing).sum()),
                "one": int(one.sum()),
                "swing": int(swings.sum()),
            }
            layers.append(counts | {"percentiles": fives, "both": np.flatnonzero(one & swings).tolist()})
        self.table["windows"][str(updates)] = measuring.five_digits(layers)
        self.write()

    def write(self, seconds: float = 0.0) -> dict:
        """seconds: what the whole run took, once it is over."""
        found = oscillating(self.table["windows"])
        rows = [_row(found, self.table["windows"], seconds)] if seconds else []
        self.table |= {"found": found, "rows": rows, **runs.environment()}
        write_json(self.path, self.table)
        return self.table


def oscillating(windows: dict[str, list[dict]]) -> list[tuple[int, int]]:
    """Filters (layer and number) in a single oscillating mode in two windows running."""
    both = {int(end): {(i, f) for i, layer in enumerate(layers) for f in layer["both"]} for end, layers in windows.items()}
    nothing: set[tuple[int, int]] = set()
    return sorted({place for end, now in both.items() for place in now & both.get(end - APART * WINDOW, nothing)})


def _row(found: list, windows: dict[str, list[dict]], seconds: float) -> dict:
    filters = sum(layer["filters"] for layer in next(iter(windows.values())))
    share = len(found) / filters
    details = {"seeds": [BASELINE.seed], "filters": filters, "found": len(found), "windows": len(windows)}
    claim, numbers = "instability.oscillating_mode", (share, share, share)
    return measuring.ledger_row(claim, numbers, BASELINE, name="filters", n=filters, seconds=seconds, details=details)
