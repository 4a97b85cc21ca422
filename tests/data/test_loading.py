"""Data sets by their names: what is given, what is listed."""

import io
import shutil
import warnings
import zipfile

import pytest
from conftest import make_zip
from photos import both, plain, split_files

from dcgan_core.data import loading
from dcgan_core.data.sources import finding
from dcgan_core.errors import UserError


def test_an_unknown_split_and_an_absent_split_are_errors(data):
    make_zip(data / "pets.zip", {"train/a.png": plain(1)})
    with pytest.raises(UserError, match="split 'valid'"):
        loading.load_data("pets", 16, "valid")
    with pytest.raises(UserError, match="no test pictures"):
        loading.load_data("pets", 16, "test")


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
