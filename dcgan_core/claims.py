"""The ledger: the paper's claims, each with the rule that decides it, beside what was measured.

`measure` computes claims at full size and writes `results.json` beside the run; it is the only writer. `ledger` reads the
results of all reference runs. A claim that nothing has measured says so.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from dcgan_core import ablations, authors, datasets, dedup, devices, evaluation, judges, neighbours, scenes
from dcgan_core.configs import did_you_mean
from dcgan_core.errors import UserError
from dcgan_core.evaluation import Measurement
from dcgan_core.files import read_json, write_json
from dcgan_core.plots import Table
from dcgan_core.runs import Run, reference_runs

BUILD = Path(__file__).resolve().parent.parent / "_build"


@dataclass(frozen=True)
class Rule:
    """When a claim holds, said in words and computed. It is fixed before anything is measured."""

    text: str
    holds: Callable[[float, float, float], bool]  # (value, low, high)


def at_least(bound: float) -> Rule:
    """The whole interval lies at or above the bound."""
    return Rule(f"the interval lies at or above {bound:g}", lambda value, low, high: low >= bound)


def at_most(bound: float) -> Rule:
    return Rule(f"the interval lies at or below {bound:g}", lambda value, low, high: high <= bound)


def between(lowest: float, highest: float) -> Rule:
    """For what should make no difference: the whole interval lies there."""
    return Rule(f"the interval lies between {lowest:g} and {highest:g}", lambda v, low, high: lowest <= low and high <= highest)


def reaches(score: float) -> Rule:
    """For the paper's scores, where more is better."""
    return Rule(f"the value is {score:g} or more", lambda value, low, high: value >= score)


def stays_under(error: float) -> Rule:
    """For the paper's error rates."""
    return Rule(f"the value is {error:g} or less", lambda value, low, high: value <= error)


@dataclass(frozen=True)
class Claim:
    """One claim of the paper, or of this book about the authors' code."""

    id: str
    section: str
    statement: str
    paper: str  # the paper's value, or what it says in place of one
    unit: str
    rule: Rule
    measure: Callable[[Run, str, int, bool], Measurement] | None = None  # (run, device, seed, small)
    fits: Callable[[Run], bool] = lambda run: True  # can it be measured on this run?
    instead: Callable[[Run], str] = lambda run: ""  # what stands in for the paper's data, if anything does
    on_request: bool = False  # takes hours, so that it is measured only when named


# --- how each is measured ---------------------------------------------------------------------------------------------


def _walk_smoothness(run: Run, device: str, seed: int, small: bool) -> Measurement:
    return evaluation.walk_smoothness(run.generator(devices.pick(device)), pairs=40 if small else 1000, seed=seed)


def _memorisation(metric: Callable[..., Measurement]) -> Callable[[Run, str, int, bool], Measurement]:
    """Measures with training and held-out photographs, which must be those of the run."""

    def measure(run: Run, device: str, seed: int, small: bool) -> Measurement:
        _check_photographs(run)
        size, crop = run.architecture.size, run.info["config"]["crop"]
        train, held_out = (datasets.load(run.info["config"]["data"], size, s, crop).images for s in datasets.SPLITS)
        if small:
            train, held_out = train[:4000], held_out[:200]
        return metric(run.generator(devices.pick(device)), train, held_out, 400 if small else 5000, seed)

    return measure


def _dedup(method: str, what: str) -> Callable[[Run, str, int, bool], Measurement]:
    """Precision or recall on the run's photographs, with copies planted among them."""

    def measure(run: Run, device: str, seed: int, small: bool) -> Measurement:
        _check_photographs(run)
        config, fingerprint = run.info["config"], run.info["data"]["fingerprint"]
        return _planted(config["data"], run.architecture.size, config["crop"], fingerprint, method, device, seed, small)[what]

    return measure


@cache  # precision and recall come from one autoencoder
def _planted(
    data: str, size: int, crop: datasets.Crop, fingerprint: str, method: str, device: str, seed: int, small: bool
) -> dict[str, Measurement]:
    train, held_out = (datasets.load(data, size, s, crop).images for s in datasets.SPLITS)
    if small:
        train, held_out = train[:4000], held_out[:200]
    count, steps = (400, 300) if small else (2000, dedup.STEPS)
    return dedup.planted(train, count, method, seed, devices.pick(device), steps, held_out)


