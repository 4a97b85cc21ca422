"""Executes every chapter whose inputs changed, then builds the site: `make book`.

_build/executed/    executed notebooks, one each, with a .json that says what they were made from and how long it took
_build/site/        what Jupyter Book reads
_build/html/        the site
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path

import jupytext
import nbformat
import papermill
import yaml

import dcgan_core
from dcgan_core import assets
from dcgan_core.data.sources import finding
from dcgan_core.errors import UserError
from dcgan_core.files import write_json
from dcgan_core.runs import Run

ROOT = Path(__file__).resolve().parent.parent
BOOK, BUILD = ROOT / "book", ROOT / "_build"
EXECUTED, SITE, HTML = BUILD / "executed", BUILD / "site", BUILD / "html"
LAST = ("scoreboard", "status")  # they read what the other chapters left behind
WIDGET = "application/vnd.jupyter.widget-view+json"
# longer than that, a cell hangs
CELL_SECONDS = {"quick": 600, "cpu": 4 * 3600, "paper": None}


def chapters() -> list[str]:
    """The executable chapters, in the order of the table of contents."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    files = [toc["root"]] + [
        c["file"] for part in toc["parts"] for c in part["chapters"]
    ]
    return [f for f in files if (BOOK / f"{f}.py").exists()]


def inputs(chapter: str, parameters: dict) -> str:
    """A hash of all that the chapter's output depends on."""
    versions = sorted((d.name, d.version) for d in metadata.distributions())
    h = hashlib.sha256(repr((parameters, versions, _data_found())).encode())
    paths = {
        Path(__file__),
        *sources(BOOK / f"{chapter}.py"),
        *BOOK.glob(f"{chapter}.toml"),
    }  # with texts of its own
    for folder in assets.FOLDERS.values():
        paths |= {p for p in folder.rglob("*") if p.is_file()}
    if chapter in LAST:
        paths |= {p for p in EXECUTED.glob("*.json") if p.stem not in LAST}
    for path in sorted(paths):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        h.update(repr((os.path.relpath(path, ROOT), digest)).encode())
    return h.hexdigest()


def sources(path: Path) -> set[Path]:
    """A chapter, all modules of the package that it imports, anywhere in it, all that they import, and so on."""
    found, ahead = set(), {path}
    while ahead:
        found |= ahead
        names = set().union(*(_imported(p.read_text()) for p in ahead))
        ahead = set().union(*map(_files, names)) - found
    return found


@cache
def _imported(code: str) -> set[str]:
    """All that may be a module: `a.b` and `a.b.c` of `from a.b import c`. Not what types alone need."""
    names, tree = set(), ast.parse(code)
    checks = [node for node in ast.walk(tree) if isinstance(node, ast.If)]
    checks = [i for i in checks if ast.unparse(i.test) == "TYPE_CHECKING"]
    for_types = {id(node) for i in checks for node in ast.walk(i)}
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
            if "dcgan_core" in {alias.name for alias in node.names}:
                names.add("dcgan_core.api")  # from there come its names
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
            names.add(node.module)
    if names & {f"dcgan_core.{name}" for name in dcgan_core.__all__}:
        names.add("dcgan_core.api")
    return names


def _files(name: str) -> set[Path]:
    """A module of the package and the packages around it; none of what is something else."""
    parts = name.split(".")
    places = [ROOT.joinpath(*parts[: n + 1]) for n in range(len(parts))]
    files = [
        f for p in places for f in (p.with_suffix(".py"), p / "__init__.py")
    ]
    return {f for f in files if parts[0] == "dcgan_core" and f.exists()}


def _data_found() -> list[list]:
    found = []
    for name in finding.names():
        source = finding.find(name)
        with suppress(UserError):  # what cannot be read is not there
            found += [[name, source.stamp()]] if source else []
    return found


