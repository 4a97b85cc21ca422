"""Zips and folders: which of their files are pictures, what their folders say about splits and classes."""

import os
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import IO

from dcgan_core.data.sources import published, source
from dcgan_core.data.sources import tables as tables_of
from dcgan_core.data.sources.layout import Parts, is_litter, parts_of, understand
from dcgan_core.data.sources.source import Contents, Picture, Source
from dcgan_core.errors import UserError, reason

_ENDING = re.compile(r"\.(png|jpe?g|jpe|jfif|webp|gif|bmp|dib|tiff?|p[pgbn]m|avif|jp2|j2k|tga|ico|pcx|dds)$", re.IGNORECASE)
_BEGINNING = re.compile(rb"\x89PNG|\xff\xd8\xff|GIF8|BM.{4}\0{4}|RIFF.{4}WEBP|II\*\0|MM\0\*|.{4}ftypavi|P[1-6]\s", re.DOTALL)


_NOT_READ = {
    **dict.fromkeys(("zip", "tar", "tgz", "gz", "bz2", "xz", "zst", "7z", "rar"), "an archive: unpack it"),
    **dict.fromkeys(("heic", "heif", "hif"), "HEIC is not read: convert it to JPEG"),
    **dict.fromkeys(("cr2", "cr3", "nef", "arw", "dng", "raf", "orf", "rw2"), "a camera's raw file: convert it to JPEG"),
    "mdb": "a database, such as LSUN's: give the folder that it is in, unpacked",
    **dict.fromkeys(("mp4", "mov", "avi", "mkv", "webm", "m4v", "mpg"), "a video"),
}


def _looks_like_picture(file: str, opened: Callable[[str], IO[bytes]]) -> bool:
    """By its name, else by how it begins: LICENSE is none, `000001` may be one."""
    if _ENDING.search(file):
        return True
    try:
        with opened(file) as content:
            return bool(_BEGINNING.match(content.read(16)))
    except source.UNREADABLE:  # it will be left out, with the reason
        return False


def _left_out(why: str) -> bytes:
    raise OSError(why)


@dataclass
class Files:
    """The files of a zip or folder: by the names on the way to each, how it is called there."""

    where: str
    called: dict[Parts, str]
    read: Callable[[str], bytes | Path]
    opened: Callable[[str], IO[bytes]]

    def contents(self) -> Contents:
        """What the names, an attributes.csv and tables of labels say about them."""
        files = sorted(self.called, key="/".join)
        tables = [f for f in files if f[-1].lower() in tables_of.ATTRIBUTES]
        files = [f for f in files if f not in set(tables)]
        if not files:
            raise UserError(f"{self.where}: no files in it; put images there, at any depth")
        shown = [f for f in files if _looks_like_picture(self.called[f], self.opened)]
        layout = understand(shown, lambda folder: self._labels(files, folder))
        number = {kind: i for i, kind in enumerate(layout.classes)}
        attributes = [tables_of.AttributeTable(self._table(f), self._name(f), set(shown)) for f in tables]
        notes = [*layout.notes, *(table.note(len(shown)) for table in attributes)]
        attributes = [table for table in attributes if table.known]
        names = tuple(dict.fromkeys(name for table in attributes for name in table.names))

        def pictures(done: int, last: str) -> Iterator[Picture]:
            for file in files[done:]:
                place, called = layout.place(file), self.called[file]
                why = _NOT_READ.get(file[-1].lower().rpartition(".")[2], "") if place.split else place.kind
                content = partial(_left_out, why) if why else partial(self.read, called)
                yield Picture(called, place.split or "train", number.get(place.kind, 0), _row(attributes, names, file), content)

        return Contents(pictures, len(files), layout.classes, names, notes=notes)

    def _name(self, file: Parts) -> str:
        return f"{self.where}/{self.called[file]}"

    def _table(self, file: Parts) -> bytes | Path:
        try:
            return self.read(self.called[file])
        except source.UNREADABLE as error:
            raise UserError(f"{self._name(file)}: cannot be read ({reason(error)})") from None

    def _labels(self, files: list[Parts], folder: Parts) -> dict[str, str]:
        """From the tables of labels anywhere in a folder."""
        inside = [f for f in files if f[: len(folder)] == folder and f[-1].lower().endswith(tables_of.LABELS)]
        found: dict[str, str] = {}
        for file in inside:
            with suppress(UserError):  # no such table
                found |= tables_of.labels(self._table(file), self._name(file))
                files.remove(file)
        return found


def _row(tables: list[tables_of.AttributeTable], names: tuple[str, ...], file: Parts) -> tuple[int, ...]:
    """What all tables say of a picture; 0 where they are silent."""
    found: dict[str, int] = {}
    for table in tables:
        found |= zip(table.names, table.of(file) or (), strict=False)
    return tuple(found.get(name, 0) for name in names)


def _named(info: zipfile.ZipInfo) -> str:
    """A member's name. macOS writes UTF-8 without saying so."""
    if not info.flag_bits & 0x800:
        with suppress(UnicodeError):
            return info.filename.encode("cp437").decode()
    return info.filename


def _files(called: dict[str, str]) -> dict[Parts, str]:
    """By the names on the way to it each file that is no litter, as the archive or system calls it."""
    files = {parts_of(name): own for name, own in called.items() if name[-1:] not in ("/", "\\")}
    return {parts: own for parts, own in files.items() if any(parts) and not is_litter(parts)}


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except source.UNREADABLE as error:
        raise UserError(f"{path}: not a readable zip ({reason(error)}); get it again or make it anew") from None


def _in_zip(path: Path) -> Files:
    archive = _opened(path)
    there = {_named(info): info.filename for info in archive.infolist() if info.filename[-1:] != "/"}
    return Files(str(path), _files(there), archive.read, archive.open)


def _in_folder(path: Path, files: Iterable[str]) -> Files:
    return Files(str(path), _files({f: f for f in files}), lambda f: path / f, lambda f: (path / f).open("rb"))


def files_in(path: Path) -> Files:
    """What is in a zip or folder, but for litter. Raises UserError where there is none."""
    if not path.exists():
        raise UserError(f"{path}: no such zip or folder")
    return _in_folder(path, (file for file, _ in files_below(path))) if path.is_dir() else _in_zip(path)


def zip_source(name: str, path: Path) -> Source:

    def fingerprint() -> str:
        with _opened(path) as archive:
            return source.digest(sorted((i.filename, i.file_size, i.CRC) for i in archive.infolist() if i.filename[-1:] != "/"))

    def contents(_: int) -> Contents:
        return _in_zip(path).contents()

    stamp, check = lambda: source.stamp_of([path]), lambda: _opened(path).testzip()
    return Source(*_about(name, path), stamp, fingerprint, contents, check, again=str(path.resolve()))


def _about(name: str, path: Path) -> tuple[str, str, str, int, int]:
    """How a source begins: of the size that a set of this name usually has."""
    known = published.KNOWN.get(name, published.OTHER)
    return name, str(path), published.OTHER.licence, known.size, known.channels


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
        return _in_folder(path, (file for file, _ in listing())).contents()

    again = str(path.resolve())
    return Source(*_about(name, path), lambda: [fingerprint()], fingerprint, contents, again=again, by_times=True)
