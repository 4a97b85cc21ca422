"""Which samples stand for a concept? Exemplars for arithmetic, found by a reader or picked by hand."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dcgan_core import latent
from dcgan_core.config_io import did_you_mean
from dcgan_core.errors import UserError
from dcgan_core.files import read_json
from dcgan_core.inside import weights_of
from dcgan_core.networks import Generator
from dcgan_core.runs import Run

FEW, MANY = 3, 30  # exemplars of a concept: the paper's three, and a mean that has next to no accidents left
Reads = Callable[[np.ndarray], dict[str, np.ndarray]]  # uint8 N x 3 x S x S -> probabilities and numbers, N each
LIMIT = 60_000  # random z looked at, at most
SURE = 0.9  # the classifier that selects wants to be that sure, or as sure of the opposite


@dataclass(frozen=True)
class Concept:
    """What a term of the arithmetic shows: attribute -> is it there?"""

    name: str
    shows: dict[str, bool]

    def shown(self, answers: dict[str, np.ndarray], sure: float = 0.5) -> np.ndarray:
        """In which pictures is it? N times true or false. Raises UserError for an attribute that was not read."""
        return self.likely(answers) > sure

    def likely(self, answers: dict[str, np.ndarray]) -> np.ndarray:
        """How likely is the least likely thing that it asks for? N probabilities."""
        for key in self.shows:
            if key not in answers:
                raise UserError(f"concept {self.name!r}: no attribute is called {key!r}{did_you_mean(key, answers)}")
        probabilities = [answers[key] if there else 1 - answers[key] for key, there in self.shows.items()]
        return np.min(probabilities, 0)


@dataclass(frozen=True)
class Pool:
    """Random z, and what a classifier reads off their images: exemplars are chosen from it."""

    z: Tensor  # N x latent
    answers: dict[str, np.ndarray]  # N each

    def of(self, concept: Concept) -> Tensor:
        """The z whose images show the concept for sure, N x latent."""
        return self.z[torch.from_numpy(np.flatnonzero(concept.shown(self.answers, SURE)))]


def gather(
    generator: Generator, read: Reads, count: int, seed: int, *, concepts: Sequence[Concept] = (), enough: int = 0
) -> Pool:
    """Looks at `count` random z, and at as many again while a concept has less than `enough` exemplars, up to `LIMIT`."""
    z = latent.sample(generator.architecture, max(count, LIMIT), torch.Generator().manual_seed(seed))
    found = Pool(z[:0], {})
    while not len(found.z) or (len(found.z) + count <= LIMIT and any(len(found.of(concept)) < enough for concept in concepts)):
        more = read(latent.generate_pixels(generator, z[len(found.z) : len(found.z) + count]))
        answers = {key: np.concatenate([found.answers.get(key, values[:0]), values]) for key, values in more.items()}
        found = Pool(z[: len(found.z) + count], answers)
    return found


def choose_sets(found: Tensor, concept: str, trials: int, count: int, rng: torch.Generator) -> Tensor:
    """A set of `count` different z of `found` (N x latent) for each trial: trials x count x latent.

    Sets share no z. Where there are fewer than trials, they come again in the same order, so that trials with the same set
    are known. Raises UserError where there are fewer z than `count`.
    """
    if len(found) < count:
        raise UserError(
            f"concept {concept!r}: {len(found)} exemplars, {count} are needed; pick more of them, or from more samples"
        )
    sets = len(found) // count
    order = torch.randperm(len(found), generator=rng)[: sets * count].unflatten(0, (sets, count))
    return found[order[torch.arange(trials) % sets]]


def load_picks(path: Path, run: Run) -> dict[str, Tensor]:
    """What the picker saved, as z: concept -> N x latent.

    Raises UserError where the file is damaged, was made with other weights, or nothing is picked in it.
    """
    saved = read_json(path, "picks")
    try:
        count, seed, picks = int(saved["count"]), int(saved["seed"]), dict(saved["picks"])
        chosen = {str(concept): torch.tensor(list(indices), dtype=torch.long) for concept, indices in picks.items()}
        if not all(0 <= place < count for indices in chosen.values() for place in indices.tolist()):
            raise ValueError("a place that no sample has")
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{path}: not picks; delete it and pick again") from None
    if saved.get("weights") != weights_of(run):
        raise UserError(f"{path}: picked from samples of other weights than those of {run.path}; pick again")
    if not any(len(indices) for indices in chosen.values()):
        raise UserError(f"{path}: nothing is picked in it; click on some pictures, then save")
    z = latent.sample(run.architecture, count, torch.Generator().manual_seed(seed))
    return {concept: z[indices] for concept, indices in chosen.items()}
