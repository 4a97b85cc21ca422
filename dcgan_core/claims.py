"""The ledger: the paper's claims, each with the rule that decides it, beside what was measured.

`measure` computes claims at full size and writes `results.json` beside the run; it is the only writer. `ledger` reads the
results of all reference runs. A claim that nothing has measured says so.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from dcgan_core import authors, datasets, dedup, devices, evaluation, features, judges, networks, probes, scenes
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
    needs: str = ""  # a data set without which it is only measured when asked for by its id


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


# --- the probes of §5

CIFAR10_GRID = (1e-5, 2e-5, 5e-5, *probes.GRID, 2e-2, 5e-2)  # wider than the authors' for SVHN: the features differ in number


@lru_cache(maxsize=1)  # both protocols use the same features, and two sets of them would not fit in memory
def _task(path: Path, dataset: str, kind: str, layers: tuple[int, ...], device: str, seed: int, small: bool) -> probes.Task:
    few = {"images": 2000, "test_images": 1000} if small else {}
    centroids = 100 if small else 1600
    picked = devices.pick(device)
    how = {"grey_as_colour": dataset == "mnist", "centroids": centroids, "precision": features.fast_precision(picked)}
    return probes.task(Run(path), dataset, kind, layers, picked, seed, **how, **few)


def _percent(task: probes.Task, result: probes.Result, error: bool, details: dict) -> Measurement:
    """A probe's accuracy, or its error, in percent."""
    value, low, high = (100 * x for x in (result.accuracy, result.low, result.high))
    if error:
        value, low, high = 100 - value, 100 - high, 100 - low
    found = probes.report(task, result)
    kept = ("features", "count", "layers", "train", "held_off", "test", "c", "validation", "messages", "classes", "confusion")
    precision = features.fast_precision(task.features.device)
    details = {key: found[key] for key in kept} | {"seconds": found["seconds"], "precision": precision, **details}
    if result.draws:
        details |= {"draws": [round(100 * x, 2) for x in result.draws], "spread": round(100 * result.spread, 2)}
    return Measurement(value, low, high, result.n, task.seconds + result.seconds, details)


def _all_labels(dataset: str, kind: str, layers: tuple[int, ...] = ()) -> Callable[[Run, str, int, bool], Measurement]:
    """Accuracy with all labels; for a trained net, `details` has each layer's own and the surest mistakes."""

    def measure(run: Run, device: str, seed: int, small: bool) -> Measurement:
        task = _task(run.path, dataset, kind, layers, device, seed, small)
        picked = devices.pick(device)
        result = probes.full(task, CIFAR10_GRID, device=picked, seed=seed)
        details: dict = {"mistakes": probes.mistakes(task, result)}
        if kind == "trained":
            parts = {
                name: probes.full(task.only(part), CIFAR10_GRID, device=picked) for name, part in task.features.columns.items()
            }
            details["each_layer"] = {name: round(100 * r.accuracy, 2) for name, r in parts.items()}
        return _percent(task, result, False, details)

    return measure


def _few_labels(
    dataset: str, kind: str, each: int, draws: int, error: bool = False, layers: tuple[int, ...] = ()
) -> Callable[[Run, str, int, bool], Measurement]:
    """Accuracy, or error, with `each` labels a class, mean over draws; for a trained net also with fewer."""

    def measure(run: Run, device: str, seed: int, small: bool) -> Measurement:
        task = _task(run.path, dataset, kind, layers, device, seed, small)
        picked = devices.pick(device)
        # ten draws choose C where the authors' script has ten; a few do where every draw takes seconds
        settings: dict = {"device": picked, "seed": seed, "choosing": 2 if small else 10 if draws == 100 else 3}
        if dataset == "cifar10":  # whose protocol the paper leaves open
            settings |= {"grid": CIFAR10_GRID, "patience": 3}
        result = probes.per_class(task, min(each, 100) if small else each, 3 if small else draws, **settings)
        details: dict = {"labels_each": each, "protocol": f"C by {settings['choosing']} draws on held-off images"}
        if kind == "trained" and not small:
            details["curve"] = {}
            for fewer in (n for n in (10, 25, 50, 100, 200, 400) if n < each):
                r = probes.per_class(task, fewer, 10, **settings | {"choosing": 3})
                details["curve"][str(fewer)] = [round(100 * x, 2) for x in (r.accuracy, r.low, r.high)]
            details["curve"][str(each)] = [round(100 * x, 2) for x in (result.accuracy, result.low, result.high)]
        return _percent(task, result, error, details)

    return measure


