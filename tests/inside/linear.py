"""A generator that is linear: row k of its image is as bright as number k of z, so every sum is exact. And its reader."""

import numpy as np
import torch
from torch import nn

from dcgan_core import latent
from dcgan_core.inside import exemplars
from dcgan_core.inside.exemplars import Pool
from dcgan_core.networks import Architecture

ROWS = ("smile", "long_hair", "glasses", "beard", "pose", "hair_colour", "skin", "nothing")


class Linear(nn.Module):
    """Draws z / 8, one number a row."""

    def __init__(self, scale: float = 1 / 8) -> None:
        super().__init__()
        self.architecture = Architecture(8, 1, (4,), (2,), latent=8)
        self.scale = scale
        self.nothing = nn.Parameter(torch.zeros(1))

    def forward(self, z, labels=None):
        return (z * self.scale)[:, None, :, None].expand(-1, 1, 8, 8).clamp(-1, 1)


def reader(images: np.ndarray) -> dict[str, np.ndarray]:
    """Reads z off the image again: probabilities for what is there or not, numbers for the rest."""
    z = (images[:, 0, :, 0] / 127.5 - 1) * 8
    answers = dict(zip(ROWS, z.T.astype(np.float32), strict=True))
    for key in ROWS[:4]:
        answers[key] = 1 / (1 + np.exp(-8 * answers[key]))
    for key in ("hair_colour", "skin"):
        answers[key] = (answers[key] + 1) / 2
    answers["looks left"] = (answers["pose"] < -1 / 3).astype(np.float32)
    answers["looks right"] = (answers["pose"] > 1 / 3).astype(np.float32)
    return answers


def z_of(count: int, seed: int = 0) -> torch.Tensor:
    return latent.sample(Linear().architecture, count, torch.Generator().manual_seed(seed))


def candidates(count: int, seed: int = 0, scale: float = 1 / 8) -> Pool:
    return exemplars.gather(Linear(scale), reader, count, seed)
