"""Zips and folders: which of their files are pictures, what their folders say about splits and classes."""

import csv
import io
import os
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import IO

from dcgan_core.data.sources import published, source
from dcgan_core.data.sources.source import Contents, Picture, Source
from dcgan_core.errors import UserError, reason

FACES_REPORT = "faces.jsonl"  # beside the pictures that `dcgan data crop-faces` writes


def is_picture_path(file: str) -> bool:
    """Not a directory, not hidden, not macOS's or Windows' litter, not our own report."""
    parts, litter = file.split("/"), ("Thumbs.db", "desktop.ini", FACES_REPORT)
    return bool(parts[-1]) and not any(p.startswith((".", "__MACOSX")) or p in litter for p in parts)


_ENDING = re.compile(r"\.(png|jpe?g|jpe|jfif|webp|gif|bmp|dib|tiff?|p[pgbn]m|avif|jp2|j2k|tga|ico|pcx|dds)$", re.IGNORECASE)
_BEGINNING = re.compile(rb"\x89PNG|\xff\xd8\xff|GIF8|BM.{4}\0{4}|RIFF.{4}WEBP|II\*\0|MM\0\*|.{4}ftypavi|P[1-6]\s", re.DOTALL)


def _looks_like_picture(file: str, opened: Callable[[str], IO[bytes]]) -> bool:
    """By its name, else by how it begins: LICENSE is none, `000001` may be one."""
    if _ENDING.search(file):
        return True
    try:
        with opened(file) as content:
            return bool(_BEGINNING.match(content.read(16)))
    except source.UNREADABLE:  # it will be left out, with the reason
        return False


_SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing"), "test"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
}


