"""Which guideline is removed how, and what provokes a collapse?"""

from dataclasses import dataclass, replace

import torch

from dcgan_core import config_io, latent
from dcgan_core.networks import Architecture
from dcgan_core.training import session
from dcgan_core.training.config import Config

SEEDS, IMAGES = 5, 16_000  # pairs of each variant, and training images seen in each run
SNAPSHOTS, APART = 6, 25  # of the fixed z, at the end of a run, and G's updates between two
BAND = (0.8, 1.25)  # for the book's own choices: as a multiple of the Fréchet distance, what is called no difference

BASELINE = Config(
    "drawn-sprites",
    Architecture(32, 3, (32, 64, 128), (2, 2, 2), kernel=4),
    batch=32,
    updates="both",
    images=IMAGES,
    precision="single",  # on every machine, so that all runs can be compared
    on_collapse="warn",  # and for that all are equally long
)


@dataclass(frozen=True)
class Variant:
    """One guideline removed, or one way to provoke a collapse. `settings` are those of `--set`."""

    name: str
    what: str
    settings: tuple[str, ...] = ()
    claim: str = ""  # in the ledger: ablation.<claim>
    length: float = 1.0  # images in all, as a share of the baseline's

    def config(self, baseline: Config, seed: int) -> Config:
        config = config_io.override(baseline, list(self.settings))
        return replace(config, images=round(baseline.images * self.length), seed=seed)


GUIDELINES = Variant("guidelines", "all guidelines followed")
VARIANTS = (
    # a 3x3 convolution and pooling over 2x2 see 4x4 pixels, as a 4x4 convolution with stride 2 does
    Variant("pooling", "pooling, upsampling", ("architecture.resample=pooling", "architecture.kernel=3"), "strides"),
    Variant("no-batchnorm", "no batchnorm", ("architecture.norm=none",), "batchnorm"),
    Variant("batchnorm-everywhere", "batchnorm on all layers", ("architecture.norm=everywhere",), "batchnorm_everywhere"),
    Variant("fully-connected", "a fully connected hidden layer", ("architecture.hidden=512",), "fully_connected"),
    Variant("relu", "ReLU in D", ("architecture.leak=0",), "activations"),
    Variant("sigmoid", "sigmoid in D", ("architecture.d_activation=sigmoid",), "activations"),
    Variant("beta1-0.9", "beta1 = 0.9", ("beta1=0.9",), "beta1"),
    Variant("lr-0.001", "learning rate 0.001", ("learning_rate=0.001",), "lr"),
    # twice the images, as each batch trains one net: as many updates of each net as the baseline
    Variant("alternate", "the authors' update order", ("updates=alternate",), "updates", length=2),
    Variant("kernel-5", "kernel 5", ("architecture.kernel=5",), "kernel"),
)
# no runs of its own
SAMPLING = Variant("batch-statistics", "statistics of the batch when sampling", claim="sampling_statistics")

# Short runs on the digits that should go wrong, by several means, and one that should not: does training notice?
PROVOKING = replace(BASELINE, data="digits", architecture=Architecture(16, 1, (64, 128), (2, 2), kernel=4))
PROVOKED = (
    Variant("provoked-nothing", "nothing changed"),
    Variant("provoked-narrow", "half as wide", ("architecture.widths=32,64",)),
    Variant("provoked-narrower", "a quarter as wide", ("architecture.widths=16,32",)),
    Variant("provoked-narrowest", "an eighth as wide", ("architecture.widths=8,16",)),
    Variant("provoked-deep", "narrow, a layer more", ("architecture.widths=16,32,64", "architecture.strides=2,2,2")),
    Variant("provoked-narrow-beta1", "half as wide, beta1 0.9", ("architecture.widths=32,64", "beta1=0.9")),
    Variant("provoked-narrow-lr", "half as wide, learning rate 0.001", ("architecture.widths=32,64", "learning_rate=0.001")),
    Variant("provoked-momentum", "learning rate 0.005, beta1 0.95", ("learning_rate=0.005", "beta1=0.95")),
    Variant("provoked-no-batchnorm", "no batchnorm", ("architecture.norm=none",)),
)
ALL = (GUIDELINES, *VARIANTS, *PROVOKED)


def seeds_of(variant: Variant, count: int = SEEDS) -> range:
    """Provoked runs have later seeds, as runs of the first ones served to choose the detector's limit, `collapse.ALIKE`; and
    twice as many, as no more than half of them collapse."""
    return range(SEEDS, SEEDS + 2 * count) if variant in PROVOKED else range(count)


def fixed_z(architecture: Architecture, seed: int) -> torch.Tensor:
    """The z whose images a run's sample grids and snapshots show."""
    return latent.sample(architecture, session.GRID, torch.Generator().manual_seed(seed + 2))
