"""Sets picked out of published ones by the lists that ship; the download of Tiny-ImageNet."""

import hashlib
import io
import urllib.request
import zipfile

import numpy as np
import pytest
from conftest import encode, make_folder, make_zip, noise
from PIL import Image

from dcgan_core.cli import main
from dcgan_core.data import loading, picking
from dcgan_core.data.sources import downloading, published
from dcgan_core.errors import UserError


def test_the_lists_that_ship():
    faces, imagenet32, rooms = (picking.listed_files(name) for name in ("faces", "imagenet32", "places-rooms"))
    assert [len(set(files)) for files in (faces, imagenet32, rooms)] == [20_000, 16_000, 20_347]
    assert faces[0] == "images/000002.jpg"
    assert len({file.split("/")[1] for file in imagenet32}) == 200
    assert "train/n01443537/n01443537_79.JPEG" in imagenet32
    assert {file.split("/")[1] for file in rooms} == {"bedroom", "dining_room", "kitchen", "living_room"}
    assert sum(file.startswith("test/") for file in rooms) == 400


@pytest.mark.real_data
@pytest.mark.parametrize("name", list(picking.PICKED))
def test_the_lists_are_those_of_the_books_own_sets(real_data, name):
    with zipfile.ZipFile(real_data / f"{name}.zip") as archive:
        assert {file for file in archive.namelist() if not file.endswith(".csv")} == set(picking.listed_files(name))


LISTED = {
    "faces": ["images/000002.jpg", "images/000007.jpg"],
    "places-rooms": ["train/kitchen/00000001.jpg", "train/bedroom/00000001.jpg", "test/kitchen/Places365_val_00000009.jpg"],
}
SOURCES = {
    "torchvision": ("faces", {f"img_align_celeba/00000{i}.jpg": i for i in (2, 3, 7)}),
    "kaggle": ("faces", {"img_align_celeba/img_align_celeba/000007.jpg": 7, "img_align_celeba/img_align_celeba/000002.jpg": 2}),
    "places": ("places-rooms", {"data_256_standard/k/kitchen/00000001.jpg": 1, "data_256_standard/b/bedroom/00000001.jpg": 2,
                                "data_256_standard/a/attic/00000001.jpg": 4, "val_256/Places365_val_00000009.jpg": 3}),
    "places, by class": ("places-rooms", {"train/kitchen/00000001.jpg": 1, "train/bedroom/00000001.jpg": 2,
                                          "val/kitchen/Places365_val_00000009.jpg": 3}),
}  # fmt: skip


@pytest.mark.parametrize("layout", SOURCES)
@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_what_is_listed_is_picked_in_any_layout(data, tmp_path, monkeypatch, capsys, layout, kind):
    name, files = SOURCES[layout]
    monkeypatch.setattr(picking, "listed_files", LISTED.get)
    content = {file: encode(noise(seed, 178, 218), "png") for file, seed in files.items()}
    if name == "faces":
        content["list_attr_celeba.txt"] = b"3\nBald Young\n000002.jpg -1  1\n000003.jpg 1 1\n000007.jpg  1 -1\n"
    place = make_zip(tmp_path / "p.zip", content) if kind == "zip" else make_folder(tmp_path / "p", content)
    assert main(["data", "pick", name, "--from", str(place)]) == 0
    said = capsys.readouterr().out
    assert f"{len(LISTED[name])} pictures of" in said
    assert ("was not recorded" in said) == (name == "faces")
    with zipfile.ZipFile(data / f"{name}.zip") as archive:
        assert [f for f in archive.namelist() if f != "attributes.csv"] == LISTED[name]
        sizes = {Image.open(io.BytesIO(archive.read(f))).size for f in LISTED[name]}
        if name == "faces":
            assert archive.read("attributes.csv") == b"file,Bald,Young\n000002.jpg,-1,1\n000007.jpg,1,-1\n"
    assert sizes == {(64, 64)}
    assert loading.load_data(name).size == 64


def test_the_cut_can_be_chosen(tmp_path, monkeypatch, fails):
    monkeypatch.setattr(picking, "listed_files", lambda name: ["images/000002.jpg"])
    photo = np.zeros((218, 178, 3), np.uint8)
    photo[55:163, 35:143] = 200  # the middle 108 pixels
    make_folder(tmp_path / "celeba", {"000002.jpg": encode(photo)})
    assert main(["data", "pick", "faces", "--from", "celeba", "--cut", "108", "--out", "cut.zip"]) == 0
    assert abs(loading.load_data("cut.zip", 64).images[0].astype(int) - 200).max() <= 2
    fails("data", "pick", "faces", "--from", "celeba", "--cut", "200", "--out", "wide.zip", names="too small to cut 200 from")


