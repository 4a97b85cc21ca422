"""Is a walk through z smooth, and does it lead past copies? (Paper §6.1)"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from dcgan_core import intervals, latent
from dcgan_core.intervals import Measurement
from dcgan_core.metrics import neighbours
from dcgan_core.networks import Generator

Points = Callable[[Tensor], Tensor]  # images as G puts them out, N x C x S x S -> what they are compared by, N x D


def walk_steps(
    generator: Generator, pairs: int, steps: int, *, seed: int = 0, features: Points | None = None, fade: bool = False
) -> np.ndarray:
    """Distances between neighbours on `pairs` straight walks of `steps` steps, as shares of the way from end to end.

    With `features`, distances are between these instead of pixels. `fade`: not a walk, but a cross-fade of the
    pixels of its two ends. Returns pairs x steps. In pixels a cross-fade gives 1 / steps everywhere; a jump gives 1 once and
    0 else.
    """
    rng = torch.Generator().manual_seed(seed)
    a = generator.architecture
    start, end = latent.sample(a, pairs, rng), latent.sample(a, pairs, rng)
    z = latent.walk(start, end, steps + 1)  # pairs x (steps + 1) x latent
    shares = np.empty((pairs, steps))
    for i in range(pairs):
        if fade:
            images = latent.generate(generator, z[i][[0, -1]])
            images = torch.stack([torch.lerp(images[0], images[1], t / steps) for t in range(steps + 1)])
        else:
            images = latent.generate(generator, z[i])
        points = features(images) if features else images.flatten(1)
        moves = (points[1:] - points[:-1]).pow(2).mean(1).sqrt()
        way = (points[-1] - points[0]).pow(2).mean().sqrt()
        shares[i] = (moves / way.clamp_min(1e-6)).cpu().numpy()  # between equal images nothing moves
    return shares


def walk_smoothness(
    generator: Generator, pairs: int, *, steps: int = 16, seed: int = 0, features: Points | None = None
) -> Measurement:
    """Is a walk through z smooth? (Paper §6.1) Its largest step as a share of the distance between its ends, mean over pairs.

    1 would be a jump from one image to the other, 1 / steps an even cross-fade. With `features`: in these instead of pixels;
    there a cross-fade is not even (`walk_steps` with `fade`). It misleads where the whole walk leaves the straight line between
    the two images: then even steps are larger than 1 / steps.
    """
    largest = walk_steps(generator, pairs, steps, seed=seed, features=features).max(1)
    return Measurement(*intervals.bootstrap(np.mean, largest, seed=seed), pairs, details={"steps": steps})


def walk_objects(
    generator: Generator, read: Callable[[np.ndarray], dict[str, np.ndarray]], *, pairs: int, steps: int = 16, seed: int = 0
) -> dict[str, Measurement]:
    """Do objects come and go plausibly along straight walks, without sharp transitions? (Paper §6.1)

    read: uint8 images -> the probability of each thing that they may show, N numbers, such as a judge's. `plausible`: the share
    of its answers between 0.1 and 0.9 on images between the ends, less that at the ends: a cross-fade, or a muddle half-way,
    makes it hesitate. `objects`: of the walks whose ends differ in two things or more, the share where these do not all change
    in one step; a net that knows a few pictures by heart jumps from one to the other and scores 0. Misleads where the judge is
    sure of a muddle. Intervals are over walks. `details`: how many changes a walk has, and how many its ends ask for.
    """
    with intervals.timed() as seconds:
        rng = torch.Generator().manual_seed(seed)
        start, end = (latent.sample(generator.architecture, pairs, rng) for _ in range(2))
        z = latent.walk(start, end, steps + 1).flatten(0, 1)
        answers = np.stack([*read(latent.generate_pixels(generator, z)).values()], 1).reshape(pairs, steps + 1, -1)
        unsure, there = ((answers > 0.1) & (answers < 0.9)).mean(2), answers > 0.5  # pairs x (steps + 1), … x things
        between, ends = unsure[:, 1:-1].mean(1), unsure[:, [0, -1]].mean(1)
        changes, differ = there[:, 1:] != there[:, :-1], there[:, 0] != there[:, -1]
        at_once = (changes & differ[:, None]).sum(2).max(1)
        several = differ.sum(1) >= 2
        gradual = at_once[several] < differ.sum(1)[several]
        details = {
            "unsure_between": float(between.mean()),
            "unsure_at_the_ends": float(ends.mean()),
            "changes": float(changes.sum((1, 2)).mean()),
            "changes_needed": float(differ.sum(1).mean()),
            "steps": steps,
        }
        spent = seconds()
        return {
            "plausible": Measurement(*intervals.bootstrap(np.mean, between - ends, seed=seed), pairs, spent, details),
            "objects": Measurement(*intervals.share(gradual), len(gradual), spent, details),
        }


def walk_nearest(
    generator: Generator, train: np.ndarray, held_out: np.ndarray, *, pairs: int, steps: int = 12, seed: int = 0
) -> Measurement:
    """Are the images on a walk copies of training images? (Paper §6.1: jumps would mean that the net has memorised them.)

    The median distance of the images between the ends of straight walks to their nearest training image, over the median
    distance of held-out images to theirs. Copies would give a number near 0. Details: the median at each of the walk's `steps`
    images, ends included, on straight and on spherical walks. Misleads as `memorisation.distance_ratio` does: what is smoother
    is nearer.
    """
    device = next(generator.parameters()).device
    rng = torch.Generator().manual_seed(seed)
    start, end = (latent.sample(generator.architecture, pairs, rng) for _ in range(2))
    distances = {}
    for path in ("straight", "spherical"):
        z = latent.walk(start, end, steps, path).flatten(0, 1)
        distances[path] = neighbours.nearest(latent.generate_pixels(generator, z), train, device)[0].reshape(pairs, steps)
    unseen, _ = neighbours.nearest(held_out, train, device)

    def ratio(walks: np.ndarray, others: np.ndarray) -> float:
        return float(np.median(walks[:, 1:-1]) / np.median(others))

    details = {
        "held_out": float(np.median(unseen)),
        "train": len(train),
        **{path: [round(float(m), 5) for m in np.median(d, 0)] for path, d in distances.items()},
    }
    return Measurement(*intervals.bootstrap(ratio, distances["straight"], unseen, seed=seed), pairs, details=details)
