from dataclasses import replace
from math import prod

import pytest
import torch
import torch.nn.functional as F
from chapters import defined_in
from torch import nn

from dcgan_core import networks
from dcgan_core.errors import UserError
from dcgan_core.networks import ARCHITECTURES, Architecture, Discriminator, Generator, Stage

layers = defined_in("03_architecture", torch=torch, networks=networks, Generator=Generator, Stage=Stage).layers
TINY = Architecture(16, 1, (8, 16), (2, 2), kernel=4, latent=10)
CONDITIONAL = Architecture(8, 1, (8, 16), (2, 2), kernel=4, latent=10, num_classes=3, hidden=12, output="sigmoid")

# by hand: weights of every layer, then gains and biases of every batchnorm
COUNTS = {
    "lsun64": (
        100 * 16384 + 2 * 16384 + 25 * (1024 * 512 + 512 * 256 + 256 * 128 + 128 * 3) + 2 * (512 + 256 + 128),
        25 * (3 * 128 + 128 * 256 + 256 * 512 + 512 * 1024) + 2 * (256 + 512 + 1024) + 16384,
    ),
    "imagenet32": (
        256 * 8192
        + 2 * 8192
        + 9 * (512 * 512 + 512 * 256 + 256 * 256 + 256 * 128 + 128 * 128 + 128 * 3)
        + 2 * (512 + 256 + 256 + 128 + 128),
        9 * (3 * 128 + 128 * 128 + 128 * 256 + 256 * 256 + 256 * 512 + 512 * 512) + 2 * (128 + 256 + 256 + 512 + 512) + 8192,
    ),
    "svhn32": (
        100 * 4096 + 2 * 4096 + 25 * (256 * 128 + 128 * 64 + 64 * 3) + 2 * (128 + 64),
        25 * (3 * 64 + 64 * 128 + 128 * 256) + 2 * (128 + 256) + 4096,
    ),
    # one-hot labels widen every input by ten; batchnorm without gain and bias
    "mnist28": (
        (100 + 10) * 1024 + (1024 + 10) * 6272 + 25 * ((128 + 10) * 64 + (64 + 10) * 1),
        25 * ((1 + 10) * 64 + (64 + 10) * 128) + (6272 + 10) * 1024 + (1024 + 10) * 1,
    ),
    "mnist28-fc": (
        (100 + 10) * 512 + (512 + 10) * 512 + (512 + 10) * 784,
        (784 + 10) * 512 + (512 + 10) * 512 + (512 + 10) * 1,
    ),
    "small32": (
        100 * 4096 + 2 * 4096 + 16 * (256 * 128 + 128 * 64 + 64 * 3) + 2 * (128 + 64),
        16 * (3 * 64 + 64 * 128 + 128 * 256) + 2 * (128 + 256) + 4096,
    ),
    "small64": (
        100 * 8192 + 2 * 8192 + 16 * (512 * 256 + 256 * 128 + 128 * 64 + 64 * 3) + 2 * (256 + 128 + 64),
        16 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512) + 2 * (128 + 256 + 512) + 8192,
    ),
}


def on_meta(a: Architecture) -> tuple[Generator, Discriminator]:
    with torch.device("meta"):
        return Generator(a), Discriminator(a)


def labels_for(a: Architecture, count: int, device: str = "cpu") -> torch.Tensor | None:
    return torch.arange(count, device=device) % a.num_classes if a.num_classes else None


