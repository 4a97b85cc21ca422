import hashlib
import io
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tqdm
from conftest import encode, make_folder, make_zip, noise, snapshot
from PIL import Image

from dcgan_core.data import cache as cache_module
from dcgan_core.data import decoding, loading
from dcgan_core.data.cache import prepare
from dcgan_core.data.images import ImageData
from dcgan_core.data.sources import finding, torchvision_sets
from dcgan_core.errors import UserError

ROOT = str(Path(__file__).resolve().parent.parent.parent)


def pngs(count: int, prefix: str = "", first: int = 0) -> dict[str, bytes]:
    return {f"{prefix}{i:04d}.png": encode(noise(first + i)) for i in range(count)}


def plain(value: int, size: int = 16) -> bytes:
    return encode(np.full((size, size, 3), value, np.uint8))


def as_stored(pixels: np.ndarray) -> np.ndarray:
    return pixels.transpose(2, 0, 1)


def both(name: str, size: int | None = 16, **more) -> tuple[ImageData, ImageData]:
    return loading.load_data(name, size, "train", **more), loading.load_data(name, size, "test", **more)


# --- zips and folders -------------------------------------------------------------------------------------------------


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


def test_a_zip_with_splits_and_classes(data):
    make_zip(data / "pets.zip", split_files())
    assert_split_files("pets")


def test_a_folder_with_splits_and_classes(data):
    make_folder(data / "pets", split_files())
    assert_split_files("pets")


def test_a_zip_or_folder_given_by_its_path(tmp_path):
    make_zip(tmp_path / "pets.zip", split_files())
    make_folder(tmp_path / "more", split_files())
    assert_split_files("pets.zip")
    assert_split_files(str(tmp_path / "pets.zip"))
    assert_split_files(str(tmp_path / "more"))


def test_a_folder_around_everything_and_an_operating_systems_litter_do_not_matter(data):
    litter = {"__MACOSX/pets/train/cat/._a.png": b"x", "pets/.DS_Store": b"x", "pets/train/cat/Thumbs.db": b"x"}
    make_zip(data / "pets.zip", {f"pets/{k}": v for k, v in split_files().items()} | litter)
    assert_split_files("pets")
    assert loading.load_data("pets", 16).provenance["left_out"] == 0


def test_without_split_folders_one_file_in_twenty_is_held_out_by_its_name(data):
    make_folder(data / "flat", pngs(400))
    train, test = both("flat")
    assert len(train) + len(test) == 400
    assert 8 <= len(test) <= 35
    assert train.classes == ()
    assert train.labels is None
    held_out = {image.tobytes() for image in test.images}
    make_zip(data / "zipped.zip", {f"around/{k}": v for k, v in pngs(400).items()})
    assert {image.tobytes() for image in loading.load_data("zipped", 16, "test").images} == held_out
    make_folder(data / "fewer", dict(list(pngs(400).items())[:200]))
    assert {image.tobytes() for image in loading.load_data("fewer", 16, "test").images} < held_out
    assert not held_out & {image.tobytes() for image in train.images}


@pytest.mark.parametrize("name", ["val", "valid"])
def test_val_beside_train_is_the_test_split_where_there_is_no_test(data, name):
    make_folder(data / "pets", {k.replace("test/", f"{name}/"): v for k, v in split_files().items()})
    assert_split_files("pets")
    make_zip(data / "more.zip", {f"around/{k}".replace("test/", f"{name}/"): v for k, v in split_files().items()})
    assert_split_files("more")


def test_val_beside_train_and_test_is_for_training(data):
    make_folder(data / "pets", split_files() | {"val/dog/f.png": plain(60)})
    assert loading.load_data("pets", 16).images[:, 0, 0, 0].tolist() == [10, 20, 30, 60]
    assert loading.load_data("pets", 16).classes == ("cat", "dog")


