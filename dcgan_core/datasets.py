"""Where do images come from? (Paper §4)

`load(name)` gives an `ImageData`: uint8 images, N x C x S x S, memory-mapped from a cache that the first use writes.

A name is looked up under the data root ($DCGAN_DATA, else ~/.cache/dcgan) as `<name>.zip`, then, for the sets that torchvision
knows, in torchvision's layout, then as a folder `<name>/`; last, torchvision downloads. A path to a zip or a folder works too.
Nothing is ever replaced by a stand-in.

In a zip or folder, images may lie at any depth. A first folder `train` or `test` is the split; where there is none, one file
in twenty, chosen by a hash of its name, is held out as `test`. The last folder is the class. `attributes.csv` at the top: a
header `file,Smiling,…`, then values 1, -1 or 0 (unknown).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
import sys
import time
import zipfile
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from PIL import Image, ImageOps
from tqdm.auto import tqdm

from dcgan_core import scenes
from dcgan_core.configs import did_you_mean
from dcgan_core.errors import UserError, reason
from dcgan_core.files import read_json, write_json

SPLITS = ("train", "test")
MIN_SIDE = 4  # pixels; anything smaller is a tracking pixel or a mistake, not a picture
KEPT = "kept.npz"  # in a cache folder: which training images `dcgan data dedup` keeps
FORMAT = 1  # of the cache; a cache with another number is prepared anew
Crop = Literal["center", "exact"]


@dataclass(frozen=True)
class ImageData:
    """One split of a prepared data set."""

    name: str
    split: str
    images: np.ndarray | Kept  # uint8, N x C x S x S, memory-mapped, read-only
    labels: np.ndarray | None  # int64, N, indices into `classes`
    classes: tuple[str, ...]
    attributes: np.ndarray | None  # int8, N x len(attribute_names): 1 yes, -1 no, 0 unknown
    attribute_names: tuple[str, ...]
    provenance: dict = field(repr=False)  # source, fingerprint, size, crop, what was left out, licence

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> int:
        return self.images.shape[-1]

    @property
    def channels(self) -> int:
        return self.images.shape[1]


class Kept:
    """Some images of a memory-mapped array, read when they are asked for: `images[chosen]` copies those alone."""

    def __init__(self, images: np.ndarray, indices: np.ndarray) -> None:
        self._images, self._indices = images, indices
        self.shape = (len(indices), *images.shape[1:])
        self.dtype, self.ndim = images.dtype, images.ndim

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, chosen: Any) -> np.ndarray:
        return self._images[self._indices[chosen]]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)


# --- places -----------------------------------------------------------------------------------------------------------


def data_root() -> Path:
    """Where data sets are looked for."""
    return Path(os.environ.get("DCGAN_DATA") or "~/.cache/dcgan").expanduser()


def cache_root() -> Path:
    """Where prepared images are kept: $DCGAN_CACHE, else ~/.cache/dcgan/prepared. The data root may be read-only."""
    return Path(os.environ.get("DCGAN_CACHE") or "~/.cache/dcgan/prepared").expanduser()


# --- sources ----------------------------------------------------------------------------------------------------------


class Picture(NamedTuple):
    """One picture before preparation. `read` gives its file's bytes, its path or its pixels; what it raises leaves it out."""

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
    open: Callable[[int], Contents]  # at a size: what is drawn is drawn at that size; photographs are resized later
    check: Callable[[], str | None] = lambda: None  # full read; the name of the first damaged file


@dataclass
class Contents:
    pictures: Iterator[Picture]
    count: int
    classes: tuple[str, ...] = ()
    attribute_names: tuple[str, ...] = ()
    ready: bool = False  # nothing to decode: pixels of the right size


def _held_out(file: str) -> bool:
    return int.from_bytes(hashlib.sha256(file.encode()).digest()[:4], "big") % 20 == 0


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def _is_picture_path(file: str) -> bool:
    """Not a directory, not hidden, not macOS's or Windows' litter."""
    parts = file.split("/")
    return bool(parts[-1]) and not any(p.startswith((".", "__MACOSX")) or p in ("Thumbs.db", "desktop.ini") for p in parts)