def _supervised_error(dataset: str) -> Callable[[Run, str, int, bool], Measurement]:
    def measure(run: Run, device: str, seed: int, small: bool) -> Measurement:
        train, test = probes.load(dataset, run.architecture, grey_as_colour=dataset == "mnist")
        search = {"trials": 2, "epochs": 3} if small else {}
        result, trials = probes.supervised(train, test, run.architecture, device=devices.pick(device), seed=seed, **search)
        details = {"labels_each": 100, "trials": trials}
        low, high = 100 - 100 * result.high, 100 - 100 * result.low
        return Measurement(100 - 100 * result.accuracy, low, high, result.n, result.seconds, details)

    return measure


def _solver_speedup(run: Run, device: str, seed: int, small: bool) -> Measurement:
    """On the 7,168 features of an untrained small32. The time of setting up counts for both."""
    a, picked = networks.ARCHITECTURES["small32"], devices.pick(device)
    train, test = probes.load("cifar10", a)
    net = networks.build(a, seed)[1].to(picked)

    def make(rest: probes.Shuffled) -> features.Features:
        precision = features.fast_precision(picked)
        features.estimate_statistics(net, rest, seed, precision=precision)
        return features.of_discriminator(net, precision=precision)

    task = probes.prepare(train, test, make, seed, *(2000, 1000) if small else ())
    found = probes.speedup(task, device=picked, seed=seed)
    value = found["liblinear"]["seconds"] / found["torch"]["seconds"]
    return Measurement(value, value, value, found["images"], found["liblinear"]["seconds"] + found["torch"]["seconds"], found)


def _is_imagenet(run: Run) -> bool:
    return run.data_name in ("imagenet32", "imagenet")


def _is_ours(run: Run) -> bool:
    return _is_imagenet(run) and "authors" not in run.info


def _is_authors_imagenet(run: Run) -> bool:
    return run.info.get("authors", {}).get("model") == authors.IMAGENET.folder


def _instead_of_imagenet(run: Run) -> str:
    if run.data_name == "imagenet":
        return ""
    count = f"{run.info['data'].get('images', 0):,}"
    names = {"imagenet32": f"{count} pictures of Tiny-ImageNet", "cifar10": "CIFAR-10's own images"}
    return f"{names.get(run.data_name, run.data_name)} instead of Imagenet-1k"


def _nothing(run: Run) -> str:
    return ""


def _cifar10_claims() -> list[Claim]:
    """The paper's two numbers, and what to compare them with: (accuracy with all labels, with 400 a class)."""
    do = "an L2-SVM classify CIFAR-10"
    paper = ((82.8, 73.8), reaches)
    rows = [
        ("", f"D's features, trained without CIFAR-10, and {do}", "trained", paper, _is_ours, ("82.8 %", "73.8 %")),
        (".own_images", "The same, D trained on CIFAR-10's own images (no labels)", "trained", paper, "cifar10", None),
        (".authors4", "The same, the first four of six layers of the authors' own D", "trained", paper, "authors", None),
        (".random", "For comparison, at most that: the same D untrained", "random", ((82.8, 73.8), at_most), _is_ours, None),
        (".pixels", "For comparison, at most that: raw pixels", "pixels", ((82.8, 73.8), at_most), _is_imagenet, None),
        (
            ".kmeans",
            "For comparison: 1-layer K-means (1,600 centroids; the paper quotes 4,800 maps)",
            "kmeans",
            ((80.6, 63.7), reaches),
            _is_imagenet,
            ("80.6 %", "63.7 %"),
        ),
    ]
    result = []
    for suffix, statement, kind, (bounds, rule), fits, values in rows:
        if fits == "cifar10":
            fits = lambda run: run.data_name == "cifar10"  # noqa: E731
        elif fits == "authors":
            fits = _is_authors_imagenet
        layers = (1, 2, 3, 4) if suffix == ".authors4" else ()
        instead = _instead_of_imagenet if kind == "trained" else _nothing
        shown = values or ("not given", "not given")
        few = _few_labels("cifar10", kind, 400, 10, layers=layers)
        for i, (name, measure) in enumerate((("accuracy", _all_labels("cifar10", kind, layers)), ("accuracy_400", few))):
            said = statement + (", 400 labels a class" if i else "")
            result.append(
                Claim(
                    f"cifar10.{name}{suffix}",
                    "5.1",
                    said,
                    shown[i],
                    "percent",
                    rule(bounds[i]),
                    measure,
                    fits,
                    instead,
                    "cifar10",
                )
            )
    return result


