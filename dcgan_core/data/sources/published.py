"""Sets that are published under a name: size, licence, the files that mark them, how to get them."""

from __future__ import annotations

from dcgan_core.data.sources import source


def usual(name: str) -> tuple[int, int] | None:
    """Size and channels of a well-known set, however it lies there."""
    if name in TORCHVISION:
        return TORCHVISION[name][:2]
    return {"lsun": (64, 3), "imagenet": (32, 3)}.get(name)


_CELEBA = [
    "list_attr_celeba.txt",
    "identity_CelebA.txt",
    "list_bbox_celeba.txt",
    "list_landmarks_align_celeba.txt",
    "list_eval_partition.txt",
]
# name -> (size, channels, licence, the files that mark torchvision's layout under the root)
TORCHVISION = {
    "mnist": (
        28,
        1,
        "CC BY-SA 3.0",
        [f"MNIST/raw/{p}-{k}" for p in ("train", "t10k") for k in ("images-idx3-ubyte", "labels-idx1-ubyte")],
    ),
    "cifar10": (
        32,
        3,
        "none stated; research use",
        [f"cifar-10-batches-py/{b}" for b in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")],
    ),
    "svhn": (32, 3, "non-commercial use only", ["train_32x32.mat", "test_32x32.mat"]),
    "celeba": (64, 3, "non-commercial research only", [f"celeba/{f}" for f in _CELEBA]),
}


# name -> the folders of the official lmdb, a split each
LSUN = {"train": "bedroom_train_lmdb", "test": "bedroom_val_lmdb"}


def how_to_get(name: str) -> str:
    if name == "celeba":
        return f"pip install gdown and try again, or put celeba.zip or torchvision's folder celeba/ under {source.data_root()}"
    if name == "lsun":
        both = " and ".join(f"{folder}.zip" for folder in LSUN.values())
        return f"get {both} (43 GB, github.com/fyu/lsun) and unzip them under {source.data_root()}"
    if name == "imagenet":
        return f"put imagenet/train/<class>/ and imagenet/val/<class>/, or imagenet/ILSVRC2012_img_train.tar, under {source.data_root()}"
    if name in TORCHVISION:
        return f"put {name}.zip, or torchvision's files ({TORCHVISION[name][3][0]} …), under {source.data_root()}"
    return f"put {name}.zip or a folder {name}/ with images under {source.data_root()} (set DCGAN_DATA to look elsewhere)"
