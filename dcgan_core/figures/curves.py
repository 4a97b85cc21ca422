"""Curves over training and over numbers of references."""

from __future__ import annotations

import numpy as np


def learning_curves(log: list[dict], smooth: int = 1):
    """Losses of both nets, and D's mean answer to data and to samples, over images seen."""
    import matplotlib.pyplot as plt

    images = np.array([row["images"] for row in log])
    kernel = np.ones(min(smooth, len(log))) / min(smooth, len(log))

    def curve(key: str) -> np.ndarray:
        return np.convolve([row[key] for row in log], kernel, "valid")

    x = np.convolve(images, kernel, "valid")
    figure, (losses, answers) = plt.subplots(1, 2, figsize=(9, 3))
    losses.plot(x, curve("loss_d"), label="D")
    losses.plot(x, curve("loss_g"), label="G")
    losses.set_ylabel("loss")
    losses.set_ylim(0, max(float(np.quantile(curve("loss_g"), 0.98)) * 1.1, 2.0))
    answers.plot(x, curve("d_real"), label="D(x), data")
    answers.plot(x, curve("d_fake"), label="D(G(z)), samples")
    answers.set_ylim(0, 1)
    answers.axhline(0.5, color="0.8", zorder=0)
    for axis in (losses, answers):
        axis.set_xlabel("images seen")
        axis.legend(frameon=False)
        axis.spines[["top", "right"]].set_visible(False)
        axis.xaxis.set_major_formatter(lambda v, _: f"{v / 1000:g}k" if v else "0")
    figure.tight_layout()
    plt.close(figure)
    return figure


def collapse_curves(log: list[dict], alarms: list):
    """Losses, D's answers and the diversity of samples (`instability`), with a line where an alarm was raised."""
    import matplotlib.pyplot as plt

    panels = {
        "losses": {"loss_d": "D", "loss_g": "G"},
        "D's answers": {"d_real": "D(x), data", "d_fake": "D(G(z)), samples"},
        "diversity of samples": {"diversity": None},
    }
    images = [row["images"] for row in log]
    figure, axes = plt.subplots(1, len(panels), figsize=(10, 3))
    for axis, (title, curves) in zip(axes, panels.items(), strict=True):
        for key, label in curves.items():
            axis.plot(images, [row[key] for row in log], label=label)
        for alarm in alarms:
            axis.axvline(alarm.images, color="tab:red", linestyle="-" if alarm.stop else ":", linewidth=1)
        axis.set_title(title, fontsize=10)
        axis.set_ylim(bottom=0)
        axis.set_xlabel("images seen")
        axis.spines[["top", "right"]].set_visible(False)
        axis.xaxis.set_major_formatter(lambda v, _: f"{v / 1000:g}k" if v else "0")
        if len(curves) > 1:
            axis.legend(frameon=False, fontsize=8, loc="best")
    figure.tight_layout()
    plt.close(figure)
    return figure


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
    axis.set_xlabel("references")
    axis.set_ylabel("error of 1-NN, %")
    axis.spines[["top", "right"]].set_visible(False)
    axis.xaxis.set_major_formatter(lambda v, _: f"{v / 1e6:g}M" if v >= 1e6 else f"{v / 1e3:g}K" if v >= 1e3 else f"{v:g}")
    axis.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.tight_layout()
    plt.close(figure)
    return figure