def _tree(files: list[str], read_bytes: Callable[[str], bytes], where: str) -> Contents:
    """What the folder names and `attributes.csv` of a zip or folder say about its files."""
    files = sorted(f for f in files if _is_picture_path(f))
    table = min((f for f in files if f.split("/")[-1] == "attributes.csv"), key=lambda f: f.count("/"), default=None)
    files = [f for f in files if f != table]
    if not files:
        raise UserError(f"{where}: no files in it; put images there, at any depth")

    folders = [f.split("/")[:-1] for f in files]
    wrapper = 0  # folders around everything, as zips often have
    while all(len(p) > wrapper and p[wrapper] == folders[0][wrapper] not in SPLITS for p in folders):
        wrapper += 1
    folders = [p[wrapper:] for p in folders]
    has_splits = any(p and p[0] in SPLITS for p in folders)

    def split_of(file: str, folder: list[str]) -> str:
        if has_splits:
            return folder[0] if folder and folder[0] in SPLITS else "train"
        return "test" if _held_out(file) else "train"

    def class_of(folder: list[str]) -> str:
        inner = folder[1:] if folder and folder[0] in SPLITS else folder
        return inner[-1] if inner else ""

    classes = tuple(sorted({class_of(p) for p in folders}))
    if len(classes) < 2:
        classes = ()
    names, rows = _attributes(read_bytes(table), f"{where}/{table}") if table else ((), {})
    unknown = (0,) * len(names)

    def pictures() -> Iterator[Picture]:
        for file, folder in zip(files, folders, strict=True):
            relative = "/".join([*folder, file.split("/")[-1]])
            yield Picture(
                file,
                split_of(relative, folder),
                classes.index(class_of(folder)) if classes else 0,
                rows.get(relative) or rows.get(file.split("/")[-1]) or unknown,
                lambda file=file: read_bytes(file),
            )

    return Contents(pictures(), len(files), classes, names)


_VALUES = {"1": 1, "+1": 1, "-1": -1, "0": 0}


def _attributes(content: bytes, where: str) -> tuple[tuple[str, ...], dict[str, tuple[int, ...]]]:
    """The columns and the rows of an attributes.csv."""
    try:
        lines = csv.reader(io.StringIO(content.decode("utf-8-sig")))
        names = tuple(next(lines)[1:])
        rows = {}
        for number, line in enumerate(lines, start=2):
            values = tuple(_VALUES.get(v.strip()) for v in line[1:])
            if len(values) != len(names) or None in values:
                raise UserError(f"{where}, line {number}: expected {len(names)} values of 1, -1 or 0 behind the file name")
            rows[line[0]] = values
    except (UnicodeDecodeError, csv.Error, StopIteration) as error:
        raise UserError(f"{where}: not a table of file names and values ({reason(error)})") from None
    return names, rows


def _usual(name: str) -> tuple[int, int]:
    """Size and channels of a zip or folder: 64 px in colour, unless it has the name of a well-known set."""
    return _TORCHVISION[name][:2] if name in _TORCHVISION else (64, 3)


def _zip_source(name: str, path: Path) -> Source:
    size, channels = _usual(name)

    @cache  # a zip's directory takes half a second to read; a prepared set never needs it
    def archive() -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise UserError(f"{path}: not a readable zip ({error}); get it again or make it anew") from None

    def members() -> list[zipfile.ZipInfo]:
        return [i for i in archive().infolist() if not i.is_dir()]

    return Source(
        name,
        str(path),
        licence="as its owner says",
        size=size,
        channels=channels,
        stamp=lambda: _stamp([path]),
        fingerprint=lambda: _digest(sorted((i.filename, i.file_size, i.CRC) for i in members())),
        open=lambda _: _tree([i.filename for i in members()], lambda f: archive().read(f), str(path)),
        check=lambda: archive().testzip(),
    )


def _folder_source(name: str, path: Path) -> Source:
    size, channels = _usual(name)

    def listing() -> list[Path]:
        return sorted(p for p in path.rglob("*") if p.is_file())

    def stamp() -> list:
        return [[str(p.relative_to(path)), s.st_size, s.st_mtime_ns] for p in listing() for s in [p.stat()]]

    return Source(
        name,
        str(path),
        licence="as its owner says",
        size=size,
        channels=channels,
        stamp=stamp,
        fingerprint=lambda: _digest(stamp()),
        open=lambda _: _tree([p.relative_to(path).as_posix() for p in listing()], lambda f: (path / f).read_bytes(), str(path)),
    )


