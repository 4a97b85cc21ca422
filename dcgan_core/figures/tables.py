"""A table, in a notebook and on the page."""

import html


class Table:
    """Rows of text that a notebook shows as a table. Cells are plain text."""

    def __init__(self, header: list[str], rows: list[list[str]]) -> None:
        self.header, self.rows = header, rows

    def _repr_html_(self) -> str:
        def text(cell: object) -> str:
            words = html.escape(str(cell)).split(" ")  # long names, such as those of claims, may break behind a dot or a bar
            return " ".join(w if len(w) < 20 else w.replace(".", ".<wbr>").replace("_", "_<wbr>") for w in words)

        def cells(tag: str, row: list[str]) -> str:
            return "<tr>" + "".join(f'<{tag} style="text-align:left">{text(c)}</{tag}>' for c in row) + "</tr>"

        body = "".join(cells("td", row) for row in self.rows)
        return f'<table class="table"><thead>{cells("th", self.header)}</thead><tbody>{body}</tbody></table>'

    def __repr__(self) -> str:
        widths = [max(len(str(r[i])) for r in [self.header, *self.rows]) for i in range(len(self.header))]
        return "\n".join(
            "  ".join(str(c).ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in [self.header, *self.rows]
        )
