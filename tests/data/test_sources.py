"""The sets that are read as they were published: LSUN's lmdb, ImageNet's tree and tars. Small ones are written here."""

import builtins
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from functools import partial
from pathlib import Path

import lmdb
import numpy as np
import pytest
from conftest import encode, make_folder, make_zip, noise, snapshot
from PIL import Image

import dcgan_core
from dcgan_core.cli import main
from dcgan_core.data import decoding, loading
from dcgan_core.data.sources import drawn, finding, source
from dcgan_core.drawings import scenes
from dcgan_core.errors import UserError

# --- splits and classes -----------------------------------------------------------------------------------------------

PETS = [f"{split}/{kind}/{i}.png" for split in ("train", "test") for kind in ("cat", "dog") for i in range(3)]


def understood(root, files, **others: bytes) -> tuple[tuple[str, ...], dict[tuple[str, str], int]]:
    """Classes, and how many pictures there are of each split and class, of a folder; a zip of it says the same."""
    content = dict.fromkeys(files, encode(noise(0))) | others
    make_folder(root / "set", content)
    make_zip(root / "set.zip", content)
    results = []
    for name in ("set/", "set.zip"):
        loaded = {split: loading.load_data(str(root / name) + "/" * name.endswith("/"), 16, split) for split in source.SPLITS}
        classes = loaded["train"].classes
        counts = {
            (split, kind): int((data.labels == i).sum()) for split, data in loaded.items() for i, kind in enumerate(classes)
        }
        results.append((classes, counts))
    assert results[0] == results[1]
    return results[0]


SIX_AND_SIX = (("cat", "dog"), {(split, kind): 3 for split in ("train", "test") for kind in ("cat", "dog")})


@pytest.mark.parametrize(
    "stray", ["README.txt", "LICENSE", "docs/more/list.csv", "a/0.dat", "zoo/note.md", "pets/train/about.txt"]
)
@pytest.mark.parametrize("wrapper", ["", "pets/", "data/pets/"])
def test_what_is_no_picture_makes_no_class_no_wrapper_and_no_split(data, wrapper, stray):
    assert understood(data, [wrapper + f for f in PETS], **{stray: b"Please read this text."}) == SIX_AND_SIX


@pytest.mark.parametrize("stray", ["preview.png", "samples/1.png", "zoo/cat/1.png"])
@pytest.mark.parametrize("wrapper", ["", "pets/"])
def test_pictures_outside_the_splits_are_left_out_with_the_reason(data, capsys, wrapper, stray):
    assert understood(data, [wrapper + f for f in PETS] + [stray]) == SIX_AND_SIX
    assert f"left out 1 of 13 files: {stray} (outside the folders of the splits)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("Training", "Testing"),
        ("TRAIN", "TEST"),
        ("training", "test"),
        ("Train", "Val"),
        ("train", "validation"),
        ("val", "test"),
    ],
)
def test_splits_by_their_other_names(data, train, test):
    names = {"train": train, "test": test}
    assert understood(data, [f"x/{names[f.split('/')[0]]}/{f.partition('/')[2]}" for f in PETS]) == SIX_AND_SIX


def test_a_train_among_the_classes_is_a_class(data):
    classes, counts = understood(data, [f"{c}/{i}.png" for c in ("airplane", "bus", "car", "train") for i in range(30)])
    assert classes == ("airplane", "bus", "car", "train")
    assert all(counts["train", c] + counts["test", c] == 30 for c in classes)
    assert 0 < sum(counts["test", c] for c in classes) < 20


def test_the_class_is_the_first_folder_below_a_split(data):
    assert understood(data, [f.replace("/cat/", "/cat/images/").replace("/dog/", "/dog/a/b/") for f in PETS]) == SIX_AND_SIX


def test_splits_inside_of_each_class_are_splits(data):
    assert understood(data, ["pets/{1}/{0}/{2}".format(*f.split("/")) for f in PETS]) == SIX_AND_SIX


def test_a_small_pair_of_folders_deep_in_one_class_does_not_split_the_set(data):
    classes, _ = understood(
        data, [*(f"{c}/{i}.png" for c in ("a", "b") for i in range(30)), "b/old/train/x.png", "b/old/test/x.png"]
    )
    assert classes == ("a", "b", "test", "train")


