"""A net of D's shape that learns classes: from labels alone (the control of §5.2), or from where D left off (chapter 9.1)."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import prod

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import tqdm

from dcgan_core import devices, networks
from dcgan_core.data.images import ImageData, Kept
from dcgan_core.intervals import share
from dcgan_core.networks import Architecture, Discriminator
from dcgan_core.probes import features
from dcgan_core.probes.protocols import Result
from dcgan_core.probes.tasks import VALIDATION, places_of_classes


class SupervisedNet(nn.Module):
    """D's conv layers with one output for each class in place of the logit (§5.2's purely supervised net).

    every: the outputs read every conv layer's maps, pooled as a probe sees them; else the last layer's alone.
    """

    def __init__(self, a: Architecture, classes: int, rng: torch.Generator, *, every: bool = False) -> None:
        super().__init__()
        self.every = every
        self.trunk = Discriminator(a, rng)
        self.trunk.dense = nn.ModuleList()
        units = sum(part.stop - part.start for part in features.layer_columns(a).values()) if every else prod(a.base)
        self.head = nn.Linear(units, classes)
        nn.init.normal_(self.head.weight, 0, 0.02, generator=rng)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor, dropout: float = 0.0) -> Tensor:
        """x: N x channels x size x size, as G puts them out. Returns N x classes."""
        maps = self.trunk.features(x)
        h = torch.cat([features.pool_maps(m) for m in maps], 1) if self.every else maps[-1].flatten(1)  # N x units
        return self.head(F.dropout(h, dropout, self.training))


@dataclass(frozen=True)
class Hyperparameters:
    """How such a net learns: what a random search draws."""

    learning_rate: float  # AdamW's, the first; it falls linearly to a hundredth
    weight_decay: float
    dropout: float  # before the outputs
    batch: int

    @classmethod
    def random(cls, rng: np.random.Generator, *, slow: bool = False) -> "Hyperparameters":
        """slow: a tenth of the learning rates, for a net that has learnt before."""
        return cls(
            learning_rate=float(10 ** (rng.uniform(-4, -2) - slow)),
            weight_decay=float(10 ** rng.uniform(-6, -2)),
            dropout=float(rng.uniform(0, 0.7)),
            batch=int(rng.choice([32, 64, 128])),
        )


def random_search(
    train: ImageData,
    test: ImageData,
    a: Architecture,
    *,
    labels_each: int = 100,
    trials: int = 8,
    epochs: int = 30,
    device: torch.device | str = "cpu",
    seed: int = 0,
    progress: bool = True,
) -> tuple[Result, list[dict]]:
    """The paper's control (§5.2): a net like D that sees the labelled images alone, best of a random search.

    The trial that is best on held-out images (at most VALIDATION) is scored on test. Returns the result (Wilson's interval) and
    a row for each trial.
    """
    began = time.perf_counter()
    rng = np.random.default_rng([seed, 64])
    order = rng.permutation(len(train))
    held_out = min(VALIDATION, len(order) // 5)
    held, labels = order[:held_out], train.known_labels
    places = places_of_classes(labels[order], held_out, train.classes, labels_each, train.name)
    chosen = order[np.concatenate([rng.choice(rows, labels_each, replace=False) for rows in places])]
    x, y = torch.from_numpy(np.array(train.images[np.sort(chosen)])), torch.from_numpy(labels[np.sort(chosen)])
    rows, best = [], -1.0
    best_net: SupervisedNet | None = None
    with progress_bar("random search", trials * epochs * len(x), shown=progress) as bar:
        for trial in range(trials):
            setting = Hyperparameters.random(rng)
            net = SupervisedNet(a, len(train.classes), torch.Generator().manual_seed(seed + trial)).to(device)
            fit(net, x, y, setting, images=epochs * len(x), seed=seed + trial, bar=bar)
            value = float((scores(net, Kept(train.images, held)).argmax(1).numpy() == labels[held]).mean())
            rows.append({**asdict(setting), "validation_accuracy": value})
            if value > best:
                best, best_net = value, net
    assert best_net is not None  # of one trial at least
    predictions = scores(best_net, test.images).argmax(1).numpy()
    value, low, high = share(predictions == test.labels)
    seconds = time.perf_counter() - began
    return Result(value, low, high, len(predictions), 0.0, {}, seconds, predictions), rows


def progress_bar(title: str, images: int, *, shown: bool = True) -> tqdm:
    """Of the images that nets see while they learn."""
    return tqdm(total=images, desc=title, unit=" images", unit_scale=True, leave=False, delay=2, disable=not shown)


def fit(
    net: SupervisedNet,
    x: Tensor,
    y: Tensor,
    setting: Hyperparameters,
    *,
    images: int,
    seed: int,
    mirror: bool = False,
    own_statistics: bool = False,
    bar: tqdm | None = None,
) -> None:
    """Trains a net on labelled pictures by the cross-entropy, in place; it is in eval mode then.

    x: uint8 N x C x S x S; y: N classes. images: how many it sees, in whole batches. mirror: half of them, at random, mirrored.
    own_statistics: batchnorm keeps the statistics that the net came with, which its few pictures could only spoil. Else it
    normalises by each batch, and its statistics are estimated on x at the end: running averages of so few steps lag behind.
    """
    device, batch, a = net.head.weight.device, min(setting.batch, len(x)), net.trunk.architecture
    adam = torch.optim.AdamW(net.parameters(), setting.learning_rate, weight_decay=setting.weight_decay)
    steps = max(images // batch, 1)
    schedule = torch.optim.lr_scheduler.LinearLR(adam, 1.0, 0.01, steps)
    rng = np.random.default_rng(seed)
    net.to(memory_format=devices.layout(device)).train()
    for norm in networks.norms(net) if own_statistics else ():
        norm.eval()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)  # dropout
        for part in shuffled_batches(len(x), batch, steps, rng):
            pixels = x[part]
            if mirror:
                turned = torch.from_numpy(rng.random(len(part)) < 0.5)[:, None, None, None]
                pixels = torch.where(turned, pixels.flip(3), pixels)
            loss = F.cross_entropy(net(_as_seen(pixels.to(device), a), setting.dropout), y[part].to(device))
            adam.zero_grad()
            loss.backward()
            adam.step()
            schedule.step()
            if bar is not None:
                bar.update(len(part))
    if not own_statistics:
        networks.estimate_batchnorm(net, ((_as_seen(part.to(device), a),) for part in x.split(features.BATCH)))
    net.eval()


def shuffled_batches(count: int, batch: int, steps: int, rng: np.random.Generator) -> Iterator[Tensor]:
    """`steps` whole batches; all pictures but the rest of a division come once before any comes again."""
    order = torch.empty(0, dtype=torch.int64)
    for _ in range(steps):
        if len(order) < batch:
            order = torch.from_numpy(rng.permutation(count))
        yield order[:batch]
        order = order[batch:]


def _as_seen(pixels: Tensor, a: Architecture) -> Tensor:
    return networks.to_input(pixels, a).contiguous(memory_format=devices.layout(pixels.device))


@torch.no_grad()
def scores(net: SupervisedNet, images) -> Tensor:
    """The outputs for uint8 N x C x S x S: N x classes, in main memory."""
    device, a = net.head.weight.device, net.trunk.architecture
    parts = (images[i : i + 256] for i in range(0, len(images), 256))
    tensors = (part if isinstance(part, Tensor) else torch.from_numpy(np.array(part)) for part in parts)
    return torch.cat([net(_as_seen(part.to(device), a)).cpu() for part in tensors])
