"""Section 8, the supplement's MNIST: 1-nearest-neighbour classifiers taught by generated digits."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from dcgan_core.claims.claim import MORE, NOT_IN_PAPER, Claim, Measure, Setting, at_most, check_photographs
from dcgan_core.data.images import ImageData, part
from dcgan_core.data.sources import source
from dcgan_core.errors import UserError
from dcgan_core.intervals import Measurement
from dcgan_core.metrics import neighbours
from dcgan_core.runs import Run


def _is_mnist(run: Run, *, fully_connected: bool = False, affine: bool = False) -> bool:
    """Is this the supplement's net on MNIST, its fully connected baseline, or the net with batchnorm's scale and bias?"""
    if run.data_name != "mnist" or run.architecture.num_classes != 10:
        return False
    return fully_connected == (not run.architecture.widths) and affine == run.architecture.norm_affine


def _digits(s: Setting) -> tuple[ImageData, ImageData]:
    """What real references are taken from, and the queries: test digits; small: digits held out of training."""
    check_photographs(s.run)
    real = s.pictures("train")
    if s.small:
        first = s.run.info["config"].get("first") or len(real) - 500
        return part(real, 0, first), part(real, first, first + 500)
    return real, s.pictures("test")


def _generated(s: Setting, count: int) -> neighbours.Errors:
    """With up to `count` generated digits as references. Kept in the cache, so that a later call goes on to a larger number."""
    queries = _digits(s)[1]
    kept = None if s.small else source.cache_root() / "neighbours"
    how: dict[str, Any] = {"seed": s.seed, "kept": kept, "progress": not s.small}
    return neighbours.generated_errors(s.generator(), np.asarray(queries.images), queries.known_labels, count, **how)


def _real(s: Setting) -> neighbours.Errors:
    """With real training digits as references."""
    real, queries = _digits(s)
    blocks, images = neighbours.stored(real.images, real.known_labels), np.asarray(queries.images)
    counts = (1_000, 5_000) if s.small else (1_000, 10_000, 50_000, 60_000)
    found = neighbours.curve(blocks, images, queries.known_labels, milestones=counts, device=s.place)
    return {n: (wrong, seconds) for n, wrong, seconds in found}


def _nn_error(count: int, *, against_real: bool = False) -> Measure:
    """The error with `count` generated digits; `against_real`: beside it, how it differs from real digits' error."""

    def measure(s: Setting) -> Measurement:
        errors = _generated(s, min(count, 5_000) if s.small else count)
        last = max(errors)
        wrong, seconds = errors[last]
        details: dict[str, Any] = {
            "references": last,
            "queries": "500 digits of the validation set" if s.small else "the test digits",
            "curve": neighbours.percent(errors),
            "minutes": {str(number): round(s / 60, 2) for number, (_, s) in errors.items()},
        }
        if against_real:
            real = _real(s)
            learnt_from = s.run.info["config"].get("first") or max(real)
            counts = sorted({n for n in (learnt_from, max(real)) if n in real})
            details["more_than_real"] = {str(n): neighbours.paired(wrong, real[n][0], s.seed) for n in counts}
        return neighbours.nn_error(wrong, seconds, details)

    return measure


def _nn_error_real(s: Setting) -> Measurement:
    errors = _real(s)
    details = {"references": max(errors), "curve": neighbours.percent(errors)}
    return neighbours.nn_error(*errors[max(errors)], details)


def _more_than_real(s: Setting) -> Measurement:
    """The same digits read with generated references and with as many real ones, those that the net learnt from."""
    real = _real(s)
    count = max(n for n in real if n <= (s.run.info["config"].get("first") or max(real)))
    mine, theirs = _generated(s, count)[count][0], real[count][0]
    details = {"generated": 100 * mine.mean(), "real": 100 * theirs.mean(), "references": count}
    details["disagree"] = 100 * float((mine != theirs).mean())
    more, low, high = neighbours.paired(mine, theirs, s.seed)
    return Measurement(more, low, high, len(mine), details=details)


