"""The shipped table of ablations, for the ledger and the chapters."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from dcgan_core import assets, pictures
from dcgan_core.ablations import measuring, variants
from dcgan_core.ablations.variants import (
    ALL,
    BAND,
    BASELINE,
    CHANGES,
    DEVIATIONS,
    GUIDELINES,
    OSCILLATES,
    PROVOKED,
    PROVOKING,
    SEEDS,
    VARIANTS,
    Variant,
    seeds_of,
)
from dcgan_core.errors import UserError
from dcgan_core.figures.tables import Table
from dcgan_core.files import read_json, write_atomically, write_json

# --- the shipped table ------------------------------------------------------------------------------------------------


def ship_ablations(out: Path) -> Path:
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
        shown = measuring.snapshots(out / f"{strongest['variant']}-{strongest['seed']}", strongest["size"])[:, :2].swapaxes(
            0, 1
        )
        measuring.save_webp(target / "returning.webp", pictures.grid(shown, gap=1), lossless=True)
    return target


def where_of(variant: Variant) -> str:
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
    return [(where_of(v), len(runs), sum(map(measuring.comes_back, runs))) for v, runs in known.items() if runs]


def swinging() -> list[np.ndarray]:
    """A few z of the shipped run whose images come back most (the first of `finds`), each with its last snapshots from left to
    right, uint8 SNAPSHOTS x 3 x S x S. Empty where no run's do."""
    finds = shipped().get("finds")
    if not finds:
        return []
    images = pictures.tiles(assets.folder("ablations") / "returning.webp", finds[0]["size"], gap=1)
    return list(images.reshape(-1, variants.SNAPSHOTS, *images.shape[1:]))
