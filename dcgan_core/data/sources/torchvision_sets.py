"""MNIST, CIFAR-10, SVHN and CelebA as torchvision has them."""

import zlib
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
        classes = tuple(sets["train"].classes) if name == "cifar10" else tuple("0123456789")
        return source.from_arrays({split: _arrays(name, data) for split, data in sets.items()}, classes)

    stamp = lambda: source.stamp_of(paths)  # noqa: E731
    fingerprint = lambda: source.digest([p.name, p.stat().st_size, zlib.crc32(p.read_bytes())] for p in paths)  # noqa: E731
    return Source(name, str(root), known.licence, known.size, known.channels, stamp, fingerprint, contents)


def _opened(name: str, root: Path, split: str, *, download: bool = False) -> Any:
    """torchvision's own data set."""
    from torchvision import datasets  # here, because it takes seconds and a prepared set never needs it

    kind = {"mnist": datasets.MNIST, "cifar10": datasets.CIFAR10, "svhn": datasets.SVHN, "celeba": datasets.CelebA}[name]
    part: dict[str, Any] = {"split": split} if name in ("svhn", "celeba") else {"train": split == "train"}
    return kind(str(root), download=download, **part)


def _arrays(name: str, data: Any) -> tuple[np.ndarray, np.ndarray]:
    """Images N x H x W [x C] and labels."""
    if name == "svhn":
        return data.data.transpose(0, 2, 3, 1), data.labels
    return np.asarray(data.data), np.asarray(data.targets)


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
