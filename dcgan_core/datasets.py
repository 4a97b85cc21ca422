"""Where do images come from? (Paper §4)

`load(name)` gives an `ImageData`: uint8 images, N x C x S x S, memory-mapped from a cache that the first use writes. Where a
name is looked for and how each kind of data set is read is in `sources`.

Preparing a set that is not in the cache reads it once, in order, in memory that does not grow with it. Stopped half-way,
however that happens, it goes on where it was; what it has written so far is in a hidden folder that nothing else reads.
"""

from __future__ import annotations

import glob
import hashlib
import io
import json
import os
import shutil
import sys
import tarfile
import time
import zipfile
import zlib
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from PIL import Image, ImageOps
from tqdm.auto import tqdm

from dcgan_core import sources
from dcgan_core.config_io import did_you_mean
from dcgan_core.errors import UserError, reason
from dcgan_core.files import locked, read_json, write_atomically, write_json
from dcgan_core.sources import SPLITS, Contents, Picture, Source, cache_root, digest, find, names

MIN_SIDE = 4  # pixels; anything smaller is a tracking pixel or a mistake, not a picture
KEPT = "kept.npz"  # in a cache folder: which training images `dcgan data dedup` keeps
FORMAT = 3  # of the cache; a cache with another number is prepared anew (up to 2, splits were found from all files)
SAVE_EVERY = 4096  # pictures; about what a power cut costs
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

    def part(self, chosen: slice) -> Kept:
        return Kept(self._images, self._indices[chosen])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)


# --- the cache --------------------------------------------------------------------------------------------------------


def native(name: str) -> tuple[int, int] | None:
    """Size and channels of a data set as it is used where nothing else is asked for; None where there is no such set."""
    source = find(name)
    if source:
        return source.size, source.channels
    cached = next((meta for _, meta in _caches() if meta["name"] == name), None)
    if cached:
        return cached["size"], cached["channels"]
    return sources.usual(name)


def _fingerprint(source: Source) -> str:
    """The source's fingerprint, remembered by what its files look like from outside."""
    memory = cache_root() / "fingerprints.json"
    stamp = digest([source.name, source.stamp()])
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


def open_picture(picture: bytes | Path | np.ndarray, channels: int = 3, at_least: int = 0) -> Image.Image:
    """A picture upright and in 8 bits, in RGB or grey. With `at_least`, a large JPEG may be decoded smaller, down to that.

    16-bit grey and CMYK are converted; a photo's turn is undone. Raises ValueError or Pillow's errors where it is not usable.
    """
    if isinstance(picture, np.ndarray):
        image = Image.fromarray(picture)
    else:
        image = Image.open(io.BytesIO(picture) if isinstance(picture, bytes) else picture)
        if at_least:
            image.draft(None, (at_least, at_least))
    if min(image.size) < MIN_SIDE:
        raise ValueError(f"only {image.width}x{image.height} pixels")
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits, which Pillow's own convert would clip at 255
        image = Image.fromarray((np.asarray(image).astype(np.float32) / 257).clip(0, 255).astype(np.uint8))
    elif image.mode == "F":
        raise ValueError("its pixels are floating point numbers")
    return image.convert("RGB" if channels == 3 else "L")


def fit(picture: bytes | Path | np.ndarray, size: int, crop: Crop, channels: int) -> np.ndarray:
    """One picture as uint8, channels x size x size.

    `center`: the shorter side is resized to `size`, then the centre is cropped. `exact`: the centre is cropped without
    resizing (the authors' faces: 128 px crops to 64). Raises as `open_picture` does.
    """
    image = open_picture(picture, channels, 2 * size if crop == "center" else 0)
    if crop == "exact" and min(image.size) < size:
        raise ValueError(f"only {image.width}x{image.height} pixels, too small to cut {size} from")
    if image.size != (size, size):
        if crop == "exact":
            left, top = (image.width - size) // 2, (image.height - size) // 2
            image = image.crop((left, top, left + size, top + size))
        else:
            image = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
    pixels = np.asarray(image)
    return pixels.transpose(2, 0, 1) if channels == 3 else pixels[None]


