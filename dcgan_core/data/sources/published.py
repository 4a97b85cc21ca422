"""Sets that are published under a name: their licence, size, the files that mark them, how to get them."""

from typing import NamedTuple

from dcgan_core.data.sources import source


class Known(NamedTuple):
    """A published set."""

    licence: str
    size: int  # pixels, used where no size is asked for
    channels: int
    files: tuple[str, ...] = ()  # that mark torchvision's layout under the root; none where torchvision does not read it


_MNIST = tuple(f"MNIST/raw/{p}-{k}" for p in ("train", "t10k") for k in ("images-idx3-ubyte", "labels-idx1-ubyte"))
_CIFAR10 = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")
_CELEBA = ("list_attr_celeba", "identity_CelebA", "list_bbox_celeba", "list_landmarks_align_celeba", "list_eval_partition")
KNOWN = {
    "mnist": Known("CC BY-SA 3.0", 28, 1, _MNIST),
    "cifar10": Known("none stated; research use", 32, 3, tuple(f"cifar-10-batches-py/{file}" for file in _CIFAR10)),
    "svhn": Known("non-commercial use only", 32, 3, ("train_32x32.mat", "test_32x32.mat")),
    "celeba": Known("non-commercial research only", 64, 3, tuple(f"celeba/{name}.txt" for name in _CELEBA)),
    "lsun": Known("none stated; research use", 64, 3),
    "imagenet": Known("non-commercial research only", 32, 3),
    "tiny-imagenet": Known("non-commercial research only", 64, 3),
}
TINY_URL = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
TINY_BYTES, TINY_MD5 = 248_100_043, "90528d7ca1a48142e341f4ef8d21d0de"
TORCHVISION = tuple(name for name, known in KNOWN.items() if known.files)
OTHER = Known("as its owner says", 64, 3)
LSUN = {"train": "bedroom_train_lmdb", "test": "bedroom_val_lmdb"}  # the folders of the official lmdb, a split each


def how_to_get(name: str) -> str:
    root = source.data_root()
    if name == "celeba":
        return f"pip install gdown and try again, or put celeba.zip or torchvision's folder celeba/ under {root}"
    if name == "lsun":
        both = " and ".join(f"{folder}.zip" for folder in LSUN.values())
        return f"get {both} (43 GB, github.com/fyu/lsun) and unzip them under {root}"
    if name == "imagenet":
        return f"put imagenet/train/<class>/ and imagenet/val/<class>/, or imagenet/ILSVRC2012_img_train.tar, under {root}"
    if name == "tiny-imagenet":
        return f"get {TINY_URL} and put it, or the folder tiny-imagenet-200/ that is in it, under {root}"
    if name in TORCHVISION:
        return f"put {name}.zip, or torchvision's files ({KNOWN[name].files[0]} …), under {root}"
    return f"put {name}.zip or a folder {name}/ with images under {root} (set DCGAN_DATA to look elsewhere)"