def z_for(a: Architecture, count: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, a.latent, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def parameters(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def test_every_named_architecture_has_its_counts_pinned():
    assert COUNTS.keys() == ARCHITECTURES.keys()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_named_architectures_build_and_run_on_the_meta_device(name):
    a = ARCHITECTURES[name]
    g, d = on_meta(a)
    images = g(torch.zeros(2, a.latent, device="meta"), labels_for(a, 2, "meta"))
    assert images.shape == (2, a.channels, a.size, a.size)
    assert images.device.type == "meta"
    assert d(images, labels_for(a, 2, "meta")).shape == (2,)


@pytest.mark.parametrize("a", [ARCHITECTURES["svhn32"], ARCHITECTURES["mnist28"], TINY, CONDITIONAL], ids=str)
def test_images_lie_in_the_output_range_and_logits_are_finite(a):
    g, d = networks.build(a, 0)
    with torch.no_grad():
        images = g(z_for(a, 3), labels_for(a, 3))
        logits = d(images, labels_for(a, 3))
    assert images.shape == (3, a.channels, a.size, a.size)
    assert images.min() >= (-1 if a.output == "tanh" else 0)
    assert images.max() <= 1
    assert logits.shape == (3,)
    assert logits.isfinite().all()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_parameter_counts_are_those_of_the_layers_shapes(name):
    assert tuple(parameters(net) for net in on_meta(ARCHITECTURES[name])) == COUNTS[name]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_no_biases_but_batchnorms(name):
    for net in on_meta(ARCHITECTURES[name]):
        layers = [m for m in net.modules() if isinstance(m, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d))]
        assert layers
        assert all(layer.bias is None for layer in layers)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_batchnorm_everywhere_but_on_gs_output_and_ds_input_and_head(name):
    g, d = on_meta(ARCHITECTURES[name])
    stages_g, stages_d = [*g.dense, *g.convs], [*d.convs, *d.dense]
    has_norm = lambda stage: isinstance(stage.norm, nn.modules.batchnorm._BatchNorm)  # noqa: E731
    assert [has_norm(s) for s in stages_g] == [True] * (len(stages_g) - 1) + [False]
    inside = bool(ARCHITECTURES[name].widths)  # the fully connected D has none at all
    assert [has_norm(s) for s in stages_d] == [False] + [inside] * (len(stages_d) - 2) + [False]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_relu_in_g_leaky_relu_in_d_and_no_pooling(name):
    g, d = on_meta(ARCHITECTURES[name])
    inner_g = [s.activation for s in [*g.dense, *g.convs][:-1]]
    inner_d = [s.activation for s in [*d.convs, *d.dense][:-1]]
    assert all(isinstance(x, nn.ReLU) for x in inner_g)
    assert all(isinstance(x, nn.LeakyReLU) and x.negative_slope == 0.2 for x in inner_d)
    assert not any("Pool" in type(m).__name__ or isinstance(m, nn.Upsample) for net in (g, d) for m in net.modules())


def test_mnist28_joins_ten_labels_to_every_layers_input():
    g, d = on_meta(ARCHITECTURES["mnist28"])
    assert [s.layer.in_features for s in g.dense] == [100 + 10, 1024 + 10]
    assert [s.layer.in_channels for s in g.convs] == [128 + 10, 64 + 10]
    assert [s.layer.in_channels for s in d.convs] == [1 + 10, 64 + 10]
    assert [s.layer.in_features for s in d.dense] == [128 * 7 * 7 + 10, 1024 + 10]
    assert all(not m.affine for net in (g, d) for m in networks.norms(net))


@pytest.mark.parametrize(("name", "length"), [("imagenet32", 28_672), ("svhn32", 7_168)])
def test_features_max_pooled_to_4x4_have_the_papers_length(name, length):
    a = ARCHITECTURES[name]
    d = Discriminator(a).eval()
    with torch.no_grad():
        maps = d.features(torch.zeros(1, a.channels, a.size, a.size))
    assert torch.cat([F.adaptive_max_pool2d(m, 4).flatten(1) for m in maps], 1).shape == (1, length)


def test_features_are_the_maps_after_the_activation():
    d = networks.build(TINY, 0)[1].eval()
    x = torch.rand(2, 1, 16, 16)
    first, last = d.features(x)
    expected = F.leaky_relu(F.conv2d(x, d.convs[0].layer.weight, stride=2, padding=1), 0.2)
    assert torch.allclose(first, expected)
    assert last.shape == (2, 16, 4, 4)


@pytest.mark.parametrize("kernel", [3, 4, 5])
def test_transposed_convolutions_double_exactly(kernel):
    a = Architecture(24, 3, (4, 4, 4), (2, 2, 2), kernel)
    g, d = networks.build(a, 0)
    sides, h = [], torch.zeros(1, *a.base)
    for stage in g.convs:
        h = stage.layer(h)
        sides.append(h.shape[-1])
    assert sides == [6, 12, 24]
    assert [m.shape[-1] for m in d.features(torch.zeros(2, 3, 24, 24))] == [12, 6, 3]


def test_default_nets_end_between_4_and_7_pixels():
    for size in (8, 16, 28, 32, 48, 64, 128):
        a = Architecture.for_images(size, 1)
        assert 4 <= a.base[1] <= 7
        assert a.base[1] * 2 ** len(a.widths) == size
    with pytest.raises(UserError, match="50 px"):
        Architecture.for_images(50)


@pytest.mark.parametrize("a", [TINY, CONDITIONAL], ids=["plain", "conditional"])
def test_a_discriminator_without_a_head_has_features_and_no_logit(a):
    whole, headless = Discriminator(a), Discriminator(replace(a, head=False))
    unset = headless.load_state_dict(whole.state_dict(), strict=False)
    assert not unset.missing_keys
    assert unset.unexpected_keys and all(key.startswith("dense.") for key in unset.unexpected_keys)
    x, y = torch.rand(4, a.channels, a.size, a.size), labels_for(a, 4)
    for net in (whole, headless):
        networks.estimate_batchnorm(net, [(x, y)])
    for mine, theirs in zip(headless.eval().features(x, y), whole.eval().features(x, y), strict=True):
        assert torch.equal(mine, theirs)
    with pytest.raises(UserError, match="use its features"):
        headless(x, y)
    assert layers(headless) == layers(whole)[: len(a.widths)]


def test_weights_start_from_n_0_002_and_gains_from_n_1_002():
    g, d = networks.build(ARCHITECTURES["svhn32"], 0)
    for net in (g, d):
        for module in net.modules():
            if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
                assert module.weight.std().item() == pytest.approx(0.02, rel=0.05)
                assert module.weight.mean().item() == pytest.approx(0, abs=0.0015)
    gains = torch.cat([m.weight for net in (g, d) for m in networks.norms(net)])
    biases = torch.cat([m.bias for net in (g, d) for m in networks.norms(net)])
    assert gains.mean().item() == pytest.approx(1, abs=0.002)
    assert gains.std().item() == pytest.approx(0.02, rel=0.1)
    assert (biases == 0).all()


def test_a_seed_means_the_same_weights_and_another_seed_others():
    first, again, other = (networks.build(TINY, seed) for seed in (3, 3, 4))
    for a, b, c in zip(first, again, other, strict=True):
        assert all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))
        assert not torch.equal(next(a.parameters()), next(c.parameters()))


