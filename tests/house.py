"""The house rules of `dcgan_core`, counted and checked: `make house` prints them, `test_house.py` holds them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "dcgan_core"
CORE = (
    *("networks", "latent", "recipes", "runs", "config_io", "devices", "errors", "files", "intervals", "pictures", "assets"),
    "training",
)
APART = ("training.processes",)  # several processes: entered under torchrun alone, counted apart
HEART = ("networks", "latent", "recipes", "runs", "training.config", "training.update", "training.loop")
# wing -> what it may import beside the core
WINGS = {
    "drawings": (),
    "data": ("drawings",),
    "metrics": ("data.images", "data.nearest"),
    "readers": ("data", "drawings"),
    "probes": ("data", "metrics"),
    "inside": ("data", "drawings", "readers", "metrics"),
    "ablations": ("data", "metrics", "readers"),
    "authors": ("data",),
    "export": ("readers", "inside"),
    "transfer": ("data", "drawings", "metrics", "readers", "probes", "ablations"),
    "figures": (),
    "claims": ("drawings", "data", "metrics", "readers", "probes", "inside", "ablations", "authors", "figures", "transfer"),
    "chapters": ("data", "metrics", "figures"),
    # what `import dcgan_core` offers
    "api": ("drawings", "data", "metrics", "readers", "probes", "inside", "ablations", "authors", "figures"),
    "cli": (
        "api",
        "drawings",
        "data",
        "metrics",
        "readers",
        "probes",
        "inside",
        "ablations",
        "authors",
        "export",
        "transfer",
        "figures",
        "claims",
    ),
}
# the core imports no wing, but for the type of images and a set's own size
EXCEPTIONS = {"training": ("data.images",), "recipes": ("data.loading", "data.sources.finding")}
LAZY = ("cv2", "sklearn", "matplotlib", "onnx", "onnxruntime")  # imported where they are used, not at the top of a module
UNIQUE = ("accuracy", "train", "ship", "check_layer", "Classifier")  # names that once meant several things
MOST = {"core": 2000, "heart": 1400, "package": 17_925, "file": 400, "function": 60, "long functions": 4, "positional": 5}


@dataclass
class Module:
    name: str  # dotted, without the package
    lines: int
    tree: ast.Module

    @property
    def part(self) -> str:
        """`core` or a wing. The package's own file passes on what `api` offers."""
        return "core" if within(self.name, CORE) else self.name.split(".")[0] or "api"

    def imports(self) -> list[tuple[str, int, bool]]:
        """All that it imports, with the line, and whether that happens as soon as the module is loaded.

        Of the package, modules: `data.images`, be it named whole or by what is in it. Not what types alone need.
        """
        found = []
        for node, at_once in _run(self.tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                module = "." * node.level + (node.module or "")
                names = [_module(module, alias.name) for alias in node.names]
            found += [(name, node.lineno, at_once) for name in names]
        return found

    def functions(self) -> list[tuple[str, int, int]]:
        """Every function and method: name, lines (without decorators), positional parameters (without self)."""
        found = []
        methods = {id(f) for c in ast.walk(self.tree) if isinstance(c, ast.ClassDef) for f in c.body}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in node.decorator_list)
                parameters = len(node.args.posonlyargs) + len(node.args.args) - (id(node) in methods and not static)
                found.append((f"{self.name}.{node.name}", node.end_lineno - node.lineno + 1, parameters))
        return found


def _run(node: ast.AST, *, at_once: bool = True) -> Iterator[tuple[ast.AST, bool]]:
    """All below a node, and whether it runs when the module is loaded: not in a function. Nothing under TYPE_CHECKING."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        yield child, at_once
        later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from _run(child, at_once=at_once and not later)


def _module(module: str, name: str) -> str:
    """What `from module import name` imports: a module of that name, else `module`."""
    whole = f"{module}.{name}"
    path = PACKAGE.parent / whole.replace(".", "/")
    return whole if module.startswith(PACKAGE.name) and (path.is_dir() or path.with_suffix(".py").exists()) else module


def modules() -> list[Module]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text()
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").rstrip(".")
        found.append(Module(name, text.count("\n"), ast.parse(text)))
    return found


def within(name: str, places: tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in places)


def wrong_imports(found: list[Module]) -> list[str]:
    wrong = []
    for module in found:
        first = module.name.split(".")[0]
        allowed = (*CORE, first, *WINGS.get(first, EXCEPTIONS.get(first, ())))
        for name, line, at_once in module.imports():
            top, _, inside = name.partition(".")
            if top == PACKAGE.name and inside and not within(inside, allowed):
                wrong.append(f"{module.name}:{line} imports {inside}")
            if not top:
                wrong.append(f"{module.name}:{line} imports {name}: write its whole name")
            if at_once and top in LAZY:
                wrong.append(f"{module.name}:{line} imports {name} outside a function")
    return wrong


def shared_names(found: list[Module]) -> list[str]:
    """Public functions and classes of one name in several modules."""
    places: dict[str, list[str]] = {}
    for module in found:
        # each command has an `add`; what `api` offers may be called as what it wraps
        for node in module.tree.body if module.part not in ("api", "cli") else ():
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(module.name)
    return [f"{name}: {', '.join(where)}" for name, where in sorted(places.items()) if len(where) > 1]


def counts(found: list[Module]) -> dict[str, int]:
    functions = [f for m in found for f in m.functions()]
    return {
        "core": sum(m.lines for m in found if m.part == "core" and m.name not in APART),
        "heart": sum(m.lines for m in found if m.name in HEART),
        "package": sum(m.lines for m in found),
        "file": max(m.lines for m in found),
        "long functions": sum(lines > MOST["function"] for _, lines, _ in functions),
        "positional": max(parameters for _, _, parameters in functions),
    }


def report(only: tuple[str, ...] = ()) -> str:
    found = modules()
    mine = [m for m in found if not only or within(m.name, only)]
    functions = [f for m in mine for f in m.functions()]
    parts = {m.part: sum(other.lines for other in mine if other.part == m.part) for m in mine}
    lines = [f"{part:16}{count:7,} lines" for part, count in parts.items()]
    lines += [f"{key:16}{value:7,} (most {MOST[key]:,})" for key, value in counts(found).items()]
    lines += [f"apart           {m.name}: {m.lines}" for m in found if m.name in APART]
    lines += [f"long file       {m.name}: {m.lines}" for m in mine if m.lines > MOST["file"]]
    lines += [f"long function   {name}: {length}" for name, length, _ in functions if length > MOST["function"]]
    lines += [f"many parameters {name}: {count}" for name, _, count in functions if count > MOST["positional"]]
    lines += [f"wrong import    {line}" for line in wrong_imports(mine)]
    lines += [f"shared name     {line}" for line in shared_names(found)]
    longest = {
        "longest files": [(m.lines, m.name) for m in mine],
        "longest functions": [(length, name) for name, length, _ in functions],
    }
    for what, sizes in longest.items():
        lines += [what, *(f"{count:7,} {name}" for count, name in sorted(sizes, reverse=True)[:10])]
    return "\n".join(lines)


if __name__ == "__main__":
    print(report(tuple(sys.argv[1:])))
