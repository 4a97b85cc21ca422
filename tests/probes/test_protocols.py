import json

import numpy as np
import pytest
import torch
from test_svm import problem

from dcgan_core.cli import main
from dcgan_core.errors import UserError
from dcgan_core.probes import protocols, tasks
from dcgan_core.probes.features import Features
from dcgan_core.probes.protocols import Search
from dcgan_core.probes.svm import Solver
from dcgan_core.probes.tasks import Task


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ([1e-3], "one C leaves nothing to choose"),
        ([1e-3, 1e-3], "one C leaves nothing to choose"),
        ([0.0, 1e-3], "every C must be a positive number"),
        ([float("nan"), 1e-3], "every C must be a positive number"),
    ],
)
def test_a_grid_that_leaves_nothing_to_choose_is_refused(grid, message):
    with pytest.raises(UserError, match=message):
        Search(grid)


# --- the protocols


def made(n: int = 800, d: int = 60, seed: int = 0) -> Task:
    """A task of made-up features."""
    x, y, test, test_y = problem(n, d, 4, 400, seed)
    columns = {"conv 1": slice(0, d // 2), "conv 2": slice(d // 2, d)}
    how = Features("made up", d, lambda p: p, columns=columns)
    return Task("made", tuple("abcd"), x, y, n // 5, test, test_y, how, np.arange(400)[::-1])


def test_all_labels_choose_c_on_held_out_images_and_refit_on_all():
    task = made()
    result = protocols.full(task, Search((1e-4, 1e-2, 1.0), patience=3))
    rest = slice(task.held_out, None)
    for c, value in result.validation.items():
        svm = Solver(task.x[rest], task.labels[rest], 4).solve(c)
        assert value == pytest.approx((svm.predict(task.x[: task.held_out]) == task.labels[: task.held_out]).mean(), abs=0.01)
    assert result.validation[result.c] == max(result.validation.values())
    svm = Solver(task.x, task.labels, 4).solve(result.c)
    assert result.accuracy == pytest.approx((svm.predict(task.test_x) == task.test_labels).mean(), abs=0.005)
    assert result.low < result.accuracy < result.high
    assert (result.n, len(result.predictions)) == (400, 400)


def test_the_test_images_have_no_say_in_the_choice_of_c():
    task, other = made(), made()
    other.test_labels = (other.test_labels + 1) % 4
    a, b = (protocols.full(t, Search((1e-4, 1e-2, 1.0))) for t in (task, other))
    assert a.c == b.c
    assert a.validation == b.validation
    a, b = (protocols.per_class(t, 10, Search((1e-4, 1e-2)), draws=3, choosing=2) for t in (task, other))
    assert (a.c, a.validation) == (b.c, b.validation)
    assert a.accuracy != b.accuracy


def test_the_end_of_the_grid_is_reported():
    task = made()
    assert "largest of the grid" in protocols.full(task, Search((1e-9, 1e-2))).messages[0]
    assert "smallest of the grid" in protocols.full(task, Search((1e-2, 1e5))).messages[0]
    middle = protocols.full(task, Search((1e-9, 1e-2, 1e5), patience=3))
    assert middle.c == 1e-2
    assert middle.messages == []


def test_few_labels_over_many_draws():
    task = made()
    result = protocols.per_class(task, 20, Search((1e-3, 1e-2, 1e-1)), draws=6, choosing=3)
    assert len(result.draws) == result.n == 6
    assert len(set(result.draws)) > 1, "every draw was the same"
    assert result.accuracy == pytest.approx(np.mean(result.draws))
    assert result.spread == pytest.approx(1.96 * np.std(result.draws, ddof=0))
    margin = 2.5706 * np.std(result.draws, ddof=1) / np.sqrt(6)  # Student's t, 5 degrees of freedom
    assert (result.low, result.high) == pytest.approx((result.accuracy - margin, result.accuracy + margin), abs=1e-4)
    assert result.validation.keys() == {1e-3, 1e-2, 1e-1}
    again = protocols.per_class(task, 20, Search((1e-3, 1e-2, 1e-1)), draws=6, choosing=3)
    assert again.draws == result.draws
    more = protocols.per_class(task, 100, Search((1e-3, 1e-2)), draws=2, choosing=1)
    assert more.accuracy > result.accuracy, "more labels, no better"


def test_few_labels_take_the_c_that_does_best_on_held_out_images():
    found = protocols.per_class(made(), 20, Search((1e-9, 1e-2, 1e-1)), draws=2, choosing=3)
    assert len({*found.validation.values()}) > 1
    assert found.validation[found.c] == max(found.validation.values())


@pytest.mark.parametrize(("patience", "tried"), [(1, 3), (2, 6), (None, 7)])
def test_patience_counts_only_what_comes_after_the_best(patience, tried):
    right = dict(zip((1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0), (0.3, 0.5, 0.4, 0.6, 0.5, 0.4, 0.9), strict=True))
    task = made()

    class Says:
        def __init__(self, c):
            self.c = c

        def predict(self, x):
            y = task.labels[: len(x)]
            return np.where(np.arange(len(x)) < right[self.c] * len(x), y, (y + 1) % 4)

    class Machine:
        def solve(self, c, start, tolerance):
            return Says(c)

    assert len(list(Search(tuple(right), patience=patience).tried(task, [Machine()]))) == tried


def test_few_labels_never_train_on_held_out_images():
    task = made()
    task.labels = task.labels.copy()
    spoiled = made()
    spoiled.x = spoiled.x.clone()
    spoiled.x[: spoiled.held_out] = torch.randn(spoiled.held_out, 60)  # changes the choice of C at most
    a, b = (protocols.per_class(t, 20, Search((1e-3, 1e-3 + 1e-12)), draws=3, choosing=1) for t in (task, spoiled))
    assert a.draws == b.draws


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels_each": 0}, "`labels_each` 0"),
        ({"labels_each": 500}, r"`labels_each` 500: made has \d+ images of class '.' that are not held out"),
        ({"labels_each": 5, "draws": 1}, "`draws` 1: at least 2"),
    ],
)
def test_what_few_labels_cannot_do_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        protocols.per_class(made(), **options)


def test_the_surest_mistakes_are_named_by_their_place_in_the_test_set():
    task = made()
    result = protocols.full(task, Search((1e-4, 1e-2)))
    found = protocols.mistakes(task, result, 5)
    assert len(found) == 5
    sure = [result.confidence[list(task.test_order).index(m["place"])] for m in found]
    assert sure == sorted(sure, reverse=True)
    assert sure[0] == result.confidence[result.predictions != task.test_labels].max()
    for m in found:
        row = list(task.test_order).index(m["place"])
        assert task.classes[task.test_labels[row]] == m["is"]
        assert task.classes[result.predictions[row]] == m["said"]


def test_one_layer_can_be_probed_from_the_same_storage():
    task = made()
    part = task.only(task.features.columns["conv 2"])
    assert part.x.shape == (800, 30)
    assert part.x.data_ptr() != task.x.data_ptr()
    assert part.x.untyped_storage().data_ptr() == task.x.untyped_storage().data_ptr()
    assert 0.25 < protocols.full(part, Search((1e-3, 1e-2))).accuracy <= 1


def test_confusion_counts_rows_of_truth():
    table = protocols.confusion(np.array([0, 1, 1, 2]), np.array([0, 0, 1, 2]), 3)
    assert table.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]


