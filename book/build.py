"""Executes every chapter whose inputs changed, then builds the site: `make book`.

_build/executed/    executed notebooks, one each, with a .json that says what they were made from and how long it took
_build/site/        what Jupyter Book reads
_build/html/        the site
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

import dcgan_core
from dcgan_core import assets
from dcgan_core.files import read_json, write_json

sys.path.insert(0, str(Path(__file__).resolve().parent / "_kernel"))
import recording  # and no notebook, no torch: where nothing changed, nothing of it is needed

if TYPE_CHECKING:
    import nbformat

ROOT = Path(__file__).resolve().parent.parent
BOOK, BUILD = ROOT / "book", ROOT / "_build"
EXECUTED, SITE, HTML = BUILD / "executed", BUILD / "site", BUILD / "html"
LAST = ("status",)  # shows what the other chapters left behind
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


def stale(chapter: str, parameters: dict) -> str | None:
    """What has changed since the chapter was executed, of all that its output depends on; None where nothing has."""
    note = EXECUTED / f"{chapter}.json"
    if not (EXECUTED / f"{chapter}.ipynb").exists() or not note.exists():
        return "new"
    known, now = (
        read_json(note, "a chapter's note"),
        around(chapter, parameters),
    )
    before = known.get("around", {})
    odd = next((what for what in now if now[what] != before.get(what)), None)
    return odd or recording.changed(known["read"], ROOT)


def around(chapter: str, parameters: dict) -> dict[str, str]:
    """Digests of all that the output depends on, beside what the chapter reads while it runs."""
    programs = [Path(__file__), Path(recording.__file__)]
    others = sorted(EXECUTED.glob("*.json")) if chapter in LAST else []
    digests = recording.content
    facts = {
        "the chapter": digests(BOOK / f"{chapter}.py"),
        "parameters": parameters,
        "versions of packages": _versions(),
        "how chapters are executed": [digests(p) for p in programs],
        "other chapters": [digests(p) for p in others if p.stem not in LAST],
    }
    return {
        what: hashlib.sha256(repr(fact).encode()).hexdigest()
        for what, fact in facts.items()
    }


@cache
def _versions() -> list[tuple[str, str]]:
    return sorted((d.name, d.version) for d in metadata.distributions())


def execute(chapter: str, parameters: dict) -> float:
    """Runs one chapter with papermill, and notes what it read. Returns its seconds."""
    import jupytext
    import nbformat
    import papermill

    EXECUTED.mkdir(parents=True, exist_ok=True)
    source, target, log = (
        EXECUTED / f".{chapter}.{kind}"
        for kind in ("source.ipynb", "ipynb", "log")
    )
    nbformat.write(jupytext.read(BOOK / f"{chapter}.py"), source)
    log.unlink(missing_ok=True)
    begun, started = time.time(), time.perf_counter()
    surroundings = around(chapter, parameters)
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
                "--log-level=CRITICAL",  # the kernel warns about its own, local connection
                f"--IPKernelApp.exec_lines={[_recorded(log)]}",
            ],
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
    read = recording.record(log, ROOT, own=BOOK / "runs")
    log.unlink()
    if recording.newest(read, ROOT) > begun:  # then which state did it read?
        surroundings = {}
    note = {
        "chapter": chapter,
        "seconds": round(seconds, 1),
        "parameters": parameters,
        "around": surroundings,
        "read": read,
    }
    write_json(EXECUTED / f"{chapter}.json", note)
    return seconds


def execute_stale(names: list[str], parameters: dict, jobs: int) -> None:
    """Executes those whose inputs changed, `jobs` at a time: much of a chapter keeps a single core busy."""
    reasons = {name: stale(name, parameters) for name in names}
    changed = [name for name in names if reasons[name]]
    for name in names:
        if not reasons[name]:
            print(f"{name:24} unchanged")
    jobs = max(1, min(jobs, len(changed)))
    if jobs > 1:
        threads = max(1, (os.cpu_count() or 1) // jobs)
        os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    # papermill changes the folder of the whole process, and back: so that this changes nothing
    os.chdir(BOOK)
    failed = threading.Event()

    def run(name: str) -> float:
        if failed.is_set():
            return 0.0
        try:
            return execute(name, parameters)
        except BaseException:
            failed.set()
            raise

    with ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(run, name): name for name in changed}
        try:
            for done in as_completed(running):
                took, name = done.result(), running[done]
                print(f"{name:24} {took:6.1f} s  ({reasons[name]})", flush=True)
        except KeyboardInterrupt:
            print(
                "stopped; what is executed stays: make book goes on from there"
            )
            sys.stdout.flush()
            os._exit(
                130
            )  # without waiting for chapters; kernels end with their parent


def _recorded(log: Path) -> str:
    """The line of Python with which a kernel begins: from then on, what it reads is noted in `log`."""
    package = Path(dcgan_core.__file__).parent
    places = [BOOK, ROOT / "runs", package, *assets.FOLDERS.values()]
    folder = str(Path(recording.__file__).parent)
    return (
        f"import sys; sys.path.insert(0, {folder!r}); import recording; sys.path.remove({folder!r});"
        f" recording.begin({str(log)!r}, {[str(p) for p in places]!r}); del sys, recording"
    )


def _stopped(chapter: str, target: Path, error: Exception) -> str:
    """One line: which cell of a chapter ended it, why, and what to do. target: the notebook as far as it came."""
    import nbformat

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
    import nbformat

    from dcgan_core.runs import Run

    for old in (SITE, BUILD / ".doctrees", HTML):  # a page may have moved
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
        "faces_hours": f"{faces.trained['minutes'] / 60:.0f}",
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
    import jupytext
    import nbformat

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
        "--jobs",
        type=int,
        metavar="N",
        help="chapters at a time, which share the cores (default: up to 4, one for each core; 1 for the long profiles)",
    )
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
    jobs = arguments.pop("jobs") or (
        min(4, os.cpu_count() or 1) if arguments["profile"] == "quick" else 1
    )
    if notebooks:
        return write_notebooks(notebooks)
    os.environ.setdefault(
        "PYDEVD_DISABLE_FILE_VALIDATION", "1"
    )  # a warning of the kernel's debugger
    for place in ("DCGAN_DATA", "DCGAN_CACHE"):  # chapters run in book/
        if os.environ.get(place):
            path = Path(os.environ[place]).expanduser()
            os.environ[place] = str(path.absolute())
    logging.getLogger("papermill").setLevel(logging.WARNING)

    started = time.perf_counter()
    unknown = set(only or ()) - set(chapters())
    if unknown:
        known = ", ".join(chapters())
        sys.exit(
            f"no chapter is called {', '.join(unknown)}; there are: {known}"
        )
    names = sorted(chapters(), key=lambda name: name in LAST)
    wanted = [n for n in names if not only or n in only]
    execute_stale([n for n in wanted if n not in LAST], arguments, jobs)
    execute_stale([n for n in wanted if n in LAST], arguments, 1)
    if not only:
        build_site(names)
        print(f"{'site and all':24} {time.perf_counter() - started:6.1f} s\n")
        print(f"Open {HTML / 'index.html'}")


def build_site(names: list[str]) -> None:
    """The site from the executed chapters, with Jupyter Book, unless all that it is made from is as it was."""
    note = BUILD / "site.json"
    key = site_inputs(names)
    if (
        note.exists()
        and (HTML / "index.html").exists()
        and read_json(note, "a site's note") == key
        and (has_runtime() or not shutil.which("npm"))
    ):
        print(f"{'site':24} unchanged")
        return
    note.unlink(missing_ok=True)
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
    write_json(note, key)


def site_inputs(names: list[str]) -> str:
    """A digest of all that the site is made from: pages, what shows them, the library (for its page, and the playground's nets)."""
    package = Path(dcgan_core.__file__).parent
    paths = {
        ROOT / name for name in ("_config.yml", "_toc.yml", "CITATION.cff")
    }
    paths |= {EXECUTED / f"{name}.ipynb" for name in names}
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    runs = config["sphinx"]["config"]["playground_runs"].values()
    of_readers = [ROOT / run[1] for run in runs if isinstance(run, list)]
    folders = [BOOK, package, *assets.FOLDERS.values(), *of_readers]
    paths |= {p for folder in folders for p in folder.rglob("*")}
    paths = {p for p in paths if "__pycache__" not in p.parts and p.is_file()}
    facts = [[os.path.relpath(p, ROOT), recording.content(p)] for p in paths]
    return hashlib.sha256(
        repr([sorted(facts), _versions(), _commit()]).encode()
    ).hexdigest()


def _commit() -> str:
    """Which stands at the foot of each page; empty where there is no git."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        return ""
    git = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    return subprocess.run(
        git, capture_output=True, text=True, check=False
    ).stdout


def has_runtime() -> bool:
    """Can the playground draw? Its runtime comes from npm."""
    return any(BUILD.glob("playground/*/ort*"))


if __name__ == "__main__":
    main()
