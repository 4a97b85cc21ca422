"""How is a data set read where it lies? (Paper §4)

A name is looked up under the data root ($DCGAN_DATA, else ~/.cache/dcgan) as `<name>.zip`; then, for the sets known here, in
the layout in which they are published; then as a folder `<name>/`; last, torchvision downloads those that it knows. A path to a
zip or a folder works too. Nothing is ever replaced by a stand-in.

In a zip or folder, images may lie at any depth. Folders `train` and `test` beside each other (or `Training` and `Testing`;
`val` is `test` where there is none, else for training) are the splits, and so is one of them around everything; the first
folder below is the class. Where there are none, one file in twenty, chosen by a hash of its name, is held out as `test`, and
the last folder is the class. Files that are no pictures change none of this. `attributes.csv` at the top: a header
`file,Smiling,…`, then values 1, -1 or 0 (unknown).

As published: `mnist`, `cifar10`, `svhn`, `celeba` as torchvision has them; `lsun` as the folders bedroom_train_lmdb and
bedroom_val_lmdb, under the root or under lsun/; `imagenet` as imagenet/train/<class>/ and imagenet/val/<class>/, or as the tar
files of ILSVRC2012, which are read as they are.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import sys
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from dcgan_core.errors import UserError, reason

SPLITS = ("train", "test")
FACES_REPORT = "faces.jsonl"  # beside the pictures that `dcgan data crop-faces` writes

# --- places -----------------------------------------------------------------------------------------------------------


def data_root() -> Path:
    """Where data sets are looked for."""
    return Path(os.environ.get("DCGAN_DATA") or "~/.cache/dcgan").expanduser()


def cache_root() -> Path:
    """Where prepared images are kept: $DCGAN_CACHE, else ~/.cache/dcgan/prepared. The data root may be read-only."""
    return Path(os.environ.get("DCGAN_CACHE") or "~/.cache/dcgan/prepared").expanduser()


# --- sources ----------------------------------------------------------------------------------------------------------


class Picture(NamedTuple):
    """One picture before preparation. `read` gives its file's bytes, its path or its pixels; what it raises leaves it out.

    It may be called only before the next picture is drawn.
    """

    file: str
    split: str
    label: int
    attributes: tuple[int, ...]
    read: Callable[[], bytes | Path | np.ndarray]


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


@dataclass
class Contents:
    """What is in a source. Its pictures always come in the same order."""

    pictures: Callable[[int, str], Iterator[Picture]]  # (how many to pass over, the file of the last of these)
    count: int | None  # None where only reading it all would tell
    classes: tuple[str, ...] = ()
    attribute_names: tuple[str, ...] = ()
    ready: bool = False  # nothing to decode: pixels of the right size


def _held_out(file: str) -> bool:
    return int.from_bytes(hashlib.sha256(file.encode(errors="surrogateescape")).digest()[:4], "big") % 20 == 0


def digest(rows: Iterable[Any]) -> str:
    """A hash of a list of JSON values, of which no more than one is in memory."""
    h = hashlib.sha256(b"[")
    for i, row in enumerate(rows):
        h.update((", " * (i > 0) + json.dumps(row)).encode())
    h.update(b"]")
    return h.hexdigest()


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
    except (OSError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error):  # it will be left out, with the reason
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
    splits = {}
    for kinds in (kinds for parent, kinds in pairs.items() if len(parent) == depth):
        val = "train" if "test" in kinds.values() else "test"
        splits |= {folder: val if kind == "val" else kind for folder, kind in kinds.items()}
    inside = sum(n for folder, n in pictures.items() if folder[: depth + 1] in splits)
    around = _around(pictures)
    if splits and (around in pairs or 2 * inside > pictures.total()):
        return splits
    alone = next((i for i, name in enumerate(around) if _SPLIT_NAMES.get(name.lower()) in SPLITS), None)
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
            return relative, "test" if _held_out(relative) else "train", folders[-1] if folders[wrapper:] else ""
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
            values = tuple(_VALUES.get(v.strip()) for v in line[1:])
            if len(values) != len(names) or None in values:
                raise UserError(f"{where}, line {number}: expected {len(names)} values of 1, -1 or 0 behind the file name")
            rows[line[0]] = values
    except (OSError, UnicodeDecodeError, csv.Error, StopIteration) as error:
        raise UserError(f"{where}: not a table of file names and values ({reason(error)})") from None
    return names, rows


def usual(name: str) -> tuple[int, int] | None:
    """Size and channels of a well-known set, however it lies there."""
    if name in TORCHVISION:
        return TORCHVISION[name][:2]
    return {"lsun": (64, 3), "imagenet": (32, 3)}.get(name)


def _zip_source(name: str, path: Path) -> Source:
    size, channels = usual(name) or (64, 3)

    def opened() -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise UserError(f"{path}: not a readable zip ({error}); get it again or make it anew") from None

    def fingerprint() -> str:
        with opened() as archive:
            return digest(sorted((i.filename, i.file_size, i.CRC) for i in archive.infolist() if not i.is_dir()))

    def contents(_: int) -> Contents:
        archive = opened()
        return _tree((i.filename for i in archive.infolist() if not i.is_dir()), archive.read, archive.open, str(path))

    return Source(
        name,
        str(path),
        licence="as its owner says",
        size=size,
        channels=channels,
        stamp=lambda: _stamp([path]),
        fingerprint=fingerprint,
        open=contents,
        check=lambda: opened().testzip(),
    )


def walk(folder: Path, above: tuple = ()) -> Iterator[tuple[str, os.stat_result]]:
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
            for file, size in walk(folder / entry.name, above):
                yield f"{entry.name}/{file}", size


def _folder_source(name: str, path: Path, only: tuple[str, ...] = ()) -> Source:
    """A folder, or `only` these folders in it."""
    size, channels = usual(name) or (64, 3)

    def listing() -> Iterator[tuple[str, os.stat_result]]:
        for part in only or ("",):
            for file, found in walk(path / part):
                yield os.path.join(part, file), found

    @cache  # once for stamp and fingerprint: a million files take seconds
    def fingerprint() -> str:
        return digest([file, found.st_size, found.st_mtime_ns] for file, found in listing())

    return Source(
        name,
        str(path),
        licence="as its owner says",
        size=size,
        channels=channels,
        stamp=lambda: [fingerprint()],
        fingerprint=fingerprint,
        open=lambda _: _tree((file for file, _ in listing()), lambda f: path / f, lambda f: (path / f).open("rb"), str(path)),
    )


def _stamp(paths: list[Path]) -> list:
    return [[str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns] for p in paths]


def _crc(paths: list[Path]) -> str:
    return digest([p.name, p.stat().st_size, zlib.crc32(p.read_bytes())] for p in paths)


def _sampled(paths: list[Path]) -> str:
    """The fingerprint of files too large to be read twice: names, sizes, and 1,024 blocks of 4 KiB evenly spread over all."""

    def row(path: Path) -> list:
        size, h, blocks = path.stat().st_size, hashlib.sha256(), -(-1024 // len(paths))
        with open(path, "rb") as f:
            for start in range(0, size, max(4096, size // blocks)):
                f.seek(start)
                h.update(f.read(4096))
        return [path.name, size, h.hexdigest()]

    return digest(map(row, paths))


def _array_contents(splits: dict[str, tuple[np.ndarray, np.ndarray]], classes: tuple[str, ...]) -> Contents:
    """Pictures from arrays N x H x W [x C] with labels, a split each."""

    def pictures(done: int, last: str) -> Iterator[Picture]:
        for split, (images, labels) in splits.items():
            first, done = done, max(0, done - len(images))
            for i in range(first, len(images)):
                yield Picture(f"{split} image {i}", split, int(labels[i]), (), lambda images=images, i=i: images[i])

    return Contents(pictures, sum(len(images) for images, _ in splits.values()), classes)


def _digits_source() -> Source:
    def contents(_: int) -> Contents:
        from sklearn.datasets import load_digits

        digits = load_digits()
        images = np.round(digits.images * (255 / 16)).astype(np.uint8)  # N x 8 x 8, 0 to 16
        test = np.array([_held_out(f"digits {i}") for i in range(len(images))])
        both = {s: (images[m], digits.target[m]) for s, m in (("train", ~test), ("test", test))}
        return _array_contents(both, tuple("0123456789"))

    version = ["scikit-learn digits"]
    return Source(
        "digits", "scikit-learn", "BSD (UCI optical digits)", 8, 1, lambda: version, lambda: digest(version), contents
    )


DRAWN_SETS = ("drawn-rooms", "drawn-portraits", "drawn-sprites")  # scenes.NAMES, without importing torch to read photographs
DRAWN = {"train": 20_000, "test": 2_000}  # pictures of a drawn set; the splits have seeds of their own


def _drawn_source(name: str) -> Source:
    """A set that the book draws: its attributes are what is there or not, its classes those of the sprites."""
    from dcgan_core.drawings import scenes, sprites

    attributes = scenes.yes_no(name)
    classes = sprites.SPRITES if name == "drawn-sprites" else ()

    def contents(size: int) -> Contents:
        def pictures(done: int, last: str) -> Iterator[Picture]:
            for seed, (split, count) in enumerate(DRAWN.items()):
                first, done = done, max(0, done - count)
                for start in range(first, count, scenes.BLOCK):
                    drawn = scenes.draw(name, min(scenes.BLOCK, count - start), size, seed, start)
                    for i, image in enumerate(drawn.images.transpose(0, 2, 3, 1)):
                        there = tuple(1 if drawn.factors[a][i] else -1 for a in attributes)
                        label = int(drawn.factors["class"][i]) if classes else 0
                        yield Picture(f"{split} {start + i}", split, label, there, lambda image=image: image)

        return Contents(pictures, sum(DRAWN.values()), classes, attributes, ready=True)

    version = [name, scenes.VERSION, DRAWN]
    size = 32 if name == "drawn-sprites" else 64
    return Source(name, "drawn by the book", "MIT", size, 3, lambda: version, lambda: digest(version), contents)


_CELEBA = [
    "list_attr_celeba.txt",
    "identity_CelebA.txt",
    "list_bbox_celeba.txt",
    "list_landmarks_align_celeba.txt",
    "list_eval_partition.txt",
]
# name -> (size, channels, licence, the files that mark torchvision's layout under the root)
TORCHVISION = {
    "mnist": (
        28,
        1,
        "CC BY-SA 3.0",
        [f"MNIST/raw/{p}-{k}" for p in ("train", "t10k") for k in ("images-idx3-ubyte", "labels-idx1-ubyte")],
    ),
    "cifar10": (
        32,
        3,
        "none stated; research use",
        [f"cifar-10-batches-py/{b}" for b in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")],
    ),
    "svhn": (32, 3, "non-commercial use only", ["train_32x32.mat", "test_32x32.mat"]),
    "celeba": (64, 3, "non-commercial research only", [f"celeba/{f}" for f in _CELEBA]),
}


def _torchvision_source(name: str, root: Path) -> Source:
    size, channels, licence, marks = TORCHVISION[name]
    paths = [root / m for m in marks]

    def contents(_: int) -> Contents:
        import torchvision  # here, because it takes seconds and a prepared set never needs it

        if name == "mnist":
            sets = {s: torchvision.datasets.MNIST(str(root), train=s == "train") for s in SPLITS}
            return _array_contents({s: (d.data.numpy(), d.targets.numpy()) for s, d in sets.items()}, tuple("0123456789"))
        if name == "cifar10":
            sets = {s: torchvision.datasets.CIFAR10(str(root), train=s == "train") for s in SPLITS}
            classes = tuple(sets["train"].classes)
            return _array_contents({s: (d.data, np.array(d.targets)) for s, d in sets.items()}, classes)
        if name == "svhn":
            sets = {s: torchvision.datasets.SVHN(str(root), split=s) for s in SPLITS}
            both = {s: (d.data.transpose(0, 2, 3, 1), d.labels) for s, d in sets.items()}  # N x 3 x H x W there
            return _array_contents(both, tuple("0123456789"))
        faces = {s: torchvision.datasets.CelebA(str(root), split=s) for s in ("train", "valid", "test")}
        names = tuple(n for n in faces["train"].attr_names if n)

        def pictures(done: int, last: str) -> Iterator[Picture]:
            for split, data in faces.items():
                first, done = done, max(0, done - len(data))
                for i in range(first, len(data)):
                    path = root / "celeba" / "img_align_celeba" / data.filename[i]
                    row = tuple((data.attr[i] * 2 - 1).tolist())
                    yield Picture(path.name, "test" if split == "test" else "train", 0, row, lambda path=path: path)

        return Contents(pictures, sum(len(d) for d in faces.values()), (), names)

    return Source(name, str(root), licence, size, channels, lambda: _stamp(paths), lambda: _crc(paths), contents)


# name -> the folders of the official lmdb, a split each
_LSUN = {"train": "bedroom_train_lmdb", "test": "bedroom_val_lmdb"}


def _lsun_source(root: Path) -> Source:
    """LSUN's bedrooms (§4.1), as its download.py and unzip leave them: a key and a JPEG or WebP for each picture."""
    size, channels = usual("lsun")

    def folders() -> dict[str, Path]:
        found = {split: root / folder for split, folder in _LSUN.items() if (root / folder).is_dir()}
        if "train" not in found:
            raise UserError(f"{root}: {_LSUN['train']} is missing; {how_to_get('lsun')}")
        return found

    def files() -> list[Path]:
        return [folder / "data.mdb" for folder in folders().values()]

    def count() -> int:
        total = 0
        for folder in folders().values():
            with _lmdb(folder) as transaction:
                total += transaction.stat()["entries"]
        return total

    def pictures(done: int, last: str) -> Iterator[Picture]:
        at, _, last_key = last.partition("/")
        for split, folder in folders().items():
            if at and folder.name != at:
                continue
            with _lmdb(folder) as transaction:
                cursor = transaction.cursor()
                key = last_key.encode("latin-1")  # which keeps any bytes
                more = cursor.set_range(key) and (cursor.key() != key or cursor.next()) if at else cursor.first()
                while more:
                    key, value = cursor.item()
                    yield Picture(f"{folder.name}/{key.decode('latin-1')}", split, 0, (), lambda value=value: value)
                    more = cursor.next()
            at = ""

    def fingerprint() -> str:
        count()  # says what is wrong with the files before they are read as if they were whole
        return _sampled(files())

    return Source(
        "lsun",
        str(root),
        licence="none stated; research use",
        size=size,
        channels=channels,
        stamp=lambda: _stamp([p for folder in _LSUN.values() for p in [root / folder / "data.mdb"] if p.is_file()]),
        fingerprint=fingerprint,
        open=lambda _: Contents(pictures, count()),
    )


