"""What a chapter depends on: what it read while it ran, down to the functions that it called."""

import ast
import subprocess
import sys

import pytest
from chapters import BOOK, script
from conftest import make_folder

import dcgan_core

PACKAGE = {
    "__init__.py": "",
    "networks.py": "WIDTH = 3\n\n\ndef build():\n    return WIDTH\n\n\ndef other():\n    return 1\n",
    "latent.py": "from dcgan_core import networks\n\n\ndef sample():\n    return networks.build()\n",
    "probes/__init__.py": "",
    "probes/svm.py": '''
class Svm:
    """A machine."""

    def fit(self):
        """Fits."""
        return [x for x in range(3)]

    def score(self, times=2):
        return times

    @property
    def weights(self):
        return 5
''',
    "probes/features.py": "def task():\n    from dcgan_core.probes import svm\n    return svm.Svm()\n",
    "unused.py": "raise ImportError\n",
    "style.txt": "blue",
}


@pytest.fixture
def recording():
    return script("_kernel/recording.py")


@pytest.fixture
def package(tmp_path):
    return make_folder(tmp_path / "dcgan_core", {name: text.encode() for name, text in PACKAGE.items()})


def run(recording, tmp_path, code: str) -> dict:
    """The record of a program that runs beside the package."""
    log = tmp_path / "log"
    log.unlink(missing_ok=True)
    places = [str(tmp_path / name) for name in ("dcgan_core", "shipped")]
    begin = (
        f"import sys; sys.path.insert(0, {str(BOOK / '_kernel')!r}); import recording; recording.begin({str(log)!r}, {places})"
    )
    done = subprocess.run([sys.executable, "-c", f"{begin}\n{code}"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return recording.record(log, tmp_path, own=tmp_path / "shipped" / "own")


def test_a_program_depends_on_the_functions_that_it_called_and_on_what_ran_when_modules_were_loaded(
    recording, package, tmp_path
):
    known = {
        "walk": run(recording, tmp_path, "from dcgan_core import latent\nlatent.sample()"),
        "probe": run(recording, tmp_path, "from dcgan_core.probes.features import task\ntask().fit()"),
        "plain": run(recording, tmp_path, "print(1)"),
    }

    def after(file: str, old: str, new: str) -> set[str]:
        """Whose record no longer holds when something is replaced; and all hold when it is put back."""
        text = (package / file).read_text()
        assert old in text
        (package / file).write_text(text.replace(old, new))
        different = {name for name in known if recording.changed(known[name], tmp_path)}
        (package / file).write_text(text)
        assert not any(recording.changed(record, tmp_path) for record in known.values())
        return different

    assert after("networks.py", "return WIDTH", "return WIDTH + 1") == {"walk"}, "a function that was called"
    assert after("networks.py", "WIDTH = 3", "WIDTH = 4") == {"walk"}, "what is in no function"
    assert after("networks.py", "return 1", "return 2") == set(), "a function that was not"
    assert after("networks.py", "def other():", "def other(x=WIDTH):") == {"walk"}, "but its first line ran"
    assert after("networks.py", "def other():\n    return 1\n", "") == {"walk"}
    assert after("latent.py", "def sample():", "# as the paper\ndef sample():\n    # a comment") == set()
    assert after("probes/svm.py", "range(3)", "range(4)") == {"probe"}, "a method"
    assert after("probes/svm.py", "return times", "return times + 1") == after("probes/svm.py", "return 5", "return 6") == set()
    assert after("probes/svm.py", "times=2", "times=3") == after("probes/svm.py", '"A machine."', '"An engine."') == {"probe"}
    assert after("probes/__init__.py", "", "x = 1") == {"probe"}, "the package around it"
    assert after("unused.py", "ImportError", "ValueError") == set()
    assert after("latent.py", "def", "def def") == {"walk"}, "no Python at all"
    (package / "probes" / "svm.py").unlink()
    assert recording.changed(known["probe"], tmp_path) and not recording.changed(known["walk"], tmp_path)


def test_a_program_depends_on_the_files_that_it_opened_and_on_the_names_in_folders(recording, package, tmp_path):
    shipped = make_folder(tmp_path / "shipped", {"a/run.json": b"1", "a/weights": b"2", "b/run.json": b"3", "own/log": b"4"})
    code = """
from pathlib import Path
import os, numpy as np
for path in sorted(Path("shipped").glob("*/run.json")): path.read_text()
np.fromfile("shipped/a/weights", np.uint8)
Path("shipped/own/new").write_text("x"); Path("shipped/own/new").read_text()
Path("shipped/later").exists(), os.path.isdir("shipped/b")
"""
    record = run(recording, tmp_path, code)
    assert set(record["file"]) == {"shipped/a/run.json", "shipped/a/weights", "shipped/b/run.json"}
    assert set(record["names"]) == {"shipped"}
    assert recording.there(tmp_path / ("x" * 900)) == "nothing"
    assert record["there"]["shipped/later"] == "nothing" and record["there"]["shipped/b"] == "folder"
    for path in (shipped / "a" / "weights", shipped / "b" / "run.json"):
        before = path.read_bytes()
        path.write_bytes(b"other")
        assert str(path.relative_to(tmp_path)) in recording.changed(record, tmp_path)
        path.write_bytes(before)
    assert recording.changed(record, tmp_path) is None
    (shipped / "a" / "more").touch()
    assert recording.changed(record, tmp_path) is None, "nobody asked for that"
    (shipped / "c").mkdir()
    assert recording.changed(record, tmp_path) == "shipped"
    (shipped / "c").rmdir()
    asked = run(recording, tmp_path, 'import os\nos.path.exists("shipped/later")')
    (shipped / "later").touch()
    assert recording.changed(asked, tmp_path) == "shipped/later"


def test_html_that_is_asked_whether_it_is_a_file_is_no_place(recording, package, tmp_path):
    """As IPython does of all that it shows."""
    code = "import os\nos.path.isfile('shipped/' + '<img src=x>' * 9000)\nos.path.isfile('shipped/missing')"
    assert list(run(recording, tmp_path, code)["there"]) == ["shipped/missing"]


def test_a_program_that_shows_a_modules_source_depends_on_its_comments_too(recording, package, tmp_path):
    code = "import inspect\nfrom dcgan_core import networks\nprint(inspect.getsource(networks.other))"
    record = run(recording, tmp_path, code)
    (package / "networks.py").write_text(PACKAGE["networks.py"] + "# a comment\n")
    assert recording.changed(record, tmp_path)


def test_the_library_does_the_same_when_it_is_recorded_and_what_it_reads_is_noted(recording, tmp_path):
    """Nets and judges are read by a library in Rust, which Python would not hear of."""
    code = """
import inspect
import dcgan_core as dcgan
from dcgan_core.readers import judges
from dcgan_core.data.sources import finding
from dcgan_core import latent
g = dcgan.load("mnist-small", device="cpu")
assert g.sample(2, seed=1).shape == (2, 1, 28, 28)
judges.load_judge("drawn-portraits")
finding.find("digits"); finding.names()
assert inspect.getsource(latent.sample).startswith("def sample")
"""
    log, root = tmp_path / "log", BOOK.parent
    begin = f"import recording; recording.begin({str(log)!r}, [{str(BOOK)!r}, {str(root / 'dcgan_core')!r}])"
    environment = {"PYTHONPATH": f"{BOOK / '_kernel'}:{root}", "PATH": "/usr/bin", "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", f"{begin}\n{code}"], cwd=tmp_path, env=environment, check=True)
    record = recording.record(log, root, own=tmp_path)
    files = {path.rpartition("/")[2] for path in record["file"]}
    assert {"run.json", "generator.safetensors", "drawn-portraits-64px-v2-seed0.safetensors", "latent.py"} <= files
    assert set(record["data"]) >= {"", "digits"}
    assert "sample" in record["modules"]["dcgan_core/latent.py"]["parts"]
    assert "walk" not in record["modules"]["dcgan_core/latent.py"]["parts"]
    assert "dcgan_core/claims/ledger.py" not in record["modules"]


def test_all_functions_of_the_library_are_told_apart(recording):
    """So that each body is counted: none twice, none under another's name but a property's setter."""
    for path in (BOOK.parent / "dcgan_core").rglob("*.py"):
        tree = ast.parse(path.read_text())
        inside = {id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) for n in ast.walk(f) if n is not f}
        outer = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and id(n) not in inside]
        found = list(recording._functions(tree))
        assert {id(f) for _, f in found} == set(map(id, outer)), path
    assert dcgan_core.__file__
