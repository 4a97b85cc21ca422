"""MNIST, CIFAR-10, SVHN and CelebA as torchvision has them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dcgan_core.data.sources import published, source
from dcgan_core.data.sources.source import Contents, Picture, Source
from dcgan_core.errors import UserError, reason


def torchvision_source(name: str, root: Path) -> Source:
    size, channels, licence, marks = published.TORCHVISION[name]
    paths = [root / m for m in marks]

    def contents(_: int) -> Contents:
        import torchvision  # here, because it takes seconds and a prepared set never needs it

        if name == "mnist":
            sets = {s: torchvision.datasets.MNIST(str(root), train=s == "train") for s in source.SPLITS}
            return source.from_arrays({s: (d.data.numpy(), d.targets.numpy()) for s, d in sets.items()}, tuple("0123456789"))
        if name == "cifar10":
            sets = {s: torchvision.datasets.CIFAR10(str(root), train=s == "train") for s in source.SPLITS}
            classes = tuple(sets["train"].classes)
            return source.from_arrays({s: (d.data, np.array(d.targets)) for s, d in sets.items()}, classes)
        if name == "svhn":
            sets = {s: torchvision.datasets.SVHN(str(root), split=s) for s in source.SPLITS}
            both = {s: (d.data.transpose(0, 2, 3, 1), d.labels) for s, d in sets.items()}  # N x 3 x H x W there
            return source.from_arrays(both, tuple("0123456789"))
        faces = {s: torchvision.datasets.CelebA(str(root), split=s) for s in ("train", "valid", "test")}
        names = tuple(n for n in faces["train"].attr_names if n)

        def pictures(done: int, last: str) -> Iterator[Picture]:
            for split, data in faces.items():
                first, done = done, max(0, done - len(data))
                for i in range(first, len(data)):
                    path = root / "celeba" / "img_align_celeba" / data.filename[i]
                    row = tuple((data.attr[i] * 2 - 1).tolist())
                    yield Picture(path.name, "test" if split == "test" else "train", 0, row, lambda path=path: path)

        return Contents(pictures, sum(len(d) for d in faces.values()), (), names)

    return Source(
        name, str(root), licence, size, channels, lambda: source.stamp_of(paths), lambda: source.checksum(paths), contents
    )


def download(name: str) -> Path:
    """Fetches a set that torchvision knows into the data root (or, where that cannot be written, beside the cache)."""
    import torchvision

    root = (
        source.data_root()
        if os.access(source.data_root(), os.W_OK) or not source.data_root().exists()
        else source.cache_root().parent / "downloads"
    )
    root.mkdir(parents=True, exist_ok=True)
    print(f"{name}: not under {source.data_root()}; downloading it to {root}", file=sys.stderr)
    try:
        match name:
            case "mnist":
                torchvision.datasets.MNIST(str(root), download=True)
            case "cifar10":
                torchvision.datasets.CIFAR10(str(root), download=True)
            case "svhn":
                for split in source.SPLITS:
                    torchvision.datasets.SVHN(str(root), split=split, download=True)
            case "celeba":
                torchvision.datasets.CelebA(str(root), download=True)
    except Exception as error:  # torchvision raises whatever its network layer raises
        raise UserError(f"{name}: not found and not downloaded ({reason(error)}); {published.how_to_get(name)}") from None
    return root
