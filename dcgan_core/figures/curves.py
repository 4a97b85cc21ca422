"""Curves over training and over numbers of references."""

from collections.abc import Callable

import numpy as np

LOSSES = {"loss_d": "D", "loss_g": "G"}
ANSWERS = {"d_real": "D(x), data", "d_fake": "D(G(z)), samples"}


def learning_curves(log: list[dict], smooth: int = 1):
    """Losses of both nets, and D's mean answer to data and to samples, over images seen: means of `smooth` rows."""
    import matplotlib.pyplot as plt

    rows = min(smooth, len(log))

    def curve(key: str) -> np.ndarray:
        return np.convolve([row[key] for row in log], np.ones(rows) / rows, "valid")

    figure, (losses, answers) = plt.subplots(1, 2, figsize=(9, 3))
    for axis, curves in ((losses, LOSSES), (answers, ANSWERS)):
        for key, label in curves.items():
            axis.plot(curve("images"), curve(key), label=label)
        axis.legend(frameon=False)
    losses.set_ylabel("loss")
    losses.set_ylim(0, max(float(np.quantile(curve("loss_g"), 0.98)) * 1.1, 2.0))
    answers.set_ylabel("D's mean answer")
    answers.set_ylim(0, 1)
    answers.axhline(0.5, color="0.8", zorder=0)
    return finished(figure, "images seen", thousands)


def thousands(value: float, _: int) -> str:
    return f"{value / 1000:g}k" if value else "0"


def finished(figure, xlabel: str, ticks: Callable[[float, int], str]):
    """Axes in one style, and the figure closed: a notebook shows what a cell returns."""
    import matplotlib.pyplot as plt

    for axis in figure.axes:
        axis.set_xlabel(xlabel)
        axis.spines[["top", "right"]].set_visible(False)
        axis.xaxis.set_major_formatter(ticks)
    figure.tight_layout()
    plt.close(figure)
    return figure
