"""The ledger: every claim, measured on a run, read from what ships, and shown."""

import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from scipy import stats

from dcgan_core import devices
from dcgan_core.ablations import measuring, shipping
from dcgan_core.claims import after, book, nets, s3, s4, s5, s6, s7, s8
from dcgan_core.claims.board import Scoreboard, digits, number, over
from dcgan_core.claims.claim import Claim, Setting, has_photographs
from dcgan_core.config_io import did_you_mean
from dcgan_core.data.sources import finding
from dcgan_core.drawings import scenes
from dcgan_core.errors import UserError
from dcgan_core.figures.tables import Table
from dcgan_core.files import read_json, write_json
from dcgan_core.intervals import timed
from dcgan_core.runs import Run, reference_runs
from dcgan_core.transfer import tables

CLAIMS = [c for section in (s3, s4, s5, s6, s7, s8, after, book) for c in section.CLAIMS]  # in the paper's order


def claim(claim_id: str) -> Claim:
    for c in CLAIMS:
        if c.id == claim_id:
            return c
    raise UserError(f"no claim is called {claim_id!r}{did_you_mean(claim_id, [c.id for c in CLAIMS])}")


# --- measuring --------------------------------------------------------------------------------------------------------


def measure(run: Run, ids: list[str], device: str = "auto", seed: int = 0) -> list[dict]:
    """Measures the claims `ids` on a run at full size, writes its results.json; returns their rows.

    Without ids: every applicable claim whose data is there, except those that take hours; what then cannot be measured is said.
    """
    devices.pick(device)  # an unknown one is refused once, and not for each claim
    possible = (c for c in CLAIMS if c.measure and not c.on_request and c.fits(run))
    chosen = [claim(i) for i in ids] or [c for c in possible if not c.needs or finding.find(c.needs)]
    for c in chosen:
        if not c.measure:
            by_ablating = c.id.startswith(("ablation.", "stability.", "instability."))
            by = "dcgan ablate measures it (--study)" if by_ablating else "nothing here measures it yet"
            raise UserError(f"{c.id}: {'dcgan after measures it' if c.kind == 'after' else by}")
        if not c.fits(run):
            raise UserError(f"{c.id}: cannot be measured on {run.name} ({run.data_name})")
    rows, left_out = [], {}
    for c in chosen:
        try:
            measured = result(c, run, device, seed)
        except UserError as error:
            if ids:
                raise
            left_out[c.id] = str(error)
            continue
        results = results_of(run) | {c.id: measured}  # read only now: another `dcgan measure` may have written meanwhile
        write_json(run.path / "results.json", results)
        rows.append(_row(c, measured))
    for why in dict.fromkeys(left_out.values()):
        print(f"left out: {', '.join(i for i, said in left_out.items() if said == why)} ({why})", file=sys.stderr)
    if not rows:
        raise UserError(f"{run.path}: nothing could be measured on it")
    return rows


def result(c: Claim, run: Run, device: str = "auto", seed: int = 0, *, small: bool = False) -> dict:
    """One claim measured on one run, as results.json has it. `small`: in seconds, before a reader's eyes."""
    assert c.measure is not None  # `dcgan ablate` and `dcgan after` measure the others
    with timed() as seconds:
        m = c.measure(Setting(run, device, seed, small))
        m.seconds = m.seconds or seconds()  # what shares a measurement with others says itself how long it took
    row = measuring.ledger_row(c.id, m, run.name, run.data_name, seed=seed, instead=c.instead(run))
    return {key: value for key, value in row.items() if key != "claim"} | {"details": m.details}


def results_of(run: Run) -> dict:
    path = run.path / "results.json"
    return read_json(path, "measured claims") if path.exists() else {}


# --- reading ----------------------------------------------------------------------------------------------------------


def ledger_rows() -> list[dict]:
    """Every claim with every result that ships: one primary row for each id, measured or not.

    A result of a reference run whose recipe was trained again from other seeds is that of all these nets (`nets.pooled`).
    """
    again = nets.shipped_nets()
    measured = [(claim_id, r) for run in reference_runs() for claim_id, r in results_of(run).items()]
    others = [shipping.shipped_table(f"{name}.json") for name in ("results", "stability", "filters")]
    others += [tables.table(part) for part in tables.PARTS]
    measured += [(r["claim"], r) for table in others for r in table["rows"]]
    # the paper's own kind of data before stand-ins, photographs before drawings
    first = lambda r: (r["stand_in"], r.get("data") in scenes.NAMES, r["run"])  # noqa: E731
    rows = []
    for c in CLAIMS:
        mine = sorted((nets.pooled(c, r, again) for claim_id, r in measured if claim_id == c.id), key=first)
        rows += [_row(c, r, primary=i == 0) for i, r in enumerate(mine)] or [_row(c, None)]
    for family in ("ablation.", "stability."):
        _correct_for_many([row for row in rows if row["id"].startswith(family) and row["kind"] == "paper"])
    return rows


def _correct_for_many(family: list[dict]) -> None:
    """What one of many comparisons shows counts only if it still does by Holm's correction over all of them."""
    measured = [row for row in family if row["value"] is not None]
    found = [(row.get("details") or {}).get("p") or ratio_p(row) for row in measured]  # p of its own test, or Student's
    missing = [1.0] * (len(family) - len(measured))  # counted with the others, as they will be once measured
    for row, p in zip(measured, holm(found + missing), strict=False):
        row["p_holm"] = float(f"{p:.3g}")
        if p > 0.05 and row["met"] != "open":
            row["met"] = "open"
            row["verdict"] = row["verdict"] if row["setting"] else "not settled"


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down correction of the p-values of a family: the chance of a single false one among them stays below each."""
    order, adjusted, so_far = np.argsort(p), [0.0] * len(p), 0.0
    for rank, i in enumerate(order):
        so_far = max(so_far, min(1.0, (len(p) - rank) * p[i]))
        adjusted[i] = so_far
    return adjusted


def ratio_p(row: dict) -> float:
    """Student's two-sided p of "no difference" for a mean ratio whose 95 % interval was found with logarithms, over n pairs."""
    low, value, high = np.log([row["low"], row["value"], row["high"]])
    freedom = row["n"] - 1
    error = (high - low) / 2 / stats.t.ppf(0.975, freedom)
    return float(2 * stats.t.sf(abs(value) / error, freedom))


