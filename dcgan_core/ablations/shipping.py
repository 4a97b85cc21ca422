"""What ships of the ablations with the book, and where is it read?"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from dcgan_core import assets, pictures
from dcgan_core.ablations import variants
from dcgan_core.errors import UserError
from dcgan_core.files import read_json, write_atomically, write_json


def ship_ablations(out: Path) -> Path:
    """Copies the table and the first seed's samples of each variant into the book.

    Raises UserError for a table with less in it than the one that ships now, or with fewer than SEEDS pairs in a row.
    """
    table, seeds = read_json(out / "results.json", "the table of ablations"), variants.SEEDS
    lost = {r["run"] for r in shipped_table()["rows"]} - {r["run"] for r in table["rows"]}
    few = {r["run"] for r in table["rows"] if r["claim"].startswith("ablation.") and r["n"] < seeds}
    if lost or few:
        why = f"lacks {', '.join(sorted(lost)) or 'nothing'} of what ships now; fewer than {seeds} pairs: {len(few)} rows"
        raise UserError(f"{out / 'results.json'}: {why}. Measure all of it first: dcgan ablate --out {out}")
    target = assets.folder("ablations")
    write_json(target / "results.json", table)
    for variant in variants.ALL:
        sheet = out / f"{variant.name}-{variants.seeds_of(variant).start}" / "sheet.webp"
        if sheet.exists():
            write_atomically(target / f"{variant.name}.webp", sheet.read_bytes())
    return target


def ship_study(out: Path, study: str) -> Path:
    """Copies the table of `study`, `stability` or `filters`, into the book, and the classifier that all its runs were judged
    by. Raises UserError where it lacks what ships now."""
    path, target = out / f"{study}.json", assets.folder("ablations") / f"{study}.json"
    table, part = read_json(path, f"the table of {study}"), "windows" if study == "filters" else "runs"
    if lost := shipped_table(target.name).get(part, {}).keys() - table[part].keys():
        raise UserError(f"{path}: lacks {len(lost)} {part} that ship now; copy {target} there, then go on")
    write_json(target, table)
    if (judge := out / f"classifier-{study}.safetensors").exists():
        write_atomically(target.parent / judge.name, judge.read_bytes())
    return target


def shipped_table(name: str = "results.json") -> dict:
    """A table that ships with the book; without runs and rows where none ships. Raises UserError where it cannot be found."""
    path = assets.folder("ablations") / name
    return read_json(path, "the table of ablations") if path.exists() else {"runs": {}, "rows": []}


def rows(claims: Iterable[str] = ()) -> list[dict]:
    """The shipped rows of `ablation.<claim>`, in the order of the claims given; all where none are given."""
    there = [r for r in shipped_table()["rows"] if r["claim"].startswith("ablation.")]
    return [r for c in claims for r in there if r["claim"] == f"ablation.{c}"] if claims else there


def sheets(claims: Iterable[str]) -> list[tuple[str, np.ndarray]]:
    """Labelled samples of seed 0 for `image_rows.strips`: with all guidelines, then without each; empty where none ship."""
    wanted = [variants.GUIDELINES, *(v for c in claims for v in variants.VARIANTS if v.claim == c)]
    found = [(v.what, assets.folder("ablations") / f"{v.name}.webp") for v in wanted]
    size = variants.BASELINE.architecture.size
    return [(what, pictures.tiles(path, size, gap=1)[:10]) for what, path in found if path.exists()]
