"""What does a chapter depend on? What it reads while it runs; its kernel calls `begin`, `book/build.py` the rest.

Of the package's modules count the functions that were called, and all that runs when a module is loaded. Of a function that was never
called, its first lines count (name, parameters, decorators, docstring), its body does not: another body would have changed nothing.
Of other files (shipped runs, trials, texts, style sheets) counts the content of those that were opened, whether those are there that
were asked for, and which names a folder held; of data sets, the files of those that were looked for.
"""

import ast
import hashlib
import json
import marshal
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path

PACKAGE = "dcgan_core"
FINDING = "dcgan_core.data.sources.finding"
IMPORTERS = (
    "<frozen importlib._bootstrap_external>",
    "importlib/metadata/__init__.py",
)
Tell = Callable[[str, str, str], None]
LONGEST = 1000  # characters of a path


# --- in the kernel ------------------------------------------------------------------------------------------------------------


def begin(log: str, places: list[str]) -> None:
    """From now on, writes to `log` what is read: lines of kind, path and name. Only files below `places` are noted."""
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    told: set[tuple[str, str, str]] = set()

    def tell(kind: str, path: str, name: str = "") -> None:
        if (kind, path, name) not in told:
            told.add((kind, path, name))
            os.write(out, (json.dumps([kind, path, name]) + "\n").encode())

    below = tuple(os.path.join(place, "") for place in places)

    def audit(event: str, arguments: tuple) -> None:
        if event not in ("open", "os.scandir", "os.listdir"):
            return
        what, *how = arguments
        path = os.fsdecode(what) if isinstance(what, str | bytes) else ""
        path = os.path.abspath(path) if path else ""
        if not os.path.join(path, "").startswith(below) or _by_python_itself():
            return
        if event != "open":
            tell("names", path)
        elif not _writes(*how):
            tell("file", path)

    stat = os.stat

    def looking(path, *more, **how):
        """`os.stat`, by which Python asks whether a file is there."""
        if isinstance(path, str | bytes | os.PathLike):
            place = os.path.abspath(os.fsdecode(path))
            # IPython asks whether the HTML that it is to show is a file
            if place.startswith(below) and len(place) < LONGEST:
                tell("there", place)
        return stat(path, *more, **how)

    for known in (
        os.supports_dir_fd,
        os.supports_fd,
        os.supports_follow_symlinks,
    ):
        known |= {looking} if stat in known else set()
    os.stat = looking
    sys.meta_path.insert(0, _Finder(tell, Path(log).parent / ".code"))
    sys.addaudithook(audit)


def _writes(mode: str | None, flags: int) -> bool:
    """Is a file opened to write to it?"""
    return bool(
        set(mode or "") & set("wax+") or flags & (os.O_WRONLY | os.O_RDWR)
    )


def _by_python_itself() -> bool:
    """Does Python look at a file to import it, or to show where an error was? (torch asks for that when it is imported.)"""
    frame = sys._getframe(2)
    if frame.f_code.co_filename.endswith(IMPORTERS):
        return True
    while frame:
        if frame.f_code.co_filename == traceback.__file__:
            return True
        frame = frame.f_back
    return False


class _Finder:
    """Finds the package's modules as everybody else does, and has them loaded by `_Loader`."""

    def __init__(self, tell: Tell, kept: Path) -> None:
        self.tell, self.kept = tell, kept
        self.key = Path(__file__).read_bytes() + sys.version.encode()

    def find_spec(self, name: str, path=None, target=None):
        if name.split(".", maxsplit=1)[0] != PACKAGE:
            return None
        others = (
            f.find_spec(name, path, target)
            for f in sys.meta_path
            if f is not self and hasattr(f, "find_spec")
        )
        spec = next(filter(None, others), None)
        if spec and spec.origin and spec.origin.endswith(".py"):
            spec.loader = _Loader(name, spec.origin)
            spec.loader.finder = self
        return spec


class _Loader(SourceFileLoader):
    """Loads a module so that each of its functions says when it is called."""

    finder: _Finder

    def get_code(self, fullname: str):
        source = self.get_data(self.path)
        key = hashlib.sha256(source + self.finder.key).hexdigest()
        kept = self.finder.kept / key
        if kept.exists():
            return marshal.loads(kept.read_bytes())
        tree = ast.parse(source)
        for name, function in _functions(tree):
            start, call = (
                bool(ast.get_docstring(function, clean=False)),
                ast.parse(f"__called__({name!r})").body,
            )
            for node in ast.walk(call[0]):
                ast.copy_location(node, function.body[0])
            function.body[start:start] = call
        code = compile(tree, self.path, "exec", dont_inherit=True)
        kept.parent.mkdir(exist_ok=True)
        half = kept.with_suffix(f".{os.getpid()}")
        half.write_bytes(marshal.dumps(code))
        half.replace(kept)
        return code

    def exec_module(self, module) -> None:
        tell, path, called = self.finder.tell, os.path.abspath(self.path), set()
        tell("module", path, "")

        def note(name: str) -> None:
            if name not in called:
                called.add(name)
                tell("module", path, name)

        module.__called__ = note
        super().exec_module(module)
        if module.__name__ == FINDING:
            module.find, module.names = (
                _telling(tell, module.find),
                _telling(tell, module.names),
            )


