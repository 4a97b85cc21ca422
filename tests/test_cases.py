"""Inputs and commands that people really have, each of a kind that went wrong once: what must happen instead."""

import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from conftest import encode, make_folder, make_zip, noise, train_arguments
from photos import both, pngs
from PIL import Image
from tqdm import tqdm

from dcgan_core.cli import main
from dcgan_core.data import decoding, loading
from dcgan_core.data.sources import source
from dcgan_core.runs import Run

ROOT = str(Path(__file__).resolve().parent.parent)
PETS = [f"{split}/{kind}/{i}.png" for split in ("train", "test") for kind in ("cat", "dog") for i in range(6)]
SMALL = ["--profile", "quick", "--device", "cpu", "--images", "32"]
SMALL += [x for s in ("architecture.widths=8,16,32", "architecture.latent=10", "batch=16") for x in ("--set", s)]


def pictures(names) -> dict[str, bytes]:
    return {name: encode(noise(i)) for i, name in enumerate(names)}


def understood(capsys, name: str) -> str:
    """The line after preparing."""
    capsys.readouterr()
    assert main(["data", "prepare", name, "--size", "16"]) == 0
    return capsys.readouterr().err.splitlines()[-1]


def dcgan(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess:
    """A command in a process of its own."""
    env = os.environ | {"PYTHONPATH": ROOT} | environment
    command = [sys.executable, "-m", "dcgan_core.cli", *arguments]
    how = {"capture_output": True, "text": True, "errors": "replace", "timeout": 300}
    return subprocess.run(command, env=env, input=stdin, check=False, **how)


# --- what is a picture, a split, a class ------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrapper", ["", "pets/", "./", "./pets/", "/", "a/b/pets/", "C:\\data\\", "pets\\"])
@pytest.mark.parametrize("beside", [(), ("README.txt",), ("LICENSE", "train/notes.md", "docs/x/y.pdf")])
def test_splits_and_classes_are_found_from_pictures_alone(tmp_path, capsys, wrapper, beside):
    separator = "\\" if "\\" in wrapper else "/"
    names = [wrapper + name.replace("/", separator) for name in PETS]
    make_zip(tmp_path / "set.zip", pictures(names) | dict.fromkeys(beside, b"text"))
    assert understood(capsys, "set.zip").startswith("12 train, 12 test, 2 classes")
    assert loading.load_data("set.zip", 16).classes == ("cat", "dog")


LITTER = ["__MACOSX/train/cat/._0.png", ".DS_Store", "train/cat/Thumbs.db", "desktop.ini", "train/cat/@eaDir/0.png/S_M.png"]
LITTER += ["#recycle/old.png", "train/.AppleDouble/0.png", "train/dog/._x.jpg", "@Recycle/1.png", "$RECYCLE.BIN/a/b.png"]
LITTER += ["System Volume Information/1.png", ".thumbnails/2.png", "#snapshot/train/cat/0.png", "lost+found/1.png"]


def test_litter_of_systems_and_storage_boxes_is_passed_over(tmp_path, capsys):
    make_folder(tmp_path / "nas", pictures([*PETS, *LITTER]))
    make_zip(tmp_path / "nas.zip", pictures([*PETS, *LITTER]))
    for name in ("./nas", "nas.zip"):
        assert understood(capsys, name) == f"12 train, 12 test, 2 classes in {Path(name).name}"
    flat = [f"IMG_{i}.png" for i in range(10)]
    make_folder(tmp_path / "flat", pictures([*flat, *(f"@eaDir/{f}/SYNOFILE_THUMB_M.png" for f in flat)]))
    assert understood(capsys, "./flat").startswith("10 train, 0 test in")


def tiny(classes=("n01443537", "n01629819", "n01641577")) -> dict[str, bytes]:
    """Tiny-ImageNet's layout."""
    files = pictures(f"train/{c}/images/{c}_{i}.JPEG" for c in classes for i in range(6))
    files |= {f"train/{c}/{c}_boxes.txt": b"x\t0\t0\t1\t1\n" for c in classes}
    files |= pictures(f"val/images/val_{i}.JPEG" for i in range(4)) | pictures(f"test/images/test_{i}.JPEG" for i in range(2))
    rows = "".join(f"val_{i}.JPEG\t{classes[i % 2]}\t0\t0\t1\t1\n" for i in range(4))
    return files | {"val/val_annotations.txt": rows.encode(), "wnids.txt": b"n01443537\n"}


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_tiny_imagenet_as_published(tmp_path, capsys, kind):
    make_folder(tmp_path / "tiny", tiny())
    make_zip(tmp_path / "tiny.zip", {f"tiny-imagenet-200/{k}": v for k, v in tiny().items()})
    name = {"folder": "./tiny", "zip": "tiny.zip"}[kind]
    said = understood(capsys, name)
    assert said.startswith("18 train, 4 test, 3 classes")
    assert all(what in said for what in ("test is left out: it has no labels", "val is the test set", "table in val"))
    train, test = both(name)
    assert (train.classes, test.labels.tolist()) == (("n01443537", "n01629819", "n01641577"), [0, 1, 0, 1])
    assert train.labels.tolist() == [0] * 6 + [1] * 6 + [2] * 6


def test_a_test_set_without_labels_is_left_out_and_some_of_train_held_out(tmp_path, capsys):
    names = [f"train/{c}/{i}.png" for c in ("cat", "dog") for i in range(50)]
    make_folder(tmp_path / "contest", pictures([*names, *(f"test1/{i}.png" for i in range(7))]))
    said = understood(capsys, "./contest")
    assert "test is left out: it has no labels" in said
    assert "held out instead" in said
    train, test = both("./contest")
    assert len(train) + len(test) == 100
    assert 0 < len(test) < 20
    assert train.classes == ("cat", "dog")


@pytest.mark.parametrize("classes", [("airplane", "bus", "car", "train"), ("test", "exam"), ("valid", "void"), ("dev", "ops")])
def test_a_class_may_be_called_like_a_split(tmp_path, classes, capsys):
    make_folder(tmp_path / "set", pictures(f"{c}/{i}.png" for c in classes for i in range(30)))
    assert f"{len(classes)} classes" in understood(capsys, "./set")
    train, test = both("./set")
    assert train.classes == tuple(sorted(classes))
    assert len(train) + len(test) == 30 * len(classes)
    assert 0 < len(test) < 20


SPLITS = [("Train", "Valid"), ("training_set", "test_set"), ("train2017", "val2017"), ("TRAIN", "dev"), ("trainset", "testset")]
SPLITS += [("images_train", "images_test"), ("seg_train", "seg_test"), ("training", "Testing"), ("train", "evaluation")]


@pytest.mark.parametrize(("train", "test"), SPLITS)
@pytest.mark.parametrize("inside", ["", "again/", "images/"])
def test_splits_by_other_names_and_folders_that_say_nothing_below_them(tmp_path, capsys, train, test, inside):
    called = {"train": train, "test": test}
    names = []
    for name in PETS:
        split, rest = name.split("/", 1)
        names.append(f"x/{called[split]}/{inside.replace('again', called[split])}{rest}")
    make_zip(tmp_path / "set.zip", pictures(names))
    assert understood(capsys, "set.zip").startswith("12 train, 12 test, 2 classes in set.zip")


def test_val_joins_train_where_there_is_a_labelled_test_and_that_is_said(tmp_path, capsys):
    make_zip(tmp_path / "set.zip", pictures([*PETS, *(f"val/{c}/{i}.png" for c in ("cat", "dog") for i in range(2))]))
    assert understood(capsys, "set.zip") == "16 train, 12 test, 2 classes in set.zip; val joins train"


def test_pictures_beside_the_folders_of_the_classes_make_no_class(tmp_path, capsys):
    names = [f"{c}/{i}.png" for c in ("cat", "dog") for i in range(30)]
    make_folder(tmp_path / "few", pictures(["cover.png", *names]))
    assert "cover.png (beside the folders of the classes)" in understood(capsys, "./few")
    assert loading.load_data("./few", 16).classes == ("cat", "dog")
    make_folder(tmp_path / "many", pictures([*(f"{i}.png" for i in range(40)), *names]))
    assert "no classes: 40 pictures lie beside the 2 folders" in understood(capsys, "./many")
    train, test = both("./many")
    assert (train.classes, len(train) + len(test)) == ((), 100)


def test_a_folder_that_all_classes_have_is_none(tmp_path):
    make_folder(tmp_path / "set", pictures(f"{c}/images/{i}.png" for c in ("cat", "dog") for i in range(5)))
    assert loading.load_data("./set", 16).classes == ("cat", "dog")


def test_names_of_one_look_are_one_class(tmp_path):
    forms = [unicodedata.normalize(form, "José") for form in ("NFC", "NFD")]
    names = [f"{s}/{c}/{i}.png" for s, c in zip(("train", "test"), forms, strict=True) for i in range(3)]
    make_zip(tmp_path / "set.zip", pictures([*names, "train/Ana/1.png", "test/Ana/1.png"]))
    train, test = both("set.zip")
    assert train.classes == ("Ana", forms[0])
    assert train.labels.tolist() == test.labels.tolist() == [0, 1, 1, 1]


# --- attributes.csv ---------------------------------------------------------------------------------------------------------

ROWS = [(f"{i}.png", 1 if i % 3 else 0, -1 if i % 2 else 1) for i in range(30)]


def table(separator=",", header="file,Smiling,Male", end="\n", row="{0},{1},{2}") -> str:
    lines = [header, *(row.format(*r) for r in ROWS)]
    return end.join(line.replace(",", separator) for line in lines) + end


TABLES = {
    "semicolon": table(";").encode(),
    "tab": table("\t").encode(),
    "pipe": table("|").encode(),
    "blank last line": (table() + "\n").encode(),
    "blank lines and cells": table().replace("\n1.", "\n\n,,\n1.").encode(),
    "excel's note": ("sep=;\n" + table(";")).encode(),
    "windows": table(end="\r\n").encode(),
    "old mac": table(end="\r").encode(),
    "utf-8 with its mark": table().encode("utf-8-sig"),
    "utf-16": table("\t").encode("utf-16"),
    "utf-16 without its mark": table("\t").encode("utf-16-le"),
    "latin-1": table(header="Datei,Lächeln,Männlich").encode("latin-1"),
    "decimal comma": table(";").replace(";1;", ";1,0;").replace(";0;", ";0,0;").encode(),
    "decimal point": table(row="{0},{1}.0,{2}.0").encode(),
    "quotes": table(row='"{0}","{1}","{2}"').encode(),
    "spaces": table(row=" {0} , {1} , {2} ").encode(),
    "long minus": table().replace("-1", "−1").encode(),
    "empty columns": table(";", header="file;Smiling;Male;;", row="{0};{1};{2};;").encode(),
    "numbered rows": table(header=",file,Smiling,Male", row="17,{0},{1},{2}").encode(),
    "file last": table(header="Smiling,Male,name", row="{1},{2},{0}").encode(),
    "windows paths": table(row="C:\\Users\\me\\people\\{0},{1},{2}").encode(),
    "paths": table(row="./people/{0},{1},{2}").encode(),
    "capitals": table().replace(".png", ".PNG").encode(),
    "no endings": table().replace(".png", "").encode(),
    "celeba's own": ("30\n" + table(" ", header="Smiling,Male")).encode(),
}


@pytest.mark.parametrize("kind", TABLES)
def test_tables_as_spreadsheets_of_all_countries_write_them(tmp_path, kind, capsys):
    make_folder(tmp_path / "people", pictures(r[0] for r in ROWS) | {"attributes.csv": TABLES[kind]})
    said = understood(capsys, "./people")
    assert "2 test" in said
    assert "30 of 30 pictures in attributes.csv" in said
    train, test = both("./people")
    assert len(train.attribute_names) == 2
    known = {encode_key(noise(i)): list(r[1:]) for i, r in enumerate(ROWS)}
    for part in (train, test):
        assert [known[encode_key(image.transpose(1, 2, 0))] for image in part.images] == part.attributes.tolist()


def encode_key(pixels: np.ndarray) -> bytes:
    return np.ascontiguousarray(pixels).tobytes()


def test_names_are_compared_in_one_form_of_unicode(tmp_path, capsys):
    names = [f"José_{i}.png" for i in range(30)]
    rows = "file,Smiling\n" + "".join(f"{unicodedata.normalize('NFC', n)},1\n" for n in names)
    files = pictures(unicodedata.normalize("NFD", n) for n in names) | {"attributes.csv": rows.encode()}
    make_folder(tmp_path / "nfd", files)
    make_zip(tmp_path / "nfd.zip", files)
    for name in ("./nfd", "nfd.zip"):
        assert "attributes Smiling: 30 of 30 pictures" in understood(capsys, name)
        assert (loading.load_data(name, 16).attributes == 1).all()


def test_a_table_that_matches_few_or_no_pictures_is_named_with_the_count(tmp_path, capsys):
    make_folder(tmp_path / "none", pngs(30) | {"attributes.csv": b"file,Smiling\nanna.jpg,1\nben.jpg,-1\n"})
    said = understood(capsys, "./none")
    assert "0 of 30 pictures in attributes.csv, whose rows are called anna.jpg" in said
    assert loading.load_data("./none", 16).attribute_names == ()
    make_folder(tmp_path / "few", pngs(30) | {"attributes.csv": b"file,Smiling\n0003.png,1\nben.jpg,-1\n"})
    assert "1 of 30 pictures in attributes.csv" in understood(capsys, "./few")


def test_a_table_in_each_split_is_read(tmp_path):
    tables = {"train/attributes.csv": b"file,Smiling\na.png,1\n", "test/attributes.csv": b"file,Male\nb.png,-1\n"}
    make_zip(tmp_path / "people.zip", pictures(["train/a.png", "test/b.png"]) | tables)
    train, test = both("people.zip")
    assert train.attribute_names == ("Male", "Smiling")
    assert (train.attributes.tolist(), test.attributes.tolist()) == ([[0, 1]], [[-1, 0]])


REFUSED = {
    "no names of columns": (b"0.png,1,-1\n1.png,1,1\n", "no names of columns"),
    "a name twice": (b"file,A,A\n0.png,1,1\n", "a name of its own"),
    "contradiction": (b"file,A\n0.png,1\n0.png,-1\n", "line 3: 0.png has other values"),
    "one column": (b"file\n0.png\n", "no two columns"),
    "words": (b"file,A\n0.png,maybe\n", "line 2: expected 1 values"),
    "half of utf-16": (b"\xff\xfe\x00file", "not a table"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_table_that_cannot_be_read_is_refused_with_the_reason(tmp_path, fails, kind):
    content, why = REFUSED[kind]
    make_folder(tmp_path / "people", pictures(r[0] for r in ROWS) | {"attributes.csv": content})
    assert why in fails("data", "prepare", "./people", names="attributes.csv")


# --- what is in a picture --------------------------------------------------------------------------------------------------


def hidden(mode: str) -> tuple[bytes, str]:
    """Noise under full transparency around a dark square, as a file of this kind."""
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[..., :3] = noise(0, 64, 64)
    rgba[16:48, 16:48] = (10, 10, 10, 255)
    image = Image.fromarray(rgba)
    if mode == "palette":
        image = Image.fromarray(np.where(rgba[..., 3:] > 0, 10, 77).astype(np.uint8)[..., 0]).convert("P")
        return encode(image, "png", transparency=77), "png"
    if mode == "colour key":
        flat = np.where(rgba[..., 3:] > 0, rgba[..., :3], (200, 3, 3)).astype(np.uint8)
        return encode(Image.fromarray(flat), "png", transparency=(200, 3, 3)), "png"
    return encode(
        image.convert("LA" if mode == "grey" else "RGBA"),
        "webp" if mode == "webp" else "png",
        **({"lossless": True, "exact": True} if mode == "webp" else {}),
    ), mode


@pytest.mark.parametrize("mode", ["rgba", "grey", "webp", "palette", "colour key"])
@pytest.mark.parametrize("channels", [1, 3])
def test_transparent_parts_are_one_plain_colour(mode, channels):
    pixels = decoding.square(hidden(mode)[0], 64, "center", channels)
    assert (pixels[:, 16:48, 16:48] == 10).all()
    outside = np.concatenate([pixels[:, :16].reshape(channels, -1), pixels[:, 48:].reshape(channels, -1)], 1)
    assert (outside == 255).all()
    smaller = decoding.square(hidden(mode)[0], 16, "center", channels)
    assert smaller[:, :2].min() >= 250, "nothing of what is hidden comes in by resizing"


def test_half_transparent_is_mixed_with_the_plain_colour():
    pixels = decoding.square(encode(Image.new("RGBA", (16, 16), (0, 0, 0, 128))), 16, "center", 3)
    assert abs(pixels.astype(int) - 127).max() <= 1


def test_greys_are_trained_on_with_one_channel_where_that_is_asked_for(tmp_path):
    greys = {f"{i}.png": encode(noise(i, 20, 20, 1)) for i in range(30)}
    make_folder(tmp_path / "greys", greys)
    assert main(["train", "./greys", *SMALL, "--set", "architecture.channels=1", "--out", "grey"]) == 0
    assert Run("grey").architecture.channels == 1
    assert loading.load_data("./greys", 16).channels == 3
    assert loading.load_data("./greys", 16, grey=True).channels == 1


@pytest.mark.slow
def test_a_large_picture_is_used_and_nothing_foreign_is_said(tmp_path, capfd, recwarn):
    make_folder(tmp_path / "large", pngs(5))
    Image.new("L", (20_000, 10_000), 128).save(tmp_path / "large" / "panorama.jpg")
    Image.new("1", (20_000, 10_000)).save(tmp_path / "large" / "plan.png")
    assert main(["data", "prepare", "./large", "--size", "16"]) == 0
    err = capfd.readouterr().err
    assert "left out 1 of 7 files: plan.png (20000x10000 pixels are too many to decode)" in err
    assert err.count("\n") == 1
    assert not [w for w in recwarn if "PIL" in str(w.filename)]


def test_the_limit_on_pictures_holds_for_what_is_decoded(monkeypatch):
    monkeypatch.setattr(decoding, "MOST_PIXELS", 200 * 200)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with decoding.any_size():
        assert decoding.square(encode(noise(0, 900, 900), "jpeg"), 32, "center", 3).shape == (3, 32, 32)
        with pytest.raises(ValueError, match="900x900 pixels are too many to decode"):
            decoding.square(encode(noise(0, 900, 900)), 32, "center", 3)
    assert Image.MAX_IMAGE_PIXELS == 1000


@pytest.mark.slow
@pytest.mark.parametrize("start", ["spawn", "forkserver"])
def test_a_script_without_a_main_guard_works(data, tmp_path, start):
    make_zip(data / "many.zip", dict.fromkeys((f"{i}.png" for i in range(2100)), encode(noise(0))))
    code = f"import multiprocessing\nmultiprocessing.set_start_method({start!r})\nfrom dcgan_core.data import loading\n"
    (tmp_path / "spawned.py").write_text(code + "print(len(loading.load_data('many', 16)))")
    env = os.environ | {"PYTHONPATH": ROOT}
    command = [sys.executable, str(tmp_path / "spawned.py")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, int(done.stdout)) == (0, sum(not source.held_out(f"{i}.png") for i in range(2100))), done.stderr


def test_any_category_of_lsun_is_read_like_bedrooms(tmp_path, capsys):
    lmdb = pytest.importorskip("lmdb")
    for split, count in (("train", 20), ("val", 3)):
        folder = tmp_path / "lsun" / f"classroom_{split}_lmdb"
        folder.mkdir(parents=True)
        with lmdb.open(str(folder), map_size=1 << 22) as database, database.begin(write=True) as transaction:
            for i in range(count):
                transaction.put(f"{i:08d}".encode(), encode(noise(i), "webp"))
    for name in ("./lsun/classroom_train_lmdb", "./lsun"):
        assert [len(part) for part in both(name)] == [20, 3]
    assert main(["train", "./lsun/classroom_train_lmdb", *SMALL, "--out", "run"]) == 0
    assert Run("run").data_name == "classroom"


# --- copies in the cache -----------------------------------------------------------------------------------------------------


def test_a_touched_picture_is_no_other_picture(tmp_path, cache, capsys):
    make_folder(tmp_path / "pets", pictures(PETS))
    first = loading.load_data("./pets", 16).provenance
    for _ in range(3):
        os.utime(tmp_path / "pets" / PETS[0], ns=(1, os.stat(tmp_path / "pets" / PETS[0]).st_mtime_ns + 10**9))
        assert loading.load_data("./pets", 16).provenance == first
    os.rename(tmp_path / "pets", tmp_path / "animals")
    moved = loading.load_data("./animals", 16)
    assert (moved.name, moved.provenance["fingerprint"]) == ("animals", first["fingerprint"])
    assert len([p for p in cache.iterdir() if p.is_dir()]) == 1
    assert main(["data", "prepare", "./animals", "--size", "16", "--verify"]) == 0
    capsys.readouterr()
    (tmp_path / "animals" / PETS[0]).write_bytes(encode(noise(99)))
    assert loading.load_data("./animals", 16).provenance["content"] != first["content"]
    (tmp_path / "animals" / PETS[0]).write_bytes(encode(noise(98)))
    loading.load_data("./animals", 16)
    assert "dcgan data clean" in capsys.readouterr().err


def test_copies_are_listed_with_size_and_age_and_cleaned(tmp_path, cache, capsys):
    make_zip(tmp_path / "gone.zip", pictures(PETS))
    make_zip(tmp_path / "pets.zip", pictures(PETS[:20]))
    for name in ("gone.zip", "pets.zip"):
        loading.load_data(name, 16)
    loading.load_data("digits", 8)
    (tmp_path / "gone.zip").unlink()
    older = cache / "old-16px-center-0123456789ab"
    older.mkdir()
    (older / "meta.json").write_text('{"format": 3, "name": "old", "size": 16, "crop": "center", "counts": {"train": 5}}')
    (cache / ".lost-16px-center-0123456789ab.partial").mkdir()
    assert main(["data", "list"]) == 0
    out = capsys.readouterr().out
    assert "gone: 16 px, center, 24 images, 0.0 MB, 0 hours old" in out
    assert out.count("its source is gone") == 1
    assert "made by an older version" in out
    assert "lost: unfinished" in out
    assert main(["data", "clean"]) == 1  # nobody to ask
    assert len([p for p in cache.iterdir() if p.is_dir()]) == 5
    assert main(["data", "clean", "--yes"]) == 0
    assert "removed 3 copies" in capsys.readouterr().out
    assert sorted(p.name.split("-")[0] for p in cache.iterdir() if p.is_dir()) == ["digits", "pets"]
    assert main(["data", "clean"]) == 0
    assert main(["data", "clean", "pets"]) == 1
    assert "dcgan data clean pets --yes removes them" in capsys.readouterr().out
    assert main(["data", "clean", "pets", "--yes"]) == 0
    assert [p.name.split("-")[0] for p in cache.iterdir() if p.is_dir()] == ["digits"]


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_a_run_is_resumed_from_the_same_pictures_wherever_they_lie_now(tmp_path, kind, fails):
    if kind == "zip":
        make_zip(tmp_path / "a.zip", pictures(PETS))
    else:
        make_folder(tmp_path / "a.d", pictures(PETS))
    first, second = {"zip": ("./a.zip", "./moved/b.zip"), "folder": ("./a.d", "./moved/b")}[kind]
    assert main(["train", first, *SMALL, "--out", "run"]) == 0
    (tmp_path / "moved").mkdir()
    os.rename(first, second)
    for i, path in enumerate((tmp_path / "moved").rglob("*")):
        os.utime(path, (i, i))
    more = [*SMALL[:5], "64", *SMALL[6:]]
    assert main(["train", second, *more, "--out", "run", "--resume"]) == 0
    assert Run("run").info["counters"]["images"] == 64
    make_folder(tmp_path / "other", pictures(name.replace("6", "7") for name in reversed(PETS)))
    loading.load_data("./other", 32)
    fails("train", "./other", *more, "--out", "run", "--resume", names="other pictures")


# --- commands ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["/proc/nope", "a file", "/dev/null/x"])
def test_a_cache_that_cannot_be_written_is_one_line_that_names_dcgan_cache(tmp_path, monkeypatch, fails, place):
    (tmp_path / "a file").write_text("no folder")
    monkeypatch.setenv("DCGAN_CACHE", place)
    fails("data", "prepare", "digits", names="DCGAN_CACHE")
    fails(*train_arguments(tmp_path / "run"), names="DCGAN_CACHE")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("device", ["xpu", "meta", "cuda:77", "toaster", "cuda:x", "", "hpu:0", "mps:0"])
def test_a_device_that_is_none_is_refused_before_a_run_is_made(tmp_path, fails, device):
    arguments = train_arguments(tmp_path / "run", "--device", device)
    fails(*arguments, names=f"--device {device}")
    assert not (tmp_path / "run").exists()
    assert main(train_arguments(tmp_path / "run", images=16)) == 0


@pytest.mark.parametrize("count", ["1000000000000", "99999999999999999999"])
def test_more_samples_than_memory_are_one_line(run, fails, count):
    fails("sample", run.path, "--count", count, names=f"--count {count}")
    assert not os.path.exists("grid.png")


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")])
def test_too_little_memory_while_training_names_batch_and_widths_and_leaves_no_run(tmp_path, monkeypatch, fails, error):
    def update(*args):
        raise error

    monkeypatch.setattr("dcgan_core.training.session.tqdm", lambda **o: tqdm(**o | {"disable": True}))
    with monkeypatch.context() as patch:
        patch.setattr("dcgan_core.training.loop.update", update)
        said = fails(*train_arguments(tmp_path / "run"), names="out of memory")
    assert "--batch than 16" in said
    assert "8,16" in said
    assert not (tmp_path / "run").exists()
    assert main(train_arguments(tmp_path / "run", images=16)) == 0


def test_a_net_too_large_for_memory_leaves_no_run(tmp_path, fails):
    fails(*train_arguments(tmp_path / "run", "--set", "architecture.widths=1000000000,1000000000"), names="out of memory")
    assert not (tmp_path / "run").exists()


def test_too_little_memory_elsewhere_names_what_was_asked_for(monkeypatch, fails):
    def prepare(*args, **kwargs):
        raise MemoryError

    monkeypatch.setattr("dcgan_core.data.cache.prepare", prepare)
    assert "--size 512" in fails("data", "prepare", "digits", "--size", "512", names="out of memory")


def test_an_error_of_ours_that_is_none_of_these_keeps_its_traceback(monkeypatch):
    def prepare(*args, **kwargs):
        raise RuntimeError("a mistake in the code")

    monkeypatch.setattr("dcgan_core.data.cache.prepare", prepare)
    with pytest.raises(RuntimeError, match="a mistake"):
        main(["data", "prepare", "digits"])


@pytest.mark.parametrize(
    ("name", "begins"), [("g.jpg", b"\xff\xd8"), ("g.JPEG", b"\xff\xd8"), ("g.webp", b"RIFF"), ("g", b"\x89PNG")]
)
def test_a_picture_is_of_the_kind_that_its_name_says(run, name, begins):
    assert main(["sample", str(run.path), "--count", "4", "--out", name]) == 0
    assert Path(name).read_bytes().startswith(begins)


@pytest.mark.parametrize("name", ["g.gif", "g.txt", "g.npz"])
def test_a_picture_of_another_kind_is_refused(run, fails, name):
    fails("sample", run.path, "--out", name, names=name)
    assert not os.path.exists(name)


@pytest.mark.parametrize("here", ["photos/1.png", "photos.zip"])
def test_a_folder_or_zip_here_is_the_hint(tmp_path, fails, here):
    make_folder(tmp_path, {here: b"x"})
    path = f"./{here.split('/')[0]}"
    assert path in fails("train", "photos", names="photos")
    assert path in fails("data", "prepare", "photos", names="photos")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("pets.zip", "an archive: unpack it"),
        ("more.tar.gz", "an archive: unpack it"),
        ("IMG_0001.HEIC", "HEIC is not read: convert it to JPEG"),
        ("DSC_1.NEF", "a camera's raw file: convert it to JPEG"),
        ("clip.MOV", "a video"),
    ],
)
def test_what_is_not_read_is_named_as_what_it_is(tmp_path, capsys, name, why):
    make_zip(tmp_path / "outer.zip", pngs(3, "train/") | {f"train/{name}": b"PK"})
    assert f"left out 1 of 4 files: train/{name} ({why})" in understood(capsys, "outer.zip")


def test_dots_are_paths(tmp_path, monkeypatch):
    make_folder(tmp_path / "photos", pngs(10))
    monkeypatch.chdir(tmp_path / "photos")
    assert loading.load_data(".", 16).name == "photos"


@pytest.mark.parametrize("name", ["photos.tar.gz", "photos.rar"])
def test_another_archive_is_one_line_that_says_what_to_do(tmp_path, fails, name):
    (tmp_path / name).write_bytes(b"Rar!")
    fails("train", f"./{name}", names="unpack it")


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437"])
def test_an_odd_terminal_is_no_reason_to_stop(encoding):
    for command in (["probe", "--help"], ["train", "--help"], ["claims"]):
        done = dcgan(*command, PYTHONIOENCODING=encoding)
        assert done.returncode == 0, done.stderr
        assert done.stdout


@pytest.mark.slow
def test_a_pipe_that_nobody_reads_and_a_full_disk_for_output():
    command = f"{sys.executable} -m dcgan_core.cli"
    for what in ("claims", "claims --json", "train --help"):
        code = f"set -o pipefail; {command} {what} | head -c 10"
        done = subprocess.run(["bash", "-c", code], capture_output=True, env=os.environ | {"PYTHONPATH": ROOT}, check=False)
        assert (done.stderr, done.returncode) == (b"", 0)
    if os.path.exists("/dev/full"):
        code = f"{command} claims > /dev/full"
        done = subprocess.run(["bash", "-c", code], capture_output=True, env=os.environ | {"PYTHONPATH": ROOT}, check=False)
        assert done.returncode == 1
        assert done.stderr.count(b"\n") == 1
        assert b"No space left" in done.stderr


TORCHRUN = {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}


@pytest.mark.parametrize("missing", ["RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"])
def test_half_of_torchruns_variables_is_one_line(tmp_path, monkeypatch, fails, missing):
    for key, value in TORCHRUN.items():
        monkeypatch.setenv(key, value)
    monkeypatch.delenv(missing)
    fails(*train_arguments(tmp_path / "run"), names=missing)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("key", ["WORLD_SIZE", "RANK"])
def test_a_variable_of_torchruns_that_is_no_number_is_one_line(tmp_path, monkeypatch, fails, key):
    monkeypatch.setenv(key, "many")
    fails(*train_arguments(tmp_path / "run"), names=key)
