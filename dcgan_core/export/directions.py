"""Named directions in z: which way from a picture without a smile to one with a smile?"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dcgan_core import latent
from dcgan_core.errors import UserError
from dcgan_core.export.onnx_file import folded
from dcgan_core.inside import arithmetic, turning
from dcgan_core.inside.exemplars import SURE, Pool, gather
from dcgan_core.networks import Generator, Stage
from dcgan_core.readers import judges
from dcgan_core.runs import Run

NUMBERS = ("light", "wall_colour", "hair_colour")  # what readers say as a number; all else is a probability
TAIL = 0.1  # of a number: the exemplars are the lowest and the highest tenth


@dataclass(frozen=True)
class Direction:
    """A way to go in z, of length 1. exemplars: of how many it is the difference of means; none where nothing was read."""

    name: str
    vector: Tensor  # latent
    exemplars: tuple[int, int] | None = None


# data -> the slider's name -> what the reader of that data calls it
NAMED = {
    "faces": {
        "smile": "Smiling",
        "glasses": "Eyeglasses",
        "woman to man": "Male",
        "blond hair": "Blond_Hair",
        "fringe": "Bangs",
        "older to younger": "Young",
    },
    "drawn-portraits": {
        **{"smile": "smile", "glasses": "glasses", "beard": "beard", "long hair": "long_hair", "turn": "turn"},
        "hair colour": "hair_colour",
    },
    "drawn-rooms": {
        **{"window": "window", "bed": "bed", "lamp": "lamp", "door": "door", "light": "light"},
        "wall colour": "wall_colour",
    },
}


def named_directions(run: Run, seed: int = 0) -> list[Direction]:
    """From the mean of the exemplars without to the mean of those with it (paper §6.3.2), as a reader of the data sees it.

    Raises UserError for a run on data that nothing here reads.
    """
    if run.data_name not in NAMED:
        raise UserError(f"{run.path}: nothing here reads attributes off {run.data_name}; there are: {', '.join(NAMED)}")
    pool = _pool(run, seed)
    return [_between(name, *_ends(pool, key)) for name, key in NAMED[run.data_name].items()]


def _pool(run: Run, seed: int) -> Pool:
    if run.data_name != "drawn-rooms":
        return arithmetic.candidates(run, "cpu", seed)
    judge = judges.load_judge(run.data_name, size=run.architecture.size)
    return gather(run.generator(), judge.read, arithmetic.SMALL, seed)


def _ends(pool: Pool, key: str) -> tuple[Tensor, Tensor]:
    """The z of the exemplars without, and with it."""
    if key == "turn":
        return pool.of(turning.LEFT), pool.of(turning.RIGHT)
    values = pool.answers[key]
    low, high = np.quantile(values, [TAIL, 1 - TAIL]) if key in NUMBERS else (1 - SURE, SURE)
    without, showing = (pool.z[torch.from_numpy(np.flatnonzero(chosen))] for chosen in (values < low, values > high))
    return without, showing


def _between(name: str, without: Tensor, showing: Tensor) -> Direction:
    vector = latent.combine([latent.mean(showing), latent.mean(without)], [1, -1])
    return Direction(name, vector / vector.norm(), (len(without), len(showing)))


def strongest_directions(generator: Generator, count: int = 6) -> list[Direction]:
    """The ways in z that change most of what G's first layer computes: its first right singular vectors (Shen and Zhou 2021).

    Nobody has named them: a direction may change many things at once. The sign is chosen so that the largest number is above 0.
    """
    stage: Stage = generator.dense[0]  # type: ignore[assignment]
    weight, _ = folded(stage.layer, stage.norm)
    vectors = torch.linalg.svd(weight[:, : generator.architecture.latent], full_matrices=False).Vh[:count]
    signs = vectors.gather(1, vectors.abs().argmax(1, keepdim=True)).sign()
    return [Direction(f"direction {i + 1}", vector) for i, vector in enumerate(vectors * signs)]
