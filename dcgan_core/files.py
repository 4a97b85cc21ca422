"""Writes files atomically: a reader never sees half a file."""

import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from dcgan_core.errors import UserError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`, renamed to it at the end. If anything fails, the old file is still intact."""
    temporary = path.parent / f".{path.name}.{secrets.token_hex(4)}.tmp"
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        with suppress(OSError):  # must not hide the error of the write
            temporary.unlink()


def write_atomically(path: Path, content: bytes | memoryview) -> None:
    """Writes a whole file, or leaves the old one."""
    try:
        with replacing(path) as temporary, open(temporary, "wb") as f:
            f.write(content)
            f.flush()
            os.fsync(f.fileno())
    except OSError as error:
        way_out = "make its folder, free some space or choose another place, then go on (what was saved before is untouched)"
        raise UserError(f"could not write {path}: {error.strerror or error}; {way_out}") from error


def write_json(path: Path, value: Any) -> None:
    write_atomically(path, (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode(errors="surrogatepass"))


def read_json(path: Path, what: str) -> Any:
    """The file's JSON value; a missing or damaged file is a UserError that calls it `what`."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; {what} should be there") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise UserError(f"{path}: damaged, not {what} ({error})") from None


@contextmanager
def locked(path: Path, waiting: str = "") -> Iterator[bool]:
    """Holds a lock file, which stays, against other processes; True where it is held.

    Where another process has it: says `waiting` and waits; without that, yields False at once. The operating system lets go
    of it when a process dies, however that happens.
    """
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        if not waiting:
            yield False
            return
        print(waiting, file=sys.stderr)
        lock.acquire()
    try:
        yield True
    finally:
        lock.release()
