"""Grids of images, their bytes."""

import io

import numpy as np
import pytest
from conftest import noise
from PIL import Image

from dcgan_core import pictures


@pytest.mark.parametrize("channels", [1, 3])
def test_every_image_of_a_grid_is_where_it_should_be(channels):
    images = np.random.default_rng(0).integers(0, 256, (5, channels, 4, 4), np.uint8)
    sheet = pictures.grid(images, columns=3, gap=2)
    assert sheet.shape == (2 * 4 + 2, 3 * 4 + 2 * 2, 3)
    for i, image in enumerate(images):
        top, left = i // 3 * 6, i % 3 * 6
        assert np.array_equal(sheet[top : top + 4, left : left + 4], np.broadcast_to(image.transpose(1, 2, 0), (4, 4, 3)))
    assert (sheet[4:6] == 255).all()  # the gap
    assert (sheet[:, 4:6] == 255).all()
    assert (sheet[6:, 12:] == 255).all()  # the empty place


def test_a_grid_is_about_square_or_as_its_rows_say():
    assert pictures.grid(np.zeros((9, 1, 4, 4), np.uint8), gap=0).shape == (12, 12, 3)
    assert pictures.grid(np.zeros((10, 1, 4, 4), np.uint8), gap=0).shape == (12, 16, 3)
    assert pictures.grid(np.zeros((2, 5, 1, 4, 4), np.uint8), gap=0).shape == (8, 20, 3)


def test_a_png_comes_back_pixel_by_pixel():
    picture = noise(0, 7, 5)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(pictures.encode(picture)))), picture)


def test_show_makes_each_pixel_a_square():
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 4), np.uint8)
    shown = np.asarray(pictures.show(images, columns=2, zoom=3, gap=1))
    assert np.array_equal(shown[::3, ::3], pictures.grid(images, 2, 1))
    assert np.array_equal(shown[1::3, 2::3], shown[::3, ::3])


def test_tiles_are_the_images_of_a_grid(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (6, 3, 16, 16)).astype(np.uint8)
    for gap in (0, 1):
        Image.fromarray(pictures.grid(images, columns=3, gap=gap)).save(tmp_path / "grid.png")
        assert np.array_equal(pictures.tiles(tmp_path / "grid.png", 16, gap), images)
