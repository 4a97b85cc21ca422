"""What a probe measures, with answers that are known."""

import numpy as np
import pytest
import torch
from test_protocols import made

from dcgan_core.data import loading
from dcgan_core.errors import UserError
from dcgan_core.probes import protocols, scores, supervised
from dcgan_core.probes.protocols import Result, Search

GRID = Search((1e-3, 1e-2))


def test_an_error_is_what_accuracy_leaves_of_a_hundred():
    task = made()
    found = protocols.per_class(task, 20, GRID, draws=4, choosing=2)
    accuracy, error = (scores.few_labels(task, 20, GRID, draws=4, choosing=2, error=e) for e in (False, True))
    assert accuracy.value == pytest.approx(100 * np.mean(found.draws))
    assert (error.value, error.low, error.high) == pytest.approx(
        (100 - accuracy.value, 100 - accuracy.high, 100 - accuracy.low)
    )
    assert error.low < error.value < error.high and error.n == 4
    assert error.details["draws"] == [round(100 * x, 2) for x in found.draws]


def test_the_curve_ends_with_the_labels_asked_for():
    curve = scores.few_labels(task := made(), 40, GRID, draws=3, choosing=2, fewer=(5, 20, 40)).details["curve"]
    assert list(curve) == ["5", "20", "40"]
    asked = protocols.per_class(task, 40, GRID, draws=3, choosing=2)
    assert curve["40"] == [round(100 * x, 2) for x in (asked.accuracy, asked.low, asked.high)]
    assert curve["5"][0] < curve["40"][0]


def test_a_supervised_error_is_that_of_the_best_net(monkeypatch):
    found = Result(0.75, 0.7, 0.8, 400, 0.0, {}, 2.0, np.zeros(400))
    monkeypatch.setattr(supervised, "random_search", lambda *args, **how: (found, [how]))
    m = scores.supervised_error(None, None, None, trials=3)
    assert (m.value, m.low, m.high, m.n, m.seconds) == pytest.approx((25, 20, 30, 400, 2))
    assert m.details == {"labels_each": 100, "trials": [{"trials": 3}]}


def test_the_net_that_is_best_on_validation_pictures_is_scored_once_on_the_test_pictures(run, monkeypatch):
    """Of three nets that know a share of the answers: the second knows most validation answers and fewest test answers."""
    train, test = (loading.load_data("digits", 16, split) for split in ("train", "test"))
    knows = {len(test): (0.9, 0.2, 0.8)}  # by how many pictures are asked about
    asked: list[int] = []

    def fit(net, x, y, setting, *, seed, **how):
        net.number = seed

    def answers(net, pictures):
        asked.append(len(pictures))
        count, share = len(pictures), knows.get(len(pictures), (0.5, 0.7, 0.6))[net.number]
        order = np.random.default_rng([0, 64]).permutation(len(train))[:count]  # as the search holds them out
        truth = test.labels if count == len(test) else train.labels[order]
        said = np.where(np.arange(count) < share * count, truth, (truth + 1) % 10)
        return torch.nn.functional.one_hot(torch.from_numpy(said.astype(np.int64)), 10)

    monkeypatch.setattr(supervised, "fit", fit)
    monkeypatch.setattr(supervised, "scores", answers)
    found, rows = supervised.random_search(train, test, run.architecture, labels_each=5, trials=3, progress=False)
    assert [round(row["validation_accuracy"], 1) for row in rows] == [0.5, 0.7, 0.6]
    assert found.accuracy == pytest.approx(0.2, abs=0.01) and found.n == len(test)
    assert asked.count(len(test)) == 1


def test_a_speedup_is_the_ratio_of_two_times_for_the_same_svm(monkeypatch):
    task = made()
    monkeypatch.setattr(scores.tasks, "make_task", lambda asked: task)
    m = scores.solver_speedup()
    assert m.value == pytest.approx(m.details["liblinear"]["seconds"] / m.details["torch"]["seconds"])
    assert m.details["same_answers"] > 0.99 and (m.n, m.details["features"]) == (len(task.x), 60)
    objective = scores.svm.objective
    objectives = iter((1.0, 1.01))
    monkeypatch.setattr(scores.svm, "objective", lambda *args: objective(*args) * next(objectives))
    with pytest.raises(UserError, match="do not find the same SVM"):
        scores.solver_speedup()
