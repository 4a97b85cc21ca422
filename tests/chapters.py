"""What a chapter defines, for the tests of its functions."""

import ast
from pathlib import Path
from types import SimpleNamespace

BOOK = Path(__file__).resolve().parent.parent / "book"
CHAPTERS = sorted(set(BOOK.glob("*.py")) - {BOOK / "build.py"})


def defined_in(chapter: str, **known) -> SimpleNamespace:
    """The functions and constants of a chapter, and nothing that it runs. `known`: what its cells have by then."""
    tree = ast.parse((BOOK / f"{chapter}.py").read_text())
    constants = [node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).isupper()]
    tree.body = [*constants, *(node for node in tree.body if isinstance(node, ast.FunctionDef))]
    exec(compile(tree, chapter, "exec"), known)
    return SimpleNamespace(**known)
