"""How many of the faces that are there does a detector find? (Paper §4.2)"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from PIL import Image

from dcgan_core import intervals
from dcgan_core.intervals import Measurement

FACE = (0.2, 0.28, 0.6)  # left, top and side of the face in a square crop of CelebA's aligned photographs, as shares of it
OVERLAP = 0.4  # of a face's box and a detection (IoU) from which the face counts as found


def canvas(rng: np.random.Generator) -> np.ndarray:
    """A texture without faces, as smooth as photographs are: noise of amplitude 1 / frequency. uint8, 240 x 320 x 3."""
    height, width = 240, 320
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


def pasted(photographs: np.ndarray, seed: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each photograph (uint8, N x 3 x S x S) scaled to 96 pixels somewhere on a canvas of its own, and the box of its face."""
    rng, side = np.random.default_rng(seed), 96
    for photograph in photographs:
        image = canvas(rng)
        left, top = rng.integers(0, image.shape[1] - side + 1), rng.integers(0, image.shape[0] - side + 1)
        scaled = Image.fromarray(photograph.transpose(1, 2, 0)).resize((side, side), Image.Resampling.BICUBIC)
        image[top : top + side, left : left + side] = scaled
        yield image, np.array([left + FACE[0] * side, top + FACE[1] * side, FACE[2] * side, FACE[2] * side])


def detector_recall(
    photographs: np.ndarray, detect: Callable[[np.ndarray], Iterable[np.ndarray]], seed: int = 0
) -> Measurement:
    """The share of faces pasted into large canvases that a detector finds.

    photographs: aligned like CelebA's, uint8, N x 3 x S x S. detect: an image (uint8, height x width x 3) -> boxes (left, top,
    width, height). Found is a face whose box overlaps a detection by OVERLAP. It misleads about the web: these faces are
    upright, nearly frontal and in the light, and the canvases have no crowds.
    """
    found, false = np.zeros(len(photographs)), np.zeros(len(photographs))
    for i, (image, face) in enumerate(pasted(photographs, seed)):
        overlaps = [overlap(box, face) for box in detect(image)]
        found[i] = max(overlaps, default=0.0) >= OVERLAP
        false[i] = sum(x < OVERLAP for x in overlaps)
    details = {"false_detections_per_image": float(false.mean()), "least_overlap": OVERLAP}
    return Measurement(*intervals.bootstrap(np.mean, found, seed=seed), len(found), details=details)
