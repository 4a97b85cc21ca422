import numpy as np

from dcgan_core import pictures


def test_tiles_are_the_images_of_a_grid(tmp_path):
    from PIL import Image

    images = np.random.default_rng(0).integers(0, 256, (6, 3, 16, 16)).astype(np.uint8)
    for gap in (0, 1):
        Image.fromarray(pictures.grid(images, columns=3, gap=gap)).save(tmp_path / "grid.png")
        assert np.array_equal(pictures.tiles(tmp_path / "grid.png", 16, gap), images)
