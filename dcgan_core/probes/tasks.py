"""A labelled data set as features: which images, in which order, seen by what? (Paper §5)"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, replace

import numpy as np
import torch
from torch import Tensor

from dcgan_core import devices, networks
from dcgan_core.config_io import did_you_mean
from dcgan_core.data import loading
from dcgan_core.data.images import ImageData, Kept
from dcgan_core.data.sources import source
from dcgan_core.errors import UserError
from dcgan_core.networks import Architecture
from dcgan_core.probes import baselines, features
from dcgan_core.probes.features import Features
from dcgan_core.probes.svm import BLOCK
from dcgan_core.runs import Run

VALIDATION = 10_000  # training images held out to choose C (paper §5.2)
KINDS = ("trained", "random", "pixels", "kmeans")


@dataclass(frozen=True)
class Question:
    """What is probed: whose features, of which images?

    `trained` features are those of a run's D, `random` ones those of the same net untrained. For these and the others, which
    see nothing of the run, its architecture will do.
    """

    net: Run | Architecture
    dataset: str
    kind: str = "trained"  # or another of KINDS
    _: KW_ONLY
    layers: Sequence[int] | None = None  # D's conv layers, numbered from 1; default: all
    images: int | None = None  # so many training images (default: all), of which a fifth, at most VALIDATION, are held out
    test_images: int | None = None
    labels_each: int | None = None  # what `per_class` will ask for; too many are refused before the features are made
    grey_as_colour: bool = False  # images of one channel are shown to a net that sees three, the channel repeated
    centroids: int = 1600  # of K-means
    precision: str = "single"  # of D's layers
    device: torch.device | str = "cpu"
    seed: int = 0
    progress: bool = True

    @property
    def architecture(self) -> Architecture:
        return self.net if isinstance(self.net, Architecture) else self.net.architecture


@dataclass
class Task:
    """A labelled data set as features: everything a protocol needs.

    The training images come in random order; the first `held_out` of them choose C. Batchnorm's statistics, centroids and
    scalings come from the others alone.
    """

    name: str
    classes: tuple[str, ...]
    x: Tensor  # training features, shuffled
    labels: np.ndarray
    held_out: int
    test_x: Tensor
    test_labels: np.ndarray
    features: Features
    test_order: np.ndarray  # place in the test set of each of its rows
    seconds: float = 0.0  # of making the features

    def only(self, columns: slice) -> Task:
        """With some of the features."""
        return replace(self, x=self.x[:, columns], test_x=self.test_x[:, columns])


def make_task(q: Question) -> Task:
    """Shuffles, holds images out to choose C, and computes the features of all.

    Raises UserError for what cannot be probed, before anything is computed.
    """
    make = _maker(q)
    train, test = load_pair(q.dataset, q.architecture, grey_as_colour=q.grey_as_colour)
    began = time.perf_counter()
    order = np.random.default_rng(q.seed).permutation(len(train))
    if q.images is not None:
        if not 10 <= q.images <= len(train):
            raise UserError(f"`images` {q.images}: {train.name} has {len(train):,} training images; use 10 or more of them")
        order = order[: q.images]
    held_out = min(VALIDATION, len(order) // 5)
    if not held_out:
        raise UserError(f"{train.name}: {len(order)} training images are too few to hold any out")
    labels, tested = train.known_labels[order], np.arange(len(test))
    if q.labels_each is not None:
        places_of_classes(labels, held_out, train.classes, q.labels_each, train.name)
    if q.test_images:
        tested = np.random.default_rng([q.seed, 1]).permutation(len(test))[: q.test_images]
    how = make(Kept(train.images, order[held_out:]))
    both = features.storage(len(order) + len(tested), how.count)  # one check of memory for both
    x, test_x = both[: len(order)], both[len(order) :]
    features.extract(how, Kept(train.images, order), out=x, progress=q.progress)
    features.extract(how, Kept(test.images, tested), out=test_x, progress=q.progress)
    if how.standardise:
        _standardise(x[held_out:], both)
    seconds = time.perf_counter() - began
    return Task(train.name, train.classes, x, labels, held_out, test_x, test.known_labels[tested], how, tested, seconds)


def _maker(q: Question) -> Callable[[Kept], Features]:
    """Makes features, having estimated what they need on the images it gets: the training images that are not held out."""
    if q.kind not in KINDS:
        raise UserError(f"`kind` {q.kind}{did_you_mean(q.kind, KINDS)}")
    a, precision = q.architecture, devices.precision(q.precision, q.device)
    if q.kind in ("pixels", "kmeans"):
        if q.layers:
            raise UserError(f"`layers`: {q.kind} have none; leave it out")
        if q.kind == "pixels":
            return lambda rest: baselines.of_pixels(a.channels, a.size, q.device)
        return lambda rest: baselines.of_kmeans(rest, q.centroids, q.seed, q.device)
    if q.kind == "trained":
        if not isinstance(q.net, Run):
            raise UserError("`kind` trained: needs a run; an architecture alone has no trained features")
        net = features.discriminator_of(q.net, q.device)
    else:
        net = networks.build(a, q.seed)[1].to(q.device).to(memory_format=devices.layout(q.device))
    how = features.of_discriminator(net, q.layers, name=f"{q.kind} discriminator", precision=precision)

    def make(rest: Kept) -> Features:
        features.estimate_on(net, rest, seed=q.seed, progress=q.progress, precision=precision)
        return how

    return make


def load_pair(
    name: str, a: Architecture, *, grey_as_colour: bool = False, download: bool = True
) -> tuple[ImageData, ImageData]:
    """Training and test images of a labelled data set as a net of this architecture sees them.

    grey_as_colour: images of one channel are shown to a net that sees three, the channel repeated.
    Raises UserError where there are no labels, no test images, or another number of channels.
    """
    train, test = (loading.load_data(name, a.size, split, download=download) for split in source.SPLITS)
    if train.labels is None:
        raise UserError(f"{name}: has no labels; a probe needs folders named after the classes, in train/ and test/")
    if train.channels != a.channels:
        if not (grey_as_colour and train.channels == 1):
            hint = "; `grey_as_colour` repeats the one channel" if train.channels == 1 else ""
            raise UserError(f"{name}: images with {train.channels} channel(s); this net takes {a.channels}{hint}")
        train, test = (
            replace(d, images=np.broadcast_to(d.images, (len(d), a.channels, a.size, a.size))) for d in (train, test)
        )
    return train, test


def places_of_classes(
    labels: np.ndarray, held_out: int, classes: Sequence[str], labels_each: int, name: str
) -> list[np.ndarray]:
    """The rows of each class that are not held out. Raises UserError where a class has fewer than `labels_each`."""
    if labels_each < 1:
        raise UserError(f"`labels_each` {labels_each}: at least 1")
    places = [np.flatnonzero(labels[held_out:] == k) + held_out for k in range(len(classes))]
    fewest = min(range(len(classes)), key=lambda k: len(places[k]))
    if labels_each > len(places[fewest]):
        raise UserError(
            f"`labels_each` {labels_each}: {name} has {len(places[fewest])} images of class {classes[fewest]!r}"
            " that are not held out; ask for at most so many"
        )
    return places


def _standardise(of: Tensor, all_: Tensor) -> None:
    """Every column of `all_` to mean 0 and deviation 1 over the rows `of`, in place (Coates, Lee and Ng add 0.01)."""
    count, total, squares = len(of), torch.zeros(()), torch.zeros(())
    for part in of.split(BLOCK):
        total = total + part.double().sum(0)
        squares = squares + part.double().pow(2).sum(0)
    mean = total / count
    deviation = (squares / count - mean.pow(2) + 0.01).clamp_min(1e-6).sqrt()
    for part in all_.split(BLOCK):
        part.copy_((part.double() - mean) / deviation)
