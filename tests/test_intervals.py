import numpy as np

from dcgan_core import intervals
from dcgan_core.intervals import bootstrap


def test_the_bootstraps_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(100):
        _, low, high = bootstrap(np.mean, rng.normal(3, 1, 50), seed=seed, draws=200)
        assert low < high
        covered += low <= 3 <= high
    assert 85 <= covered <= 99


def test_the_bootstrap_draws_its_samples_apart():
    x, y = np.arange(10.0), np.arange(1000.0) + 100
    value, low, high = bootstrap(lambda a, b: float(b.mean() - a.mean()), x, y)
    assert low < value == y.mean() - x.mean() < high
    assert bootstrap(lambda a, b: float(len(a) + len(b)), x, y, draws=5) == (1010, 1010, 1010)


def test_seconds_are_measured():
    with intervals.timed() as seconds:
        first = seconds()
        assert 0 <= first <= seconds()


def test_the_interval_of_a_share_does_not_vanish_where_all_are_right():
    value, low, high = intervals.share(np.ones(100, bool))
    assert value == high == 1 and 0.95 < low < 1
    value, low, high = intervals.share(np.arange(100) < 30)
    assert value == 0.3 and 0.21 < low < 0.23 and 0.39 < high < 0.41
    assert intervals.share(np.zeros(0, bool)) == (0.0, 0.0, 1.0)