def shipped(claim_id: str, run: Run) -> dict:
    """What results.json beside the run says of a claim, `details` included. Raises UserError where it was not measured."""
    results = results_of(run)
    if claim_id not in results:
        raise UserError(f"{claim_id}: not measured on {run.name}; measure it with: dcgan measure {run.path} {claim_id}")
    return results[claim_id]


def known(claim_id: str, run: Run, device: str = "auto", seed: int = 0) -> dict:
    """As `shipped`; where the run has no such result, such as a reader's own, a small measurement made now."""
    if claim_id in results_of(run):
        return shipped(claim_id, run)
    return result(claim(claim_id), run, device, seed, small=True)


def _row(c: Claim, r: dict | None, *, primary: bool = True) -> dict[str, Any]:
    r = r or {}
    trained = r.get("n", 1) if (varies := r.get("varies", c.varies)) == "trainings" else int(c.of_weights)
    return {
        "id": c.id,
        "section": c.section,
        "kind": c.kind,
        "statement": c.statement,
        "paper": c.paper,
        **{key: r.get(key) for key in ("value", "low", "high")},
        "unit": c.unit,
        "n": r.get("n"),
        "varies": varies,
        "trainings": trained,
        **{key: r.get(key) for key in ("run", "data", "stand_in", "instead")},
        "setting": c.setting(r) if r else "",
        "primary": primary,
        "rule": c.rule.text if c.rule else "",
        "met": met(c, r),
        "verdict": verdict(c, r),
        **{key: r.get(key) for key in ("seconds", "seed", "date", "details", "nets", "covers", "p_holm")},
    }


def met(c: Claim, r: dict | None) -> str:
    """Is the rule met? `yes`; `no` where the interval lies wholly on the other side; `open`; empty without rule or result."""
    if not r or not c.rule:
        return ""
    return {True: "yes", False: "no", None: "open"}[c.rule.decide(r["value"], r["low"], r["high"])]


def verdict(c: Claim, r: dict | None) -> str:
    """One of VERDICTS for a claim of the paper; empty for comparisons and the book's own controls."""
    if c.kind != "paper":
        return ""
    if not r:
        return "not measured"
    if c.setting(r):
        return "other setting"
    decided = met(c, r)
    if decided == "no":  # what fails on a stand-in may hold on the paper's own data
        return "other setting" if r["stand_in"] else "refuted here"
    return "not settled" if decided == "open" else "holds on a stand-in" if r["stand_in"] else "holds"


def line(row: dict) -> str:
    """A row for the terminal."""
    measured = number(row) if row["value"] is None else f"{number(row)}, {over(row)}, {row['run']}"
    said = row["verdict"] or row["kind"]
    return (
        f"{row['id']:46} §{row['section']:6} paper: {row['paper']:26} {said:20} {'' if measured == said else measured}".rstrip()
    )


# --- showing ----------------------------------------------------------------------------------------------------------


def of(*patterns: str) -> Scoreboard:
    """Some claims, by their ids or by patterns such as `dedup.*`, in the ledger's order."""
    return Scoreboard(_some(patterns))


def _some(patterns: tuple[str, ...]) -> list[dict]:
    rows = ledger_rows()
    for pattern in patterns:
        if not any(fnmatchcase(r["id"], pattern) for r in rows):
            raise UserError(f"no claim is called {pattern!r}{did_you_mean(pattern, [c.id for c in CLAIMS])}")
    return [r for r in rows if any(fnmatchcase(r["id"], pattern) for pattern in patterns)]


def each_net(*patterns: str) -> Table:
    """What was measured of each net of a recipe that was trained from several seeds; empty where there is one alone."""
    rows = [r for r in _some(patterns) if r["primary"] and r["nets"]]
    names = list(dict.fromkeys(name for r in rows for name in r["nets"]))
    cells = [[digits(r["nets"][name]["value"]) if name in r["nets"] else "" for name in names] for r in rows]
    header = ["claim", *names, "mean (Student's 95 %)"]
    return Table(header, [[r["id"], *cell, number(r)] for r, cell in zip(rows, cells, strict=True)])


def with_photographs(claim_id: str, run: Run, device: str = "auto", seed: int = 0) -> Table:
    """`demonstrate`, where the photographs are that the run was trained on; elsewhere what was measured with them."""
    return demonstrate(claim_id, run, device, seed) if has_photographs(run) else of(claim_id)


def demonstrate(claim_id: str, run: Run, device: str = "auto", seed: int = 0) -> Table:
    """Measures a claim small, in seconds, and shows it above the shipped full-size result."""
    c = claim(claim_id)
    small = result(c, run, device, seed, small=True)
    full = _row(c, results_of(run).get(claim_id))
    rows = [("small, in this chapter", _row(c, small)), ("full size: `dcgan measure`", full)]
    header = ["measured", f"{c.unit} (95 % interval)", "n", "seconds", *(["verdict"] if full["verdict"] else [])]
    return Table(
        header,
        [
            [name, number(r), f"{r['n']:,}" if r["n"] else "", str(r["seconds"] or ""), r["verdict"]][: len(header)]
            for name, r in rows
        ],
        caption=c.statement,
    )
