"""Sphinx: ways out of a page and back: to the paper, to the code of each function that is named, to the notebook; facts at its foot.

What needs the repository's address (`repository: url:` in _config.yml) appears once that is set.
"""

import ast
import html
import re
from datetime import date
from pathlib import Path

from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

import dcgan_core
from dcgan_core import runs

PACKAGE = Path(dcgan_core.__file__).parent
PAPER = "https://arxiv.org/abs/1511.06434"
AUTHORS = "https://github.com/Newmu/dcgan_code"
LOST = '<h1>No such page</h1><p>It may have moved. <a href="index.html">The beginning of the book</a> has all chapters.</p>'


def _foot(app, config):
    """What the book is, and of when."""
    commit = runs.environment()["commit"]
    commit = f", commit {commit[:7]}" if commit else ""
    made = f"Version {dcgan_core.__version__}{commit}, built {date.today()}."
    options = config.html_theme_options
    options["footer_content_items"] = ["extra-footer.html"]
    options["extra_footer"] = (
        f'<p class="facts">The paper: Radford, Metz and Chintala, <a href="{PAPER}">arXiv:1511.06434</a>; '
        f'<a href="{AUTHORS}">the authors\' code</a>. This book, text and code: MIT licence. {made}{_linked(config)}</p>'
    )


def _repository(config) -> str:
    return (config.html_theme_options.get("repository_url") or "").rstrip("/")


def _linked(config) -> str:
    url = _repository(config)
    return f' <a href="{url}">Repository</a>.' if url else ""


def _page(app, pagename, templatename, context, doctree):
    """A description for search engines; below a chapter its notebook and sources."""
    if doctree is None:
        base = app.config.html_baseurl
        if pagename == "404" and base:  # it is shown at any address
            found = context.get("metatags", "")
            context["metatags"] = f'<base href="{html.escape(base)}">{found}'
        return
    first = next(iter(doctree.findall(nodes.paragraph)), None)
    if first is not None:
        said = html.escape(" ".join(first.astext().split())[:200])
        context["metatags"] += f'<meta name="description" content="{said}">'
    if not (Path(app.srcdir) / f"{pagename}.ipynb").exists():
        return
    links = [
        f'<a href="_sources/{pagename}.ipynb" download>This chapter as a notebook</a>'
    ]
    if url := _repository(app.config):
        path = url.removeprefix("https://github.com/")
        colab = f"https://colab.research.google.com/github/{path}"
        links += [
            f'<a href="{url}/blob/main/book/{pagename}.py">Its source</a>',
            f'<a href="{colab}/blob/notebooks/{pagename}.ipynb">Open it in Colab</a>',
        ]
    links += [
        f'<a href="{PAPER}">The paper</a>',
        '<a href="references.html#cite-this-book">Cite this book</a>',
    ]
    context["body"] += (
        f'<nav class="ways" aria-label="ways out">{"".join(links)}</nav>'
    )


# --- the code of what is named ------------------------------------------------


def _defined() -> dict[str, tuple[str, int]]:
    """Full names of all functions and classes -> their module, and the line."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        module = ".".join(parts).removesuffix(".__init__")
        ahead = [(module, ast.parse(path.read_text()))]
        for name, node in ahead:
            for child in node.body:
                if isinstance(child, ast.FunctionDef | ast.ClassDef):
                    found[f"{name}.{child.name}"] = module, child.lineno
                if isinstance(child, ast.ClassDef):
                    ahead.append((f"{name}.{child.name}", child))
    return found


def _code_links(app, doctree, docname):
    """`neighbours.nearest` in the text leads to the lines that define it."""
    names = app.config.dcgan_defined
    for literal in list(doctree.findall(nodes.literal)):
        called = re.fullmatch(r"(\w+(?:\.\w+)+)(?:\(.*\))?", literal.astext())
        if not called or isinstance(literal.parent, nodes.reference):
            continue
        found = [n for n in names if n.endswith(f".{called[1]}")]
        if len(found) == 1:
            module, line = names[found[0]]
            app.env.dcgan_shown.add(module)
            uri = app.builder.get_relative_uri(docname, f"code/{module}")
            link = nodes.reference("", "", refuri=f"{uri}#line-{line}")
            literal.replace_self(link)
            link += literal


def _pages(app):
    """The modules that are linked to, and what a lost reader sees."""
    for module in sorted(app.env.dcgan_shown):
        path = PACKAGE.parent.joinpath(*module.split("."))
        path = (
            path.with_suffix(".py")
            if not path.is_dir()
            else path / "__init__.py"
        )
        look = HtmlFormatter(lineanchors="line", cssclass="highlight")
        body = highlight(path.read_text(), PythonLexer(), look)
        title = f"{'/'.join(path.relative_to(PACKAGE.parent).parts)}"
        yield (
            f"code/{module}",
            {"title": title, "body": f"<h1>{title}</h1>{body}"},
            "page.html",
        )
    yield "404", {"title": "No such page", "body": LOST}, "page.html"


def _begin(app):
    app.config.dcgan_defined = _defined()
    app.env.dcgan_shown = getattr(app.env, "dcgan_shown", set())


def setup(app):
    app.connect("config-inited", _foot)
    app.connect("builder-inited", _begin)
    app.connect("html-page-context", _page)
    app.connect("doctree-resolved", _code_links)
    app.connect("html-collect-pages", _pages)
    return {"parallel_read_safe": False, "parallel_write_safe": False}