def spread(net: nn.Module) -> nn.Module:
    """Larger weights, so that images differ visibly."""
    with torch.no_grad():
        for stage in [*net.dense, *net.convs]:
            stage.layer.weight *= 10
    return net


@pytest.mark.parametrize("a", [TINY, CONDITIONAL], ids=["plain", "conditional"])
def test_after_estimation_an_image_depends_on_its_z_alone_but_not_with_batch_statistics(a):
    g = spread(networks.build(a, 0)[0])
    z, y = z_for(a, 20), labels_for(a, 20)
    networks.estimate_batchnorm(g, [(z_for(a, 32, seed), labels_for(a, 32)) for seed in range(1, 5)])
    g.eval()
    with torch.no_grad():
        alone, together = g(z[:1], y if y is None else y[:1]), g(z, y)
        assert together.std() > 0.05
        assert torch.allclose(alone[0], together[0], atol=1e-5)
        with networks.batch_statistics(g):
            few, many = g(z[:5], y if y is None else y[:5]), g(z, y)
    assert (few[0] - many[0]).abs().max() > 1e-2


def test_batch_statistics_leaves_stored_statistics_and_flags_untouched():
    g, d = networks.build(TINY, 0)
    g.eval()
    d.train()
    before = [{k: v.clone() for k, v in net.state_dict().items()} for net in (g, d)]
    with pytest.raises(ZeroDivisionError), networks.batch_statistics(g, d):  # an error inside changes nothing about it
        d(g(z_for(TINY, 4)))
        raise ZeroDivisionError
    for net, state in zip((g, d), before, strict=True):
        assert all(torch.equal(v, state[k]) for k, v in net.state_dict().items())
    assert [m.training for m in networks.norms(g)] == [False] * 2
    assert [m.training for m in networks.norms(d)] == [True]
    assert all(m.track_running_stats for net in (g, d) for m in networks.norms(net))


