"""The chapters as files, and the builder. The built site has tests of its own, in test_site.py."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote

import jupytext
import nbformat
import papermill
import pytest
import yaml
from chapters import BOOK, CHAPTERS, script
from conftest import make_folder, ships_from
from docutils import nodes

from dcgan_core import cli, recipes

ROOT = Path(__file__).resolve().parent.parent.parent
PARAMETERS = 'profile = "quick"\nseed = 0\ndevice = "auto"'


@pytest.fixture
def build(monkeypatch, tmp_path):
    """book/build.py with all its folders in a temporary place, holding one chapter."""
    module = script("build.py")
    monkeypatch.setattr(module, "BOOK", tmp_path / "book")
    monkeypatch.setattr(module, "EXECUTED", tmp_path / "executed")
    (tmp_path / "book").mkdir()
    write_chapter(tmp_path, "print(6 * 7)")
    return module


def write_chapter(tmp_path, code, name="chapter"):
    kernel = "#   kernelspec:\n#     display_name: Python 3\n#     language: python\n#     name: python3\n"
    head = f"# ---\n# jupyter:\n{kernel}# ---\n\n"
    text = f'{head}# %% [markdown]\n# # Chapter\n\n# %% tags=["parameters", "hide-input"]\n{PARAMETERS}\n\n# %%\n{code}\n'
    (tmp_path / "book" / f"{name}.py").write_text(text)


def code_cells(path):
    return [cell for cell in jupytext.read(path).cells if cell.cell_type == "code"]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_a_chapter_begins_with_a_title_and_the_same_parameters(path):
    notebook = jupytext.read(path)
    assert notebook.cells[0].source.startswith("# ")
    first = code_cells(path)[0]
    assert first.source == PARAMETERS
    assert first.metadata.tags == ["parameters", "hide-input"]
    assert notebook.metadata.kernelspec.name == "python3"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_every_figure_has_a_caption_and_a_name_of_its_own(path):
    figures = [cell.metadata.mystnb["figure"] for cell in code_cells(path) if "mystnb" in cell.metadata]
    assert all(figure["caption"] and figure["name"].startswith("fig-") for figure in figures)
    assert len({figure["name"] for figure in figures}) == len(figures)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_a_chapter_that_is_opened_and_saved_stays_as_it_is(path):
    """JupyterLab adds to a notebook what its kernel says of itself; jupytext leaves that out again."""
    notebook = jupytext.read(path)
    version = {"name": "python", "version": "3.11.7", "pygments_lexer": "ipython3", "file_extension": ".py"}
    notebook.metadata["language_info"] = version
    assert jupytext.writes(notebook, fmt="py:percent") == path.read_text()


@pytest.mark.slow
def test_chapters_run_in_any_working_folder_by_plain_papermill(tmp_path):
    for name in ("data", "scoreboard"):
        source = tmp_path / f"{name}.ipynb"
        nbformat.write(jupytext.read(BOOK / f"{name}.py"), source)
        papermill.execute_notebook(source, tmp_path / "out.ipynb", kernel_name="python3", cwd=tmp_path, progress_bar=False)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_a_chapter_names_no_file_by_where_it_lies_beside_it(path):
    code = "\n".join(cell.source for cell in code_cells(path))
    assert not re.findall(r"""["'](?:\.\./|trials/)|Path\(["']\w+\.""", re.sub(r"#.*", "", code))


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_what_is_open_is_short_enough_to_read_aloud(path):
    """Imports and plotting are folded; what is left is the idea."""
    cells = [c for c in code_cells(path) if not {"hide-input", "remove-input"} & set(c.metadata.get("tags", []))]
    lines = [sum(bool(line.strip()) for line in cell.source.splitlines()) for cell in cells]
    assert max(lines, default=0) <= 15
    assert sum(lines) < 120


def test_no_chapter_apologises_for_what_is_not_there():
    for path in [*CHAPTERS, *BOOK.glob("*.md")]:
        assert "on this machine" not in path.read_text(), path.name


def test_no_two_chapters_give_a_figure_the_same_name():
    cells = [cell for path in CHAPTERS for cell in code_cells(path) if "mystnb" in cell.metadata]
    names = [cell.metadata.mystnb["figure"]["name"] for cell in cells]
    assert len(set(names)) == len(names)


def test_the_table_of_contents_names_every_chapter():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    files = {toc["root"]} | {chapter["file"] for part in toc["parts"] for chapter in part["chapters"]}
    assert files == {p.stem for p in CHAPTERS} | {p.stem for p in (ROOT / "book").glob("*.md")}


def test_a_chapter_is_executed_once_and_again_only_when_something_changed(build, tmp_path):
    parameters = {"profile": "quick", "seed": 3, "device": "cpu"}
    assert build.stale("chapter", parameters) == "new"
    assert build.execute("chapter", parameters) > 0
    executed = nbformat.read(tmp_path / "executed" / "chapter.ipynb", as_version=4)
    assert "42" in str(executed.cells[-1].outputs)
    assert json.loads((tmp_path / "executed" / "chapter.json").read_text())["parameters"] == parameters
    assert build.stale("chapter", parameters) is None
    assert build.stale("chapter", parameters | {"seed": 4}) == "parameters"
    write_chapter(tmp_path, "print(seed)")
    assert build.stale("chapter", parameters) == "the chapter"
    assert build.execute("chapter", parameters) > 0
    executed = nbformat.read(tmp_path / "executed" / "chapter.ipynb", as_version=4)
    assert "3" in str(executed.cells[-1].outputs), "papermill's seed did not reach the chapter"


def test_a_chapter_is_executed_again_when_what_it_read_has_changed(build, tmp_path, monkeypatch):
    data = make_folder(tmp_path / "data", {"mine/a.png": b"x", "theirs/a.png": b"x"})
    shelf = ships_from(monkeypatch, "trials", tmp_path / "trials")
    make_folder(shelf, {"one.json": b"1", "two.json": b"2"})
    code = f"from dcgan_core.data.sources import finding\nfinding.find('mine')\nopen({str(shelf / 'one.json')!r}).read()"
    write_chapter(tmp_path, code)
    build.execute("chapter", {})
    make_folder(data, {"theirs/b.png": b"x"})
    make_folder(shelf, {"two.json": b"3"})
    assert build.stale("chapter", {}) is None
    make_folder(data, {"mine/b.png": b"y"})
    assert build.stale("chapter", {}) == "data: mine"
    (data / "mine" / "b.png").unlink()
    make_folder(shelf, {"one.json": b"4"})
    assert "one.json" in build.stale("chapter", {})


def test_a_chapter_whose_inputs_change_while_it_runs_is_executed_again(build, tmp_path, monkeypatch):
    shelf = ships_from(monkeypatch, "trials", tmp_path / "trials")
    file = shelf / "one.json"
    write_chapter(tmp_path, f"open({str(file)!r}, 'w').write('1')\nopen({str(file)!r}).read()")
    file.touch()
    build.execute("chapter", {})
    assert build.stale("chapter", {})


def test_a_failing_cell_is_named_and_leaves_no_executed_chapter(build, tmp_path):
    write_chapter(tmp_path, "1 / 0")
    with pytest.raises(SystemExit) as stopped:
        build.execute("chapter", {})
    message = str(stopped.value)
    assert "book/chapter.py" in message and "ZeroDivisionError" in message and "1 / 0" in message
    assert re.search(r"code cell \d", message)
    assert not (tmp_path / "executed" / "chapter.ipynb").exists()


@pytest.mark.slow
def test_chapters_run_side_by_side_and_one_that_fails_stops_those_that_wait(build, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    waits = "import os, time\nhere, there = {0!r}, {1!r}\nopen(here, 'w')\nwhile not os.path.exists(there): time.sleep(0.1)"
    for one, other in ("ab", "ba"):
        write_chapter(tmp_path, waits.format(str(tmp_path / one), str(tmp_path / other)), one)
    build.execute_stale(["a", "b"], {}, 2)
    build.execute_stale(["a", "b"], {}, 2)
    said = capsys.readouterr().out
    assert said.count("(new)") == said.count("unchanged") == 2
    for name, code in (("c", "1 / 0"), ("d", "")):
        write_chapter(tmp_path, code, name)
    with pytest.raises(SystemExit, match="ZeroDivisionError"):
        build.execute_stale(["c", "d"], {}, 1)  # one at a time, so that `d` waits, however slow the machine is
    assert not (tmp_path / "executed" / "d.ipynb").exists()


@pytest.mark.slow
def test_ctrl_c_ends_all_chapters_at_once(build, tmp_path):
    begun = [tmp_path / f"{name} begun" for name in "ab"]
    for name, mark in zip("ab", begun, strict=True):
        write_chapter(tmp_path, f"import time\nopen({str(mark)!r}, 'w')\ntime.sleep(600)", name)
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"  # a job in the background ignores it
        f"sys.path.insert(0, {str(BOOK)!r}); from pathlib import Path; import build;"
        f"build.BOOK, build.EXECUTED = Path({str(tmp_path / 'book')!r}), Path({str(tmp_path / 'executed')!r});"
        "build.execute_stale(['a', 'b'], {}, 2)"
    )
    run = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + 60
        while not all(mark.exists() for mark in begun) and time.monotonic() < until:
            time.sleep(0.2)
        run.send_signal(signal.SIGINT)
        assert "goes on from there" in run.communicate(timeout=10)[0]
    finally:
        run.kill()
    assert run.returncode == 130


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "why", "way_out"),
    [
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "its kernel died", "close other programs"),
        ("import time\ntime.sleep(600)", "took too long", "let nothing else run"),
    ],
)
def test_a_killed_kernel_or_a_cell_out_of_time_is_one_line(build, tmp_path, monkeypatch, code, why, way_out):
    monkeypatch.setitem(build.CELL_SECONDS, "quick", 20)
    write_chapter(tmp_path, f"print(1)\n\n# %%\n{code}\n\n# %%\nprint(2)")
    with pytest.raises(SystemExit) as stopped:
        build.execute("chapter", {})
    said = str(stopped.value)
    assert said.count("\n") == 0
    assert said.startswith(f"book/chapter.py, in code cell 3 ({code.splitlines()[0]}): ")
    assert all(what in said for what in (why, way_out, "--only chapter"))


