"""Zips and folders: splits, classes, attributes."""

import builtins
import hashlib
import json

import pytest
from conftest import encode, make_folder, make_zip, noise
from photos import assert_split_files, both, plain, pngs, split_files

from dcgan_core.data import loading
from dcgan_core.data.sources import finding, source
from dcgan_core.errors import UserError


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


def test_pictures_of_a_folder_are_read_where_they_are_decoded(data, monkeypatch):
    """Not in the process that hands them out: a large file that is no picture never comes into memory."""
    make_folder(data / "pets", {"a.png": encode(noise(0)), "b.bin": b"0" * 1000})
    monkeypatch.setattr(builtins, "open", lambda *args, **kwargs: pytest.fail(f"opens {args}"))
    pictures = list(finding.find("pets").open(64).pictures(0, ""))
    assert [p.read() for p in pictures] == [data / "pets/a.png", data / "pets/b.bin"]
