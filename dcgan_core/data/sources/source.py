"""What every source of pictures is: where it lies, whether it changed, its pictures in order."""

from __future__ import annotations

import hashlib
import json
import os
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

SPLITS = ("train", "test")
Read = bytes | Path | np.ndarray  # what was read of a picture: its file's bytes, its path, or its pixels
# what reading an archive or a picture may raise where it is damaged; RuntimeError: encrypted, unknown packing
UNREADABLE = (OSError, RuntimeError, EOFError, ValueError, struct.error, zipfile.BadZipFile, zlib.error, tarfile.TarError)


def data_root() -> Path:
    """Where data sets are looked for."""
    return Path(os.environ.get("DCGAN_DATA") or "~/.cache/dcgan").expanduser()


def cache_root() -> Path:
    """Where prepared images are kept: $DCGAN_CACHE, else ~/.cache/dcgan/prepared. The data root may be read-only."""
    return Path(os.environ.get("DCGAN_CACHE") or "~/.cache/dcgan/prepared").expanduser()


def downloads() -> Path:
    """Where sets are fetched to where the data root cannot be written."""
    return cache_root().parent / "downloads"


class Picture(NamedTuple):
    """One picture before preparation. `read` gives its file's bytes, its path or its pixels; what it raises leaves it out.

    It may be called only before the next picture is asked for.
    """

    file: str
    split: str
    label: int
    attributes: tuple[int, ...]
    read: Callable[[], Read]


def given(content: Read) -> Callable[[], Read]:
    """A picture's `read` where its content is there already."""
    return lambda: content


@dataclass
class Source:
    """A data set as found: enough to know whether a cache is of this very data, and to read it once."""

    name: str
    path: str  # for people: where it was found
    licence: str
    size: int  # used where no size is asked for
    channels: int
    stamp: Callable[[], list]  # cheap: changes whenever the files do
    fingerprint: Callable[[], str]  # of the content; of a folder: names, sizes and times
    open: Callable[[int], Contents]  # at a size: what is drawn is drawn at that size, the rest is resized later
    check: Callable[[], str | None] = lambda: None  # full read; the name of the first damaged file
    again: str = ""  # the name or path by which it is found again
    by_times: bool = False  # the fingerprint changes with the times of files, be the pictures the same

    def __post_init__(self) -> None:
        self.again = self.again or self.name


@dataclass
class Contents:
    """What is in a source. Its pictures always come in the same order."""

    pictures: Callable[[int, str], Iterator[Picture]]  # (how many to pass over, the file of the last of these)
    count: int | None  # None where only reading it all would tell
    classes: tuple[str, ...] = ()
    attribute_names: tuple[str, ...] = ()
    ready: bool = False  # nothing to decode: pixels of the right size
    notes: list[str] = field(default_factory=list)  # what was understood that is not plain to see, for people


def plain(text: str) -> str:
    """One line that does nothing to a terminal, whatever characters the names of files have."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", "?", text.encode(errors="backslashreplace").decode())


def held_out(file: str) -> bool:
    return int.from_bytes(hashlib.sha256(file.encode(errors="surrogateescape")).digest()[:4], "big") % 20 == 0


def digest(rows: Iterable[Any]) -> str:
    """A hash of a list of JSON values, of which no more than one is in memory."""
    h = hashlib.sha256(b"[")
    for i, row in enumerate(rows):
        h.update((", " * (i > 0) + json.dumps(row)).encode())
    h.update(b"]")
    return h.hexdigest()


def stamp_of(paths: list[Path]) -> list:
    return [[str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns] for p in paths]


def sampled_checksum(paths: list[Path]) -> str:
    """The fingerprint of files too large to be read twice: names, sizes, and 1,024 blocks of 4 KiB evenly spread over all."""

    def row(path: Path) -> list:
        size, h, blocks = path.stat().st_size, hashlib.sha256(), -(-1024 // len(paths))
        with open(path, "rb") as f:
            for start in range(0, size, max(4096, size // blocks)):
                f.seek(start)
                h.update(f.read(4096))
        return [path.name, size, h.hexdigest()]

    return digest(map(row, paths))


def numbered(counts: dict[str, int], done: int) -> Iterator[tuple[str, int]]:
    """Every picture's split and its number there, but for the first `done` of them. counts: pictures of each split."""
    for split, count in counts.items():
        yield from ((split, i) for i in range(done, count))
        done = max(0, done - count)


def from_arrays(splits: dict[str, tuple[np.ndarray, np.ndarray]], classes: tuple[str, ...]) -> Contents:
    """Pictures from arrays N x H x W [x C] with labels, a split each."""
    counts = {split: len(images) for split, (images, _) in splits.items()}

    def pictures(done: int, last: str) -> Iterator[Picture]:
        for split, i in numbered(counts, done):
            images, labels = splits[split]
            yield Picture(f"{split} image {i}", split, int(labels[i]), (), partial(images.__getitem__, i))

    return Contents(pictures, sum(counts.values()), classes)
