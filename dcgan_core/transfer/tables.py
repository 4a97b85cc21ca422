"""Where is what was measured for chapter 9? One table for each part: `book/after/<part>.json`, with `rows` for the ledger."""

from pathlib import Path

from dcgan_core import assets
from dcgan_core.files import read_json

PARTS = ("transfer", "generator", "classes", "regularisation", "translation")


def table(part: str) -> dict:
    """The shipped table of a part; without rows where none ships. Raises UserError where it cannot be found."""
    path = assets.folder("after") / f"{part}.json"
    return read_json(path, f"the table of {part}") if path.exists() else {"rows": []}


def file(name: str) -> Path:
    """A grid or weights that ship with a part."""
    return assets.folder("after") / name
