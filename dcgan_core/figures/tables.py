"""A table, in a notebook and on the page."""

import html
import re

_NUMBER = re.compile(r"[-+±−]?[\d.,]+(e-?\d+)?( ?[%×s])?( \(.*\d.*\))?")


def text(cell: object) -> str:
    """A cell as HTML. What stands in backticks is set as code; long names, such as those of claims, may break behind a dot."""
    words = html.escape(_plain(cell)).split(" ")
    broken = " ".join(w if len(w) < 20 else w.replace(".", ".<wbr>").replace("_", "_<wbr>") for w in words)
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", broken)


def _whole(cell: str) -> str:
    """In a card (book.css) what stands in a cell side by side would become columns; so what holds elements becomes one."""
    return f"<span>{cell}</span>" if "<" in cell else cell


def _plain(cell: object) -> str:
    return ", ".join(map(str, cell)) if isinstance(cell, list | tuple) else str(cell)


class Table:
    """Rows of text that a notebook shows as a table. Cells are plain text, numbers, or lists of numbers.

    Columns of numbers are set to the right. On a phone a table of four columns or more becomes cards (book.css).
    """

    def __init__(self, header: list[str], rows: list[list[str]], *, caption: str = "") -> None:
        self.header, self.rows, self.caption = header, rows, caption

    def _repr_html_(self) -> str:
        columns = [[_plain(row[i]) for row in self.rows] for i in range(len(self.header))]
        sides = ["right" if _numbers(column) else "left" for column in columns]

        def cells(tag: str, row: list[str]) -> str:
            names = [f' data-label="{html.escape(str(name))}"' if tag == "td" else "" for name in self.header]
            return (
                "<tr>"
                + "".join(
                    f'<{tag} style="text-align:{side}"{name}>{_whole(text(cell))}</{tag}>'
                    for cell, side, name in zip(row, sides, names, strict=True)
                )
                + "</tr>"
            )

        caption = f"<caption>{text(self.caption)}</caption>" if self.caption else ""
        body = "".join(cells("td", row) for row in self.rows)
        kind = "table dcgan-table" + (" dcgan-wide" if len(self.header) > 3 else "")
        return f'<table class="{kind}">{caption}<thead>{cells("th", self.header)}</thead><tbody>{body}</tbody></table>'

    def __repr__(self) -> str:
        widths = [max(len(_plain(r[i])) for r in [self.header, *self.rows]) for i in range(len(self.header))]
        return "\n".join(
            "  ".join(_plain(c).ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in [self.header, *self.rows]
        )


def _numbers(column: list[str]) -> bool:
    """Does a column hold numbers? Some of its cells may be empty, or not measured."""
    said = [cell for cell in column if cell not in ("", "–", "not measured")]
    return bool(said) and all(_NUMBER.fullmatch(cell) for cell in said)