@contextmanager
def _lmdb(folder: Path) -> Iterator[Any]:
    """A read transaction. Writes nothing, not even a lock, so that the folder may be read-only."""
    try:
        import lmdb
    except ImportError:
        raise UserError(f"{folder}: the package lmdb reads it; pip install lmdb") from None
    file = folder / "data.mdb"
    again = f"unzip {folder.name}.zip again, or get it again"
    if not file.is_file():
        raise UserError(f"{folder}: no data.mdb in it; {again}")
    try:
        with lmdb.open(str(folder), readonly=True, create=False, lock=False, readahead=False) as database:
            whole = (database.info()["last_pgno"] + 1) * database.stat()["psize"]
            if file.stat().st_size < whole:  # reading behind its end would kill the process
                raise UserError(f"{file}: cut short, {file.stat().st_size:,} of {whole:,} bytes; {again}")
            with database.begin() as transaction:
                yield transaction
    except lmdb.Error as error:
        raise UserError(f"{file}: damaged, or not an lmdb ({reason(error)}); {again}") from None


def _imagenet_source(folder: Path) -> Source:
    """Imagenet-1k (§4.3): the tree of torchvision's ImageFolder, or the tars in which ILSVRC2012 is given out."""
    whole = folder / "ILSVRC2012_img_train.tar"
    tars = [p for place in (folder / "train", folder) if place.is_dir() for p in sorted(place.glob("n*.tar"))]
    if not tars and whole.is_file() and not (folder / "train").is_dir():
        tars = [whole]
    if tars:
        return _tars_source(folder, tars)
    parts = tuple(f for f in ("train", "val") if (folder / f).is_dir())  # its `test` has no labels; lists may lie beside it
    return _folder_source("imagenet", folder, parts if "train" in parts else ())


