"""How much do features know of the classes? (Paper §5) A linear L2-SVM on top of them, and the paper's two protocols.

The SVM is liblinear's `LinearSVC(loss="squared_hinge")`: one against the rest, each class minimising

    |w|^2 / 2 + C * sum over images of max(0, 1 - y f)^2,    f = w x + b, y = 1 or -1

where the intercept b counts as one more weight, of a feature that is always 1. Two solvers give the same answer:
`torch` (below, float32, on the run's device) and `liblinear` (scikit-learn's).

C is chosen on images held off the training set, never on test images.
"""

from __future__ import annotations

import time
import typing
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import tqdm

from dcgan_core import datasets, features, networks
from dcgan_core.configs import did_you_mean
from dcgan_core.datasets import ImageData
from dcgan_core.errors import UserError
from dcgan_core.evaluation import share, student
from dcgan_core.features import Features
from dcgan_core.networks import Architecture, Discriminator
from dcgan_core.runs import Run

GRID = tuple(c * 1e-4 for c in (1, 2, 5, 10, 20, 50, 100))  # svhn/svhn_semisup_analysis.py
CIFAR10_GRID = (1e-5, 2e-5, 5e-5, *GRID, 2e-2, 5e-2)  # wider than the authors' for SVHN: the features differ in number
VALIDATION = 10_000  # images held off the training set to choose C (paper §5.2)
CHOOSING_DRAWS = 10  # over which the validation error is averaged
TOLERANCE = 1e-6  # how far from the least objective, as a share of it, by estimate
ROUGHLY = 1e-4  # the same while C is being chosen
BLOCK = 1024  # rows in work at a time: small enough for a CPU's cache
SAMPLE = 1024  # rows that the preconditioner is made of
SOLVERS = ("torch", "liblinear")


# --- the L2-SVM -------------------------------------------------------------------------------------------------------


@dataclass
class SVM:
    """One weight vector for each class. `weights`: classes x (features + 1), float32; the last is the intercept."""

    weights: Tensor
    c: float
    seconds: float = 0.0
    passes: int = 0  # over the features, all classes at once
    converged: bool = True

    def scores(self, x: Tensor) -> Tensor:
        """x: N x features, float32 or float16, anywhere. Returns N x classes in main memory."""
        w = self.weights
        return torch.cat([_block(part, w.device) @ w[:, :-1].T + w[:, -1] for part in x.split(BLOCK)]).cpu()

    def predict(self, x: Tensor) -> np.ndarray:
        return self.scores(x).argmax(1).numpy()


def objective(x: Tensor, labels: np.ndarray, svm: SVM) -> float:
    """What the SVM minimises, summed over the classes, in double precision."""
    loss = signs(labels, len(svm.weights)).double().mul_(svm.scores(x).double()).neg_().add_(1).clamp_min_(0).pow(2).sum()
    return float(svm.weights.double().pow(2).sum().cpu() / 2 + svm.c * loss)


def signs(labels: np.ndarray, classes: int) -> Tensor:
    """N x classes: 1 where an image is of a class, else -1."""
    return F.one_hot(torch.from_numpy(np.asarray(labels)), classes).float() * 2 - 1


def _block(part: Tensor, device: torch.device | str) -> Tensor:
    return part.to(device).float()


