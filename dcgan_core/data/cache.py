"""Prepared images on disk, keyed by the content of their source."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from dcgan_core.config_io import did_you_mean
from dcgan_core.data import decoding
from dcgan_core.data.images import Crop
from dcgan_core.data.sources import finding, published, torchvision_sets
from dcgan_core.data.sources.source import SPLITS, Contents, Source, cache_root, digest
from dcgan_core.errors import UserError, reason
from dcgan_core.files import locked, read_json, write_atomically, write_json

KEPT = "kept.npz"  # in a cache folder: which training images `dcgan data dedup` keeps
FORMAT = 3  # of the cache; a cache with another number is prepared anew (up to 2, splits were found from all files)
SAVE_EVERY = 4096  # pictures; about what a power cut costs


def _fingerprint_of(source: Source) -> str:
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


def prepare(name: str, size: int | None = None, *, crop: Crop = "center", download: bool = True, verify: bool = False) -> Path:
    """Decodes a data set into the cache unless that is done already; returns the cache's folder.

    Continues an interrupted preparation, and waits for another process that is preparing the same set.
    Raises UserError if the set cannot be found, has no usable picture, or (with `verify`) is damaged.
    """
    if size is not None and not decoding.MIN_SIDE <= size <= 1024:
        raise UserError(f"`size` {size}: choose between {decoding.MIN_SIDE} and 1024 pixels")
    source = finding.find(name)
    if source is None:
        if cached := _any_cache(name, size, crop):
            return cached
        if os.sep in name or name.endswith(".zip"):
            raise UserError(f"{name}: no such zip or folder")
        if name not in published.KNOWN:
            hint = "" if name in ("faces", "rooms", "imagenet32") else did_you_mean(name, finding.names())
            raise UserError(f"unknown data set {name!r}: {published.how_to_get(name)}{hint}")
        if not download or name not in published.TORCHVISION:
            raise UserError(f"{name}: not found; {published.how_to_get(name)}")
        torchvision_sets.download(name)
        source = finding.find(name)
    assert source is not None  # it was downloaded, at the latest
    fingerprint = _fingerprint_of(source)
    size = size or source.size
    folder = cache_root() / f"{source.name}-{size}px-{crop}-{fingerprint[:12]}"
    if not _is_prepared(folder):
        _decode(source, fingerprint, folder, size, crop)
    elif verify:
        _verify(source, folder)
    return folder


def _is_prepared(folder: Path) -> bool:
    return (folder / "meta.json").is_file() and read_json(folder / "meta.json", "a cache").get("format") == FORMAT


def _any_cache(name: str, size: int | None, crop: str) -> Path | None:
    """The newest cache of a set whose source is gone."""
    asked = {"name": name, "crop": crop} | ({"size": size} if size else {})
    fits = (path for path, meta in caches() if asked.items() <= {key: meta[key] for key in asked}.items())
    return max(fits, key=lambda path: path.stat().st_mtime, default=None)


def caches() -> Iterator[tuple[Path, dict]]:
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
        waiting = f"{source.name}: another process is preparing it; waiting for it to finish"
        with locked(unfinished.with_suffix(".lock"), waiting):
            if _is_prepared(folder):
                return
            _remove_outdated(unfinished, f".{source.name}-{size}px-{crop}-")
            try:
                contents = source.open(size)
            except RuntimeError as error:  # torchvision's checks of its files
                raise UserError(f"{source.path}: {reason(error)}; {published.how_to_get(source.name)}") from None
            of = {"format": FORMAT, "fingerprint": fingerprint, "size": size, "crop": crop}
            cache = _Unfinished(unfinished, of)
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
                noted = {key: getattr(source, key) for key in ("name", "channels", "licence")}
                noted |= {key: getattr(contents, key) for key in ("classes", "attribute_names")}
                noted |= {key: done[key] for key in ("counts", "left_out")}
                cache.finish(of | noted | {"source": Path(source.path).name}, folder)
            finally:
                cache.close()
    except OSError as error:
        way_out = "free some space, or set DCGAN_CACHE; the same command continues where it stopped"
        raise UserError(f"could not write {folder}: {error.strerror or error}; {way_out}") from None


def _decode_into(cache: _Unfinished, source: Source, contents: Contents, size: int, crop: Crop) -> None:
    """Every picture that is not in it yet. However this ends, what it has written counts."""
    done = saved = cache.done["read"]
    if done:
        print(f"{source.name}: continuing after the first {done:,} files", file=sys.stderr)
    bar = tqdm(
        initial=done, total=contents.count, desc=f"preparing {source.name} at {size} px", unit=" images", leave=False, delay=2
    )
    few = contents.ready or (contents.count is not None and contents.count < 2_000)  # not worth starting threads for
    squares = decoding.squares(contents.pictures(done, cache.done["last"]), size, crop, source.channels, threads=not few)
    try:
        with bar, closing(squares):
            for batch, results in squares:
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

    def some_left_out(self) -> str:
        most = 10
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
