"""Sets without files: scikit-learn's digits, the book's drawings."""

import numpy as np
from photos import both

import dcgan_core.data.sources.drawn as drawn_module
from dcgan_core.data import loading
from dcgan_core.data.sources import source
from dcgan_core.drawings import scenes
from dcgan_core.drawings.sprites import SPRITES


def test_the_digits_come_with_scikit_learn():
    from sklearn.datasets import load_digits

    train, test = both("digits", None)
    assert len(train) + len(test) == len(load_digits().images) == 1797
    assert 50 <= len(test) <= 130
    assert (train.size, train.channels, train.classes) == (8, 1, tuple("0123456789"))
    known = {
        np.round(x * 255 / 16).astype(np.uint8).tobytes(): int(y) for x, y in zip(*load_digits(return_X_y=True), strict=True)
    }
    assert [known[image.tobytes()] for image in train.images] == train.labels.tolist()


def test_a_drawn_set_loads_like_any_other(monkeypatch):
    monkeypatch.setattr(drawn_module, "DRAWN", {"train": 40, "test": 10})
    train, test = (loading.load_data("drawn-portraits", 32, split) for split in source.SPLITS)
    assert train.images.shape == (40, 3, 32, 32) and len(test) == 10
    drawn = scenes.draw("drawn-portraits", 40, 32, seed=0)
    np.testing.assert_array_equal(train.images, drawn.images)
    assert train.attribute_names == ("smile", "glasses", "beard", "long_hair")
    np.testing.assert_array_equal(train.attributes[:, 0], np.where(drawn.factors["smile"] > 0, 1, -1))
    assert not any(np.array_equal(image, other) for image in test.images for other in train.images)
    sprites = loading.load_data("drawn-sprites")
    assert sprites.size == 32 and sprites.classes == SPRITES and len(set(sprites.labels)) > 5
