"""Where do the book's shipped files lie? No other module knows."""

from pathlib import Path

from dcgan_core.errors import UserError


def _root() -> Path:
    """The folder that holds them all: in a wheel `shipped`, inside the package (setup.py); in a checkout `book`, beside it."""
    inside = Path(__file__).resolve().parent / "shipped"
    return inside if inside.is_dir() else inside.parent.parent / "book"


FOLDERS = {name: _root() / name for name in ("reference_runs", "ablations", "after", "judges", "trials")}
BUILD = Path(__file__).resolve().parent.parent / "_build"  # where chapters and the site are made


def folder(name: str) -> Path:
    """One of FOLDERS. Raises UserError if it does not exist: then it is unknown what ships."""
    path = FOLDERS[name]
    if not path.is_dir():
        raise UserError(
            f"{path}: no such folder; the book's {name.replace('_', ' ')} do not come with this installation of dcgan_core,"
            " so use it from a checkout of the repository: pip install -e CHECKOUT"
        )
    return path
