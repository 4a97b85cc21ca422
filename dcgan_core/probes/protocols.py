from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from dcgan_core import devices, networks
from dcgan_core.config_io import did_you_mean
from dcgan_core.data import loading
from dcgan_core.data.images import ImageData
from dcgan_core.data.sources import source
from dcgan_core.errors import UserError
from dcgan_core.intervals import share, student
from dcgan_core.networks import Architecture
from dcgan_core.probes import baselines
from dcgan_core.probes.features import Features, discriminator_of, estimate_statistics, extract, of_discriminator, storage
from dcgan_core.probes.svm import BLOCK, SOLVERS, SVM, Liblinear, Solver, objective, solver
from dcgan_core.runs import Run

GRID = tuple(c * 1e-4 for c in (1, 2, 5, 10, 20, 50, 100))  # svhn/svhn_semisup_analysis.py
CIFAR10_GRID = (1e-5, 2e-5, 5e-5, *GRID, 2e-2, 5e-2)  # wider than the authors' for SVHN: the features differ in number
VALIDATION = 10_000  # images held off the training set to choose C (paper §5.2)
CHOOSING_DRAWS = 10  # over which the validation error is averaged
ROUGHLY = 1e-4  # the solver's tolerance while C is being chosen


@dataclass
class Task:
    """A labelled data set as features: everything a protocol needs.

    The training images come in random order; the first `held_off` of them choose C. Batchnorm's statistics, centroids and
    scalings come from the others alone.
    """

    name: str
    classes: tuple[str, ...]
    x: Tensor  # training features, shuffled
    labels: np.ndarray
    held_off: int
    test_x: Tensor
    test_labels: np.ndarray
    features: Features
    order: np.ndarray  # place in the data set of each training row
    test_order: np.ndarray  # and of each test row
    seconds: float = 0.0  # of making the features

    def only(self, columns: slice) -> Task:
        """With some of the features."""
        return Task(**(self.__dict__ | {"x": self.x[:, columns], "test_x": self.test_x[:, columns]}))


@dataclass
class Result:
    """What a protocol found. Accuracies are shares of right answers on test images."""

    accuracy: float
    low: float  # 95 %: Wilson's, or of the mean over draws
    high: float
    n: int  # test images, or draws
    c: float
    validation: dict[float, float]  # C -> accuracy on the held-off images
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


def load_pair(name: str, a: Architecture, grey_as_colour: bool = False, download: bool = True) -> tuple[ImageData, ImageData]:
    """Training and test images of a labelled data set as a net of this architecture sees them.

    grey_as_colour: images of one channel are shown to a net that sees three, the channel repeated.
    Raises UserError where there are no labels, no test images, or another number of channels.
    """
    train, test = (loading.load_data(name, a.size, split, download=download) for split in source.SPLITS)
    if train.labels is None:
        raise UserError(f"{name}: has no labels; a probe needs folders named after the classes, in train/ and test/")
    if train.channels != a.channels:
        if not (grey_as_colour and train.channels == 1):
            hint = "; --grey-as-colour repeats the one channel" if train.channels == 1 else ""
            raise UserError(f"{name}: images of {train.channels} channels of colour; this net sees {a.channels}{hint}")
        train, test = (replace(d, images=Repeated(d.images, a.channels)) for d in (train, test))
    return train, test


class Repeated:
    """Images of one channel as images of several equal ones, when they are asked for."""

    def __init__(self, images, channels: int) -> None:
        self._images, self._channels = images, channels
        self.shape = (images.shape[0], channels, *images.shape[2:])
        self.dtype, self.ndim = images.dtype, images.ndim

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, chosen) -> np.ndarray:
        return np.repeat(self._images[chosen], self._channels, axis=1)


class Shuffled:
    """Images of a data set in another order, or some of them, read when they are asked for."""

    def __init__(self, images, order: np.ndarray) -> None:
        self._images, self._order = images, order
        self.shape = (len(order), *images.shape[1:])

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, chosen) -> np.ndarray:
        places = self._order[chosen]
        back = np.argsort(np.argsort(places))  # memory-mapped files like to be read in order
        return np.asarray(self._images[np.sort(places)])[back]


