"""What a student may unfold: the solutions of the exercises run at the end of their chapter."""

import re
from pathlib import Path

import jupytext
import nbformat
import papermill
import pytest
from chapters import CHAPTERS


def solutions(path: Path) -> list[str]:
    """The code of a chapter's solutions, block by block."""
    prose = "\n".join(cell.source for cell in jupytext.read(path).cells if cell.cell_type == "markdown")
    folded = re.findall(r"<details>(.*?)</details>", prose, re.DOTALL)
    return [code for part in folded for code in re.findall(r"```python\n(.*?)```", part, re.DOTALL)]


SOLVED = [path for path in CHAPTERS if solutions(path)]


def test_most_chapters_have_solutions_in_code():
    assert len(SOLVED) > 12


@pytest.mark.slow
@pytest.mark.parametrize("path", SOLVED, ids=lambda path: path.stem)
def test_every_solution_runs_where_its_chapter_ends(path, tmp_path):
    notebook = jupytext.read(path)
    notebook.cells += [nbformat.v4.new_code_cell(code) for code in solutions(path)]
    nbformat.write(notebook, tmp_path / "chapter.ipynb")
    how = {"kernel_name": "python3", "cwd": tmp_path, "progress_bar": False}
    papermill.execute_notebook(tmp_path / "chapter.ipynb", tmp_path / "out.ipynb", {"profile": "quick", "seed": 0}, **how)
