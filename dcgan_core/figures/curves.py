"""Curves over training and over numbers of references."""

from collections.abc import Callable

import numpy as np

_LOSSES = {"loss_d": "D", "loss_g": "G"}
_ANSWERS = {"d_real": "D(x), data", "d_fake": "D(G(z)), samples"}


def learning_curves(log: list[dict], smooth: int = 1):
    """Losses of both nets, and D's mean answer to data and to samples, over images seen: means of `smooth` rows."""
    import matplotlib.pyplot as plt

    rows = min(smooth, len(log))

    def curve(key: str) -> np.ndarray:
        return np.convolve([row[key] for row in log], np.ones(rows) / rows, "valid")

    figure, (losses, answers) = plt.subplots(1, 2, figsize=(9, 3))
    for axis, curves in ((losses, _LOSSES), (answers, _ANSWERS)):
        for key, label in curves.items():
            axis.plot(curve("images"), curve(key), label=label)
        axis.legend(frameon=False)
    losses.set_ylabel("loss")
    losses.set_ylim(0, max(float(np.quantile(curve("loss_g"), 0.98)) * 1.1, 2.0))
    answers.set_ylim(0, 1)
    answers.axhline(0.5, color="0.8", zorder=0)
    return _finished(figure, "images seen", _thousands)


def collapse_curves(log: list[dict], alarms: list):
    """Losses, D's answers and the diversity of samples (`training.collapse`), with a line where an alarm was raised."""
    import matplotlib.pyplot as plt

    panels = {"losses": _LOSSES, "D's answers": _ANSWERS, "diversity of samples": {"diversity": None}}
    images = [row["images"] for row in log]
    figure, axes = plt.subplots(1, len(panels), figsize=(10, 3))
    for axis, (title, curves) in zip(axes, panels.items(), strict=True):
        for key, label in curves.items():
            axis.plot(images, [row[key] for row in log], label=label)
        for alarm in alarms:
            axis.axvline(alarm.images, color="tab:red", linestyle="-" if alarm.stop else ":", linewidth=1)
        axis.set_title(title, fontsize=10)
        axis.set_ylim(bottom=0)
        if len(curves) > 1:
            axis.legend(frameon=False, fontsize=8, loc="best")
    return _finished(figure, "images seen", _thousands)


def error_curves(curves: dict[str, dict[int, float]], points: dict[str, dict[int, float]] | None = None):
    """Errors in percent over the number of references: `curves` joined by lines, `points` (the paper's) as crosses."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 3.6))
    for name, values in curves.items():
        axis.plot(list(values), list(values.values()), marker="o", markersize=4, label=name)
    for name, values in (points or {}).items():
        axis.plot(list(values), list(values.values()), linestyle="none", marker="x", markersize=8, label=name)
    axis.set_xscale("log")
    axis.set_ylim(bottom=0)
    axis.set_ylabel("error of 1-NN, %")
    axis.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    return _finished(figure, "references", _thousands_or_millions)


def _thousands(value: float, _: int) -> str:
    return f"{value / 1000:g}k" if value else "0"


def _thousands_or_millions(value: float, _: int) -> str:
    return f"{value / 1e6:g}M" if value >= 1e6 else f"{value / 1e3:g}K" if value >= 1e3 else f"{value:g}"


def _finished(figure, xlabel: str, ticks: Callable[[float, int], str]):
    """Axes in one style, and the figure closed: a notebook shows what a cell returns."""
    import matplotlib.pyplot as plt

    for axis in figure.axes:
        axis.set_xlabel(xlabel)
        axis.spines[["top", "right"]].set_visible(False)
        axis.xaxis.set_major_formatter(ticks)
    figure.tight_layout()
    plt.close(figure)
    return figure