def _detector_recall(run: Run, device: str, seed: int, small: bool) -> Measurement:
    """On photographs that are held out: the cascade and its settings were chosen on the others."""
    if not has_photographs(run):
        raise UserError(f"{run.path}: the pictures that it was trained on ({run.data_name}) are not here")
    size, crop = run.architecture.size, run.info["config"]["crop"]
    photographs = datasets.load(run.info["config"]["data"], size, "test", crop).images
    return evaluation.detector_recall(photographs[: 100 if small else None], seed)


def has_photographs(run: Run) -> bool:
    """Are the pictures at hand that the run was trained on? (Another set of the same name does not count.)"""
    config = run.info["config"]
    if not datasets.find(config["data"]):
        return False
    found = datasets.load(config["data"], run.architecture.size, crop=config["crop"], download=False)
    return found.provenance["fingerprint"] == run.info["data"]["fingerprint"]


def _check_photographs(run: Run) -> None:
    if not has_photographs(run):
        raise UserError(f"{run.path}: the pictures that it was trained on ({run.data_name}) are not here")


def _authors_max_abs_diff(run: Run, device: str, seed: int, small: bool) -> Measurement:
    return authors.max_abs_diff(run, images=authors.BATCH if small else 1024, seed=seed)


def _judge_accuracy(factor: str) -> Callable[[Run, str, int, bool], Measurement]:
    def measure(run: Run, device: str, seed: int, small: bool) -> Measurement:
        judge = judges.load(run.data_name, size=run.architecture.size, device=devices.pick(device))
        return judges.accuracy(judge, factor, 500 if small else 4000)

    return measure


def _coverage(run: Run, device: str, seed: int, small: bool) -> Measurement:
    device = devices.pick(device)
    judge = judges.load(run.data_name, size=run.architecture.size, device=device)
    count = 600 if small else 10_000
    data = scenes.draw(run.data_name, count, run.architecture.size, judges.HELD_OUT_SEED)
    samples = evaluation.draw_samples(run.generator(device), count, seed)
    return judges.coverage(judge, data.images, samples, seed)


def _scene_claims(name: str) -> list[Claim]:
    """The judge's accuracy on each thing it reads in a drawn set, and what a generator trained on the set covers."""

    def fits(run: Run) -> bool:
        return run.data_name == name

    read = [*scenes.yes_no(name), *({"pose", "class"} & set(scenes.FACTORS[name]))]
    rows = [
        Claim(
            f"scenes.judge_accuracy.{name}.{factor}",
            "book",
            f"A small classifier reads {factor.replace('_', ' ')} off {name.replace('-', ' ')} that it has not seen",
            NOT_IN_PAPER,
            "share of variance (R²)" if factor == "pose" else "share of right answers",
            at_least(0.95),
            _judge_accuracy(factor),
            fits,
        )
        for factor in read
        if factor != "mirrored"
    ]
    statement = f"Samples show what {name.replace('-', ' ')} show, as often and in the same combinations"
    return rows + [Claim(f"scenes.coverage.{name}", "book", statement, NOT_IN_PAPER, "overlap", at_least(0.7), _coverage, fits)]