def test_one_split_around_everything_is_a_split(data):
    make_zip(data / "half.zip", {f"x/Train/{c}/1.png": encode(noise(0)) for c in ("cat", "dog")} | {"x/README": b"text"})
    assert loading.load_data("half", 16).classes == ("cat", "dog")
    with pytest.raises(UserError, match="no test pictures"):
        loading.load_data("half", 16, "test")


def test_pictures_without_an_ending_are_known_by_how_they_begin(data):
    kinds = [encode(noise(0), kind) for kind in ("png", "jpeg", "webp", "gif", "bmp", "tiff", "ppm", "avif")]
    files = {f"{split}/{c}/{i}": content for split in source.SPLITS for c in "ab" for i, content in enumerate(kinds)}
    make_zip(data / "bare.zip", files | {"train/LICENSE": b"BMW, MIT, PNG"})
    assert loading.load_data("bare", 16).classes == ("a", "b")
    assert len(loading.load_data("bare", 16, "test")) == 2 * len(kinds)


# --- LSUN -------------------------------------------------------------------------------------------------------------


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
    assert "lsun: going on behind the first" in capsys.readouterr().err
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
    assert "No space left on device; free some space" in error and "goes on where it stopped" in error
    assert not [p for p in cache.glob("[!.]*") if p.is_dir()]
    assert main(["data", "prepare", "lsun", "--size", "16"]) == 0
    assert "lsun: going on behind the first" in capsys.readouterr().err
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
        assert finding.names() == sorted([*scenes.NAMES, "celeba", "cifar10", "digits", "imagenet", "lsun", "mnist", "svhn"])
    with pytest.raises(UserError, match=r"get bedroom_train_lmdb\.zip and bedroom_val_lmdb\.zip .* unzip them under"):
        loading.load_data("lsun")


def test_without_the_package_lmdb_the_way_out_is_named(data, monkeypatch):
    lsun(data)
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(UserError, match="pip install lmdb"):
        loading.load_data("lsun", 16)


# --- ImageNet ---------------------------------------------------------------------------------------------------------

WNIDS = ("n01440764", "n01443537", "n02119789")


def photo(seed: int) -> bytes:
    return encode(noise(seed, 50, 40), "jpeg", quality=90)


def imagenet(count: int = 4) -> dict[str, bytes]:
    files = {f"train/{w}/{w}_{i}.JPEG": photo(10 * c + i) for c, w in enumerate(WNIDS) for i in range(count)}
    return files | {f"val/{w}/ILSVRC2012_val_{c:08d}.JPEG": photo(100 + c) for c, w in enumerate(WNIDS)}


def tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def class_tars(count: int) -> dict[str, bytes]:
    return {f"{w}.tar": tar({f"{w}_{i}.JPEG": photo(100 * c + i) for i in range(count)}) for c, w in enumerate(WNIDS)}


def test_imagenets_tree_gives_32_px_centre_crops_with_val_as_test(data):
    make_folder(data / "imagenet", imagenet() | {"test/ILSVRC2012_test_1.JPEG": photo(1), "ILSVRC2012_devkit_t12/x.txt": b"x"})
    train, test = loading.load_data("imagenet"), loading.load_data("imagenet", split="test")
    assert train.images.shape == (12, 3, 32, 32)
    assert train.classes == test.classes == WNIDS
    assert train.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert test.labels.tolist() == [0, 1, 2]
    assert train.provenance["left_out"] == 0  # what is neither train nor val was not looked at
    assert np.array_equal(train.images[5], decoding.square(photo(11), 32, "center", 3))
    assert np.array_equal(test.images[2], decoding.square(photo(102), 32, "center", 3))


def test_imagenets_odd_files_are_pictures_too(data):
    """Among the real ones are CMYK JPEGs and a PNG that is called JPEG."""
    grey = Image.new("CMYK", (60, 50), (0, 0, 0, 55))
    odd = {"a.JPEG": encode(grey, "jpeg"), "b.JPEG": encode(np.full((50, 60, 3), 80, np.uint8), "png")}
    make_folder(data / "imagenet", imagenet() | {f"train/n09999999/{k}": v for k, v in odd.items()})
    train = loading.load_data("imagenet")
    assert train.provenance["left_out"] == 0
    assert abs(train.images[-2].astype(int) - 200).max() <= 4
    assert (train.images[-1] == 80).all()