def prepare_features(
    train: ImageData,
    test: ImageData,
    make: Callable[[Shuffled], Features],
    seed: int = 0,
    images: int | None = None,
    test_images: int | None = None,
    labels_each: int | None = None,
    dtype: torch.dtype | None = None,
    progress: bool = True,
) -> Task:
    """Shuffles, holds images off for choosing C, makes the features of all.

    make: gets the training images that are not held off, returns the features (having estimated there what they need).
    images, test_images: use so many (default: all). A fifth of the former, at most VALIDATION, are held off.
    labels_each: what `per_class` will ask for; where a class has fewer, the UserError comes before the features are made.
    """
    began = time.perf_counter()
    order = np.random.default_rng(seed).permutation(len(train))
    if images is not None:
        if not 10 <= images <= len(train):
            raise UserError(f"--images {images}: {train.name} has {len(train):,} training images; use 10 or more of them")
        order = order[:images]
    held_off = min(VALIDATION, len(order) // 5)
    if not held_off:
        raise UserError(f"{train.name}: {len(order)} training images are too few to hold some off")
    labels = train.labels[order]
    if labels_each is not None:
        _places(labels, held_off, train.classes, labels_each, train.name)
    tested = np.random.default_rng([seed, 1]).permutation(len(test))[:test_images] if test_images else np.arange(len(test))
    how = make(Shuffled(train.images, order[held_off:]))
    both = storage(len(order) + len(tested), how.count, dtype)  # one check of memory for both
    x, test_x = both[: len(order)], both[len(order) :]
    extract(how, Shuffled(train.images, order), progress=progress, out=x)
    extract(how, Shuffled(test.images, tested), progress=progress, out=test_x)
    if how.standardise:
        _standardise(x[held_off:], both)
    seconds = time.perf_counter() - began
    return Task(train.name, train.classes, x, labels, held_off, test_x, test.labels[tested], how, order, tested, seconds)


KINDS = ("trained", "random", "pixels", "kmeans")


def make_task(
    run: Run,
    dataset: str,
    kind: str = "trained",
    layers: Sequence[int] | None = None,
    device: torch.device | str = "cpu",
    seed: int = 0,
    images: int | None = None,
    test_images: int | None = None,
    labels_each: int | None = None,
    grey_as_colour: bool = False,
    centroids: int = 1600,
    precision: str = "single",
    progress: bool = True,
) -> Task:
    """A data set as features: those of the run's D (`trained`), of the same net untrained (`random`), `pixels` or `kmeans`.

    Raises UserError for what cannot be probed, before anything is computed.
    """
    if kind not in KINDS:
        raise UserError(f"--features {kind}{did_you_mean(kind, KINDS)}")
    precision = devices.precision(precision, device)
    a = run.architecture
    if layers and kind in ("pixels", "kmeans"):
        raise UserError(f"--layers: {kind} have none; leave it out")
    if kind == "trained":
        net = discriminator_of(run, device)
    elif kind == "random":
        net = networks.build(a, seed)[1].to(device, memory_format=torch.channels_last)
    if kind in ("trained", "random"):
        how = of_discriminator(net, layers, f"{kind} discriminator", precision)
    train, test = load_pair(dataset, a, grey_as_colour)

    def make(rest: Shuffled) -> Features:
        if kind == "pixels":
            return baselines.of_pixels(a.channels, a.size, device)
        if kind == "kmeans":
            return baselines.of_kmeans(rest, centroids, seed, device)
        estimate_statistics(net, rest, seed, progress, precision)
        return how

    return prepare_features(train, test, make, seed, images, test_images, labels_each, progress=progress)


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
        "held_off": task.held_off,
        "test": len(task.test_x),
        "accuracy": result.accuracy,
        "low": result.low,
        "high": result.high,
        "n": result.n,
        "spread": result.spread,
        "draws": result.draws,
        "c": result.c,
        "validation": {f"{c:g}": value for c, value in result.validation.items()},
        "protocol": result.protocol,
        "messages": result.messages,
        "classes": list(names),
        "confusion": table.tolist(),
        "seconds": {"features": round(task.seconds, 1), "probe": round(result.seconds, 1)},
    }


