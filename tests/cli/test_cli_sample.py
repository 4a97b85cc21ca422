import os

import numpy as np
import pytest
import torch
from PIL import Image

from dcgan_core import latent, pictures
from dcgan_core.cli import main
from dcgan_core.runs import Run


def sample(run: Run, *arguments) -> int:
    return main(["sample", str(run.path), "--device", "cpu", *map(str, arguments)])


def test_sample_draws_a_grid(run, tmp_path, capsys):
    assert sample(run, "--count", 9, "--out", "nine.png") == 0
    assert capsys.readouterr().out == "nine.png\n"
    z = latent.sample(run.architecture, 9, torch.Generator().manual_seed(0))
    expected = pictures.grid(latent.generate_pixels(run.generator(), z))
    assert np.array_equal(np.asarray(Image.open("nine.png")), expected)
    assert sample(run) == 0
    assert Image.open("grid.png").width == 8 * 16 + 7 * 2


def test_sample_writes_z_and_images_as_numbers(run):
    assert sample(run, "--count", 5, "--npz", "f.png") == 1
    assert sample(run, "--count", 5, "--seed", 3, "--npz", "f.npz") == 0
    assert not os.path.exists("grid.png")
    with np.load("f.npz") as arrays:
        z, images = arrays["z"], arrays["images"]
    assert z.shape == (5, 10)
    assert images.shape == (5, 1, 16, 16)
    assert images.dtype == z.dtype == np.float32
    assert -1 <= images.min() < 0 < images.max() <= 1
    assert np.array_equal(z, latent.sample(run.architecture, 5, torch.Generator().manual_seed(3)).numpy())


def test_the_same_z_draw_the_same_images(run):
    assert sample(run, "--count", 5, "--seed", 3, "--npz", "first.npz") == 0
    assert sample(run, "--z", "first.npz", "--npz", "again.npz", "--out", "again.png") == 0
    assert sample(run, "--count", 5, "--seed", 4, "--npz", "other.npz") == 0
    first, again, other = (np.load(f"{name}.npz")["images"] for name in ("first", "again", "other"))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)
    assert os.path.exists("again.png")


def test_batch_statistics_draw_other_images_that_depend_on_their_batch(run):
    for name, more in (("stored", []), ("batch", ["--batch-statistics"])):
        for count in (6, 12):
            assert sample(run, "--count", count, "--npz", f"{name}{count}.npz", *more) == 0
    images = {name: np.load(f"{name}.npz")["images"][:6] for name in ("stored6", "stored12", "batch6", "batch12")}
    assert np.allclose(images["stored6"], images["stored12"], atol=1e-5)
    assert abs(images["batch6"] - images["batch12"]).max() > 1e-3
    assert abs(images["batch6"] - images["stored6"]).max() > 1e-3


def test_no_batch_for_batch_statistics_is_a_single_image(run, monkeypatch):
    asked = {}

    def noted(generator, z, labels, batch):
        asked[len(z)] = batch
        return torch.zeros(1, 1, 16, 16)

    monkeypatch.setattr(latent, "generate", noted)
    counts = (2, 3, 128, 129, 257, 16257, 16385)
    for count in counts:
        assert sample(run, "--count", count, "--batch-statistics", "--out", "out.png") == 0
    assert asked.keys() == set(counts)
    assert all(2 <= batch <= 128 and count % batch != 1 for count, batch in asked.items())


def test_labels_choose_the_classes_repeated_as_needed(conditional):
    assert sample(conditional, "--count", 4, "--npz", "all.npz", "--labels", "3,1") == 0
    z = np.load("all.npz")["z"]
    g = conditional.generator()
    expected = latent.generate(g, torch.from_numpy(z), torch.tensor([3, 1, 3, 1])) * 2 - 1  # sigmoid's [0, 1] as [-1, 1]
    assert np.allclose(np.load("all.npz")["images"], expected, atol=1e-6)
    assert sample(conditional, "--count", 4, "--npz", "default.npz") == 0
    expected = latent.generate(g, torch.from_numpy(z), torch.arange(4)) * 2 - 1
    assert np.allclose(np.load("default.npz")["images"], expected, atol=1e-6)


@pytest.mark.parametrize(
    "bad", ["missing", "text", "empty", "truncated", "no z", "npy", "shape", "flat", "none", "nan", "words"]
)
def test_z_that_cannot_be_drawn_are_one_line(run, fails, bad):
    z = {"shape": np.zeros((2, 11)), "flat": np.zeros(10), "none": np.zeros((0, 10)), "nan": np.full((1, 10), np.nan)}
    z["words"] = np.array([["a"] * 10])
    if bad in z:
        np.savez("z.npz", z=z[bad])
    elif bad == "no z":
        np.savez("z.npz", y=np.zeros((2, 10)))
    elif bad == "npy":
        with open("z.npz", "wb") as f:
            np.save(f, np.zeros((2, 10)))
    elif bad == "truncated":
        np.savez("z.npz", z=np.zeros((2, 10)))
        content = open("z.npz", "rb").read()
        open("z.npz", "wb").write(content[: len(content) // 2])
    elif bad != "missing":
        open("z.npz", "w").write({"text": "hello", "empty": ""}[bad])
    fails("sample", run.path, "--z", "z.npz", names="--z z.npz")
    assert not os.path.exists("grid.png")


@pytest.mark.parametrize(
    ("more", "names"),
    [
        (["--count", "0"], "--count 0"),
        (["--count", "3", "--z", "z.npz"], "--count: an image for each of --z"),
        (["--labels", "1"], "--labels"),
        (["--device", "toaster"], "--device toaster"),
        (["--out", "no/such/folder/grid.png"], "no/such/folder/grid.png"),
        (["--out", "plain/grid.png"], "plain/grid.png"),
        (["--npz", "."], "let its name end like that"),
        (["--npz", "no/such/folder/f.npz"], "could not write"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else "",
)
def test_what_sample_cannot_do_is_one_line(run, fails, tmp_path, more, names):
    (tmp_path / "plain").write_text("a file, not a folder")
    fails("sample", run.path, *more, names=names)


@pytest.mark.parametrize("labels", ["", "x", "10", "-1", "1,,2", "1.5"])
def test_bad_labels_are_one_line(conditional, fails, labels):
    fails("sample", conditional.path, f"--labels={labels}", names="--labels")


def test_a_run_that_is_not_there_or_not_finished_is_one_line(fails, run_copy):
    fails("sample", "runs/none", names="runs/none: no such run")
    (run_copy.path / "generator.safetensors").unlink()
    fails("sample", run_copy.path, names="generator.safetensors")


def test_damaged_weights_are_one_line(fails, run_copy):
    path = run_copy.path / "generator.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    fails("sample", run_copy.path, names="generator.safetensors")


@pytest.mark.parametrize("seed", ["-1", str(2**70), "one"])
def test_a_seed_that_is_none_is_refused(run, capsys, seed):
    with pytest.raises(SystemExit):
        main(["sample", str(run.path), "--seed", seed])
    assert f"{seed}: a whole number from 0 on" in capsys.readouterr().err
