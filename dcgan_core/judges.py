"""What is in a picture? Small classifiers trained on drawn scenes, whose factors are known exactly.

A judge reads samples of a generator: is there a window, does the face smile, how far is it turned? It learns from pictures of
its own (a seed of its own), never from those that a generator was trained on, and its accuracy on held-out pictures is part of
the ledger. Trained judges ship in `book/judges`; another size or seed is trained when first asked for, and kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import tqdm

from dcgan_core import assets
from dcgan_core.data.sources import source
from dcgan_core.drawings import scenes, sprites
from dcgan_core.drawings.canvas import Factor
from dcgan_core.errors import UserError
from dcgan_core.files import write_atomically
from dcgan_core.intervals import Measurement, bootstrap, share, timed

PICTURES, EPOCHS, BATCH = 20_000, 4, 64
SEEDS = 1000  # judge 0 learns from the pictures of seed 1000, judge 1 from 1001 …; the data sets have seeds 0 and 1
HELD_OUT_SEED = 999


class Judge(nn.Module):
    """Reads every factor off a picture: a probability for what is there or not, a number for what is a number.

    Raises UserError for an unknown set or a size that is no multiple of 16.
    """

    def __init__(self, name: str, size: int = 64, widths: tuple[int, ...] = (16, 32, 64, 128)) -> None:
        super().__init__()
        scenes.check(name, size, seed=0)
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
    note = {"judge": json.dumps({"set": name, "size": size, "pictures": PICTURES, "epochs": EPOCHS})}
    path = shipped_or_kept(f"{name}-{size}px-v{scenes.VERSION}-seed{seed}.safetensors")
    if not path.is_file():
        train_judge(judge, seed, device)
        save(judge, path, note)
    return restore(judge, path, "this judge's weights").to(device, memory_format=torch.channels_last)


def shipped_or_kept(file: str) -> Path:
    """Where a small net's weights lie: in the book, else in the cache (where they may yet have to be put).

    Raises UserError where neither has them and the book's cannot be found: one trained in its place would be another net.
    """
    kept = source.cache_root() / "judges" / file
    shipped = (assets.FOLDERS["judges"] if kept.is_file() else assets.folder("judges")) / file
    return shipped if shipped.is_file() else kept


def save(net: nn.Module, path: Path, note: dict[str, str]) -> None:
    """Half precision, batchnorm statistics in single; `note` goes into the file."""
    single = ("running_mean", "running_var", "num_batches_tracked")
    state = {k: v.cpu().contiguous() for k, v in net.state_dict().items()}
    state = {k: v if k.endswith(single) else v.half() for k, v in state.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, safetensors.torch.save(state, note))


def restore(net: nn.Module, path: Path, what: str) -> nn.Module:
    """Puts into `net` what `save` wrote. Raises UserError where the file is damaged or of another net."""
    try:
        state = safetensors.torch.load_file(path)
        net.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})
    except (safetensors.SafetensorError, OSError, RuntimeError) as error:
        raise UserError(f"{path}: not {what} ({str(error).splitlines()[0]}); delete it") from None
    return net.eval()


def train_judge(
    judge: Judge, seed: int, device: torch.device | str = "cpu", pictures: int = PICTURES, epochs: int = EPOCHS
) -> None:
    """Trains on drawn pictures that are blurred and made noisy at random, so that it reads imperfect samples too."""
    drawn = scenes.draw(judge.name, pictures, judge.size, SEEDS + seed)
    images = torch.from_numpy(drawn.images)
    targets = {k: torch.from_numpy(drawn.factors[k]) for k in judge.factors}

    def loss(batch: Tensor, chosen: Tensor) -> Tensor:
        answers = judge(batch)
        return sum(_loss(judge.factors[k], k, answers[k], targets[k][chosen].to(device)) for k in judge.factors)

    what = f"judge of {judge.name}"
    fit(judge, images, loss, what, learning_rate=4e-3, epochs=epochs, batch=BATCH, seed=seed, device=device)


def fit(
    net: nn.Module,
    images: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    what: str,
    *,
    learning_rate: float,
    epochs: int,
    batch: int,
    seed: int,
    device: torch.device | str,
) -> None:
    """Trains a net from PyTorch's own initial weights on spoiled pictures, in place, with a one-cycle learning rate.

    images: uint8 N x 3 x S x S. loss: of a spoiled batch on `device` and its places among the images. what: for the progress
    bar. learning_rate: its peak.
    """
    rng, steps = torch.Generator().manual_seed(seed), len(images) // batch
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in net.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
    net.to(device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=epochs * steps)
    order = torch.cat([torch.randperm(len(images), generator=rng)[: steps * batch] for _ in range(epochs)])
    for chosen in tqdm(order.split(batch), desc=what, leave=False, delay=2):
        error = loss(spoil(images[chosen], rng).to(device, memory_format=torch.channels_last), chosen)
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        schedule.step()
    net.eval()


def _loss(factor: Factor, key: str, answer: Tensor, target: Tensor) -> Tensor:
    if key == "class":
        return F.cross_entropy(answer, target.long())
    if factor.kind == "yes/no":
        return F.binary_cross_entropy_with_logits(answer, target)
    return F.mse_loss(answer, target) / (factor.high - factor.low) ** 2


def spoil(pixels: Tensor, rng: torch.Generator) -> Tensor:
    """Half of the pictures blurred, all with noise of a random strength: uint8 in, float 0 … 255 out."""
    picture = pixels.float()
    blurred = F.avg_pool2d(F.pad(picture, (1, 1, 1, 1), mode="replicate"), 3, 1)
    strength = torch.rand(len(pixels), 1, 1, 1, generator=rng)
    picture = torch.lerp(picture, blurred, (2 * strength - 1).clamp_min(0))
    amount = torch.rand(len(pixels), 1, 1, 1, generator=rng) * 20
    return picture + amount * torch.randn(picture.shape, generator=rng)


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
