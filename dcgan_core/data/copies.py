"""What lies in the cache, how large and how old it is, and taking away what nobody needs any more."""

import shutil
import time
from pathlib import Path
from typing import NamedTuple

from dcgan_core.data.cache import FORMAT, fingerprint_of
from dcgan_core.data.sources import finding
from dcgan_core.data.sources.source import cache_root
from dcgan_core.errors import UserError
from dcgan_core.files import locked, read_json


class Copy(NamedTuple):
    """A prepared set in the cache."""

    path: Path
    name: str
    what: str  # size, crop, how many pictures
    bytes: int
    days: float  # since it was made
    needless: str  # why it is of no use any more; empty where it is


def prepared_copies() -> list[Copy]:
    """All that lies in the cache, whole or not, by name."""
    found = []
    for path in sorted(cache_root().glob("*px-*")):
        if not path.is_dir():
            continue
        files = [p.stat() for p in path.iterdir() if p.is_file()]
        days = (time.time() - max((f.st_mtime for f in files), default=path.stat().st_mtime)) / 86400
        name, what, needless = _about(path)
        found.append(Copy(path, name, what, sum(f.st_size for f in files), days, needless))
    return sorted(found, key=lambda copy: (copy.name, copy.days))


def _about(path: Path) -> tuple[str, str, str]:
    """Name, what it holds, and why it is of no use, if so."""
    try:
        meta = read_json(path / "meta.json", "a cache")
        name, count = meta["name"], sum(meta["counts"].values())
        what = f"{meta['size']} px, {meta['crop']}, {count:,} images"
    except (UserError, KeyError, TypeError, AttributeError):
        name = path.name.removeprefix(".").rpartition("px-")[0].rpartition("-")[0]
        return name, "unfinished" if path.name.endswith(".partial") else "damaged", "not whole"
    if meta.get("format") != FORMAT:
        return name, what, "made by an older version"
    states = [_state(place, meta["fingerprint"]) for place in meta["places"]]
    return name, what, "" if "" in states else states[-1]


def _state(place: str, fingerprint: str) -> str:
    """Is what a copy was made from still there, and the same? place: a name or path. Empty: yes."""
    try:
        source = finding.find(place)
        return "its source is gone" if not source else "" if fingerprint_of(source) == fingerprint else "its source changed"
    except (UserError, OSError) as error:
        return f"its source cannot be read ({error})"


def remove(copy: Copy) -> bool:
    """Removes a copy, unless a process is preparing it; was it removed? Raises UserError where it cannot be."""
    lock = copy.path.with_name(f".{copy.path.name.strip('.').removesuffix('.partial')}.lock")
    try:
        with locked(lock) as free:
            if free:
                shutil.rmtree(copy.path)
        return free
    except OSError as error:
        raise UserError(f"{copy.path}: cannot be removed ({error.strerror})") from None
