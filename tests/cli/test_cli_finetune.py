import copy
import json
import shutil

import numpy as np
import pytest
import safetensors.torch
import torch
import torch.nn.functional as F
from conftest import encode, make_folder, noise, snapshot

from dcgan_core.cli import main
from dcgan_core.probes import supervised
from dcgan_core.transfer import classifiers, finetuning

BRIEF = ["--trials", "2", "--images", "60", "--device", "cpu", "--grey"]


def picture(bright: bool, seed: int) -> bytes:
    return encode(noise(seed, 20, 24) // 3 + (160 if bright else 0))


@pytest.fixture
def lamps(tmp_path):
    """Forty pictures in two folders: bright ones, dark ones."""
    return make_folder(tmp_path / "lamps", {f"{k}/{i}.png": picture(k == "on", i) for k in ("on", "off") for i in range(20)})


def finetune(run, dataset, out, *more):
    return main(["finetune", str(run.path), "--dataset", str(dataset), "--out", str(out), *BRIEF, *map(str, more)])


@pytest.mark.parametrize("more", [[], ["--freeze"], ["--per-class", "10"]])
def test_a_folder_of_labelled_pictures_becomes_a_classifier(run, lamps, tmp_path, capsys, more):
    out = tmp_path / "made"
    assert finetune(run, lamps, out, *more) == 0
    said = capsys.readouterr().out
    assert "2 classes" in said
    assert ("best of 2 trials" in said) == ("--freeze" not in more)
    new = make_folder(tmp_path / "new", {f"{k}-{i}.png": picture(k == "on", 100 + i) for k in ("on", "off") for i in range(5)})
    (new / ".DS_Store").write_bytes(b"litter")
    (new / "Thumbs.db").write_bytes(b"litter")
    assert main(["classify", str(out), str(new)]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 10
    assert sum(path.rpartition("/")[2].startswith(f"{said}-") for path, said, _ in lines) >= 9
    assert main(["classify", str(out), str(new / "on-1.png"), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["class"] == "on"
    assert row["probability"] == row["all"]["on"] > 0.5
    assert abs(sum(row["all"].values()) - 1) < 1e-3


def test_making_a_classifier_can_be_stopped_and_goes_on(run, lamps, tmp_path, monkeypatch, capsys, fails):
    assert finetune(run, lamps, tmp_path / "whole") == 0
    out, learn, count = tmp_path / "made", finetuning.Arm.learn, []

    def stopped(*args, **kwargs):
        if count == [1, 1]:
            raise KeyboardInterrupt
        count.append(1)
        return learn(*args, **kwargs)

    monkeypatch.setattr(finetuning.Arm, "learn", stopped)
    assert finetune(run, lamps, out) == 130
    fails("classify", out, lamps, names="its making was stopped")
    assert len(json.loads((out / "trials.json").read_text())["trials"]) == 2
    monkeypatch.setattr(finetuning.Arm, "learn", learn)
    fails("finetune", run.path, "--dataset", lamps, "--out", out, *BRIEF, "--seed", 1, names="other pictures or options")
    assert finetune(run, lamps, out) == 0
    assert snapshot(out)["classifier.safetensors"] == snapshot(tmp_path / "whole")["classifier.safetensors"]
    fails("finetune", run.path, "--dataset", lamps, "--out", out, *BRIEF, names="holds a classifier already")


def test_a_fifth_of_each_class_chooses(run):
    asked = classifiers.Request(str(run.path), "digits", labels_each=20)
    train, test = classifiers._splits(asked, run.architecture)
    learning, held = classifiers._labelled(train, asked)
    assert set(np.bincount(learning.y)) == {16}
    assert set(np.bincount(held.y)) == {4}
    assert not {p.tobytes() for p in learning.x.numpy()} & {p.tobytes() for p in held.x.numpy()}
    assert test is not None


def test_the_outputs_are_as_sure_as_they_are_right(run):
    """No other scale would fit the validation pictures better, and each answer stays."""
    train, _ = classifiers._splits(classifiers.Request(str(run.path), "digits"), run.architecture)
    held = finetuning.LabelledPictures(torch.from_numpy(np.array(train.images[:300])), train.labels[:300])
    net = supervised.SupervisedNet(run.architecture, 10, torch.Generator().manual_seed(0), every=True)
    setting = supervised.Hyperparameters(1e-3, 0.0, 0.0, 32)
    x, y = (torch.from_numpy(np.array(part[300:500])) for part in (train.images, train.labels))
    supervised.fit(net, x, y, setting, images=4000, seed=0)
    before = supervised.scores(net, held.x)
    after = supervised.scores(classifiers._calibrated(net, copy.deepcopy(net), held), held.x)
    assert torch.equal(before.argmax(1), after.argmax(1))
    wrong = {k: float(F.cross_entropy(after * k, torch.from_numpy(held.y))) for k in (0.8, 1.0, 1.25)}
    assert min(wrong, key=wrong.get) == 1.0
    assert wrong[1.0] < float(F.cross_entropy(before, torch.from_numpy(held.y)))


def test_what_cannot_be_learnt_is_one_line(run, tmp_path, capsys):
    def refused(files, names, *more):
        shutil.rmtree(tmp_path / "set", ignore_errors=True)
        folder, out = make_folder(tmp_path / "set", files), tmp_path / "none"
        assert main(["finetune", str(run.path), "--dataset", str(folder), "--out", str(out), *(more or ["--grey"])]) == 1
        *_, last = capsys.readouterr().err.splitlines()  # what preparing the pictures says comes first
        assert last.startswith("dcgan finetune: ")
        assert names in last
        assert not out.exists()

    two = {f"{k}/{i}.png": picture(k == "on", i) for k in ("on", "off") for i in range(8)}
    refused({f"on/{i}.png": picture(True, i) for i in range(8)}, "two at least")
    refused({f"{i}.png": picture(True, i) for i in range(8)}, "no labels to learn")
    refused({"on/readme.txt": b"nothing"}, "no usable picture")
    refused(two, "its pictures are in colour; this net sees grey ones (--grey", "--seed", "0")
    refused(two, "--per-class 9", "--grey", "--per-class", "9")
    refused(two, "--trials 0: at least 1", "--grey", "--trials", "0")


def test_a_discriminator_that_reads_the_class_is_refused(conditional, tmp_path, fails):
    folder = make_folder(tmp_path / "set", {f"{k}/{i}.png": picture(k == "on", i) for k in ("on", "off") for i in range(8)})
    fails("finetune", conditional.path, "--dataset", folder, "--out", tmp_path / "none", names="class-conditional")


def test_a_damaged_classifier_or_picture_is_one_line(run, lamps, tmp_path, fails, capsys):
    out = tmp_path / "made"
    assert finetune(run, lamps, out, "--freeze") == 0
    fails("classify", tmp_path / "none", lamps, names="no classifier")
    fails("classify", out, tmp_path / "none", names="no such file or folder")
    (tmp_path / "empty").mkdir()
    fails("classify", out, tmp_path / "empty", names="no pictures there")
    (tmp_path / "note.png").write_text("no picture")
    assert main(["classify", str(out), str(tmp_path / "note.png"), str(lamps / "on" / "1.png")]) == 1
    said = capsys.readouterr()
    assert said.err == f"{tmp_path / 'note.png'}: not an image\n"
    assert said.out.count("\n") == 1
    weights = out / "classifier.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100])
    fails("classify", out, lamps, names="damaged")
    state = safetensors.torch.load(whole)
    weights.write_bytes(safetensors.torch.save({k: v for k, v in state.items() if k != "head.bias"}))
    fails("classify", out, lamps, names="not this classifier's weights")
    state["head.bias"][0] = float("nan")
    weights.write_bytes(safetensors.torch.save(state))
    fails("classify", out, lamps, names="NaN")
    for content in ('{"format": 1}', '{"format": 9}', "[1]", "{"):
        (out / "classifier.json").write_text(content)
        fails("classify", out, lamps, names="classifier.json")
