import shutil

import numpy as np
import pytest
import torch
from conftest import encode, make_folder, make_zip, noise, snapshot, train_arguments

from dcgan_core import networks
from dcgan_core.cli import main, make_parser
from dcgan_core.data import loading
from dcgan_core.data.images import part
from dcgan_core.runs import Run
from dcgan_core.training.config import Config


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
    fails(*train_arguments(tmp_path / "none", "--set", "decay_images=64", images=32), names="decay_images needs")


def test_a_batch_that_no_machine_holds_is_refused_before_there_is_a_run(tmp_path, fails):
    fails(*train_arguments(tmp_path / "none", "--batch", "1000000000000"), names="batch must be 2")
    assert not (tmp_path / "none").exists()


def test_every_setting_is_a_flag_with_its_comment_as_help(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for config, prefix in ((Config, ""), (networks.Architecture, "architecture.")):
        for name in config.__dataclass_fields__:
            assert f" --{prefix}{name.replace('_', '-')} " in shown, name
    assert "settings:" in shown
    assert "--architecture.latent N numbers in z" in shown
    assert "--flip mirror each image" in shown and "--no-flip" in shown


def test_flags_of_settings_are_those_of_set_and_the_last_counts():
    parser = make_parser()

    def setting(*arguments: str) -> list[str]:
        return parser.parse_args(["train", "digits", *arguments]).set

    assert setting() == []
    assert setting("--learning-rate", "1e-4") == setting("--learning_rate=1e-4") == ["learning_rate=1e-4"]
    assert setting("--batch", "64", "--set", "batch=32", "--flip", "--no-flip") == [
        "batch=64",
        "batch=32",
        "flip=true",
        "flip=false",
    ]
    assert setting("--architecture.latent_distribution", "normal") == ["architecture.latent_distribution=normal"]
    args = parser.parse_args(["train", "digits", "--architecture", "small32", "--architecture.kernel=5"])
    assert (args.architecture, args.set) == ("small32", ["architecture.kernel=5"])


def test_settings_by_flag_reach_the_run(tmp_path):
    more = ["--architecture.widths", "4,8", "--flip", "--decay-images", "32", "--set", "noise=0.1"]
    assert main(train_arguments(tmp_path / "run", *more, images=32)) == 0
    config = Run(tmp_path / "run").info["config"]
    assert (config["architecture"]["widths"], config["architecture"]["latent"]) == ([4, 8], 10)
    assert (config["flip"], config["decay_images"], config["noise"]) == (True, 32, 0.1)


def test_init_starts_from_another_runs_weights_and_notes_it(run, tmp_path):
    assert main(train_arguments(tmp_path / "tuned", "--init", str(run.path), "--set", "learning_rate=1e-9", images=16)) == 0
    tuned = Run(tmp_path / "tuned")
    assert tuned.info["initial"] == str(run.path)
    assert [ancestor["name"] for ancestor in tuned.info["lineage"]] == ["digits"]
    assert tuned.trained["images"] == run.trained["images"] + 16 == tuned.info["lineage"][0]["counters"]["images"] + 16
    for net in ("generator", "discriminator"):
        now, before = (getattr(r, net)().convs[0].layer.weight for r in (tuned, run))
        assert torch.allclose(now, before, atol=1e-7), net


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
        (["train", "digits", "--batch", "many"], "--set batch: expected int, got 'many'"),
        (["train", "digits", "--updates", "never"], "--set updates: expected one of 'alternate', 'both'"),
        (["train", "digits", "--set", "architecture.size=50"], "50 pixels"),
        (["train", "digits", "--images", "-5"], "images"),
        (["train", "digits", "--minutes", "nan"], "minutes"),
        (["train", "digits", "--minutes", "inf"], "minutes"),
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
    fails(*train_arguments(run_copy.path), names=f"{run_copy.path}: already exists")
    make_folder(tmp_path / "photos", {"one.png": b"mine"})
    fails(*train_arguments(tmp_path / "photos"), names="photos: already exists")
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


@pytest.mark.parametrize("status", ["finished", "collapsed", "diverged"])
def test_a_run_that_has_ended_and_lost_its_checkpoint_is_not_begun_anew(run_copy, fails, status):
    (run_copy.path / "checkpoint.pt").unlink()
    run_copy.update(status=status)
    before = snapshot(run_copy.path)
    fails(*train_arguments(run_copy.path, "--resume", images=320), names="checkpoint.pt: no such file")
    assert snapshot(run_copy.path) == before


def test_resume_with_other_pictures_of_the_same_name_is_refused(run_copy, fails, data):
    make_zip(data / "digits.zip", {f"train/{i}.png": encode(noise(i)) for i in range(4)})
    before = snapshot(run_copy.path)
    loading.load_data("digits", 16, grey=True)  # which says what was understood
    fails(*train_arguments(run_copy.path, "--resume"), names="other pictures")
    assert snapshot(run_copy.path) == before


def test_init_with_another_architecture_is_refused(run, fails, tmp_path):
    fails(*train_arguments(tmp_path / "x", "--init", str(run.path), "--set", "architecture.latent=11"), names="--init")
    assert not (tmp_path / "x").exists()


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


def test_every_named_architecture_can_be_asked_for(fails, tmp_path):
    """Where it does not fit the data, the error says what the two are."""
    for name, a in networks.ARCHITECTURES.items():
        if a.channels == 3 and a.size == 32:
            err = fails(
                "train", "digits", "--profile", "quick", "--architecture", name, "--out", tmp_path / name, names="digits"
            )
            assert "3 x 32 x 32" in err
