"""Do some of G's filters collapse to a single oscillating mode when a net is trained for long (paper §7)?

The maps of a few fixed z are kept every `APART` updates, and each filter of G's hidden convolutions is judged over windows of
`WINDOW` such snapshots:

- `variety`: the share of the variance of its numbers that comes from z. Near 0, the filter draws one map, whatever z.
- `motion`: the share that comes from time.
- `swing`: the share of the motion's power that one frequency holds with its two neighbours. What a snapshot keeps of the one
  before (their correlation) is taken out first, so that drift and random walks count as noise, not as slow swings.

Fixed before the run: a filter is in a single oscillating mode where variety is below `ONE`, motion at least `MOVES` and swing
above `SWINGS` in two windows running, at the same frequency, after an earlier window in which it was varied.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from dcgan_core import config_io, runs
from dcgan_core.ablations import measuring, running, stability, variants
from dcgan_core.ablations.measuring import ledger_row
from dcgan_core.errors import UserError
from dcgan_core.files import read_json, write_json
from dcgan_core.intervals import Measurement
from dcgan_core.runs import Run
from dcgan_core.training.session import Event

UPDATES, APART, WINDOW = 20 * stability.UPDATES, 25, 64
BATCH, KEPT = 64, 8  # fixed z in a batch, whose statistics count, and those whose maps are kept
ONE, MOVES, SWINGS = 0.05, 0.01, 0.5
SLOWEST = 3  # the fewest swings in a window that count as a frequency
BASELINE = replace(stability.BASELINE, images=UPDATES * stability.BASELINE.batch)


def study(out: Path, device: str = "auto", *, progress: bool = True) -> dict:
    """Trains one net with all guidelines in `out`/filters, or goes on, and watches its filters; returns the table, also in
    `out`/filters.json. The window in which a run was stopped is left out.

    Raises UserError for a run watched by other limits, KeyboardInterrupt where it is stopped.
    """
    watch = _Watch(out / "filters.json", new=not (out / "filters" / "run.json").exists())
    run = running.train_variant(BASELINE, BASELINE, out / "filters", device, progress=progress, watch=watch)
    # a run that diverged was not as long as it should be
    diverged = any(alarm["kind"] == "diverged" for alarm in run.info.get("alarms", []))
    if watch.table["windows"] and not watch.table["rows"] and not diverged:
        watch.table["rows"] = [_row(watch.table, run)]
        watch.write()
    return watch.table


def judge(seen: np.ndarray) -> dict[str, np.ndarray]:
    """A layer's window, T x z x filters x side x side: each filter's variety, motion, swing, its frequency in swings a window,
    and the course of its strongest motion (filters x T - 1). NaN where a filter is dead: all one number."""
    x = np.moveaxis(seen.astype(np.float32), 2, 0)  # filters x T x z x side x side
    x = x.reshape(*x.shape[:3], -1)
    whole = x.var((1, 2, 3))
    whole[whole == 0] = np.nan
    variety, motion = x.var(2).mean((1, 2)) / whole, x.var(1).mean((1, 2)) / whole
    moved = (x - x.mean(1, keepdims=True)).reshape(len(x), x.shape[1], -1)
    before, after = moved[:, :-1], moved[:, 1:]
    kept = (before * after).sum((1, 2)) / np.maximum((before**2).sum((1, 2)), 1e-12)
    new = after - kept[:, None, None] * before
    new -= new.mean(1, keepdims=True)
    spectrum = np.fft.rfft(new * np.hanning(new.shape[1])[:, None], axis=1)
    power = (np.abs(spectrum) ** 2).sum(2)[:, 1:]  # filters x frequencies, from one swing a window
    around = np.pad(power, ((0, 0), (1, 1)))
    near = around[:, :-2] + power + around[:, 2:]
    frequency = near[:, SLOWEST - 1 :].argmax(1) + SLOWEST
    swing = near[np.arange(len(x)), frequency - 1] / np.maximum(power.sum(1), 1e-12)
    courses = np.linalg.eigh(new @ new.swapaxes(1, 2))[1][:, :, -1]
    found = {"variety": variety, "motion": motion, "swing": np.where(motion > 0, swing, np.nan)}
    return found | {"frequency": frequency, "course": courses}


class _Watch:
    """Collects maps while a run trains, and judges each window when it is full."""

    def __init__(self, path: Path, new: bool) -> None:
        limits = {"one": ONE, "moves": MOVES, "swings": SWINGS, "slowest": SLOWEST, "apart": APART, "window": WINDOW}
        start: dict = {"limits": limits, "baseline": config_io.to_dict(BASELINE), "windows": {}, "strongest": None, "rows": []}
        self.path, self.table = path, start if new or not path.exists() else read_json(path, "the table of filters")
        if any(self.table.get(key) != start[key] for key in ("limits", "baseline")):
            raise UserError(f"{path}: of a run that was trained or watched in another way; choose another `out`")
        self.seen: dict[int, list[np.ndarray]] = {}  # updates -> each layer's maps, in this window

    def __call__(self, event: Event) -> None:
        updates = event.row["g_updates"] if event.row else 0
        if not event.generator or updates % APART:
            return
        device = next(event.generator.parameters()).device
        z = variants.fixed_z(event.generator.architecture, BASELINE.seed)[:BATCH].to(device)
        with torch.no_grad():
            self.seen[updates] = [h[:KEPT].half().cpu().numpy() for h in event.generator.features(z)[1:-1]]
        if updates % (APART * WINDOW) == 0:
            if len(self.seen) == WINDOW:
                self._judge(updates)
            self.seen.clear()

    def _judge(self, updates: int) -> None:
        layers = []
        for i, layer in enumerate(zip(*self.seen.values(), strict=True)):
            found = judge(np.stack(layer))
            variety, motion, swing = (found[key] for key in ("variety", "motion", "swing"))
            most = int(np.nan_to_num(np.where(motion >= MOVES, swing, 0)).argmax())
            if swing[most] > (self.table["strongest"] or {"swing": 0})["swing"]:
                said = {key: float(found[key][most]) for key in ("variety", "motion", "swing", "frequency")}
                self.table["strongest"] = {
                    "updates": updates,
                    "layer": i,
                    "filter": most,
                    **said,
                    "course": found["course"][most].tolist(),
                }
            alive = ~np.isnan(swing)
            fives = (
                {k: np.percentile(found[k][alive], (0, 25, 50, 75, 100)).tolist() for k in ("variety", "motion", "swing")}
                if alive.any()
                else {}
            )
            one, swings = variety < ONE, (swing > SWINGS) & (motion >= MOVES)
            layers.append(
                {
                    "filters": len(swing),
                    "dead": int(np.isnan(variety).sum()),
                    "one": int(one.sum()),
                    "swing": int(swings.sum()),
                    "percentiles": fives,
                    "varied": np.flatnonzero(variety >= ONE).tolist(),
                    "both": {str(f): int(found["frequency"][f]) for f in np.flatnonzero(one & swings)},
                }
            )
        self.table["windows"][str(updates)] = layers
        self.write()

    def write(self) -> None:
        self.table |= {"found": oscillating(self.table["windows"]), **runs.environment()}
        write_json(self.path, measuring.five_digits(self.table))


def oscillating(windows: dict[str, list[dict]]) -> list[tuple[int, int]]:
    """Filters (layer and number) in a single oscillating mode, as the module says it."""
    varied: set[tuple[int, int]] = set()
    before: dict[tuple[int, int], int] = {}
    found, last = set(), 0
    for end, layers in sorted((int(end), layers) for end, layers in windows.items()):
        now = {(i, int(f)): k for i, layer in enumerate(layers) for f, k in layer["both"].items()}
        if end == last + APART * WINDOW:
            found |= {place for place in now.keys() & before & varied if abs(now[place] - before[place]) <= 1}
        varied |= {(i, f) for i, layer in enumerate(layers) for f in layer["varied"]}
        before, last = now, end
    return sorted(found)


def _row(table: dict, run: Run) -> dict:
    filters = sum(layer["filters"] for layer in next(iter(table["windows"].values())))
    share = len(table["found"]) / filters
    details = {"seeds": [BASELINE.seed], "filters": filters, "found": len(table["found"]), "windows": len(table["windows"])}
    m = Measurement(share, share, share, filters, 60 * run.info["minutes"], details)
    how = f"{BASELINE.data} at {BASELINE.architecture.size} pixels, one small net"
    return ledger_row("instability.oscillating_mode", m, "ablations/filters", BASELINE.data, seed=BASELINE.seed, instead=how)
