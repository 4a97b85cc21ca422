"""What exactly is trained under a name, at each profile?

A recipe is a `Config`. `quick` takes minutes, `cpu` up to 150 minutes on two cores; `paper` is for a GPU, with the
paper's (or the authors' code's) data, net and number of images. A data set without a recipe gets the default net for
its size.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from dcgan_core.config_io import did_you_mean
from dcgan_core.data import loading
from dcgan_core.data.sources import finding
from dcgan_core.errors import UserError
from dcgan_core.networks import ARCHITECTURES, Architecture
from dcgan_core.training.config import Config

PROFILES = ("quick", "cpu", "paper")
Settings = dict[str, Any]  # of a `Config`

# On two cores, many small updates teach more than few large ones: batch 32, and both nets on every batch.
_SMALL: Settings = {"batch": 32, "updates": "both"}
# mnist/train_cond_dcgan.py: 10,000 training images are the validation set; L2 on every parameter.
_MNIST: Settings = {"first": 50_000, "weight_decay": 2.5e-5}
# In place of the authors' 200 passes 25, half of them with a falling rate like theirs. Moving the 13 million weights takes
# most of an update at any batch, so small batches and both nets on each: 39,063 updates of each net, as many as theirs.
_MNIST_CPU: Settings = {**_SMALL, "images": 25 * 50_000, "decay_images": 25 * 25_000}
_NARROW64 = Architecture(64, 3, (32, 64, 128, 256), (2, 2, 2, 2), kernel=4)  # see book/trials/rooms_settings.json
# half of the authors' widths: of the nets tried for a few minutes each, the one whose features the probe of §5.1 liked best,
# and the smaller the batch, the better (book/trials/imagenet32_settings.json)
_HALF32 = replace(ARCHITECTURES["imagenet32"], widths=(64, 64, 128, 128, 256, 256))
_IMAGENET_CPU: Settings = {"batch": 16, "updates": "both", "minutes": 150.0}
_TINY32 = Architecture(32, 3, (32, 64, 128), (2, 2, 2), kernel=4)  # a quarter of the work of small32

_SETS = ("faces", "lsun", "drawn-rooms", "drawn-portraits", "cifar10", "imagenet", "svhn")
_DIGITS = Architecture(16, 1, (64, 128), (2, 2), kernel=4)
_MNIST28, _AFFINE28 = ARCHITECTURES["mnist28"], replace(ARCHITECTURES["mnist28"], norm_affine=True)
# mnist/train_cond_dcgan.py: 100 epochs, then 100 of linear decay, of 50,000 images
_MNIST_PAPER: Settings = {**_MNIST, "images": 200 * 50_000, "decay_images": 100 * 50_000}

# profile -> recipe -> what is trained. mnist-affine: with batchnorm's scale and bias, which the paper's supplement advises
# against. mnist-fc: the supplement's baseline, a permutation-invariant GAN, same settings and images, no convolutions
_TABLES: dict[str, dict[str, Config]] = {
    "quick": {
        "digits": Config("digits", _DIGITS, **_SMALL, images=30_000),
        "mnist": Config("mnist", replace(_MNIST28, widths=(16, 32), hidden=256), **_MNIST, **_SMALL, images=60_000),
        **{name: Config(name, _TINY32, **_SMALL, images=40_000) for name in _SETS},
        "rooms": Config("places-rooms", _TINY32, **_SMALL, images=40_000),
        "imagenet32": Config("tiny-imagenet", _TINY32, **_SMALL, images=40_000),
    },
    "cpu": {
        "digits": Config("digits", _DIGITS, **_SMALL, images=400_000),
        "faces": Config("faces", ARCHITECTURES["small64"], **_SMALL, minutes=90.0),
        "rooms": Config("places-rooms", _NARROW64, **_SMALL, minutes=150.0, flip=True, shift=4, tint=1.0),
        "lsun": Config("lsun", _NARROW64, **_SMALL, minutes=150.0),
        **{name: Config(name, _NARROW64, **_SMALL, minutes=45.0) for name in ("drawn-rooms", "drawn-portraits")},
        # D's features improve for longer with noise on all that it sees (book/trials/imagenet32_noise.json, on 16,000 of the
        # 100,000 images: the list `imagenet32`). cifar10 is §5.1's second row: the same on the images that are then classified
        "imagenet32": Config("tiny-imagenet", _HALF32, **_IMAGENET_CPU, flip=True, noise=0.1),
        "cifar10": Config("cifar10", _HALF32, **_IMAGENET_CPU, flip=True, noise=0.1),
        "imagenet": Config("imagenet", _HALF32, **_IMAGENET_CPU),
        "mnist": Config("mnist", _MNIST28, **_MNIST, **_MNIST_CPU),
        "mnist-affine": Config("mnist", _AFFINE28, **_MNIST, **_MNIST_CPU),
        "mnist-fc": Config("mnist", ARCHITECTURES["mnist28-fc"], **_MNIST, **_MNIST_CPU, precision="single"),
    },
    "paper": {
        # faces/train_uncond_dcgan.py: 25 epochs of 350,000 images; here CelebA's public faces stand in for the unreleased set
        "faces": Config("celeba", ARCHITECTURES["lsun64"], weight_decay=1e-5, images=25 * 350_000),
        "lsun": Config("lsun", ARCHITECTURES["lsun64"], images=5 * 3_033_042),  # Fig 3: five passes through the bedrooms
        # not the paper's: as many images as its faces, for the second row of §5.1
        "cifar10": Config("cifar10", ARCHITECTURES["imagenet32"], images=25 * 350_000),
        "imagenet": Config("imagenet", ARCHITECTURES["imagenet32"], images=30 * 1_281_167),  # D's file name says epoch 30
        "mnist": Config("mnist", _MNIST28, **_MNIST_PAPER),
        "mnist-affine": Config("mnist", _AFFINE28, **_MNIST_PAPER),
        "mnist-fc": Config("mnist", ARCHITECTURES["mnist28-fc"], **_MNIST_PAPER, precision="single"),
        # the released model's folder name: lr 0.0005, batch 64, 200 epochs of 63,257 images
        "svhn": Config("svhn", ARCHITECTURES["svhn32"], batch=64, learning_rate=5e-4, images=200 * 63_257),
    },
}
RECIPES = {  # recipe -> profile -> what is trained
    name: {profile: table[name] for profile, table in _TABLES.items() if name in table}
    for name in sorted({name for table in _TABLES.values() for name in table})
}


def recipe(name: str, profile: str = "cpu", architecture: str | None = None) -> Config:
    """The config of a recipe, or of a data set without one, at a profile. architecture: the name of another net.

    Raises UserError for unknown names, and if the recipe has no such profile.
    """
    if profile not in PROFILES:
        raise UserError(f"`profile` {profile}{did_you_mean(profile, PROFILES)}")
    if finding.is_path(name):
        name = str(Path(name).expanduser().resolve())  # so that the run can be resumed and measured from anywhere
    if name in RECIPES:
        if profile not in RECIPES[name]:
            raise UserError(f"recipe {name!r} has no profile {profile!r}; it has: {', '.join(RECIPES[name])}")
        config = RECIPES[name][profile]
    else:
        config = _default(name, profile)
    if architecture is None:
        return config
    if architecture not in ARCHITECTURES:
        raise UserError(f"`architecture` {architecture}{did_you_mean(architecture, ARCHITECTURES)}")
    return replace(config, architecture=ARCHITECTURES[architecture])


def _default(name: str, profile: str) -> Config:
    """A data set without a recipe: the default net for its size."""
    shape = loading.native(name)
    if shape is None:
        raise UserError(finding.unknown(name, f"no recipe and no data set is called {name!r}", RECIPES))
    size, channels = shape
    if profile == "quick":
        size = min(size, 32)
    length: dict[str, Settings] = {"quick": {"images": 40_000}, "cpu": {"minutes": 100.0}, "paper": {"images": 25 * 350_000}}
    return Config(name, Architecture.for_images(size, channels), **({} if profile == "paper" else _SMALL), **length[profile])
