"""The book's own sets, picked out of published ones by lists of names that ship with it."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tqdm.auto import tqdm

from dcgan_core import pictures
from dcgan_core.data import decoding
from dcgan_core.data.sources import finding, source, tables, tree
from dcgan_core.data.sources.layout import Parts
from dcgan_core.errors import UserError, reason
from dcgan_core.files import replacing

LISTS = Path(__file__).resolve().parent / "lists"


@dataclass(frozen=True)
class Origin:
    """What a set is picked out of. names: how many names at the end of a picture's path tell it apart."""

    of: str
    size: int
    names: int
    places: tuple[str, ...]  # where it is looked for under the data root
    unknown: str = ""  # what was not recorded when the book's own set was made


PICKED = {
    "faces": Origin("CelebA", 64, 1, ("celeba.zip", "celeba"), "how the book's own were cut to 64 pixels was not recorded"),
    "imagenet32": Origin(
        *("Tiny-ImageNet", 32, 1, tuple(f"{stem}{kind}" for stem in finding.TINY for kind in (".zip", ""))),
        "how the book's own were made smaller was not recorded",
    ),
    "places-rooms": Origin("Places365", 64, 2, ("places365.zip", "places365", "data_256_standard")),
}


def listed_files(name: str) -> list[str]:
    """The files of a set, as its zip has them."""
    files = []
    for line in (LISTS / f"{name}.txt").read_text().splitlines():
        if not line.startswith("#"):
            form, *ranges = line.split(" ")
            for first, _, last in (r.partition("-") for r in ranges):
                files += [form.format(i) for i in range(int(first), int(last or first) + 1)]
    return files


def pick_set(name: str, where: Path | None = None, out: Path | None = None, cut: int = 0) -> tuple[Path, list[str]]:
    """Makes a set's zip out of the published one. Returns it, and what there is to say of it.

    where: the zip or folder of the published set, in any layout; looked for under the data root otherwise. out: the new zip
    (default: NAME.zip under the data root). cut: take the middle so many pixels of each, before they are made smaller (default:
    the whole shorter side). Raises UserError where a picture is missing, and leaves no file then.
    """
    if name not in PICKED:
        raise UserError(f"no list is called {name!r}; there are: {', '.join(PICKED)}")
    origin, out = PICKED[name], out or source.data_root() / f"{name}.zip"
    if out.exists():
        raise UserError(f"{out}: already exists; choose another `out`")
    if cut and not origin.size <= cut <= 1024:
        raise UserError(f"`cut` {cut}: choose between {origin.size} and 1024 pixels")
    where = where or next((p for p in (source.data_root() / place for place in origin.places) if p.exists()), None)
    if where is None:
        places = " or ".join(origin.places)
        raise UserError(f"{name}: {origin.of} is not under {source.data_root()} ({places}); say where it lies with `from`")
    files, wanted = tree.files_in(where), listed_files(name)
    found = _matched(files, wanted, origin)
    table = _attributes(files, found)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with replacing(out) as unfinished, zipfile.ZipFile(unfinished, "w") as archive, decoding.any_size():
            for file, content in _made(files, found, origin.size, cut):
                archive.writestr(zipfile.ZipInfo(file), content)
            if table:
                archive.writestr(zipfile.ZipInfo("attributes.csv"), table)
    except OSError as error:
        raise UserError(f"could not write {out}: {error.strerror or error}; free some space, or choose another `out`") from None
    of = f"the middle {cut} pixels" if cut else "the middle square"
    said = [f"{len(found):,} pictures of {origin.of}, {of} at {origin.size} pixels"]
    said += ["with attributes.csv"] if table else []
    return out, said + ([origin.unknown] if origin.unknown else [])


def _matched(files: tree.Files, wanted: list[str], origin: Origin) -> dict[str, Parts]:
    """The published picture of each that is wanted, by the end of its path."""
    there: dict[Parts, Parts] = {}
    for parts in sorted(files.called, reverse=True):  # of several, the first
        there[parts[-1:]] = parts
        there[parts[-origin.names :]] = parts
    ends = {file: tuple(file.split("/"))[-origin.names :] for file in wanted}
    # a name that alone tells it apart, such as Places365_val_00000244.jpg, may lie in any folder
    ends = {file: end if end in there or end[-1][:1].isdigit() else end[-1:] for file, end in ends.items()}
    missing = [file for file, end in ends.items() if end not in there]
    if missing:
        some = ", ".join("/".join(ends[file]) for file in missing[:3])
        raise UserError(
            f"{files.where}: {len(missing):,} of {len(wanted):,} pictures of {origin.of} are not in it, such as {some}"
        )
    return {file: there[end] for file, end in ends.items()}


def _made(files: tree.Files, found: dict[str, Parts], size: int, cut: int) -> Iterator[tuple[str, bytes]]:
    for file, parts in tqdm(found.items(), desc="picking", unit=" pictures", leave=False, delay=2):
        try:
            image = decoding.open_picture(files.read(files.called[parts]))
            pixels = decoding.fitted(decoding.middle(image, cut) if cut else image, size)
        except MemoryError:
            raise
        except Exception as error:  # Pillow's decoders raise many kinds
            raise UserError(f"{files.where}/{'/'.join(parts)}: {reason(error)}; get it again") from None
        yield file, pictures.encode(pixels, "jpeg", quality=90)


def _attributes(files: tree.Files, found: dict[str, Parts]) -> bytes:
    """The rows of the published table of attributes for what is picked; none where there is no table."""
    at = next((parts for parts in files.called if parts[-1].lower() in tables.ATTRIBUTES), None)
    if at is None:
        return b""
    table = tables.AttributeTable(files.read(files.called[at]), "/".join(at), set(found.values()))
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["file", *table.names])
    rows.writerows([file.rpartition("/")[2], *(table.of(parts) or [0] * len(table.names))] for file, parts in found.items())
    return text.getvalue().encode()
