"""What the tests share: places that are theirs alone, small pictures, one small finished run."""

import io
import os
import shutil
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

# Before torch is imported, and inherited by the processes that tests start: the same sums in all of them, hence equal files.
os.environ |= {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}

import numpy as np
import pytest
import toy as toys
from PIL import Image

from dcgan_core import assets
from dcgan_core.cli import main
from dcgan_core.data import loading
from dcgan_core.networks import Architecture, Generator
from dcgan_core.runs import Run

TINY = Architecture(16, 1, (8, 16), (2, 2), kernel=4, latent=10)  # what SETTINGS make of the digits recipe
SETTINGS = ["--profile", "quick", "--device", "cpu"]
SETTINGS += [x for s in ("architecture.widths=8,16", "architecture.latent=10", "batch=16") for x in ("--set", s)]
CONDITIONAL = ["--set", "architecture.num_classes=10", "--set", "architecture.output=sigmoid"]
UPDATES = 200
REAL_DATA = Path(os.environ["DCGAN_REAL_DATA"]).resolve() if os.environ.get("DCGAN_REAL_DATA") else None


def train_arguments(out: Path, *more: str, images: int = 16 * UPDATES) -> list[str]:
    """A `dcgan train` of the small net on the digits."""
    return ["train", "digits", *SETTINGS, "--images", str(images), "--out", str(out), *more]


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """Data, cache and working folder of each test are its own, and nothing is fetched from anywhere."""
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("DCGAN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def no_network(*args, **kwargs):
        raise urllib.error.URLError("no network in tests")

    monkeypatch.setattr(urllib.request, "urlopen", no_network)


def ships_from(monkeypatch, name: str, folder: Path) -> Path:
    """One of the book's shipped folders is this one, which may yet have to be made."""
    folder.mkdir(exist_ok=True)
    monkeypatch.setitem(assets.FOLDERS, name, folder)
    return folder


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """Where reference runs ship to and are read from: an empty place. No ablations and nothing of chapter 9 ship either."""
    ships_from(monkeypatch, "ablations", tmp_path / "ablations")
    ships_from(monkeypatch, "after", tmp_path / "after")
    return ships_from(monkeypatch, "reference_runs", tmp_path / "shelf")


@pytest.fixture
def data(tmp_path) -> Path:
    """The data root."""
    return tmp_path / "data"


@pytest.fixture
def cache(tmp_path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def real_data(monkeypatch) -> Path:
    """The data root is the one with the real data sets."""
    if not REAL_DATA:
        pytest.skip("DCGAN_REAL_DATA is not set")
    monkeypatch.setenv("DCGAN_DATA", str(REAL_DATA))
    return REAL_DATA


def trained(folder: Path, *more: str, images: int = 16 * UPDATES) -> Run:
    """A finished run on the digits, for fixtures that outlive a test's own folders."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DCGAN_DATA", str(folder))
        patch.setenv("DCGAN_CACHE", str(folder / "cache"))
        assert main(train_arguments(folder / "digits", *more, images=images)) == 0
    return Run(folder / "digits")


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> Run:
    """A finished run: 200 updates on the digits. Not to be changed; `run_copy` may be."""
    return trained(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def conditional(tmp_path_factory) -> Run:
    """A small class-conditional run."""
    return trained(tmp_path_factory.mktemp("conditional"), *CONDITIONAL, images=320)


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    """Scikit-learn's digits at 16 pixels: to train on, and held out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DCGAN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield loading.load_data("digits", 16), loading.load_data("digits", 16, "test")


@pytest.fixture
def toy() -> Generator:
    return toys.generator()


@pytest.fixture
def run_copy(run, tmp_path) -> Run:
    shutil.copytree(run.path, tmp_path / "copied" / "digits")
    return Run(tmp_path / "copied" / "digits")


@pytest.fixture
def fails(capsys):
    """Runs a command that must end with one line on stderr, which holds `names`, and a bad exit code."""

    def check(*arguments, names: str) -> str:
        capsys.readouterr()
        code = main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        assert code == 1
        assert out == ""
        assert err.count("\n") == 1, err
        assert err.startswith(f"dcgan {arguments[0]}: ")
        assert names in err
        return err

    return check


def noise(seed: int, width: int = 16, height: int = 16, channels: int = 3) -> np.ndarray:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)
    return pixels if channels == 3 else pixels[:, :, 0]


def encode(pixels: np.ndarray | Image.Image, kind: str = "png", **options) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def make_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def make_folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file in a folder, to see that nothing was lost or added."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
