"""What do drawn pictures, and samples, show? Judges read the factors of a drawn set off them."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dcgan_core.drawings import scenes, sprites
from dcgan_core.drawings.canvas import Factor
from dcgan_core.intervals import Measurement, bootstrap, share
from dcgan_core.readers import fitting
from dcgan_core.readers.fitting import Reader

SEEDS = 1000  # judge 0 learns from the pictures of seed 1000, judge 1 from 1001 …; the data sets have seeds 0 and 1
HELD_OUT_SEED = 999
PICTURES, EPOCHS = 20_000, 4


class Judge(Reader):
    """Reads every factor off a picture: a probability for what is there or not, a number for what is a number.

    Raises UserError for an unknown set or a size that is no multiple of 16.
    """

    kind, learning_rate, multiple, epochs = "judge", 4e-3, 16, EPOCHS

    def __init__(self, name: str, size: int = 64) -> None:
        super().__init__(name, size)
        scenes.check_drawable(name, size, seed=0)
        self.note = {"set": name, "size": size, "pictures": PICTURES, "epochs": self.epochs}
        self.factors = {k: f for k, f in scenes.FACTORS[name].items() if f.kind != "choice" or k == "class"}
        self.columns = [len(sprites.SPRITES) if k == "class" else 1 for k in self.factors]
        self.layers = fitting.classifier(size, (16, 32, 64, 128), sum(self.columns))

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """pixels: uint8 or float 0 … 255, N x 3 x size x size. Returns logits or numbers, N for each factor (class: N x 10)."""
        outputs = self.layers(pixels.float() / 127.5 - 1)
        return {k: part.squeeze(1) for k, part in zip(self.factors, outputs.split(self.columns, 1), strict=True)}

    def read(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """uint8 N x 3 x size x size -> for each factor N probabilities, numbers, or class indices."""
        parts = self.answers(images)
        answers = {k: torch.cat([p[k] for p in parts]).float().cpu() for k in self.factors}
        for key, values in answers.items():
            if key == "class":
                answers[key] = values.argmax(1)
            elif self.factors[key].kind == "yes/no":
                answers[key] = values.sigmoid()
        return {key: values.numpy() for key, values in answers.items()}


class MovedJudge(Judge):
    """Reads pictures that were moved and scaled (`fitting.move`), and looks at three times as many to learn it."""

    epochs = 3 * EPOCHS

    def vary(self, pixels: Tensor, rng: torch.Generator) -> Tensor:
        return super().vary(fitting.move(pixels.float(), rng), rng)


def load_judge(name: str, seed: int = 0, size: int = 64, device: torch.device | str = "cpu", *, moved: bool = False) -> Judge:
    """The judge of a drawn set: shipped, else kept from an earlier call, else trained now (minutes on a CPU).

    Judges of different seeds have seen different pictures: let one choose and another score. moved: a `MovedJudge`.
    """
    judge = (MovedJudge if moved else Judge)(name, size)
    file = f"{name}-{size}px-v{scenes.VERSION}-seed{seed}{'-moved' * moved}.safetensors"
    return fitting.load(file, "this judge's weights", lambda: train_judge(judge, seed, device), lambda _: judge, device)


def train_judge(
    judge: Judge, seed: int, device: torch.device | str = "cpu", *, pictures: int = PICTURES, epochs: int = 0
) -> Judge:
    """Trains on drawn pictures that are blurred and made noisy at random, so that it reads imperfect samples too."""
    drawn = scenes.draw(judge.name, pictures, judge.size, SEEDS + seed)
    targets = {k: torch.from_numpy(drawn.factors[k]) for k in judge.factors}

    def loss(batch: Tensor, chosen: Tensor) -> Tensor:
        answers = judge(batch)
        errors = (_loss(judge.factors[k], answers[k], targets[k][chosen].to(device)) for k in judge.factors)
        return sum(errors, torch.zeros(()))

    epochs = epochs or judge.epochs
    fitting.fit_reader(judge, drawn.images, loss, steps=epochs * (pictures // judge.batch), seed=seed, device=device)
    return judge


def _loss(factor: Factor, answer: Tensor, target: Tensor) -> Tensor:
    if factor.kind == "choice":
        return F.cross_entropy(answer, target.long())
    if factor.kind == "yes/no":
        return F.binary_cross_entropy_with_logits(answer, target)
    return F.mse_loss(answer, target) / (factor.high - factor.low) ** 2


def judge_accuracy(judge: Judge, factor: str, count: int = 4000) -> Measurement:
    """On drawn pictures that it has not seen: the share of right answers, or, for numbers, of their variance explained (R²)."""
    drawn = scenes.draw(judge.name, count, judge.size, HELD_OUT_SEED)
    answer, truth = judge.read(drawn.images)[factor], drawn.factors[factor]
    kind = judge.factors[factor].kind
    if kind == "number":
        return Measurement(*bootstrap(_explained, np.stack([answer, truth], 1)), count)
    right = (answer == truth) if kind == "choice" else ((answer > 0.5) == (truth > 0.5))
    return Measurement(*share(right), count)


def _explained(pairs: np.ndarray) -> float:
    answer, truth = pairs.T
    return float(1 - np.mean((answer - truth) ** 2) / np.var(truth))


def ways(pose: np.ndarray) -> dict[str, np.ndarray]:
    """Which way faces look, by their pose (-1 … 1): two statements of yes or no, 1 or 0 each."""
    return {"looks left": (pose < -1 / 3).astype(np.float32), "looks right": (pose > 1 / 3).astype(np.float32)}


def statements(judge: Judge, images: np.ndarray) -> dict[str, np.ndarray]:
    """What can be said of pictures in yes or no, as probabilities, N each: what is there, which way a face looks, the class."""
    table: dict[str, np.ndarray] = {}
    for key, values in judge.read(images).items():
        if key == "class":
            table |= {sprite: (values == i).astype(np.float32) for i, sprite in enumerate(sprites.SPRITES)}
        elif key == "pose":
            table |= ways(values)
        elif judge.factors[key].kind == "yes/no" and key != "mirrored":  # half of the sprites are symmetric
            table[key] = values
    return table
