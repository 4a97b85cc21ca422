from dataclasses import replace

import pytest
import torch
from conftest import TINY

from dcgan_core import latent, networks
from dcgan_core.errors import UserError
from dcgan_core.networks import Generator


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_uniform_z_fill_the_cube():
    z = latent.sample(TINY, 5000, rng())
    assert z.shape == (5000, 10)
    assert z.min() >= -1
    assert z.max() <= 1
    assert z.mean().item() == pytest.approx(0, abs=0.02)
    assert z.std().item() == pytest.approx(3**-0.5, abs=0.01)


def test_normal_z_where_the_architecture_says_so():
    z = latent.sample(replace(TINY, latent_distribution="normal"), 5000, rng())
    assert z.std().item() == pytest.approx(1, abs=0.02)
    assert z.abs().max() > 3


def test_a_seed_means_the_same_z():
    assert torch.equal(latent.sample(TINY, 5, rng(1)), latent.sample(TINY, 5, rng(1)))
    assert not torch.equal(latent.sample(TINY, 5, rng(1)), latent.sample(TINY, 5, rng(2)))


@pytest.mark.parametrize("path", ["straight", "spherical"])
def test_a_walk_starts_and_ends_where_it_should(path):
    start, end = latent.sample(TINY, 3, rng(1)), latent.sample(TINY, 3, rng(2))
    walk = latent.walk(start, end, 9, path)
    assert walk.shape == (3, 9, 10)
    assert torch.allclose(walk[:, 0], start, atol=1e-5)
    assert torch.allclose(walk[:, -1], end, atol=1e-5)


def test_a_straight_walk_takes_even_steps():
    walk = latent.walk(torch.zeros(10), torch.ones(10), 5)
    assert torch.allclose(walk[0], torch.linspace(0, 1, 5)[:, None].expand(5, 10))


def test_a_spherical_walk_turns_evenly_and_changes_length_evenly():
    start, end = torch.tensor([2.0, 0, 0]), torch.tensor([0, 4.0, 0])
    walk = latent.walk(start, end, 5, "spherical")[0]
    assert torch.allclose(walk.norm(dim=1), torch.linspace(2, 4, 5), atol=1e-5)
    angles = torch.atan2(walk[:, 1], walk[:, 0])
    assert torch.allclose(angles, torch.linspace(0, torch.pi / 2, 5), atol=1e-5)


def test_a_path_of_another_kind_is_refused():
    with pytest.raises(UserError, match="path 'linear': there are straight and spherical"):
        latent.walk(torch.ones(5), -torch.ones(5), 3, "linear")


def test_a_spherical_walk_between_parallel_z_has_no_nan():
    z = latent.sample(TINY, 1, rng())
    walk = latent.walk(z, 2 * z, 3, "spherical")[0]
    assert torch.allclose(walk, z * torch.tensor([[1.0], [1.5], [2.0]]), atol=1e-4)


def test_draw_gives_the_same_images_in_any_batches():
    g = networks.build(TINY, 0)[0].eval()
    z = latent.sample(TINY, 7, rng())
    images = latent.generate(g, z)
    assert images.shape == (7, 1, 16, 16)
    assert images.dtype == torch.float32
    assert not images.requires_grad
    assert torch.allclose(images, latent.generate(g, z, batch=3), atol=1e-6)


def test_draw_gives_each_z_its_own_label_in_any_batches():
    a = replace(TINY, num_classes=3)
    g = networks.build(a, 0)[0].eval()
    z, y = latent.sample(a, 7, rng()), torch.tensor([0, 1, 2, 0, 1, 2, 0])
    assert torch.allclose(latent.generate(g, z, y), latent.generate(g, z, y, batch=2), atol=1e-6)


def test_draw_pixels_is_draw_in_whole_numbers():
    g = networks.build(TINY, 0)[0].eval()
    z = latent.sample(TINY, 4, rng())
    pixels = latent.generate_pixels(g, z)
    assert pixels.dtype.name == "uint8"
    assert abs(pixels / 255 * 2 - 1 - latent.generate(g, z).numpy()).max() <= 1 / 255 + 1e-6


def test_images_are_drawn_on_the_nets_device_wherever_z_is():
    """The meta device stands for any device that is not the CPU: a tensor on the wrong one is an error there too."""
    with torch.device("meta"):
        g = Generator(replace(TINY, num_classes=3))
    images = latent.generate(g, latent.sample(TINY, 4, rng()), torch.tensor([0, 1, 2, 0]))
    assert images.device.type == "meta"
    assert images.shape == (4, 1, 16, 16)


def test_a_mean_is_the_plain_mean_and_shorter_than_what_it_is_made_of():
    z = latent.sample(replace(TINY, latent=100), 300, rng()).unflatten(0, (100, 3))
    assert torch.allclose(latent.mean(z), (z[:, 0] + z[:, 1] + z[:, 2]) / 3, atol=1e-6)
    lengths = latent.mean(z).norm(dim=1).mean() / z.norm(dim=2).mean()
    assert abs(lengths - 3**-0.5) < 0.02
    parts = latent.combine([latent.mean(m.unflatten(0, (33, 1))) for m in latent.mean(z)[:99].split(33)])
    assert abs(parts.norm(dim=1).mean() / z.norm(dim=2).mean() - 1) < 0.05, (
        "the sum of three such means is as long as a z again"
    )
    with pytest.raises(UserError, match="no exemplars were chosen"):
        latent.mean(z[0, :0])


def test_terms_are_added_with_their_weights():
    a, b, c = (torch.full((2, 3), x) for x in (1.0, 10.0, 100.0))
    assert torch.equal(latent.combine([a, b, c]), torch.full((2, 3), 91.0))
    assert torch.equal(latent.combine([a, b], [2, -1]), torch.full((2, 3), -8.0))
    rows = latent.combine([a[0], b[0]], torch.tensor([[1.0, 0], [0, 1], [1, 1]]))
    assert torch.equal(rows, torch.tensor([[1.0], [10], [11]]).expand(3, 3))
    with pytest.raises(UserError, match="3 terms and 2 weights"):
        latent.combine([a, b, c], [1, -1])


def test_labels_may_be_a_tensor():
    assert latent.classes(networks.ARCHITECTURES["mnist28"], 3, torch.tensor([1, 2])).tolist() == [1, 2, 1]
