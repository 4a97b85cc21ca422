"""Sphinx: after the build, the pages lose what they do not need: most of the theme's icons, style rules and scripts.

Icons that the pages show become rules of a style sheet, cut out of the theme's own file of all icons (Font Awesome Free, CC BY 4.0).
Of the style sheets, rules stay whose classes occur in some page or script. The search index is loaded by the search page alone.
"""

import re
from pathlib import Path
from urllib.parse import quote

import tinycss2

ICONS = "_static/scripts/fontawesome.js"
OF_SEARCH = ("searchtools.js", "language_data.js", "searchindex.js")
# behind the name of a class in Font Awesome's files: width, height, other names, code, path
DRAWN = r'[{{,]"?{}"?:\[(\d+),(\d+),\[[^\]]*\],"[^"]*","([^"]+)"\]'
SHOWN = """\
.fa-solid, .fas { display: inline-block; height: 1em; vertical-align: -.125em; background: currentColor; mask: var(--icon) center / contain no-repeat; }
.fa-lg { font-size: 1.25em; }
"""


def lighten(app, exception):
    if exception or app.builder.name != "html":
        return
    out = Path(app.outdir)
    pages = {path: path.read_text() for path in out.rglob("*.html")}
    scripts = [p for p in out.glob("_static/**/*.js") if p != out / ICONS]
    texts = [without_data(text) for text in pages.values()]
    texts += [path.read_text() for path in scripts]
    words = set(re.findall(r"[\w-]+", " ".join(texts)))
    drawings = (out / ICONS).read_text()
    names = sorted(w for w in words if w.startswith("fa-"))
    icons = SHOWN + "".join(_icon(name, drawings) for name in names)
    for sheet in out.glob("_static/**/*.css"):
        text = purged(sheet.read_text(), words)
        if sheet.name == "book.css":
            text += icons
        sheet.write_text(text)
    for path, text in pages.items():
        path.write_text(_without_scripts(text, path.name == "search.html"))
    for path in {
        *out.glob("_static/**/*.map"),
        *out.glob("_static/vendor/fontawesome/**/*.*"),
        *out.glob("_static/sphinx-thebe.*"),
        *out.glob(f"{ICONS}*"),
    }:
        path.unlink()


def without_data(page: str) -> str:
    return re.sub(r"data:image/[^\"')]+", "", page)


def _icon(name: str, drawings: str) -> str:
    """The rule of one icon; none for sizes and styles, which are no icons. Of several drawings the last, the solid one."""
    found = re.findall(DRAWN.format(re.escape(name[3:])), drawings)
    if not found:
        return ""
    width, height, path = found[-1]
    box = f"viewBox='0 0 {width} {height}'"
    svg = f"<svg xmlns='http://www.w3.org/2000/svg' {box}><path d='{path}'/></svg>"
    url = f"data:image/svg+xml,{quote(svg, safe=' =:/')}"
    wide = int(width) / int(height)
    return f'.{name} {{ width: {wide:.3g}em; --icon: url("{url}"); }}\n'


def _without_scripts(page: str, search: bool) -> str:
    gone = ["fontawesome.js", "sphinx-thebe.js", *(() if search else OF_SEARCH)]
    for name in gone:
        page = re.sub(
            rf'<script[^>]*src="[^"]*{re.escape(name)}[^"]*"></script>\n?',
            "",
            page,
        )
    page = page.replace('<div role="list" class="citation-list">', "<div>")
    return re.sub(
        r'<link[^>]*href="[^"]*sphinx-thebe\.css[^"]*" />\n?', "", page
    )


def purged(sheet: str, words: set[str]) -> str:
    """A style sheet without the rules of classes that are not among `words`."""
    rules = tinycss2.parse_stylesheet(
        sheet, skip_comments=True, skip_whitespace=True
    )
    return "\n".join(filter(None, (_kept(rule, words) for rule in rules)))


def _kept(rule, words: set[str]) -> str:
    if rule.type == "error":
        return ""
    if rule.type == "qualified-rule":
        selectors = _selectors(rule.prelude)
        alive = [s for s in selectors if _classes(s) <= words]
        body = tinycss2.serialize(rule.content)
        return f"{','.join(alive)}{{{body}}}" if alive else ""
    head = f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}"
    if rule.content is None:
        return f"{head};"
    body = tinycss2.serialize(rule.content)
    if rule.lower_at_keyword == "font-face":
        return "" if "fontawesome" in body else f"{head}{{{body}}}"
    if rule.lower_at_keyword in ("media", "supports"):
        inside = purged(body, words)
        return f"{head}{{{inside}}}" if inside else ""
    return f"{head}{{{body}}}"


def _selectors(prelude) -> list[str]:
    """Split at the commas, but not at those in brackets."""
    parts = [[]]
    for token in prelude:
        if token == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return [tinycss2.serialize(part).strip() for part in parts]


def _classes(selector: str) -> set[str]:
    """The classes that must be there. What stands in brackets, such as in :not(), may be missing."""
    plain = re.sub(r"\([^()]*(\([^()]*\)[^()]*)*\)|\[[^\]]*\]", "", selector)
    names = re.findall(r"\.((?:[\w-]|\\.)+)", plain)
    return {name.replace("\\", "") for name in names}


def setup(app):
    app.connect("build-finished", lighten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
