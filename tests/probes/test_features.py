from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dcgan_core import networks
from dcgan_core.errors import UserError
from dcgan_core.networks import ARCHITECTURES, Architecture, Discriminator
from dcgan_core.probes import baselines, features
from dcgan_core.probes.features import Features
from dcgan_core.runs import Run

SMALL = Architecture(16, 3, (4, 6, 8), (1, 2, 2), kernel=3, latent=5)


def pictures(count: int, size: int = 16, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, channels, size, size), np.uint8)


def net(a: Architecture = SMALL, seed: int = 0) -> Discriminator:
    d = networks.build(a, seed)[1]
    with torch.no_grad():
        for module in networks.norms(d):
            module.bias.normal_(generator=torch.Generator().manual_seed(1))
    return d.eval()


@pytest.mark.parametrize(("name", "count"), [("imagenet32", 28_672), ("small32", 7168), ("svhn32", 7168), ("lsun64", 30_720)])
def test_the_numbers_of_features_are_the_papers(name, count):
    columns = features.layer_columns(ARCHITECTURES[name])
    assert max(part.stop for part in columns.values()) == count
    assert next(iter(columns)) == "conv 1"


def test_features_are_the_maxima_of_every_layer_in_a_grid_of_four():
    d, images = net(), pictures(5)
    f = features.of_discriminator(d)
    got = features.extract(f, images)
    assert got.shape == (5, (4 + 6 + 8) * 16)
    maps = d.features(networks.to_input(torch.from_numpy(images), SMALL))
    assert [m.shape[-1] for m in maps] == [16, 8, 4]
    for layer, name in enumerate(f.columns):
        part = got[:, f.columns[name]].view(5, -1, 4, 4)
        cell = 16 // 2**layer // 4
        expected = maps[layer].unflatten(3, (4, cell)).unflatten(2, (4, cell)).amax((3, 5))
        assert torch.allclose(part, expected, atol=1e-6)


def test_layers_choose_a_part_of_the_same_numbers():
    d, images = net(), pictures(3)
    whole = features.of_discriminator(d)
    part = features.of_discriminator(d, [3, 1])
    expected = features.extract(whole, images)
    expected = torch.cat([expected[:, whole.columns["conv 1"]], expected[:, whole.columns["conv 3"]]], 1)
    assert torch.equal(features.extract(part, images), expected)
    with pytest.raises(UserError, match="`layers` 4: this discriminator's conv layers are 1 to 3"):
        features.of_discriminator(d, [4])


def test_pooled_features_are_four_by_four_of_every_layer():
    a = Architecture(16, 1, (3, 5), (2, 2), kernel=4)
    d = Discriminator(a, torch.Generator().manual_seed(0)).eval()
    x = torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    pooled = features.pooled_features(d, x)
    assert pooled.shape == (2, (3 + 5) * 16) and not pooled.requires_grad
    first = d.features(x)[0]  # 2 x 3 x 8 x 8
    assert torch.equal(pooled[:, :48].view(2, 3, 4, 4), first.unflatten(3, (4, 2)).unflatten(2, (4, 2)).amax((3, 5)))


def test_maps_that_no_grid_divides_are_pooled_all_the_same():
    maps = torch.rand(2, 3, 7, 7)
    assert torch.equal(features.pool_maps(maps), torch.nn.functional.adaptive_max_pool2d(maps, 4).flatten(1))
    small = torch.rand(2, 3, 2, 2)
    assert torch.equal(features.pool_maps(small), small.flatten(1))


def test_statistics_are_the_means_over_batches_with_batch_statistics_below():
    """By hand, as in the authors' script."""
    d, images = net(), pictures(3 * features.BATCH + 50)
    features.estimate_on(d, images, seed=3)
    order = np.random.default_rng(3).permutation(len(images))
    sums = [[0.0, 0.0], [0.0, 0.0]]
    for i in range(3):  # the last, smaller batch would weigh as much as a whole one
        x = networks.to_input(torch.from_numpy(images[order[i * 128 : (i + 1) * 128]]), SMALL)
        for layer, stage in enumerate(d.convs):
            x = stage.layer(x)
            if layer:
                mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
                sums[layer - 1][0] += mean / 3
                sums[layer - 1][1] += variance / 3
                x = (x - mean[:, None, None]) / (variance[:, None, None] + SMALL.norm_eps).sqrt()
                x = x * stage.norm.weight[:, None, None] + stage.norm.bias[:, None, None]
            x = stage.activation(x)
    for module, (mean, variance) in zip(networks.norms(d), sums, strict=True):
        assert torch.allclose(module.running_mean, mean, atol=1e-5)
        assert torch.allclose(module.running_var, variance, rtol=1e-4)
    assert not d.training


def test_an_incomplete_discriminator_has_features():
    a = Architecture(16, 3, (4, 6), (1, 2), kernel=3, head=False)
    d = net(a)
    features.estimate_on(d, pictures(130))
    assert features.extract(features.of_discriminator(d), pictures(3)).shape == (3, 160)


def test_half_precision_storage_is_nearly_the_same():
    f = features.of_discriminator(net())
    single, half = features.extract(f, pictures(9)), features.extract(f, pictures(9), out=torch.empty(9, f.count).half())
    assert half.dtype == torch.float16
    assert torch.allclose(single, half.float(), rtol=2e-3, atol=1e-4)