@pytest.mark.parametrize("layout", ["one tar of tars", "tars", "tars in train"])
def test_imagenets_tars_are_read_as_they_lie_there(data, layout):
    tars = class_tars(30)
    if layout == "one tar of tars":
        make_folder(data / "imagenet", {"ILSVRC2012_img_train.tar": tar(tars), "ILSVRC2012_devkit_t12.tar.gz": b"x"})
    else:
        make_folder(data / "imagenet" / ("train" if "train" in layout else ""), tars)
    before = snapshot(data)
    splits = {s: loading.load_data("imagenet", split=s) for s in source.SPLITS}
    assert snapshot(data) == before
    assert {s.classes for s in splits.values()} == {WNIDS}
    assert len(splits["train"]) + len(splits["test"]) == 90
    assert 0 < len(splits["test"]) < 20
    known = {decoding.square(photo(100 * c + i), 32, "center", 3).tobytes(): c for c in range(3) for i in range(30)}
    for split in splits.values():
        assert [known[image.tobytes()] for image in split.images] == split.labels.tolist()


def test_an_interrupted_tar_goes_on_behind_the_last_picture(data):
    make_folder(data / "imagenet", {"ILSVRC2012_img_train.tar": tar(class_tars(5))})
    contents = finding.find("imagenet").open(32)
    files = [(p.file, p.read()) for p in contents.pictures(0, "")]
    assert len(files) == 15
    for i, (file, _) in enumerate(files):
        assert [(p.file, p.read()) for p in contents.pictures(i + 1, file)] == files[i + 1 :]


@pytest.mark.parametrize("cut", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("layout", ["one", "many"])
def test_a_tar_that_was_cut_short_is_an_error_that_names_it(data, cache, layout, cut):
    tars = class_tars(5)
    if layout == "one":
        whole = tar(tars)
        name = "ILSVRC2012_img_train.tar"
        make_folder(data / "imagenet", {name: whole[: int(len(whole) * cut) // 512 * 512]})
    else:
        name = f"{WNIDS[1]}.tar"
        make_folder(data / "imagenet", tars | {name: tars[name][: int(len(tars[name]) * cut)]})
    with pytest.raises(UserError, match=rf"{name}|{WNIDS[-1]}\.tar: damaged"):
        loading.load_data("imagenet")
    assert not [p for p in cache.glob("[!.]*") if p.is_dir()]


def test_a_tar_cut_off_behind_a_whole_picture_is_noticed(data):
    tars = class_tars(5)
    with tarfile.open(fileobj=io.BytesIO(tars["n01443537.tar"])) as archive:
        end = archive.getmembers()[3].offset
    make_folder(data / "imagenet", tars | {"n01443537.tar": tars["n01443537.tar"][:end]})
    with pytest.raises(UserError, match=r"n01443537\.tar: damaged"):
        loading.load_data("imagenet")


def test_imagenet_that_is_not_there_says_what_to_put_where(data):
    with pytest.raises(UserError, match=r"imagenet: not found; put imagenet/train/<class>/"):
        loading.load_data("imagenet")
    assert {row.name: row.state for row in loading.listing()}["imagenet"] == "not found"


# --- memory -----------------------------------------------------------------------------------------------------------


def test_pictures_of_a_folder_are_read_where_they_are_decoded(data, monkeypatch):
    """Not in the process that hands them out: a large file that is no picture never comes into memory."""
    make_folder(data / "pets", {"a.png": encode(noise(0)), "b.bin": b"0" * 1000})
    monkeypatch.setattr(builtins, "open", lambda *args, **kwargs: pytest.fail(f"opens {args}"))
    pictures = list(finding.find("pets").open(64).pictures(0, ""))
    assert [p.read() for p in pictures] == [data / "pets/a.png", data / "pets/b.bin"]


def test_photographs_are_prepared_without_torch(data):
    """Which would take 270 MB."""
    lsun(data)
    assert scenes.NAMES == drawn.DRAWN_SETS
    program = "import sys; from dcgan_core.data import cache; cache.prepare('lsun', 16); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_digest_needs_no_list():
    rows = ([i, "ä", None] for i in range(3))
    assert source.digest(rows) == source.digest([[0, "ä", None], [1, "ä", None], [2, "ä", None]])
    assert source.digest([]) != source.digest([[]])


def test_a_zip_of_its_name_comes_first(data):
    lsun(data)
    make_zip(data / "lsun.zip", {"train/a.png": encode(noise(0))})
    assert len(loading.load_data("lsun", 16)) == 1