def _fit_all(pictures: list[bytes | Path | np.ndarray | str], size: int, crop: Crop, channels: int) -> list[np.ndarray | str]:
    """Each picture prepared, or in its place the reason why not. Runs in a worker thread."""
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
        tarfile.TarError,
        zlib.error,
        RuntimeError,
        EOFError,
    ) as error:  # RuntimeError: encrypted, unknown packing
        return reason(error)


def prepare(name: str, size: int | None = None, crop: Crop = "center", download: bool = True, verify: bool = False) -> Path:
    """Decodes a data set into the cache unless that is done already; returns the cache's folder.

    Goes on where an interrupted preparation stopped, and waits for another process that is at it.
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
        if name not in sources.TORCHVISION and not sources.usual(name):
            hint = "" if name in ("faces", "rooms", "imagenet32") else did_you_mean(name, names())
            raise UserError(f"unknown data set {name!r}: {sources.how_to_get(name)}{hint}")
        if not download or name not in sources.TORCHVISION:
            raise UserError(f"{name}: not found; {sources.how_to_get(name)}")
        sources.download(name)
        source = find(name)
        assert source is not None
    fingerprint = _fingerprint(source)
    folder = _cache_folder(source.name, size or source.size, crop, fingerprint)
    if not _is_prepared(folder):
        _decode(source, fingerprint, folder, size or source.size, crop)
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
        meta = read_json(path, "a cache")
        if meta.get("format") == FORMAT:
            yield path.parent, meta


def _decode(source: Source, fingerprint: str, folder: Path, size: int, crop: Crop) -> None:
    """Reads every picture once, on all cores, into a new cache folder that appears under its name only when whole."""
    unfinished = folder.with_name(f".{folder.name}.partial")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        waiting = f"{source.name}: another process prepares it; waiting for that to end"
        with locked(unfinished.with_suffix(".lock"), waiting):
            if _is_prepared(folder):
                return
            _remove_outdated(unfinished, f".{source.name}-{size}px-{crop}-")
            try:
                contents = source.open(size)
            except RuntimeError as error:  # torchvision's checks of its files
                raise UserError(f"{source.path}: {reason(error)}; {sources.how_to_get(source.name)}") from None
            cache = _Unfinished(unfinished, {"format": FORMAT, "fingerprint": fingerprint, "size": size, "crop": crop})
            try:
                _decode_into(cache, source, contents, size, crop)
                done = cache.done
                if not done["counts"]["train"]:
                    what = f"; left out: {cache.some_left_out()}" if done["left_out"] else ""
                    shutil.rmtree(unfinished, ignore_errors=True)
                    raise UserError(f"{source.path}: no usable picture for training in it{what}")
                if done["left_out"]:
                    several = f"left out {done['left_out']} of {done['read']} files: {cache.some_left_out()}"
                    print(f"{source.name}: {several}", file=sys.stderr)
                facts = {
                    "format": FORMAT,
                    "name": source.name,
                    "size": size,
                    "channels": source.channels,
                    "crop": crop,
                    "source": Path(source.path).name,
                    "fingerprint": fingerprint,
                    "licence": source.licence,
                    "counts": done["counts"],
                    "classes": contents.classes,
                    "attribute_names": contents.attribute_names,
                    "left_out": done["left_out"],
                }
                cache.finish(facts, folder)
            finally:
                cache.close()
    except OSError as error:
        way_out = "free some space, or set DCGAN_CACHE; the same command goes on where it stopped"
        raise UserError(f"could not write {folder}: {error.strerror or error}; {way_out}") from None


def _decode_into(cache: _Unfinished, source: Source, contents: Contents, size: int, crop: Crop) -> None:
    """Every picture that is not in it yet. However this ends, what it has written counts."""
    done = saved = cache.done["read"]
    if done:
        print(f"{source.name}: going on behind the first {done:,} files", file=sys.stderr)
    bar = tqdm(
        initial=done, total=contents.count, desc=f"preparing {source.name} at {size} px", unit=" images", leave=False, delay=2
    )
    few = contents.ready or (contents.count is not None and contents.count < 2_000)  # not worth starting threads for
    try:
        with bar, ExitStack() as stack:
            pool = None if few else stack.enter_context(_workers())
            pictures = contents.pictures(done, cache.done["last"])
            batches = stack.enter_context(closing(_fitted(pictures, pool, size, crop, source.channels)))
            for batch, results in batches:
                cache.add(batch, results)
                bar.update(len(batch))
                if cache.done["read"] - saved >= SAVE_EVERY:
                    cache.save()
                    saved = cache.done["read"]
    finally:
        with suppress(OSError, UserError):  # a full disk; then what was saved before counts
            cache.save()


def _remove_outdated(mine: Path, beginning: str) -> None:
    """Removes what was left unfinished of the same set when its files were others, unless a process is still at it."""
    for other in mine.parent.glob(f"{glob.escape(beginning)}*.partial"):
        if other != mine:
            with locked(other.with_suffix(".lock")) as free:
                if free:
                    shutil.rmtree(other, ignore_errors=True)


class _Unfinished:
    """A cache in the making: a hidden folder that outlives an interruption.

    Its files only grow, and count as far as progress.json says; the rest is cut off on opening. <split>.u8 are the pixels,
    <split>.labels int64, <split>.attributes int8, left_out.jsonl the files left out, each with the reason.
    """

    def __init__(self, path: Path, of: dict) -> None:
        self.path = path
        path.mkdir(exist_ok=True)
        files = [f"{split}.{kind}" for split in SPLITS for kind in ("u8", "labels", "attributes")] + ["left_out.jsonl"]
        self.done: dict = self._progress(of) or {
            "of": of,
            "read": 0,
            "last": "",  # the last file read
            "left_out": 0,
            "counts": dict.fromkeys(SPLITS, 0),
            "bytes": dict.fromkeys(files, 0),
            "seconds": 0.0,
        }
        self.started = time.monotonic() - self.done["seconds"]
        self.files = {name: open(path / name, "a+b") for name in files}
        for name, file in self.files.items():
            file.truncate(self.done["bytes"][name])
            file.seek(0)
        self.hashes = {s: hashlib.file_digest(self.files[f"{s}.u8"], "sha256") for s in SPLITS}  # of what is there already

    def _progress(self, of: dict) -> dict | None:
        """How far an earlier session came with the very same pictures; None where that is of no use."""
        try:
            done = json.loads((self.path / "progress.json").read_bytes())
            whole = all((self.path / name).stat().st_size >= size for name, size in done["bytes"].items())
            return done if whole and done["of"] == of else None
        except (OSError, ValueError, KeyError):
            return None

    def add(self, batch: list[tuple], results: list[np.ndarray | str]) -> None:
        """Pictures (file, split, label, attributes), each prepared or the reason why not."""
        new: dict[str, list[bytes]] = {name: [] for name in self.files}
        counts = dict(self.done["counts"])
        for (file, split, label, attributes), result in zip(batch, results, strict=True):
            if isinstance(result, str):
                new["left_out.jsonl"].append(json.dumps([file, result]).encode() + b"\n")
                continue
            counts[split] += 1
            new[f"{split}.u8"].append(result.tobytes())
            new[f"{split}.labels"].append(np.int64(label).tobytes())
            new[f"{split}.attributes"].append(np.array(attributes, np.int8).tobytes())
        sizes = dict(self.done["bytes"])
        for name, parts in new.items():
            content = b"".join(parts)
            self.files[name].write(content)
            sizes[name] += len(content)
            if name.endswith(".u8"):
                self.hashes[name.removesuffix(".u8")].update(content)
        self.done = self.done | {
            "read": self.done["read"] + len(batch),
            "last": batch[-1][0],
            "left_out": self.done["left_out"] + len(new["left_out.jsonl"]),
            "counts": counts,
            "bytes": sizes,
        }

    def save(self) -> None:
        for file in self.files.values():
            file.flush()
            os.fsync(file.fileno())
        self.done["seconds"] = round(time.monotonic() - self.started, 1)
        write_atomically(self.path / "progress.json", json.dumps(self.done).encode())

    def some_left_out(self, most: int = 10) -> str:
        self.files["left_out.jsonl"].seek(0)
        rows = [json.loads(line) for line in islice(self.files["left_out.jsonl"], most)]
        text = ", ".join(f"{file} ({why})" for file, why in rows)
        return text + (f" and {self.done['left_out'] - most} more" if self.done["left_out"] > most else "")

    def finish(self, facts: dict, folder: Path) -> None:
        """Gives the whole cache its name."""
        self.save()
        for split in SPLITS:
            labels = np.fromfile(self.path / f"{split}.labels", np.int64)
            attributes = np.fromfile(self.path / f"{split}.attributes", np.int8)
            attributes = attributes.reshape(len(labels), len(facts["attribute_names"]))
            with open(self.path / f"{split}.npz", "wb") as f:
                np.savez(f, labels=labels, attributes=attributes)
                f.flush()
                os.fsync(f.fileno())
        hashes = {split: h.hexdigest() for split, h in self.hashes.items()}
        write_json(self.path / "meta.json", facts | {"sha256": hashes, "seconds": self.done["seconds"]})
        shutil.rmtree(folder, ignore_errors=True)  # a cache of an older format
        os.replace(self.path, folder)
        for name in ("progress.json", *(name for name in self.files if name.endswith((".labels", ".attributes")))):
            (folder / name).unlink()

    def close(self) -> None:
        """Leaves nothing behind where there is nothing to go on from."""
        for file in self.files.values():
            with suppress(OSError):
                file.close()
        if not self.done["read"]:
            shutil.rmtree(self.path, ignore_errors=True)


@contextmanager
def _workers() -> Iterator[ThreadPoolExecutor]:
    """Threads: Pillow lets others run while it decodes and resizes. Processes are no faster with photographs, and where they
    are not forked, a script without a main guard cannot start any."""
    Image.init()  # on its own, Pillow looks for more decoders at the first picture that needs one: not safe in several threads
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


Fitted = Iterator[tuple[list[tuple], list[np.ndarray | str]]]  # (file, split, label, attributes) and results, in order


def _drawn(pictures: Iterator[Picture]) -> tuple[list[tuple], list[bytes | Path | np.ndarray | str]]:
    """The next pictures, read."""
    batch = [(picture[:4], _read(picture)) for picture in islice(pictures, 64)]
    return [about for about, _ in batch], [content for _, content in batch]


def _fitted(pictures: Iterator[Picture], pool: ThreadPoolExecutor | None, size: int, crop: Crop, channels: int) -> Fitted:
    """Decoded here, or on all cores a few batches ahead: memory stays bounded."""
    if not pool:
        while (drawn := _drawn(pictures))[0]:
            yield drawn[0], _fit_all(drawn[1], size, crop, channels)
        return
    queue: deque = deque()
    while True:
        batch, read = _drawn(pictures)
        if batch:
            queue.append((batch, pool.submit(_fit_all, read, size, crop, channels)))
        if queue and (not batch or len(queue) > 2 * (os.cpu_count() or 1)):
            done, future = queue.popleft()
            yield done, future.result()
        elif not batch:
            return


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


def part(data: ImageData, start: int, stop: int | None = None) -> ImageData:
    """The images number `start` to `stop` alone, in the set's own order. Raises UserError where there are not so many."""
    if not 0 <= start < (len(data) if stop is None else stop) <= len(data):
        raise UserError(f"{data.name}: has {len(data):,} {data.split} images, not images {start:,} to {stop or len(data):,}")
    chosen, images = slice(start, stop), data.images
    return replace(
        data,
        images=images.part(chosen) if isinstance(images, Kept) else images[chosen],
        labels=None if data.labels is None else data.labels[chosen],
        attributes=None if data.attributes is None else data.attributes[chosen],
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
    for _, value in _caches():
        caches.setdefault(value["name"], Counter())[f"{value['size']} px ({sum(value['counts'].values()):,} images)"] += 1
    rows = []
    for name in sorted({*names(), *caches}):
        source = find(name)
        absent = "to download on first use" if name in sources.TORCHVISION else "not found"
        state = "found" if source else "cache only" if name in caches else absent
        rows.append(Listing(name, state, source.path if source else "", ", ".join(sorted(caches.get(name, ())))))
    return rows