def test_what_cannot_be_picked_is_one_line_and_leaves_no_file(data, tmp_path, fails):
    fails("data", "pick", "cats", names="'cats'")
    fails("data", "pick", "faces", names="CelebA is not under")
    fails("data", "pick", "faces", "--from", "nowhere", names="nowhere")
    make_folder(tmp_path / "celeba", {"000002.jpg": encode(noise(0))})
    fails("data", "pick", "faces", "--from", "celeba", names="19,999 of 20,000 pictures")
    fails("data", "pick", "faces", "--from", "celeba", "--cut", "5", names="--cut 5")
    make_zip(data / "faces.zip", {"a.png": encode(noise(0))})
    fails("data", "pick", "faces", "--from", "celeba", names="already exists")
    assert [p.name for p in data.iterdir()] == ["faces.zip"]


def test_a_picture_that_is_damaged_leaves_no_file(data, tmp_path, fails, monkeypatch):
    monkeypatch.setattr(picking, "listed_files", lambda name: ["images/000002.jpg"])
    make_folder(tmp_path / "celeba", {"000002.jpg": b"\xff\xd8\xff no picture"})
    fails("data", "pick", "faces", "--from", "celeba", names="000002.jpg")
    assert list(data.iterdir()) == []


# --- Tiny-ImageNet --------------------------------------------------------------------------------------------------------


@pytest.fixture
def stanford(monkeypatch, tmp_path):
    """What the publisher's address gives: a small zip of the same layout."""
    files = {
        f"tiny-imagenet-200/train/{c}/images/{c}_{i}.JPEG": encode(noise(i), "jpeg") for c in ("n1", "n2") for i in range(3)
    }
    files |= {f"tiny-imagenet-200/val/images/val_{i}.JPEG": encode(noise(9 + i), "jpeg") for i in range(2)}
    files["tiny-imagenet-200/val/val_annotations.txt"] = b"val_0.JPEG\tn2\t0\t0\t1\t1\nval_1.JPEG\tn1\t0\t0\t1\t1\n"
    content = make_zip(tmp_path / "published.zip", files).read_bytes()
    monkeypatch.setattr(published, "TINY_BYTES", len(content))
    monkeypatch.setattr(published, "TINY_MD5", hashlib.md5(content).hexdigest())
    given = {"content": content}
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: io.BytesIO(given["content"]))
    return given


def test_tiny_imagenet_is_downloaded_checked_and_read(data, stanford):
    assert published.TINY_URL == "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
    train, test = (loading.load_data("tiny-imagenet", 32, split) for split in ("train", "test"))
    assert (len(train), train.classes, test.labels.tolist()) == (6, ("n1", "n2"), [1, 0])
    assert [p.name for p in data.iterdir()] == ["tiny-imagenet-200.zip"]
    assert train.provenance["licence"] == "non-commercial research only"
    assert {row.name: row.state for row in loading.listing()}["tiny-imagenet"] == "found"
    assert loading.native("tiny-imagenet") == (64, 3)


@pytest.mark.parametrize("damage", ["cut short", "another"])
def test_a_download_that_is_not_what_was_published_is_refused_and_leaves_nothing(data, stanford, damage):
    whole = stanford["content"]
    stanford["content"] = whole[:-10] if damage == "cut short" else whole[:-1] + b"\1"
    with pytest.raises(UserError, match=r"not downloaded .*MD5 .*tiny-imagenet-200\.zip"):
        loading.load_data("tiny-imagenet", 32)
    assert list(data.iterdir()) == []


def test_without_a_network_tiny_imagenet_says_what_to_put_where(data):
    with pytest.raises(UserError, match=r"tiny-imagenet: not found and not downloaded .*or the folder tiny-imagenet-200/"):
        loading.load_data("tiny-imagenet", 32)


@pytest.mark.parametrize("name", ["tiny-imagenet-200", "tiny-imagenet"])
def test_tiny_imagenet_may_lie_there_as_a_folder(data, name):
    make_folder(data / name, {f"train/{c}/images/{c}_0.JPEG": encode(noise(0), "jpeg") for c in ("n1", "n2")})
    assert loading.load_data("tiny-imagenet", 32).classes == ("n1", "n2")
    assert "tiny-imagenet-200" not in {row.name for row in loading.listing()}


def test_what_can_be_fetched():
    assert downloading.fetchable() == ("mnist", "cifar10", "svhn", "celeba", "tiny-imagenet")
