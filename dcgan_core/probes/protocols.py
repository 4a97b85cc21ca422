"""How well does a linear SVM tell the classes apart by some features? The paper's two protocols. (Paper §5)"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field

import numpy as np
from tqdm.auto import tqdm

from dcgan_core.errors import UserError
from dcgan_core.intervals import share, student
from dcgan_core.probes import svm
from dcgan_core.probes.svm import SVM, Liblinear, Solver
from dcgan_core.probes.tasks import Task, places_of_classes

GRID = tuple(c * 1e-4 for c in (1, 2, 5, 10, 20, 50, 100))  # svhn/svhn_semisup_analysis.py
CIFAR10_GRID = (1e-5, 2e-5, 5e-5, *GRID, 2e-2, 5e-2)  # wider than the authors' for SVHN: the features differ in number
CHOOSING_DRAWS = 10  # over which the validation error is averaged
ROUGHLY = 1e-4  # the solver's tolerance while C is being chosen


@dataclass(frozen=True)
class Search:
    """How C is chosen. Raises UserError for an unknown solver, and unless the grid has two C or more, all positive."""

    grid: Sequence[float] = GRID  # kept rising
    _: KW_ONLY
    patience: int | None = None  # after so many C that do worse than the best before them it ends; default: all are tried
    solver: str = "torch"  # or another of svm.SOLVERS
    seed: int = 0
    progress: bool = True

    def __post_init__(self) -> None:
        svm.solver(self.solver)
        rising = tuple(sorted(set(self.grid)))
        if len(rising) < 2:
            raise UserError("`grid`: one C leaves nothing to choose; give at least two, such as 1e-4,1e-3,1e-2")
        if not all(0 < c < np.inf for c in rising):
            raise UserError(f"`grid` {','.join(f'{c:g}' for c in self.grid)}: every C must be a positive number")
        object.__setattr__(self, "grid", rising)

    def machine(self, task: Task, rows: slice | np.ndarray = slice(None)) -> Solver | Liblinear:
        """What fits SVMs of these training rows."""
        kind, device = svm.solver(self.solver), task.features.device
        return kind(task.x[rows], task.labels[rows], len(task.classes), device, self.seed)

    def tried(self, task: Task, machines: list[Solver | Liblinear]) -> Iterator[tuple[float, float, list[SVM]]]:
        """Each C, from the smallest upwards, with its mean accuracy on the held-out images and the machines' SVMs."""
        held = task.held_out
        values: list[float] = []
        starts: Sequence[SVM | None] = [None] * len(machines)
        for c in self.grid:
            starts = svms = [machine.solve(c, start, ROUGHLY) for machine, start in zip(machines, starts, strict=True)]
            values.append(float(np.mean([(x.predict(task.x[:held]) == task.labels[:held]).mean() for x in svms])))
            yield c, values[-1], svms
            best = max(values)
            if self.patience and sum(value < best for value in values[values.index(best) :]) >= self.patience:
                return

    def settings(self) -> dict:
        """For the record."""
        return {"grid": self.grid, "patience": self.patience, "solver": self.solver, "seed": self.seed}


@dataclass
class Result:
    """What a protocol found. Accuracies are shares of right answers on test images."""

    accuracy: float
    low: float  # 95 %: Wilson's, or of the mean over draws
    high: float
    n: int  # test images, or draws
    c: float
    validation: dict[float, float]  # C -> accuracy on the held-out images
    seconds: float
    predictions: np.ndarray  # test images; of the last draw
    confidence: np.ndarray | None = None  # the highest of each test image's scores
    draws: list[float] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    protocol: dict = field(default_factory=dict)  # the settings that led here

    @property
    def spread(self) -> float:
        """1.96 standard deviations over the draws (ddof 0), as the authors print it: not an interval of the mean."""
        return float(1.96 * np.std(self.draws)) if self.draws else 0.0


def grid_of(dataset: str) -> tuple[float, ...]:
    """The grid of C that the book uses: the authors' own for house numbers and for digits in their place, else a wider one."""
    return GRID if dataset in ("svhn", "mnist") else CIFAR10_GRID


def check_draws(draws: int) -> int:
    if draws < 2:
        raise UserError(f"`draws` {draws}: at least 2, or there is no spread")
    return draws


def full(task: Task, search: Search = Search()) -> Result:
    """The protocol of §5.1: all labels.

    From the smallest C upwards, fits on what is not held out. The best is then fitted on all training images, and scored on the
    test images.
    """
    began = time.perf_counter()
    best: SVM | None = None
    validation: dict[float, float] = {}
    with tqdm(total=len(search.grid), desc="choosing C", leave=False, delay=2, disable=not search.progress) as bar:
        for c, validation[c], svms in search.tried(task, [search.machine(task, slice(task.held_out, None))]):
            bar.set_postfix_str(f"C {c:g}: {validation[c]:.1%}", refresh=False)
            bar.update()
            if best is None or validation[c] > validation[best.c]:
                best = svms[0]
    assert best is not None  # the grid has two C at least
    fitted = search.machine(task).solve(best.c, best)
    confidence, predictions = (values.numpy() for values in fitted.scores(task.test_x).max(1))
    value, low, high = share(predictions == task.test_labels)
    messages, protocol = _messages(fitted, search.grid), {"labels_each": "all", **search.settings()}
    seconds = time.perf_counter() - began
    return Result(
        value, low, high, len(predictions), best.c, validation, seconds, predictions, confidence, [], messages, protocol
    )


