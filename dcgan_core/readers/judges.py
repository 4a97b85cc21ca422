from __future__ import annotations

import json

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dcgan_core.drawings import scenes, sprites
from dcgan_core.drawings.canvas import Factor
from dcgan_core.errors import UserError
from dcgan_core.intervals import Measurement, bootstrap, share, timed
from dcgan_core.readers import fitting

SEEDS = 1000  # judge 0 learns from the pictures of seed 1000, judge 1 from 1001 …; the data sets have seeds 0 and 1
HELD_OUT_SEED = 999


class Judge(nn.Module):
    """Reads every factor off a picture: a probability for what is there or not, a number for what is a number.

    Raises UserError for an unknown set or a size that is no multiple of 16.
    """

    def __init__(self, name: str, size: int = 64, widths: tuple[int, ...] = (16, 32, 64, 128)) -> None:
        super().__init__()
        scenes.check_drawable(name, size, seed=0)
        if size % 16:
            raise UserError(f"judge of {name}: {size} px; choose a multiple of 16")
        self.name, self.size = name, size
        self.factors = {k: f for k, f in scenes.FACTORS[name].items() if f.kind != "choice" or k == "class"}
        layers, inputs = [], 3
        for width in widths:
            layers += [nn.Conv2d(inputs, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            inputs = width
        outputs = sum(len(sprites.SPRITES) if k == "class" else 1 for k in self.factors)
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(inputs * (size // 16) ** 2, outputs))

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """pixels: uint8 or float 0 … 255, N x 3 x size x size. Returns logits or numbers, N for each factor (class: N x 10)."""
        outputs = self.layers(pixels.float() / 127.5 - 1)
        columns = {k: len(sprites.SPRITES) if k == "class" else 1 for k in self.factors}
        return {k: part.squeeze(1) for k, part in zip(columns, outputs.split(list(columns.values()), 1), strict=True)}

    @torch.no_grad()
    def read(self, images: np.ndarray, batch: int = 512) -> dict[str, np.ndarray]:
        """uint8 N x 3 x size x size -> for each factor N probabilities, numbers, or class indices."""
        if images.ndim != 4 or images.shape[1:] != (3, self.size, self.size):
            shape = " x ".join(map(str, images.shape))
            raise UserError(f"judge of {self.name}: reads N x 3 x {self.size} x {self.size} pictures, got {shape}")
        device = next(self.parameters()).device
        parts = [self(torch.from_numpy(np.array(images[i : i + batch])).to(device)) for i in range(0, len(images), batch)]
        answers = {k: torch.cat([p[k] for p in parts]).float().cpu() for k in self.factors}
        for key, values in answers.items():
            if key == "class":
                answers[key] = values.argmax(1)
            elif self.factors[key].kind == "yes/no":
                answers[key] = values.sigmoid()
        return {key: values.numpy() for key, values in answers.items()}


def load_judge(name: str, seed: int = 0, size: int = 64, device: torch.device | str = "cpu") -> Judge:
    """The judge of a drawn set: shipped, else kept from an earlier call, else trained now (minutes on a CPU).

    Judges of different seeds have seen different pictures: let one choose and another score.
    """
    judge = Judge(name, size)
    note = {"judge": json.dumps({"set": name, "size": size, "pictures": fitting.PICTURES, "epochs": fitting.EPOCHS})}
    path = fitting.shipped_or_kept(f"{name}-{size}px-v{scenes.VERSION}-seed{seed}.safetensors")
    if not path.is_file():
        train_judge(judge, seed, device)
        fitting.save(judge, path, note)
    return fitting.restore(judge, path, "this judge's weights").to(device, memory_format=torch.channels_last)


def train_judge(
    judge: Judge, seed: int, device: torch.device | str = "cpu", pictures: int = fitting.PICTURES, epochs: int = fitting.EPOCHS
) -> None:
    """Trains on drawn pictures that are blurred and made noisy at random, so that it reads imperfect samples too."""
    drawn = scenes.draw(judge.name, pictures, judge.size, SEEDS + seed)
    images = torch.from_numpy(drawn.images)
    targets = {k: torch.from_numpy(drawn.factors[k]) for k in judge.factors}

    def loss(batch: Tensor, chosen: Tensor) -> Tensor:
        answers = judge(batch)
        return sum(_loss(judge.factors[k], k, answers[k], targets[k][chosen].to(device)) for k in judge.factors)

    what = f"judge of {judge.name}"
    fitting.fit(judge, images, loss, what, learning_rate=4e-3, epochs=epochs, batch=fitting.BATCH, seed=seed, device=device)


def _loss(factor: Factor, key: str, answer: Tensor, target: Tensor) -> Tensor:
    if key == "class":
        return F.cross_entropy(answer, target.long())
    if factor.kind == "yes/no":
        return F.binary_cross_entropy_with_logits(answer, target)
    return F.mse_loss(answer, target) / (factor.high - factor.low) ** 2


# --- how far a judge can be trusted -----------------------------------------------------------------------------------


def judge_accuracy(judge: Judge, factor: str, count: int = 4000, seed: int = HELD_OUT_SEED) -> Measurement:
    """On drawn pictures that it has not seen: the share of right answers, or, for numbers, of their variance explained (R²)."""
    with timed() as seconds:
        drawn = scenes.draw(judge.name, count, judge.size, seed)
        answer, truth = judge.read(drawn.images)[factor], drawn.factors[factor]
        kind = judge.factors[factor].kind
        if kind == "number":
            low, high = bootstrap(explained, np.stack([answer, truth], 1))
            return Measurement(explained(np.stack([answer, truth], 1)), low, high, count, seconds())
        right = (answer == truth) if kind == "choice" else ((answer > 0.5) == (truth > 0.5))
        return Measurement(*share(right), count, seconds())


def explained(pairs: np.ndarray) -> float:
    answer, truth = pairs.T
    return float(1 - np.mean((answer - truth) ** 2) / np.var(truth))


# --- what samples show ------------------------------------------------------------------------------------------------


def statements(judge: Judge, images: np.ndarray) -> dict[str, np.ndarray]:
    """What can be said of pictures in yes or no, as probabilities, N each: what is there, which way a face looks, the class."""
    table = {}
    for key, values in judge.read(images).items():
        if key == "class":
            table |= {sprite: (values == i).astype(np.float32) for i, sprite in enumerate(sprites.SPRITES)}
        elif key == "pose":
            table |= {"looks left": (values < -1 / 3).astype(np.float32), "looks right": (values > 1 / 3).astype(np.float32)}
        elif judge.factors[key].kind == "yes/no" and key != "mirrored":  # half of the sprites are symmetric
            table[key] = values
    return table
