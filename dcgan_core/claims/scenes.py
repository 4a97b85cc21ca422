from __future__ import annotations

from collections.abc import Callable
from functools import partial

from dcgan_core import devices
from dcgan_core.claims.claim import NOT_IN_PAPER, Claim, at_least
from dcgan_core.drawings import scenes
from dcgan_core.intervals import Measurement
from dcgan_core.metrics import coverage, memorisation
from dcgan_core.readers import judges
from dcgan_core.runs import Run


def _judge_accuracy(factor: str) -> Callable[[Run, str, int, bool], Measurement]:
    def measure(run: Run, device: str, seed: int, small: bool) -> Measurement:
        judge = judges.load_judge(run.data_name, size=run.architecture.size, device=devices.pick(device))
        return judges.judge_accuracy(judge, factor, 500 if small else 4000)

    return measure


def _coverage(run: Run, device: str, seed: int, small: bool) -> Measurement:
    device = devices.pick(device)
    judge = judges.load_judge(run.data_name, size=run.architecture.size, device=device)
    count = 600 if small else 10_000
    data = scenes.draw(run.data_name, count, run.architecture.size, judges.HELD_OUT_SEED)
    samples = memorisation.draw_samples(run.generator(device), count, seed)
    return coverage.coverage(partial(judges.statements, judge), data.images, samples, seed)


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
            of_weights=False,
        )
        for factor in read
        if factor != "mirrored"
    ]
    statement = f"Samples show what {name.replace('-', ' ')} show, as often and in the same combinations"
    return rows + [Claim(f"scenes.coverage.{name}", "book", statement, NOT_IN_PAPER, "overlap", at_least(0.7), _coverage, fits)]


CLAIMS = [c for name in scenes.NAMES for c in _scene_claims(name)]