def _error_1000_claims() -> list[Claim]:
    """§5.2's protocol, 100 labels a class, on house numbers and, where there are none, on handwritten digits."""

    def fits(run: Run) -> bool:
        return run.data_name == "svhn"

    few = [_few_labels(data, "trained", 100, 100, True) for data in ("svhn", "mnist")]
    small = stays_under(5.0)
    other = at_least(5.0)
    rows = [
        ("svhn.error_1000", "D's features and an L2-SVM, 1000 labels of SVHN", "22.48 %", stays_under(22.48), few[0]),
        (
            "svhn.error_1000.supervised",
            "A net of the same shape that sees the 1000 labels alone does worse",
            "28.87 % (validation)",
            at_least(22.48),
            _supervised_error("svhn"),
        ),
        ("mnist.error_1000", "The same protocol on MNIST: D has seen house numbers only", NOT_IN_PAPER, small, few[1]),
        (
            "mnist.error_1000.random",
            "For comparison: the same D untrained",
            NOT_IN_PAPER,
            other,
            _few_labels("mnist", "random", 100, 100, True),
        ),
        (
            "mnist.error_1000.pixels",
            "For comparison: raw pixels",
            NOT_IN_PAPER,
            other,
            _few_labels("mnist", "pixels", 100, 100, True),
        ),
        (
            "mnist.error_1000.supervised",
            "For comparison: a net of the same shape that sees the 1000 labels alone",
            NOT_IN_PAPER,
            other,
            _supervised_error("mnist"),
        ),
    ]
    return [
        Claim(i, "5.2", statement, paper, "percent", rule, measure, fits, needs=i.split(".")[0])
        for i, statement, paper, rule, measure in rows
    ]


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
    *_cifar10_claims(),
    *_error_1000_claims(),
    Claim(
        "probe.solver_speedup",
        "book",
        "The book's SVM solver is ten times as fast as liblinear, with the same result",
        NOT_IN_PAPER,
        "times as fast, 50,000 images x 7,168 features",
        at_least(10),
        _solver_speedup,
        _is_authors_imagenet,
        needs="cifar10",
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
    Claim(
        "instability.detected",
        "7",
        "Trained longer, a subset of filters sometimes collapses to one oscillating mode",
        "sometimes",
        "share of provoked collapses that training reports",
        at_least(0.9),
    ),
    Claim("mnist.nn_error_real", "8", "1-NN on real MNIST digits", "3.1 %", "percent", stays_under(3.1)),
    Claim("mnist.nn_error_50k", "8", "1-NN fitted on 50,000 generated digits", "2.98 %", "percent", stays_under(2.98)),
]


def claim(claim_id: str) -> Claim:
    for c in CLAIMS:
        if c.id == claim_id:
            return c
    raise UserError(f"no claim is called {claim_id!r}{did_you_mean(claim_id, [c.id for c in CLAIMS])}")


# --- measuring --------------------------------------------------------------------------------------------------------


def measure(run: Run, ids: list[str], device: str = "auto", seed: int = 0) -> list[dict]:
    """Measures the claims `ids` (none: all that fit) on a run at full size, writes its results.json; returns their rows."""
    chosen = [claim(i) for i in ids] or [c for c in CLAIMS if c.measure and c.fits(run) and _has_data(c)]
    for c in chosen:
        if not c.measure:
            raise UserError(f"{c.id}: nothing in this version measures it")
        if not c.fits(run):
            raise UserError(f"{c.id}: cannot be measured on {run.name} ({run.data_name})")
    rows = []
    for c in chosen:
        results = _results(run)
        results[c.id] = result(c, run, device, seed)
        write_json(run.path / "results.json", results)
        rows.append(_row(c, results[c.id]))
    return rows


def _has_data(c: Claim) -> bool:
    return not c.needs or datasets.find(c.needs) is not None


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
    """Every claim with every result that the reference runs have: one primary row for each id, measured or not."""
    measured = [(claim_id, r) for run in reference_runs() for claim_id, r in _results(run).items()]
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
