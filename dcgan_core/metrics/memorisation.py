"""Does a net copy what it was trained on? By distances in pixels. (Paper §4.1)"""

import numpy as np
import torch

from dcgan_core import intervals, latent
from dcgan_core.intervals import Measurement
from dcgan_core.metrics import neighbours
from dcgan_core.networks import Generator


def generate_samples(generator: Generator, count: int, seed: int) -> np.ndarray:
    """Generates `count` images of random z, uint8 N x C x S x S; with a class-conditional net, of each class in turn."""
    a = generator.architecture
    labels = torch.arange(count) % a.num_classes if a.num_classes else None
    return latent.generate_pixels(generator, latent.sample(a, count, torch.Generator().manual_seed(seed)), labels)


BIN = 0.01  # of histograms of distances


def _histogram(distances: np.ndarray) -> list[int]:
    """How many distances lie in each bin of width BIN, the first beginning at 0."""
    return np.bincount((distances / BIN).astype(np.int64)).tolist()


def distance_ratio(generator: Generator, train: np.ndarray, held_out: np.ndarray, count: int, seed: int = 0) -> Measurement:
    """Are samples copies of training images? (Paper §4.1)

    The median distance of `count` samples to their nearest training image, over the median distance of held-out images to
    theirs. Copies would give a number near 0; unseen photographs give 1 by definition. It misleads where samples are smoother
    than photographs: a smooth image is nearer to everything, seen or not. `memorisation_seen` is free of that.
    """
    device = next(generator.parameters()).device

    def ratio(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.median(a) / np.median(b))

    with intervals.timed() as seconds:
        samples, _ = neighbours.nearest(generate_samples(generator, count, seed), train, device)
        unseen, _ = neighbours.nearest(held_out, train, device)
        low, high = intervals.bootstrap(ratio, samples, unseen, seed=seed)
        details = {
            "samples_to_train": float(np.median(samples)),
            "held_out_to_train": float(np.median(unseen)),
            "held_out": len(held_out),
            "train": len(train),
            "histogram": {"bin": BIN, "samples": _histogram(samples), "held_out": _histogram(unseen)},
        }
        return Measurement(ratio(samples, unseen), low, high, count, seconds(), details)


def memorisation_seen(generator: Generator, train: np.ndarray, held_out: np.ndarray, count: int, seed: int = 0) -> Measurement:
    """Does the net come closer to what it was trained on than to what it never saw? (Paper §4.1)

    The mean distance of training images to their nearest of `count` samples, over that of as many held-out images. A net that
    copies meets its training images more closely and falls below 1; smooth samples are as near to both. It sees copies only
    where there are enough samples to hit a fair part of the training images.
    """
    device = next(generator.parameters()).device

    def ratio(a: np.ndarray, b: np.ndarray) -> float:
        return float(a.mean() / b.mean())

    with intervals.timed() as seconds:
        samples = generate_samples(generator, count, seed)
        chosen = np.random.default_rng(seed).permutation(len(train))[: len(held_out)]
        seen, _ = neighbours.nearest(train[np.sort(chosen)], samples, device)
        unseen, _ = neighbours.nearest(held_out, samples, device)
        low, high = intervals.bootstrap(ratio, seen, unseen, seed=seed)
        details = {"seen": float(seen.mean()), "unseen": float(unseen.mean()), "images_of_each": len(unseen)}
        return Measurement(ratio(seen, unseen), low, high, count, seconds(), details)