def test_the_site_gets_the_html_of_widgets_and_no_progress_bars(build):
    def output(data):
        return nbformat.v4.new_output("display_data", data=data)

    cell = nbformat.v4.new_code_cell("show()")
    widget = {build.WIDGET: {"model_id": "1"}}
    cell.outputs = [
        output({"text/plain": "  0%|"} | widget),
        output({"text/html": "<b>frames</b>", "text/plain": "x"} | widget),
        output({"text/plain": "kept"}),
    ]
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": {"state": {}}})
    shown = build.for_site(notebook)
    assert [o.data for o in shown.cells[0].outputs] == [
        {"text/html": "<b>frames</b>", "text/plain": "x"},
        {"text/plain": "kept"},
    ]
    assert "widgets" not in shown.metadata


def test_the_site_shows_the_parameters_that_ran_folded_and_once(build, tmp_path):
    build.execute("chapter", {"seed": 3})
    shown = build.for_site(nbformat.read(tmp_path / "executed" / "chapter.ipynb", as_version=4))
    cells = [cell for cell in shown.cells if cell.cell_type == "code" and "remove-cell" not in cell.metadata.tags]
    assert [cell.source for cell in cells if "seed = " in cell.source] == [PARAMETERS.replace("seed = 0", "seed = 3")]
    assert cells[0].metadata.tags == ["parameters", "hide-input"]


