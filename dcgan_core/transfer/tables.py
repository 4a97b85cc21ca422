"""Where is what was measured for chapter 9? One table for each part: `book/after/<part>.json`, with `rows` for the ledger."""

import datetime
from pathlib import Path
from typing import Any

from dcgan_core import assets
from dcgan_core.files import read_json
from dcgan_core.intervals import Measurement

PARTS = ("transfer", "generator", "classes", "regularisation", "translation")


def table(part: str) -> dict:
    """The shipped table of a part; without rows where none ships. Raises UserError where it cannot be found."""
    path = assets.folder("after") / f"{part}.json"
    return read_json(path, f"the table of {part}") if path.exists() else {"rows": []}


def measured_rows() -> list[dict]:
    """All rows for the ledger, each as results.json has it, with the id of its `claim`; their `run` is `after/<part>`."""
    return [row for part in PARTS for row in table(part)["rows"]]


def file(name: str) -> Path:
    """A grid or weights that ship with a part."""
    return assets.folder("after") / name


def ledger_row(claim: str, m: Measurement, run: str, data: str, seed: int = 0) -> dict[str, Any]:
    """A measurement as a row for the ledger. run: `after/<part>`, or `after/<part>/<which>` where a part has several."""
    numbers = {key: float(f"{getattr(m, key):.6g}") for key in ("value", "low", "high")}
    said = {"run": run, "data": data, "stand_in": False, "instead": "", "seed": seed}
    when = {"seconds": round(m.seconds, 1), "date": datetime.date.today().isoformat()}
    return {"claim": f"after.{claim}", **numbers, "n": m.n, **said, **when, "details": m.details}
