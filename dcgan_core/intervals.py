"""Measurements with their 95 % intervals, and how the intervals are computed."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import stats


@dataclass
class Measurement:
    """A number with its 95 % interval. `details` holds what helps to read it, such as the baselines it is compared with."""

    value: float
    low: float
    high: float
    n: int
    seconds: float = 0.0
    details: dict[str, Any] = field(default_factory=dict)


@contextmanager
def timed() -> Iterator[Callable[[], float]]:
    start = time.perf_counter()
    yield lambda: time.perf_counter() - start


def bootstrap(number: Callable[..., Any], *samples: np.ndarray, seed: int = 0, draws: int = 1000) -> tuple[float, float, float]:
    """`number(*samples)` with its 95 % percentile interval: each sample is drawn anew with replacement `draws` times."""
    rng = np.random.default_rng(seed)
    values = [number(*(s[rng.integers(0, len(s), len(s))] for s in samples)) for _ in range(draws)]
    low, high = np.quantile(values, [0.025, 0.975])
    return float(number(*samples)), float(low), float(high)


def student(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean of a few independent draws, two at least, with Student's 95 % interval of it."""
    mean, margin = np.mean(values), stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return float(mean), float(mean - margin), float(mean + margin)


def share(flags: np.ndarray) -> tuple[float, float, float]:
    """The share of `flags` (N times true or false) that are true, with Wilson's 95 % interval: 0 to 1 where there are none."""
    if not len(flags):
        return 0.0, 0.0, 1.0
    interval = stats.binomtest(int(flags.sum()), len(flags)).proportion_ci(method="wilson")
    return float(flags.mean()), float(interval.low), float(interval.high)
