"""Where does a name lead?"""

import os
from pathlib import Path

from dcgan_core.data.sources import imagenet, lsun, published, source, torchvision_sets, tree
from dcgan_core.data.sources.drawn import DRAWN_SETS, digits_source, drawn_source
from dcgan_core.data.sources.source import Source


def find(name: str) -> Source | None:
    """The data set's source where it can be read right now without a download, else None."""
    given = Path(name).expanduser()
    if os.sep in name or name.endswith(".zip"):
        if given.is_dir():
            return tree.folder_source(given.resolve().name, given)
        return tree.zip_source(given.stem, given) if given.is_file() else None
    root = source.data_root()
    if (root / f"{name}.zip").is_file():
        return tree.zip_source(name, root / f"{name}.zip")
    if name in DRAWN_SETS:
        return drawn_source(name)
    if name == "digits":
        return digits_source()
    if name in published.TORCHVISION:
        for place in (root, source.downloads()):
            if all((place / file).is_file() for file in published.KNOWN[name].files):
                return torchvision_sets.torchvision_source(name, place)
    if name == "lsun":
        for place in (root, root / "lsun"):
            if any((place / f"{folder}{kind}").exists() for folder in published.LSUN.values() for kind in ("", ".zip")):
                return lsun.lsun_source(place)
    if name == "imagenet" and (root / "imagenet").is_dir():
        return imagenet.imagenet_source(root / "imagenet")
    # a folder of exactly this name (macOS takes mnist for MNIST), but not torchvision's own, half downloaded
    there = root.is_dir() and name in os.listdir(root) and (root / name).is_dir()
    return tree.folder_source(name, root / name) if there and name not in _torchvisions() else None


def _torchvisions() -> set[str]:
    """The files and folders of torchvision's layout that lie directly under the root."""
    return {file.split("/")[0] for known in published.KNOWN.values() for file in known.files}


def names() -> list[str]:
    """Every data set that has a name: the known ones, and what lies under the data root."""
    found = {"digits", *DRAWN_SETS, *published.KNOWN}
    if source.data_root().is_dir():
        paths = list(source.data_root().iterdir())
        here = {path.stem for path in paths if path.suffix == ".zip"}
        here |= {path.name for path in paths if path.is_dir() and path.suffix != ".zip" and not path.name.startswith(".")}
        found |= here - _torchvisions() - {"newmu", "prepared", "downloads", *published.LSUN.values()}
    return sorted(found)
