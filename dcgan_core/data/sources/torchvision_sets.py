"""MNIST, CIFAR-10, SVHN and CelebA as torchvision has them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dcgan_core.data.sources import published, source
from dcgan_core.data.sources.source import Contents, Picture, Source


def torchvision_source(name: str, root: Path) -> Source:
    known = published.KNOWN[name]
    paths = [root / file for file in known.files]

    def contents(_: int) -> Contents:
        if name == "celeba":
            return _celeba(root)
        sets = {split: _opened(name, root, split) for split in source.SPLITS}
        if name == "mnist":
            return source.from_arrays({s: (d.data.numpy(), d.targets.numpy()) for s, d in sets.items()}, tuple("0123456789"))
        if name == "cifar10":
            classes = tuple(sets["train"].classes)
            return source.from_arrays({s: (d.data, np.array(d.targets)) for s, d in sets.items()}, classes)
        both = {s: (d.data.transpose(0, 2, 3, 1), d.labels) for s, d in sets.items()}  # N x 3 x H x W there
        return source.from_arrays(both, tuple("0123456789"))

    stamp, fingerprint = lambda: source.stamp_of(paths), lambda: source.checksum(paths)
    return Source(name, str(root), known.licence, known.size, known.channels, stamp, fingerprint, contents)


def _opened(name: str, root: Path, split: str, download: bool = False) -> Any:
    """torchvision's own data set."""
    from torchvision import datasets  # here, because it takes seconds and a prepared set never needs it

    if name == "celeba":
        return datasets.CelebA(str(root), split=split, download=download)
    if name == "svhn":
        return datasets.SVHN(str(root), split=split, download=download)
    kind = datasets.MNIST if name == "mnist" else datasets.CIFAR10
    return kind(str(root), train=split == "train", download=download)


def _celeba(root: Path) -> Contents:
    parts = {split: _opened("celeba", root, split) for split in ("train", "valid", "test")}
    counts = {split: len(data) for split, data in parts.items()}

    def pictures(done: int, last: str) -> Iterator[Picture]:
        for split, i in source.numbered(counts, done):
            path = root / "celeba" / "img_align_celeba" / parts[split].filename[i]
            row = tuple((parts[split].attr[i] * 2 - 1).tolist())
            yield Picture(path.name, "test" if split == "test" else "train", 0, row, source.given(path))

    return Contents(pictures, sum(counts.values()), (), tuple(n for n in parts["train"].attr_names if n))


def fetch(name: str, root: Path) -> None:
    """Downloads a set. Raises whatever torchvision does."""
    for split in source.SPLITS if name == "svhn" else ("train",):  # the others come whole
        _opened(name, root, split, download=True)
