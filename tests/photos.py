"""Small data sets that tests write, and how they look once loaded."""

import struct

import numpy as np
from conftest import encode, noise

from dcgan_core.data import loading
from dcgan_core.data.images import ImageData


def pngs(count: int, prefix: str = "", first: int = 0) -> dict[str, bytes]:
    return {f"{prefix}{i:04d}.png": encode(noise(first + i)) for i in range(count)}


def plain(value: int, size: int = 16) -> bytes:
    return encode(np.full((size, size, 3), value, np.uint8))


def as_stored(pixels: np.ndarray) -> np.ndarray:
    return pixels.transpose(2, 0, 1)


def both(name: str, size: int | None = 16, **more) -> tuple[ImageData, ImageData]:
    return loading.load_data(name, size, "train", **more), loading.load_data(name, size, "test", **more)


def split_files() -> dict[str, bytes]:
    return {
        "train/cat/a.png": plain(10),
        "train/cat/b.png": plain(20),
        "train/dog/c.png": plain(30),
        "test/cat/d.png": plain(40),
        "test/dog/e.png": plain(50),
    }


def assert_split_files(name: str) -> None:
    train, test = both(name)
    assert train.classes == test.classes == ("cat", "dog")
    assert train.images[:, 0, 0, 0].tolist() == [10, 20, 30]
    assert train.labels.tolist() == [0, 0, 1]
    assert test.images[:, 0, 0, 0].tolist() == [40, 50]
    assert test.labels.tolist() == [0, 1]
    assert train.images.shape == (3, 3, 16, 16)
    assert train.images.dtype == np.uint8
    assert (len(train), train.size, train.channels) == (3, 16, 3)


def idx(path, values: np.ndarray) -> None:
    """MNIST's file format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes())


def mnist(root, train: int, test: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    sets = {}
    for split, prefix, count in (("train", "train", train), ("test", "t10k", test)):
        images = rng.integers(0, 256, (count, 28, 28), np.uint8)
        labels = rng.integers(0, 10, count).astype(np.uint8)
        idx(root / f"MNIST/raw/{prefix}-images-idx3-ubyte", images)
        idx(root / f"MNIST/raw/{prefix}-labels-idx1-ubyte", labels)
        sets[split] = (images, labels)
    return sets