# --- the command


@pytest.mark.parametrize(("amx", "taken"), [(True, "bf16"), (False, "single")])
def test_precision_may_be_left_to_the_machine(run, tmp_path, monkeypatch, amx, taken):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": amx}, raising=False)
    arguments = ["probe", str(run.path), "--dataset", "digits", "--images", "300", "--device", "cpu"]
    for precision in ("auto", taken):
        assert main([*arguments, "--precision", precision, "--json", str(tmp_path / f"{precision}.json")]) == 0
    found, same = (json.loads((tmp_path / f"{precision}.json").read_text()) for precision in ("auto", taken))
    assert found["precision"] == taken and found["confusion"] == same["confusion"]


def test_probe_prints_and_writes_what_it_found(run, tmp_path, capsys):
    out = tmp_path / "found.json"
    assert main(["probe", str(run.path), "--dataset", "digits", "--images", "700", "--json", str(out), "--device", "cpu"]) == 0
    printed = capsys.readouterr().out
    assert "384 trained discriminator features" in printed
    found = json.loads(out.read_text())
    assert f"accuracy {found['accuracy']:.2%}" in printed
    assert found["accuracy"] > 0.7
    assert np.trace(found["confusion"]) / np.sum(found["confusion"]) == pytest.approx(found["accuracy"])
    assert (found["train"], found["held_out"], found["layers"]) == (700, 140, {"conv 1": 128, "conv 2": 256})
    assert (found["precision"], found["seen"]) == ("single", run.log()[-1]["images"])
    assert found["protocol"]["grid"] == list(protocols.CIFAR10_GRID)