def _ablation_claims() -> list[Claim]:
    """What each guideline is good for; and that three of this book's deviations do no harm. `dcgan ablate` measures them."""
    guidelines = (
        ("strides", "3", "Strided convolutions serve better than pooling and upsampling", "replace pooling"),
        ("batchnorm", "3", "Batchnorm serves better than none", "use in both nets"),
        ("batchnorm_everywhere", "3", "Batchnorm is left out at G's output and D's first layer", "oscillation, instability"),
        ("fully_connected", "3", "No fully connected hidden layer is better than one", "remove"),
        ("activations", "3", "LeakyReLU serves D better than other activations", "use LeakyReLU"),
        ("beta1", "4", "beta1 = 0.5 is better than 0.9", "0.9: oscillation, instability"),
        ("lr", "4", "A learning rate of 0.0002 is better than 0.001", "0.001 is too high"),
    )
    deviations = (
        ("kernel", "3", "Kernel 5, as the authors', draws no better and no worse than this book's 4", "not given (code: 5)"),
        ("updates", "4", "One net a batch, as the authors', is no better and no worse than both", "not given (code: one)"),
        ("sampling_statistics", "3", "Sampling with the batch's statistics is no better or worse", "not given (code: yes)"),
    )
    unit = "times the Fréchet distance"
    return [
        Claim(f"ablation.{name}", section, statement, paper, unit, rule, instead=lambda run: ablations.INSTEAD)
        for rows, rule in ((guidelines, at_least(1.0)), (deviations, between(0.8, 1.25)))
        for name, section, statement, paper in rows
    ]


def is_mnist(run: Run, fully_connected: bool = False, affine: bool = False) -> bool:
    """Is this the supplement's net on MNIST, its fully connected baseline, or the net with batchnorm's scale and bias?"""
    if run.data_name != "mnist" or run.architecture.num_classes != 10:
        return False
    return fully_connected == (not run.architecture.widths) and affine == run.architecture.norm_affine


def _digits(run: Run, small: bool) -> tuple[datasets.ImageData, datasets.ImageData]:
    """What real references are taken from, and the queries: test digits; small: digits kept back for choosing."""
    _check_photographs(run)
    train, size, crop = run.info["config"]["data"], run.architecture.size, run.info["config"]["crop"]
    real = datasets.load(train, size, crop=crop)
    if small:
        first = run.info["config"].get("first") or len(real) - 500
        return datasets.part(real, 0, first), datasets.part(real, first, first + 500)
    return real, datasets.load(train, size, "test", crop)


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
    state = None if small else datasets.cache_root() / "neighbours" / f"{name}.npz"
    milestones = (*(m for m in neighbours.MILESTONES if m < count), count)
    found = neighbours.curve(
        neighbours.generated(generator, seed), images, answers, milestones, device, state, progress=not small
    )
    return {number: (wrong, seconds) for number, wrong, seconds in found}


def _nn_error(count: int) -> Callable[[Run, str, int, bool], Measurement]:
    def measure(run: Run, device: str, seed: int, small: bool) -> Measurement:
        errors = nn_errors(run, min(count, 5_000) if small else count, device, seed, small)
        last = max(errors)
        details = {
            "references": last,
            "queries": "500 digits kept back for choosing" if small else "the test digits",
            "curve": {str(number): round(100 * float(wrong.mean()), 4) for number, (wrong, _) in errors.items()},
            "minutes": {str(number): round(seconds / 60, 2) for number, (_, seconds) in errors.items()},
        }
        wrong, seconds = errors[last]
        return neighbours.error(wrong, seconds, details)

    return measure


def _nn_error_real(run: Run, device: str, seed: int, small: bool) -> Measurement:
    real, queries = _digits(run, small)
    counts = (1_000, 5_000) if small else (1_000, 10_000, 50_000, 60_000)
    blocks = neighbours.stored(real.images, real.labels)
    images = np.asarray(queries.images)
    errors = {n: (w, s) for n, w, s in neighbours.curve(blocks, images, queries.labels, counts, devices.pick(device))}
    wrong, seconds = errors[max(errors)]
    curve = {str(number): round(100 * float(w.mean()), 4) for number, (w, _) in errors.items()}
    return neighbours.error(wrong, seconds, {"references": max(errors), "curve": curve})


def _norm_affine_costs(run: Run, device: str, seed: int, small: bool) -> Measurement:
    """The same digits read with the references of two runs: this one and its neighbour without scale and bias."""
    plain = Run(run.path.parent / "mnist")
    if not is_mnist(plain):
        raise UserError(f"{plain.path}: should be the run without batchnorm's scale and bias (dcgan train mnist)")
    count = 5_000 if small else 50_000
    with evaluation.timed() as seconds:
        mine, other = (nn_errors(r, count, device, seed, small)[count][0].astype(float) for r in (run, plain))
        low, high = evaluation.bootstrap(lambda x: float(100 * x.mean()), mine - other, seed=seed)
        details = {"with": 100 * mine.mean(), "without": 100 * other.mean(), "references": count}
        return Measurement(float(100 * (mine - other).mean()), low, high, len(mine), seconds(), details)


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
            _nn_error(1_000_000),
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
            at_least(2.98),
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