def test_a_class_may_be_called_valid(data):
    make_folder(data / "tickets", {f"{c}/{i}.png": plain(i) for c in ("valid", "void") for i in range(20)})
    train, test = both("tickets")
    assert train.classes == ("valid", "void")
    assert len(train) + len(test) == 40
    assert len(train) > 30


def test_linked_folders_count_once_and_loops_end(data, tmp_path):
    make_folder(tmp_path / "elsewhere", {k: v for k, v in split_files().items() if k.startswith("train")})
    make_folder(data / "pets", {k: v for k, v in split_files().items() if k.startswith("test")})
    (data / "pets/train").symlink_to(tmp_path / "elsewhere/train")
    (data / "pets/train/cat/again").symlink_to(data / "pets")
    (data / "pets/train/dog/gone.png").symlink_to(data / "nowhere.png")
    train, test = both("pets")
    assert train.images[:, 0, 0, 0].tolist() == [10, 20, 30]
    assert len(test) == 2


def test_a_folders_fingerprint_is_that_of_its_names_sizes_and_times(data):
    """So that runs trained on a folder are still known to be trained on it."""
    make_folder(data / "pets", split_files() | {"train/cat-2/x.png": plain(1)})
    files = sorted(p for p in (data / "pets").rglob("*") if p.is_file())
    rows = [[str(p.relative_to(data / "pets")), p.stat().st_size, p.stat().st_mtime_ns] for p in files]
    assert loading.load_data("pets", 16).provenance["fingerprint"] == hashlib.sha256(json.dumps(rows).encode()).hexdigest()


# --- attributes.csv ---------------------------------------------------------------------------------------------------


def test_attributes_reach_their_pictures_and_unlisted_pictures_have_zeros(data):
    table = "file,Smiling,Male\n0000.png,1,-1\n0001.png,-1,0\n"
    files = {f"train/{i:04d}.png": plain(i) for i in range(3)}
    make_zip(data / "people.zip", files | {"attributes.csv": table.encode("utf-8-sig")})
    people = loading.load_data("people", 16)
    assert people.attribute_names == ("Smiling", "Male")
    assert people.attributes.tolist() == [[1, -1], [-1, 0], [0, 0]]
    assert len(people) == 3  # the table is no picture


@pytest.mark.parametrize("value", ["2", "yes", "", "1,1"])
def test_a_bad_attribute_names_its_file_and_line(data, value):
    table = f"file,Smiling\n0000.png,1\n0001.png,{value}\n"
    make_zip(data / "people.zip", pngs(3) | {"attributes.csv": table.encode()})
    with pytest.raises(UserError, match=r"attributes\.csv, line 3"):
        loading.load_data("people", 16)


@pytest.mark.parametrize("table", [b"", b"\xff\xfe\x00file"])
def test_a_table_that_is_none_is_refused(data, table):
    make_zip(data / "people.zip", pngs(3) | {"attributes.csv": table})
    with pytest.raises(UserError, match=r"attributes\.csv"):
        loading.load_data("people", 16)


# --- bad files --------------------------------------------------------------------------------------------------------


def test_bad_files_are_counted_named_and_left_out(data, capsys):
    bad = {
        "train/truncated.jpg": encode(noise(1, 64, 64), "jpeg")[:700],
        "train/text.jpg": b"not a picture at all",
        "train/empty.png": b"",
        "train/dot.png": encode(noise(2, 1, 1)),
    }
    make_zip(data / "mixed.zip", pngs(5, "train/") | bad)
    mixed = loading.load_data("mixed", 16)
    assert len(mixed) == 5
    assert mixed.provenance["left_out"] == 4
    told = capsys.readouterr().err
    assert "left out 4 of 9" in told
    assert all(name in told for name in bad)


def test_a_damaged_member_of_a_zip_is_left_out(data, capsys):
    path = make_zip(data / "mixed.zip", pngs(5, "train/"))
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") + 20] ^= 255
    path.write_bytes(content)
    assert len(loading.load_data("mixed", 16)) == 4
    assert "0000.png" in capsys.readouterr().err