def _stamp(paths: list[Path]) -> list:
    return [[str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns] for p in paths]


def _crc(paths: list[Path]) -> str:
    return _digest([[p.name, p.stat().st_size, zlib.crc32(p.read_bytes())] for p in paths])


def _array_contents(splits: dict[str, tuple[np.ndarray, np.ndarray]], classes: tuple[str, ...]) -> Contents:
    """Pictures from arrays N x H x W [x C] with labels, a split each."""

    def pictures() -> Iterator[Picture]:
        for split, (images, labels) in splits.items():
            for i in range(len(images)):
                yield Picture(f"{split} image {i}", split, int(labels[i]), (), lambda images=images, i=i: images[i])

    return Contents(pictures(), sum(len(images) for images, _ in splits.values()), classes)


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
        "digits", "scikit-learn", "BSD (UCI optical digits)", 8, 1, lambda: version, lambda: _digest(version), contents
    )


DRAWN = {"train": 20_000, "test": 2_000}  # pictures of a drawn set; the splits have seeds of their own


def _drawn_source(name: str) -> Source:
    """A set that the book draws: its attributes are what is there or not, its classes those of the sprites."""
    names = scenes.yes_no(name)
    classes = scenes.SPRITES if name == "drawn-sprites" else ()

    def contents(size: int) -> Contents:
        def pictures() -> Iterator[Picture]:
            for seed, (split, count) in enumerate(DRAWN.items()):
                drawn = scenes.draw(name, count, size, seed)
                labels = drawn.factors["class"].astype(int) if classes else np.zeros(count, int)
                values = np.stack([drawn.factors[n] for n in names], 1).astype(int) * 2 - 1
                images = drawn.images.transpose(0, 2, 3, 1)
                for i in range(count):
                    attributes = tuple(values[i].tolist())
                    yield Picture(f"{split} {i}", split, int(labels[i]), attributes, lambda image=images[i]: image)

        return Contents(pictures(), sum(DRAWN.values()), classes, names, ready=True)

    version = [name, scenes.VERSION, DRAWN]
    size = 32 if name == "drawn-sprites" else 64
    return Source(name, "drawn by the book", "MIT", size, 3, lambda: version, lambda: _digest(version), contents)


