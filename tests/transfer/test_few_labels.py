import json

import numpy as np
import pytest
import torch

from dcgan_core.cli import main
from dcgan_core.errors import UserError
from dcgan_core.intervals import student
from dcgan_core.transfer import few_labels, finetuning
from dcgan_core.transfer.few_labels import THREE, Study
from dcgan_core.transfer.finetuning import Plan


@pytest.fixture
def studies(run, monkeypatch):
    """Two of the digits, small; the second takes the settings of the first."""
    plan = Plan(trials=2, brief=64, kept=1, longer=96)
    first = Study("digits_8", str(run.path), 8, 160, plan, arms=(*THREE, "alone"))
    second = Study("digits_4", str(run.path), 4, 96, settings_of="digits_8", arms=(*THREE, "batch"))
    monkeypatch.setattr(few_labels, "STUDIES", {s.name: s for s in (first, second)})
    for name, value in (("HELD", 200), ("TESTED", 150), ("UNLABELLED", 256), ("ALONE", 3)):
        monkeypatch.setattr(few_labels, name, value)
    return first, second


def measured(out, **how):
    return few_labels.measure_transfer(out, seeds=2, device="cpu", **how)


def test_arms_are_compared_on_the_same_labels_in_pairs(studies, tmp_path):
    table = measured(tmp_path / "out")
    rows = {row["claim"]: row for row in table["rows"]}
    assert {*rows} == {
        *(f"after.{pair}.digits_{n}" for pair in ("finetune_frozen", "finetune_scratch") for n in (8, 4)),
        *("after.own_statistics.digits_4", "after.frozen_supervised.digits_8", "cifar10.supervised_1000"),
    }
    row = rows["after.finetune_frozen.digits_8"]
    draws = row["details"]["draws"]
    assert row["value"] == pytest.approx(student(np.subtract(draws["finetune"], draws["frozen"]))[0])
    assert row["n"] == 2
    arms = {name: study["arms"] for name, study in table["studies"].items()}
    assert len(arms["digits_8"]["scratch"]["trials"]) == 3  # two, and the better one again
    alone = arms["digits_8"]["alone"]["trials"]
    assert alone[:3] == arms["digits_8"]["scratch"]["trials"]
    assert {row["trial"] for row in alone} == {0, 1, 2}
    assert arms["digits_4"]["finetune"]["chosen"] == arms["digits_8"]["finetune"]["chosen"]
    assert arms["digits_4"]["batch"]["chosen"] == arms["digits_8"]["finetune"]["chosen"]
    assert arms["digits_4"]["finetune"]["trials"] == []
    control = rows["cifar10.supervised_1000"]["details"]
    assert (control["trials"], control["draws"]["alone"]) == (3, [*arms["digits_8"]["alone"]["draws"].values()])
    assert row["details"]["means"]["frozen"] > 40  # of ten classes


def test_what_is_measured_is_not_measured_again(studies, tmp_path, monkeypatch):
    out, learn, seen = tmp_path / "out", finetuning.Arm.learn, []

    def counted(self, few, *args, **kwargs):
        if len(seen) == 5:
            raise KeyboardInterrupt
        seen.append(kwargs["images"])
        return learn(self, few, *args, **kwargs)

    monkeypatch.setattr(finetuning.Arm, "learn", counted)
    with pytest.raises(KeyboardInterrupt):
        measured(out, only=["digits_8/finetune", "digits_8/scratch"])
    assert seen == [64, 64, 96, 160, 160]
    stopped = json.loads((out / "digits_8.json").read_text())
    monkeypatch.setattr(finetuning.Arm, "learn", learn)
    table = measured(out, only=["digits_8/finetune", "digits_8/scratch"])
    assert table["studies"]["digits_8"]["arms"]["finetune"] == stopped["finetune"]
    control = next(r for r in table["rows"] if r["claim"] == "cifar10.supervised_1000")
    assert control["details"]["trials"] == 2  # of `scratch`, while there are no more
    assert table == measured(out, only=["digits_8/finetune", "digits_8/scratch"])
    assert table["rows"] == measured(tmp_path / "other", only=["digits_8/finetune", "digits_8/scratch"])["rows"]


def test_labels_validation_and_test_pictures_are_apart(studies):
    pictures = few_labels.StudyPictures(studies[0], torch.device("cpu"), 0)
    few, again, other = (pictures.draw(8, number) for number in (1, 1, 2))
    assert torch.equal(few.x, again.x)
    assert not torch.equal(few.x, other.x)
    assert set(np.bincount(few.y)) == {8}
    apart = [{p.tobytes() for p in part.x.numpy()} for part in (few, pictures.validation, pictures.test)]
    assert not apart[0] & apart[1] and not apart[0] & apart[2] and not apart[1] & apart[2]
    with pytest.raises(UserError, match="that are not held out"):
        pictures.draw(500, 1)


def test_the_command_names_what_there_is(tmp_path, fails):
    fails("after", "transfer", "--out", tmp_path, "--only", "nothing", names="--only nothing: there are cifar10_100")
    fails("after", "transfer", "--out", tmp_path, "--only", "cifar10_100/forzen", names="cifar10_100/frozen")
    fails("after", "generator", "--out", tmp_path, "--only", "x", names="--only: generator is measured as a whole")
    assert main(["after", "transfer", "--out", str(tmp_path), "--only", "cifar10_100"]) == 1  # no CIFAR-10 here