def _split_folders(pictures: Counter[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """The folders that are splits, all at one depth, and which. pictures: how many there are in each folder itself.

    Those nearest to the top that lie beside each other, if only wrappers are around them or most pictures are in them; else one
    that is around everything.
    """
    beside: dict[tuple[str, ...], dict[tuple[str, ...], str]] = {}
    for folder in {f[:i] for f in pictures for i in range(1, len(f) + 1)}:
        if kind := _SPLIT_NAMES.get(folder[-1].lower()):
            beside.setdefault(folder[:-1], {})[folder] = kind
    pairs = {parent: kinds for parent, kinds in beside.items() if len(set(kinds.values())) > 1}
    depth = min(map(len, pairs), default=0)
    splits: dict[tuple[str, ...], str] = {}
    for kinds in (kinds for parent, kinds in pairs.items() if len(parent) == depth):
        val = "train" if "test" in kinds.values() else "test"
        splits |= {folder: val if kind == "val" else kind for folder, kind in kinds.items()}
    inside = sum(n for folder, n in pictures.items() if folder[: depth + 1] in splits)
    around = _around(pictures)
    if splits and (around in pairs or 2 * inside > pictures.total()):
        return splits
    alone = next((i for i, name in enumerate(around) if _SPLIT_NAMES.get(name.lower()) in source.SPLITS), None)
    return {} if alone is None else {around[: alone + 1]: _SPLIT_NAMES[around[alone].lower()]}


def _around(folders: Collection[tuple[str, ...]]) -> tuple[str, ...]:
    """The folders that are around all of these, as zips often have."""
    both = zip(min(folders, default=()), max(folders, default=()), strict=False)  # in order, all others lie between these
    return tuple(one for one, _ in takewhile(lambda names: names[0] == names[1], both))


def _outside() -> bytes:
    raise OSError("outside the folders of the splits")


def _tree(
    files: Iterable[str], read: Callable[[str], bytes | Path], opened: Callable[[str], IO[bytes]], where: str
) -> Contents:
    """What the folder names and `attributes.csv` of a zip or folder say about its files."""
    files = sorted(f for f in files if is_picture_path(f))
    table = min((f for f in files if f.split("/")[-1] == "attributes.csv"), key=lambda f: f.count("/"), default=None)
    if table:
        files.remove(table)
    if not files:
        raise UserError(f"{where}: no files in it; put images there, at any depth")

    shown = [f for f in files if _looks_like_picture(f, opened)]
    folders_of_pictures = Counter(tuple(f.split("/")[:-1]) for f in shown)
    splits = _split_folders(folders_of_pictures)
    parents = {folder[:-1] for folder in splits}
    depth = len(next(iter(splits), ()))
    wrapper = len(_around(parents or folders_of_pictures))

    def place(file: str) -> tuple[str, str | None, str]:
        """The file without what is around everything, its split (None: outside of them) and its class."""
        *folders, name = file.split("/")
        relative = "/".join([*folders[wrapper:], name])
        if not splits:
            return relative, "test" if source.held_out(relative) else "train", folders[-1] if folders[wrapper:] else ""
        split = splits.get(tuple(folders[:depth]))
        above = folders[depth - 2] if split and len(parents) > 1 else ""  # as in cat/train/1.png
        return relative, split, folders[depth] if folders[depth:] else above

    classes = sorted({kind for _, split, kind in map(place, shown) if split})
    if len(classes) < 2:
        classes = []
    number = {c: i for i, c in enumerate(classes)}
    names, rows = _attributes(read(table), f"{where}/{table}") if table else ((), {})
    unknown = (0,) * len(names)

    def pictures(done: int, last: str) -> Iterator[Picture]:
        for i in range(done, len(files)):
            file = files[i]
            relative, split, kind = place(file)
            attributes = rows.get(relative) or rows.get(file.split("/")[-1]) or unknown
            content = (lambda file=file: read(file)) if split else _outside
            yield Picture(file, split or "train", number.get(kind, 0), attributes, content)

    return Contents(pictures, len(files), tuple(classes), names)


_VALUES = {"1": 1, "+1": 1, "-1": -1, "0": 0}


def _attributes(table: bytes | Path, where: str) -> tuple[tuple[str, ...], dict[str, tuple[int, ...]]]:
    """The columns and the rows of an attributes.csv."""
    try:
        content = table.read_bytes() if isinstance(table, Path) else table
        lines = csv.reader(io.StringIO(content.decode("utf-8-sig")))
        names = tuple(next(lines)[1:])
        rows = {}
        for number, line in enumerate(lines, start=2):
            values = tuple(_VALUES[v.strip()] for v in line[1:] if v.strip() in _VALUES)
            if not len(values) == len(names) == len(line) - 1:
                raise UserError(f"{where}, line {number}: expected {len(names)} values of 1, -1 or 0 behind the file name")
            rows[line[0]] = values
    except (OSError, UnicodeDecodeError, csv.Error, StopIteration) as error:
        raise UserError(f"{where}: not a table of file names and values ({reason(error)})") from None
    return names, rows


def zip_source(name: str, path: Path) -> Source:

    def opened() -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise UserError(f"{path}: not a readable zip ({error}); get it again or make it anew") from None

    def fingerprint() -> str:
        with opened() as archive:
            return source.digest(sorted((i.filename, i.file_size, i.CRC) for i in archive.infolist() if not i.is_dir()))

    def contents(_: int) -> Contents:
        archive = opened()
        return _tree((i.filename for i in archive.infolist() if not i.is_dir()), archive.read, archive.open, str(path))

    stamp, check = lambda: source.stamp_of([path]), lambda: opened().testzip()
    return _source(name, path, stamp, fingerprint, contents, check)


def _source(name: str, path: Path, *more: Callable) -> Source:
    """Of the size that a set of this name usually has."""
    known = published.KNOWN.get(name, published.OTHER)
    return Source(name, str(path), published.OTHER.licence, known.size, known.channels, *more)


def files_below(folder: Path, above: tuple = ()) -> Iterator[tuple[str, os.stat_result]]:
    """Every file below a folder, with its path from there, sorted folder by folder. Linked folders count, but not for ever."""
    try:
        here = folder.stat()
        entries = sorted(os.scandir(folder), key=lambda e: e.name)
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({error.strerror}); make it readable, or take it away") from None
    above = (*above, (here.st_dev, here.st_ino))
    for entry in entries:
        try:
            found = entry.stat()
        except OSError:  # a link to nowhere
            continue
        if entry.is_file():
            yield entry.name, found
        elif entry.is_dir() and (found.st_dev, found.st_ino) not in above:
            for file, size in files_below(folder / entry.name, above):
                yield f"{entry.name}/{file}", size


def folder_source(name: str, path: Path, only: tuple[str, ...] = ()) -> Source:
    """A folder, or `only` these folders in it."""

    def listing() -> Iterator[tuple[str, os.stat_result]]:
        for part in only or ("",):
            for file, found in files_below(path / part):
                yield os.path.join(part, file), found

    @cache  # once for stamp and fingerprint: a million files take seconds
    def fingerprint() -> str:
        return source.digest([file, found.st_size, found.st_mtime_ns] for file, found in listing())

    def contents(_: int) -> Contents:
        return _tree((file for file, _ in listing()), lambda f: path / f, lambda f: (path / f).open("rb"), str(path))

    return _source(name, path, lambda: [fingerprint()], fingerprint, contents)