def test_probe_of_few_labels_one_layer_and_liblinear(run, tmp_path, capsys):
    out = tmp_path / "found.json"
    few = [
        "--per-class",
        "5",
        "--draws",
        "3",
        "--layers",
        "2",
        "--solver",
        "liblinear",
        "--grid",
        "1e-3,1e-2",
        "--json",
        str(out),
    ]
    assert main(["probe", str(run.path), "--dataset", "digits", "--device", "cpu", *few]) == 0
    found = json.loads(out.read_text())
    assert len(found["draws"]) == 3
    assert found["layers"] == {"conv 2": 256}
    protocol = found["protocol"]
    assert (protocol["labels_each"], protocol["draws"], protocol["solver"]) == (5, 3, "liblinear")
    assert protocol["draws_choosing_c"] == protocols.CHOOSING_DRAWS
    assert f"spread ±{found['spread']:.2%} over 3 draws of 5 labels a class" in capsys.readouterr().out


def test_probe_of_an_unfinished_run(run_copy, capsys):
    (run_copy.path / "discriminator.safetensors").unlink()
    run_copy.update(status="training")
    assert main(["probe", str(run_copy.path), "--dataset", "digits", "--images", "300", "--device", "cpu"]) == 0
    assert "accuracy" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--dataset", "digitz"], "digitz"),
        (["--dataset", "digits", "--features", "raw"], "--features raw"),
        (["--dataset", "digits", "--layers", "3"], "--layers 3"),
        (["--dataset", "digits", "--layers", "one"], "--layers one"),
        (["--dataset", "digits", "--layers", "1", "--features", "pixels"], "--layers: pixels have none"),
        (["--dataset", "digits", "--grid", "1e-3"], "--grid: one C"),
        (["--dataset", "digits", "--grid", "a,b"], "--grid a,b"),
        (["--dataset", "digits", "--solver", "adam"], "--solver adam"),
        (["--dataset", "digits", "--images", "9000"], "--images 9000"),
        (["--dataset", "digits", "--images", "100", "--per-class", "50"], "--per-class 50"),
        (["--dataset", "digits", "--per-class", "0"], "--per-class 0: at least 1"),
        (["--dataset", "digits", "--per-class", "5", "--draws", "1"], "--draws 1: at least 2"),
        (["--dataset", "digits", "--draws", "5"], "--draws: only goes with --per-class"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else "",
)
def test_what_probe_cannot_do_is_one_line(run, fails, arguments, names):
    fails("probe", run.path, *arguments, "--device", "cpu", names=names)


def test_the_options_of_probe_reach_the_question(run, monkeypatch):
    asked = []

    def make_task(question):
        asked.append(question)
        raise UserError("enough")

    monkeypatch.setattr(tasks, "make_task", make_task)
    given = ["--features", "kmeans", "--grey-as-colour", "--seed", "3", "--device", "cpu"]
    assert main(["probe", str(run.path), "--dataset", "digits", *given]) == 1
    assert (asked[0].kind, asked[0].grey_as_colour, asked[0].seed) == ("kmeans", True, 3)
