from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from dcgan_core import devices
from dcgan_core.claims.claim import NOT_IN_PAPER, Claim, at_least, at_most, instead_of_lsun
from dcgan_core.inside import arithmetic, attribution, exemplars, forgetting, marking
from dcgan_core.intervals import Measurement
from dcgan_core.readers import attributes, judges
from dcgan_core.readers.finder import finder_accuracy, load_finder
from dcgan_core.runs import Run


def _drawn_rooms(run: Run) -> bool:
    return run.data_name == "drawn-rooms"


def _saliency(what: str, which: str) -> Callable[[Run, str, int, bool], Measurement]:
    def measure(run: Run, device: str, seed: int, small: bool) -> Measurement:
        return _focus(run.path.resolve(), device, seed, small)[what, which]

    return measure


@cache  # one pass over the drawings serves all rows
def _focus(path: Path, device: str, seed: int, small: bool) -> dict[tuple[str, str], Measurement]:
    sizes = {"count": 150, "top": 3, "features": 12, "nets": 1} if small else {}
    return attribution.measure_focus(Run(path).discriminator(devices.pick(device)), seed=seed, **sizes)


def _saliency_claims() -> list[Claim]:
    """§6.2 on drawn rooms: the trained D, Ds with random weights, and the gap between them."""
    inside, hits = "share of saliency inside the object", "share of responses"
    rows = []
    for claim_id, what, said, unit in (
        ("saliency.inside_mask", "inside", "half of the saliency of D's features lies inside one kind of object", inside),
        (
            "saliency.inside_mask.any",
            "any",
            "half of the saliency of D's features lies inside objects of whatever kind",
            "share of saliency inside any object",
        ),
        (
            "saliency.inside_mask.best",
            "inside_best",
            "half of the saliency lies inside the object, for the feature that looks at it most",
            inside,
        ),
        ("saliency.pointing", "pointing", "half of the responses have their most salient pixel in the object", hits),
    ):
        paper = "by eye" if claim_id == "saliency.inside_mask" else NOT_IN_PAPER
        rows += [
            (claim_id, f"Trained D: at least {said}", paper, unit, at_least(0.5), (what, "trained")),
            (f"{claim_id}.random", f"Random D: at most {said}", NOT_IN_PAPER, unit, at_most(0.5), (what, "random")),
            (
                f"{claim_id}.gain",
                f"A trained D beats random ones in this: {said.removeprefix('half of ')}",
                paper,
                f"{unit}, difference",
                at_least(0),
                (what, "gain"),
            ),
        ]
    centre = "Always pointing at the picture's centre hits the object at most half of the time"
    rows.append(("saliency.pointing.centre", centre, NOT_IN_PAPER, hits, at_most(0.5), ("centre", "trained")))
    return [
        Claim(i, "6.2", text, paper, unit, rule, _saliency(*key), _drawn_rooms, instead_of_lsun)
        for i, text, paper, unit, rule, key in rows
    ]


def _forgetting(what: str, which: str, number: str) -> Callable[[Run, str, int, bool], Measurement]:
    def measure(run: Run, device: str, seed: int, small: bool) -> Measurement:
        return _forgotten(run.path.resolve(), what, which, device, seed, small)[number]

    return measure


@cache  # the three rows of one dropping come from the same samples
def _forgotten(path: Path, what: str, which: str, device: str, seed: int, small: bool) -> dict[str, Measurement]:
    run, device = Run(path), devices.pick(device)
    size = run.architecture.size
    judge = judges.load_judge(run.data_name, size=size, device=device)
    finder = load_finder(run.data_name, size, device)
    return forgetting.measure_forgetting(run.generator(device), judge, finder, what, which, small=small, seed=seed)


def _forgetting_claims() -> list[Claim]:
    """§6.3.1 on drawn rooms: the paper's rule in both readings, a tuned one, and other objects."""
    rows = []
    for suffix, what, which in (
        ("", "window", "paper"),
        (".second_reading", "window", "second reading"),
        (".tuned", "window", "tuned"),
        *((f".{what}{tuned}", what, "tuned" if tuned else "paper") for what in ("bed", "lamp") for tuned in ("", ".tuned")),
    ):
        how = {
            "paper": "",
            "second reading": " (one layer nearer to the picture)",
            "tuned": " (maps chosen one by one, with regard to the rest)",
        }[which]
        objects = f"share of {what}s, by the judge"
        gone = f"Dropping the feature maps that draw {what}s removes most {what}s{how}"
        kept = f"…and keeps {'other things' if suffix else 'the rest of the scene similar'}{how}"
        rest = "share of other objects, by the judge"
        said = NOT_IN_PAPER if suffix else "most (by eye)"
        for claim_id, text, paper, unit, rule, number in (
            ("forgetting.windows_gone", gone, said, objects, at_least(0.5), "gone"),
            ("forgetting.others_kept", kept, NOT_IN_PAPER if suffix else "similar (by eye)", rest, at_least(0.9), "kept"),
            (
                "forgetting.random_maps",
                f"As many maps, dropped at random, remove few {what}s{how}",
                NOT_IN_PAPER,
                objects,
                at_most(0.5),
                "random",
            ),
        ):
            measure = _forgetting(what, which, number)
            rows.append(Claim(claim_id + suffix, "6.3.1", text, paper, unit, rule, measure, _drawn_rooms, instead_of_lsun))
    return rows + [
        Claim(
            "forgetting.finder_accuracy",
            "6.3.1",
            "A small net, trained on exact masks, finds the windows of drawings that it has not seen",
            NOT_IN_PAPER,
            "share of right answers",
            at_least(0.95),
            _finder_accuracy,
            _drawn_rooms,
            of_weights=False,
        ),
        Claim(
            "forgetting.finder_agreement",
            "6.3.1",
            "In samples it finds the windows that were marked by eye",
            NOT_IN_PAPER,
            "share of samples",
            at_least(0.8),
            _finder_agreement,
            lambda run: _drawn_rooms(run) and forgetting.looked_at(run),
        ),
    ]


