"""Imagenet-1k (§4.3), a tree or tars."""

import re
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

from dcgan_core.data.sources import published, source, tree
from dcgan_core.data.sources.source import Contents, Picture, Source
from dcgan_core.errors import UserError, reason


def imagenet_source(folder: Path) -> Source:
    """The tree of torchvision's ImageFolder, or the tars in which ILSVRC2012 is given out."""
    whole = folder / "ILSVRC2012_img_train.tar"
    tars = [p for place in (folder / "train", folder) if place.is_dir() for p in sorted(place.glob("n*.tar"))]
    if not tars and whole.is_file() and not (folder / "train").is_dir():
        tars = [whole]
    if tars:
        return _tars_source(folder, tars)
    parts = tuple(f for f in ("train", "val") if (folder / f).is_dir())  # its `test` has no labels; lists may lie beside it
    found = tree.folder_source("imagenet", folder, parts if "train" in parts else ())
    return replace(found, again="imagenet")


def _tars_source(folder: Path, tars: list[Path]) -> Source:
    """A tar of JPEGs for each class, or one tar of such tars: read as they lie there, in order, without unpacking."""

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
                        yield Picture(path, "test" if source.held_out(path) else "train", number[name], (), image.read)
                    elif member == last_name:
                        at = ""

        return Contents(pictures, None, tuple(names))

    licence, size, channels, _ = published.KNOWN["imagenet"]
    stamp, fingerprint = lambda: source.stamp_of(tars), lambda: source.sampled_checksum(tars)
    return Source("imagenet", str(folder), licence, size, channels, stamp, fingerprint, contents)


def _members(file: IO[bytes], where: str) -> Iterator[tuple[str, IO[bytes]]]:
    """The files in a tar. Raises UserError where it is damaged or ends early, most of which tarfile itself passes over."""
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            for member in tar:
                if member.isfile() and (content := tar.extractfile(member)):
                    yield member.name, content
            file.seek(tar.offset)
            if file.read(512) != bytes(512):
                raise tarfile.ReadError(f"no end, or no file, at byte {tar.offset:,}")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise UserError(f"{where}: damaged ({reason(error)}); get it again") from None