def _tars_source(folder: Path, tars: list[Path]) -> Source:
    """A tar of JPEGs for each class, or one tar of such tars: read as they lie there, in order, without unpacking."""
    size, channels = usual("imagenet")

    def classes() -> Iterator[tuple[str, IO[bytes]]]:
        for path in tars:
            with open(path, "rb") as file:
                if re.fullmatch(r"n\d+", path.stem):
                    yield path.stem, file
                else:
                    yield from ((name.removesuffix(".tar"), inner) for name, inner in _members(file, str(path)))

    def contents(_: int) -> Contents:
        names = sorted(name for name, _ in classes())
        number = {name: i for i, name in enumerate(names)}

        def pictures(done: int, last: str) -> Iterator[Picture]:
            at, _, last_name = last.partition("/")
            for name, file in classes():
                if at and name != at:
                    continue
                for member, image in _members(file, f"{folder}, {name}.tar"):
                    if not at:
                        path = f"{name}/{member}"
                        yield Picture(path, "test" if _held_out(path) else "train", number[name], (), image.read)
                    elif member == last_name:
                        at = ""

        return Contents(pictures, None, tuple(names))

    return Source(
        "imagenet",
        str(folder),
        licence="non-commercial research only",
        size=size,
        channels=channels,
        stamp=lambda: _stamp(tars),
        fingerprint=lambda: _sampled(tars),
        open=contents,
    )


