from __future__ import annotations

from dataclasses import dataclass

from dcgan_core.data import loading
from dcgan_core.data.sources import drawn, published
from dcgan_core.figures.tables import Table


@dataclass(frozen=True)
class Entry:
    """A data set on the data page. Texts are plain; `commands` are lines for a shell, as they are to be typed."""

    name: str  # as `dcgan data prepare` takes it
    what: str
    images: str
    terms: str
    commands: tuple[str, ...]
    preparation: str
    stands_in: str = ""  # for what, and what that changes
    loads: bool = True  # is it a set of images that `datasets.load` gives?


_SVHN_NET = "svhn_unsup_all_conv_dcgan_100z_gaussian_lr_0.0005_64mb"
_RESIZED = "shorter side resized, centre cropped"
_AS_IT_IS = "none: the pixels as they come"
_DRAWN_TERMS = "MIT, like the code"
_DRAWN_IMAGES = "{train:,} + {test:,}, drawn when asked for".format(**drawn.DRAWN)


def _drawn(name: str, what: str, size: int) -> Entry:
    stands_in = (
        "for photographs where a truth is needed that no photograph has: every factor is known. Drawings are far simpler."
    )
    command = f"dcgan data prepare {name} --size {size}"
    return Entry(name, what, _DRAWN_IMAGES, _DRAWN_TERMS, (command,), f"drawn at {size} pixels", stands_in)


ENTRIES = (
    Entry(
        "lsun",
        "LSUN's bedrooms, photographs from the web (Yu et al., 2015): the paper's §4.1",
        "3,033,042 + 300; 43 GB",
        "none stated; research use",
        (
            "pip install lmdb",
            "git clone https://github.com/fyu/lsun",
            "python lsun/download.py -c bedroom -o $DCGAN_DATA",
            "unzip $DCGAN_DATA/bedroom_train_lmdb.zip -d $DCGAN_DATA",
            "unzip $DCGAN_DATA/bedroom_val_lmdb.zip -d $DCGAN_DATA",
            "dcgan data prepare lsun --size 64",
        ),
        f"{_RESIZED}; then `dcgan data dedup lsun` as in §4.1.1",
    ),
    Entry(
        "rooms",
        "bedrooms, dining rooms, kitchens and living rooms of MIT Places (Zhou et al., 2018), 64 pixels",
        "3,600 + 400; 11 MB",
        "non-commercial research and education (Places' terms); the pictures belong to their owners",
        (
            "# photographs of rooms, such as Places' small images (places2.csail.mit.edu), in train/bedroom, test/bedroom, …",
            "zip -r $DCGAN_DATA/rooms.zip train test",
            "dcgan data prepare rooms --size 64",
        ),
        _RESIZED,
        "for LSUN's bedrooms: about a thousandth of the photographs, so that a long run sees each of them over a hundred times;"
        " and four kinds of rooms, where LSUN has one",
    ),
    Entry(
        "faces",
        "photographs of faces, such as a part of CelebA; this book's are 64 pixels, with attributes.csv",
        "19,000 + 1,000 of CelebA's; 39 MB",
        "CelebA's: non-commercial research only",
        (
            "dcgan data crop-faces path/to/photos path/to/faces   # from photographs of your own",
            "mv img_align_celeba.zip $DCGAN_DATA/faces.zip        # or CelebA's own zip",
            "dcgan data prepare faces --size 64",
        ),
        _RESIZED,
        "for the paper's 350,000 faces from the web, which were never released: fewer people, all celebrities, aligned",
    ),
    Entry(
        "celeba",
        "CelebA (Liu et al., 2015): photographs of celebrities, aligned, with forty attributes",
        "182,637 + 19,962; 1.4 GB",
        published.TORCHVISION["celeba"][2],
        ("pip install gdown", "dcgan data prepare celeba --size 64   # torchvision downloads it"),
        f"{_RESIZED}; `--crop exact` cuts the middle out unscaled, as the authors' code did with its own crops",
        "for the paper's faces, as above; the nearest to their number that is public",
    ),
    Entry(
        "imagenet",
        "Imagenet-1k (ILSVRC2012, Russakovsky et al., 2015): photographs of a thousand classes: the paper's §4.3",
        "1,281,167 + 50,000; 147 GB",
        "non-commercial research only, after registration",
        (
            "mkdir -p $DCGAN_DATA/imagenet",
            "mv ILSVRC2012_img_train.tar $DCGAN_DATA/imagenet/   # or the folders train/ and val/",
            "dcgan data prepare imagenet --size 32",
        ),
        f"{_RESIZED} (the paper's min-resized center crops); tars are read without unpacking them",
    ),
    Entry(
        "imagenet32",
        "80 images of each of Tiny-ImageNet's 200 classes, at 32 pixels",
        "16,000; 17 MB",
        "ImageNet's: non-commercial research only",
        (
            "# 80 images of each class of Tiny-ImageNet (cs231n.stanford.edu/tiny-imagenet-200.zip), in train/n01443537, …",
            "zip -r $DCGAN_DATA/imagenet32.zip train",
            "dcgan data prepare imagenet32 --size 32",
        ),
        _AS_IT_IS,
        "for Imagenet-1k: an eightieth of the images, a fifth of the classes, from smaller originals",
    ),
    Entry(
        "cifar10",
        "CIFAR-10 (Krizhevsky, 2009): ten classes, 32 pixels; the test of D's features in §5.1",
        "50,000 + 10,000; 170 MB",
        published.TORCHVISION["cifar10"][2],
        ("dcgan data prepare cifar10   # torchvision downloads it",),
        _AS_IT_IS,
    ),
    Entry(
        "svhn",
        "house numbers (Netzer et al., 2011), 32 pixels: §5.2",
        "73,257 + 26,032; 250 MB",
        published.TORCHVISION["svhn"][2],
        ("dcgan data prepare svhn   # torchvision downloads it",),
        _AS_IT_IS,
    ),
    Entry(
        "mnist",
        "handwritten digits, 28 pixels, grey: the paper's supplement",
        "60,000 + 10,000; 12 MB",
        published.TORCHVISION["mnist"][2],
        ("dcgan data prepare mnist   # torchvision downloads it",),
        _AS_IT_IS,
    ),
    Entry(
        "digits",
        "UCI's handwritten digits, 8 pixels, grey; they come with scikit-learn",
        "1,797, one in twenty held out",
        "CC BY 4.0",
        ("dcgan data prepare digits --size 16",),
        "scaled from 0…16 to 0…255",
        "for anything, where there is nothing else: tests, and chapter 4 without photographs",
    ),
    _drawn("drawn-rooms", "rooms drawn by this book, with a mask for every window, door, lamp and bed", 64),
    _drawn("drawn-portraits", "faces drawn by this book: pose, smile, glasses, beard, hair, light", 64),
    _drawn("drawn-sprites", "ten kinds of small things drawn by this book", 32),
    Entry(
        "authors-svhn",
        "the authors' trained weights (Newmu/dcgan_code, 2015): no pictures, but arrays that draw them",
        "SVHN G and D, ImageNet D",
        "MIT",
        (
            "git clone https://github.com/Newmu/dcgan_code",
            f"dcgan import-authors dcgan_code/models/{_SVHN_NET} --out runs/authors-svhn",
        ),
        "kernels turned around, statistics of batchnorm estimated",
        loads=False,
    ),
    Entry(
        "path/to/photos",
        "your own photographs: a folder or a zip, images at any depth",
        "any number",
        "yours",
        ("dcgan data prepare path/to/photos --size 64", "dcgan train path/to/photos"),
        f"{_RESIZED}; one in twenty is held out where there are no folders train and test",
        loads=False,
    ),
)


