import json
import os
import shutil

import numpy as np
import pytest
import torch
from conftest import encode, make_folder, make_zip, noise, ships_from, snapshot, train_arguments, trained
from PIL import Image

from dcgan_core import __version__, latent, networks, pictures
from dcgan_core.claims import ledger
from dcgan_core.cli import main
from dcgan_core.data import loading
from dcgan_core.data.images import part
from dcgan_core.runs import Run

CONDITIONAL = ["--set", "architecture.num_classes=10", "--set", "architecture.output=sigmoid"]


@pytest.fixture(scope="session")
def conditional(tmp_path_factory) -> Run:
    """A small class-conditional run."""
    return trained(tmp_path_factory.mktemp("conditional"), *CONDITIONAL, images=320)


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


def sample(run: Run, *arguments) -> int:
    return main(["sample", str(run.path), "--device", "cpu", *map(str, arguments)])


# --- train ------------------------------------------------------------------------------------------------------------


def test_train_makes_a_whole_run_and_says_where(tmp_path, capsys):
    assert main(train_arguments(tmp_path / "run", images=160)) == 0
    assert f"{tmp_path / 'run'}: finished" in capsys.readouterr().out
    run = Run(tmp_path / "run")
    assert run.info["status"] == "finished"
    assert run.info["counters"]["images"] == 160
    assert run.info["config"]["architecture"]["widths"] == [8, 16]
    assert {"run.json", "checkpoint.pt", "generator.safetensors", "discriminator.safetensors", "log.jsonl"} <= snapshot(
        run.path
    ).keys()
    assert not [name for name in snapshot(run.path) if name.endswith(".tmp")]


def test_train_goes_to_runs_by_default_and_takes_seed_and_minutes(tmp_path):
    arguments = train_arguments(tmp_path, "--minutes", "0.005", "--seed", "7")
    del arguments[arguments.index("--images") : arguments.index("--images") + 4]  # and --out
    assert main(arguments) == 0
    config = Run("runs/digits").info["config"]
    assert (config["seed"], config["minutes"], config["images"]) == (7, 0.005, 0)


def test_train_takes_any_folder_of_images(data, tmp_path):
    make_folder(tmp_path / "mine", {f"train/{i}.png": encode(noise(i)) for i in range(20)})
    settings = ["--set", "architecture.size=8", "--set", "architecture.latent=5", "--set", "batch=4", "--device", "cpu"]
    small = [*settings, "--set", "architecture.widths=4,4,4", "--profile", "quick", "--images", "20"]
    assert main(["train", str(tmp_path / "mine"), *small]) == 0
    run = Run("runs/mine")
    assert run.info["data"]["images"] == 20
    assert run.info["data"]["source"] == "mine"


def test_first_keeps_the_rest_of_the_training_images_back(tmp_path, fails):
    assert main(train_arguments(tmp_path / "some", "--set", "first=100", images=160)) == 0
    run = Run(tmp_path / "some")
    assert (run.info["data"]["images"], run.info["config"]["first"]) == (100, 100)
    digits = loading.load_data("digits", 16)
    some, rest = part(digits, 0, 100), part(digits, 100)
    assert np.array_equal(some.images, digits.images[:100]) and np.array_equal(some.labels, digits.labels[:100])
    assert np.array_equal(rest.images, digits.images[100:]) and np.array_equal(rest.labels, digits.labels[100:])
    fails(*train_arguments(tmp_path / "none", "--set", "first=5000"), names="digits: has 1,705 train images")
    fails(*train_arguments(tmp_path / "none", "--set", "first=-1"), names="first cannot be negative")
    assert not (tmp_path / "none").exists()


def test_flags_and_settings_are_judged_together(tmp_path, fails):
    assert main(train_arguments(tmp_path / "falling", "--set", "decay_images=32", images=32)) == 0
    assert Run(tmp_path / "falling").info["config"]["decay_images"] == 32
    fails(*train_arguments(tmp_path / "none", "--set", "decay_images=64", images=32), names="decay_images needs images")