def test_bf16_features_are_nearly_the_same():
    single, fast = (features.extract(features.of_discriminator(net(), precision=p), pictures(9)) for p in ("single", "bf16"))
    assert (single - fast).abs().max() > 0
    assert torch.allclose(single, fast, rtol=0.05, atol=0.01)


def test_in_a_container_copies_of_files_do_not_count_as_used(monkeypatch):
    told = {"max": "1000", "current": "900", "stat": "anon 300\nactive_file 250\ninactive_file 350\n"}
    original = Path.read_text

    def read(path, *args):
        return told[path.suffix[1:]] if path.parent == Path("/sys/fs/cgroup") else original(path, *args)

    monkeypatch.setattr(Path, "read_text", read)
    if not Path("/proc/meminfo").exists():
        pytest.skip("no Linux")
    assert features.available_memory() == 1000 - 300
    told["stat"] = ""
    assert features.available_memory() == 1000 - 900
    told["max"] = "max"
    assert features.available_memory() > 10_000_000


def test_storage_chooses_what_fits_and_says_what_does_not(monkeypatch):
    assert features.available_memory() > 10_000_000

    def free(count: int) -> None:
        monkeypatch.setattr(features, "available_memory", lambda: count)

    free(100_000)
    assert features.storage(100, 10).dtype == torch.float32
    free(5000)
    assert features.storage(100, 10).dtype == torch.float16
    free(16_000_000_000)
    assert features.storage(60_000, 28_672).shape == (60_000, 28_672)  # the authors' net on CIFAR-10
    free(4_000_000_000)
    with pytest.raises(UserError, match=r"60,000 images x 28,672 need 3\.4 GB, and 4\.0 GB are free; use fewer `layers`"):
        features.storage(60_000, 28_672)


def test_features_that_are_not_numbers_are_refused():
    d = net()
    with torch.no_grad():
        d.convs[1].layer.weight[0, 0, 0, 0] = torch.nan
    with pytest.raises(UserError, match="images 0 to 2 are not finite numbers"):
        features.extract(features.of_discriminator(d), pictures(3))
    huge = Features("huge", 1, lambda x: torch.full((len(x), 1), 1e6))
    with pytest.raises(UserError, match="beyond float16's range"):
        features.extract(huge, pictures(3), out=torch.empty(3, 1).half())


def test_a_conditional_discriminator_is_refused():
    with pytest.raises(UserError, match="class-conditional"):
        features.of_discriminator(net(Architecture(16, 1, (4, 6), (2, 2), kernel=4, num_classes=10)))


def test_a_discriminator_without_conv_layers_is_refused():
    with pytest.raises(UserError, match="no conv layers"):
        features.of_discriminator(Discriminator(Architecture(16, 1, (), (), hidden=8)))


def test_an_unfinished_run_gives_its_latest_checkpoint(run, run_copy):
    expected = run.discriminator().convs[1].layer.weight
    (run_copy.path / "discriminator.safetensors").unlink()
    run_copy.update(status="training")
    d = features.discriminator_of(Run(run_copy.path))
    assert torch.allclose(d.convs[1].layer.weight, expected)
    assert not d.training
    torch.save({"discriminator": {}}, run_copy.path / "checkpoint.pt")
    with pytest.raises(UserError, match=r"checkpoint\.pt: not this run's checkpoint"):
        features.discriminator_of(run_copy)
    (run_copy.path / "checkpoint.pt").unlink()
    with pytest.raises(UserError, match=r"discriminator\.safetensors: no such file"):
        features.discriminator_of(run_copy)


def test_pixels_are_scaled_and_nothing_else():
    images = pictures(4)
    got = features.extract(baselines.of_pixels(3, 16), images)
    assert torch.allclose(got, torch.from_numpy(images).float().flatten(1) / 127.5 - 1)


def test_kmeans_by_hand():
    """One image's features computed patch by patch."""
    rng = np.random.default_rng(0)
    smooth = np.repeat(np.repeat(rng.integers(0, 256, (40, 3, 5, 5), np.uint8), 3, 2), 3, 3)[:, :, :14, :14]
    f = baselines.of_kmeans(smooth, centroids=7)
    got = features.extract(f, smooth)
    assert got.shape == (40, 28)
    assert (got >= 0).all() and got.std() > 0
    cells = dict(zip(f.compute.__code__.co_freevars, (c.cell_contents for c in f.compute.__closure__), strict=True))
    centres, mean, whiten = (cells[k].numpy() for k in ("centres", "mean", "whiten"))
    sums = np.zeros((2, 2, 7))
    for i in range(9):
        for j in range(9):
            p = smooth[3, :, i : i + 6, j : j + 6].astype(float).flatten()
            p = (p - p.mean()) / np.sqrt(p.var(ddof=1) + 10)
            z = np.linalg.norm((p - mean) @ whiten - centres, axis=1)
            sums[int(i >= 5), int(j >= 5)] += np.maximum(0, z.mean() - z)
    assert np.allclose(got[3].numpy(), sums.reshape(-1), atol=1e-2)
    patches = F.unfold(torch.from_numpy(smooth).float(), 6).transpose(1, 2).flatten(0, 1)
    patches = (patches - patches.mean(1, keepdim=True)) / (patches.var(1, keepdim=True) + 10).sqrt()
    white = np.linalg.eigvalsh(whiten @ np.cov(patches.numpy().T) @ whiten)
    assert white[-10:].min() > 0.8 and white.max() < 1.5, "whitened, about as well as so few patches allow"
    with pytest.raises(UserError, match="too small for patches"):
        baselines.of_kmeans(pictures(10, 8), 5)
