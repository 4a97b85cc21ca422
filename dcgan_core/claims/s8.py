from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dcgan_core import assets, devices, intervals
from dcgan_core.claims.claim import Claim, Rule, at_least, check_photographs, stays_under
from dcgan_core.data import loading
from dcgan_core.data.images import ImageData, part
from dcgan_core.data.sources import source
from dcgan_core.errors import UserError
from dcgan_core.files import read_json
from dcgan_core.intervals import Measurement
from dcgan_core.metrics import neighbours
from dcgan_core.runs import Run


def is_mnist(run: Run, fully_connected: bool = False, affine: bool = False) -> bool:
    """Is this the supplement's net on MNIST, its fully connected baseline, or the net with batchnorm's scale and bias?"""
    if run.data_name != "mnist" or run.architecture.num_classes != 10:
        return False
    return fully_connected == (not run.architecture.widths) and affine == run.architecture.norm_affine


def _digits(run: Run, small: bool) -> tuple[ImageData, ImageData]:
    """What real references are taken from, and the queries: test digits; small: digits kept back for choosing."""
    check_photographs(run)
    train, size, crop = run.info["config"]["data"], run.architecture.size, run.info["config"]["crop"]
    real = loading.load_data(train, size, crop=crop)
    if small:
        first = run.info["config"].get("first") or len(real) - 500
        return part(real, 0, first), part(real, first, first + 500)
    return real, loading.load_data(train, size, "test", crop=crop)


def nn_errors(
    run: Run, count: int, device: str = "auto", seed: int = 0, small: bool = False
) -> dict[int, tuple[np.ndarray, float]]:
    """The run's generated digits as references, up to `count`: number of them -> which test digits are read wrongly, seconds.

    What was found is kept in the cache, so that a later call goes on to a larger number. Raises UserError without the data.
    """
    device = devices.pick(device)
    _, queries = _digits(run, small)
    images, answers = np.asarray(queries.images), queries.labels
    generator = run.generator(device)
    weights = [v.cpu().numpy() for v in generator.state_dict().values()]
    name = neighbours.name_of(seed, neighbours.BLOCK, run.architecture, images, *weights)
    state = None if small else source.cache_root() / "neighbours" / f"{name}.npz"
    milestones = (*(m for m in neighbours.MILESTONES if m < count), count)
    found = neighbours.curve(
        neighbours.generated(generator, seed), images, answers, milestones, device, state, progress=not small
    )
    return {number: (wrong, seconds) for number, wrong, seconds in found}


def _nn_error(count: int, against_real: bool = False) -> Callable[[Run, str, int, bool], Measurement]:
    """Measures the error with `count` generated digits; `against_real`: beside it, how it differs from real digits' error."""

    def measure(run: Run, device: str, seed: int, small: bool) -> Measurement:
        errors = nn_errors(run, min(count, 5_000) if small else count, device, seed, small)
        last = max(errors)
        wrong, seconds = errors[last]
        details = {
            "references": last,
            "queries": "500 digits kept back for choosing" if small else "the test digits",
            "curve": {str(number): round(100 * float(w.mean()), 4) for number, (w, _) in errors.items()},
            "minutes": {str(number): round(s / 60, 2) for number, (_, s) in errors.items()},
        }
        if against_real:
            real = _real_errors(run, device, small)
            learnt_from = run.info["config"].get("first") or max(real)
            counts = {n for n in (learnt_from, max(real)) if n in real}
            details["more_than_real"] = {str(n): paired(wrong, real[n][0], seed) for n in sorted(counts)}
        return neighbours.nn_error(wrong, seconds, details)

    return measure


def paired(wrong: np.ndarray, other: np.ndarray, seed: int = 0) -> list[float]:
    """How many percentage points more of the same queries are `wrong` than `other` (N times true or false): mean, low, high."""
    more = 100 * (wrong.astype(float) - other)
    low, high = intervals.bootstrap(lambda x: float(x.mean()), more, seed=seed)
    return [round(x, 4) for x in (float(more.mean()), low, high)]


def _real_errors(run: Run, device: str, small: bool) -> dict[int, tuple[np.ndarray, float]]:
    """As `nn_errors`, with real training digits as references."""
    real, queries = _digits(run, small)
    counts = (1_000, 5_000) if small else (1_000, 10_000, 50_000, 60_000)
    blocks, images = neighbours.stored(real.images, real.labels), np.asarray(queries.images)
    return {n: (w, s) for n, w, s in neighbours.curve(blocks, images, queries.labels, counts, devices.pick(device))}


def _nn_error_real(run: Run, device: str, seed: int, small: bool) -> Measurement:
    errors = _real_errors(run, device, small)
    wrong, seconds = errors[max(errors)]
    curve = {str(number): round(100 * float(w.mean()), 4) for number, (w, _) in errors.items()}
    return neighbours.nn_error(wrong, seconds, {"references": max(errors), "curve": curve})


def _norm_affine_costs(run: Run, device: str, seed: int, small: bool) -> Measurement:
    """The same digits read with the references of two runs: this one and its neighbour without scale and bias."""
    plain = Run(run.path.parent / "mnist")
    if not is_mnist(plain):
        raise UserError(f"{plain.path}: should be the run without batchnorm's scale and bias (dcgan train mnist)")
    count = 5_000 if small else 50_000
    with intervals.timed() as seconds:
        mine, other = (nn_errors(r, count, device, seed, small)[count][0] for r in (run, plain))
        details = {"with": 100 * mine.mean(), "without": 100 * other.mean(), "references": count}
        return Measurement(*paired(mine, other, seed), len(mine), seconds(), details)


def _above_dcgan(value: float, low: float, high: float) -> bool:
    """No rule knows another run's results, so this one looks them up: the DCGAN's that ships."""
    path = assets.folder("reference_runs") / "mnist" / "results.json"
    ours = read_json(path, "measured claims").get("mnist.nn_error_50k") if path.exists() else None
    return ours is not None and low >= ours["value"]


def _mnist_claims() -> list[Claim]:
    rows = [
        ("real", "1-NN on real MNIST digits", "3.1 %", "percent", stays_under(3.1), _nn_error_real, is_mnist),
        ("50k", "1-NN fitted on 50,000 generated digits", "2.98 %", "percent", stays_under(2.98), _nn_error(50_000), is_mnist),
        (
            "1m",
            "1-NN fitted on a million generated digits errs no more than on 60,000 real ones",
            "not given",
            "percent",
            stays_under(3.09),
            _nn_error(1_000_000, against_real=True),
            is_mnist,
        ),
        (
            "10m",
            "1-NN fitted on ten million generated digits",
            "1.48 %",
            "percent",
            stays_under(1.48),
            _nn_error(10_000_000),
            is_mnist,
        ),
        (
            "fc_gan",
            "50,000 digits of a fully connected GAN teach less than the DCGAN's",
            "6.28 % (DCGAN: 2.98 %)",
            "percent",
            Rule("the interval lies at or above the value of mnist.nn_error_50k on this book's DCGAN", _above_dcgan),
            _nn_error(50_000),
            lambda run: is_mnist(run, fully_connected=True),
        ),
        (
            "affine",
            "Batchnorm with scale and bias makes the generated digits worse teachers",
            "worse (no number)",
            "percentage points more",
            at_least(0),
            _norm_affine_costs,
            lambda run: is_mnist(run, affine=True),
        ),
    ]
    return [Claim(f"mnist.nn_error_{what}", "8", *rest, on_request=what == "10m") for what, *rest in rows]


CLAIMS = _mnist_claims()