class Solver:
    """Fits SVMs of one set of features for several C: warm starts, and what depends on the features alone is kept.

    Newton's method, the Newton system solved by conjugate gradients for all classes at once, the step along its result by
    an exact line search. What costs time is reading the features, so both products of a step (with the features and with
    their transpose) are made in one pass over blocks of rows, and a preconditioner keeps the passes few: the Hessian as
    SAMPLE random rows show it.

    With fewer images than features, only their inner products matter: N x N numbers, and Newton's method with exact solutions
    of its systems (`_solve_small`).

    x: N x features, float32 or float16; labels: N numbers from 0 to classes - 1.
    Raises UserError for values that are not finite and for labels that are all alike.
    """

    def __init__(self, x: Tensor, labels: np.ndarray, classes: int, device: torch.device | str = "cpu", seed: int = 0) -> None:
        check(x, labels)
        self.device, self.classes = torch.device(device), classes
        self.x, self.signs = x, signs(labels, classes).to(self.device)
        self.small = len(x) <= x.shape[1]
        self.passes = 0
        if self.small:
            self.gram = self._gram()
            return
        few = x.shape[1] < 2 * SAMPLE
        count = min(8 * SAMPLE if few else SAMPLE, -(-len(x) // 2))
        chosen = torch.from_numpy(np.sort(np.random.default_rng(seed).choice(len(x), count, replace=False)))
        sample = self._with_one(_block(x[chosen], self.device))
        self.directions = None
        if few:
            self.inner = sample.T @ sample * (len(x) / len(sample))
            return
        # eigenvectors of the sample's features^T features, by way of its smaller Gram matrix
        values, vectors = torch.linalg.eigh((sample @ sample.T).cpu().double())
        kept = values > values[-1] * 1e-6
        values, vectors = values[kept], vectors[:, kept]
        self.directions = (vectors / values.sqrt()).T.float().to(self.device) @ sample  # r x D, orthonormal
        self.values = (values / len(chosen)).float().to(self.device)

    def _with_one(self, block: Tensor) -> Tensor:
        return torch.cat([block, block.new_ones(len(block), 1)], 1)

    def _gram(self) -> Tensor:
        """N x N: inner products of the features with 1 appended."""
        gram = torch.ones(len(self.x), len(self.x), device=self.device)
        for part in self.x.split(4 * BLOCK, dim=1):
            block = _block(part, self.device)
            gram.addmm_(block, block.T)
        return gram

    # --- products with the features

    def _scores(self, w: Tensor) -> Tensor:
        """classes x D -> N x classes."""
        self.passes += 1
        return torch.cat([_block(b, self.device) @ w[:, :-1].T + w[:, -1] for b in self.x.split(BLOCK)])

    def _back(self, r: Tensor) -> Tensor:
        """N x classes -> classes x D."""
        self.passes += 1
        return self._both(None, r)[1]

    def _hessian(self, v: Tensor, active: Tensor) -> tuple[Tensor, Tensor]:
        """v's scores, N x classes, and those of the active images times the features, classes x D: one pass."""
        self.passes += 1
        return self._both(v, active)

    def _both(self, v: Tensor | None, mask: Tensor) -> tuple[Tensor, Tensor]:
        scores = mask if v is None else torch.empty_like(mask)
        out = torch.zeros(mask.shape[1], self.x.shape[1] + 1, device=self.device)
        for i, part in enumerate(self.x.split(BLOCK)):
            here = slice(i * BLOCK, i * BLOCK + len(part))
            block = _block(part, self.device)
            r = mask[here]
            if v is not None:
                s = block @ v[:, :-1].T + v[:, -1]
                scores[here] = s
                r = s * r
            out[:, :-1] += r.T @ block  # this way round it is several times as fast on a CPU as block.T @ r
            out[:, -1] += r.sum(0)
        return scores, out

    def _preconditioner(self, c: float, active: Tensor) -> Callable[[Tensor], Tensor]:
        """Solves (I + 2 C features^T features) z = g about, as if the active images were drawn at random."""
        if self.directions is None:
            matrix = (2 * c * active.mean().clamp_min(0.05) * self.inner).cpu().double()
            matrix.diagonal().add_(1)
            factor = torch.linalg.cholesky(matrix).float().to(self.device)
            return lambda g: torch.cholesky_solve(g.T, factor).T
        counts = active.sum(0).clamp_min(1)
        scale = 1 / (1 + 2 * c * counts[:, None] * self.values) - 1  # classes x r
        scale.clamp_min_(1e-5 - 1)  # float32 could turn the largest directions negative

        def solve(g: Tensor) -> Tensor:
            return torch.addmm(g, (g @ self.directions.T) * scale, self.directions)

        return solve

    # --- Newton

    @torch.no_grad()
    def solve(self, c: float, start: SVM | None = None, tolerance: float = TOLERANCE, steps: int = 50) -> SVM:
        """The SVM for one C. `start`: one of another C, from this solver. Raises UserError where C is too large for float32."""
        try:
            svm = self._solve_small(c, tolerance, steps) if self.small else self._solve_large(c, start, tolerance, steps)
        except torch.linalg.LinAlgError:
            svm = None
        if svm is None or not torch.isfinite(svm.weights).all():
            raise UserError(f"--grid: C {c:g} is too large for these features in single precision; leave it out")
        return svm

    def _solve_large(self, c: float, start: SVM | None, tolerance: float, steps: int) -> SVM:
        began, before = time.perf_counter(), self.passes
        y, width = self.signs, self.x.shape[1] + 1
        if start is None:
            w, scores = torch.zeros(self.classes, width, device=self.device), torch.zeros_like(y)
        else:
            w, scores = start.weights.clone(), self._scores(start.weights)
        precondition, made_for = None, None
        for _ in range(steps):
            margin = (1 - y * scores).clamp_min(0)
            active = (margin > 0).float()
            gradient = w - 2 * c * self._back(y * margin)
            if precondition is None or (active.mean(0) - made_for).abs().max() > 0.1:
                precondition, made_for = self._preconditioner(c, active), active.mean(0)
            z = precondition(gradient)
            value = w.pow(2).sum(1) / 2 + c * margin.pow(2).sum(0)
            gap = (gradient * z).sum(1) / 2  # about how far each class is above its least
            if (gap <= tolerance * value).all():
                break
            step, step_scores = self._direction(c, gradient, z, active, precondition)
            t = _line_search((w * step).sum(1), step.pow(2).sum(1), y * scores, y * step_scores, c)
            w += t[:, None] * step
            scores += t * step_scores
        return SVM(w, c, time.perf_counter() - began, self.passes - before)

    def _direction(self, c: float, gradient: Tensor, z: Tensor, active: Tensor, precondition: Callable) -> tuple:
        """The Newton step by conjugate gradients, classes x D, and its scores, N x classes."""
        step, step_scores = torch.zeros_like(gradient), torch.zeros_like(active)
        residual, direction = -gradient, -z
        rz = (gradient * z).sum(1)
        goal = 0.01 * rz  # a tenth in the norm
        for _ in range(30):
            direction_scores, back = self._hessian(direction, active)
            product = direction + 2 * c * back
            going = (rz > goal).float()
            alpha = going * rz / (direction * product).sum(1).clamp_min(1e-30)
            step += alpha[:, None] * direction
            step_scores += alpha * direction_scores
            residual -= alpha[:, None] * product
            if not (rz > goal).any():
                break
            z = precondition(residual)
            new = (residual * z).sum(1)
            if (new <= goal).all():
                break
            direction = z + (new / rz.clamp_min(1e-30))[:, None] * direction
            rz = new
        return step, step_scores

    def _solve_small(self, c: float, tolerance: float, steps: int) -> SVM:
        """With w = sum of a_i x_i, Newton's step solves (G + I / 2C) a = y among the images inside the margin, a = 0 outside.

        One inverse serves all classes: where less than half of the images are outside, their a are brought to 0 through it, a
        system of their number; otherwise the inside's own system is solved.
        """
        began, y = time.perf_counter(), self.signs
        # float32 does where the matrix's largest and smallest eigenvalues are not too far apart; MPS has nothing else
        exact = 2 * c * float(self.gram.diagonal().sum()) > 1e5
        device = torch.device("cpu") if exact and self.device.type == "mps" else self.device
        gram, y = (t.to(device, torch.float64 if exact else torch.float32) for t in (self.gram, y))
        matrix = gram.clone()
        matrix.diagonal().add_(1 / (2 * c))
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(matrix))
        unbound = inverse @ y  # N x classes: with all images inside
        a, scores = unbound.clone(), gram @ unbound
        value = torch.full((self.classes,), torch.inf, device=device)
        for _ in range(steps):
            margin = (1 - y * scores).clamp_min(0)
            before, value = value, (a * scores).sum(0) / 2 + c * margin.pow(2).sum(0)
            if (before - value <= tolerance * 0.01 * value).all():
                break
            goal = torch.zeros_like(a)
            for k in range(self.classes):
                inside = margin[:, k] > 0
                outside = ~inside
                if outside.sum() <= inside.sum():
                    held = torch.linalg.solve(inverse[outside][:, outside], unbound[outside, k])
                    goal[:, k] = unbound[:, k] - inverse[:, outside] @ held
                    goal[outside, k] = 0
                else:
                    factor = torch.linalg.cholesky(matrix[inside][:, inside])
                    goal[inside, k] = torch.cholesky_solve(y[inside, k, None], factor).squeeze(1)
            step = goal - a
            step_scores = gram @ step
            square = (step * step_scores).sum(0)
            t = _line_search((a * step_scores).sum(0), square, y * scores, y * step_scores, c)
            a += t * step
            scores += t * step_scores
        a = a.T.float().to(self.device)  # classes x N
        parts = [a @ _block(part, self.device) for part in self.x.split(4 * BLOCK, dim=1)]
        return SVM(torch.cat([*parts, a.sum(1, keepdim=True)], 1), c, time.perf_counter() - began)


def _line_search(linear: Tensor, square: Tensor, f: Tensor, change: Tensor, c: float) -> Tensor:
    """How far to go for each class: where the objective along the step is least.

    linear, square: inner products of the step with w and with itself; f, change: y times the scores and their change, each
    N x classes.

    Its derivative is piecewise linear and rising: Newton's method, kept in a bracket.
    """
    low, high = torch.zeros_like(linear), torch.full_like(linear, torch.inf)
    t = torch.ones_like(linear)
    for _ in range(12):
        margin = (1 - f - t * change).clamp_min(0)
        slope = linear + t * square - 2 * c * (margin * change).sum(0)
        bend = square + 2 * c * ((margin > 0) * change.pow(2)).sum(0)
        low, high = torch.where(slope <= 0, t, low), torch.where(slope > 0, t, high)
        following = t - slope / bend.clamp_min(1e-30)
        outside = (following <= low) | (following >= high)
        middle = torch.where(high.isinf(), 2 * t, (low + high) / 2)
        following = torch.where(outside & (following != t), middle, following)
        if ((following - t).abs() <= 1e-5 * t.abs()).all():
            break
        t = following
    return t


class Liblinear:
    """The same with scikit-learn's `LinearSVC`, on one core. Raises UserError where its copies would not fit in memory."""

    def __init__(self, x: Tensor, labels: np.ndarray, classes: int, device: object = None, seed: int = 0) -> None:
        check(x, labels)
        need, free = 24 * x.numel(), features.available_memory()  # its float64 input and its own list of 16 bytes a value
        if need > free:
            raise UserError(
                f"--solver liblinear: {len(x):,} images x {x.shape[1]:,} features need {need / 1e9:.0f} GB, and"
                f" {free / 1e9:.0f} GB are free; use --solver torch"
            )
        self.x, self.labels, self.classes, self.seed = x, np.asarray(labels), classes, seed

    def solve(self, c: float, start: SVM | None = None, tolerance: float = 1e-4) -> SVM:
        """`tolerance` is liblinear's own. `start` is not used: it cannot go on from elsewhere."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.svm import LinearSVC

        began = time.perf_counter()
        model = LinearSVC(C=c, dual="auto", tol=tolerance, max_iter=1000, random_state=self.seed)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            model.fit(self.x.double().numpy(), self.labels)
        converged = not any(issubclass(w.category, ConvergenceWarning) for w in caught)
        rows = np.concatenate([model.coef_, model.intercept_[:, None]], 1)
        if len(rows) == 1:  # of two classes it keeps one
            rows = np.concatenate([-rows, rows])
        weights = np.zeros((self.classes, rows.shape[1]), np.float32)
        weights[:, -1] = -1.0  # a class that is not there
        weights[model.classes_] = rows
        return SVM(torch.from_numpy(weights), c, time.perf_counter() - began, converged=converged)


def solver(kind: str) -> type[Solver] | type[Liblinear]:
    if kind not in SOLVERS:
        raise UserError(f"--solver {kind}: there are {' and '.join(SOLVERS)}")
    return Solver if kind == "torch" else Liblinear


def check(x: Tensor, labels: np.ndarray) -> None:
    """Raises UserError unless the features can be fitted."""
    if len(x) != len(labels):
        raise UserError(f"{len(x)} rows of features and {len(labels)} labels; one for each image")
    if len(np.unique(labels)) < 2:
        raise UserError("all images have the same label; a probe needs at least two classes")
    for part in x.split(BLOCK):
        if not torch.isfinite(part.sum(dtype=torch.float32)) and not torch.isfinite(part).all():
            raise UserError("features that are not finite numbers; has training diverged?")


# --- the protocols ----------------------------------------------------------------------------------------------------


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


def load(name: str, a: Architecture, grey_as_colour: bool = False, download: bool = True) -> tuple[ImageData, ImageData]:
    """Training and test images of a labelled data set as a net of this architecture sees them.

    grey_as_colour: images of one channel are shown to a net that sees three, the channel repeated.
    Raises UserError where there are no labels, no test images, or another number of channels.
    """
    train, test = (datasets.load(name, a.size, split, download=download) for split in datasets.SPLITS)
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


def prepare(
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
    both = features.storage(len(order) + len(tested), how.count, dtype)  # one check of memory for both
    x, test_x = both[: len(order)], both[len(order) :]
    features.extract(how, Shuffled(train.images, order), progress=progress, out=x)
    features.extract(how, Shuffled(test.images, tested), progress=progress, out=test_x)
    if how.standardise:
        _standardise(x[held_off:], both)
    seconds = time.perf_counter() - began
    return Task(train.name, train.classes, x, labels, held_off, test_x, test.labels[tested], how, order, tested, seconds)


KINDS = ("trained", "random", "pixels", "kmeans")


def task(
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
    precision: features.Precision = "single",
    progress: bool = True,
) -> Task:
    """A data set as features: those of the run's D (`trained`), of the same net untrained (`random`), `pixels` or `kmeans`.

    Raises UserError for what cannot be probed, before anything is computed.
    """
    if kind not in KINDS:
        raise UserError(f"--features {kind}{did_you_mean(kind, KINDS)}")
    if precision not in typing.get_args(features.Precision):
        raise UserError(f"--precision {precision}: there are {' and '.join(typing.get_args(features.Precision))}")
    a = run.architecture
    if layers and kind in ("pixels", "kmeans"):
        raise UserError(f"--layers: {kind} have none; leave it out")
    if kind == "trained":
        net = features.discriminator_of(run, device)
    elif kind == "random":
        net = networks.build(a, seed)[1].to(device, memory_format=torch.channels_last)
    if kind in ("trained", "random"):
        how = features.of_discriminator(net, layers, f"{kind} discriminator", precision)
    train, test = load(dataset, a, grey_as_colour)

    def make(rest: Shuffled) -> Features:
        if kind == "pixels":
            return features.of_pixels(a.channels, a.size, device)
        if kind == "kmeans":
            return features.of_kmeans(rest, centroids, seed, device)
        features.estimate_statistics(net, rest, seed, progress, precision)
        return how

    return prepare(train, test, make, seed, images, test_images, labels_each, progress=progress)


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


# --- a net that gets nothing but the labels ---------------------------------------------------------------------------


class Classifier(nn.Module):
    """D's conv layers with one output for each class in place of the logit (§5.2's purely supervised net)."""

    def __init__(self, a: Architecture, classes: int, rng: torch.Generator) -> None:
        super().__init__()
        self.trunk = Discriminator(a, rng)
        self.trunk.dense = nn.ModuleList()
        self.head = nn.Linear(prod(a.base), classes)
        nn.init.normal_(self.head.weight, 0, 0.02, generator=rng)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor, dropout: float = 0.0) -> Tensor:
        h = self.trunk.features(x)[-1].flatten(1)  # N x units
        return self.head(F.dropout(h, dropout, self.training))


def supervised(
    train: ImageData,
    test: ImageData,
    a: Architecture,
    labels_each: int = 100,
    trials: int = 8,
    epochs: int = 30,
    device: torch.device | str = "cpu",
    seed: int = 0,
    progress: bool = True,
) -> tuple[Result, list[dict]]:
    """The paper's control (§5.2): a net like D that sees the labelled images alone, best of a random search.

    Trials draw learning rate, weight decay, dropout and batch size; the one that is best on held-off images (at most
    VALIDATION) is scored on test. Returns the result (Wilson's interval) and a row for each trial.
    """
    began = time.perf_counter()
    rng = np.random.default_rng([seed, 64])
    order = rng.permutation(len(train))
    held_off = min(VALIDATION, len(order) // 5)
    held, rest = order[:held_off], order[held_off:]
    chosen = np.concatenate(
        [_some(rest[train.labels[rest] == k], labels_each, train, k, rng) for k in range(len(train.classes))]
    )
    x, y = torch.from_numpy(np.array(train.images[np.sort(chosen)])), torch.from_numpy(train.labels[np.sort(chosen)]).to(device)
    rows, best, best_net = [], -1.0, None
    with tqdm(total=trials * epochs, desc="random search", unit=" epochs", leave=False, delay=2, disable=not progress) as bar:
        for trial in range(trials):
            setting = {
                "learning_rate": float(10 ** rng.uniform(-4, -2)),
                "weight_decay": float(10 ** rng.uniform(-6, -2)),
                "dropout": float(rng.uniform(0, 0.7)),
                "batch": int(rng.choice([32, 64, 128])),
            }
            net = Classifier(a, len(train.classes), torch.Generator().manual_seed(seed + trial))
            net.to(device, memory_format=torch.channels_last)
            _train_classifier(net, x, y, setting, epochs, rng, seed + trial, bar)
            value = float((_classify(net, Shuffled(train.images, held)) == train.labels[held]).mean())
            rows.append({**setting, "validation_accuracy": value})
            if value > best:
                best, best_net = value, net
    predictions = _classify(best_net, test.images)
    value, low, high = share(predictions == test.labels)
    seconds = time.perf_counter() - began
    return Result(value, low, high, len(predictions), 0.0, {}, seconds, predictions), rows


def _some(places: np.ndarray, count: int, train: ImageData, k: int, rng: np.random.Generator) -> np.ndarray:
    if len(places) < count:
        raise UserError(f"{train.name}: has {len(places)} images of class {train.classes[k]!r} to train on, not {count}")
    return rng.choice(places, count, replace=False)


def _train_classifier(net: Classifier, x: Tensor, y: Tensor, setting: dict, epochs: int, rng, seed: int, bar) -> None:
    device, batch = y.device, min(setting["batch"], len(x))
    adam = torch.optim.AdamW(net.parameters(), setting["learning_rate"], weight_decay=setting["weight_decay"])
    steps = epochs * (len(x) // batch)
    schedule = torch.optim.lr_scheduler.LinearLR(adam, 1.0, 0.01, steps)
    net.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # dropout
        for _ in range(epochs):
            for part in torch.from_numpy(rng.permutation(len(x))[: len(x) // batch * batch]).split(batch):
                pixels = networks.to_input(x[part].to(device), net.trunk.architecture)
                loss = F.cross_entropy(net(pixels.contiguous(memory_format=torch.channels_last), setting["dropout"]), y[part])
                adam.zero_grad()
                loss.backward()
                adam.step()
                schedule.step()
            bar.update()
    # running averages of so few steps lag behind: the whole training set's statistics instead
    batches = (networks.to_input(part.to(device), net.trunk.architecture) for part in x.split(features.BATCH))
    networks.estimate_batchnorm(net, ((part,) for part in batches))
    net.eval()


@torch.no_grad()
def _classify(net: Classifier, images) -> np.ndarray:
    device, a = net.head.weight.device, net.trunk.architecture
    parts = []
    for i in range(0, len(images), 256):
        pixels = networks.to_input(torch.from_numpy(np.array(images[i : i + 256])).to(device), a)
        parts.append(net(pixels.contiguous(memory_format=torch.channels_last)).argmax(1).cpu().numpy())
    return np.concatenate(parts)