def entry(name: str) -> Entry | None:
    """What is known of a data set, None where it is one that somebody put under the data root."""
    return next((e for e in ENTRIES if e.name == name), None)


def overview() -> Table:
    """Every data set: what it is, how large, under which terms, whether it is here; then what else was found."""
    states = {row.name: row.state for row in loading.listing()}
    rows = [[e.name, e.what, e.images, e.terms, states.get(e.name, "not found") if e.loads else ""] for e in ENTRIES]
    rows += [[name, "of your own", "", "as its owner says", state] for name, state in states.items() if not entry(name)]
    return Table(["name", "what it is", "images: training + held out", "terms", "on this machine"], rows)


def how_to_get() -> str:
    """The commands for every data set, one below the other, as they are to be typed."""
    return "\n\n".join("\n".join((f"# {e.name}", *e.commands)) for e in ENTRIES)


def preparations(timed: list[dict]) -> Table:
    """What preparation does, and how long it took.

    timed: rows with `name`, `size`, `images`, `value` (seconds), `cpu_seconds`, as benchmarks/prepare.py writes them.
    """
    known = {row["name"]: row for row in timed}
    rows = []
    for e in ENTRIES:
        row = known.get(e.name)
        took = ["", ""] if not e.loads else ["not measured", ""]
        if row:
            took = [f"{row['value']:.0f} s for {row['images']:,} at {row['size']} px", f"{row['cpu_seconds']:.0f} s"]
        rows.append([e.name, e.preparation, *took])
    return Table(["name", "what preparation does", "how long", "of processors' time"], rows)


def stand_ins() -> Table:
    """Which set stands for which, and what that changes."""
    return Table(["name", "stands in …"], [[e.name, f"… {e.stands_in}"] for e in ENTRIES if e.stands_in])