def _more_than_mnist(s: Setting) -> Measurement:
    """The same digits read with the references of two runs: this one, and the supplement's own net, trained alike beside it.

    It is called `mnist`, or has this run's architecture but for batchnorm's scale and bias (`mnist-affine`'s is `mnist-first`).
    """
    seen, beside, wanted = s.run.trained["images"], s.run.path.parent, replace(s.run.architecture, norm_affine=False)
    found = (Run(path.parent) for path in sorted(beside.glob("mnist*/run.json")))
    fitting = (r for r in found if _is_mnist(r) and r.has_net("generator") and r.trained["images"] == seen)
    plain = next((r for r in fitting if r.name == "mnist" or r.architecture == wanted), None)
    if plain is None:
        how = f"dcgan train mnist --images {seen} --decay-images {s.run.info['config'].get('decay_images', 0)}"
        raise UserError(f"{beside / 'mnist'}: should be the supplement's net, trained alike ({how})")
    count = 5_000 if s.small else 50_000
    mine, other = (_generated(setting, count)[count][0] for setting in (s, replace(s, run=plain)))
    details = {"here": 100 * mine.mean(), "mnist": 100 * other.mean(), "references": count, "beside": plain.name}
    more, low, high = neighbours.paired(mine, other, s.seed)
    return Measurement(more, low, high, len(mine), details=details)


_NUMBERS = (
    ("real", "1-NN on real MNIST digits", "3.1 %", _nn_error_real),
    ("50k", "1-NN fitted on 50,000 generated digits", "2.98 %", _nn_error(50_000)),
    ("1m", "1-NN fitted on a million generated digits", NOT_IN_PAPER, _nn_error(1_000_000, against_real=True)),
    ("fc_gan", "1-NN fitted on 50,000 digits of a fully connected GAN", "6.28 %", _nn_error(50_000)),
)
_MORE, _WORSE = "percentage points more error", "worse (no number)"
_AFFINE = "Batchnorm with scale and bias makes the generated digits worse teachers"
CLAIMS = [
    Claim(
        "mnist.as_good_as_real",
        "8",
        "50,000 generated digits teach a 1-NN as well as 50,000 training digits",
        "the same: 2.98 % and 3.1 %",
        _MORE,
        at_most(0.4),  # a replica, 0.3 better than as many real digits, passes 95 times of 100 where 3.8 % are read differently
        _more_than_real,
        _is_mnist,
    ),
    Claim(
        "mnist.nn_error_10m",
        "8",
        "Ten million generated digits teach better than InfiMNIST's (2.6 %)",
        "1.48 %",
        "percent",
        at_most(2.6),
        _nn_error(10_000_000),
        _is_mnist,
        on_request=True,
    ),
    Claim(
        "mnist.above_fc_gan",
        "8",
        "50,000 digits of a fully connected GAN teach a 1-NN less well than the DCGAN's",
        "6.28 % against 2.98 %",
        _MORE,
        MORE,
        _more_than_mnist,
        partial(_is_mnist, fully_connected=True),
        setting=lambda result: "another baseline: no batchnorm in D",  # the paper's had batchnorm; it does not say where
    ),
    Claim("mnist.nn_error_affine", "8", _AFFINE, _WORSE, _MORE, MORE, _more_than_mnist, partial(_is_mnist, affine=True)),
    Claim("mnist.nn_error_affine_gan", "8", f"{_AFFINE}: the baseline GAN's", _WORSE, _MORE, None, fits=lambda run: False),
    *(
        Claim(
            f"mnist.nn_error_{i}",
            "8",
            says,
            paper,
            "percent",
            None,
            measure,
            partial(_is_mnist, fully_connected=i == "fc_gan"),
            kind="comparison",
            of_weights=i != "real",
        )
        for i, says, paper, measure in _NUMBERS
    ),
]
