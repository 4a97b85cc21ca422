"""The exact search: against scikit-learn, at the extremes of whole numbers, and among the images of one set."""

import numpy as np
import pytest
import torch
from toy import brute, pictures

from dcgan_core.data import nearest
from dcgan_core.data.nearest import NearestLabels
from dcgan_core.errors import UserError


def distances(search: NearestLabels) -> np.ndarray:
    """Root-mean-square differences of pixels to the nearest reference, 0 to 1."""
    return search.squared().double().div(search.queries.shape[1]).sqrt().div(255).numpy()


@pytest.mark.parametrize(("size", "channels"), [(8, 1), (28, 1), (16, 3)])
def test_labels_and_distances_are_those_of_scikit_learn(size, channels):
    references, queries = pictures(2300, 0, size, channels), pictures(1100, 1, size, channels)
    labels = np.arange(2300) // 2  # which reference it was, nearly: scikit-learn warns of as many classes as images
    search = NearestLabels(queries)
    search.show(references[:700], labels[:700])  # in pieces of any length
    search.show(references[700:], labels[700:])
    assert np.array_equal(search.labels.numpy(), brute(references, labels, queries))
    flat = [x.reshape(len(x), -1).astype(float) / 255 for x in (references, queries[:50])]
    expected = np.sqrt(((flat[1][:, None] - flat[0]) ** 2).mean(2)).min(1)
    assert distances(search)[:50] == pytest.approx(expected, abs=1e-12)


def test_whole_numbers_stay_whole_at_the_extremes():
    """Black on white: the largest products there are. And one grey level among 784 pixels decides."""
    white = np.full((1, 1, 28, 28), 255, np.uint8)
    nearly = white.copy()
    nearly[0, 0, 3, 4] = 254
    search = NearestLabels(np.concatenate([white, nearly, 255 - white]))
    search.show(np.concatenate([nearly, white, 255 - white]), np.array([1, 2, 3]))
    assert search.labels.tolist() == [2, 1, 3]
    assert distances(search).tolist() == [0, 0, 0]


@pytest.mark.parametrize("length", [64, 1024, 1600])
def test_products_are_the_same_without_the_processors_byte_instructions(length, monkeypatch):
    rng = np.random.default_rng(0)
    a, b = (torch.from_numpy(rng.integers(-128, 128, s).astype(np.int8)) for s in ((30, length), (length, 50)))
    a[0], b[:, 0] = -128, -128
    expected = a.numpy().astype(np.int64) @ b.numpy().astype(np.int64)
    assert np.array_equal(nearest._products(a, b).numpy(), expected)
    monkeypatch.delattr(torch, "_int_mm")
    assert np.array_equal(nearest._products(a, b).numpy(), expected)


def test_larger_images_than_32_bits_can_hold_are_refused():
    assert 3 * 128**2 * nearest.LARGEST < 2**31 <= 3 * 128**2 * (nearest.LARGEST + 1)
    side = int(nearest.LARGEST**0.5)
    far, near = (np.full((1, 1, side, side), grey, np.uint8) for grey in (255, 1))
    search = NearestLabels(np.zeros_like(far))
    search.show(np.concatenate([far, near]), np.array([1, 2]))
    assert search.labels.tolist() == [2] and distances(search) == pytest.approx(1 / 255)
    with pytest.raises(UserError, match="43,690 at most"):
        NearestLabels(np.zeros((1, 1, side + 1, side + 1), np.uint8))


def test_of_equally_near_references_the_first_counts():
    query = pictures(3, 0)
    search = NearestLabels(query)
    search.show(np.concatenate([query, query]), np.array([1, 2, 3, 4, 5, 6]))
    search.show(query, np.array([7, 8, 9]))
    assert search.labels.tolist() == [1, 2, 3]


def test_twins_are_found_by_their_pixels(monkeypatch):
    monkeypatch.setattr(nearest, "ROWS", 7)
    images = pictures(20, 0, 32, 3)
    nearly = np.clip(images[:5].astype(int) + 10, 0, 255).astype(np.uint8)  # 10 / 255 = 0.04
    both = np.concatenate([images, nearly])
    assert nearest.twins(both, 0.07).tolist() == [20, 21, 22, 23, 24]
    assert nearest.twins(both, 0.01).tolist() == []
    assert nearest.twins(np.concatenate([images[:2], images[:2]]), 0.0).tolist() == [2, 3]


@pytest.mark.parametrize("rows", [16, 50, 1000])
def test_the_nearest_of_those_before_it(rows, monkeypatch):
    monkeypatch.setattr(nearest, "ROWS", rows)
    images = pictures(50, 3)
    search = NearestLabels(images)
    search.show(images, np.arange(50), earlier=True)
    flat = images.reshape(50, -1).astype(int)
    apart = ((flat[:, None] - flat) ** 2).sum(2)
    assert search.labels.tolist() == [-1, *(int(apart[i, :i].argmin()) for i in range(1, 50))]
    assert search.squared()[1:].tolist() == [int(apart[i, :i].min()) for i in range(1, 50)]
