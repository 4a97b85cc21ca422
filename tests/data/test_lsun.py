"""LSUN's bedrooms, read from small databases that are written here."""

import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import lmdb
import numpy as np
import pytest
from conftest import encode, make_folder, make_zip, noise, snapshot

import dcgan_core
from dcgan_core.cli import main
from dcgan_core.data import decoding, loading
from dcgan_core.data.sources import drawn, finding
from dcgan_core.drawings import scenes
from dcgan_core.errors import UserError


def make_lmdb(folder, values: dict[bytes, bytes]) -> None:
    """As LSUN's: a folder with data.mdb and lock.mdb, a picture under each key."""
    folder.mkdir(parents=True)
    with lmdb.open(str(folder), map_size=1 << 26) as database, database.begin(write=True) as transaction:
        for key, value in values.items():
            transaction.put(key, value)


def keys(count: int) -> list[bytes]:
    """Hexadecimal hashes, as LSUN's."""
    return sorted(f"{i * 2654435761 % 2**32:040x}".encode() for i in range(count))


def lsun(root, train: int = 100, test: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Writes both databases; returns their pictures in the order of their keys."""
    pictures = [noise(i, 20, 16) for i in range(train + test)]
    kinds = [encode, lambda p: encode(p, "webp", lossless=True)]
    encoded = [kinds[i % 2](p) for i, p in enumerate(pictures)]
    make_lmdb(root / "bedroom_train_lmdb", dict(zip(keys(train), encoded[:train], strict=True)))
    make_lmdb(root / "bedroom_val_lmdb", dict(zip(keys(test), encoded[train:], strict=True)))
    stored = np.stack([p[:, 2:18].transpose(2, 0, 1) for p in pictures])
    return stored[:train], stored[train:]


@pytest.mark.parametrize("place", ["", "lsun"])
def test_lsun_is_read_from_its_two_databases_in_the_order_of_keys(data, place):
    train, test = lsun(data / place)
    loaded = loading.load_data("lsun", 16)
    assert np.array_equal(loaded.images, train)
    assert np.array_equal(loading.load_data("lsun", 16, "test").images, test)
    assert loaded.labels is None
    assert loading.native("lsun") == (64, 3)
    assert {row.name: row.state for row in loading.listing()}["lsun"] == "found"
    assert not {"bedroom_train_lmdb", "bedroom_val_lmdb"} & set(finding.names())


def test_of_several_categories_one_has_to_be_named(data):
    for category in ("bedroom", "kitchen"):
        make_lmdb(data / "rooms" / f"{category}_train_lmdb", {})
    for name in ("rooms", str(data / "rooms")):
        with pytest.raises(UserError, match="give one of them: bedroom_train_lmdb, kitchen_train_lmdb"):
            loading.load_data(name, 16)


def test_nothing_is_written_beside_lsun_which_may_be_read_only(data, monkeypatch):
    lsun(data / "lsun")
    for path in sorted((data / "lsun").rglob("*")):
        if path.name == "lock.mdb":
            path.unlink()
        else:
            path.chmod(0o555 if path.is_dir() else 0o444)
    before = snapshot(data)
    opened = []
    original = lmdb.open
    monkeypatch.setattr(lmdb, "open", lambda *a, **k: opened.append(k) or original(*a, **k))
    assert len(loading.load_data("lsun", 16)) == 100
    assert snapshot(data) == before
    assert all(k["readonly"] and not k["lock"] and not k["readahead"] for k in opened)


@pytest.mark.parametrize("at", [70, 102])
def test_an_interrupted_lsun_goes_on_behind_the_last_key(data, cache, monkeypatch, at):
    """In the first database or in the second."""
    train, test = lsun(data, 100, 90)
    calls, fit = iter(range(1000)), decoding.square

    def interrupted(*args):
        if next(calls) == 64 + at:
            raise KeyboardInterrupt
        return fit(*args)

    with monkeypatch.context() as patch:
        patch.setattr(decoding, "square", interrupted)
        with pytest.raises(KeyboardInterrupt):
            loading.load_data("lsun", 16)
    decoded = []
    monkeypatch.setattr(decoding, "square", lambda *args: decoded.append(1) or fit(*args))
    assert np.array_equal(loading.load_data("lsun", 16).images, train)
    assert np.array_equal(loading.load_data("lsun", 16, "test").images, test)
    assert len(decoded) == 190 - (64 + at) // 64 * 64


@pytest.mark.slow
def test_ctrl_c_in_the_middle_of_lsun_is_one_line_and_the_same_command_goes_on(data, cache, capsys):
    """A real one, to the command and all its processes, as a terminal sends it."""
    picture, count = encode(noise(0, 5, 5)), 40_000  # so many that a fast machine is still at it when the signal comes
    make_lmdb(data / "bedroom_train_lmdb", dict.fromkeys(keys(count), picture))
    command = [sys.executable, "-m", "dcgan_core.cli", "data", "prepare", "lsun", "--size", "4"]
    place = os.environ | {"PYTHONPATH": str(Path(dcgan_core.__file__).parent.parent)}
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell's background jobs are started deaf to it
    more = {"stderr": subprocess.PIPE, "text": True, "start_new_session": True, "preexec_fn": heard}
    with subprocess.Popen(command, env=place, **more) as process:
        until = time.monotonic() + 600
        while not any(p.stat().st_size for p in cache.glob(".*/train.u8")) and time.monotonic() < until:
            assert process.poll() is None, "ended before it could be interrupted"
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGINT)
        error = process.communicate(timeout=600)[1]
    assert process.returncode == 130, error
    assert "Traceback" not in error
    assert error.rstrip().endswith("dcgan data: interrupted")
    assert not [p for p in cache.glob("[!.]*") if p.is_dir()], "half a cache has a name"
    assert main(["data", "prepare", "lsun", "--size", "4"]) == 0
    assert "lsun: continuing after the first" in capsys.readouterr().err
    assert len(loading.load_data("lsun", 4)) == count


def test_a_disk_that_is_full_while_lsun_is_prepared_is_one_line_and_the_same_command_goes_on(data, cache, monkeypatch, capsys):
    train, _ = lsun(data)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", full)
        assert main(["data", "prepare", "lsun", "--size", "16"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "No space left on device; free some space" in error and "continues where it stopped" in error
    assert not [p for p in cache.glob("[!.]*") if p.is_dir()]
    assert main(["data", "prepare", "lsun", "--size", "16"]) == 0
    assert "lsun: continuing after the first" in capsys.readouterr().err
    assert np.array_equal(loading.load_data("lsun", 16).images, train)


def test_lsun_goes_on_behind_a_key_of_any_bytes(data):
    odd = [b"a", b"a/b", b"\x00\xff", b"\xc3\xa4", b"z"]
    make_lmdb(data / "bedroom_train_lmdb", {k: encode(noise(i)) for i, k in enumerate(odd)})
    contents = finding.find("lsun").open(64)
    files = [p.file for p in contents.pictures(0, "")]
    assert len(files) == contents.count == 5
    for i, file in enumerate(files):
        assert [p.file for p in contents.pictures(i + 1, file)] == files[i + 1 :]


def test_a_bad_picture_in_lsun_is_left_out_by_its_key(data, capsys):
    values = dict(zip(keys(10), (encode(noise(i)) for i in range(10)), strict=True))
    values[keys(10)[3]] = b"no picture"
    make_lmdb(data / "bedroom_train_lmdb", values)
    assert len(loading.load_data("lsun", 16)) == 9
    assert f"bedroom_train_lmdb/{keys(10)[3].decode()} (not an image)" in capsys.readouterr().err
    with pytest.raises(UserError, match="no test pictures"):
        loading.load_data("lsun", 16, "test")


def test_changed_databases_are_prepared_anew(data):
    train, _ = lsun(data)
    loading.load_data("lsun", 16)
    with lmdb.open(str(data / "bedroom_train_lmdb"), map_size=1 << 26) as database, database.begin(write=True) as transaction:
        transaction.put(keys(100)[0], encode(noise(777, 20, 16)))
    changed = loading.load_data("lsun", 16).images
    assert np.array_equal(changed[1:], train[1:])
    assert not np.array_equal(changed[0], train[0])


def test_a_copy_of_lsun_elsewhere_is_the_same_data(data, tmp_path, monkeypatch):
    lsun(data)
    first = loading.load_data("lsun", 16).provenance["fingerprint"]
    shutil.copytree(data, tmp_path / "copy", copy_function=shutil.copyfile)
    monkeypatch.setenv("DCGAN_DATA", str(tmp_path / "copy"))
    assert loading.load_data("lsun", 16).provenance["fingerprint"] == first


def damage(kind: str, folder) -> None:
    file = folder / "data.mdb"
    content = file.read_bytes()
    if kind == "gone":
        file.unlink()
    elif kind == "empty":
        file.write_bytes(b"")
    elif kind == "text":
        file.write_bytes(b"<html>not found</html>" * 1000)
    elif kind == "half":
        file.write_bytes(content[: len(content) // 2])
    elif kind == "pages":  # everything behind the two meta pages
        file.write_bytes(content[:8192] + b"\x07" * (len(content) - 8192))


@pytest.mark.parametrize("kind", ["gone", "empty", "text", "half", "pages"])
@pytest.mark.parametrize("folder", ["bedroom_train_lmdb", "bedroom_val_lmdb"])
def test_a_damaged_database_is_one_line_that_says_what_to_do(data, cache, capsys, kind, folder):
    lsun(data / "lsun")
    damage(kind, data / "lsun" / folder)
    assert main(["data", "prepare", "lsun", "--size", "16"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    assert folder in error
    assert f"unzip {folder}.zip again" in error
    assert not [p for p in cache.glob("[!.]*") if p.is_dir()]
    assert main(["data", "list"]) == 0


@pytest.mark.parametrize("there", ["bedroom_train_lmdb.zip", "lsun/bedroom_train_lmdb.zip", "bedroom_val_lmdb.zip", None])
def test_lsun_that_is_not_unzipped_or_not_there_says_what_to_do(data, there):
    if there:
        make_folder(data, {there: b"PK"})
        assert finding.names() == sorted(
            [*scenes.NAMES, "celeba", "cifar10", "digits", "imagenet", "lsun", "mnist", "svhn", "tiny-imagenet"]
        )
    with pytest.raises(UserError, match=r"get bedroom_train_lmdb\.zip and bedroom_val_lmdb\.zip .* unzip them under"):
        loading.load_data("lsun")


def test_without_the_package_lmdb_the_way_out_is_named(data, monkeypatch):
    lsun(data)
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(UserError, match="pip install lmdb"):
        loading.load_data("lsun", 16)


def test_photographs_are_prepared_without_torch(data):
    """Which would take 270 MB."""
    lsun(data)
    assert scenes.NAMES == drawn.DRAWN_SETS
    program = "import sys; from dcgan_core.data import cache; cache.prepare('lsun', 16); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_zip_of_its_name_comes_first(data):
    lsun(data)
    make_zip(data / "lsun.zip", {"train/a.png": encode(noise(0))})
    assert len(loading.load_data("lsun", 16)) == 1