def _standardise(of: Tensor, all_: Tensor) -> None:
    """Every column of `all_` to mean 0 and deviation 1 over the rows `of`, in place (Coates, Lee and Ng add 0.01)."""
    count, total, squares = len(of), 0.0, 0.0
    for part in of.split(BLOCK):
        total = total + part.double().sum(0)
        squares = squares + part.double().pow(2).sum(0)
    mean = total / count
    deviation = (squares / count - mean.pow(2) + 0.01).clamp_min(1e-6).sqrt()
    for part in all_.split(BLOCK):
        part.copy_((part.double() - mean) / deviation)


def grid_of(dataset: str) -> tuple[float, ...]:
    """The grid of C that the book uses: the authors' own for house numbers and for digits in their place, else a wider one."""
    return GRID if dataset in ("svhn", "mnist") else CIFAR10_GRID


def check_draws(draws: int) -> int:
    if draws < 2:
        raise UserError(f"--draws {draws}: at least 2, or there is no spread")
    return draws


def check_grid(grid: Sequence[float]) -> tuple[float, ...]:
    """The grid, rising. Raises UserError for one value, equal ones, or any that is not positive."""
    rising = tuple(sorted(set(grid)))
    if len(rising) < 2:
        raise UserError("--grid: one C leaves nothing to choose; give at least two, such as 1e-4,1e-3,1e-2")
    if not all(0 < c < np.inf for c in rising):
        raise UserError(f"--grid {','.join(f'{c:g}' for c in grid)}: every C must be a positive number")
    return rising


def _messages(svm: SVM, grid: Sequence[float]) -> list[str]:
    found = []
    if svm.c in (grid[0], grid[-1]):
        end = "smallest" if svm.c == grid[0] else "largest"
        found.append(f"the best C, {svm.c:g}, is the {end} of the grid; a wider --grid may do better")
    if not svm.converged:
        found.append("liblinear stopped before it had converged; --solver torch does better")
    return found


def full(
    task: Task,
    grid: Sequence[float] = GRID,
    kind: str = "torch",
    device: torch.device | str = "cpu",
    patience: int = 3,
    progress: bool = True,
    seed: int = 0,
) -> Result:
    """The protocol of §5.1: all labels.

    From the smallest C upwards, fits on what is not held off; `patience` C that do worse than the best before them end the
    search. The best is then fitted on all training images, and scored on the test images.
    """
    grid, began = check_grid(grid), time.perf_counter()
    fit = solver(kind)
    held = task.held_off
    validation: dict[float, float] = {}
    machine = fit(task.x[held:], task.labels[held:], len(task.classes), device, seed)
    svm, best, worse = None, None, 0
    with tqdm(grid, desc="choosing C", leave=False, delay=2, disable=not progress) as bar:
        for c in bar:
            svm = machine.solve(c, svm, ROUGHLY)
            validation[c] = float((svm.predict(task.x[:held]) == task.labels[:held]).mean())
            bar.set_postfix_str(f"C {c:g}: {validation[c]:.1%}", refresh=False)
            if best is None or validation[c] > validation[best.c]:
                best, worse = svm, 0
            worse += validation[c] < validation[best.c]
            if worse >= patience:
                break
    machine = fit(task.x, task.labels, len(task.classes), device, seed)
    svm = machine.solve(best.c, best)
    confidence, predictions = (values.numpy() for values in svm.scores(task.test_x).max(1))
    value, low, high = share(predictions == task.test_labels)
    protocol = {"labels_each": "all", "grid": grid, "patience": patience, "solver": kind, "seed": seed}
    more = {"messages": _messages(svm, grid), "protocol": protocol}
    seconds = time.perf_counter() - began
    return Result(value, low, high, len(predictions), best.c, validation, seconds, predictions, confidence, **more)


def _places(labels: np.ndarray, held_off: int, classes: Sequence[str], labels_each: int, name: str) -> list[np.ndarray]:
    """The rows of each class that are not held off. Raises UserError where a class has fewer than `labels_each`."""
    if labels_each < 1:
        raise UserError(f"--per-class {labels_each}: at least 1")
    places = [np.flatnonzero(labels[held_off:] == k) + held_off for k in range(len(classes))]
    fewest = min(range(len(classes)), key=lambda k: len(places[k]))
    if labels_each > len(places[fewest]):
        raise UserError(
            f"--per-class {labels_each}: {name} has {len(places[fewest])} images of class {classes[fewest]!r}"
            " that are not held off; ask for at most so many"
        )
    return places