NOT_IN_PAPER = "not in the paper"
CELEBA = "photographs of faces (CelebA) instead of LSUN bedrooms"


def _instead_of_lsun(run: Run) -> str:
    return {"lsun": "", "faces": CELEBA}.get(run.data_name, f"{run.data_name} instead of LSUN bedrooms")


CLAIMS = [
    Claim(
        "authors.max_abs_diff",
        "3",
        "The generator that the authors released runs in our nets: it draws what its arrays define, computed apart with NumPy",
        "exact",
        "largest difference, pixels from -1 to 1",
        at_most(1e-5),
        _authors_max_abs_diff,
        lambda run: run.info.get("authors", {}).get("model") == authors.SVHN.folder,
    ),
    Claim(
        "memorisation.faces",
        "4.1",
        "Samples are not copies of training images: they are no nearer to them than unseen photographs are",
        "no memorisation (argued)",
        "ratio of distances",
        at_least(0.9),
        _memorisation(evaluation.memorisation),
        lambda run: run.data_name == "faces",
        _instead_of_lsun,
    ),
    Claim(
        "memorisation.faces.seen",
        "4.1",
        "The net comes no closer to the photographs it was trained on than to others",
        "no memorisation (argued)",
        "ratio of distances",
        at_least(0.95),
        _memorisation(evaluation.memorisation_seen),
        lambda run: run.data_name == "faces",
        _instead_of_lsun,
    ),
    *(
        Claim(
            f"dedup.{what}{suffix}",
            "4.1.1",
            statement,
            paper if method == "autoencoder" else "not given",
            unit,
            at_least(bound),
            _dedup(method, what),
            lambda run: run.data_name in ("faces", "rooms"),
            _instead_of_lsun,
        )
        for method, finds in (
            ("autoencoder", "The autoencoder's hash finds"),
            ("exact", "For comparison: equal bytes find"),
            ("average_hash", "For comparison: an average hash finds"),
        )
        for suffix in ["" if method == "autoencoder" else f".{method}"]
        for what, statement, paper, unit, bound in (
            ("precision", f"{finds} near duplicates with few false positives", "> 0.99", "share of found pairs", 0.99),
            ("recall", f"{finds} at least half of the planted near duplicates", "not given", "share of planted pairs", 0.5),
        )
    ),
    Claim(
        "walk.smoothness",
        "6.1",
        "Walking through z, images change smoothly, without jumps",
        "smooth (by eye)",
        "share of the way, largest of 16 steps",
        at_most(0.5),
        _walk_smoothness,
        lambda run: not run.architecture.num_classes,
        _instead_of_lsun,
    ),
    *(c for name in scenes.NAMES for c in _scene_claims(name)),
    *_ablation_claims(),
    Claim(
        "instability.detected",
        "7",
        "Instability, which the paper met as well, is reported while it happens",
        "one oscillating mode, sometimes",
        "share of provoked collapses that training reports",
        at_least(0.9),
    ),
    Claim(
        "faces.detector_recall",
        "4.2",
        "OpenCV's face detector finds the faces in photographs",
        "not given",
        "share of faces",
        at_least(0.5),
        _detector_recall,
        lambda run: run.data_name == "faces",
        lambda run: "aligned faces (CelebA) pasted into textured canvases instead of photographs from the web",
    ),
    # Below: claims of the paper that no part of this book measures yet.
    Claim(
        "memorisation.rooms",
        "4.1",
        "Samples of rooms are not copies of training images",
        "none (argued)",
        "multiple",
        at_least(0.9),
    ),
    Claim(
        "cifar10.accuracy",
        "5.1",
        "D's features, trained without CIFAR-10, and an L2-SVM classify it",
        "82.8 %",
        "percent",
        reaches(82.8),
    ),
    Claim("cifar10.accuracy_400", "5.1", "The same with 400 labels a class", "73.8 %", "percent", reaches(73.8)),
    Claim(
        "svhn.error_1000", "5.2", "D's features and an L2-SVM, 1000 labels of SVHN", "22.48 %", "percent", stays_under(22.48)
    ),
    Claim(
        "saliency.inside_mask",
        "6.2",
        "D's features respond to parts of the scene; a random D's do not",
        "by eye",
        "share of saliency inside the object",
        at_least(0.5),
    ),
    Claim(
        "forgetting.windows_gone",
        "6.3.1",
        "Dropping the feature maps that draw windows removes most windows",
        "most (by eye)",
        "share of windows",
        at_least(0.5),
    ),
    Claim(
        "forgetting.others_kept",
        "6.3.1",
        "…and keeps the rest of the scene similar",
        "similar (by eye)",
        "share of other objects",
        at_least(0.9),
    ),
    Claim(
        "arithmetic.faces_smile.success",
        "6.3.2",
        "smiling woman - neutral woman + neutral man = smiling man",
        "by eye",
        "share of trials",
        at_least(0.5),
    ),
    Claim(
        "arithmetic.faces_glasses.success",
        "6.3.2",
        "man with glasses - man + woman = woman with glasses",
        "by eye",
        "share of trials",
        at_least(0.5),
    ),
    Claim(
        "turn.monotone",
        "6.3.2",
        "A turn vector from four and four faces turns others",
        "by eye",
        "share of trials",
        at_least(0.5),
    ),
    *_mnist_claims(),
]