def test_batch_statistics_normalise_with_the_batch_at_hand():
    norm = nn.BatchNorm1d(3)
    x = torch.rand(10, 3) * 5 + 2
    norm.eval()
    with networks.batch_statistics(norm), torch.no_grad():
        out = norm(x)
    assert torch.allclose(out.mean(0), torch.zeros(3), atol=1e-5)
    assert torch.allclose(out.var(0, correction=0), torch.ones(3), atol=1e-3)


def test_estimate_batchnorm_is_the_mean_of_batch_mean_and_biased_variance():
    g = networks.build(TINY, 0)[0]
    batches = [z_for(TINY, count, seed) for seed, count in enumerate((6, 10, 16))]
    dense, conv = [], []
    with torch.no_grad():
        for z in batches:
            h = z @ g.dense[0].layer.weight.T
            mean, var = h.mean(0), h.var(0, correction=0)
            dense.append((mean, var))
            norm = g.dense[0].norm
            h = F.relu((h - mean) / torch.sqrt(var + norm.eps) * norm.weight + norm.bias).unflatten(1, TINY.base)
            h = F.conv_transpose2d(h, g.convs[0].layer.weight, stride=2, padding=1)
            conv.append((h.mean((0, 2, 3)), h.var((0, 2, 3), correction=0)))
    networks.estimate_batchnorm(g, [(z,) for z in batches])
    for norm, expected in ((g.dense[0].norm, dense), (g.convs[0].norm, conv)):
        mean, var = (torch.stack(values).mean(0) for values in zip(*expected, strict=True))
        assert torch.allclose(norm.running_mean, mean, atol=1e-6, rtol=1e-4)
        assert torch.allclose(norm.running_var, var, atol=1e-8, rtol=1e-4)


def test_estimate_batchnorm_without_batches_is_refused():
    with pytest.raises(ValueError, match="at least one batch"):
        networks.estimate_batchnorm(networks.build(TINY, 0)[0], [])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": 50}, "multiple of 16"),
        ({"size": 0}, "size"),
        ({"channels": 0}, "channels"),
        ({"latent": 0}, "latent"),
        ({"kernel": 4, "strides": (2, 2, 2, 1)}, "kernel 4 cannot go with stride 1"),
        ({"widths": ()}, "widths"),
        ({"widths": (8, 0, 8, 8)}, "widths"),
        ({"strides": (2, 2)}, "strides"),
        ({"strides": (2, 2, 2, 0)}, "strides"),
        ({"num_classes": -1}, "num_classes"),
        ({"hidden": -1}, "hidden"),
    ],
)
def test_impossible_architectures_are_refused(values, message):
    with pytest.raises(UserError, match=message):
        Architecture(**values)


@pytest.mark.parametrize("kernel", range(1, 9))
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_an_architecture_is_refused_or_makes_images_of_its_size(kernel, stride):
    try:
        a = Architecture(12, 1, (4,), (stride,), kernel)
    except UserError:
        return
    g, d = on_meta(a)
    images = g(torch.zeros(2, a.latent, device="meta"))
    assert images.shape == (2, 1, 12, 12)
    assert d(images).shape == (2,)


