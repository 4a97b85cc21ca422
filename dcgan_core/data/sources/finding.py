"""Where does a name lead?"""

import os
import zipfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from dcgan_core.config_io import did_you_mean
from dcgan_core.data.sources import imagenet, lsun, published, source, torchvision_sets, tree
from dcgan_core.data.sources.drawn import DRAWN_SETS, digits_source, drawn_source
from dcgan_core.data.sources.source import Source
from dcgan_core.errors import UserError


def is_path(name: str) -> bool:
    """Is it the path of a zip or folder, or else the name of a set? `photos.zip` and `.` are paths, and all with a slash."""
    return os.sep in name or "/" in name or name.lower().endswith(".zip") or name in (".", "..", "~")


def as_path(name: str) -> str:
    """What to say where a name is no set's: that a folder or zip of that name lies here."""
    here = next((p for p in (f"./{name}", f"./{name}.zip") if not is_path(name) and os.path.exists(p)), None)
    return f" (to use {'the folder' if os.path.isdir(here) else 'the file'} here, write {here})" if here else ""


def unknown(name: str, what: str, more: Iterable[str] = ()) -> str:
    """What to say where neither a path nor a name leads anywhere: `what`, and a hint. more: other known names."""
    if is_path(name):
        return f"{name}: no such zip or folder"
    ours = ("faces", "places-rooms", "imagenet32")  # sets that the reader knows from the book
    return what + (as_path(name) or ("" if name in ours else did_you_mean(name, {*names(), *more})))


def find(name: str) -> Source | None:
    """The data set's source where it can be read right now without a download, else None."""
    if is_path(name):
        return _at(Path(name).expanduser())
    root = source.data_root()
    if (root / f"{name}.zip").is_file():
        return tree.zip_source(name, root / f"{name}.zip")
    if name in DRAWN_SETS:
        return drawn_source(name)
    if name == "digits":
        return digits_source()
    if name in published.KNOWN and (found := _published(name, root)):
        return found
    # a folder of exactly this name (macOS takes mnist for MNIST), but not torchvision's own, half downloaded
    there = root.is_dir() and name in os.listdir(root) and (root / name).is_dir()
    if not there or name in _torchvisions():
        return None
    return _folder(name, root / name)


def _folder(name: str, path: Path) -> Source:
    several = sorted(p.name for p in path.glob("*_train_lmdb"))
    if len(several) > 1:
        raise UserError(f"{path}: several of LSUN's categories are in it; give one of them: {', '.join(several)}")
    return lsun.found_in(path) or tree.folder_source(name, path)


def _at(path: Path) -> Source | None:
    """The zip or folder at a path; a folder of LSUN's is read as LSUN."""
    if path.is_dir():
        return _folder(path.resolve().name, path)
    if path.is_file() and path.suffix.lower() != ".zip" and not zipfile.is_zipfile(path):
        raise UserError(f"{path}: neither a folder nor a zip; unpack it if it is another kind of archive, and give its folder")
    return tree.zip_source(path.stem, path) if path.is_file() else None


def _published(name: str, root: Path) -> Source | None:
    """A set as its publishers give it out."""
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
    if name == "tiny-imagenet":
        for path in (p / f"{stem}{kind}" for p in (root, source.downloads()) for stem in TINY for kind in (".zip", "")):
            if path.exists():
                found = tree.zip_source(name, path) if path.is_file() else tree.folder_source(name, path)
                return replace(found, licence=published.KNOWN[name].licence)
    return None


TINY = ("tiny-imagenet", "tiny-imagenet-200")


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
        found |= here - _torchvisions() - {"newmu", "prepared", "downloads", *published.LSUN.values(), TINY[1]}
    return sorted(found)
