"""A finder: it learns where things are, and says so in boxes."""

import numpy as np
import pytest
from conftest import ships_from

from dcgan_core import assets
from dcgan_core.drawings import rooms, scenes
from dcgan_core.errors import UserError
from dcgan_core.readers import finder as finders
from dcgan_core.readers.finder import Finder, _boxes, finder_accuracy, load_finder, train_finder


@pytest.fixture(scope="module")
def finder():
    finder = Finder("drawn-rooms", 32)
    train_finder(finder, pictures=512, epochs=3)
    return finder


def test_a_finder_learns_where_beds_are(finder):
    found = finder_accuracy(finder, "bed", 200)
    assert found.low > 0.7 and found.details["overlap_with_mask"] > 0.5
    untrained = Finder("drawn-rooms", 32).eval()
    assert finder_accuracy(untrained, "bed", 200).details["overlap_with_mask"] < 0.3
    drawn = scenes.draw("drawn-rooms", 40, 32, 8)
    assert set(finder.read(drawn.images)) == set(rooms.ROOM_OBJECTS)


def test_every_patch_gets_its_box():
    mask = np.zeros((16, 16), bool)
    mask[2:5, 3:7] = mask[10:14, 8:10] = mask[0, 0] = True
    assert _boxes(mask) == ((6, 4, 8, 6), (16, 20, 4, 8)), "in pixels, and without the speck"


def test_a_finder_is_trained_once_and_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(finders, "PICTURES", 64)
    ships_from(monkeypatch, "judges", tmp_path / "none")
    trained = []
    train = train_finder
    monkeypatch.setattr(finders, "train_finder", lambda f, device: trained.append(1) or train(f, device, pictures=64, epochs=1))
    images = scenes.draw("drawn-rooms", 4, 32).images
    first, again = (load_finder("drawn-rooms", 32).locate(images, "bed") for _ in range(2))
    assert trained == [1]
    np.testing.assert_array_equal(first, again)
    kept = next((tmp_path / "cache" / "judges").glob("finder-*"))
    kept.write_bytes(b"nonsense")
    with pytest.raises(UserError, match="not this finder's weights"):
        load_finder("drawn-rooms", 32)


def test_the_shipped_finder_finds_windows():
    assert (assets.folder("judges") / f"finder-drawn-rooms-64px-v{scenes.VERSION}.safetensors").is_file(), (
        "would be trained anew"
    )
    assert finder_accuracy(load_finder("drawn-rooms"), "window", 150).value > 0.95


def test_pictures_and_objects_that_a_finder_does_not_know_are_refused(finder):
    with pytest.raises(UserError, match="knows no 'cat', only bed, door"):
        finder.locate(np.zeros((1, 3, 32, 32), np.uint8), "cat")
    with pytest.raises(UserError, match="reads N x 3 x 32 x 32 pictures, got 1 x 3 x 64 x 64"):
        finder.locate(np.zeros((1, 3, 64, 64), np.uint8), "bed")
    with pytest.raises(UserError, match="multiple of 8"):
        Finder("drawn-rooms", 20)
