"""Which images are in which batch? Seed and step say it, so a resumed run needs no memory of it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import count

import numpy as np
import torch
from torch import Tensor

from dcgan_core.data.images import ImageData
from dcgan_core.training.update import State


def batches(data: ImageData, state: State) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Endless batches, from the step that `state` is at; of each, this process's share. A thread reads one batch ahead.

    Yields pixels, uint8 N x C x S x S, and N labels (None for nets without classes).
    """
    config, share = state.config, state.share

    def fetch(step: int) -> tuple[Tensor, Tensor | None]:
        chosen = batch_indices(step, config.batch, len(data), config.seed)[share]
        pixels = torch.from_numpy(data.images[chosen])
        if config.flip:
            turned = torch.from_numpy(mirrored(step, config.batch, config.seed)[share])
            pixels[turned] = pixels[turned].flip(-1)
        labels = torch.from_numpy(data.labels[chosen]) if data.labels is not None and config.architecture.num_classes else None
        if state.device.type == "cuda":
            pixels, labels = pixels.pin_memory(), labels.pin_memory() if labels is not None else None
        return pixels, labels

    with ThreadPoolExecutor(1) as pool:
        first = state.counts["step"]
        ahead = pool.submit(fetch, first)
        for step in count(first + 1):
            batch = ahead.result()
            ahead = pool.submit(fetch, step)
            yield batch


@lru_cache(maxsize=2)
def permutation(images: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(images)


def batch_indices(step: int, batch: int, images: int, seed: int) -> np.ndarray:
    """Indices of the `images` in batch number `step`: all of them in random order, then all again in another order, …"""
    start, end = step * batch, (step + 1) * batch
    epochs = range(start // images, (end - 1) // images + 1)
    order = np.concatenate([permutation(images, seed, epoch) for epoch in epochs])
    return order[start - epochs[0] * images :][:batch]


def mirrored(step: int, batch: int, seed: int) -> np.ndarray:
    """Which images of batch number `step` are mirrored where the config says `flip`: each with probability 1/2."""
    return np.random.default_rng([seed, step, 1]).random(batch) < 0.5
