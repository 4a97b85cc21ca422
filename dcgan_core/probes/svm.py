"""How is a linear SVM fitted? liblinear's L2-SVM, by Newton's method in few passes over the features. (Paper §5)"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dcgan_core.errors import UserError
from dcgan_core.probes import features

TOLERANCE = 1e-6  # how far from the least objective, as a share of it, by estimate
STEPS = 50  # of Newton's method, at most
BLOCK = 1024  # rows in work at a time: small enough for a CPU's cache
SAMPLE = 1024  # rows that the preconditioner is made of
SOLVERS = ("torch", "liblinear")


@dataclass
class SVM:
    """One weight vector for each class. `weights`: classes x (features + 1), float32; the last is the intercept."""

    weights: Tensor
    c: float
    converged: bool = True

    def scores(self, x: Tensor) -> Tensor:
        """x: N x features, float32 or float16, anywhere. Returns N x classes in main memory."""
        w = self.weights
        return torch.cat([_block(part, w.device) @ w[:, :-1].T + w[:, -1] for part in x.split(BLOCK)]).cpu()

    def predict(self, x: Tensor) -> np.ndarray:
        return self.scores(x).argmax(1).numpy()


def objective(x: Tensor, labels: np.ndarray, svm: SVM) -> float:
    """What the SVM minimises, summed over the classes, in double precision."""
    loss = _signs(labels, len(svm.weights)).double().mul_(svm.scores(x).double()).neg_().add_(1).clamp_min_(0).pow(2).sum()
    return float(svm.weights.cpu().double().pow(2).sum() / 2 + svm.c * loss)


def _signs(labels: np.ndarray, classes: int) -> Tensor:
    """N x classes: 1 where an image is of a class, else -1."""
    return F.one_hot(torch.from_numpy(np.asarray(labels)), classes).float() * 2 - 1


def _solves_on(device: torch.device) -> torch.device:
    """Where systems of equations are solved: MPS has no double precision, and no solver in older releases of PyTorch."""
    return torch.device("cpu") if device.type == "mps" else device


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
        _check(x, labels)
        self.device, self.classes = torch.device(device), classes
        self.x, self.signs = x, _signs(labels, classes).to(self.device)
        self.small = len(x) <= x.shape[1]
        if self.small:
            self.gram = self._gram()
            return
        few = x.shape[1] < 2 * SAMPLE
        count = min(8 * SAMPLE if few else SAMPLE, -(-len(x) // 2))
        chosen = torch.from_numpy(np.sort(np.random.default_rng(seed).choice(len(x), count, replace=False)))
        sample = F.pad(_block(x[chosen], self.device), (0, 1), value=1.0)
        self.directions: Tensor | None = None
        if few:
            self.inner = sample.T @ sample * (len(x) / len(sample))
            return
        # eigenvectors of the sample's features^T features, by way of its smaller Gram matrix
        values, vectors = torch.linalg.eigh((sample @ sample.T).cpu().double())
        kept = values > values[-1] * 1e-6
        values, vectors = values[kept], vectors[:, kept]
        self.directions = (vectors / values.sqrt()).T.float().to(self.device) @ sample  # r x D, orthonormal
        self.values = (values / len(chosen)).float().to(self.device)

    def _gram(self) -> Tensor:
        """N x N: inner products of the features with 1 appended."""
        gram = torch.ones(len(self.x), len(self.x), device=self.device)
        for part in self.x.split(4 * BLOCK, dim=1):
            block = _block(part, self.device)
            gram.addmm_(block, block.T)
        return gram

    # --- products with the features

    def _both(self, v: Tensor | None, mask: Tensor) -> tuple[Tensor, Tensor]:
        """v's scores, N x classes, and these times `mask` times the features, classes x D: one pass. Without v: the mask's."""
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
        directions = self.directions
        if directions is None:
            matrix = (2 * c * active.mean().clamp_min(0.05) * self.inner).cpu().double()
            matrix.diagonal().add_(1)
            factor = torch.linalg.cholesky(matrix).float().to(place := _solves_on(self.device))
            return lambda g: torch.cholesky_solve(g.T.to(place), factor).T.to(self.device)
        counts = active.sum(0).clamp_min(1)
        scale = 1 / (1 + 2 * c * counts[:, None] * self.values) - 1  # classes x r
        scale.clamp_min_(1e-5 - 1)  # float32 could turn the largest directions negative

        def solve(g: Tensor) -> Tensor:
            return torch.addmm(g, (g @ directions.T) * scale, directions)

        return solve

    # --- Newton

    @torch.no_grad()
    def solve(self, c: float, start: SVM | None = None, tolerance: float = TOLERANCE) -> SVM:
        """The SVM for one C. `start`: one of another C, from this solver. Raises UserError where C is too large for float32."""
        try:
            svm = self._solve_small(c, tolerance) if self.small else self._solve_large(c, start, tolerance)
        except torch.linalg.LinAlgError:  # type: ignore[attr-defined]  # documented, but not in its list of names
            svm = None
        if svm is None or not torch.isfinite(svm.weights).all():
            raise UserError(f"`grid`: C {c:g} is too large for these features in single precision; leave it out")
        return svm

    def _solve_large(self, c: float, start: SVM | None, tolerance: float) -> SVM:
        y, width = self.signs, self.x.shape[1] + 1
        if start is None:
            w, scores = torch.zeros(self.classes, width, device=self.device), torch.zeros_like(y)
        else:
            w, scores = start.weights.clone(), start.scores(self.x).to(self.device)
        precondition, made_for = None, torch.zeros(())
        for _ in range(STEPS):
            margin = (1 - y * scores).clamp_min(0)
            active = (margin > 0).float()
            gradient = w - 2 * c * self._both(None, y * margin)[1]
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
        return SVM(w, c)

    def _direction(self, c: float, gradient: Tensor, z: Tensor, active: Tensor, precondition: Callable) -> tuple:
        """The Newton step by conjugate gradients, classes x D, and its scores, N x classes."""
        step, step_scores = torch.zeros_like(gradient), torch.zeros_like(active)
        residual, direction = -gradient, -z
        rz = (gradient * z).sum(1)
        goal = 0.01 * rz  # a tenth in the norm
        for _ in range(30):
            direction_scores, back = self._both(direction, active)
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

    def _solve_small(self, c: float, tolerance: float) -> SVM:
        """With w = sum of a_i x_i, Newton's step solves (G + I / 2C) a = y among the images inside the margin, a = 0 outside.

        One inverse serves all classes: where less than half of the images are outside, their a are brought to 0 through it, a
        system of their number; otherwise the inside's own system is solved.
        """
        y = self.signs
        # float32 does where the matrix's largest and smallest eigenvalues are not too far apart
        exact = 2 * c * float(self.gram.diagonal().sum()) > 1e5
        device = _solves_on(self.device)
        gram, y = (t.to(device).to(torch.float64 if exact else torch.float32) for t in (self.gram, y))
        matrix = gram.clone()
        matrix.diagonal().add_(1 / (2 * c))
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(matrix))
        unbound = inverse @ y  # N x classes: with all images inside
        a, scores = unbound.clone(), gram @ unbound
        value = torch.full((self.classes,), torch.inf, device=device)
        for _ in range(STEPS):
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
        return SVM(torch.cat([*parts, a.sum(1, keepdim=True)], 1), c)


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
        _check(x, labels)
        need, free = 24 * x.numel(), features.available_memory()  # its float64 input and its own list of 16 bytes a value
        if need > free:
            raise UserError(
                f"`solver` liblinear: {len(x):,} images x {x.shape[1]:,} features need {need / 1e9:.0f} GB, and"
                f" {free / 1e9:.0f} GB are free; use `solver` torch"
            )
        self.x, self.labels, self.classes, self.seed = x, np.asarray(labels), classes, seed

    def solve(self, c: float, start: SVM | None = None, tolerance: float = 1e-4) -> SVM:
        """`tolerance` is liblinear's own. `start` is not used: it cannot go on from elsewhere."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.svm import LinearSVC

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
        return SVM(torch.from_numpy(weights), c, converged)


def solver(kind: str) -> type[Solver] | type[Liblinear]:
    if kind not in SOLVERS:
        raise UserError(f"`solver` {kind}: there are {' and '.join(SOLVERS)}")
    return Solver if kind == "torch" else Liblinear


def _check(x: Tensor, labels: np.ndarray) -> None:
    """Raises UserError unless the features can be fitted."""
    if len(x) != len(labels):
        raise UserError(f"{len(x)} rows of features and {len(labels)} labels; one for each image")
    if len(np.unique(labels)) < 2:
        raise UserError("all images have the same label; a probe needs at least two classes")
    for part in x.split(BLOCK):
        if not torch.isfinite(part.sum(dtype=torch.float32)) and not torch.isfinite(part).all():
            raise UserError("features that are not finite numbers; has training diverged?")
