from dataclasses import replace

import numpy as np
import pytest
import torch

from dcgan_core import networks
from dcgan_core.probes import features, supervised, tasks
from dcgan_core.probes.supervised import Hyperparameters
from dcgan_core.probes.svm import Solver
from dcgan_core.transfer import finetuning
from dcgan_core.transfer.finetuning import Arm, LabelledPictures, Plan, Trials

SETTING = Hyperparameters(learning_rate=1e-3, weight_decay=0.0, dropout=0.0, batch=32)


@pytest.fixture
def digits(run):
    """D, and labelled digits to learn from, to choose with."""
    train, _ = tasks.load_pair("digits", run.architecture)
    few, held = (
        LabelledPictures(torch.from_numpy(np.array(train.images[a:b])), train.labels[a:b]) for a, b in ((0, 200), (200, 500))
    )
    return finetuning.adapted(run, train.images[500:900], progress=False), few, held


def started(d, few, sharp=1.0):
    svm = Solver(*finetuning.svm_rows(features.of_discriminator(d), few), 10).solve(1e-3)
    return svm, finetuning.with_svm(d, svm, sharp)


def test_the_frozen_net_says_what_the_probe_says(digits):
    d, few, held = digits
    svm, net = started(d, few)
    expected = svm.scores(features.extract(features.of_discriminator(d), held.x.numpy(), progress=False))
    assert torch.allclose(supervised.scores(net, held.x), expected, atol=1e-4)
    assert finetuning.recall(finetuning.answers(net, held.x), held.y, 10) > 0.6


def test_mirrored_twins_are_learnt_too(digits):
    d, few, _ = digits
    rows, labels = finetuning.svm_rows(features.of_discriminator(d), few)
    turned = replace(few, x=few.x.flip(3))
    again, _ = finetuning.svm_rows(features.of_discriminator(d), turned)
    assert torch.allclose(torch.cat([rows[200:], rows[:200]]), again, atol=1e-5)
    assert (labels == np.tile(few.y, 2)).all()


def test_fine_tuning_begins_at_the_frozen_net_and_keeps_its_statistics(digits):
    d, few, held = digits
    _, start = started(d, few, finetuning.SHARP)
    before = {k: v.clone() for k, v in start.state_dict().items()}
    arm = Arm(d.architecture, 10, start)
    still = arm.learn(few, replace(SETTING, learning_rate=0.0), True, images=64, seed=0)
    assert torch.equal(supervised.scores(still, held.x), supervised.scores(start, held.x))
    net = arm.learn(few, SETTING, True, images=3200, seed=0)
    assert all(torch.equal(v, before[k]) for k, v in start.state_dict().items())  # others start from it, too
    for own, was in zip(networks.norms(net), networks.norms(start), strict=True):
        assert torch.equal(own.running_mean, was.running_mean)
        assert not torch.equal(own.weight, was.weight)
    y = torch.from_numpy(few.y)
    seen = [float(torch.nn.functional.cross_entropy(supervised.scores(n, few.x), y)) for n in (start, net)]
    assert seen[1] < 0.5 * seen[0]


def test_batch_statistics_are_the_few_pictures_own(digits):
    d, few, _ = digits
    _, start = started(d, few)
    net = Arm(d.architecture, 10, start, own_statistics=False).learn(few, SETTING, True, images=320, seed=0)
    assert not torch.equal(networks.norms(net)[0].running_mean, networks.norms(start)[0].running_mean)
    assert not net.training


def test_all_pictures_come_before_one_comes_again():
    parts = list(supervised.shuffled_batches(10, 4, 5, np.random.default_rng(0)))
    assert [len(part) for part in parts] == [4] * 5
    for first, second in (parts[0:2], parts[2:4]):
        assert len({*first.tolist(), *second.tolist()}) == 8


def test_mirroring_turns_about_half_of_the_pictures():
    """A net that reads the left edge alone learns what a mirrored picture would contradict."""
    x = torch.zeros(64, 1, 16, 16, dtype=torch.uint8)
    x[:32, :, :, :8] = 255
    x[32:, :, :, 8:] = 255
    y = torch.arange(64) // 32
    a = networks.Architecture(16, 1, (8, 16), (2, 2), kernel=4)
    right = {}
    for mirror in (False, True):
        net = supervised.SupervisedNet(a, 2, torch.Generator().manual_seed(0))
        supervised.fit(net, x, y, SETTING, images=1600, seed=0, mirror=mirror)
        right[mirror] = float((supervised.scores(net, x).argmax(1) == y).float().mean())
    assert right[False] == 1.0
    assert right[True] < 0.9


def test_trials_that_were_stopped_go_on_to_the_same_choice(digits):
    d, few, held = digits
    arm, plan = Arm(d.architecture, 10), Plan(trials=4, brief=64, kept=2, longer=128)
    whole = Trials()
    chosen = whole.best(arm, few, held, plan, progress=False)
    assert [row["images"] for row in whole.rows] == [64] * 4 + [128] * 2
    assert {row["every"] for row in whole.rows[:4]} == {False, True}

    class Stopped(Exception):
        pass

    def stop():
        if len(cut.rows) == 3:
            raise Stopped

    cut = Trials(save=stop)
    with pytest.raises(Stopped):
        cut.best(arm, few, held, plan, progress=False)
    cut.save = lambda: None
    assert cut.best(arm, few, held, plan, progress=False) == chosen
    assert cut.rows == whole.rows
    again = [row for row in whole.rows if row["images"] == 128]
    best = max(again, key=lambda row: row["validation"])
    assert (chosen[0].learning_rate, chosen[1]) == (best["learning_rate"], best["every"])


def test_more_trials_begin_with_those_of_fewer(digits):
    arm = Arm(digits[0].architecture, 10)
    assert arm.settings(64, 0)[:16] == arm.settings(16, 0)
    slow = Arm(digits[0].architecture, 10, started(*digits[:2])[1]).settings(64, 0)
    assert max(setting.learning_rate for setting, _ in slow) <= 1e-3 < max(s.learning_rate for s, _ in arm.settings(64, 0))


def test_recall_counts_every_class_alike():
    assert finetuning.recall(np.array([0, 0, 0, 0]), np.array([0, 0, 0, 1]), 2) == 0.5
