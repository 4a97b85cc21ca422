"""What is a claim? What the paper says, what is measured, on what, and the rule that decides it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from dcgan_core import devices
from dcgan_core.data import loading
from dcgan_core.data.images import ImageData
from dcgan_core.data.sources import finding, source
from dcgan_core.errors import UserError
from dcgan_core.intervals import Measurement
from dcgan_core.networks import Discriminator, Generator
from dcgan_core.readers import finder, judges
from dcgan_core.runs import Run

NOT_IN_PAPER = "not in the paper"
CELEBA = "photographs of faces (CelebA) instead of LSUN bedrooms"
PLACES = "photographs of bedrooms, dining rooms, kitchens and living rooms (Places365) instead of LSUN bedrooms"


# Of the paper; measured to compare one with; the book's own, of its instruments; its own experiments (chapter 9).
KINDS = ("paper", "comparison", "control", "after")
# What an interval varies over. Whatever is not named was the same throughout: most rows rest on one training.
VARIES = ("images", "draws", "features", "seeds", "trainings", "nothing")
# What is said of a claim of the paper. `refuted here`: the whole interval lies on the wrong side, in the claim's own setting.
VERDICTS = ("holds", "holds on a stand-in", "refuted here", "not settled", "other setting", "not measured")


@dataclass(frozen=True)
class Rule:
    """When a claim holds, said in words and computed. Written before its measurement; changes are listed on the scoreboard."""

    text: str
    # (value, low, high) -> True: the interval lies on the claim's side; False: on the other; None: on both, so nothing is shown
    decide: Callable[[float, float, float], bool | None]


def _side(yes: bool, no: bool) -> bool | None:
    return True if yes else False if no else None


def at_least(bound: float) -> Rule:
    """The whole interval lies at or above the bound."""
    return Rule(f"the interval lies at or above {bound:g}", lambda value, low, high: _side(low >= bound, high < bound))


# of a difference: a measurement of 0 without any spread does not settle it
MORE = Rule("the interval lies above 0", lambda value, low, high: _side(low > 0, high < 0))


def at_most(bound: float) -> Rule:
    return Rule(f"the interval lies at or below {bound:g}", lambda value, low, high: _side(high <= bound, low > bound))


def between(lowest: float, highest: float) -> Rule:
    """For what should make no difference: the whole interval lies there."""
    return Rule(
        f"the interval lies between {lowest:g} and {highest:g}",
        lambda value, low, high: _side(lowest <= low and high <= highest, high < lowest or low > highest),
    )


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

    def judge(self) -> judges.Judge:
        return judges.load_judge(self.run.data_name, size=self.run.architecture.size, device=self.place)

    def finder(self) -> finder.Finder:
        return finder.load_finder(self.run.data_name, size=self.run.architecture.size, device=self.place)

    def pictures(self, split: str) -> ImageData:
        """A split of the set that the run was trained on, as it saw it, if it is the same set still (`check_photographs`)."""
        config = self.run.info["config"]
        a = self.run.architecture
        return loading.load_data(config["data"], a.size, split=split, crop=config["crop"], grey=a.channels == 1)

    def splits(self) -> list[np.ndarray]:
        """The `pictures` to train on and those held out, uint8 N x C x S x S; small: 4,000 and 200 of them."""
        found: list[Any] = [self.pictures(split).images for split in source.SPLITS]
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
    rule: Rule | None  # None: nothing is decided, as of most comparisons
    measure: Measure | None = None  # None: `dcgan ablate` or `dcgan after` measures it, or nothing does
    fits: Callable[[Run], bool] = lambda run: True  # can it be measured on this run?
    instead: Callable[[Run], str] = lambda run: ""  # what stands in for the paper's data, if anything does
    needs: str = ""  # a data set without which it is only measured when asked for by its id
    on_request: bool = False  # takes hours, so that it is measured only when named
    of_weights: bool = True  # False: the same whatever the run has learnt, so it outlives a training that goes on
    kind: str = "paper"  # one of KINDS; only the paper's claims get a verdict
    varies: str = "images"  # one of VARIES
    setting: Callable[[dict], str] = lambda result: ""  # of a result: in what it is measured where the paper does not speak


DISPERSED = 0.5  # the recall that the baseline of an ablation reaches at least, or its Fréchet distance judges something else


def _undecided(result: dict) -> str:
    """Where a baseline is under-dispersed, whatever spreads its samples lowers the distance, be it stable or not."""
    recall = result.get("details", {}).get("means", {}).get("recall", [1.0])[0]
    if recall >= DISPERSED:
        return ""
    return f"runs so short that the baseline reaches {recall:.0%} of the data: whatever spreads samples wins, stable or not"


def ablation(name: str, section: str, statement: str, paper: str, rule: Rule | None = None) -> Claim:
    """What a guideline is good for; with another rule, that one of this book's deviations does no harm."""
    how: dict = {"kind": "control" if rule else "paper", "varies": "trainings", "setting": _undecided}
    unit = "times the Fréchet distance"
    return Claim(f"ablation.{name}", section, statement, paper, unit, rule or at_least(1.0), **how)


def stability(name: str, section: str, statement: str, paper: str) -> Claim:
    """Do more runs fail where a guideline is not followed? See `ablations.stability`."""
    rule = Rule(f"{MORE.text}, and Fisher's exact test agrees, corrected for five (Holm)", MORE.decide)
    return Claim(f"stability.{name}", section, statement, paper, "more of the runs fail", rule, varies="trainings")


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
    """Are the pictures at hand that the run was trained on? (Another set of the same name does not count; other dates do not
    matter where the content is the same.)"""
    config = run.info["config"]
    if not finding.find(config["data"]):
        return False
    how = {"crop": config["crop"], "grey": run.architecture.channels == 1}
    found = loading.load_data(config["data"], run.architecture.size, **how, download=False)
    of_run = run.info["data"]
    return any(of_run.get(key) == found.provenance[key] for key in ("fingerprint", "content") if found.provenance.get(key))


def check_photographs(run: Run) -> None:
    if not has_photographs(run):
        why = "are not here, or have changed since (`dcgan data dedup` changes them, too, until --undo)"
        raise UserError(f"{run.path}: the pictures that it was trained on ({run.data_name}) {why}")


def instead_of_lsun(run: Run) -> str:
    return {"lsun": "", "faces": CELEBA, "places-rooms": PLACES}.get(run.data_name, f"{run.data_name} instead of LSUN bedrooms")
