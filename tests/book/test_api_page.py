"""The pages of the library and of its log say what is so: their examples run, and no name and no number is left out."""

import io
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import encode, make_folder, noise, train_arguments
from PIL import Image

import dcgan_core as dcgan
from dcgan_core.cli import main
from dcgan_core.errors import UserError
from dcgan_core.training import collapse, session

BOOK = Path(__file__).resolve().parent.parent.parent / "book"
PAGE = (BOOK / "api.md").read_text()
IMPORT, *EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SMALLER = {"minutes=30": "images=64", "minutes=60": "images=128", "images=10_000": "images=60"}  # so that it takes seconds
SMALLER |= {"images=5_000": "images=64", "labels_each=100": "labels_each=2", "draws=10": "draws=2"}


@pytest.fixture
def run_example(tmp_path, data, monkeypatch):
    """Runs some of the page's code where there are a folder of photographs and a labelled set. Returns what it defined."""
    make_folder(tmp_path / "path/to/photos", {f"{i:02d}.png": encode(noise(i)) for i in range(40)})
    files = {f"{split}/{kind}/{i:02d}.png" for split in ("train", "test") for kind in ("cat", "dog") for i in range(40)}
    make_folder(data / "cifar10", {name: encode(noise(i, 32, 32)) for i, name in enumerate(sorted(files))})
    monkeypatch.setattr(session, "BATCHNORM_BATCHES", 2)

    def run(code: str) -> dict:
        for long, short in SMALLER.items():
            code = code.replace(long, short)
        known = {"torch": torch}
        exec(IMPORT + code, known)
        return known

    return run


def test_the_page_has_every_public_name_and_an_example_of_each():
    documented = re.findall(r"^\.\. (?:autofunction|autoclass|py:data):: (\w+)$", PAGE, re.MULTILINE)
    assert sorted(documented) == sorted(dcgan.__all__)
    assert len(EXAMPLES) == 6 + len(documented)
    for name in documented:
        after = PAGE.split(f":: {name}\n")[1]
        assert f"dcgan.{name}" in after.split("```python\n")[1].split("```")[0] or name == "Discriminator"


def test_every_example_has_three_lines():
    assert {example.count("\n") for example in EXAMPLES} == {3}


@pytest.mark.parametrize("name", sorted({*dcgan.__all__} - {"ARCHITECTURES"}))
def test_a_docstring_says_where_in_the_paper_and_what_is_raised(name):
    text = getattr(dcgan, name).__doc__
    assert "paper §" in text or name in {"show", "Run"}
    assert "Raises UserError" in text or name in {"Generator", "Discriminator"}


@pytest.mark.slow
def test_six_things_in_three_lines(run_example, tmp_path):
    sample, photos, walk, features, probe, resume = EXAMPLES[:6]
    images = run_example(sample)["images"]
    assert images.shape == (64, 3, 64, 64) and -1 <= images.min() < images.max() <= 1
    trained = run_example(photos)
    assert trained["run"].info["counters"]["images"] == 64 and trained["own"].shape == (16, 3, 64, 64)
    frames = run_example(walk)["frames"]
    assert frames.shape == (30, 3, 64, 64) and frames.dtype == np.uint8
    ends = dcgan.show(torch.cat([dcgan.load("faces", device="cpu").sample(1, seed=seed) for seed in (0, 1)]), zoom=1)
    assert np.array_equal(np.asarray(dcgan.show(frames[[0, -1]], zoom=1)), np.asarray(ends))
    found = run_example(features)
    assert len(found["found"]) == len(found["photos"]) and found["found"].dtype == np.float32
    result = run_example(probe)["result"]
    assert result.n == 80 and 0 <= result.low <= result.accuracy <= result.high <= 1
    assert run_example(resume)["run"].info["counters"]["images"] == 128
    assert all(Image.open(tmp_path / f"{name}.png").size[0] > 100 for name in ("faces", "own", "walk", "later"))


@pytest.mark.slow
def test_the_examples_of_the_names_run(run_example):
    run_example("".join(EXAMPLES[6:]))


def test_a_walk_takes_a_class_and_features_refuse_other_images(conditional, run):
    g = conditional.generator()
    three = dcgan.walk(g, steps=3, label=3)
    assert three.shape == (3, 1, 16, 16) and not np.array_equal(three, dcgan.walk(g, steps=3))
    assert np.array_equal(dcgan.walk(g, steps=3, label=0), dcgan.walk(g, steps=3))
    for net, label in ((g, 10), (run.generator(), 0)):
        with pytest.raises(UserError, match="`labels`"):
            dcgan.walk(net, label=label)
    with pytest.raises(UserError, match="`images`: uint8 2 x 3 x 16 x 16; this D sees uint8 N x 1 x 16 x 16"):
        dcgan.features(run, np.zeros((2, 3, 16, 16), np.uint8))
    one = dcgan.features(run, three[:1], device="cpu")
    assert np.allclose(one, dcgan.features(run, three, device="cpu")[:1], atol=1e-5)
    whole, second = (dcgan.features(run, three, layers=layers, device="cpu") for layers in (None, [2]))
    assert whole.shape == (3, 384) and np.array_equal(second, whole[:, 128:])  # 8 and 16 maps of 4 x 4
    with pytest.raises(UserError, match="layer"):
        dcgan.features(run, three, layers=[3], device="cpu")


# --- the log ----------------------------------------------------------------------------------------------------------


def test_each_number_of_the_log_is_explained_and_nothing_else(run):
    text = (BOOK / "log.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == list(run.log()[-1])
    bounds = (f"every {session.LOG_EVERY} updates", f"Above {collapse.SURE}", f"Below {collapse.ALIKE}")
    assert all(said in text for said in (*bounds, f"over {collapse.WARN} rows", f"{collapse.STOP} rows"))


def test_tensorboard_shows_the_rows_and_the_grids(tmp_path):
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    assert main(train_arguments(tmp_path / "run", "--tensorboard", images=16 * 75)) == 0
    assert main(train_arguments(tmp_path / "run", "--tensorboard", "--resume", images=16 * 150)) == 0
    rows = dcgan.Run(tmp_path / "run").log()
    shown = event_accumulator.EventAccumulator(str(tmp_path / "run"))
    shown.Reload()
    assert {*shown.Tags()["scalars"]} == {*rows[0]} - {"images"}
    for key in shown.Tags()["scalars"]:
        points = [(p.step, p.value) for p in shown.Scalars(key)]
        assert points == [(row["images"], pytest.approx(row[key])) for row in rows]
    pictures = {p.step: Image.open(io.BytesIO(p.encoded_image_string)) for p in shown.Images("samples")}
    last = sorted((tmp_path / "run" / "samples").glob("[0-9]*.png"))[-1]
    assert np.array_equal(np.asarray(pictures[int(last.stem)].convert("RGB")), np.asarray(Image.open(last)))


def test_without_tensorboard_nothing_is_begun(tmp_path, monkeypatch, fails):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    arguments = train_arguments(tmp_path / "run", "--tensorboard")
    fails(*arguments, names="--tensorboard: not installed; get it with: pip install 'dcgan-core[tensorboard]'")
    assert not (tmp_path / "run").exists()