def test_labels_given_or_missing_where_they_should_not_be():
    g, d = networks.build(TINY, 0)
    with pytest.raises(UserError, match="no classes"):
        g(z_for(TINY, 2), torch.tensor([0, 1]))
    with pytest.raises(UserError, match="no classes"):
        d(torch.zeros(2, 1, 16, 16), torch.tensor([0, 1]))
    g, d = networks.build(CONDITIONAL, 0)
    with pytest.raises(UserError, match="needs a label"):
        g(z_for(CONDITIONAL, 2))
    with pytest.raises(UserError, match="needs a label"):
        d(torch.zeros(2, 1, 8, 8))


def test_labels_change_what_is_drawn_and_judged():
    g, d = (net.eval() for net in networks.build(CONDITIONAL, 0))
    z = z_for(CONDITIONAL, 1)
    with torch.no_grad():
        zero, one = g(z, torch.tensor([0])), g(z, torch.tensor([1]))
        assert not torch.allclose(zero, one)
        assert not torch.allclose(d(zero, torch.tensor([0])), d(zero, torch.tensor([1])))


@pytest.mark.parametrize("output", ["tanh", "sigmoid"])
def test_pixels_survive_the_way_in_and_back(output):
    a = Architecture(16, 1, (8,), (2,), output=output)
    pixels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    inputs = networks.to_input(pixels, a)
    assert inputs.dtype == torch.float32
    assert inputs.min() == (-1 if output == "tanh" else 0)
    assert inputs.max() == 1
    assert torch.equal(networks.to_pixels(inputs, a), pixels)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_chapters_layers_have_every_stage_with_shape_and_parameters(name):
    a = ARCHITECTURES[name]
    g, d = on_meta(a)
    (names_g, shapes_g, counts_g), (names_d, shapes_d, counts_d) = (zip(*layers(net), strict=True) for net in (g, d))
    assert len(names_g) == len(g.dense) + len(g.convs) and (names_g[0], names_d[-1]) == ("dense.0", f"dense.{len(d.dense) - 1}")
    assert shapes_g[len(g.dense) - 1] == (prod(a.base),)
    if a.widths:
        assert shapes_g[-1] == (a.channels, a.size, a.size)
        assert shapes_d[0] == (a.widths[0], a.size // a.strides[0], a.size // a.strides[0])
    assert shapes_d[-1] == (1,)
    assert (sum(counts_g), sum(counts_d)) == COUNTS[name]


# --- without convolutions ---------------------------------------------------------------------------------------------


def test_a_fully_connected_net_does_not_see_which_pixels_are_neighbours():
    """Shuffled pixels with equally shuffled weights are the same net: nothing else in D depends on where a pixel lies."""
    a = Architecture(8, 1, (), (), latent=5, num_classes=3, hidden=12, hidden_layers=2, output="sigmoid")
    g, d = (net.eval() for net in networks.build(a, 0))
    z, y = torch.rand(6, 5) * 2 - 1, torch.arange(6) % 3
    x = g(z, y)
    assert x.shape == (6, 1, 8, 8) and x.min() >= 0 and x.max() <= 1
    assert d.features(x, y) == [] and len(g.convs) == len(d.convs) == 0
    assert [isinstance(s.norm, nn.Identity) for s in g.dense] == [False, False, True]
    assert [isinstance(s.norm, nn.Identity) for s in d.dense] == [True, True, True]
    expected = d(x, y)
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        d.dense[0].layer.weight[:, :64] = d.dense[0].layer.weight[:, order].clone()
    assert torch.allclose(d(x.flatten(1)[:, order].view_as(x), y), expected, atol=1e-6)
    assert [shape for _, shape, _ in layers(g)] == [(12,), (12,), (64,)]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"widths": (), "strides": ()}, "without widths has no convolutions; it needs hidden layers"),
        ({"widths": (), "strides": (), "hidden": 8, "head": False}, "and a head"),
        ({"hidden": 8, "hidden_layers": 0}, "hidden_layers must be at least 1"),
        ({"widths": ()}, "need one number"),
    ],
)
def test_a_net_of_nothing_is_refused(values, message):
    with pytest.raises(UserError, match=message):
        Architecture(**({"hidden": 8} if values.keys() == {"widths"} else {}) | values)
