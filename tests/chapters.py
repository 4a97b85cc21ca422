"""What chapters and the scripts beside them define, for the tests of their functions."""

import ast
import importlib.util
from pathlib import Path
from types import ModuleType, SimpleNamespace

BOOK = Path(__file__).resolve().parent.parent / "book"
CHAPTERS = sorted(set(BOOK.glob("*.py")) - {BOOK / "build.py"})


def defined_in(chapter: str, **known) -> SimpleNamespace:
    """The functions and constants of a chapter, and nothing that it runs. `known`: what its cells have by then."""
    tree = ast.parse((BOOK / f"{chapter}.py").read_text())
    constants = [node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).isupper()]
    tree.body = [*constants, *(node for node in tree.body if isinstance(node, ast.FunctionDef))]
    exec(compile(tree, chapter, "exec"), known)
    return SimpleNamespace(**known)


def script(path: str) -> ModuleType:
    """A Python file of `book/` that is no chapter, loaded anew."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, BOOK / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