def per_class(
    task: Task, labels_each: int, search: Search = Search(), *, draws: int = 100, choosing: int = CHOOSING_DRAWS
) -> Result:
    """The authors' protocol for SVHN (§5.2): few labels, many draws.

    `choosing` draws of `labels_each` images a class choose C by their mean accuracy on the held-out images. Then `draws` others
    are fitted with it and scored on the test images. All of the grid is tried in the authors' script. The interval is that of
    the mean over draws (Student's t); it says nothing of other test images. Raises UserError where a class has too few images.
    """
    began = time.perf_counter()
    check_draws(draws)
    places = places_of_classes(task.labels, task.held_out, task.classes, labels_each, task.name)
    rng = np.random.default_rng([search.seed, labels_each])

    def draw() -> Solver | Liblinear:
        return search.machine(task, np.sort(np.concatenate([rng.choice(p, labels_each, replace=False) for p in places])))

    total, hidden = choosing + draws, not search.progress
    with tqdm(total=total, desc=f"{labels_each} a class", unit=" draws", leave=False, delay=2, disable=hidden) as bar:
        machines = []
        for _ in range(choosing):
            machines.append(draw())
            bar.update()
        validation: dict[float, float] = {}
        for c, validation[c], _ in search.tried(task, machines):
            bar.set_postfix_str(f"C {c:g}: {validation[c]:.1%}", refresh=False)
        del machines
        c = max(validation, key=lambda c: validation[c])
        scores = []
        for _ in range(draws):
            fitted = draw().solve(c)
            predictions = fitted.predict(task.test_x)
            scores.append(float((predictions == task.test_labels).mean()))
            bar.set_postfix_str(f"C {c:g}: {np.mean(scores):.1%}", refresh=False)
            bar.update()
    mean, low, high = np.clip(student(scores), 0, 1).tolist()
    seconds = time.perf_counter() - began
    protocol = {"labels_each": labels_each, "draws": draws, "draws_choosing_c": choosing, **search.settings()}
    messages = _messages(fitted, search.grid)
    return Result(mean, low, high, draws, c, validation, seconds, predictions, None, scores, messages, protocol)


def _messages(fitted: SVM, grid: Sequence[float]) -> list[str]:
    found = []
    if fitted.c in (grid[0], grid[-1]):
        end = "smallest" if fitted.c == grid[0] else "largest"
        found.append(f"the best C, {fitted.c:g}, is the {end} of the grid; a wider `grid` may do better")
    if not fitted.converged:
        found.append("liblinear stopped before it had converged; `solver` torch does better")
    return found


# --- what is told of it -----------------------------------------------------------------------------------------------


def report(task: Task, result: Result) -> dict:
    """All that was found, as JSON values."""
    names = task.classes
    table = confusion(result.predictions, task.test_labels, len(names))
    return {
        "dataset": task.name,
        "features": task.features.name,
        "count": task.x.shape[1],
        "layers": {name: part.stop - part.start for name, part in task.features.columns.items()},
        "train": len(task.x),
        "held_out": task.held_out,
        "test": len(task.test_x),
        **{key: getattr(result, key) for key in ("accuracy", "low", "high", "n", "spread", "draws", "c")},
        "validation": {f"{c:g}": value for c, value in result.validation.items()},
        "protocol": result.protocol,
        "messages": result.messages,
        "classes": list(names),
        "confusion": table.tolist(),
        "seconds": {"features": round(task.seconds, 1), "probe": round(result.seconds, 1)},
    }


def mistakes(task: Task, result: Result, count: int = 24) -> list[dict]:
    """The wrong answers given with the highest scores: place in the test set, class, answer."""
    if result.confidence is None:
        raise UserError("mistakes: a result of many draws keeps no scores; probe with all labels")
    wrong = np.flatnonzero(result.predictions != task.test_labels)
    worst = wrong[np.argsort(-result.confidence[wrong], kind="stable")][:count]
    names, places = task.classes, task.test_order
    return [{"place": int(places[i]), "is": names[task.test_labels[i]], "said": names[result.predictions[i]]} for i in worst]


def confusion(predictions: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """classes x classes: how many images of the row's class are taken for the column's."""
    return np.bincount(labels * classes + predictions, minlength=classes * classes).reshape(classes, classes)