def per_class(
    task: Task,
    labels_each: int,
    draws: int = 100,
    grid: Sequence[float] = GRID,
    kind: str = "torch",
    device: torch.device | str = "cpu",
    choosing: int = CHOOSING_DRAWS,
    patience: int | None = None,
    progress: bool = True,
    seed: int = 0,
) -> Result:
    """The authors' protocol for SVHN (§5.2): few labels, many draws.

    `choosing` draws of `labels_each` images a class choose C by their mean accuracy on the held-off images. Then `draws` others
    are fitted with it and scored on the test images. All of the grid is tried, as in the authors' script, unless `patience`
    says to stop after so many C that do worse than the best before them. The interval is that of the mean over draws
    (Student's t); it says nothing of other test images. Raises UserError where a class has too few images.
    """
    grid, began = check_grid(grid), time.perf_counter()
    check_draws(draws)
    fit, held, classes = solver(kind), task.held_off, len(task.classes)
    places = _places(task.labels, held, task.classes, labels_each, task.name)
    rng = np.random.default_rng([seed, labels_each])
    bar = tqdm(total=choosing + draws, desc=f"{labels_each} a class", unit=" draws", leave=False, delay=2, disable=not progress)

    def draw() -> Solver | Liblinear:
        chosen = np.sort(np.concatenate([rng.choice(p, labels_each, replace=False) for p in places]))
        return fit(task.x[torch.from_numpy(chosen)].float(), task.labels[chosen], classes, device, seed)

    with bar:
        machines = []
        for _ in range(choosing):
            machines.append(draw())
            bar.update()
        svms: list[SVM | None] = [None] * choosing
        validation: dict[float, float] = {}
        for c in grid:
            svms = [machine.solve(c, svm, ROUGHLY) for machine, svm in zip(machines, svms, strict=True)]
            validation[c] = float(np.mean([(svm.predict(task.x[:held]) == task.labels[:held]).mean() for svm in svms]))
            bar.set_postfix_str(f"C {c:g}: {validation[c]:.1%}", refresh=False)
            tried, best = list(validation.values()), max(validation.values())
            if patience and sum(value < best for value in tried[tried.index(best) :]) >= patience:
                break
        del machines, svms
        c = max(validation, key=validation.get)
        scores = []
        for _ in range(draws):
            svm = draw().solve(c)
            predictions = svm.predict(task.test_x)
            scores.append(float((predictions == task.test_labels).mean()))
            bar.set_postfix_str(f"C {c:g}: {np.mean(scores):.1%}", refresh=False)
            bar.update()
    mean, low, high = student(scores)
    seconds = time.perf_counter() - began
    protocol = {"labels_each": labels_each, "draws": draws, "draws_choosing_c": choosing, "grid": grid}
    protocol |= {"patience": patience, "solver": kind, "seed": seed}
    return Result(mean, low, high, draws, c, validation, seconds, predictions, None, scores, _messages(svm, grid), protocol)


def mistakes(task: Task, result: Result, count: int = 24) -> list[dict]:
    """The wrong answers given with the highest scores: place in the test set, class, answer."""
    wrong = np.flatnonzero(result.predictions != task.test_labels)
    worst = wrong[np.argsort(-result.confidence[wrong], kind="stable")][:count]
    names, places = task.classes, task.test_order
    return [{"place": int(places[i]), "is": names[task.test_labels[i]], "said": names[result.predictions[i]]} for i in worst]


def confusion(predictions: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """classes x classes: how many images of the row's class are taken for the column's."""
    return np.bincount(labels * classes + predictions, minlength=classes * classes).reshape(classes, classes)


def speedup(task: Task, c: float = 1e-3, device: torch.device | str = "cpu", seed: int = 0) -> dict:
    """Both solvers on all training images: seconds, objectives, and how often they give the same answer on test images."""
    found, answers = {}, {}
    for kind in SOLVERS:
        began = time.perf_counter()
        svm = solver(kind)(task.x, task.labels, len(task.classes), device, seed).solve(c)
        found[kind] = {"seconds": time.perf_counter() - began, "objective": objective(task.x, task.labels, svm)}
        answers[kind] = svm.predict(task.test_x)
    found["same_answers"] = float((answers["torch"] == answers["liblinear"]).mean())
    found |= {"images": len(task.x), "features": task.x.shape[1], "c": c, "threads": torch.get_num_threads()}
    return found
