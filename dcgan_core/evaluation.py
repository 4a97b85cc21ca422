"""How good are the samples? Every metric returns a `Measurement`: value, interval, number of cases, seconds.

Distances are root-mean-square differences of pixels, 0 for equal images, 1 for black against white.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dcgan_core import features, intervals, latent
from dcgan_core.data import face_detector
from dcgan_core.intervals import Measurement
from dcgan_core.networks import Discriminator, Generator


@torch.no_grad()
def nearest(queries: np.ndarray, references: np.ndarray, device: torch.device | str = "cpu") -> tuple[np.ndarray, np.ndarray]:
    """Each query's exact nearest reference: distances (RMS, 0 to 1) and indices.

    queries, references: uint8, N x C x S x S. Works through the references in blocks; memory stays below about 1 GB.
    """
    q = _flat(queries, device)
    best = torch.full((len(q),), torch.inf, device=q.device)
    which = torch.zeros(len(q), dtype=torch.long, device=q.device)
    norms = (q * q).sum(1)
    for start in range(0, len(references), 4096):
        r = _flat(references[start : start + 4096], device)
        squared = torch.addmm((r * r).sum(1), q, r.T, alpha=-2)  # + |q|^2, which changes nothing about who is nearest
        low, index = squared.min(1)
        closer = low < best
        best = torch.where(closer, low, best)
        which = torch.where(closer, index + start, which)
    distances = (best + norms).clamp_min(0).div(q.shape[1]).sqrt()
    return distances.cpu().numpy(), which.cpu().numpy()


def _flat(images: np.ndarray, device: torch.device | str) -> Tensor:
    return torch.from_numpy(np.array(images)).to(device).float().div(255).flatten(1)  # a copy: memory maps are read-only


def draw_samples(generator: Generator, count: int, seed: int) -> np.ndarray:
    """`count` images of random z, uint8 N x C x S x S; of a class-conditional net, one of each class in turn."""
    a = generator.architecture
    labels = torch.arange(count) % a.num_classes if a.num_classes else None
    return latent.draw_pixels(generator, latent.sample(a, count, torch.Generator().manual_seed(seed)), labels)


BIN = 0.01  # of histograms of distances


def histogram(distances: np.ndarray) -> list[int]:
    """How many distances lie in each bin of width BIN, the first beginning at 0."""
    return np.bincount((distances / BIN).astype(np.int64)).tolist()


def memorisation(generator: Generator, train: np.ndarray, held_out: np.ndarray, count: int, seed: int = 0) -> Measurement:
    """Are samples copies of training images? (Paper §4.1)

    The median distance of `count` samples to their nearest training image, over the median distance of held-out images to
    theirs. Copies would give a number near 0; unseen photographs give 1 by definition. It misleads where samples are smoother
    than photographs: a smooth image is nearer to everything, seen or not. `memorisation_seen` is free of that.
    """
    device = next(generator.parameters()).device

    def ratio(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.median(a) / np.median(b))

    with intervals.timed() as seconds:
        samples, _ = nearest(draw_samples(generator, count, seed), train, device)
        unseen, _ = nearest(held_out, train, device)
        low, high = intervals.bootstrap(ratio, samples, unseen, seed=seed)
        details = {
            "samples_to_train": float(np.median(samples)),
            "held_out_to_train": float(np.median(unseen)),
            "held_out": len(held_out),
            "train": len(train),
            "histogram": {"bin": BIN, "samples": histogram(samples), "held_out": histogram(unseen)},
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
        samples = draw_samples(generator, count, seed)
        chosen = np.random.default_rng(seed).permutation(len(train))[: len(held_out)]
        seen, _ = nearest(train[np.sort(chosen)], samples, device)
        unseen, _ = nearest(held_out, samples, device)
        low, high = intervals.bootstrap(ratio, seen, unseen, seed=seed)
        details = {"seen": float(seen.mean()), "unseen": float(unseen.mean()), "images_of_each": len(unseen)}
        return Measurement(ratio(seen, unseen), low, high, count, seconds(), details)


def walk_steps(
    generator: Generator,
    pairs: int,
    steps: int,
    seed: int = 0,
    path: str = "straight",
    discriminator: Discriminator | None = None,
    fade: bool = False,
) -> np.ndarray:
    """Distances between neighbours on `pairs` walks of `steps` steps, as shares of the distance between the walk's two ends.

    With a discriminator, distances are between its features instead of pixels. `fade`: not a walk, but a cross-fade of the
    pixels of its two ends. Returns pairs x steps. In pixels a cross-fade gives 1 / steps everywhere; a jump gives 1 once and
    0 else.
    """
    rng = torch.Generator().manual_seed(seed)
    a = generator.architecture
    start, end = latent.sample(a, pairs, rng), latent.sample(a, pairs, rng)
    z = latent.walk(start, end, steps + 1, path)  # pairs x (steps + 1) x latent
    shares = np.empty((pairs, steps))
    for i in range(pairs):
        if fade:
            images = latent.draw(generator, z[i][[0, -1]])
            images = torch.stack([torch.lerp(*images, t / steps) for t in range(steps + 1)])
        else:
            images = latent.draw(generator, z[i])
        points = images.flatten(1) if discriminator is None else pooled_features(discriminator, images)
        moves = (points[1:] - points[:-1]).pow(2).mean(1).sqrt()
        way = (points[-1] - points[0]).pow(2).mean().sqrt()
        shares[i] = (moves / way.clamp_min(1e-6)).cpu().numpy()  # between equal images nothing moves
    return shares


@torch.no_grad()
def pooled_features(discriminator: Discriminator, images: Tensor) -> Tensor:
    """All of D's conv layers, each max-pooled to 4 x 4 (paper §5.1): images as G puts them out -> N x features."""
    return torch.cat([features.pool(maps) for maps in discriminator.features(images)], 1).float()


