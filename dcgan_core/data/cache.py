"""Prepared images on disk, keyed by the content of their source."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from dcgan_core.data import decoding
from dcgan_core.data.images import Crop
from dcgan_core.data.sources import downloading, finding, published
from dcgan_core.data.sources.source import SPLITS, Contents, Source, cache_root, digest, plain
from dcgan_core.errors import UserError, reason
from dcgan_core.files import locked, read_json, write_atomically, write_json

KEPT = "kept.npz"  # in a cache folder: which training images `dcgan data dedup` keeps
FORMAT = 4  # of the cache; a cache with another number is prepared anew (up to 3, other rules of reading; hidden colours)
SAVE_EVERY = 4096  # pictures; about what a power cut costs
WAY_OUT = "free some space, or set DCGAN_CACHE to a folder that can be written"


def fingerprint_of(source: Source) -> str:
    """The source's fingerprint, remembered by what its files look like from outside."""
    stamp = digest([source.name, source.stamp()])
    return _remembered().get(stamp) or _remember(stamp, source.fingerprint())


def _remembered() -> dict[str, str]:
    try:
        return json.loads((cache_root() / "fingerprints.json").read_bytes())
    except (OSError, ValueError):
        return {}


def _remember(stamp: str, fingerprint: str) -> str:
    with suppress(OSError, UserError):  # a cache that cannot be written can yet be read
        cache_root().mkdir(parents=True, exist_ok=True)
        write_json(cache_root() / "fingerprints.json", _remembered() | {stamp: fingerprint})
    return fingerprint


def prepare(
    name: str,
    size: int | None = None,
    *,
    crop: Crop = "center",
    grey: bool = False,
    download: bool = True,
    verify: bool = False,
) -> Path:
    """Decodes a data set into the cache unless that is done already; returns the cache's folder.

    grey: one channel, even for a colour set. Continues an interrupted preparation, and waits for another process
    that is preparing the same set. A copy of the very same pictures is used, wherever they lay then and whatever their times.
    Raises UserError if the set cannot be found, has no usable picture, or (with `verify`) is damaged.
    """
    if size is not None and not decoding.MIN_SIDE <= size <= 1024:
        raise UserError(f"`size` {size}: choose between {decoding.MIN_SIDE} and 1024 pixels")
    source = finding.find(name)
    if source is None:
        if not verify and (cached := _any_cache(name, size, crop, grey)):
            return cached
        if finding.is_path(name) or name not in published.KNOWN:
            raise UserError(finding.unknown(name, f"unknown data set {name!r}: {published.how_to_get(name)}"))
        if not download or name not in downloading.fetchable():
            raise UserError(f"{name}: not found; {published.how_to_get(name)}{finding.as_path(name)}")
        downloading.download(name)
        source = finding.find(name)
    assert source is not None  # it was downloaded, at the latest
    of = {"size": size or source.size, "crop": crop, "channels": 1 if grey else source.channels}
    fingerprint = fingerprint_of(source)
    form = f"{of['size']}px-{crop}" + ("" if of["channels"] == source.channels else "-grey")
    folder = cache_root() / f"{source.name}-{form}-{fingerprint[:12]}"
    if not _is_prepared(folder):
        if same := _same(source, fingerprint, of):
            folder = same
        else:
            _decode(source, folder, {"format": FORMAT, "fingerprint": fingerprint, **of})
    if verify:
        _verify(source, folder)
    return folder


def _is_prepared(folder: Path) -> bool:
    return (folder / "meta.json").is_file() and read_json(folder / "meta.json", "a cache").get("format") == FORMAT


def _any_cache(name: str, size: int | None, crop: str, grey: bool) -> Path | None:
    """The newest cache of a set whose source is gone."""
    asked = {"name": name, "crop": crop} | ({"size": size} if size else {}) | ({"channels": 1} if grey else {})
    fits = (
        path
        for path, meta in caches()
        if asked.items() <= {key: meta[key] for key in asked}.items() and (grey or "-grey-" not in path.name)
    )
    return max(fits, key=lambda path: path.stat().st_mtime, default=None)


def caches() -> Iterator[tuple[Path, dict]]:
    """Every prepared set: its folder and its meta.json."""
    for path in sorted(cache_root().glob("[!.]*/meta.json")):
        try:
            meta = read_json(path, "a cache")
        except UserError:  # `dcgan data list` shows it as damaged; other sets need not wait for that
            continue
        if meta.get("format") == FORMAT:
            yield path.parent, meta