def test_an_encrypted_zip_is_refused(data):
    path = make_zip(data / "secret.zip", pngs(5, "train/"))
    content = path.read_bytes().replace(b"PK\x03\x04\x14\x00\x00", b"PK\x03\x04\x14\x00\x01")
    path.write_bytes(content.replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"))
    assert all(info.flag_bits & 1 for info in zipfile.ZipFile(path).infolist())
    with pytest.raises(UserError, match=r"secret\.zip"):
        loading.load_data("secret", 16)


def test_only_bad_files_is_an_error_that_names_them(data):
    make_zip(data / "bad.zip", {"a.jpg": b"no", "b.jpg": b"picture"})
    with pytest.raises(UserError, match=r"no usable picture.*a\.jpg \(not an image\)"):
        loading.load_data("bad", 16)


def test_an_empty_folder_or_zip_is_an_error(data):
    (data / "void").mkdir()
    make_zip(data / "nothing.zip", {})
    for name in ("void", "nothing"):
        with pytest.raises(UserError, match="no files in it"):
            loading.load_data(name)


def test_a_file_that_is_no_zip_is_an_error(data):
    (data / "broken.zip").write_bytes(b"PK\x03\x04 and nothing behind")
    with pytest.raises(UserError, match=r"broken\.zip: not a readable zip"):
        loading.load_data("broken")


@pytest.mark.parametrize("name", ["no/such/folder", "/no/such/folder", "/no/such.zip", "such.zip"])
def test_a_path_that_is_not_there_is_an_error(name):
    with pytest.raises(UserError, match="no such zip or folder"):
        loading.load_data(name)


def test_an_unknown_name_is_an_error_with_the_nearest_known(data):
    make_zip(data / "flowers.zip", pngs(3))
    with pytest.raises(UserError, match=r"unknown data set 'flower'.*did you mean 'flowers'"):
        loading.load_data("flower")


def test_an_unknown_split_and_an_absent_split_are_errors(data):
    make_zip(data / "pets.zip", {"train/a.png": plain(1)})
    with pytest.raises(UserError, match="split 'valid'"):
        loading.load_data("pets", 16, "valid")
    with pytest.raises(UserError, match="no test pictures"):
        loading.load_data("pets", 16, "test")


@pytest.mark.parametrize("size", [0, 3, 1025, -8])
def test_an_impossible_size_is_an_error(size):
    with pytest.raises(UserError, match=f"--size {size}"):
        loading.load_data("digits", size)


# --- kinds of pictures ------------------------------------------------------------------------------------------------


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


# --- the cache --------------------------------------------------------------------------------------------------------


def forbid_decoding(monkeypatch):
    def fit(*args):
        raise AssertionError("decoded again")

    monkeypatch.setattr(decoding, "square", fit)


@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_the_second_load_does_not_decode_even_where_the_source_is_gone(data, monkeypatch, gone, kind):
    if kind == "zip":
        make_zip(data / "pets.zip", split_files())
    else:
        make_folder(data / "pets", split_files())
    loading.load_data("pets", 16)
    forbid_decoding(monkeypatch)
    if gone:
        shutil.rmtree(data)
    assert_split_files("pets")


def test_a_cache_stands_only_for_the_set_of_its_own_name(data):
    make_zip(data / "my-cats.zip", split_files())
    loading.load_data("my-cats", 16)
    with pytest.raises(UserError, match="unknown data set 'my'"):
        loading.load_data("my")


def test_images_cannot_be_changed_by_accident(data):
    make_zip(data / "pets.zip", split_files())
    with pytest.raises(ValueError, match="read-only"):
        loading.load_data("pets", 16).images[0] = 0


def test_a_changed_zip_is_prepared_anew(data):
    make_zip(data / "pets.zip", split_files())
    loading.load_data("pets", 16)
    make_zip(data / "pets.zip", split_files() | {"train/cat/b.png": plain(99)})
    assert loading.load_data("pets", 16).images[:, 0, 0, 0].tolist() == [10, 99, 30]


def test_a_changed_folder_is_prepared_anew(data):
    make_folder(data / "pets", split_files())
    loading.load_data("pets", 16)
    make_folder(data / "pets", {"train/eel/z.png": plain(99)})
    assert loading.load_data("pets", 16).images[:, 0, 0, 0].tolist() == [10, 20, 30, 99]


def test_a_cache_of_an_older_format_is_prepared_anew(data):
    """Its splits may be wrong, though the pictures are the same."""
    make_zip(data / "pets.zip", split_files())
    path = prepare("pets", 16) / "meta.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 2, "classes": ["", "cat", "dog"]}))
    assert_split_files("pets")


def cut_off_at(monkeypatch, picture: int, error: BaseException | type[BaseException]) -> None:
    """The preparation ends with `error` at its n-th picture."""
    calls, fit = iter(range(10**6)), decoding.square

    def interrupted(*args):
        if next(calls) == picture:
            raise error
        return fit(*args)

    monkeypatch.setattr(decoding, "square", interrupted)


def prepared(folder) -> dict[str, bytes | dict]:
    """A cache's files, its meta.json without the time that it took."""
    files = snapshot(folder)
    return files | {"meta.json": {k: v for k, v in json.loads(files["meta.json"]).items() if k != "seconds"}}


def unfinished(cache) -> list[str]:
    """Whatever lies in the cache that is no cache."""
    return [p.name for p in cache.iterdir() if p.name.startswith(".")]


def bad_and_good(name: str, data) -> None:
    """A set with splits, classes, attributes and bad files."""
    rows = "".join(f"{i:04d}.png,{(-1) ** i}\n" for i in range(300))
    files = {f"{'test' if i % 7 == 0 else 'train'}/{'ab'[i % 2]}/{i:04d}.png": encode(noise(i)) for i in range(300)}
    files |= {f"train/a/{i:04d}.png": b"no picture" for i in (2, 100, 200)}
    make_zip(data / f"{name}.zip", files | {"attributes.csv": ("file,odd\n" + rows).encode()})


FULL = OSError(28, "No space left on device")


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("at", [10, 150, 290])
def test_an_interrupted_preparation_is_not_used_and_the_next_one_goes_on_to_the_same_bytes(
    data, cache, tmp_path, monkeypatch, interruption, at, capsys
):
    bad_and_good("pets", data)
    with monkeypatch.context() as patch:
        patch.setenv("DCGAN_CACHE", str(tmp_path / "at-once"))
        expected = prepared(prepare("pets", 16))
    capsys.readouterr()
    with monkeypatch.context() as patch:
        cut_off_at(patch, at, interruption)
        with pytest.raises(interruption):
            loading.load_data("pets", 16)
    assert [row.prepared for row in loading.listing() if row.name == "pets"] == [""]
    assert not [p for p in cache.glob("[!.]*") if p.is_dir()]
    with monkeypatch.context() as patch:
        calls: list[int] = []
        fit = decoding.square
        patch.setattr(decoding, "square", lambda *args: calls.append(1) or fit(*args))
        folder = prepare("pets", 16)
    assert len(calls) == 300 - at // 64 * 64  # pictures are decoded in batches of 64
    assert ("going on behind the first" in capsys.readouterr().err) == (at >= 64)
    assert prepared(folder) == expected
    assert {"train.u8", "test.u8", "train.npz", "test.npz", "left_out.jsonl", "meta.json"} == expected.keys()
    assert len(expected["left_out.jsonl"].splitlines()) == expected["meta.json"]["left_out"] == 3
    assert unfinished(cache) == []


def test_the_progress_bar_goes_on_at_the_right_count(data, monkeypatch):
    make_zip(data / "pets.zip", pngs(200, "train/"))
    with monkeypatch.context() as patch:
        cut_off_at(patch, 150, KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            loading.load_data("pets", 16)
    bars = []
    monkeypatch.setattr(
        cache_module, "tqdm", lambda **options: bars.append(options) or tqdm.tqdm(**options | {"disable": True})
    )
    loading.load_data("pets", 16)
    assert [(bar["initial"], bar["total"]) for bar in bars] == [(128, 200)]


def test_what_was_written_after_the_last_progress_is_cut_off(data, cache, monkeypatch):
    make_zip(data / "pets.zip", pngs(200, "train/"))
    with monkeypatch.context() as patch:
        cut_off_at(patch, 150, KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            loading.load_data("pets", 16)
    [folder] = unfinished(cache)
    for name in ("train.u8", "train.labels", "left_out.jsonl"):
        with open(cache / folder / name, "ab") as f:
            f.write(b"half a picture")
    pets = loading.load_data("pets", 16)
    assert all(np.array_equal(pets.images[i], as_stored(noise(i))) for i in range(200))
    assert prepare("pets", 16, verify=True)


@pytest.mark.parametrize("damage", ["progress.json", "train.u8", "train.labels"])
def test_an_unfinished_cache_that_lost_something_is_begun_anew(data, cache, monkeypatch, damage):
    make_zip(data / "pets.zip", pngs(200, "train/"))
    with monkeypatch.context() as patch:
        cut_off_at(patch, 150, KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            loading.load_data("pets", 16)
    path = cache / unfinished(cache)[0] / damage
    path.write_bytes(path.read_bytes()[:-1][:50])
    pets = loading.load_data("pets", 16)
    assert all(np.array_equal(pets.images[i], as_stored(noise(i))) for i in range(200))


def test_other_pictures_or_another_size_do_not_go_on_from_it(data, cache, monkeypatch):
    make_zip(data / "pets.zip", pngs(200, "train/"))
    with monkeypatch.context() as patch:
        cut_off_at(patch, 150, KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            loading.load_data("pets", 16)
    assert loading.load_data("pets", 8).size == 8
    assert len(unfinished(cache)) == 1  # a size of its own has no part in it
    make_zip(data / "pets.zip", pngs(200, "train/", first=1000))
    changed = loading.load_data("pets", 16)
    assert all(np.array_equal(changed.images[i], as_stored(noise(1000 + i))) for i in range(200))
    assert unfinished(cache) == []  # nobody will ever go on from the old one


KILLED = """
import os, signal, sys
from dcgan_core.data import cache, decoding
cache.SAVE_EVERY = 64
fit, calls = decoding.square, iter(range(10**6))
def killed(*args):
    if next(calls) == 150:
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))
    return fit(*args)
decoding.square = killed
cache.prepare("pets", 16)
"""


@pytest.mark.parametrize("kind", ["SIGKILL", "SIGTERM"])
def test_a_killed_preparation_goes_on(data, cache, tmp_path, monkeypatch, capsys, kind):
    bad_and_good("pets", data)
    ended = subprocess.run([sys.executable, "-c", KILLED, kind], check=False, env=os.environ | {"PYTHONPATH": ROOT})
    assert ended.returncode == -getattr(signal, kind)
    folder = prepare("pets", 16)
    assert "going on behind the first 128 files" in capsys.readouterr().err
    with monkeypatch.context() as patch:
        patch.setenv("DCGAN_CACHE", str(tmp_path / "at-once"))
        assert prepared(folder) == prepared(prepare("pets", 16))


def test_a_preparation_of_thousands_that_is_killed_goes_on_and_the_next_one_does_not_wait(data, cache, capsys):
    small = encode(np.zeros((4, 4, 3), np.uint8))
    make_zip(data / "pets.zip", {f"train/{i:05d}.png": small for i in range(5_000)})
    code = "from dcgan_core.data import cache; cache.SAVE_EVERY = 64; cache.prepare('pets', 4)"
    with subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": ROOT}) as process:
        until = time.monotonic() + 600
        while not list(cache.glob(".*/progress.json")) and process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        process.kill()
    assert list(cache.glob(".*/progress.json")), "ended before it could be killed"
    assert len(loading.load_data("pets", 4)) == 5_000
    assert "going on behind the first" in capsys.readouterr().err


def test_two_processes_that_prepare_the_same_set_do_the_work_once(data, cache):
    make_zip(data / "pets.zip", pngs(1000, "train/"))
    code = "from dcgan_core.data import loading; print(len(loading.load_data('pets', 16)))"
    command = [sys.executable, "-c", code]
    pair = [
        subprocess.Popen(command, env=os.environ | {"PYTHONPATH": ROOT}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in pair:
        out, err = process.communicate(timeout=600)
        assert (process.returncode, out) == (0, b"1000\n"), err
    assert unfinished(cache) == []
    assert prepare("pets", 16, verify=True)


def test_verify_passes_on_a_whole_set_and_finds_a_flipped_byte_in_the_cache(data):
    make_zip(data / "pets.zip", split_files())
    folder = prepare("pets", 16)
    assert prepare("pets", 16, verify=True) == folder
    content = bytearray((folder / "test.u8").read_bytes())
    content[100] ^= 1
    (folder / "test.u8").write_bytes(content)
    with pytest.raises(UserError, match=r"test\.u8: damaged"):
        prepare("pets", 16, verify=True)


def test_verify_finds_a_damaged_picture_in_the_zip(data):
    path = make_zip(data / "pets.zip", split_files())
    prepare("pets", 16)
    content = bytearray(path.read_bytes())
    content[content.index(b"train/dog/c.png") + 40] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"train/dog/c\.png"):
        prepare("pets", 16, verify=True)


FILES = ("train.u8", "train.npz", "meta.json")
DAMAGES = [(file, damage) for file in FILES for damage in ("empty", "half", "flipped", "missing")]
DAMAGES.remove(("train.u8", "flipped"))  # only `verify` reads all pixels
DAMAGES.remove(("meta.json", "missing"))  # is no cache: prepared anew


@pytest.mark.parametrize(("file", "damage"), DAMAGES)
def test_a_damaged_cache_is_an_error_that_names_it(data, file, damage):
    make_zip(data / "pets.zip", split_files())
    path = prepare("pets", 16) / file
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        flipped = bytes(b ^ 255 if 40 <= i < 90 else b for i, b in enumerate(content))
        path.write_bytes({"empty": b"", "half": content[: len(content) // 2], "flipped": flipped}[damage])
    with pytest.raises(UserError, match="pets-16px"):
        loading.load_data("pets", 16)


@pytest.mark.parametrize("function", ["savez", "fromfile"])
def test_a_disk_that_is_full_at_the_end_is_an_error_and_the_next_one_goes_on(data, cache, monkeypatch, function, capsys):
    make_zip(data / "pets.zip", split_files())

    def full(*args, **kwargs):
        raise FULL

    with monkeypatch.context() as patch:
        patch.setattr(np, function, full)
        with pytest.raises(UserError, match="No space left on device.*DCGAN_CACHE.*goes on"):
            loading.load_data("pets", 16)
    assert not [p for p in cache.glob("[!.]*") if p.is_dir()]
    forbid_decoding(monkeypatch)
    assert_split_files("pets")


class FullDisk:
    """A file on a disk that fills up with what is written to it."""

    left = 150 * 16 * 16 * 3

    def __init__(self, *args):
        self.file = open(*args)

    def write(self, content: bytes) -> int:
        FullDisk.left -= len(content)
        if FullDisk.left < 0:
            raise FULL
        return self.file.write(content)

    def __getattr__(self, name):
        return getattr(self.file, name)


def test_a_disk_that_fills_up_half_way_is_an_error_and_the_next_one_goes_on(data, cache, monkeypatch, capsys):
    make_zip(data / "pets.zip", pngs(200, "train/"))
    with monkeypatch.context() as patch:
        patch.setattr(cache_module, "open", FullDisk, raising=False)
        with pytest.raises(UserError, match="No space left on device.*DCGAN_CACHE.*goes on"):
            loading.load_data("pets", 16)
    assert not [p for p in cache.glob("[!.]*") if p.is_dir()]
    pets = loading.load_data("pets", 16)
    assert "going on behind the first 128 files" in capsys.readouterr().err
    assert all(np.array_equal(pets.images[i], as_stored(noise(i))) for i in range(200))


# --- sets with names --------------------------------------------------------------------------------------------------


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


def test_mnist_in_torchvisions_layout_needs_no_download(data, monkeypatch):
    expected = mnist(data, 30, 10)
    monkeypatch.setattr(torchvision_sets, "download", lambda name: pytest.fail("downloads"))
    for split, loaded in zip(expected, both("mnist", None), strict=True):
        images, labels = expected[split]
        assert np.array_equal(loaded.images, images[:, None])
        assert np.array_equal(loaded.labels, labels)
        assert loaded.classes == tuple("0123456789")


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


def test_what_cannot_be_downloaded_says_where_to_put_it(data):
    with pytest.raises(UserError, match=r"mnist: not found and not downloaded .*mnist\.zip.*MNIST/raw/train-images"):
        loading.load_data("mnist")
    with pytest.raises(UserError, match="mnist: not found"):
        loading.load_data("mnist", download=False)


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


def test_listing_says_what_is_found_prepared_and_to_download(data):
    make_zip(data / "pets.zip", split_files())
    make_zip(data / "gone.zip", split_files())
    loading.load_data("gone", 16)
    (data / "gone.zip").unlink()
    rows = {row.name: row for row in loading.listing()}
    assert rows["pets"].state == rows["digits"].state == "found"
    assert rows["pets"].prepared == ""
    assert (rows["gone"].state, rows["gone"].prepared) == ("cache only", "16 px (5 images)")
    assert rows["mnist"].state == "to download on first use"


def test_provenance_names_source_and_content(data):
    make_zip(data / "pets.zip", split_files())
    first = loading.load_data("pets", 16).provenance
    assert (first["source"], first["size"], first["crop"], first["counts"]) == (
        "pets.zip",
        16,
        "center",
        {"train": 3, "test": 2},
    )
    shutil.copy(data / "pets.zip", data / "copy.zip")
    assert loading.load_data("copy", 16).provenance["fingerprint"] == first["fingerprint"]
    make_zip(data / "pets.zip", split_files() | {"train/cat/b.png": plain(99)})
    assert loading.load_data("pets", 16).provenance["fingerprint"] != first["fingerprint"]


# --- the real ones ----------------------------------------------------------------------------------------------------


@pytest.mark.real_data
def test_the_shared_data_sets_are_found(real_data):
    found = {row.name: row.state for row in loading.listing()}
    assert all(found[name] == "found" for name in ("faces", "rooms", "imagenet32", "cifar10", "mnist", "digits"))
    assert "newmu" not in found
    assert "MNIST" not in found


@pytest.mark.real_data
def test_rooms_are_64_px_bedrooms_with_splits(real_data):
    train, test = both("rooms", 8)
    assert len(train) + len(test) + train.provenance["left_out"] == 4000
    assert len(test) > 0


@pytest.mark.real_data
def test_faces_have_forty_attributes_for_every_picture(real_data):
    with zipfile.ZipFile(real_data / "faces.zip") as archive:
        header = io.TextIOWrapper(archive.open("attributes.csv")).readline()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        contents = finding.find("faces").open(64)
    assert contents.attribute_names == tuple(header.strip().split(",")[1:])
    assert contents.count == 20_000
    assert all(set(p.attributes) <= {1, -1} for _, p in zip(range(500), contents.pictures(0, ""), strict=False))


# --- torchvision's other layouts, small ones written here; only its checksums are switched off ------------------------------


def test_svhn_is_read_in_torchvisions_layout(data, monkeypatch):
    from scipy.io import savemat
    from torchvision.datasets import SVHN

    monkeypatch.setattr(SVHN, "_check_integrity", lambda self: True)
    pixels = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    for split in ("train", "test"):
        savemat(data / f"{split}_32x32.mat", {"X": pixels.transpose(1, 2, 3, 0), "y": np.array([[1], [2], [10], [9], [1]])})
    loaded = loading.load_data("svhn", download=False)
    assert np.array_equal(loaded.images, pixels.transpose(0, 3, 1, 2))
    assert loaded.labels.tolist() == [1, 2, 0, 9, 1]  # the file calls the digit 0 a 10


def test_cifar10_is_read_in_torchvisions_layout(data, monkeypatch):
    import pickle

    from torchvision.datasets import CIFAR10, cifar

    monkeypatch.setattr(CIFAR10, "_check_integrity", lambda self: True)
    monkeypatch.setattr(cifar, "check_integrity", lambda *_: True)
    folder = data / "cifar-10-batches-py"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 32), np.uint8)
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        (folder / name).write_bytes(pickle.dumps({"data": pixels.reshape(2, -1), "labels": [3, 0]}))
    classes = [f"class{i}" for i in range(10)]
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": classes}))
    loaded = loading.load_data("cifar10", split="test", download=False)
    assert np.array_equal(loaded.images, pixels)
    assert loaded.labels.tolist() == [3, 0]
    assert loaded.classes == tuple(classes)
    assert len(loading.load_data("cifar10", download=False)) == 10


def test_celeba_is_read_in_torchvisions_layout_with_its_attributes(data, monkeypatch):
    from torchvision.datasets import CelebA

    monkeypatch.setattr(CelebA, "_check_integrity", lambda self: True)
    folder = data / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    files = [f"{i:06d}.jpg" for i in range(1, 7)]  # two of each of train, valid, test
    for i, file in enumerate(files):
        Image.new("RGB", (178, 218), (40 * i, 50, 20)).save(folder / "img_align_celeba" / file, quality=95)
    rows = {"list_attr_celeba": ["1 -1", "-1 1", "1 1"] * 2, "list_bbox_celeba": ["0 0 9 9"] * 6}
    rows |= {"list_landmarks_align_celeba": [" ".join("1" * 10)] * 6}
    heads = {"list_attr_celeba": "Smiling Eyeglasses", "list_bbox_celeba": "image_id x_1 y_1 width height"}
    heads |= {"list_landmarks_align_celeba": "a b c d e f g h i j"}
    for name, values in rows.items():
        lines = [f"{f} {v}" for f, v in zip(files, values, strict=True)]
        (folder / f"{name}.txt").write_text("\n".join(["6", heads[name], *lines]) + "\n")
    (folder / "list_eval_partition.txt").write_text("".join(f"{f} {i // 2}\n" for i, f in enumerate(files)))
    (folder / "identity_CelebA.txt").write_text("".join(f"{f} 7\n" for f in files))
    train, test = (loading.load_data("celeba", 32, split, download=False) for split in ("train", "test"))
    assert (len(train), len(test)) == (4, 2)
    assert train.attribute_names == ("Smiling", "Eyeglasses")
    assert train.attributes.tolist() == [[1, -1], [-1, 1], [1, 1], [1, -1]]
    assert abs(int(test.images[0, 0].mean()) - 160) < 5


def test_torchvisions_files_that_do_not_fit_are_an_error_that_says_what_to_do(data):
    folder = data / "cifar-10-batches-py"
    folder.mkdir()
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"):
        (folder / name).write_bytes(b"half")
    with pytest.raises(UserError, match=r"put cifar10\.zip"):
        loading.load_data("cifar10", download=False)