def walk_smoothness(
    generator: Generator,
    pairs: int,
    steps: int = 16,
    seed: int = 0,
    path: str = "straight",
    discriminator: Discriminator | None = None,
) -> Measurement:
    """Is a walk through z smooth? (Paper §6.1) Its largest step as a share of the distance between its ends, mean over pairs.

    1 would be a jump from one image to the other, 1 / steps an even cross-fade. With a discriminator: in its features instead
    of pixels; there a cross-fade is not even, and is measured. It misleads where the whole walk leaves the straight line
    between the two images: then even steps are larger than 1 / steps.
    """
    with intervals.timed() as seconds:
        shares = walk_steps(generator, pairs, steps, seed, path, discriminator)
        largest = shares.max(1)
        low, high = intervals.bootstrap(lambda x: float(x.mean()), largest, seed=seed)
        fade = 1 / steps
        if discriminator is not None:
            fade = float(walk_steps(generator, pairs, steps, seed, path, discriminator, fade=True).max(1).mean())
        details = {
            "cross_fade": fade,
            "jump": 1.0,
            "mean_step": float(shares.mean()),
            "worst_of_all": float(largest.max()),
            "steps": steps,
            "path": path,
        }
        return Measurement(float(largest.mean()), low, high, pairs, seconds(), details)


