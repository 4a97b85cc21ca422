"""The package as people install it: away from the checkout, a wheel does the same."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dcgan_core import assets, pictures
from dcgan_core.cli import main
from dcgan_core.data import picking
from dcgan_core.networks import to_pixels
from dcgan_core.runs import Run

ROOT = Path(__file__).resolve().parent.parent
BUILT_FROM = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "dcgan_core", "book")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder that holds an unpacked wheel and nothing else."""
    pytest.importorskip("setuptools", "77", reason="without the network it is built by the setuptools of this environment")
    folder = tmp_path_factory.mktemp("wheel")
    (folder / "source").mkdir()
    for name in BUILT_FROM:  # so that building leaves nothing in the checkout
        (folder / "source" / name).symlink_to(ROOT / name)
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder)]
    built = subprocess.run([*pip, str(folder / "source")], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.fixture
def installed(site, tmp_path):
    """Runs python with the wheel alone, from an empty folder; returns what it printed."""
    (tmp_path / "elsewhere").mkdir()

    def python(*arguments: str) -> str:
        command, place = [sys.executable, *arguments], os.environ | {"PYTHONPATH": str(site)}
        done = subprocess.run(command, cwd=tmp_path / "elsewhere", env=place, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return python


@pytest.mark.slow
def test_the_wheel_loads_and_samples_as_the_checkout_does(installed, site, tmp_path):
    code = (
        "import dcgan_core as d, numpy; numpy.save('four', d.load('faces', device='cpu').sample(4, seed=0)); print(d.__file__)"
    )
    assert installed("-c", code) == f"{site / 'dcgan_core' / '__init__.py'}\n"
    expected = Run.reference("faces").generator().sample(4, seed=0)
    assert np.array_equal(np.load(tmp_path / "elsewhere" / "four.npy"), expected)
    arguments = ["sample", "faces", "--count", "4", "--out", "grid.png", "--device", "cpu"]
    assert installed("-m", "dcgan_core.cli", *arguments) == "grid.png\n"
    pixels = to_pixels(expected, Run.reference("faces").architecture).numpy()
    assert np.array_equal(np.asarray(Image.open(tmp_path / "elsewhere" / "grid.png")), pictures.grid(pixels))


@pytest.mark.slow
def test_the_wheel_has_the_same_ledger_and_ships_the_same_files(installed, site, capsys):
    capsys.readouterr()
    assert main(["claims", "--json"]) == 0
    assert installed("-m", "dcgan_core.cli", "claims", "--json") == capsys.readouterr().out
    for name, folder in assets.FOLDERS.items():
        there = site / "dcgan_core" / "shipped" / name
        assert sorted(p.relative_to(there) for p in there.rglob("*")) == sorted(
            p.relative_to(folder) for p in folder.rglob("*")
        )
    assert (site / "dcgan_core" / "shipped" / "data.toml").is_file()  # of the page on data
    assert (site / "dcgan_core" / "py.typed").is_file()
    assert {p.stem for p in (site / "dcgan_core" / "data" / "lists").iterdir()} == set(picking.PICKED)


def test_torch_hub_takes_a_clone(tmp_path):
    generator = torch.hub.load(str(ROOT), "generator", "faces", device="cpu", source="local")
    assert torch.equal(generator.sample(2, seed=1), Run.reference("faces").generator().sample(2, seed=1))


@pytest.mark.slow
def test_the_wheel_has_what_chapters_share(installed):
    code = "from dcgan_core import chapters as c; c.use_style(); print(len(c.trial('grain')) > 0)"
    assert installed("-c", code) == "True\n"
