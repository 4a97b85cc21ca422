"""Which guidelines make training *stable*? Each is removed at three learning rates, and every run is looked at twenty times.

The outcome was fixed before the first run: a run fails if its weights stop being numbers, or at any check its samples differ by
less than a quarter of what held-out drawings do, or precision or recall is below 0.05.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy import stats

from dcgan_core import config_io, latent, runs
from dcgan_core.ablations import measuring, running, variants
from dcgan_core.ablations.measuring import Judged, five_digits, ledger_row
from dcgan_core.data import loading
from dcgan_core.errors import UserError
from dcgan_core.files import read_json, write_json
from dcgan_core.intervals import Measurement
from dcgan_core.runs import Run
from dcgan_core.training.session import Event

UPDATES, FIRST, APART = 5_000, 1_675, 175  # of each net; twenty checks, the last at the end
LEAST = {"diversity": 0.25, "precision": 0.05, "recall": 0.05}
RATES, SEEDS = (0.0002, 0.0005, 0.001), 4
BASELINE = replace(variants.BASELINE, data="drawn-rooms", images=UPDATES * variants.BASELINE.batch)
NAMES = ("pooling", "no-batchnorm", "batchnorm-everywhere", "fully-connected", "beta1-0.9")
REMOVED = tuple(v for v in variants.VARIANTS if v.name in NAMES)


def study(out: Path, only: Iterable[str] = (), device: str = "auto", *, progress: bool = True) -> dict:
    """Trains what `out`/stability.json lacks, seed by seed, and writes it there; a stopped run goes on where it was. Returns
    the table. To go on with the book's, copy book/ablations/*stability.* there first.

    Raises UserError for a name in `only` that is not studied, KeyboardInterrupt where it was stopped.
    """
    if odd := set(only) - {variants.GUIDELINES.name, *NAMES}:
        raise UserError(f"`only` {sorted(odd)[0]}{config_io.did_you_mean(sorted(odd)[0], NAMES)}")
    path, chosen = out / "stability.json", running.called(only or NAMES)
    rule = {"least": LEAST, "updates": UPDATES, "first": FIRST, "apart": APART, "baseline": config_io.to_dict(BASELINE)}
    table: dict = read_json(path, "the table of stability") if path.exists() else {"rule": rule, "runs": {}}
    if table["rule"] != rule:
        raise UserError(f"{path}: of runs that were trained or judged in another way; choose another `out`")
    judged = _judged(out / "classifier-stability.safetensors", device)
    for seed in range(SEEDS):
        for rate, variant in ((rate, v) for rate in RATES for v in chosen):
            name = f"{variant.name}-{rate:g}-{seed}"
            if name in table["runs"]:
                continue
            baseline = replace(BASELINE, learning_rate=rate)
            checks = _Checks(out / name, judged, seed)
            config = variant.config(baseline, seed)
            run = running.train_variant(config, baseline, out / name, device, progress=progress, watch=checks)
            table |= {"rows": []} | runs.environment()
            table["runs"][name] = found = checks.outcome(run)
            print(f"{name:32} {'failed: ' + found['failed'] if found['failed'] else 'went well'}", flush=True)
            write_json(path, table)
            (run.path / "checkpoint.pt").unlink(missing_ok=True)
            run.forget_good_checkpoint()
    table["rows"] = [r for v in REMOVED if (r := row(v, table["runs"]))]
    write_json(path, table)
    return table


def _judged(path: Path, device: str) -> Judged:
    """Features that tell which of a room's objects are there: a class for each of their combinations."""
    data, held_out = (loading.load_data(BASELINE.data, BASELINE.architecture.size, split) for split in ("train", "test"))
    assert data.attributes is not None
    powers = 2 ** np.arange(data.attributes.shape[1])
    labels, classes = (data.attributes > 0) @ powers, tuple(str(i) for i in range(2 * powers[-1]))
    return Judged(replace(data, labels=labels, classes=classes), np.asarray(held_out.images[: measuring.SAMPLES]), path, device)


class _Checks:
    """Looks at samples while a run trains, with the statistics of each batch, as in training."""

    def __init__(self, path: Path, judged: Judged, seed: int) -> None:
        self.path, self.judged, self.seed = path / "checks.json", judged, seed
        self.found = read_json(self.path, "checks") if self.path.exists() else {}

    def __call__(self, event: Event) -> None:
        updates = event.row["g_updates"] if event.row else 0
        if event.generator and updates >= FIRST and (updates - FIRST) % APART == 0:
            z = latent.sample(event.generator.architecture, measuring.SAMPLES, torch.Generator().manual_seed(self.seed))
            self.found[str(updates)] = five_digits(self.judged.measure(latent.generate_pixels(event.generator, z, batch=128)))
            write_json(self.path, self.found)

    def outcome(self, run: Run) -> dict:
        """When and of what a run failed, and how much worse its Fréchet distance was at worst than at the end."""
        alarms = run.info.get("alarms", [])
        diverged = ["NaN weights" for alarm in alarms if alarm["kind"] == "diverged"]
        if not diverged and len(self.found) != len(range(FIRST, UPDATES + 1, APART)):
            raise UserError(f"{self.path}: {len(self.found)} checks, others were lost; remove its folder, and train it again")
        low = {n: [key for key in LEAST if m[key] < LEAST[key]] for n, m in self.found.items()}
        failed = [f"at update {n} {keys[0]} {self.found[n][keys[0]]:.3g}" for n, keys in low.items() if keys] + diverged
        far = [m["frechet"] for m in self.found.values()]
        return {
            "failed": failed[0] if failed else None,
            "worst_over_last": float(f"{max(far) / far[-1]:.4g}") if far else None,
            "alarms": len(alarms),
            "minutes": run.info["minutes"],
            "checks": self.found,
        }


def row(variant: variants.Variant, measured: dict[str, dict]) -> dict | None:
    """A row of the ledger: the share of runs that fail without the guideline, less that with all; None before all are there."""
    names = [[f"{v.name}-{rate:g}-{seed}" for rate in RATES for seed in range(SEEDS)] for v in (variants.GUIDELINES, variant)]
    if not {*names[0], *names[1]} <= measured.keys():
        return None
    both = [[measured[name] for name in those] for those in names]
    followed, removed = (np.array([bool(m["failed"]) for m in those]) for those in both)
    counts = [[int(x.sum()), int((~x).sum())] for x in (followed, removed)]
    details = {
        "variant": variant.what,
        "settings": variant.settings,
        "seeds": list(range(SEEDS)),
        "failed": counts,
        "p": float(stats.fisher_exact(counts).pvalue),
        "worst_over_last": [[m["worst_over_last"] for m in those] for those in both],
    }
    seconds = 60 * sum(m["minutes"] for those in both for m in those)
    m = Measurement(*measuring.shares_apart(removed, followed), len(followed) + len(removed), seconds, details)
    how = f"{BASELINE.data} at {BASELINE.architecture.size} pixels, small nets"
    return ledger_row(f"stability.{variant.claim}", m, "ablations/stability", BASELINE.data, instead=how)
