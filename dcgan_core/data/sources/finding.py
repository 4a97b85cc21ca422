"""Where does a name lead?"""

from __future__ import annotations

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
        for place in (root, source.cache_root().parent / "downloads"):
            if all((place / mark).is_file() for mark in published.TORCHVISION[name][3]):
                return torchvision_sets.torchvision_source(name, place)
    if name == "lsun":
        for place in (root, root / "lsun"):
            if any((place / f"{folder}{kind}").exists() for folder in published.LSUN.values() for kind in ("", ".zip")):
                return lsun.lsun_source(place)
    if name == "imagenet" and (root / "imagenet").is_dir():
        return imagenet.imagenet_source(root / "imagenet")
    # a folder of exactly this name (macOS takes mnist for MNIST), but not torchvision's own, half downloaded
    if (
        name not in {t[3][0].split("/")[0] for t in published.TORCHVISION.values()}
        and root.is_dir()
        and name in os.listdir(root)
        and (root / name).is_dir()
    ):
        return tree.folder_source(name, root / name)
    return None


def names() -> list[str]:
    """Every data set that has a name: the known ones, and what lies under the data root."""
    found = {"digits", "lsun", "imagenet", *DRAWN_SETS, *published.TORCHVISION}
    if source.data_root().is_dir():
        skip = {m.split("/")[0] for t in published.TORCHVISION.values() for m in t[3]} | {"newmu", "prepared", "downloads"}
        skip |= set(published.LSUN.values())
        for path in source.data_root().iterdir():
            if path.suffix == ".zip" and path.stem not in skip:
                found.add(path.stem)
            elif path.is_dir() and not path.name.startswith(".") and path.name not in skip:
                found.add(path.name)
    return sorted(found)
