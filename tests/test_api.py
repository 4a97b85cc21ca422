"""What `import dcgan_core` offers."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY, encode, make_folder, noise
from PIL import Image

import dcgan_core as dcgan
from dcgan_core import latent, networks, pictures
from dcgan_core.cli import main
from dcgan_core.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
QUICK = {"profile": "quick", "device": "cpu"}


def test_importing_it_imports_no_torch_and_what_is_asked_for_later():
    code = (
        "import sys, dcgan_core; assert not {'torch', 'numpy', 'PIL'} & {*sys.modules};"
        "assert {*dcgan_core.__all__} < {*dir(dcgan_core)};"
        "from dcgan_core import load; assert load is dcgan_core.load; assert 'scipy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_every_name_is_there_and_no_other():
    assert all(getattr(dcgan, name) is not None for name in dcgan.__all__)
    assert dcgan.Generator is networks.Generator and dcgan.ARCHITECTURES is networks.ARCHITECTURES
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        dcgan.lode  # noqa: B018
    assert (ROOT / "dcgan_core" / "py.typed").is_file()


def test_a_shipped_run_is_loaded_by_its_name_unless_a_run_of_that_name_is_here(run, shelf, tmp_path):
    (shelf / "digits").symlink_to(run.path)
    (tmp_path / "digits").mkdir()  # pictures, say
    generator = dcgan.load("digits", device="cpu")
    assert not generator.training and generator.architecture == TINY
    assert dcgan.Run("digits").path == shelf / "digits"
    assert torch.equal(dcgan.load(run.path, device="cpu").sample(3), generator.sample(3))
    (tmp_path / "digits" / "run.json").write_text("{}")
    with pytest.raises(UserError, match=r"digits/run\.json: not written by dcgan train"):
        dcgan.load("digits")
    with pytest.raises(UserError, match="none: no such run; there are: digits$"):
        dcgan.load("none")
    with pytest.raises(UserError, match="`device` toaster"):
        dcgan.load(run.path, device="toaster")


def test_a_seed_means_the_same_images_as_on_the_command_line(run):
    assert main(["sample", str(run.path), "--count", "5", "--seed", "3", "--npz", "f.npz", "--device", "cpu"]) == 0
    images = run.generator().sample(5, seed=3)
    assert np.array_equal(images.numpy(), np.load("f.npz")["images"])
    assert not torch.equal(images, run.generator().sample(5))
    with pytest.raises(UserError, match="`count` 0: at least 1"):
        run.generator().sample(0)
    with pytest.raises(UserError, match="`labels`: this run is not class-conditional"):
        run.generator().sample(1, labels=[0])


def test_a_conditional_net_draws_the_classes_asked_for(conditional):
    g = conditional.generator()
    z = latent.sample(g.architecture, 12, torch.Generator().manual_seed(0))
    assert torch.equal(g.sample(12), latent.generate(g, z, torch.arange(12) % 10))
    assert torch.equal(g.sample(12, labels=[3, 1]), latent.generate(g, z, torch.tensor([3, 1] * 6)))
    for labels in ([10], [-1], []):
        with pytest.raises(UserError, match="`labels` .*the classes are 0 to 9"):
            g.sample(2, labels=labels)


def test_show_takes_what_a_generator_puts_out_and_uint8(run, conditional, tmp_path):
    for net in (run.generator(), conditional.generator()):  # tanh, sigmoid
        images = net.sample(6)
        picture = dcgan.show(images, tmp_path / "grid.png", zoom=1)
        pixels = networks.to_pixels(images, net.architecture).numpy()
        assert np.array_equal(np.asarray(picture), pictures.grid(pixels, gap=1))
        assert np.array_equal(np.asarray(Image.open(tmp_path / "grid.png")), np.asarray(picture))
        assert np.array_equal(np.asarray(dcgan.show(pixels, zoom=1)), np.asarray(picture))
    assert dcgan.show(pixels[0]).size == (32, 32)
    grey = dcgan.show(torch.full((1, 1, 2, 2), 0.5), output="tanh")
    assert np.asarray(grey).max() == 191


def test_a_picture_too_large_for_its_format_is_refused():
    long = np.zeros((1, 1, 2, 16_400), np.uint8)
    with pytest.raises(UserError, match=r"long\.webp: 16400 x 2 pixels are too many for webp; write a \.png"):
        dcgan.show(long, "long.webp", zoom=1)
    dcgan.show(long, "long.jpg", zoom=1)
    assert not Path("long.webp").exists() and Image.open("long.jpg").size == (16_400, 2)


def test_a_path_is_never_a_name(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert dcgan.load_data("digits", 8).name == "digits"
    with pytest.raises(UserError, match=r"/digits: no such zip or folder"):
        dcgan.load_data(Path("digits"), 8)
    make_folder(tmp_path / "digits", {f"train/{i}.png": encode(noise(i)) for i in range(3)})
    assert {len(dcgan.load_data(path, 8)) for path in (Path("digits"), Path("~/digits"))} == {3}


def test_train_makes_a_run_of_ones_own_pictures_and_goes_on_with_it(tmp_path):
    make_folder(tmp_path / "mine", {f"train/{i}.png": encode(noise(i)) for i in range(20)})
    small = {"architecture.size": 8, "architecture.widths": [4, 4, 4], "architecture.latent": 5, "batch": 4}
    run = dcgan.train(tmp_path / "mine", images=20, seed=7, settings=small, **QUICK)
    assert (run.path, run.info["status"], run.info["counters"]["images"]) == (Path("runs/mine"), "finished", 20)
    assert {key: run.info["config"][key] for key in ("batch", "seed")} == {"batch": 4, "seed": 7}
    assert run.architecture.widths == (4, 4, 4)
    run = dcgan.train(tmp_path / "mine", images=40, seed=7, settings=small, resume=True, **QUICK)
    assert run.info["counters"]["images"] == 40
    tuned = dcgan.train(tmp_path / "mine", images=4, initial=run.path, out="tuned", settings=small, **QUICK)
    assert [ancestor["name"] for ancestor in tuned.info["lineage"]] == ["mine"]
    with pytest.raises(UserError, match="mine: already exists; continue it with `resume`, or choose another `out`"):
        dcgan.train(tmp_path / "mine", images=40, settings=small, **QUICK)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"profile": "fast"}, "`profile` fast"),
        ({"device": "toaster"}, "`device` toaster"),
        ({"settings": {"bacth": 3}}, "`settings` bacth: unknown key 'bacth'.*did you mean 'batch'"),
        ({"settings": {"batch": "many"}}, "`settings` batch: expected int, got 'many'"),
        ({"images": 0}, "say how long to train: `images` or `minutes`"),
    ],
)
def test_what_cannot_be_trained_is_told_by_the_parameters_names(tmp_path, given, message):
    with pytest.raises(UserError, match=message):
        dcgan.train("digits", **QUICK | given)
    assert not (tmp_path / "runs").exists()


def test_probe_finds_what_the_command_finds(run, tmp_path, capsys):
    found = dcgan.probe(run, "digits", images=300, device="cpu")
    assert main(["probe", str(run.path), "--dataset", "digits", "--images", "300", "--device", "cpu"]) == 0
    assert f"accuracy {found.accuracy:.2%} (95 %: {found.low:.2%} to {found.high:.2%})" in capsys.readouterr().out
    few = dcgan.probe(run.path, "digits", labels_each=5, draws=3, kind="pixels", device="cpu")
    assert few.n == 3 and few.protocol["labels_each"] == 5
    with pytest.raises(UserError, match="`kind` raw"):
        dcgan.probe(run, "digits", kind="raw", device="cpu")


def test_a_run_is_resumed_or_started_from_another_not_both(tmp_path):
    with pytest.raises(UserError, match="choose one of them"):
        dcgan.train("digits", out=tmp_path / "run", resume=True, initial="faces", **QUICK)
