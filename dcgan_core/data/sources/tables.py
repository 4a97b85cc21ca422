"""Tables beside pictures, as spreadsheets of all countries write them: attributes and labels."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from dcgan_core.data.sources.layout import Parts, parts_of, wrapper_of
from dcgan_core.data.sources.source import plain
from dcgan_core.errors import UserError, reason

ATTRIBUTES = {*(f"attributes.{kind}" for kind in ("csv", "tsv", "txt")), "list_attr_celeba.csv", "list_attr_celeba.txt"}
LABELS = tuple(f"annotations.{kind}" for kind in ("txt", "csv", "tsv"))  # how the name of a table of labels ends
MOST_BYTES = 500_000_000  # of a table: CelebA's, of 200,000 pictures and 40 columns, has 25 million


def _text(content: bytes) -> str:
    """In UTF-8, UTF-16, or Windows' encoding of Western Europe. Raises ValueError where it is none of them."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16")
    if b"\0" in content[:100]:
        return content.decode("utf-16-le" if content[1:2] == b"\0" else "utf-16-be")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252")


def _rows(content: bytes) -> list[tuple[int, list[str]]]:
    """The rows that are not blank, each with the number of its line. Between cells: whatever the first line has most of.

    Raises ValueError or csv.Error where it is no text, or has no two columns.
    """
    text = _text(content).lstrip("\ufeff")
    first = next((line for line in text.splitlines() if line.strip()), "")
    skipped = 0
    if first.lower().startswith("sep=") and len(first) == 5:  # Excel's own note
        between, text = first[4], text.partition(first)[2].lstrip("\r\n")
        skipped = 1
    else:
        first = next((line for line in text.splitlines() if len(line.split()) > 1 or not line.strip().isdigit()), "")
        between = max(",;\t|", key=first.count)
        if between not in first:
            between = " "  # as CelebA's own list: a count, names, then rows
    if between == " ":
        found = [(i, line.split()) for i, line in enumerate(text.splitlines(), 1)]
        found = found[1:] if found and len(found[0][1]) == 1 else found
        if len(found) > 1 and len(found[0][1]) == len(found[1][1]) - 1:  # no name over the files
            found[0][1].insert(0, "")
    else:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=between, skipinitialspace=True)
        found = [(skipped + reader.line_num, [cell.strip() for cell in row]) for row in reader]
    found = [(number, row) for number, row in found if any(row)]
    if not found or max(len(row) for _, row in found) < 2:
        raise ValueError("it has no two columns")
    return found


def _bytes(table: bytes | Path) -> bytes:
    if isinstance(table, bytes):
        return table
    if table.stat().st_size > MOST_BYTES:
        raise ValueError("too large for a table")
    return table.read_bytes()


def labels(table: bytes | Path, where: str) -> dict[str, str]:
    """File name -> class, from a table whose first two columns are these. Raises UserError where it is none."""
    try:
        return {parts_of(row[0])[-1]: row[1] for _, row in _rows(_bytes(table)) if len(row) > 1}
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{where}: not a table of file names and classes ({reason(error)})") from None


def _value(cell: str) -> int | None:
    """1, 0 or -1; also as 1.0, 1,0 or with the long minus. None: something else."""
    try:
        number = float(cell.replace("−", "-").replace(",", "."))
    except ValueError:
        return None
    return int(number) if number in (-1, 0, 1) else None