def test_init_starts_from_another_runs_weights_and_notes_it(run, tmp_path):
    assert main(train_arguments(tmp_path / "tuned", "--init", str(run.path), "--set", "learning_rate=1e-9", images=16)) == 0
    tuned = Run(tmp_path / "tuned")
    assert tuned.info["initial"] == str(run.path)
    assert [ancestor["name"] for ancestor in tuned.info["lineage"]] == ["digits"]
    assert tuned.trained["images"] == run.trained["images"] + 16 == tuned.info["lineage"][0]["counters"]["images"] + 16
    weight = lambda r: r.generator().convs[0].layer.weight  # noqa: E731
    assert torch.allclose(weight(tuned), weight(run), atol=1e-7)


def test_resume_with_a_larger_budget_goes_on(tmp_path):
    assert main(train_arguments(tmp_path / "run", images=160)) == 0
    assert main(train_arguments(tmp_path / "run", "--resume", images=320)) == 0
    run = Run(tmp_path / "run")
    assert run.info["counters"]["images"] == run.info["config"]["images"] == 320


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["train", "digitz"], "digitz"),
        (["train", "digits", "--profile", "fast"], "--profile fast"),
        (["train", "digits", "--architecture", "lsun65"], "--architecture lsun65"),
        (["train", "no/such/folder"], "no/such/folder"),
        (["train", "/no/such.zip"], "/no/such.zip"),
        (["train", "digits", "--set", "bacth=3"], "--set bacth"),
        (["train", "digits", "--set", "batch"], "--set batch"),
        (["train", "digits", "--set", "batch=many"], "--set batch"),
        (["train", "digits", "--set", "architecture.kernel=4.5"], "--set architecture.kernel"),
        (["train", "digits", "--set", "architecture.size=50"], "50 pixels"),
        (["train", "digits", "--images", "-5"], "images"),
        (["train", "digits", "--minutes", "nan"], "minutes"),
        (["train", "digits", "--seed", "-1"], "seed"),
        (["train", "digits", "--init", "nowhere"], "nowhere"),
        (["train", "void"], "void"),
        (["train", "void.zip"], "void.zip"),
        (["train", "text.zip"], "text.zip"),
    ],
    ids=" ".join,
)
def test_what_train_cannot_do_is_one_line_and_leaves_no_run(fails, data, tmp_path, arguments, names):
    (data / "void").mkdir()
    make_zip(tmp_path / "void.zip", {})
    (tmp_path / "text.zip").write_text("hello")
    if arguments == ["train", "void.zip"]:
        arguments = ["train", str(tmp_path / "void.zip")]
    fails(*arguments, names=names)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("more", "names"),
    [
        (["--architecture", "svhn32"], "3 x 32 x 32"),
        (["--set", "architecture.num_classes=3"], "num_classes"),
        (["--device", "toaster"], "--device toaster"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else "",
)
def test_a_start_that_fails_leaves_no_run_in_the_way_of_the_next(fails, tmp_path, more, names):
    arguments = train_arguments(tmp_path / "run", images=32)
    if "--architecture" in more:
        arguments = ["train", "digits", "--profile", "quick", "--out", str(tmp_path / "run")]
    fails(*arguments, *more, names=names)
    assert main(train_arguments(tmp_path / "run", images=32)) == 0


def test_out_that_is_already_there_is_left_alone(run_copy, fails, tmp_path):
    before = snapshot(run_copy.path)
    fails(*train_arguments(run_copy.path), names=f"{run_copy.path}: already there")
    make_folder(tmp_path / "photos", {"one.png": b"mine"})
    fails(*train_arguments(tmp_path / "photos"), names="photos: already there")
    assert snapshot(run_copy.path) == before
    assert snapshot(tmp_path / "photos") == {"one.png": b"mine"}


@pytest.mark.parametrize(
    ("more", "names"),
    [
        (["--set", "batch=32"], "batch 16, not 32"),
        (["--seed", "1"], "seed 0, not 1"),
        (["--set", "architecture.latent=11"], "latent=10"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else "",
)
def test_resume_with_another_config_is_refused_and_loses_nothing(run_copy, fails, more, names):
    before = snapshot(run_copy.path)
    fails(*train_arguments(run_copy.path, "--resume", *more), names=names)
    assert snapshot(run_copy.path) == before


def test_resume_with_other_pictures_of_the_same_name_is_refused(run_copy, fails, data):
    make_zip(data / "digits.zip", {f"train/{i}.png": encode(noise(i)) for i in range(4)})
    before = snapshot(run_copy.path)
    fails(*train_arguments(run_copy.path, "--resume"), names="other pictures")
    assert snapshot(run_copy.path) == before


def test_init_with_another_architecture_is_refused(run, fails, tmp_path):
    fails(*train_arguments(tmp_path / "x", "--init", str(run.path), "--set", "architecture.latent=11"), names="--init")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "content", [b"", b'{"format": 1, "con', b"[1]", b'{"name": "package"}', b'{"format": 1, "config": null}']
)
@pytest.mark.parametrize("command", ["resume", "sample", "measure", "ship", "init"])
def test_a_foreign_or_half_written_run_is_one_line_and_loses_nothing(run_copy, fails, tmp_path, monkeypatch, content, command):
    ships_from(monkeypatch, "reference_runs", tmp_path / "shelf")
    (run_copy.path / "run.json").write_bytes(content)
    before = snapshot(run_copy.path)
    if command == "resume":
        arguments = train_arguments(run_copy.path, "--resume")
    elif command == "init":
        arguments = train_arguments(tmp_path / "new", "--init", str(run_copy.path))
    else:
        arguments = [command, run_copy.path]
    fails(*arguments, names="run.json")
    assert snapshot(run_copy.path) == before


def test_a_run_json_without_its_data_is_one_line(run_copy, fails):
    info = {k: v for k, v in run_copy.info.items() if k in ("format", "config", "status")}
    (run_copy.path / "run.json").write_text(json.dumps(info))
    fails("measure", run_copy.path, names="run.json")
    fails(*train_arguments(run_copy.path, "--resume"), names="run.json")


@pytest.mark.parametrize("content", [b"", b"half"])
def test_a_damaged_checkpoint_is_one_line_and_loses_nothing_else(run_copy, fails, content):
    (run_copy.path / "checkpoint.pt").write_bytes(content)
    before = snapshot(run_copy.path)
    fails(*train_arguments(run_copy.path, "--resume"), names="checkpoint.pt")
    assert snapshot(run_copy.path) == before  # a finished run is still called finished


def test_a_finished_run_without_its_checkpoint_is_not_trained_over(run_copy, fails):
    """Such as a shipped one."""
    (run_copy.path / "checkpoint.pt").unlink()
    before = snapshot(run_copy.path)
    fails(*train_arguments(run_copy.path, "--resume"), names="checkpoint.pt")
    assert snapshot(run_copy.path) == before


def test_a_checkpoint_of_another_net_is_one_line(run_copy, conditional, fails):
    shutil.copy(conditional.path / "checkpoint.pt", run_copy.path)
    fails(*train_arguments(run_copy.path, "--resume"), names="checkpoint.pt: not this run's checkpoint")


# --- sample -----------------------------------------------------------------------------------------------------------


def test_sample_draws_a_grid(run, tmp_path, capsys):
    assert sample(run, "--count", 9, "--out", "nine.png") == 0
    assert capsys.readouterr().out == "nine.png\n"
    z = latent.sample(run.architecture, 9, torch.Generator().manual_seed(0))
    expected = pictures.grid(latent.draw_pixels(run.generator(), z))
    assert np.array_equal(np.asarray(Image.open("nine.png")), expected)
    assert sample(run) == 0
    assert Image.open("grid.png").width == 8 * 16 + 7 * 2


def test_sample_writes_z_and_images_as_numbers(run):
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


def test_labels_choose_the_classes_repeated_as_needed(conditional):
    assert sample(conditional, "--count", 4, "--npz", "all.npz", "--labels", "3,1") == 0
    z = np.load("all.npz")["z"]
    g = conditional.generator()
    expected = latent.draw(g, torch.from_numpy(z), torch.tensor([3, 1, 3, 1])) * 2 - 1  # sigmoid's [0, 1] as [-1, 1]
    assert np.allclose(np.load("all.npz")["images"], expected, atol=1e-6)
    assert sample(conditional, "--count", 4, "--npz", "default.npz") == 0
    expected = latent.draw(g, torch.from_numpy(z), torch.arange(4)) * 2 - 1
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
        (["--labels", "1"], "--labels"),
        (["--device", "toaster"], "--device toaster"),
        (["--out", "no/such/folder/grid.png"], "no/such/folder/grid.png"),
        (["--out", "plain/grid.png"], "plain/grid.png"),
        (["--npz", "."], "could not write"),
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


# --- data -------------------------------------------------------------------------------------------------------------


def test_data_list_shows_what_there_is(data, capsys):
    make_zip(data / "flowers.zip", {f"{i}.png": encode(noise(i)) for i in range(30)})
    assert main(["data", "prepare", "flowers", "--size", "8"]) == 0
    capsys.readouterr()
    assert main(["data", "list"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert "found" in lines["flowers"]
    assert "8 px (30 images)" in lines["flowers"]
    assert "to download" in lines["mnist"]
    assert str(data) in lines["data"]


def test_data_prepare_says_what_it_did_and_verifies(data, capsys):
    make_zip(
        data / "pets.zip", {f"train/{c}/{i}.png": encode(noise(i)) for c in ("cat", "dog") for i in range(3)} | {"train/x": b""}
    )
    assert main(["data", "prepare", "pets", "--size", "8", "--crop", "exact"]) == 0
    out = capsys.readouterr().out
    assert "pets: 8 px, 6 train, 0 test" in out
    assert "1 left out" in out
    assert main(["data", "prepare", "pets", "--size", "8", "--crop", "exact", "--verify"]) == 0
    assert "verified" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["nothing", "/no/such/place", "no/such.zip", "void", "mnist", "a[b", "**"])
def test_what_cannot_be_prepared_is_one_line(fails, data, monkeypatch, name):
    (data / "void").mkdir()
    monkeypatch.setattr("dcgan_core.sources.TORCHVISION", {})
    fails("data", "prepare", name, names=name)


@pytest.mark.parametrize("size", ["2", "5000"])
def test_an_impossible_size_is_one_line(fails, size):
    fails("data", "prepare", "digits", "--size", size, names=f"--size {size}")


# --- claims -----------------------------------------------------------------------------------------------------------


def test_claims_without_any_run_are_all_not_measured(shelf, capsys):
    assert main(["claims"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(ledger.CLAIMS)
    assert all("not measured" in line for line in lines)


def test_a_run_is_shipped_measured_and_listed(run_copy, shelf, capsys):
    assert main(["ship", str(run_copy.path), "--name", "small"]) == 0
    assert capsys.readouterr().out == f"{shelf / 'small'}\n"
    assert main(["measure", str(shelf / "small"), "walk.smoothness", "--device", "cpu"]) == 0
    assert "walk.smoothness" in capsys.readouterr().out
    assert main(["claims", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    [walk] = [row for row in rows if row["id"] == "walk.smoothness"]
    assert walk == {**walk, "run": "small", "n": 1000, "primary": True}
    assert walk["low"] <= walk["value"] <= walk["high"]


def test_what_cannot_be_measured_or_shipped_is_one_line(run_copy, shelf, fails):
    fails("measure", run_copy.path, "walk.smothness", names="did you mean 'walk.smoothness'")
    fails("measure", run_copy.path, "cifar10.accuracy", names="cifar10.accuracy")
    fails("measure", run_copy.path, "memorisation.faces", names="memorisation.faces")
    assert not (run_copy.path / "results.json").exists()
    run_copy.update(status="training")
    fails("ship", run_copy.path, names="not finished")
    assert not any(shelf.iterdir())


# --- the rest ---------------------------------------------------------------------------------------------------------


def test_version(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize(
    "arguments", [[], ["fly"], ["train"], ["train", "digits", "--images", "1", "--minutes", "1"], ["data"]]
)
def test_a_command_that_is_none_shows_the_usage(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: dcgan" in capsys.readouterr().err


def test_ctrl_c_before_training_is_exit_code_130(monkeypatch, capsys):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("dcgan_core.data.cache.prepare", interrupted)
    assert main(["data", "prepare", "digits"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_every_named_architecture_can_be_asked_for(fails, tmp_path):
    """Where it does not fit the data, the error says what the two are."""
    for name, a in networks.ARCHITECTURES.items():
        if a.channels == 3 and a.size == 32:
            err = fails(
                "train", "digits", "--profile", "quick", "--architecture", name, "--out", tmp_path / name, names="digits"
            )
            assert "3 x 32 x 32" in err