def execute(chapter: str, parameters: dict) -> float | None:
    """Runs one chapter with papermill. Returns its seconds, or None where nothing had changed."""
    note = EXECUTED / f"{chapter}.json"
    key = inputs(chapter, parameters)
    if (
        (EXECUTED / f"{chapter}.ipynb").exists()
        and note.exists()
        and json.loads(note.read_text())["inputs"] == key
    ):
        return None
    EXECUTED.mkdir(parents=True, exist_ok=True)
    source, target = (
        EXECUTED / f".{chapter}.source.ipynb",
        EXECUTED / f".{chapter}.ipynb",
    )
    nbformat.write(jupytext.read(BOOK / f"{chapter}.py"), source)
    started = time.perf_counter()
    try:
        papermill.execute_notebook(
            source,
            target,
            parameters,
            kernel_name="python3",
            cwd=BOOK,
            progress_bar=False,
            execution_timeout=CELL_SECONDS[parameters.get("profile", "quick")],
            extra_arguments=[
                "--log-level=CRITICAL"
            ],  # the kernel warns about its own, local connection
        )
    except papermill.PapermillExecutionError as error:
        plain = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback))
        last = "\n".join(plain.splitlines()[-12:])
        sys.exit(
            f"\nbook/{chapter}.py failed in code cell {error.exec_count}: {error.ename}: {error.evalue}\n\n{error.source}\n\n{last}"
        )
    except (
        RuntimeError,
        TimeoutError,
    ) as error:  # nbclient's, of a kernel that died or a cell that takes too long
        sys.exit(_stopped(chapter, target, error))
    finally:
        source.unlink(missing_ok=True)
    seconds = time.perf_counter() - started
    target.replace(EXECUTED / f"{chapter}.ipynb")
    write_json(
        note,
        {
            "chapter": chapter,
            "seconds": round(seconds, 1),
            "inputs": key,
            "parameters": parameters,
        },
    )
    return seconds


def _stopped(chapter: str, target: Path, error: Exception) -> str:
    """One line: which cell of a chapter ended it, why, and what to do. target: the notebook as far as it came."""
    cells = []
    with suppress(OSError, ValueError):
        cells = [
            c
            for c in nbformat.read(target, as_version=4).cells
            if c.cell_type == "code"
        ]
    started = [
        i
        for i, c in enumerate(cells, 1)
        if c.metadata.get("papermill", {}).get("start_time")
    ]
    where = "before its first code cell"
    if started:
        lines = cells[started[-1] - 1].source.splitlines()
        where = f"in code cell {started[-1]} ({lines[0] if lines else ''})"
    if isinstance(error, TimeoutError):
        why = "the cell took too long and was stopped"
        way_out = "let nothing else run beside it, then try again"
    else:
        why = "its kernel died, mostly for want of memory"
        way_out = "close other programs, then try again"
    again = f"python book/build.py --only {chapter}"
    return f"book/{chapter}.py, {where}: {why}; {way_out}: {again}"