def claim(claim_id: str) -> Claim:
    for c in CLAIMS:
        if c.id == claim_id:
            return c
    raise UserError(f"no claim is called {claim_id!r}{did_you_mean(claim_id, [c.id for c in CLAIMS])}")


# --- measuring --------------------------------------------------------------------------------------------------------


def measure(run: Run, ids: list[str], device: str = "auto", seed: int = 0) -> list[dict]:
    """Measures the claims `ids` on a run at full size, writes its results.json; returns their rows. None: all that fit, but
    those that take hours."""
    chosen = [claim(i) for i in ids] or [c for c in CLAIMS if c.measure and c.fits(run) and not c.on_request]
    for c in chosen:
        if not c.measure:
            ablated = c.id.startswith(("ablation.", "instability."))
            raise UserError(f"{c.id}: " + ("dcgan ablate measures it" if ablated else "nothing in this version measures it"))
        if not c.fits(run):
            raise UserError(f"{c.id}: cannot be measured on {run.name} ({run.data_name})")
    rows = []
    for c in chosen:
        results = _results(run)
        results[c.id] = result(c, run, device, seed)
        write_json(run.path / "results.json", results)
        rows.append(_row(c, results[c.id]))
    return rows


def result(c: Claim, run: Run, device: str = "auto", seed: int = 0, small: bool = False) -> dict:
    """One claim measured on one run, as results.json has it. `small`: in seconds, before a reader's eyes."""
    m = c.measure(run, device, seed, small)
    return {
        **{key: float(f"{getattr(m, key):.6g}") for key in ("value", "low", "high")},
        "n": m.n,
        "seconds": round(m.seconds, 1),
        "run": run.name,
        "data": run.data_name,
        "stand_in": bool(c.instead(run)),
        "instead": c.instead(run),
        "seed": seed,
        "date": datetime.date.today().isoformat(),
        "details": m.details,
    }


def _results(run: Run) -> dict:
    path = run.path / "results.json"
    return read_json(path, "measured claims") if path.exists() else {}


# --- reading ----------------------------------------------------------------------------------------------------------


