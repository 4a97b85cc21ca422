"""Sets in torchvision's layouts, small ones written here; only its checksums are switched off."""

import numpy as np
import pytest
from photos import both, mnist
from PIL import Image

from dcgan_core.data import loading
from dcgan_core.data.sources import downloading
from dcgan_core.errors import UserError


def test_mnist_in_torchvisions_layout_needs_no_download(data, monkeypatch):
    expected = mnist(data, 30, 10)
    monkeypatch.setattr(downloading, "download", lambda name: pytest.fail("downloads"))
    for split, loaded in zip(expected, both("mnist", None), strict=True):
        images, labels = expected[split]
        assert np.array_equal(loaded.images, images[:, None])
        assert np.array_equal(loaded.labels, labels)
        assert loaded.classes == tuple("0123456789")


def test_what_cannot_be_downloaded_says_where_to_put_it(data):
    with pytest.raises(UserError, match=r"mnist: not found and not downloaded .*mnist\.zip.*MNIST/raw/train-images"):
        loading.load_data("mnist")
    with pytest.raises(UserError, match="mnist: not found"):
        loading.load_data("mnist", download=False)


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