def _telling(tell: Tell, function: Callable) -> Callable:
    """`finding.find` and `finding.names`, but what is looked for is noted: a data set's name, or "" for the names of all."""

    def looking(name: str = "") -> object:
        tell("data", "", name)
        return function(*[name] if name else [])

    return looking


def _functions(
    tree: ast.AST, within: str = ""
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Functions and methods, with their classes' names, but none that is inside another."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield within + node.name, node
        elif not isinstance(node, ast.Lambda):
            yield from _functions(
                node,
                f"{within}{node.name}."
                if isinstance(node, ast.ClassDef)
                else within,
            )


# --- in the builder -----------------------------------------------------------------------------------------------------------


def record(log: Path, root: Path, own: Path) -> dict:
    """What a log says was read, with digests of it as it is now; paths from `root`. Not what the chapter wrote itself, below `own`."""
    noted: dict[str, dict[str, set]] = {
        k: {} for k in (*LOOK, "module", "data")
    }
    for kind, path, name in map(json.loads, log.read_text().splitlines()):
        if not Path(path).is_relative_to(own):
            place = os.path.relpath(path, root) if path else name
            noted[kind].setdefault(place, set()).add(name)
    found = {
        kind: {path: look(root / path) for path in sorted(noted[kind])}
        for kind, look in LOOK.items()
    }
    found["data"] = {name: data(name) for name in sorted(noted["data"])}
    found["modules"] = {}
    for path, names in sorted(noted["module"].items()):
        parts = _parts((root / path).read_text())
        found["modules"][path] = {
            "whole": content(root / path),
            "parts": {name: parts.get(name) for name in sorted(names)},
        }
    return found


def changed(known: dict, root: Path) -> str | None:
    """What is another than in a record, in a few words; None where all is as it was."""
    for kind, look in LOOK.items():
        for path, then in known[kind].items():
            if look(root / path) != then:
                return path
    for name, then in known["data"].items():
        if data(name) != then:
            return f"data: {name or 'which there are'}"
    for path, module in known["modules"].items():
        if content(root / path) == module["whole"]:
            continue
        there_is = (root / path).exists()
        parts = _parts((root / path).read_text()) if there_is else {}
        for name, then in module["parts"].items():
            if parts.get(name) != then:
                return f"{path}: {name}".removesuffix(": ")
    return None


def there(path: Path) -> str:
    """What is at a path? What no path can be, a text too long for one, is nothing."""
    if os.path.isfile(path):
        return "file"
    return "folder" if os.path.isdir(path) else "nothing"


def data(name: str) -> str:
    """Where a data set is found, and of what state; of "", which data sets there are."""
    from dcgan_core.data.sources import finding
    from dcgan_core.errors import UserError

    try:
        source = finding.find(name) if name else None
        return (
            json.dumps(source.stamp() if source else None)
            if name
            else json.dumps(finding.names())
        )
    except UserError as error:  # what cannot be read
        return str(error)


def newest(known: dict, root: Path) -> float:
    """When the latest change was made to anything in a record, seconds since 1970."""
    paths = [root / path for path in (*known["file"], *known["modules"])]
    return max((p.stat().st_mtime for p in paths if p.exists()), default=0.0)


def listing(folder: Path) -> list[str]:
    """The names in a folder, but none of hidden or half-written files."""
    return (
        sorted(p.name for p in folder.iterdir() if p.name[0] not in "._")
        if folder.is_dir()
        else []
    )


def content(path: Path) -> str | None:
    """A digest of a file's content; None where there is none."""
    try:
        state = path.stat()
        return _content(path, state.st_mtime_ns, state.st_size)
    except OSError:
        return None


@cache
def _content(path: Path, changed_at: int, size: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def _parts(text: str) -> dict[str, str]:
    """Digests of each function's body, by its name, and of all that is not in one (name ""). Comments do not count."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return {}
    parts: dict[str, str] = {}
    for name, function in _functions(tree):
        inside = function.body[bool(ast.get_docstring(function, clean=False)) :]
        function.body = function.body[: len(function.body) - len(inside)]
        parts[name] = _digest(
            parts.get(name, ""), *inside
        )  # a property and its setter share a name
    return {**parts, "": _digest(tree)}


def _digest(*what: str | ast.AST) -> str:
    texts = (node if isinstance(node, str) else ast.dump(node) for node in what)
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


# how each kind of note looks at what it names
LOOK = {"file": content, "names": listing, "there": there}
