"""What many comparisons at once allow to be said."""

from collections.abc import Sequence

import numpy as np
from scipy import stats


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down correction of the p-values of a family: the chance of a single false one among them stays below each."""
    order, adjusted, so_far = np.argsort(p), [0.0] * len(p), 0.0
    for rank, i in enumerate(order):
        so_far = max(so_far, min(1.0, (len(p) - rank) * p[i]))
        adjusted[i] = so_far
    return adjusted


def ratio_p(row: dict) -> float:
    """Student's two-sided p of "no difference" for a mean ratio whose 95 % interval was found with logarithms, over n pairs."""
    low, value, high = np.log([row["low"], row["value"], row["high"]])
    freedom = row["n"] - 1
    error = (high - low) / 2 / stats.t.ppf(0.975, freedom)
    return float(2 * stats.t.sf(abs(value) / error, freedom))