def test_the_chapters_as_notebooks_begin_by_installing_the_library(build, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "chapters", lambda: ["chapter"])
    config = tmp_path / "_config.yml"
    config.write_text("repository:\n  url: ''\n")
    with pytest.raises(SystemExit, match="repository: url:"):
        build.write_notebooks(tmp_path / "out")
    config.write_text("repository:\n  url: https://example.org/dcgan\n")
    build.write_notebooks(tmp_path / "out")
    notebook = nbformat.read(tmp_path / "out" / "chapter.ipynb", as_version=4)
    assert notebook.cells[0].source == "# Chapter"
    assert "git+https://example.org/dcgan" in notebook.cells[1].source
    assert not any(cell.get("outputs") for cell in notebook.cells)


@pytest.fixture
def readable():
    return script("_ext/readable.py")


def test_an_image_without_a_description_takes_its_caption_or_its_sections_title(readable):
    page = nodes.section("", nodes.title("", "Walks & more"))
    told, pasted = nodes.image(alt="a bed"), nodes.raw(text='<img src="x"><img src="y" alt="z">', format="html")
    plain = nodes.image()
    page += [nodes.figure("", nodes.image(), told, nodes.caption("", "Six rooms")), plain, pasted]
    readable._alternative_texts(None, page, "chapter")
    assert [image["alt"] for image in page.findall(nodes.image)] == ["Six rooms", "a bed", "Walks & more"]
    assert pasted.astext() == '<img alt="Walks &amp; more" src="x"><img src="y" alt="z">'


@pytest.fixture
def light():
    return script("_ext/light.py")