def _finder_accuracy(run: Run, device: str, seed: int, small: bool) -> Measurement:
    finder = load_finder(run.data_name, run.architecture.size, devices.pick(device))
    return finder_accuracy(finder, "window", 300 if small else 4000)


def _finder_agreement(run: Run, device: str, seed: int, small: bool) -> Measurement:
    device = devices.pick(device)
    finder = load_finder(run.data_name, run.architecture.size, device)
    judge = judges.load_judge(run.data_name, size=run.architecture.size, device=device)
    return marking.eye_agreement(run.generator(device), finder, judge, marking.load_marks(forgetting.BY_HAND, run))


def _arithmetic(name: str, kind: str) -> Callable[[Run, str, int, bool], Measurement]:
    def measure(run: Run, device: str, seed: int, small: bool) -> Measurement:
        return arithmetic.measured(run, name, device, seed, small)[kind]

    return measure


def _attribute_accuracy(name: str) -> Callable[[Run, str, int, bool], Measurement]:
    def measure(run: Run, device: str, seed: int, small: bool) -> Measurement:
        net = attributes.load_attributes(device=devices.pick(device))
        return attributes.attribute_accuracy(net, name, count=300 if small else None)

    return measure


def _instead_of_web_faces(run: Run) -> str:
    where = "CelebA" if run.data_name == "faces" else run.data_name.replace("-", " ")
    return f"{where} instead of faces from the web"


def _arithmetic_claims(name: str) -> list[Claim]:
    """What is claimed of one of arithmetic.SUMS: three exemplars a term, one, many, and pixels."""
    terms = arithmetic.SUMS[name]
    said = f"{terms.first.name} - {terms.second.name} + {terms.third.name} = {terms.result.name}"
    if name.startswith("drawn"):
        said = f"({terms.first.name}) - ({terms.second.name}) + ({terms.third.name}) = ({terms.result.name})"
    rows = (
        (".success", "three", said, "by eye", at_least(0.5)),
        (".above_chance", "above_chance", f"The sum shows it more often than random samples do: {said}", "by eye", at_least(0)),
        (
            ".others_kept",
            "others_kept",
            f"The sum keeps what else its third term shows: {said}",
            NOT_IN_PAPER,
            at_least(0.8),
        ),
        (
            ".single",
            "single",
            f"The same with one exemplar a term instead of three is unstable: {said}",
            "unstable",
            at_most(0.5),
        ),
        (".gain", "gain", f"The mean of three exemplars a term does better than one: {said}", "by eye", at_least(0)),
        (".many", "many", f"The same with thirty exemplars a term: {said}", NOT_IN_PAPER, at_least(0.5)),
        (
            ".improved",
            "improved",
            f"Thirty a term, their difference twice, and the length of a random z: {said}",
            NOT_IN_PAPER,
            at_least(0.8),
        ),
        (".pixels", "pixels", f"The same arithmetic with pixels fails: {said}", "noisy overlays", at_most(0.5)),
    )
    difference = "share of trials, difference"
    units = {"gain": difference, "above_chance": difference, "others_kept": "share of other attributes"}

    def fits(run: Run) -> bool:
        return run.data_name == arithmetic.DATA[name]

    return [
        Claim(
            f"arithmetic.{name}{suffix}",
            "6.3.2",
            statement,
            paper,
            units.get(kind, "share of trials"),
            rule,
            _arithmetic(name, kind),
            fits,
            _instead_of_web_faces,
        )
        for suffix, kind, statement, paper, rule in rows
    ] + [
        Claim(
            f"arithmetic.{name}.exemplars",
            "book",
            f"Where the classifier that selects is {exemplars.SURE:.0%} sure, labels agree: the terms of {said}",
            NOT_IN_PAPER,
            "share of what it takes, mean of the three terms",
            at_least(exemplars.SURE),
            lambda run, device, seed, small: arithmetic.selection(run, name, device, small),
            fits,
            needs=attributes.DATA if arithmetic.DATA[name] == attributes.DATA else "",
            of_weights=False,
        )
    ]


CLAIMS = [
    *_saliency_claims(),
    *_forgetting_claims(),
    *(c for name in arithmetic.SUMS for c in _arithmetic_claims(name)),
    Claim(
        "turn.monotone",
        "6.3.2",
        "A turn vector from four and four faces turns others",
        "by eye",
        "share of trials",
        at_least(0.5),
        _arithmetic("turn", "monotone"),
        lambda run: run.data_name == "drawn-portraits",
        _instead_of_web_faces,
    ),
    Claim(
        "turn.identity",
        "6.3.2",
        "…and leaves them who they are",
        "by eye",
        "share of other factors",
        at_least(0.8),
        _arithmetic("turn", "identity"),
        lambda run: run.data_name == "drawn-portraits",
        _instead_of_web_faces,
    ),
    *(
        Claim(
            f"faces.attribute_accuracy.{name.lower()}",
            "book",
            f"A small classifier reads {name} off photographs that it has not seen",
            NOT_IN_PAPER,
            "share of right answers, mean of those with and those without",
            at_least(0.9),
            _attribute_accuracy(name),
            lambda run: run.data_name == "faces",
            of_weights=False,
        )
        for name in attributes.READ
    ),
]
