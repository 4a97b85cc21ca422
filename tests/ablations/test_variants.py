"""Each variant removes what it says, and nothing else."""

import numpy as np
import pytest
import torch
from chapters import defined_in

from dcgan_core import config_io, latent, networks, pictures
from dcgan_core.ablations import variants
from dcgan_core.ablations.variants import PROVOKED, VARIANTS
from dcgan_core.claims import ledger
from dcgan_core.errors import UserError
from dcgan_core.networks import Architecture, Discriminator, Generator, Stage
from dcgan_core.training import session

layers = defined_in("03_architecture", torch=torch, networks=networks, Generator=Generator, Stage=Stage).layers


@pytest.mark.parametrize("variant", variants.ALL, ids=lambda v: v.name)
def test_every_variants_nets_fit_each_other(variant):
    a = variant.config(variants.PROVOKING if variant in PROVOKED else variants.BASELINE, 0).architecture
    with torch.device("meta"):
        generator, discriminator = Generator(a), Discriminator(a)
        images = generator(torch.zeros(4, a.latent))
        assert images.shape == (4, a.channels, a.size, a.size)
        assert discriminator(images).shape == (4,)
    maps = [shape for name, shape, _ in layers(discriminator) if name.startswith("convs")]
    side = a.size
    for (outputs, *sides), width, stride in zip(maps, a.widths, a.strides, strict=True):
        side //= stride
        assert (outputs, sides) == (width, [side, side])
    assert config_io.from_dict(Architecture, config_io.to_dict(a)) == a


def modules(net, kind) -> int:
    return sum(isinstance(m, kind) for m in net.modules())


def nets(*settings: str) -> tuple[Generator, Discriminator]:
    with torch.device("meta"):
        a = config_io.override(variants.BASELINE, list(settings)).architecture
        return Generator(a), Discriminator(a)


def test_what_is_removed_is_gone_and_nothing_else():
    norm = torch.nn.modules.batchnorm._BatchNorm
    layers = [[modules(net, Stage), modules(net, norm)] for net in nets()]
    assert layers == [[4, 3], [4, 2]]  # not on G's last, D's first and D's verdict
    assert [modules(net, norm) for net in nets("architecture.norm=everywhere")] == [4, 3]
    without = nets("architecture.norm=none")
    assert [modules(net, norm) for net in without] == [0, 0]
    biases = [name for net in without for name, _ in net.named_parameters() if name.endswith("bias")]
    assert len(biases) == 4 + 3, "each layer but D's verdict has a bias where batchnorm brought it"
    assert not [name for net in nets() for name, _ in net.named_parameters() if name.endswith("layer.bias")]
    pooled = nets("architecture.resample=pooling", "architecture.kernel=3")
    assert [modules(pooled[0], torch.nn.Upsample), modules(pooled[1], torch.nn.MaxPool2d)] == [3, 3]
    assert modules(pooled[0], torch.nn.ConvTranspose2d) == 0
    assert all(m.stride == (1, 1) for net in pooled for m in net.modules() if isinstance(m, torch.nn.Conv2d))
    sigmoid = nets("architecture.d_activation=sigmoid")
    assert [modules(net, torch.nn.Sigmoid) for net in sigmoid] == [0, 3]


def test_pooling_needs_an_odd_kernel():
    with pytest.raises(UserError, match="use an odd kernel"):
        config_io.override(variants.BASELINE, ["architecture.resample=pooling"])


def test_pooling_sees_the_pixels_that_a_stride_sees():
    """A pixel of the second map reads as many pixels of the image with 3x3 and pooling as with 4x4 and stride 2."""
    seen = []
    for settings in ([], ["architecture.resample=pooling", "architecture.kernel=3"]):
        d = Discriminator(config_io.override(variants.BASELINE, settings).architecture)
        for stage in d.convs:
            stage.norm, stage.activation = torch.nn.Identity(), torch.nn.Identity()
        for pool in [m for m in d.modules() if isinstance(m, torch.nn.Sequential)]:
            pool[1] = torch.nn.AvgPool2d(2)  # the largest of four would hide three
        image = torch.zeros(1, 3, 32, 32, requires_grad=True)
        d.features(image)[1][0, :, 4, 4].sum().backward()
        seen.append(int((image.grad[0].abs().sum(0) > 0).sum()))
    assert seen == [100, 100]


def test_the_variants_are_those_of_the_claims():
    ids = {c.id for c in ledger.CLAIMS if c.id.startswith("ablation.")}
    assert {f"ablation.{v.claim}" for v in (*VARIANTS, variants.SAMPLING)} == ids
    assert len({v.name for v in variants.ALL}) == len(variants.ALL)
    assert variants.SEEDS >= 5 and len(PROVOKED[1:]) * variants.SEEDS >= 35, "with fewer, no interval can reach 0.9"
    updates = [v.config(variants.BASELINE, 0) for v in VARIANTS if v.name == "alternate"]
    assert [c.images for c in updates] == [2 * variants.IMAGES], "as many updates of each net as the baseline"


def test_all_runs_have_one_precision_whatever_machine_trains_them():
    bases = {v: variants.PROVOKING if v in PROVOKED else variants.BASELINE for v in variants.ALL}
    assert {v.config(base, 0).precision for v, base in bases.items()} == {"single"}


def test_the_fixed_z_are_those_of_the_runs_grids(run):
    from PIL import Image

    z = variants.fixed_z(run.architecture, run.info["config"]["seed"])
    pixels = latent.generate_pixels(run.generator(), z, batch=session.GRID)
    last = [*run.samples().values()][-1]
    sheet = pictures.tiles(last, run.architecture.size, gap=2)
    assert np.array_equal(np.asarray(Image.open(last))[:16, :16].transpose(2, 0, 1), sheet[0])
    assert np.array_equal(sheet[:, :1], pixels)
