"""What does a probe measure? Its accuracy, or error, in percent, with what chapter 5 shows beside it."""

from collections.abc import Sequence

import numpy as np
import torch

from dcgan_core import devices, networks
from dcgan_core.data.images import ImageData
from dcgan_core.errors import UserError
from dcgan_core.intervals import Measurement, timed
from dcgan_core.networks import Architecture
from dcgan_core.probes import protocols, supervised, svm, tasks
from dcgan_core.probes.protocols import Result, Search
from dcgan_core.probes.svm import SOLVERS
from dcgan_core.probes.tasks import Question, Task


def _percent(task: Task, result: Result, details: dict, *, error: bool = False) -> Measurement:
    """A probe's accuracy, or its error, in percent."""
    value, low, high = (100 * x for x in (result.accuracy, result.low, result.high))
    if error:
        value, low, high = 100 - value, 100 - high, 100 - low
    found = protocols.report(task, result)
    left_out = ("dataset", "accuracy", "low", "high", "n", "spread", "draws")  # said elsewhere
    details = {key: value for key, value in found.items() if key not in left_out} | details
    details["precision"] = devices.precision("auto", task.features.device)
    if result.draws:
        details |= {"draws": [round(100 * x, 2) for x in result.draws], "spread": round(100 * result.spread, 2)}
    return Measurement(value, low, high, result.n, task.seconds + result.seconds, details)


def all_labels(task: Task, search: Search) -> Measurement:
    """Accuracy with all labels; `details` has the surest mistakes, which test images were `right` (`unpack`) and, for D's
    features, each layer's own accuracy."""
    result = protocols.full(task, search)
    right = (result.predictions == task.test_labels)[np.argsort(task.test_order)]
    details: dict = {"mistakes": protocols.mistakes(task, result), "right": np.packbits(right).tobytes().hex()}
    if task.features.columns:
        parts = {name: protocols.full(task.only(part), search) for name, part in task.features.columns.items()}
        details["each_layer"] = {name: round(100 * r.accuracy, 2) for name, r in parts.items()}
    return _percent(task, result, details)


def unpack(m: Measurement) -> np.ndarray:
    """Which test images a measurement with all labels got right, in the order of the test set: bool N."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(m.details["right"]), np.uint8))[: m.n].astype(bool)


def few_labels(
    task: Task, each: int, search: Search, *, draws: int, choosing: int, fewer: Sequence[int] = (), error: bool = False
) -> Measurement:
    """Accuracy, or error, with `each` labels a class, mean over draws; `details` has a curve of it with `fewer`, too."""
    result = protocols.per_class(task, each, search, draws=draws, choosing=choosing)
    details: dict = {"labels_each": each}
    if fewer:
        rows = {n: protocols.per_class(task, n, search, draws=10, choosing=3) for n in fewer if n < each} | {each: result}
        details["curve"] = {str(n): [round(100 * x, 2) for x in (r.accuracy, r.low, r.high)] for n, r in rows.items()}
    return _percent(task, result, details, error=error)


def supervised_error(train: ImageData, test: ImageData, a: Architecture, **search) -> Measurement:
    """The error of a net like D that sees 100 labels a class alone. search: of `supervised.random_search`."""
    result, trials = supervised.random_search(train, test, a, **search)
    low, high = 100 - 100 * result.high, 100 - 100 * result.low
    details = {"labels_each": 100, "trials": trials}
    return Measurement(100 - 100 * result.accuracy, low, high, result.n, result.seconds, details)


def solver_speedup(**options) -> Measurement:
    """How many times as fast as liblinear is the book's solver? On CIFAR-10, as the 7,168 features of an untrained small32.

    The time of setting up counts for both. options: of `tasks.Question`. Raises UserError where the SVMs are not the same.
    """
    asked = Question(networks.ARCHITECTURES["small32"], "cifar10", "random", precision="auto", **options)
    task, c, found, answers = tasks.make_task(asked), 1e-3, {}, {}
    for kind in SOLVERS:
        with timed() as seconds:
            fitted = protocols.Search(solver=kind, seed=asked.seed).machine(task).solve(c)
            found[kind] = {"seconds": seconds(), "objective": svm.objective(task.x, task.labels, fitted)}
        answers[kind] = fitted.predict(task.test_x)
    same = float((answers["torch"] == answers["liblinear"]).mean())
    objectives = [found[kind]["objective"] for kind in SOLVERS]
    if max(objectives) > 1.001 * min(objectives) or same < 0.995:
        raise UserError(
            f"the two solvers do not find the same SVM ({same:.1%} of answers), so their times cannot be compared: {found}"
        )
    spent = [found[kind]["seconds"] for kind in ("liblinear", "torch")]
    value, n = spent[0] / spent[1], len(task.x)
    details = found | {"same_answers": same, "features": task.x.shape[1], "c": c, "threads": torch.get_num_threads()}
    return Measurement(value, value, value, n, sum(spent), details)
