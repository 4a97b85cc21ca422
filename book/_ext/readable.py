"""Sphinx: what a phone and a screen reader need."""

import html
import re
from pathlib import Path

from docutils import nodes
from PIL import Image


def _one_menu(app, config):
    """Without this the theme adds a hidden bar whose menu buttons come first, so that those to be seen open nothing."""
    config.html_theme_options.setdefault("navbar_persistent", [])
    config.html_context.setdefault("default_mode", "auto")


def _sizes(app, doctree):
    """A figure that was drawn at twice its size is shown at that size. An image with a size becomes a link to all of it, says Sphinx."""
    for node in doctree.findall(nodes.image):
        path = Path(app.outdir) / node["uri"].removeprefix("/")
        path = path if path.exists() else Path(app.srcdir) / node["uri"]
        node.attributes.pop("height", None)  # it follows the width
        if "width" in node or not path.exists():
            continue
        with Image.open(path) as image:
            twice = image.info.get("dpi", (0, 0))[0] > 150
            node["width"] = f"{image.width // (2 if twice else 1)}px"


def _alternative_texts(app, doctree, docname):
    """An image that says nothing of itself is described by its caption, or else by the section that it stands in."""
    for node in doctree.findall(
        lambda n: isinstance(n, nodes.image | nodes.raw)
    ):
        if isinstance(node, nodes.image):
            if not node.get("alt"):
                node["alt"] = _caption(node)
        elif node.get("format") == "html" and "<img" in node.astext():
            text = html.escape(_caption(node))
            described = re.sub(
                r"<img(?![^>]*\salt=)", f'<img alt="{text}"', node.astext()
            )
            node.children[:] = [nodes.Text(described)]


def _columns(app, doctree, docname):
    """Marks what a cell printed in columns or printed of its code: most lines have gaps, and must not wrap."""
    for node in doctree.findall(nodes.literal_block):
        lines = [line for line in node.astext().splitlines() if line.strip()]
        gaps = [re.search(r"(^|\S) {2,}\S", line) for line in lines]
        most = 3 * sum(map(bool, gaps)) >= 2 * len(lines)
        code = any(re.match(r"(def|class) \w", line) for line in lines)
        if (most or code) and "output" in node["classes"]:
            node["classes"].append("columns")


def _caption(node):
    while node.parent is not None:
        node = node.parent
        if isinstance(node, nodes.figure):
            for caption in node.findall(nodes.caption):
                return caption.astext()
        if isinstance(node, nodes.section):
            return node[node.first_child_matching_class(nodes.title)].astext()
    return ""


def setup(app):
    app.connect("config-inited", _one_menu)
    app.connect("doctree-read", _sizes, priority=900)
    app.connect("doctree-resolved", _alternative_texts)
    app.connect("doctree-resolved", _columns)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
