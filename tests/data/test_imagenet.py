"""ImageNet's tree and tars, small ones that are written here."""

import io
import tarfile

import numpy as np
import pytest
from conftest import encode, make_folder, noise, snapshot
from PIL import Image

from dcgan_core.data import decoding, loading
from dcgan_core.data.sources import finding, source
from dcgan_core.errors import UserError

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
