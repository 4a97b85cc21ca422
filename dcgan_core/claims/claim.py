from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dcgan_core.data import loading
from dcgan_core.data.sources import finding
from dcgan_core.errors import UserError
from dcgan_core.intervals import Measurement
from dcgan_core.runs import Run

NOT_IN_PAPER = "not in the paper"
CELEBA = "photographs of faces (CelebA) instead of LSUN bedrooms"
PLACES = "photographs of bedrooms, dining rooms, kitchens and living rooms (MIT Places) instead of LSUN bedrooms"


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
    needs: str = ""  # a data set without which it is only measured when asked for by its id
    on_request: bool = False  # takes hours, so that it is measured only when named
    of_weights: bool = True  # False: the same whatever the run has learnt, so it outlives a training that goes on


def has_photographs(run: Run) -> bool:
    """Are the pictures at hand that the run was trained on? (Another set of the same name does not count.)"""
    config = run.info["config"]
    if not finding.find(config["data"]):
        return False
    found = loading.load_data(config["data"], run.architecture.size, crop=config["crop"], download=False)
    return found.provenance["fingerprint"] == run.info["data"]["fingerprint"]


def check_photographs(run: Run) -> None:
    if not has_photographs(run):
        raise UserError(f"{run.path}: the pictures that it was trained on ({run.data_name}) are not here")


def instead_of_lsun(run: Run) -> str:
    return {"lsun": "", "faces": CELEBA, "rooms": PLACES}.get(run.data_name, f"{run.data_name} instead of LSUN bedrooms")
