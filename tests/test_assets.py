"""What ships with the book is found beside the package, or missed in so many words."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dcgan_core
from dcgan_core import assets, runs
from dcgan_core.ablations import shipping
from dcgan_core.drawings import scenes
from dcgan_core.errors import UserError
from dcgan_core.readers import fitting, judges

ALONE = """
from dcgan_core import runs
from dcgan_core.ablations import shipping
from dcgan_core.claims import ledger
from dcgan_core.errors import UserError
from dcgan_core.readers import judges

asked = {
    "ledger": ledger.ledger_rows,
    "reference_runs": runs.reference_runs,
    "reference": lambda: runs.Run.reference("faces"),
    "ablations": shipping.rows,
    "judge": lambda: judges.load_judge("drawn-rooms"),
}
for name, ask in asked.items():
    try:
        ask()
    except UserError as error:
        print(name, error)
"""


@pytest.fixture
def alone(tmp_path):
    """Runs python from elsewhere with the package alone, as a wheel has it; returns what became of it."""
    package = Path(dcgan_core.__file__).parent
    shutil.copytree(package, tmp_path / "site" / "dcgan_core", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "elsewhere").mkdir()

    def python(*arguments: str) -> subprocess.CompletedProcess:
        place = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=tmp_path / "elsewhere", env=place, capture_output=True, text=True, check=False)

    return python


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_the_package_alone_says_that_there_are_no_results_and_not_that_nothing_was_measured(alone, more, tmp_path):
    told = alone("-m", "dcgan_core.cli", "claims", *more)
    assert (told.returncode, told.stdout) == (1, "")
    assert len(told.stderr.splitlines()) == 1 and told.stderr.startswith(f"dcgan claims: {tmp_path / 'site' / 'book'}")
    assert "no such folder" in told.stderr and "pip install -e CHECKOUT" in told.stderr


def test_whoever_reads_what_ships_is_told(alone):
    told = alone("-c", ALONE)
    assert (told.returncode, told.stderr) == (0, "")
    lines = told.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["ledger", "reference_runs", "reference", "ablations", "judge"]
    assert all("no such folder; the book's" in line and "pip install -e CHECKOUT" in line for line in lines)


def test_a_judge_that_is_kept_needs_none_that_ships(monkeypatch, tmp_path, cache):
    file = f"drawn-rooms-64px-v{scenes.VERSION}-seed0.safetensors"
    (cache / "judges").mkdir(parents=True)
    shutil.copy(assets.folder("judges") / file, cache / "judges")
    monkeypatch.setitem(assets.FOLDERS, "judges", tmp_path / "none")
    assert fitting.shipped_or_kept(file) == cache / "judges" / file
    assert judges.load_judge("drawn-rooms").name == "drawn-rooms"
    with pytest.raises(UserError, match="the book's judges do not come with"):
        judges.load_judge("drawn-rooms", seed=1)


def test_an_empty_folder_is_no_error(shelf):
    assert runs.reference_runs() == [] and shipping.rows() == []


def test_in_a_checkout_all_folders_are_there():
    assert all(any(assets.folder(name).iterdir()) for name in assets.FOLDERS)
