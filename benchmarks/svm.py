"""The L2-SVM on D's features against scikit-learn's LinearSVC, which is liblinear: seconds, objective, memory, growth.

Features: the shipped ImageNet run's D on drawn sprites, in their ten classes (nothing to download).
"""

from __future__ import annotations

import sys
import warnings

import numpy as np
import torch
from report import Report, arguments, megabytes, memory_of, paired, slope

import dcgan_core as dcgan
from dcgan_core.drawings import scenes
from dcgan_core.probes import svm

C, COUNTS = 1e-3, (200, 400, 800)


def problem(count: int) -> tuple[np.ndarray, np.ndarray]:
    drawn = scenes.draw("drawn-sprites", count, 32)
    return dcgan.features("imagenet32", drawn.images, device="cpu"), drawn.factors["class"].astype(np.int64)


def ours(x: np.ndarray, y: np.ndarray) -> svm.SVM:
    return svm.Solver(torch.from_numpy(x), y, int(y.max()) + 1).solve(C)


def theirs(x: np.ndarray, y: np.ndarray):
    from sklearn.svm import LinearSVC

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged: then its objective is worse, which is shown
        return LinearSVC(C=C, intercept_scaling=1.0).fit(x, y)


def main() -> None:
    quick = arguments().quick
    if "--memory" in sys.argv:
        whose, count = sys.argv[sys.argv.index("--memory") + 1 :]
        x, y = problem(int(count))
        theirs(x[:20], np.arange(20) % 2)  # its imports do not count
        return print(megabytes(lambda: {"ours": ours, "theirs": theirs}[whose](x, y)))
    report, counts = Report("svm"), COUNTS[:2] if quick else COUNTS
    x, y = problem(counts[-1])
    theirs(x[:20], np.arange(20) % 2)  # its imports do not count
    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    for count in counts:
        some, labels = x[:count], y[:count]
        how = {"within": 0.1, "least": 1} if quick else {"within": 5.0, "warm": False}  # theirs takes many seconds
        found = paired(lambda: ours(some, labels), lambda: theirs(some, labels), **how)
        other = theirs(some, labels)
        weights = torch.from_numpy(np.hstack([other.coef_, other.intercept_[:, None]])).float()
        values = [svm.objective(torch.from_numpy(some), labels, m) for m in (ours(some, labels), svm.SVM(weights, C))]
        for whose, times in seconds.items():
            times.append(found[whose])
        facts = {"growth": "labels", "x": float(count), "features": x.shape[1], "objective": values[1] / values[0]}
        report.show(f"LinearSVC, {count:,} labels", found.pop("value"), "times ours", **facts, **found)
    for whose, times in seconds.items():
        report.show(f"an SVM against labels, {whose}", slope(list(counts), times), "slope", growth="labels", whose=whose)
        report.show(f"memory of an SVM, {whose}", memory_of("svm.py", whose, counts[-1]), "MB", whose=whose, count=counts[-1])
    report.save()


if __name__ == "__main__":
    main()