def _same(source: Source, fingerprint: str, of: dict) -> Path | None:
    """A cache of the very same pictures that were elsewhere, had other names or other times when it was made."""
    of = of | {"licence": source.licence}
    fits = [(path, meta) for path, meta in caches() if of.items() <= meta.items()]
    same = next((found for found in fits if found[1]["fingerprint"] == fingerprint), None)
    if not same and source.by_times and fits:
        contents = source.open(of["size"])
        fits = [found for found in fits if found[1]["files"] == contents.count]
        content = _content_of_all(contents) if fits else ""
        same = next((found for found in fits if found[1]["content"] == content), None)
    if not same:
        return None
    path, meta = same
    _remember(digest([source.name, source.stamp()]), meta["fingerprint"])
    if source.again not in meta["places"]:
        with suppress(UserError):
            write_json(path / "meta.json", meta | {"places": [*meta["places"], source.again]})
    return path


def _content_of_all(contents: Contents) -> str:
    """A digest of all pictures in their order, with splits, classes and attributes, but without names and times."""
    h, pictures = _hash_of(contents), contents.pictures(0, "")
    while (read := decoding.next_read(pictures))[0]:
        for about, picture in zip(*read, strict=True):
            with suppress(OSError):
                h.update(_content_row(about, b"" if isinstance(picture, str) else decoding.content_of(picture)))
    return h.hexdigest()


def _hash_of(contents: Contents) -> Any:
    return hashlib.sha256(json.dumps([contents.classes, contents.attribute_names]).encode())


def _content_row(about: tuple, content: bytes) -> bytes:
    """Of one picture, 16 bytes; none of what cannot be read."""
    return hashlib.blake2b(repr(about[1:4]).encode() + content, digest_size=16).digest() if content else b""


def _decode(source: Source, folder: Path, of: dict) -> None:
    """Reads every picture once, on all cores, into a new cache folder that appears under its name only when whole."""
    unfinished = folder.with_name(f".{folder.name}.partial")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        waiting = f"{source.name}: another process is preparing it; waiting for it to finish"
        with locked(unfinished.with_suffix(".lock"), waiting):
            if _is_prepared(folder):
                return
            beginning = folder.name.removesuffix(of["fingerprint"][:12])
            _remove_outdated(unfinished, f".{beginning}")
            try:
                contents = source.open(of["size"])
            except RuntimeError as error:  # torchvision's checks of its files
                raise UserError(f"{source.path}: {reason(error)}; {published.how_to_get(source.name)}") from None
            cache = _Unfinished(unfinished, of)
            try:
                with decoding.any_size():
                    _decode_into(cache, source, contents, of)
                done = cache.done
                if not done["counts"]["train"]:
                    what = f"; left out: {cache.some_left_out()}" if done["left_out"] else ""
                    what += "; all are in the test set" if done["counts"]["test"] else ""
                    shutil.rmtree(unfinished, ignore_errors=True)
                    raise UserError(f"{source.path}: no usable picture for training in it{plain(what)}")
                older = sum(source.again in m["places"] and path.name.startswith(beginning) for path, m in caches())
                noted = {key: getattr(source, key) for key in ("name", "licence")}
                noted |= {key: getattr(contents, key) for key in ("classes", "attribute_names", "notes")}
                noted |= {key: done[key] for key in ("counts", "left_out")} | {"files": done["read"]}
                meta = of | noted | {"source": Path(source.path).name, "places": [source.again]}
                told = understood(meta, cache.some_left_out())
                cache.finish(meta, folder, contents)
                if older:
                    what = f"its pictures changed, so this is another copy beside {older} older"
                    print(f"{source.name}: {what}; dcgan data clean removes what is not used any more", file=sys.stderr)
                if source.again != source.name or meta["left_out"]:  # of other sets all is known
                    print(told, file=sys.stderr)
            finally:
                cache.close()
    except OSError as error:
        why = f"{error.strerror or error}; {WAY_OUT}; the same command continues where it stopped"
        raise UserError(f"could not write {folder}: {why}") from None


def understood(meta: dict, left_out: str = "") -> str:
    """What was understood of a set: `12 train, 12 test, 2 classes in pets.zip`, and what else there is to say.

    meta: of its cache. left_out: some of the files left out, with reasons.
    """
    facts = [f"{count:,} {split}" for split, count in meta["counts"].items()]
    facts += [f"{len(meta['classes'])} classes"] if meta["classes"] else []
    notes = list(meta["notes"])
    if meta["left_out"]:
        notes.append(f"left out {meta['left_out']:,} of {meta['files']:,} files" + (f": {left_out}" if left_out else ""))
    return plain("; ".join([f"{', '.join(facts)} in {meta['source']}", *notes]))