class AttributeTable:
    """The columns of an attributes.csv, and of each file its values."""

    def __init__(self, table: bytes | Path, where: str, files: set[Parts]) -> None:
        """files: the pictures there are. Raises UserError where it is no table of 1, -1 and 0."""
        self.where = where
        try:
            (_, header), *body = _rows(_bytes(table))
        except (OSError, ValueError, csv.Error) as error:
            raise UserError(f"{where}: not a table of file names and values ({reason(error)})") from None
        if len(header) > 1 and all(_value(cell) is not None for cell in header[1:]):
            raise UserError(f"{where}: its first line has no names of columns; write one above it, such as file,Smiling")
        width = max((i + 1 for i, cell in enumerate(header) if cell), default=0)  # cells behind that are spreadsheets' own
        if not any(any(row[width:]) for _, row in body):
            header, body = header[:width], [(number, row[:width]) for number, row in body]
        at = self._file_column(header, body, files)
        columns = [i for i in range(len(header)) if i != at and (header[i] or i > at)]  # one without a name before it: numbers
        self.names = tuple(header[i] for i in columns)
        if len(set(self.names)) < len(self.names) or not all(self.names):
            raise UserError(f"{where}: every column needs a name of its own")
        self.rows: dict[Parts, tuple[int, ...]] = {}
        for number, row in body:
            values = tuple(v for i in columns if i < len(row) and (v := _value(row[i])) is not None)
            if len(row) != len(header) or len(values) < len(columns):
                raise UserError(f"{where}, line {number}: expected {len(columns)} values of 1, -1 or 0 behind the file name")
            if self.rows.setdefault(parts_of(row[at]), values) != values:
                raise UserError(f"{where}, line {number}: {plain(row[at])} has other values than in a line above")
        of_row, self.form = self._forms(files)
        self.by_form = {of_row(key): values for key, values in self.rows.items()}
        self.known = sum(self.of(file) is not None for file in files)

    @staticmethod
    def _file_column(header: list[str], body: list[tuple[int, list[str]]], files: set[Parts]) -> int:
        """The column with the most names of pictures in its first rows; else the first that has a name."""
        names = {file[-1] for file in files}
        found = [sum(i < len(r) and parts_of(r[i])[-1] in names for _, r in body[:100]) for i in range(len(header))]
        return found.index(max(found)) if any(found) else next((i for i, cell in enumerate(header) if cell), 0)

    def _forms(self, files: set[Parts]) -> tuple[Callable[[Parts], Parts], Callable[[Parts], Parts]]:
        """How names of the table and of pictures are compared: in the first way in which most agree.

        As they are; without what is around all of the table's; and without letters' case; and without endings.
        """
        wrapper = len(wrapper_of([key[:-1] for key in self.rows]))
        ways = (
            (lambda p: p, lambda p: p),
            (lambda p: p[wrapper:], lambda p: p),
            (lambda p: _low(p[wrapper:]), _low),
            (lambda p: _stem(_low(p[wrapper:])), lambda p: _stem(_low(p))),
        )
        best, most = ways[0], 0
        for of_row, of_picture in ways:
            there = {of_row(key) for key in self.rows}
            count = sum(any(end in there for end in _ends(of_picture(file))) for file in files)
            if count > most:
                best, most = (of_row, of_picture), count
            if most == min(len(files), len(self.rows)):
                break
        return best

    def of(self, file: Parts) -> tuple[int, ...] | None:
        """A picture's values, found by its whole path or by the end of it."""
        return next((self.by_form[end] for end in _ends(self.form(file)) if end in self.by_form), None)

    def note(self, pictures: int) -> str:
        """What was understood, for people. pictures: how many there are."""
        some = ", ".join(self.names[:3]) + (f" and {len(self.names) - 3} more" if len(self.names) > 3 else "")
        note = f"attributes {some}: {self.known:,} of {pictures:,} pictures in {PurePosixPath(self.where).name}"
        if 2 * self.known < pictures and self.rows:
            note += f", whose rows are called {'/'.join(next(iter(self.rows)))} and so on"
        return note


def _low(path: Parts) -> Parts:
    return tuple(name.casefold() for name in path)


def _stem(path: Parts) -> Parts:
    return (*path[:-1], PurePosixPath(path[-1]).stem)


def _ends(path: Parts) -> list[Parts]:
    """a/b/c, b/c, c."""
    return [path[i:] for i in range(len(path))]
