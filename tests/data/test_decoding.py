"""From a file to a square of pixels, whatever kind of picture it is; thousands of them in threads."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import encode, make_zip, noise
from photos import as_stored, both, mnist, plain
from PIL import Image

from dcgan_core.data import decoding, loading

ROOT = str(Path(__file__).resolve().parent.parent.parent)


def one(data, content: bytes, size: int = 16, crop: str = "center") -> np.ndarray:
    make_zip(data / "one.zip", {"train/a": content})
    return np.array(loading.load_data("one", size, crop=crop).images[0])


def test_cmyk_jpegs_keep_their_brightness(data):
    pixels = one(data, encode(Image.new("CMYK", (32, 32), (0, 0, 0, 55)), "jpeg"))
    assert abs(pixels.astype(int) - 200).max() <= 4


def test_16_bit_grey_keeps_its_brightness(data):
    grey = np.full((16, 16), 200 * 257, np.uint16)
    grey[0] = 65535
    grey[1] = 0
    pixels = one(data, encode(grey))
    assert pixels[:, 0].min() == 255
    assert pixels[:, 1].max() == 0
    assert (pixels[:, 2:] == 200).all()


@pytest.mark.parametrize("grey", [200, 200 * 257])
def test_32_bit_grey_that_holds_8_or_16_bits_keeps_its_brightness(data, grey):
    pixels = one(data, encode(Image.fromarray(np.full((16, 16), grey, np.int32)), "tiff"))
    assert (pixels == 200).all()


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA"])
def test_other_modes_become_three_equal_channels_where_grey(data, mode):
    pixels = one(data, encode(Image.new("L", (16, 16), 255).convert(mode)))
    assert pixels.shape == (3, 16, 16)
    assert (pixels == 255).all()


def test_a_photos_turn_is_undone(data):
    picture = noise(0, 16, 16)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    assert np.array_equal(one(data, encode(picture, exif=exif)), as_stored(np.rot90(picture, -1)))


def test_center_crops_the_longer_side(data):
    wide, high = noise(0, 40, 16), noise(1, 16, 30)
    assert np.array_equal(decoding.square(encode(wide), 16, "center", 3), as_stored(wide[:, 12:28]))
    assert np.array_equal(decoding.square(encode(high), 16, "center", 3), as_stored(high[7:23]))


def test_center_resizes_the_shorter_side_first():
    thirds = np.repeat(np.array([0, 128, 255], np.uint8), 40)[None, :, None].repeat(40, 0).repeat(3, 2)
    middle = decoding.square(encode(thirds), 20, "center", 3)
    expected = np.asarray(Image.fromarray(thirds).resize((60, 20), Image.Resampling.BICUBIC).crop((20, 0, 40, 20)))
    assert np.array_equal(middle, as_stored(expected))


def test_exact_cuts_the_middle_without_resizing():
    picture = noise(0, 128, 100)
    assert np.array_equal(decoding.square(encode(picture), 64, "exact", 3), as_stored(picture[18:82, 32:96]))
    with pytest.raises(ValueError, match="too small to cut 64"):
        decoding.square(encode(noise(0, 63, 64)), 64, "exact", 3)


def test_center_and_exact_have_caches_of_their_own(data):
    make_zip(data / "big.zip", {"train/a.png": encode(noise(0, 64, 64))})
    center, exact = (loading.load_data("big", 32, crop=crop).images[0] for crop in ("center", "exact"))
    assert np.array_equal(exact, as_stored(noise(0, 64, 64)[16:48, 16:48]))
    assert not np.array_equal(center, exact)


def test_a_big_jpeg_decoded_at_a_fraction_looks_the_same():
    x = np.linspace(0, 255, 800).astype(np.uint8)
    ramp = np.stack([x[None].repeat(800, 0), x[:, None].repeat(800, 1), np.full((800, 800), 90, np.uint8)], 2)
    quick = decoding.square(encode(ramp, "jpeg", quality=95), 32, "center", 3)
    full = decoding.square(encode(ramp), 32, "center", 3)
    assert abs(quick.astype(int) - full).max() <= 6


def test_thousands_of_pictures_come_out_of_several_threads_in_order(data):
    """From 2,000 pictures on, threads share the work."""
    expected = mnist(data, 2000, 100)
    for split, loaded in zip(expected, both("mnist", 12), strict=True):
        images, labels = expected[split]
        assert np.array_equal(loaded.images, [decoding.square(image, 12, "center", 1) for image in images])
        assert np.array_equal(loaded.labels, labels)


def test_bad_files_among_thousands_are_left_out(data, capsys):
    small = encode(np.zeros((4, 4, 3), np.uint8))
    files = {f"train/{i:04d}.png": small for i in range(2000)} | {"train/1000.png": b"not a picture"}
    make_zip(data / "many.zip", files)
    assert len(loading.load_data("many", 4)) == 1999
    assert "1000.png (not an image)" in capsys.readouterr().err


@pytest.mark.parametrize("start", ["spawn", "forkserver"])
def test_a_script_without_a_main_guard_prepares_thousands(data, tmp_path, start):
    """Also where processes are not forked, as on macOS and Windows, and from Python 3.14 on Linux."""
    make_zip(data / "many.zip", dict.fromkeys((f"train/{i:04d}.png" for i in range(2100)), plain(7)))
    lines = ["import multiprocessing", f"multiprocessing.set_start_method({start!r})", "from dcgan_core.data import loading"]
    (tmp_path / "script.py").write_text("\n".join([*lines, "print(len(loading.load_data('many', 16)))"]))
    command = [sys.executable, str(tmp_path / "script.py")]
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": ROOT}, capture_output=True, text=True, check=False, timeout=300
    )
    assert (done.returncode, done.stdout) == (0, "2100\n"), done.stderr
