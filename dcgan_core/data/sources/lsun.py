"""LSUN's bedrooms, from their lmdb (§4.1)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from dcgan_core.data.sources import published, source
from dcgan_core.data.sources.source import Contents, Picture, Source
from dcgan_core.errors import UserError, reason


def found_in(folder: Path) -> Source | None:
    """Any category of LSUN: one lmdb, with its other split where that lies beside it, or a folder with one or two of them."""
    if (folder / "data.mdb").is_file():
        root, train = folder.resolve().parent, folder.resolve().name
    else:
        inside = sorted(p.name for p in folder.glob("*_train_lmdb") if (p / "data.mdb").is_file())
        if len(inside) != 1:
            return None
        root, train = folder, inside[0]
    both = {"train": train}
    test = train.replace("_train_lmdb", "_val_lmdb")
    if test != train and (root / test).is_dir():
        both["test"] = test
    name = train.removesuffix("_lmdb").removesuffix("_train")
    return replace(lsun_source(root, name=name, parts=both), again=str(folder.resolve()))


def lsun_source(root: Path, *, name: str = "lsun", parts: dict[str, str] = published.LSUN) -> Source:
    """As LSUN's download.py and unzip leave them: a key and a JPEG or WebP for each picture. parts: split -> folder."""

    def folders() -> dict[str, Path]:
        found = {split: root / folder for split, folder in parts.items() if (root / folder).is_dir()}
        if "train" not in found:
            raise UserError(f"{root}: {parts['train']} is missing; {published.how_to_get('lsun')}")
        return found

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
                    yield Picture(f"{folder.name}/{key.decode('latin-1')}", split, 0, (), source.given(value))
                    more = cursor.next()
            at = ""

    def fingerprint() -> str:
        count()  # says what is wrong with the files before they are read as if they were whole
        return source.sampled_checksum([folder / "data.mdb" for folder in folders().values()])

    def stamp() -> list:
        paths = (root / folder / "data.mdb" for folder in parts.values())
        return source.stamp_of([path for path in paths if path.is_file()])

    licence, size, channels, _ = published.KNOWN["lsun"]
    return Source(name, str(root), licence, size, channels, stamp, fingerprint, lambda _: Contents(pictures, count()))


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
