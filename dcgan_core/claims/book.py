"""What the book claims beside the paper: its drawn scenes, its solver, and the classifiers that judge."""

from functools import partial
from typing import Any

from dcgan_core.authors import reading
from dcgan_core.claims.claim import NOT_IN_PAPER, Claim, Measure, Setting, at_least, imported_from, trained_on
from dcgan_core.drawings import scenes
from dcgan_core.inside import arithmetic, exemplars, forgetting, marking, seen
from dcgan_core.intervals import Measurement
from dcgan_core.metrics import coverage, memorisation
from dcgan_core.probes import scores
from dcgan_core.readers import attributes, finder, judges


def _control(claim_id: str, statement: str, unit: str, least: float, measure: Measure | None = None, **more: Any) -> Claim:
    """It should be at least so much."""
    return Claim(claim_id, "book", statement, NOT_IN_PAPER, unit, at_least(least), measure, kind="control", **more)


def _judge_accuracy(factor: str) -> Measure:
    return lambda s: judges.judge_accuracy(s.judge(), factor, 500 if s.small else 4000)


def _coverage(s: Setting) -> Measurement:
    count = 600 if s.small else 10_000
    data = scenes.draw(s.run.data_name, count, s.run.architecture.size, judges.HELD_OUT_SEED)
    samples = memorisation.generate_samples(s.generator(), count, s.seed)
    return coverage.coverage(partial(judges.statements, s.judge()), data.images, samples, s.seed)


def _scene_claims(name: str) -> list[Claim]:
    """The judge's accuracy on each thing it reads in a drawn set, and what a generator trained on the set covers."""
    fits = trained_on(name)
    read = [*scenes.yes_no(name), *({"pose", "class"} & set(scenes.FACTORS[name]))]
    of_pose = {"pose": "share of variance (R²)"}
    rows = [
        _control(
            f"scenes.judge_accuracy.{name}.{factor}",
            f"A small classifier reads {factor.replace('_', ' ')} off {name.replace('-', ' ')} that it has not seen",
            of_pose.get(factor, "share of right answers"),
            0.95,
            _judge_accuracy(factor),
            fits=fits,
            of_weights=False,
        )
        for factor in read
        if factor != "mirrored"
    ]
    statement = f"Samples show what {name.replace('-', ' ')} show, as often and in the same combinations"
    return [*rows, _control(f"scenes.coverage.{name}", statement, "overlap", 0.7, _coverage, fits=fits)]


def _solver_speedup(s: Setting) -> Measurement:
    few = {"images": 2000, "test_images": 1000} if s.small else {}
    return scores.solver_speedup(device=s.place, seed=s.seed, **few)


def _exemplars(name: str) -> Claim:
    data, said = arithmetic.DATA[name], arithmetic.SUMS[name].said
    return _control(
        f"arithmetic.{name}.exemplars",
        f"What the selecting classifier takes for an exemplar, {exemplars.SURE:.0%} sure, is labelled so: the terms of {said}",
        "share of what it takes, mean of the three terms",
        exemplars.SURE,
        lambda s: arithmetic.selection(s.run, name, s.device, small=s.small),
        fits=trained_on(data),
        needs=data if data == attributes.DATA else "",
        of_weights=False,
    )


def _attribute_accuracy(name: str) -> Claim:
    def measure(s: Setting) -> Measurement:
        return attributes.attribute_accuracy(attributes.load_attributes(device=s.place), name, count=300 if s.small else None)

    return _control(
        f"faces.attribute_accuracy.{name.lower()}",
        f"A small classifier reads {name} off photographs that it has not seen",
        "share of right answers, mean of those with and those without",
        0.9,
        measure,
        fits=trained_on("faces"),
        of_weights=False,
    )


def _finder_claims() -> list[Claim]:
    """How far the finder of §6.3.1 can be trusted, on drawings and on samples."""
    drawn_rooms = trained_on("drawn-rooms")
    return [
        _control(
            "forgetting.finder_accuracy",
            "A small net, trained on exact masks, finds the windows of drawings that it has not seen",
            "share of right answers",
            0.95,
            lambda s: finder.finder_accuracy(s.finder(), "window", 300 if s.small else 4000),
            fits=drawn_rooms,
            of_weights=False,
        ),
        _control(
            "forgetting.finder_agreement",
            "In samples the finder of windows finds those that were marked by eye",
            "share of samples",
            0.8,
            lambda s: marking.eye_agreement(
                s.generator(), s.finder(), s.judge(), marking.load_marks(forgetting.BY_HAND, s.run)
            ),
            fits=lambda run: drawn_rooms(run) and forgetting.looked_at(run),
        ),
    ]


def _seen_in_sums(name: str) -> Claim:
    def measure(s: Setting) -> Measurement:
        judge = attributes.load_attributes(device=s.place).read
        return seen.eye_agrees(s.generator(), seen.load_seen(s.run), judge, name)

    return _control(
        f"arithmetic.faces.by_eye.{name.lower()}",
        f"The classifier that judges sums of photographed faces sees in them what the eye sees: {name}",
        "share of sums that are clear to the eye",
        0.8,
        measure,
        fits=lambda run: trained_on("faces")(run) and forgetting.looked_at(run, seen.SUMS_BY_EYE),
    )


CLAIMS = [
    *(c for name in scenes.NAMES for c in _scene_claims(name)),
    _control(
        "probe.solver_speedup",
        "The book's SVM solver is ten times as fast as liblinear, with the same result",
        "times as fast, 50,000 images x 7,168 features",
        10,
        _solver_speedup,
        fits=imported_from(reading.IMAGENET.folder),
        needs="cifar10",
        of_weights=False,
        varies="nothing",
    ),
    *_finder_claims(),
    _control(
        "instability.told_apart",
        "Training reports collapses that were provoked, and few healthy runs",
        "share of collapses reported, less that of healthy runs with an alarm: difference",
        0.5,
        varies="trainings",
    ),
    *(_exemplars(name) for name in arithmetic.SUMS),
    *(_attribute_accuracy(name) for name in attributes.READ),
    *(_seen_in_sums(name) for name in attributes.READ),
]
