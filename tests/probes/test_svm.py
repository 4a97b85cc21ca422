import numpy as np
import pytest
import torch
from sklearn.svm import LinearSVC

from dcgan_core.errors import UserError
from dcgan_core.probes import features
from dcgan_core.probes.svm import SOLVERS, SVM, Liblinear, Solver, objective, solver


def problem(n: int, d: int, classes: int = 5, test: int = 1000, seed: int = 0):
    """Features as a D's are: correlated, not centred, mostly positive. Training and test, float32, with labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n + test)
    hidden = rng.normal(size=(classes, 40))[labels] * 0.5 + rng.normal(size=(n + test, 40))
    x = hidden @ rng.normal(size=(40, d)) / 6 + 0.3 * rng.normal(size=(n + test, d))
    x = torch.from_numpy(np.where(x > 0, x, 0.2 * x).astype(np.float32))
    return x[:n], labels[:n], x[n:], labels[n:]


@pytest.mark.parametrize(
    ("n", "d", "c", "dual"),
    [
        (1500, 200, 1e-3, False),
        (1500, 200, 0.1, False),
        (2400, 2100, 2e-3, False),
        (200, 900, 1e-3, True),
        (200, 900, 1.0, True),
    ],
    ids=["rows", "rows, large C", "rows, many features", "few rows", "few rows, large C"],
)
def test_the_solver_finds_what_liblinear_finds(n, d, c, dual):
    x, y, test, _ = problem(n, d, 3 if d > 2000 else 5)
    model = LinearSVC(C=c, dual=dual, tol=1e-5 if not dual else 1e-4, max_iter=20_000).fit(x.double().numpy(), y)
    theirs = SVM(torch.from_numpy(np.c_[model.coef_, model.intercept_].astype(np.float32)), c)
    ours = Solver(x, y, y.max() + 1).solve(c)
    values = [objective(x, y, svm) for svm in (ours, theirs)]
    assert values[0] <= values[1] * 1.001
    assert values[1] <= values[0] * 1.001, "the test's own reference is not converged"
    assert (ours.predict(test) == model.predict(test.double().numpy())).mean() >= 0.995


def test_the_objective_is_liblinears():
    x, y, _, _ = problem(50, 6, 3)
    w = torch.randn(3, 7, generator=torch.Generator().manual_seed(0))
    by_hand = 0.0
    for k in range(3):
        sign = np.where(y == k, 1, -1)
        loss = np.maximum(0, 1 - sign * (x.numpy() @ w[k, :6].numpy() + w[k, 6].item())) ** 2
        by_hand += 0.5 * float(w[k].pow(2).sum()) + 0.3 * loss.sum()
    assert objective(x, y, SVM(w, 0.3)) == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize(("n", "d"), [(600, 90), (150, 400)])
def test_a_warm_start_ends_at_the_same_place_and_half_precision_nearby(n, d):
    x, y, test, _ = problem(n, d)
    ours = Solver(x, y, 5)
    cold = ours.solve(1e-2)
    warm = ours.solve(1e-2, ours.solve(5e-3))
    assert objective(x, y, warm) == pytest.approx(objective(x, y, cold), rel=1e-4)
    half = Solver(x.half(), y, 5).solve(1e-2)
    assert objective(x, y, half) == pytest.approx(objective(x, y, cold), rel=1e-3)
    assert (half.predict(test.half()) == cold.predict(test)).mean() > 0.99


def test_a_part_of_the_columns_is_a_problem_of_its_own():
    x, y, _, _ = problem(600, 300)
    part = Solver(x[:, 100:200], y, 5).solve(1e-3)
    copied = Solver(x[:, 100:200].clone(), y, 5).solve(1e-3)
    assert torch.allclose(part.weights, copied.weights, atol=1e-5)


def test_liblinear_can_be_chosen_and_says_where_memory_would_not_do(monkeypatch):
    x, y, test, _ = problem(600, 90)
    both = [solver(kind)(x, y, 5).solve(1e-2) for kind in SOLVERS]
    assert (both[0].predict(test) == both[1].predict(test)).mean() >= 0.995
    monkeypatch.setattr(features, "available_memory", lambda: 1_000_000)
    with pytest.raises(UserError, match="`solver` liblinear: 600 images x 90 features need 0 GB.*use `solver` torch"):
        solver("liblinear")(x, y, 5)
    with pytest.raises(UserError, match="`solver` sgd: there are torch and liblinear"):
        solver("sgd")


def test_liblinear_with_two_classes_or_one_missing():
    x, y, test, _ = problem(300, 30, 2)
    assert (Liblinear(x, y, 2).solve(0.01).predict(test) == Solver(x, y, 2).solve(0.01).predict(test)).mean() > 0.99
    svm = Liblinear(x, y, 3).solve(0.01)
    assert set(svm.predict(test)) == {0, 1}


def test_what_cannot_be_fitted_is_refused():
    x, y, _, _ = problem(30, 4)
    bad = x.clone()
    bad[3, 2] = torch.nan
    for kind in SOLVERS:
        with pytest.raises(UserError, match="features that are not finite numbers"):
            solver(kind)(bad, y, 5)
        with pytest.raises(UserError, match="the same label"):
            solver(kind)(x, np.zeros(30, int), 5)
        with pytest.raises(UserError, match="30 rows of features and 29 labels"):
            solver(kind)(x, y[:29], 5)


def test_a_c_too_large_for_single_precision_is_named():
    all_, labels, _, _ = problem(800, 60, 4)
    for few in (all_, all_[:40]):  # both of the solver's ways
        x = few[:, :1].repeat(1, 60)  # columns all alike
        with pytest.raises(UserError, match=r"`grid`: C 1e\+35 is too large"):
            Solver(x, labels[: len(x)], 4).solve(1e35)


def test_liblinear_that_has_not_converged_says_so():
    x = torch.randn(20, 60, generator=torch.Generator().manual_seed(0)).repeat(2, 1)
    labels = np.arange(40) // 20  # each image once as either class
    assert not Liblinear(x, labels, 2).solve(1e5).converged
    assert Liblinear(x, labels, 2).solve(1e-3).converged
