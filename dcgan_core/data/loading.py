"""Data sets as memory-mapped arrays: one by its name, a list of all."""

import hashlib
import os
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dcgan_core.data import cache, images
from dcgan_core.data.images import Crop, ImageData
from dcgan_core.data.sources import downloading, finding, published
from dcgan_core.data.sources.source import SPLITS, digest
from dcgan_core.errors import UserError, reason
from dcgan_core.files import read_json

_DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)  # what NumPy raises of a damaged file


def named(data: str | os.PathLike[str]) -> str:
    """A data set's name, or a path as text: a `Path` is always a path."""
    return str(data.expanduser().resolve()) if isinstance(data, Path) else os.fspath(data)


def native(name: str) -> tuple[int, int] | None:
    """Size and channels of a data set as it is used where nothing else is asked for; None where there is no such set."""
    if source := finding.find(name):
        return source.size, source.channels
    if cached := next((meta for _, meta in cache.caches() if meta["name"] == name), None):
        return cached["size"], cached["channels"]
    known = published.KNOWN.get(name)
    return (known.size, known.channels) if known else None


def load_data(
    name: str | os.PathLike[str],
    size: int | None = None,
    split: str = "train",
    *,
    crop: Crop = "center",
    grey: bool = False,
    download: bool = True,
    duplicates: bool = False,
) -> ImageData:
    """One split of a data set (paper §4.1 to 4.3), prepared on first use: `images`, uint8 N x C x S x S, memory-mapped.

    Also `labels` (int64 N) with `classes`, and `attributes` (N x names; 1 yes, -1 no, 0 unknown), or None. name: a data set's
    name, or the path of a zip or folder. size: pixels, else the set's own. split: `train` or `test`. crop: `center` (resize,
    then crop the middle), or `exact` (crop without resizing). grey: one channel, even for a colour set. download: fetch a
    set that can be had. duplicates: with the training images that `dcgan data dedup` has set aside, if it has. Raises UserError
    where there is no such set or split.
    """
    name = named(name)
    if split not in SPLITS:
        raise UserError(f"split {split!r}: there are {', '.join(SPLITS)}")
    folder = cache.prepare(name, size, crop=crop, grey=grey, download=download)
    meta = read_json(folder / "meta.json", "a cache")
    if source := finding.find(name):
        meta |= {"name": source.name, "source": Path(source.path).name}  # its copy may have been made under another name
    count, side = meta["counts"][split], meta["size"]
    if not count:
        raise UserError(f"{meta['name']}: it has no {split} pictures")
    shape = (count, meta["channels"], side, side)
    try:
        pixels = np.memmap(folder / f"{split}.u8", np.uint8, "r", shape=shape)
        with np.load(folder / f"{split}.npz") as tables:
            labels, attributes = tables["labels"], tables["attributes"]
    except _DAMAGED as error:
        raise UserError(f"{folder}: damaged cache ({reason(error)}); delete it and prepare again") from None
    provenance = {key: meta[key] for key in ("source", "fingerprint", "licence", "size", "crop", "counts", "left_out")}
    pixels_and_labels = [meta["sha256"][split], meta["classes"], hashlib.sha256(labels.tobytes()).hexdigest()]
    provenance["content"] = digest(pixels_and_labels)
    classes, names = tuple(meta["classes"]), tuple(meta["attribute_names"])
    known = (labels if classes else None, classes, attributes if names else None, names)
    data = ImageData(meta["name"], split, pixels, *known, provenance)
    return data if duplicates or split != "train" else _without_duplicates(data, folder / cache.KEPT)


def _without_duplicates(data: ImageData, path: Path) -> ImageData:
    """Only the images on the list at `path`, if there is one. They are other data: the fingerprint is another, too."""
    try:
        with np.load(path) as tables:
            indices = tables["kept"]
    except FileNotFoundError:
        return data
    except _DAMAGED as error:
        raise UserError(f"{path}: damaged ({reason(error)}); delete it, or run dcgan data dedup again") from None
    if indices.ndim != 1 or indices.dtype != np.int64 or not len(indices) or indices.min() < 0 or indices.max() >= len(data):
        raise UserError(f"{path}: not a list of images of this set; delete it, or run dcgan data dedup again")
    these = hashlib.sha256(indices.tobytes()).hexdigest()
    noted = {
        **{key: digest([data.provenance[key], these]) for key in ("fingerprint", "content")},
        "deduplicated": f"{len(data) - len(indices)} removed",
    }
    return replace(images.kept(data, indices), provenance=data.provenance | noted)


class Listing(NamedTuple):
    """A row of `dcgan data list`."""

    name: str
    state: str  # found, cache only, to download on first use, not found
    where: str
    prepared: str  # sizes in the cache


def listing() -> list[Listing]:
    """Every named data set and its state."""
    prepared: dict[str, set[str]] = {}
    for _, meta in cache.caches():
        prepared.setdefault(meta["name"], set()).add(f"{meta['size']} px ({sum(meta['counts'].values()):,} images)")
    rows = []
    for name in sorted({*finding.names(), *prepared}):
        source = finding.find(name)
        absent = "to download on first use" if name in downloading.fetchable() else "not found"
        state = "found" if source else "cache only" if name in prepared else absent
        rows.append(Listing(name, state, source.path if source else "", ", ".join(sorted(prepared.get(name, ())))))
    return rows