def test_a_style_sheet_keeps_the_rules_of_classes_that_occur(light):
    sheet = """
        .used, .unused { a: b } .unused { c: d } .used:not(.unused) { e: f } p { g: h }
        @media (min-width: 9px) { .unused { i: j } .used .used2 { k: l } }
        @media print { .unused { m: n } }
        @font-face { src: url(vendor/fontawesome/x.woff2) } @font-face { src: url(own.woff2) }
    """
    kept = re.sub(r"\s", "", light.purged(sheet, {"used", "used2"}))
    assert kept == (
        ".used{a:b}.used:not(.unused){e:f}p{g:h}@media(min-width:9px){.used.used2{k:l}}@font-face{src:url(own.woff2)}"
    )


def test_an_icon_is_cut_out_of_the_file_of_all_and_what_is_no_icon_is_not(light):
    drawings = 'x={bars:[1,2,[],"f0","M9"]};y={sun:[8,8,[1,"2"],"f1","M1"],bars:[448,512,["navicon"],"f0c9","M0 96"]}'
    rule = light._icon("fa-bars", drawings)
    assert rule.startswith(".fa-bars {") and "M0 96" in unquote(rule) and "width: 0.875em" in rule
    assert light._icon("fa-lg", drawings) == ""


@pytest.mark.parametrize(
    ("printed", "columns"),
    [
        ("z                (2, 100)\nproject          (2, 1024, 4, 4)\n", True),
        ("def f(x):\n    y = x + 1\n    return y\n", True),
        ("drawn-rooms: 32 of 32 combinations are drawn\n    two halves of the data: 0.946\n", False),
        ("Kernel 5: not settled by the Fréchet distance (0.94 times, 0.79 to 1.12, 5 pairs)\n", False),
        ("  10,000 codes: 0.04 s\n 100,000 codes: 0.41 s\nten times the codes, 11 times the seconds\n", False),
    ],
)
def test_what_is_printed_in_columns_does_not_wrap(readable, printed, columns):
    block = nodes.literal_block("", printed, classes=["output", "stream"])
    readable._columns(None, nodes.section("", block), "chapter")
    assert ("columns" in block["classes"]) == columns


def commands():
    """Every `dcgan …` line in the code blocks of the README and the chapters."""
    for path in [ROOT / "README.md", *CHAPTERS]:
        for block in re.findall(r"```bash\n(.*?)```", path.read_text(), re.DOTALL):
            for line in re.sub(r"\\\n(# )? *", "", block).splitlines():  # a command may go on after a backslash
                line = line.removeprefix("# ").split("  #")[0].split("    #")[0].strip()
                if line.startswith("dcgan "):
                    yield pytest.param(line.split()[1:], id=line)


@pytest.mark.parametrize("command", list(commands()))
def test_every_command_that_is_shown_is_one(command):
    cli.make_parser().parse_args(command)
    if command[0] == "train" and os.sep not in command[1]:
        recipes.recipe(command[1], command[command.index("--profile") + 1] if "--profile" in command else "cpu")


def test_the_makefile_has_what_the_readme_names_and_ci_and_the_workflow_call_it():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make (\w+)", (ROOT / "README.md").read_text())) <= targets
    for caller in (ROOT / ".ci" / "run", ROOT / ".github" / "workflows" / "book.yml"):
        assert {"make test", "make book"} <= set(re.findall(r"make \w+", caller.read_text()))
        assert "pytest -m slow" in caller.read_text()


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("chapter", "texts"),
    [
        ("04_training", ["faces: 18,994 images"]),
        (
            "04_1_lsun",
            ["small, in this chapter", "19,947 photographs, 9,600 images seen, 300 updates", "3,990 photographs of rooms"],
        ),
        ("04_2_faces", ["small, in this chapter", "18,994 photographs, 9,600 images seen, 300 updates"]),
        ("04_3_imagenet", ["imagenet32: 16,000 images, 200 classes", "9,600 images seen, 300 updates"]),
        ("05_1_cifar10", ["pictures: cifar10"]),
        ("05_2_svhn", ["digits: mnist"]),
        ("06_2_features", ["19,947 train, 400 test, 4 classes"]),  # prepared as its last figures need them
        ("08_mnist", ["small, in this chapter"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_chapters_that_show_photographs_run_where_there_are_some(real_data, build, tmp_path, monkeypatch, chapter, texts):
    """Also: the whole of each set is prepared, and trains a few hundred steps in its chapter."""
    monkeypatch.setattr(build, "BOOK", ROOT / "book")
    assert build.execute(chapter, {"profile": "quick", "seed": 0, "device": "cpu"}) > 0
    notebook = nbformat.read(tmp_path / "executed" / f"{chapter}.ipynb", as_version=4)
    shown = str([cell.outputs for cell in notebook.cells if cell.cell_type == "code"])
    for text in texts:
        assert text in shown
