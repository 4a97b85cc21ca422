"""Prepared once, however that ends: bad files, changed sources, interruptions, full disks."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tqdm
from conftest import encode, make_folder, make_zip, noise, snapshot
from photos import as_stored, assert_split_files, plain, pngs, split_files

from dcgan_core.data import cache as cache_module
from dcgan_core.data import decoding, loading
from dcgan_core.data.cache import prepare
from dcgan_core.errors import UserError

ROOT = str(Path(__file__).resolve().parent.parent.parent)


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


@pytest.mark.parametrize("size", [0, 3, 1025, -8])
def test_an_impossible_size_is_an_error(size):
    with pytest.raises(UserError, match=f"`size` {size}"):
        loading.load_data("digits", size)


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


def test_where_the_source_is_gone_the_grey_copy_does_not_stand_for_the_coloured_one(data):
    make_zip(data / "pets.zip", pngs(4, "train/"))
    for grey in (False, True):
        loading.load_data("pets", 16, grey=grey)
    (data / "pets.zip").unlink()
    assert [loading.load_data("pets", 16, grey=grey).images.shape[1] for grey in (False, True)] == [3, 1]


def test_a_damaged_copy_of_another_set_is_in_nobodys_way(data):
    for name in ("cats", "pets"):
        make_zip(data / f"{name}.zip", pngs(4, "train/"))
    (prepare("cats", 16) / "meta.json").write_text("{")
    assert len(loading.load_data("pets", 16)) == 4


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


def unfinished(cache) -> list[str]:
    """Whatever lies in the cache that is no cache, but for the files of locks, which stay."""
    return [p.name for p in cache.iterdir() if p.name.startswith(".") and p.suffix != ".lock"]


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
        expected = snapshot(prepare("pets", 16))
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
    assert ("continuing after the first" in capsys.readouterr().err) == (at >= 64)
    assert snapshot(folder) == expected
    assert {"train.u8", "test.u8", "train.npz", "test.npz", "left_out.jsonl", "meta.json"} == expected.keys()
    left_out = json.loads(expected["meta.json"])["left_out"]
    assert len(expected["left_out.jsonl"].splitlines()) == left_out == 3
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
    assert "continuing after the first 128 files" in capsys.readouterr().err
    with monkeypatch.context() as patch:
        patch.setenv("DCGAN_CACHE", str(tmp_path / "at-once"))
        assert snapshot(folder) == snapshot(prepare("pets", 16))


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
    assert "continuing after the first" in capsys.readouterr().err


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
    (data / "pets.zip").unlink()
    assert prepare("pets", 16) == folder
    with pytest.raises(UserError, match="unknown data set 'pets'"):
        prepare("pets", 16, verify=True)  # there is nothing to compare with


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
        with pytest.raises(UserError, match="No space left on device.*DCGAN_CACHE.*continues"):
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
        with pytest.raises(UserError, match="No space left on device.*DCGAN_CACHE.*continues"):
            loading.load_data("pets", 16)
    assert not [p for p in cache.glob("[!.]*") if p.is_dir()]
    pets = loading.load_data("pets", 16)
    assert "continuing after the first 128 files" in capsys.readouterr().err
    assert all(np.array_equal(pets.images[i], as_stored(noise(i))) for i in range(200))
