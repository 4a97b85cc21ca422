from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dcgan_core.data.cache import KEPT, caches, prepare
from dcgan_core.data.images import Crop, ImageData, Kept
from dcgan_core.data.sources import published
from dcgan_core.data.sources.finding import find, names
from dcgan_core.data.sources.source import SPLITS, digest
from dcgan_core.errors import UserError, reason
from dcgan_core.files import read_json

# --- the cache --------------------------------------------------------------------------------------------------------


def native(name: str) -> tuple[int, int] | None:
    """Size and channels of a data set as it is used where nothing else is asked for; None where there is no such set."""
    source = find(name)
    if source:
        return source.size, source.channels
    cached = next((meta for _, meta in caches() if meta["name"] == name), None)
    if cached:
        return cached["size"], cached["channels"]
    return published.usual(name)


def load_data(
    name: str,
    size: int | None = None,
    split: str = "train",
    crop: Crop = "center",
    download: bool = True,
    duplicates: bool = False,
) -> ImageData:
    """One split of a data set, prepared on first use.

    name: a data set's name, or the path of a zip or folder. size: pixels, else the set's own. duplicates: with the training
    images that `dcgan data dedup` has set aside, if it has. Raises UserError where the set is not to be had or has no such
    split.
    """
    if split not in SPLITS:
        raise UserError(f"split {split!r}: there are {', '.join(SPLITS)}")
    folder = prepare(name, size, crop, download)
    meta = read_json(folder / "meta.json", "a cache")
    count, side = meta["counts"][split], meta["size"]
    if not count:
        raise UserError(f"{meta['name']}: it has no {split} pictures")
    shape = (count, meta["channels"], side, side)
    try:
        images = np.memmap(folder / f"{split}.u8", np.uint8, "r", shape=shape)
        with np.load(folder / f"{split}.npz") as tables:
            labels, attributes = tables["labels"], tables["attributes"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{folder}: damaged cache ({reason(error)}); delete it and prepare again") from None
    noted = ("source", "fingerprint", "licence", "size", "crop", "counts", "left_out")
    data = ImageData(
        meta["name"],
        split,
        images,
        labels if meta["classes"] else None,
        tuple(meta["classes"]),
        attributes if meta["attribute_names"] else None,
        tuple(meta["attribute_names"]),
        {key: meta[key] for key in noted},
    )
    return data if duplicates or split != "train" else _without_duplicates(data, folder / KEPT)


def _without_duplicates(data: ImageData, path: Path) -> ImageData:
    """Only the images on the list at `path`, if there is one. They are other data: the fingerprint is another, too."""
    try:
        with np.load(path) as tables:
            kept = tables["kept"]
    except FileNotFoundError:
        return data
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path}: damaged ({reason(error)}); delete it, or run dcgan data dedup again") from None
    if kept.ndim != 1 or kept.dtype != np.int64 or not len(kept) or kept.min() < 0 or kept.max() >= len(data):
        raise UserError(f"{path}: not a list of images of this set; delete it, or run dcgan data dedup again")
    return replace(
        data,
        images=Kept(data.images, kept),
        labels=None if data.labels is None else data.labels[kept],
        attributes=None if data.attributes is None else data.attributes[kept],
        provenance=data.provenance
        | {
            "fingerprint": digest([data.provenance["fingerprint"], hashlib.sha256(kept.tobytes()).hexdigest()]),
            "deduplicated": f"{len(data) - len(kept)} removed",
        },
    )


class Listing(NamedTuple):
    """A row of `dcgan data list`."""

    name: str
    state: str  # found, cache only, to download on first use, not found
    where: str
    prepared: str  # sizes in the cache


def listing() -> list[Listing]:
    """Every named data set and its state."""
    caches: dict[str, Counter] = {}
    for _, value in caches():
        caches.setdefault(value["name"], Counter())[f"{value['size']} px ({sum(value['counts'].values()):,} images)"] += 1
    rows = []
    for name in sorted({*names(), *caches}):
        source = find(name)
        absent = "to download on first use" if name in published.TORCHVISION else "not found"
        state = "found" if source else "cache only" if name in caches else absent
        rows.append(Listing(name, state, source.path if source else "", ", ".join(sorted(caches.get(name, ())))))
    return rows