def _members(file: IO[bytes], where: str) -> Iterator[tuple[str, IO[bytes]]]:
    """The files in a tar. Raises UserError where it is damaged or ends early, most of which tarfile itself passes over."""
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            for member in tar:
                if member.isfile():
                    yield member.name, tar.extractfile(member)
            file.seek(tar.offset)
            if file.read(512) != bytes(512):
                raise tarfile.ReadError(f"no end, or no file, at byte {tar.offset:,}")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise UserError(f"{where}: damaged ({reason(error)}); get it again") from None


def download(name: str) -> Path:
    """Fetches a set that torchvision knows into the data root (or, where that cannot be written, beside the cache)."""
    import torchvision

    root = data_root() if os.access(data_root(), os.W_OK) or not data_root().exists() else cache_root().parent / "downloads"
    root.mkdir(parents=True, exist_ok=True)
    print(f"{name}: not under {data_root()}; downloading it to {root}", file=sys.stderr)
    try:
        match name:
            case "mnist":
                torchvision.datasets.MNIST(str(root), download=True)
            case "cifar10":
                torchvision.datasets.CIFAR10(str(root), download=True)
            case "svhn":
                for split in SPLITS:
                    torchvision.datasets.SVHN(str(root), split=split, download=True)
            case "celeba":
                torchvision.datasets.CelebA(str(root), download=True)
    except Exception as error:  # torchvision raises whatever its network layer raises
        raise UserError(f"{name}: not found and not downloaded ({reason(error)}); {how_to_get(name)}") from None
    return root