def walk_nearest(
    generator: Generator, train: np.ndarray, held_out: np.ndarray, pairs: int, steps: int = 12, seed: int = 0
) -> Measurement:
    """Are the images on a walk copies of training images? (Paper §6.1: jumps would mean that the net has memorised them.)

    The median distance of the images between the ends of straight walks to their nearest training image, over the median
    distance of held-out images to theirs. Copies would give a number near 0. Details: the median at each of the walk's `steps`
    images, ends included, on straight and on spherical walks. Misleads as `memorisation` does: what is smoother is nearer.
    """
    device = next(generator.parameters()).device
    with intervals.timed() as seconds:
        rng = torch.Generator().manual_seed(seed)
        start, end = (latent.sample(generator.architecture, pairs, rng) for _ in range(2))
        distances = {}
        for path in ("straight", "spherical"):
            z = latent.walk(start, end, steps, path).flatten(0, 1)
            distances[path] = nearest(latent.draw_pixels(generator, z), train, device)[0].reshape(pairs, steps)
        unseen, _ = nearest(held_out, train, device)

        def ratio(walks: np.ndarray, others: np.ndarray) -> float:
            return float(np.median(walks[:, 1:-1]) / np.median(others))

        low, high = intervals.bootstrap(ratio, distances["straight"], unseen, seed=seed)
        details = {
            "held_out": float(np.median(unseen)),
            "train": len(train),
            **{path: [round(float(m), 5) for m in np.median(d, 0)] for path, d in distances.items()},
            "nearest_of_all": float(distances["straight"].min()),
            "nearest_held_out": float(unseen.min()),
        }
        return Measurement(ratio(distances["straight"], unseen), low, high, pairs, seconds(), details)


FACE = (0.2, 0.28, 0.6)  # left, top and side of the face in a square crop of CelebA's aligned photographs, as shares of it


def canvas(rng: np.random.Generator, height: int = 240, width: int = 320) -> np.ndarray:
    """A texture without faces, as smooth as photographs are: noise of amplitude 1 / frequency. uint8, height x width x 3."""
    y, x = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)
    falling = 1 / np.maximum(np.hypot(y, x), 1 / width)
    noise = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(3, height, width))) * falling, (height, width))
    noise -= noise.mean((1, 2), keepdims=True)
    noise *= 45 / noise.std((1, 2), keepdims=True)
    return (noise + 128).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes (left, top, width, height)."""
    inside = np.minimum(a[:2] + a[2:], b[:2] + b[2:]) - np.maximum(a[:2], b[:2])
    common = float(np.prod(np.maximum(inside, 0)))
    return common / (float(np.prod(a[2:])) + float(np.prod(b[2:])) - common)


def pasted(photographs: np.ndarray, seed: int = 0, side: int = 96) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each photograph (uint8, N x 3 x S x S) scaled to `side` somewhere on a canvas of its own, and the box of its face."""
    rng = np.random.default_rng(seed)
    for photograph in photographs:
        image = canvas(rng)
        left, top = rng.integers(0, image.shape[1] - side + 1), rng.integers(0, image.shape[0] - side + 1)
        scaled = Image.fromarray(photograph.transpose(1, 2, 0)).resize((side, side), Image.Resampling.BICUBIC)
        image[top : top + side, left : left + side] = scaled
        yield image, np.array([left + FACE[0] * side, top + FACE[1] * side, FACE[2] * side, FACE[2] * side])


def detector_recall(photographs: np.ndarray, seed: int = 0, least: float = 0.4) -> Measurement:
    """How many faces does the detector find? (Paper §4.2) The share of faces pasted into large canvases that it finds.

    photographs: aligned like CelebA's, uint8, N x 3 x S x S. Found is a face whose box overlaps (IoU) a detection by `least`.
    It misleads about the web: these faces are upright, nearly frontal and in the light, and the canvases have no crowds.
    """
    with intervals.timed() as seconds:
        found, false = np.zeros(len(photographs)), np.zeros(len(photographs))
        for i, (image, face) in enumerate(pasted(photographs, seed)):
            overlaps = [overlap(box, face) for box in face_detector.detect(image)]
            found[i] = max(overlaps, default=0.0) >= least
            false[i] = sum(x < least for x in overlaps)
        low, high = intervals.bootstrap(lambda x: float(x.mean()), found, seed=seed)
        details = {"false_detections_per_image": float(false.mean()), "least_overlap": least, "canvas": "320 x 240, 1/f noise"}
        return Measurement(float(found.mean()), low, high, len(found), seconds(), details)
