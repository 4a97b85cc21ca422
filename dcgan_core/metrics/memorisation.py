"""Does a net copy what it was trained on? By distances in pixels. (Paper §4.1)

The authors make no search for nearest neighbours, since small changes fool such distances (§6). So `copies` looks for copies
that are moved or mirrored, too, and is itself measured on planted ones.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dcgan_core import intervals, latent
from dcgan_core.data import nearest
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

    samples, _ = neighbours.nearest(generate_samples(generator, count, seed), train, device)
    unseen, _ = neighbours.nearest(held_out, train, device)
    details = {
        "samples_to_train": float(np.median(samples)),
        "held_out_to_train": float(np.median(unseen)),
        "held_out": len(held_out),
        "train": len(train),
        "histogram": {"bin": BIN, "samples": _histogram(samples), "held_out": _histogram(unseen)},
    }
    return Measurement(*intervals.bootstrap(ratio, samples, unseen, seed=seed), count, details=details)


def memorisation_seen(generator: Generator, train: np.ndarray, held_out: np.ndarray, count: int, seed: int = 0) -> Measurement:
    """Does the net come closer to what it was trained on than to what it never saw? (Paper §4.1)

    The mean distance of training images to their nearest of `count` samples, over that of as many held-out images. A net that
    copies meets its training images more closely and falls below 1; smooth samples are as near to both. It sees copies only
    where there are enough samples to hit a fair part of the training images.
    """
    device = next(generator.parameters()).device

    def ratio(a: np.ndarray, b: np.ndarray) -> float:
        return float(a.mean() / b.mean())

    samples = generate_samples(generator, count, seed)
    chosen = np.random.default_rng(seed).permutation(len(train))[: len(held_out)]
    seen, _ = neighbours.nearest(train[np.sort(chosen)], samples, device)
    unseen, _ = neighbours.nearest(held_out, samples, device)
    details = {"seen": float(seen.mean()), "unseen": float(unseen.mean()), "images_of_each": len(unseen)}
    return Measurement(*intervals.bootstrap(ratio, seen, unseen, seed=seed), count, details=details)


# --- copies, be they moved or mirrored ----------------------------------------------------------------------------------

SIDE, COARSE = 32, 16  # pixels across in which images are compared, and in which candidates are found
CANDIDATES = 20
QUANTILE = 0.01  # of unseen pictures: what lies below it is called a copy
PLANTED = 200


def copies(samples: np.ndarray, train: np.ndarray, held_out: np.ndarray, seed: int = 0) -> Measurement:
    """How many samples are copies of training images? (Paper §4.1)

    Of each sample the CANDIDATES nearest training images are found, mirrored ones too, and compared once more, also moved by
    two of 64 pixels each way. Its score is the nearest one's distance over the mean of the others': near 1 for whatever has
    no twin, however smooth it is. The value is the share of samples that score below the QUANTILE of held-out pictures, less
    that share of these (QUANTILE): 0 where samples are no nearer to one training image than unseen pictures are. Pictures that
    the set holds twice are in it with their twins and hide some copies; held-out photographs may show the same people.

    `details`: `caught`, the shares of PLANTED copies that would be called so, by what was done to them. samples, train,
    held_out: uint8 N x C x S x S. The interval draws samples and held-out pictures anew.
    """
    rng = np.random.default_rng(seed)
    known = _prepared(train)
    of_samples, of_unseen = (_scores(_prepared(images), known) for images in (samples, held_out))

    planted = train[np.sort(rng.permutation(len(train))[:PLANTED])]
    limit = float(np.quantile(of_unseen, QUANTILE))
    caught = {how: intervals.share(_scores(_prepared(changed), known) < limit) for how, changed in changed_copies(planted, rng)}
    details = {
        "limit": limit,
        "caught": {how: [round(float(x), 4) for x in found] for how, found in caught.items()},
        "train": len(train),
        "held_out": len(held_out),
    }
    return Measurement(*beyond_unseen(of_samples, of_unseen, seed), len(samples), details=details)


def beyond_unseen(samples: np.ndarray, unseen: np.ndarray, seed: int = 0) -> tuple[float, float, float]:
    """The share of samples that score below the QUANTILE of unseen pictures, less QUANTILE, with its interval."""

    def more(a: np.ndarray, b: np.ndarray) -> float:
        return float((a < np.quantile(b, QUANTILE)).mean() - QUANTILE)

    return intervals.bootstrap(more, samples, unseen, seed=seed)


def changed_copies(images: np.ndarray, rng: np.random.Generator) -> list[tuple[str, np.ndarray]]:
    """What a copyist might draw: these images (uint8 N x C x S x S), and moved by up to two pixels each way, mirrored, soft."""
    side = images.shape[-1]
    wide = np.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2)), "edge")
    moved = [w[:, y : y + side, x : x + side] for w, (y, x) in zip(wide, rng.integers(0, 5, (len(images), 2)), strict=True)]
    soft = F.avg_pool2d(torch.from_numpy(np.ascontiguousarray(images)).float(), 3, 1, 1, count_include_pad=False)
    mirrored = np.ascontiguousarray(images[..., ::-1])
    return [("exact", images), ("shifted", np.stack(moved)), ("mirrored", mirrored), ("softened", soft.byte().numpy())]


def _prepared(images: np.ndarray) -> Tensor:
    """N x C x SIDE x SIDE, 0 to 1."""
    parts = (torch.from_numpy(np.array(images[i : i + 1000])) for i in range(0, len(images), 1000))
    return torch.cat([F.interpolate(part.float() / 255, (SIDE, SIDE), mode="area") for part in parts])


def _coarse(images: Tensor) -> Tensor:
    """What candidates are found by: N x numbers, int8."""
    return (F.interpolate(images, (COARSE, COARSE), mode="area").flatten(1) * 255 - 128).round().to(torch.int8)


def _scores(images: Tensor, known: Tensor) -> np.ndarray:
    """The distance of each to the nearest of its candidates among `known`, over the mean distance to the others: N."""
    small = [nearest.transposed(_coarse(x)) for x in (known, known.flip(3))]
    inner, scores = slice(1, SIDE - 1), []
    for part in images.split(250):
        near = torch.maximum(*(nearest.closeness(_coarse(part), *x) for x in small))
        found = known[near.topk(min(CANDIDATES, len(known))).indices]  # n x K x C x SIDE x SIDE
        best = torch.full(found.shape[:2], torch.inf)
        for candidates in (found, found.flip(4)):
            for y in range(3):
                for x in range(3):
                    moved = candidates[..., y : y + SIDE - 2, x : x + SIDE - 2]
                    best = best.minimum((moved - part[:, None, :, inner, inner]).square().mean((2, 3, 4)))
        ordered = best.sqrt().sort(1).values
        scores.append(ordered[:, 0] / ordered[:, 1:].mean(1).clamp_min(1e-6))
    return torch.cat(scores).numpy()