def ledger() -> list[dict]:
    """Every claim with every result of the reference runs and the ablations: one primary row for each id, measured or not."""
    measured = [(claim_id, r) for run in reference_runs() for claim_id, r in _results(run).items()]
    measured += [(r["claim"], r) for r in ablations.shipped()["rows"]]
    rows = []
    for c in CLAIMS:
        mine = sorted((r for claim_id, r in measured if claim_id == c.id), key=_first)
        rows += [_row(c, r, primary=i == 0) for i, r in enumerate(mine)] or [_row(c, None)]
    return sorted(rows, key=lambda row: [int(part) if part.isdigit() else 99 for part in row["section"].split(".")])


def _first(r: dict) -> tuple:
    """The paper's own kind of data before stand-ins, photographs before drawings."""
    return r["stand_in"], r.get("data") in scenes.NAMES, r["run"]


def shipped(claim_id: str, run: Run) -> dict:
    """What results.json beside the run says of a claim, `details` included. Raises UserError where it was not measured."""
    results = _results(run)
    if claim_id not in results:
        raise UserError(f"{claim_id}: not measured on {run.name}; measure it with: dcgan measure {run.path} {claim_id}")
    return results[claim_id]


def _row(c: Claim, r: dict | None, primary: bool = True) -> dict[str, Any]:
    r = r or {}
    return {
        "id": c.id,
        "section": c.section,
        "statement": c.statement,
        "paper": c.paper,
        **{key: r.get(key) for key in ("value", "low", "high")},
        "unit": c.unit,
        **{key: r.get(key) for key in ("n", "run", "data", "stand_in", "instead")},
        "primary": primary,
        "rule": c.rule.text,
        "verdict": verdict(c, r),
        **{key: r.get(key) for key in ("seconds", "seed", "date", "details")},
    }


def verdict(c: Claim, r: dict | None) -> str:
    """`holds`, `holds on a stand-in`, `differs` or `not measured`."""
    if not r:
        return "not measured"
    if not c.rule.holds(r["value"], r["low"], r["high"]):
        return "differs"
    return "holds on a stand-in" if r["stand_in"] else "holds"


def number(row: dict) -> str:
    """The value with its interval where it has one, or `not measured`."""
    if row["value"] is None:
        return "not measured"
    if row["low"] == row["high"]:  # a maximum over all cases, not an estimate
        return f"{row['value']:.3g}"
    return f"{row['value']:.3g} ({row['low']:.3g} to {row['high']:.3g})"


def line(row: dict) -> str:
    """A row for the terminal."""
    measured = "" if row["value"] is None else f"{number(row)}, n = {row['n']}, {row['run']}"
    return f"{row['id']:46} §{row['section']:6} paper: {row['paper']:26} {row['verdict']:20} {measured}".rstrip()


# --- showing ----------------------------------------------------------------------------------------------------------


def checklist(rows: list[dict]) -> Table:
    """The claims in short: what the paper says, and the verdict."""
    return Table(["§", "claim", "the paper", "here"], [[r["section"], r["statement"], r["paper"], r["verdict"]] for r in rows])


def scoreboard(rows: list[dict]) -> Table:
    """The claims in full, with what was measured on what."""

    def measured(r: dict) -> str:
        if r["value"] is None:
            return number(r)
        return f"{number(r)} {r['unit']}; n = {r['n']:,}; run {r['run']}" + (f": {r['instead']}" if r["stand_in"] else "")

    header = ["claim", "§", "the paper", "measured here (95 % interval)", "verdict"]
    return Table(header, [[r["id"], r["section"], r["paper"], measured(r), r["verdict"]] for r in rows])


def demonstrate(claim_id: str, run: Run, device: str = "auto", seed: int = 0) -> Table:
    """Measures a claim small, in seconds, and shows it above the shipped full-size result. Writes _build/small/<claim>.json."""
    c = claim(claim_id)
    small = result(c, run, device, seed, small=True)
    folder = BUILD / "small"
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / f"{claim_id}.json", small)
    rows = [("small, in this chapter", _row(c, small)), ("full size, `dcgan measure`", _row(c, _results(run).get(claim_id)))]
    return Table(
        ["measured", "value (95 % interval)", "n", "seconds", "verdict"],
        [[name, number(r), str(r["n"] or ""), str(r["seconds"] or ""), r["verdict"]] for name, r in rows],
    )