def for_site(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook as the static site shows it: no kernel, so no widgets; their HTML form stays, progress bars go.

    Of the chapter's own parameters and papermill's, those that ran stand in the parameters cell.
    """
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if "parameters" in tags:
            parameters = cell
            cell.metadata["mystnb"] = {
                f"code_prompt_{verb}": f"{verb.title()} the parameters"
                for verb in ("show", "hide")
            }
        elif "injected-parameters" in tags:
            parameters.source = _merged(parameters.source, cell.source)
            tags.append("remove-cell")
        kept = []
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            was_widget = data.pop(WIDGET, None) is not None
            if (
                "text/html" in data
            ):  # chapters are named as JupyterLab opens them
                data["text/html"] = re.sub(
                    r'href="(\w+)\.py"', r'href="\1.html"', data["text/html"]
                )
            if not was_widget or "text/html" in data:
                kept.append(output)
        if "outputs" in cell:
            cell["outputs"] = kept
    return notebook


def _merged(source: str, injected: str) -> str:
    """The lines `name = value` of a parameters cell, with the values that papermill set."""
    values = dict(line.split(" = ", 1) for line in source.splitlines())
    lines = injected.splitlines()[1:]  # the first is a comment
    values |= dict(line.split(" = ", 1) for line in lines)
    return "\n".join(f"{name} = {value}" for name, value in values.items())


def citation() -> str:
    """CITATION.cff as BibTeX."""
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    fields = {
        "title": cff["title"],
        "author": " and ".join(
            a.get("name") or f"{a['family-names']}, {a['given-names']}"
            for a in cff["authors"]
        ),
        "year": str(cff["date-released"])[:4],
        "version": cff["version"],
    }
    lines = [f"  {key} = {{{value}}}" for key, value in fields.items()]
    return "@software{dcgan_running,\n" + ",\n".join(lines) + "\n}"


def assemble(names: list[str]) -> None:
    """Fills `_build/site` with what Jupyter Book reads."""
    for old in (SITE, BUILD / ".doctrees"):  # a page may have moved
        shutil.rmtree(old, ignore_errors=True)
    (SITE / "images").mkdir(parents=True)
    for name in ("_ext", "_static"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(BOOK / name, SITE / name, ignore=ignored)
    for path in (
        ROOT / "_config.yml",
        ROOT / "_toc.yml",
        BOOK / "references.bib",
    ):
        shutil.copy(path, SITE)
    faces = Run.reference("faces")
    shutil.copy(faces.path / "grid.webp", SITE / "images" / "faces.webp")
    # prose does not type numbers either
    known = {
        "faces_minutes": f"{faces.trained['minutes']:.0f}",
        "citation": citation(),
    }
    for path in BOOK.glob("*.md"):
        text = path.read_text()
        for name, value in known.items():
            text = text.replace(f"{{{{ {name} }}}}", value)
        (SITE / path.name).write_text(text)
    for name in names:
        nbformat.write(
            for_site(nbformat.read(EXECUTED / f"{name}.ipynb", as_version=4)),
            SITE / f"{name}.ipynb",
        )


def write_notebooks(folder: Path) -> None:
    """The chapters as notebooks, not executed; each begins by installing the library, as Colab needs."""
    url = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]
    if not url["url"]:
        sys.exit("Set repository: url: in _config.yml first.")
    install = f'%pip install --quiet "dcgan-core[faces] @ git+{url["url"]}"'
    folder.mkdir(parents=True, exist_ok=True)
    for name in chapters():
        notebook = jupytext.read(BOOK / f"{name}.py")
        notebook.cells.insert(1, nbformat.v4.new_code_cell(install))
        nbformat.write(notebook, folder / f"{name}.ipynb")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--profile", default="quick", choices=("quick", "cpu", "paper")
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--only",
        nargs="*",
        metavar="CHAPTER",
        help="execute these chapters and build no site",
    )
    parser.add_argument(
        "--notebooks",
        type=Path,
        metavar="FOLDER",
        help="write the chapters as notebooks, and execute nothing",
    )
    arguments = vars(parser.parse_args())
    only, notebooks = arguments.pop("only"), arguments.pop("notebooks")
    if notebooks:
        return write_notebooks(notebooks)
    os.environ.setdefault(
        "PYDEVD_DISABLE_FILE_VALIDATION", "1"
    )  # a warning of the kernel's debugger
    logging.getLogger("papermill").setLevel(logging.WARNING)

    started = time.perf_counter()
    unknown = set(only or ()) - set(chapters())
    if unknown:
        known = ", ".join(chapters())
        sys.exit(
            f"no chapter is called {', '.join(unknown)}; there are: {known}"
        )
    names = sorted(
        chapters(), key=lambda name: LAST.index(name) + 1 if name in LAST else 0
    )
    for name in [n for n in names if not only or n in only]:
        seconds = execute(name, arguments)
        print(
            f"{name:24} "
            + ("unchanged" if seconds is None else f"{seconds:6.1f} s"),
            flush=True,
        )
    if only:
        return
    assemble(names)
    jupyter_book = str(Path(sys.executable).parent / "jupyter-book")
    command = [
        jupyter_book,
        "build",
        str(SITE),
        "--path-output",
        str(ROOT),
        "-W",
        "--keep-going",
        "--quiet",
    ]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode:
        sys.exit(f"\nThe site was not built:\n{built.stdout}\n{built.stderr}")
    print(f"{'site and all':24} {time.perf_counter() - started:6.1f} s\n")
    print(f"Open {HTML / 'index.html'}")


if __name__ == "__main__":
    main()
