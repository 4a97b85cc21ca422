"""What would a net of D's shape learn from the labels alone? The control of §5.2."""

import time
from math import prod

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import tqdm

from dcgan_core import networks
from dcgan_core.data.images import ImageData, Kept
from dcgan_core.errors import UserError
from dcgan_core.intervals import share
from dcgan_core.networks import Architecture, Discriminator
from dcgan_core.probes import features
from dcgan_core.probes.protocols import Result
from dcgan_core.probes.tasks import VALIDATION


class SupervisedNet(nn.Module):
    """D's conv layers with one output for each class in place of the logit (§5.2's purely supervised net)."""

    def __init__(self, a: Architecture, classes: int, rng: torch.Generator) -> None:
        super().__init__()
        self.trunk = Discriminator(a, rng)
        self.trunk.dense = nn.ModuleList()
        self.head = nn.Linear(prod(a.base), classes)
        nn.init.normal_(self.head.weight, 0, 0.02, generator=rng)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor, dropout: float = 0.0) -> Tensor:
        h = self.trunk.features(x)[-1].flatten(1)  # N x units
        return self.head(F.dropout(h, dropout, self.training))


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

    Trials draw learning rate, weight decay, dropout and batch size; the one that is best on held-out images (at most
    VALIDATION) is scored on test. Returns the result (Wilson's interval) and a row for each trial.
    """
    began = time.perf_counter()
    rng = np.random.default_rng([seed, 64])
    order = rng.permutation(len(train))
    held_out = min(VALIDATION, len(order) // 5)
    held, rest, labels = order[:held_out], order[held_out:], train.known_labels
    chosen = np.concatenate([_some(rest[labels[rest] == k], labels_each, train, k, rng) for k in range(len(train.classes))])
    x, y = torch.from_numpy(np.array(train.images[np.sort(chosen)])), torch.from_numpy(labels[np.sort(chosen)]).to(device)
    rows, best = [], -1.0
    best_net: SupervisedNet | None = None
    with tqdm(total=trials * epochs, desc="random search", unit=" epochs", leave=False, delay=2, disable=not progress) as bar:
        for trial in range(trials):
            setting = {
                "learning_rate": float(10 ** rng.uniform(-4, -2)),
                "weight_decay": float(10 ** rng.uniform(-6, -2)),
                "dropout": float(rng.uniform(0, 0.7)),
                "batch": int(rng.choice([32, 64, 128])),
            }
            net = SupervisedNet(a, len(train.classes), torch.Generator().manual_seed(seed + trial))
            net.to(device).to(memory_format=torch.channels_last)
            _fit(net, x, y, setting, epochs=epochs, rng=rng, seed=seed + trial, bar=bar)
            value = float((_classify(net, Kept(train.images, held)) == labels[held]).mean())
            rows.append({**setting, "validation_accuracy": value})
            if value > best:
                best, best_net = value, net
    assert best_net is not None  # of one trial at least
    predictions = _classify(best_net, test.images)
    value, low, high = share(predictions == test.labels)
    seconds = time.perf_counter() - began
    return Result(value, low, high, len(predictions), 0.0, {}, seconds, predictions), rows


def _some(places: np.ndarray, count: int, train: ImageData, k: int, rng: np.random.Generator) -> np.ndarray:
    if len(places) < count:
        raise UserError(f"{train.name}: has {len(places)} images of class {train.classes[k]!r} to train on, not {count}")
    return rng.choice(places, count, replace=False)


def _fit(net: SupervisedNet, x: Tensor, y: Tensor, setting: dict, *, epochs: int, rng, seed: int, bar: tqdm) -> None:
    device, batch = y.device, min(setting["batch"], len(x))
    adam = torch.optim.AdamW(net.parameters(), setting["learning_rate"], weight_decay=setting["weight_decay"])
    steps = epochs * (len(x) // batch)
    schedule = torch.optim.lr_scheduler.LinearLR(adam, 1.0, 0.01, steps)
    net.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # dropout
        for _ in range(epochs):
            for part in torch.from_numpy(rng.permutation(len(x))[: len(x) // batch * batch]).split(batch):
                pixels = networks.to_input(x[part].to(device), net.trunk.architecture)
                loss = F.cross_entropy(net(pixels.contiguous(memory_format=torch.channels_last), setting["dropout"]), y[part])
                adam.zero_grad()
                loss.backward()
                adam.step()
                schedule.step()
            bar.update()
    # running averages of so few steps lag behind: the whole training set's statistics instead
    batches = (networks.to_input(part.to(device), net.trunk.architecture) for part in x.split(features.BATCH))
    networks.estimate_batchnorm(net, ((part,) for part in batches))
    net.eval()


@torch.no_grad()
def _classify(net: SupervisedNet, images) -> np.ndarray:
    device, a = net.head.weight.device, net.trunk.architecture
    parts = []
    for i in range(0, len(images), 256):
        pixels = networks.to_input(torch.from_numpy(np.array(images[i : i + 256])).to(device), a)
        parts.append(net(pixels.contiguous(memory_format=torch.channels_last)).argmax(1).cpu().numpy())
    return np.concatenate(parts)