_CELEBA = [
    "list_attr_celeba.txt",
    "identity_CelebA.txt",
    "list_bbox_celeba.txt",
    "list_landmarks_align_celeba.txt",
    "list_eval_partition.txt",
]
# name -> (size, channels, licence, the files that mark torchvision's layout under the root)
_TORCHVISION = {
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
    size, channels, licence, marks = _TORCHVISION[name]
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

        def pictures() -> Iterator[Picture]:
            for split, data in faces.items():
                for file, row in zip(data.filename, (data.attr * 2 - 1).tolist(), strict=True):
                    path = root / "celeba" / "img_align_celeba" / file
                    yield Picture(file, "test" if split == "test" else "train", 0, tuple(row), lambda path=path: path)

        return Contents(pictures(), sum(len(d) for d in faces.values()), (), names)

    return Source(name, str(root), licence, size, channels, lambda: _stamp(paths), lambda: _crc(paths), contents)


def _download(name: str) -> Path:
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
        raise UserError(f"{name}: not found and not downloaded ({reason(error)}); {_how_to_get(name)}") from None
    return root


def _how_to_get(name: str) -> str:
    if name == "celeba":
        return f"pip install gdown and try again, or put celeba.zip or torchvision's folder celeba/ under {data_root()}"
    if name in _TORCHVISION:
        return f"put {name}.zip, or torchvision's files ({_TORCHVISION[name][3][0]} …), under {data_root()}"
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
    if name == "digits":
        return _digits_source()
    if name in scenes.NAMES:
        return _drawn_source(name)
    if name in _TORCHVISION:
        for place in (root, cache_root().parent / "downloads"):
            if all((place / mark).is_file() for mark in _TORCHVISION[name][3]):
                return _torchvision_source(name, place)
    # a folder of exactly this name (macOS takes mnist for MNIST), but not torchvision's own, half downloaded
    if (
        name not in {t[3][0].split("/")[0] for t in _TORCHVISION.values()}
        and root.is_dir()
        and name in os.listdir(root)
        and (root / name).is_dir()
    ):
        return _folder_source(name, root / name)
    return None


def native(name: str) -> tuple[int, int] | None:
    """Size and channels of a data set as it is used where nothing else is asked for; None where there is no such set."""
    source = find(name)
    if source:
        return source.size, source.channels
    cached = next((meta for _, meta in _caches() if meta["name"] == name), None)
    if cached:
        return cached["size"], cached["channels"]
    return _TORCHVISION[name][:2] if name in _TORCHVISION else None


def names() -> list[str]:
    """Every data set that has a name: the known ones, and what lies under the data root."""
    found = {"digits", *scenes.NAMES, *_TORCHVISION}
    if data_root().is_dir():
        skip = {m.split("/")[0] for t in _TORCHVISION.values() for m in t[3]} | {"newmu", "prepared", "downloads"}
        for path in data_root().iterdir():
            if path.suffix == ".zip":
                found.add(path.stem)
            elif path.is_dir() and not path.name.startswith(".") and path.name not in skip:
                found.add(path.name)
    return sorted(found)


# --- the cache --------------------------------------------------------------------------------------------------------


def _fingerprint(source: Source) -> str:
    """The source's fingerprint, remembered by what its files look like from outside."""
    memory = cache_root() / "fingerprints.json"
    stamp = _digest([source.name, source.stamp()])
    try:
        known = json.loads(memory.read_bytes())
    except (OSError, ValueError):
        known = {}
    if stamp not in known:
        known[stamp] = source.fingerprint()
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_json(memory, known)
    return known[stamp]


def _cache_folder(name: str, size: int, crop: str, fingerprint: str) -> Path:
    return cache_root() / f"{name}-{size}px-{crop}-{fingerprint[:12]}"


def fit(picture: bytes | Path | np.ndarray, size: int, crop: Crop, channels: int) -> np.ndarray:
    """One picture as uint8, channels x size x size.

    `center`: the shorter side is resized to `size`, then the centre is cropped. `exact`: the centre is cropped without
    resizing (the authors' faces: 128 px crops to 64). 16-bit grey and CMYK are converted; a photo's turn is undone.
    Raises ValueError or Pillow's errors where it is not a usable picture.
    """
    if isinstance(picture, np.ndarray):
        image = Image.fromarray(picture)
    else:
        image = Image.open(io.BytesIO(picture) if isinstance(picture, bytes) else picture)
        if crop == "center":
            image.draft(None, (2 * size, 2 * size))  # a large JPEG is decoded at a fraction of its size
    if min(image.size) < MIN_SIDE:
        raise ValueError(f"only {image.width}x{image.height} pixels")
    if crop == "exact" and min(image.size) < size:
        raise ValueError(f"only {image.width}x{image.height} pixels, too small to cut {size} from")
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits, which Pillow's own convert would clip at 255
        image = Image.fromarray((np.asarray(image).astype(np.float32) / 257).clip(0, 255).astype(np.uint8))
    elif image.mode == "F":
        raise ValueError("its pixels are floating point numbers")
    image = image.convert("RGB" if channels == 3 else "L")
    if image.size != (size, size):
        if crop == "exact":
            left, top = (image.width - size) // 2, (image.height - size) // 2
            image = image.crop((left, top, left + size, top + size))
        else:
            image = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
    pixels = np.asarray(image)
    return pixels.transpose(2, 0, 1) if channels == 3 else pixels[None]


def _fit_all(pictures: list[bytes | Path | np.ndarray | str], size: int, crop: Crop, channels: int) -> list[np.ndarray | str]:
    """Each picture prepared, or in its place the reason why not. Runs in a worker process."""
    results: list[np.ndarray | str] = []
    for picture in pictures:
        try:
            results.append(picture if isinstance(picture, str) else fit(picture, size, crop, channels))
        except MemoryError:
            raise
        except Exception as error:  # Pillow's decoders raise many kinds; a bad file must not stop a night's work
            results.append("not an image" if "cannot identify" in str(error) else reason(error))
    return results


def _read(picture: Picture) -> bytes | Path | np.ndarray | str:
    try:
        return picture.read()
    except (
        OSError,
        zipfile.BadZipFile,
        zlib.error,
        RuntimeError,
        EOFError,
    ) as error:  # RuntimeError: encrypted, unknown packing
        return reason(error)


def prepare(name: str, size: int | None = None, crop: Crop = "center", download: bool = True, verify: bool = False) -> Path:
    """Decodes a data set into the cache unless that is done already; returns the cache's folder.

    Raises UserError where the set is not to be had, has no usable picture, or (with `verify`) is damaged.
    """
    if size is not None and not MIN_SIDE <= size <= 1024:
        raise UserError(f"--size {size}: choose between {MIN_SIDE} and 1024 pixels")
    source = find(name)
    if source is None:
        cached = _any_cache(name, size, crop)
        if cached:
            return cached
        if os.sep in name or name.endswith(".zip"):
            raise UserError(f"{name}: no such zip or folder")
        if name not in _TORCHVISION:
            hint = "" if name in ("faces", "rooms", "imagenet32") else did_you_mean(name, names())
            raise UserError(f"unknown data set {name!r}: {_how_to_get(name)}{hint}")
        if not download:
            raise UserError(f"{name}: not found; {_how_to_get(name)}")
        _download(name)
        source = find(name)
        assert source is not None
    folder = _cache_folder(source.name, size or source.size, crop, _fingerprint(source))
    if not _is_prepared(folder):
        _decode(source, folder, size or source.size, crop)
    elif verify:
        _verify(source, folder)
    return folder


def _is_prepared(folder: Path) -> bool:
    return (folder / "meta.json").is_file() and read_json(folder / "meta.json", "a cache").get("format") == FORMAT


def _any_cache(name: str, size: int | None, crop: str) -> Path | None:
    """The newest cache of a set whose source is gone."""
    found = None
    for path, meta in _caches():
        fits = meta["name"] == name and meta["crop"] == crop and meta["size"] == (size or meta["size"])
        if fits and (found is None or path.stat().st_mtime > found.stat().st_mtime):
            found = path
    return found


def _caches() -> Iterator[tuple[Path, dict]]:
    """Every prepared set: its folder and its meta.json."""
    for path in sorted(cache_root().glob("[!.]*/meta.json")):
        yield path.parent, read_json(path, "a cache")


def _decode(source: Source, folder: Path, size: int, crop: Crop) -> None:
    """Reads every picture once, on all cores, into a new cache folder that appears under its name only when whole."""
    started = time.monotonic()
    try:
        contents = source.open(size)
    except RuntimeError as error:  # torchvision's checks of its files
        raise UserError(f"{source.path}: {reason(error)}; {_how_to_get(source.name)}") from None
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    for left in folder.parent.glob(".*.partial"):  # of processes that were killed
        process = left.name.split(".")[-2]
        if not (process.isdigit() and _running(int(process))):
            shutil.rmtree(left, ignore_errors=True)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    left_out: list[tuple[str, str]] = []
    try:
        outputs = {split: open(partial / f"{split}.u8", "wb") for split in SPLITS}
        hashes = {split: hashlib.sha256() for split in SPLITS}
        labels: dict[str, list[int]] = {split: [] for split in SPLITS}
        attributes: dict[str, list[tuple[int, ...]]] = {split: [] for split in SPLITS}
        bar = tqdm(total=contents.count, desc=f"preparing {source.name} at {size} px", unit=" images", leave=False, delay=2)
        try:
            for batch, results in _fitted(contents, size, crop, source.channels):
                for picture, result in zip(batch, results, strict=True):
                    if isinstance(result, str):
                        left_out.append((picture.file, result))
                        continue
                    pixels = result.tobytes()
                    outputs[picture.split].write(pixels)
                    hashes[picture.split].update(pixels)
                    labels[picture.split].append(picture.label)
                    attributes[picture.split].append(picture.attributes)
                bar.update(len(batch))
        finally:
            bar.close()
            for output in outputs.values():
                output.close()
        if not labels["train"]:
            what = f"; left out: {_some(left_out)}" if left_out else ""
            raise UserError(f"{source.path}: no usable picture for training in it{what}")
        for split in SPLITS:
            columns = np.array(attributes[split], np.int8).reshape(len(labels[split]), len(contents.attribute_names))
            np.savez(partial / f"{split}.npz", labels=np.array(labels[split], np.int64), attributes=columns)
        write_json(
            partial / "meta.json",
            {
                "format": FORMAT,
                "name": source.name,
                "size": size,
                "channels": source.channels,
                "crop": crop,
                "source": Path(source.path).name,
                "fingerprint": _fingerprint(source),
                "licence": source.licence,
                "counts": {s: len(labels[s]) for s in SPLITS},
                "classes": contents.classes,
                "attribute_names": contents.attribute_names,
                "left_out": left_out,
                "sha256": {s: hashes[s].hexdigest() for s in SPLITS},
                "seconds": round(time.monotonic() - started, 1),
            },
        )
        if _is_prepared(folder):
            return  # another process was faster, and somebody may be reading its cache by now
        shutil.rmtree(folder, ignore_errors=True)  # a cache of an older format
        os.replace(partial, folder)
    except OSError as error:
        if _is_prepared(folder):
            return  # another process was faster
        raise UserError(f"could not write {folder}: {error.strerror or error}; free some space, or set DCGAN_CACHE") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    if left_out:
        print(f"{source.name}: left out {len(left_out)} of {contents.count} files: {_some(left_out)}", file=sys.stderr)


def _running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _fitted(contents: Contents, size: int, crop: Crop, channels: int) -> Iterator[tuple[list[Picture], list[np.ndarray | str]]]:
    """Batches of pictures with their results, in order, decoded on all cores a few batches ahead: memory stays bounded."""
    if contents.ready or contents.count < 2_000:  # not worth starting processes for
        while batch := list(islice(contents.pictures, 64)):
            yield batch, _fit_all([_read(p) for p in batch], size, crop, channels)
        return
    # processes, not threads: small pictures spend more time in Python than in Pillow's decoders
    queue: deque = deque()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        while True:
            batch = list(islice(contents.pictures, 64))
            if batch:
                queue.append((batch, pool.submit(_fit_all, [_read(p) for p in batch], size, crop, channels)))
            if queue and (not batch or len(queue) > 4 * (os.cpu_count() or 1)):
                done, future = queue.popleft()
                yield done, future.result()
            elif not batch:
                return


def _some(left_out: list[tuple[str, str]], most: int = 10) -> str:
    text = ", ".join(f"{file} ({reason})" for file, reason in left_out[:most])
    return text + (f" and {len(left_out) - most} more" if len(left_out) > most else "")


def _verify(source: Source, folder: Path) -> None:
    """Reads source and cache in full and compares them with what was noted at preparation."""
    meta = read_json(folder / "meta.json", "a cache")
    if source.fingerprint() != meta["fingerprint"]:
        raise UserError(f"{source.path}: changed since it was prepared; delete {folder} and prepare it again")
    damaged = source.check()
    if damaged:
        raise UserError(f"{source.path}: {damaged} in it is damaged; get the archive again")
    for split in SPLITS:
        with open(folder / f"{split}.u8", "rb") as f:
            if hashlib.file_digest(f, "sha256").hexdigest() != meta["sha256"][split]:
                raise UserError(f"{folder / f'{split}.u8'}: damaged; delete {folder} and prepare it again")


def load(
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
    noted = ("source", "fingerprint", "licence", "size", "crop", "counts")
    data = ImageData(
        meta["name"],
        split,
        images,
        labels if meta["classes"] else None,
        tuple(meta["classes"]),
        attributes if meta["attribute_names"] else None,
        tuple(meta["attribute_names"]),
        {key: meta[key] for key in noted} | {"left_out": len(meta["left_out"])},
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
            "fingerprint": _digest([data.provenance["fingerprint"], hashlib.sha256(kept.tobytes()).hexdigest()]),
            "deduplicated": f"{len(data) - len(kept)} removed",
        },
    )


class Listing(NamedTuple):
    """A row of `dcgan data list`."""

    name: str
    state: str  # found, cache only, to download on first use
    where: str
    prepared: str  # sizes in the cache


def listing() -> list[Listing]:
    """Every named data set and its state."""
    caches: dict[str, Counter] = {}
    for _, value in _caches():
        caches.setdefault(value["name"], Counter())[f"{value['size']} px ({sum(value['counts'].values()):,} images)"] += 1
    rows = []
    for name in sorted({*names(), *caches}):
        source = find(name)
        state = "found" if source else "cache only" if name in caches else "to download on first use"
        rows.append(Listing(name, state, source.path if source else "", ", ".join(sorted(caches.get(name, ())))))
    return rows
