"""What is a claim? What the paper says, what is measured, on what, and the rule that decides it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from dcgan_core import devices
from dcgan_core.data import loading
from dcgan_core.data.images import ImageData
from dcgan_core.data.sources import finding, source
from dcgan_core.errors import UserError
from dcgan_core.intervals import Measurement
from dcgan_core.networks import Discriminator, Generator
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
class Setting:
    """On what, and how, a claim is measured. One run (the same object), device, seed and size make equal settings."""

    run: Run
    device: str = "auto"
    seed: int = 0
    small: bool = False  # in seconds, before a reader's eyes; else at full size

    @property
    def place(self) -> torch.device:
        return devices.pick(self.device)

    def generator(self) -> Generator:
        return self.run.generator(self.place)

    def discriminator(self) -> Discriminator:
        return self.run.discriminator(self.place)

    def pictures(self, split: str) -> ImageData:
        """A split of the set that the run was trained on, as it saw it, if it is the same set still (`check_photographs`)."""
        config = self.run.info["config"]
        return loading.load_data(config["data"], self.run.architecture.size, split=split, crop=config["crop"])

    def splits(self) -> list[np.ndarray]:
        """The `pictures` to train on and those held out, uint8 N x C x S x S; small: 4,000 and 200 of them."""
        found = [self.pictures(split).images for split in source.SPLITS]
        return [some(images, most) for images, most in zip(found, (4000, 200), strict=True)] if self.small else found

    def photographs(self) -> list[np.ndarray]:
        """As `splits`; raises UserError where these very pictures are not at hand."""
        check_photographs(self.run)
        return self.splits()


Measure = Callable[[Setting], Measurement]


@dataclass(frozen=True)
class Claim:
    """One claim of the paper, or of this book about the authors' code."""

    id: str
    section: str
    statement: str
    paper: str  # the paper's value, or what it says in place of one
    unit: str
    rule: Rule
    measure: Measure | None = None  # None: `dcgan ablate` measures it
    fits: Callable[[Run], bool] = lambda run: True  # can it be measured on this run?
    instead: Callable[[Run], str] = lambda run: ""  # what stands in for the paper's data, if anything does
    needs: str = ""  # a data set without which it is only measured when asked for by its id
    on_request: bool = False  # takes hours, so that it is measured only when named
    of_weights: bool = True  # False: the same whatever the run has learnt, so it outlives a training that goes on


def ablation(name: str, section: str, statement: str, paper: str, rule: Rule | None = None) -> Claim:
    """What a guideline is good for; with another rule, that one of this book's deviations does no harm."""
    return Claim(f"ablation.{name}", section, statement, paper, "times the Fréchet distance", rule or at_least(1.0))


def some(images: np.ndarray, most: int) -> np.ndarray:
    """At most so many, evenly from the whole set: the first ones may all be of one class."""
    return images[:: -(-len(images) // most)]


def trained_on(*names: str) -> Callable[[Run], bool]:
    """Fits runs that were trained on one of these data sets."""
    return lambda run: run.data_name in names


def imported_from(model: str) -> Callable[[Run], bool]:
    """Fits the authors' own weights, of this folder of theirs."""
    return lambda run: run.info.get("authors", {}).get("model") == model


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
