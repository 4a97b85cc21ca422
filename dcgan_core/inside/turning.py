"""Do heads turn along a vector in z? (Paper §6.3.2, Fig 8)"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from dcgan_core import latent
from dcgan_core.drawings import scenes
from dcgan_core.inside.exemplars import MANY, Concept, Pool, Reads, choose_sets
from dcgan_core.intervals import Measurement, bootstrap, share, timed
from dcgan_core.networks import Generator

LEFT, RIGHT = Concept("looks left", {"looks left": True}), Concept("looks right", {"looks right": True})
OTHERS = ("smile", "glasses", "beard", "long_hair", "hair_colour", "skin")  # what should not change when a head turns
TURN_EXEMPLARS, TURN_STEPS = 4, 9
RISE, FALL, CLOSE = 0.5, 0.08, 0.25  # see `turns`; FALL is the judge's own error of the pose in drawings, RMS


def turn(left: Tensor, right: Tensor) -> Tensor:
    """The vector from the mean of `left` to the mean of `right` (paper, Fig 8): N x latent each -> latent."""
    return latent.mean(right) - latent.mean(left)


def turned(z: Tensor, vector: Tensor) -> Tensor:
    """Each z moved along the vector, from half of it back to half of it ahead: N x latent -> N x TURN_STEPS x latent."""
    return latent.walk(z - vector / 2, z + vector / 2, TURN_STEPS)


def turns(generator: Generator, candidates: Pool, judge: Reads, count: int, seed: int = 0) -> dict[str, Measurement]:
    """Does a vector from four faces looking left to four looking right turn others? (Paper, Fig 8)

    `count` trials, each with a vector of its own and one random face, moved in nine steps from half a vector back to half of
    it ahead. `monotone`: the share in which the pose that `judge` reads (-1 … 1) rises by `RISE` or more from first to last
    and nowhere falls by more than `FALL`. `identity`: of the other factors `OTHERS`, the share that both ends have in common
    with the middle: the same yes or no, or a number that differs by at most `CLOSE` of its range. In the details: as many
    vectors of the same length without a meaning (from four random faces to four others), and each face compared with two
    random ones.
    """
    with timed() as seconds:
        rng = torch.Generator().manual_seed(seed)
        ends = [(candidates.of(c), c.name) for c in (LEFT, RIGHT)]
        vectors, many = (
            latent.combine([latent.mean(choose_sets(z, name, count, size, rng)) for z, name in ends], [-1, 1])
            for size in (TURN_EXEMPLARS, MANY)
        )
        fresh = torch.Generator().manual_seed(seed + 3_000_000)  # candidates come from the seed itself
        start = latent.sample(generator.architecture, count, fresh)
        fours = [latent.sample(generator.architecture, 4 * count, fresh).unflatten(0, (count, 4)) for _ in range(2)]
        nowhere = latent.combine([latent.mean(z) for z in fours], [1, -1])
        nowhere = nowhere * (vectors.norm(dim=1) / nowhere.norm(dim=1))[:, None]
        rises, same, poses = {}, {}, {}
        for key, vector in (("turn", vectors), ("many", many), ("random", nowhere)):
            answers = judge(latent.generate_pixels(generator, turned(start, vector).flatten(0, 1)))
            answers = {k: v.reshape(count, TURN_STEPS) for k, v in answers.items()}
            poses[key] = pose = answers["pose"]
            rises[key] = (pose[:, -1] - pose[:, 0] >= RISE) & (np.diff(pose, axis=1) >= -FALL).all(1)
            same[key] = _unchanged(answers, TURN_STEPS // 2, (0, -1))
        middle = {key: v[:, TURN_STEPS // 2] for key, v in answers.items()}  # the random faces themselves
        strangers = _unchanged({key: np.stack([v, np.roll(v, 1), np.roll(v, -1)], 1) for key, v in middle.items()}, 0, (1, 2))
        pose, kept = poses["turn"], same["turn"]
        quantiles = np.quantile(pose, [0.05, 0.5, 0.95], axis=0)
        monotone = {
            "steps": TURN_STEPS,
            "pose": {q: [round(float(p), 3) for p in row] for q, row in zip(("5%", "median", "95%"), quantiles, strict=True)},
            "rise": _mean(pose[:, -1] - pose[:, 0], 3),
            "never_falls": _mean((np.diff(pose, axis=1) >= -FALL).all(1)),
            "thirty_exemplars": _mean(rises["many"]),
            "random_direction": _mean(rises["random"]),
            "length_of_vector": {"four": _mean(vectors.norm(dim=1).numpy()), "thirty": _mean(many.norm(dim=1).numpy())},
        }
        identity = {
            "factors": {factor: _mean(column) for factor, column in zip(OTHERS, kept.T, strict=True)},
            "all_kept": _mean(kept.all(1)),
            "thirty_exemplars": _mean(same["many"]),
            "random_direction": _mean(same["random"]),
            "two_random_faces": _mean(strangers),
        }
        return {
            "monotone": Measurement(*share(rises["turn"]), count, seconds(), monotone),
            "identity": Measurement(*bootstrap(np.mean, kept.mean(1), seed=seed), count, seconds(), identity),
        }


def _mean(values: Any, digits: int = 4) -> float:
    return round(float(np.mean(values)), digits)


def _unchanged(answers: dict[str, np.ndarray], middle: int, ends: tuple[int, ...]) -> np.ndarray:
    """Which of OTHERS are at all `ends` as in the middle? answers: N x steps each. Returns bool, N x len(OTHERS)."""
    columns = []
    for key in OTHERS:
        values = answers[key]
        factor = scenes.FACTORS["drawn-portraits"][key]
        if factor.kind == "yes/no":
            changed = (values > 0.5) != (values[:, [middle]] > 0.5)
        else:
            changed = np.abs(values - values[:, [middle]]) > CLOSE * (factor.high - factor.low)
        columns.append(~changed[:, list(ends)].any(1))
    return np.stack(columns, 1)