def _decode_into(cache: _Unfinished, source: Source, contents: Contents, of: dict) -> None:
    """Every picture that is not in it yet. However this ends, what it has written counts."""
    done = saved = cache.done["read"]
    if done:
        print(f"{source.name}: continuing after the first {done:,} files", file=sys.stderr)
    title = f"preparing {source.name} at {of['size']} px"
    bar = tqdm(initial=done, total=contents.count, desc=title, unit=" images", leave=False, delay=2)
    few = contents.ready or (contents.count is not None and contents.count < 2_000)  # not worth starting threads for
    pictures = contents.pictures(done, cache.done["last"])
    squares = decoding.squares(pictures, of["size"], of["crop"], of["channels"], threads=not few)
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
    <split>.labels int64, <split>.attributes int8, left_out.jsonl the files left out, each with the reason, content 16 bytes of
    each file (`_content_of_all`).
    """

    def __init__(self, path: Path, of: dict) -> None:
        self.path = path
        path.mkdir(exist_ok=True)
        files = [f"{split}.{kind}" for split in SPLITS for kind in ("u8", "labels", "attributes")] + [
            "left_out.jsonl",
            "content",
        ]
        self.done: dict = self._progress(of) or {
            "of": of,
            "read": 0,
            "last": "",  # the last file read
            "left_out": 0,
            "counts": dict.fromkeys(SPLITS, 0),
            "bytes": dict.fromkeys(files, 0),
        }
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

    def add(self, batch: list[tuple], results: list[decoding.Result]) -> None:
        """Pictures (file, split, label, attributes), each prepared or the reason why not, with a digest of its file."""
        new: dict[str, list[bytes]] = {name: [] for name in self.files}
        counts = dict(self.done["counts"])
        for about, (result, content) in zip(batch, results, strict=True):
            file, split, label, attributes = about
            new["content"].append(_content_row(about, content))
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
        write_atomically(self.path / "progress.json", json.dumps(self.done).encode())

    def some_left_out(self) -> str:
        """Some of the files left out and why: all of them where they are few, else three for each reason."""
        self.files["left_out.jsonl"].seek(0)
        if self.done["left_out"] <= 10:
            return ", ".join(f"{file} ({why})" for file, why in map(json.loads, self.files["left_out.jsonl"]))
        reasons: dict[str, list] = {}
        for file, why in map(json.loads, self.files["left_out.jsonl"]):
            kind = reasons.setdefault(re.sub(r"\d+", "N", why), [0])
            kind[0] += 1
            kind += [f"{file} ({why})"] if len(kind) <= 3 else []
        several = sorted(reasons.values(), key=lambda kind: -kind[0])
        text = ", ".join(
            ", ".join(some) + (f" and {n - len(some):,} more" if n > len(some) else "") for n, *some in several[:5]
        )
        return text + (f" and {len(several) - 5} more reasons" if len(several) > 5 else "")

    def finish(self, facts: dict, folder: Path, contents: Contents) -> None:
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
        content = _hash_of(contents)
        content.update((self.path / "content").read_bytes())
        hashes = {split: h.hexdigest() for split, h in self.hashes.items()}
        more = {"sha256": hashes, "content": content.hexdigest()}
        write_json(self.path / "meta.json", facts | more)
        shutil.rmtree(folder, ignore_errors=True)  # a cache of an older format
        os.replace(self.path, folder)
        for name in ("progress.json", "content", *(name for name in self.files if name.endswith((".labels", ".attributes")))):
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
    known = source.fingerprint() == meta["fingerprint"]
    if not known and (not source.by_times or _content_of_all(source.open(meta["size"])) != meta["content"]):
        raise UserError(f"{source.path}: changed since it was prepared; delete {folder} and prepare it again")
    damaged = source.check()
    if damaged:
        raise UserError(f"{source.path}: {damaged} in it is damaged; get the archive again")
    for split in SPLITS:
        with open(folder / f"{split}.u8", "rb") as f:
            if hashlib.file_digest(f, "sha256").hexdigest() != meta["sha256"][split]:
                raise UserError(f"{folder / f'{split}.u8'}: damaged; delete {folder} and prepare it again")