def how_to_get(name: str) -> str:
    if name == "celeba":
        return f"pip install gdown and try again, or put celeba.zip or torchvision's folder celeba/ under {data_root()}"
    if name == "lsun":
        both = " and ".join(f"{folder}.zip" for folder in _LSUN.values())
        return f"get {both} (43 GB, github.com/fyu/lsun) and unzip them under {data_root()}"
    if name == "imagenet":
        return (
            f"put imagenet/train/<class>/ and imagenet/val/<class>/, or imagenet/ILSVRC2012_img_train.tar, under {data_root()}"
        )
    if name in TORCHVISION:
        return f"put {name}.zip, or torchvision's files ({TORCHVISION[name][3][0]} …), under {data_root()}"
    return f"put {name}.zip or a folder {name}/ with images under {data_root()} (set DCGAN_DATA to look elsewhere)"


def find(name: str) -> Source | None:
    """The data set's source where it can be read right now without a download, else None."""
    given = Path(name).expanduser()
    if os.sep in name or name.endswith(".zip"):
        if given.is_dir():
            return _folder_source(given.resolve().name, given)
        return _zip_source(given.stem, given) if given.is_file() else None
    root = data_root()
    if (root / f"{name}.zip").is_file():
        return _zip_source(name, root / f"{name}.zip")
    if name in DRAWN_SETS:
        return _drawn_source(name)
    if name == "digits":
        return _digits_source()
    if name in TORCHVISION:
        for place in (root, cache_root().parent / "downloads"):
            if all((place / mark).is_file() for mark in TORCHVISION[name][3]):
                return _torchvision_source(name, place)
    if name == "lsun":
        for place in (root, root / "lsun"):
            if any((place / f"{folder}{kind}").exists() for folder in _LSUN.values() for kind in ("", ".zip")):
                return _lsun_source(place)
    if name == "imagenet" and (root / "imagenet").is_dir():
        return _imagenet_source(root / "imagenet")
    # a folder of exactly this name (macOS takes mnist for MNIST), but not torchvision's own, half downloaded
    if (
        name not in {t[3][0].split("/")[0] for t in TORCHVISION.values()}
        and root.is_dir()
        and name in os.listdir(root)
        and (root / name).is_dir()
    ):
        return _folder_source(name, root / name)
    return None


def names() -> list[str]:
    """Every data set that has a name: the known ones, and what lies under the data root."""
    found = {"digits", "lsun", "imagenet", *DRAWN_SETS, *TORCHVISION}
    if data_root().is_dir():
        skip = {m.split("/")[0] for t in TORCHVISION.values() for m in t[3]} | {"newmu", "prepared", "downloads"}
        skip |= set(_LSUN.values())
        for path in data_root().iterdir():
            if path.suffix == ".zip" and path.stem not in skip:
                found.add(path.stem)
            elif path.is_dir() and not path.name.startswith(".") and path.name not in skip:
                found.add(path.name)
    return sorted(found)
