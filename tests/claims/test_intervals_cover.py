"""Do the ledger's intervals hold the truth 95 times of 100, and would a replica of the paper's numbers pass its rules?"""

from functools import partial

import numpy as np
import pytest
from scipy import stats

from dcgan_core import intervals
from dcgan_core.claims import ledger, nets
from dcgan_core.claims.claim import Claim
from dcgan_core.metrics import coverage


def mean(x: np.ndarray) -> float:
    return float(x.mean())


def covered(interval, truth: float, times: int) -> float:
    """interval: a generator -> low, high. How often does it hold the truth?"""
    rng = np.random.default_rng(0)
    found = [interval(rng) for _ in range(times)]
    return sum(low <= truth <= high for low, high in found) / times


@pytest.mark.parametrize(
    ("n", "share"),
    [(10_000, 0.03), (10_000, 0.768), (1869, 0.62), (400, 0.49), (400, 0.17), (2000, 0.173), (1200, 0.999), (40, 0.95)],
)
def test_wilsons_interval_covers(n, share):
    """By counting all that can happen, at the ledger's own numbers."""
    counts = np.arange(n + 1)
    likely = counts[stats.binom.pmf(counts, n, share) > 1e-9]
    held = [k for k in likely if (low_high := intervals.share(np.arange(n) < k))[1] <= share <= low_high[2]]
    assert 0.93 <= stats.binom.pmf(held, n, share).sum() <= 0.97


def of_trials(rng):
    return (rng.random(400) < 0.65).astype(float) - (rng.random(400) < 0.5)


def of_digits(rng):
    hard = 0.05 * (rng.random(1000) < 0.6)
    return 100 * ((rng.random(1000) < hard).astype(float) - (rng.random(1000) < hard))


@pytest.mark.parametrize(
    ("draw", "truth"),
    [
        (of_trials, 0.15),
        (of_digits, 0.0),
        (lambda rng: rng.beta(0.5, 6, 500) - rng.beta(0.5, 6, 500), 0.0),  # hesitation along walks
        (lambda rng: rng.gamma(2, 1, 256), 2.0),  # one number of each feature
    ],
    ids=["trials", "digits", "walks", "features"],
)
def test_a_bootstrap_of_many_covers(draw, truth):
    def interval(rng):
        return intervals.bootstrap(mean, draw(rng), seed=int(rng.integers(1 << 30)), draws=200)[1:]

    assert 0.92 <= covered(interval, truth, 400) <= 0.98, "93 to 97 %, give or take the simulation's own error"


def test_a_bootstrap_of_a_dozen_does_not_so_students_interval_is_taken():
    few = partial(np.random.Generator.normal, loc=1, size=12)
    narrow = covered(lambda rng: intervals.bootstrap(mean, few(rng), seed=int(rng.integers(1 << 30)), draws=200)[1:], 1, 400)
    assert narrow < 0.93
    assert 0.93 <= covered(lambda rng: intervals.student(few(rng))[1:], 1, 2000) <= 0.97


@pytest.mark.parametrize("count", [3, 4, 5])
def test_students_interval_over_nets_covers_but_near_an_end_of_the_scale(count):
    share = Claim("x", "6", "x", "x", "share of things", None)

    def interval(middle: float, spread: float, rng) -> tuple[float, float]:
        each = 1 / (1 + np.exp(-rng.normal(middle, spread, count)))
        again = {
            str(i): {"recipe": "r", "claims": {"x": {"value": v, "low": v, "high": v, "n": 1}}} for i, v in enumerate(each)
        }
        own = again.pop("0")["claims"]["x"] | {"run": "r"}
        found = nets.pooled(share, own, again)
        said.add(found["covers"])
        return found["low"], found["high"]

    def truth(middle: float, spread: float) -> float:
        return float((1 / (1 + np.exp(-np.random.default_rng(9).normal(middle, spread, 100_000)))).mean())

    said: set[str] = set()
    assert 0.92 <= covered(partial(interval, 0.5, 0.6), truth(0.5, 0.6), 1000) <= 0.97 and said == {"95 %"}
    said.clear()
    assert 0.78 <= covered(partial(interval, 5.0, 1.0), truth(5.0, 1.0), 1000) <= 0.92 and "80 to 90 %" in said


@pytest.mark.slow
@pytest.mark.parametrize("other", [0.2, 0.4])
def test_the_interval_of_an_overlap_covers(other):
    rng, cells, count = np.random.default_rng(1), 8, 3000
    p = rng.dirichlet(np.ones(cells))
    q = (1 - other) * p + other * rng.dirichlet(np.ones(cells))

    def pictures(rng, shares):
        cell = rng.choice(cells, count, p=shares)
        return np.stack([cell & 1, cell >> 1 & 1, cell >> 2 & 1], 1)  # three things that are there or not

    def read(images):
        return {str(i): images[:, i].astype(float) for i in range(3)}

    def interval(rng):
        m = coverage.coverage(read, pictures(rng, p), pictures(rng, q), int(rng.integers(1 << 30)))
        return m.low, m.high

    assert 0.9 <= covered(interval, float(np.minimum(p, q).sum()), 60) <= 1.0


# --- replicas of the paper's numbers --------------------------------------------------------------------------------------


def passes(claim_id: str, measured, times: int = 400) -> float:
    rule, rng = ledger.claim(claim_id).rule, np.random.default_rng(0)
    return sum(rule.decide(*measured(rng)) is True for _ in range(times)) / times


def accuracy(rng, share: float = 0.828) -> tuple[float, float, float]:
    return tuple(100 * x for x in intervals.share(rng.random(10_000) < share))


def few_labels(rng) -> tuple[float, float, float]:
    """73.8 %: ten draws whose spread is the paper's, 0.4, on test images that are chance, too."""
    images = 100 * rng.normal(0, np.sqrt(0.738 * 0.262 / 10_000))
    return intervals.student(rng.normal(73.8 + images, 0.4 / 1.96, 10))


def as_good(rng) -> tuple[float, float, float]:
    """2.98 % against the 3.28 % of as many real digits, where the two disagree about so many digits (%)."""
    sides = rng.multinomial(10_000, (DISAGREE / 200 - 0.0015, DISAGREE / 200 + 0.0015, 1 - DISAGREE / 100))
    more = np.repeat([100.0, -100.0, 0.0], sides)
    margin = 1.96 * more.std() / 100
    return more.mean(), more.mean() - margin, more.mean() + margin


DISAGREE = 3.79  # measured; at a limit of 0.3, which was the first, a replica passes only 87 times of 100


@pytest.mark.parametrize(
    ("claim_id", "replica"),
    [("cifar10.accuracy", accuracy), ("cifar10.accuracy_400", few_labels), ("mnist.as_good_as_real", as_good)],
)
def test_a_replica_of_the_papers_number_passes_its_rule(claim_id, replica):
    assert passes(claim_id, replica) >= 0.93


def test_a_replica_of_the_papers_ranking_passes():
    def above(rng):
        more = (rng.random(10_000) < 0.828).astype(float) - (rng.random(10_000) < 0.806)  # as if they erred independently
        margin = 1.96 * more.std() / 100
        return tuple(100 * x for x in (more.mean(), more.mean() - margin, more.mean() + margin))

    assert passes("cifar10.above_kmeans", above) >= 0.93
