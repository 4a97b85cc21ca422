import numpy as np
import pytest
import torch
from torch import nn

from dcgan_core import intervals, latent
from dcgan_core.intervals import bootstrap
from dcgan_core.metrics import memorisation, walks
from dcgan_core.metrics.memorisation import distance_ratio, memorisation_seen
from dcgan_core.metrics.neighbours import nearest
from dcgan_core.metrics.walks import walk_nearest, walk_smoothness, walk_steps
from dcgan_core.networks import Architecture, Discriminator


def pictures(count: int, seed: int, size: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 1, size, size), np.uint8)


class Stub(nn.Module):
    """A generator that is any function of z."""

    def __init__(self, function, latent: int = 4, size: int = 8) -> None:
        super().__init__()
        self.architecture = Architecture(size, 1, (4,), (2,), latent=latent)
        self.function = function
        self.nothing = nn.Parameter(torch.zeros(1))

    def forward(self, z, labels=None):
        return self.function(z)


def picker(pool: np.ndarray) -> Stub:
    """Draws pictures of `pool`, which of them depends on the first number of z."""
    images = torch.from_numpy(pool).float() / 127.5 - 1
    return Stub(lambda z: images[((z[:, 0] + 1) / 2 * len(images)).long().clamp(0, len(images) - 1)])


# --- nearest ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 50, 4096, 9000])
def test_nearest_equals_brute_force(count):
    queries, references = pictures(20, 0, 4), pictures(count, 1, 4)
    distances, indices = nearest(queries, references)
    differences = (queries[:, None].astype(float) - references[None]) / 255
    all_distances = np.sqrt((differences**2).mean((2, 3, 4)))
    assert np.array_equal(indices, all_distances.argmin(1))
    assert distances == pytest.approx(all_distances.min(1), abs=1e-4)


def test_distances_are_0_for_a_copy_and_1_for_black_against_white():
    black, white = np.zeros((1, 3, 8, 8), np.uint8), np.full((1, 3, 8, 8), 255, np.uint8)
    assert nearest(black, white)[0][0] == pytest.approx(1)
    references = pictures(5000, 1)
    distances, indices = nearest(references[[4999, 7]], references)
    assert indices.tolist() == [4999, 7]
    assert distances.max() < 1e-3


# --- memorisation -----------------------------------------------------------------------------------------------------


def test_a_generator_that_copies_training_images_is_found_out():
    train, held_out = pictures(500, 1), pictures(100, 2)
    m = distance_ratio(picker(train), train, held_out, 200)
    assert m.value < 0.02
    assert m.high < 0.02
    assert (m.n, m.details["train"], m.details["held_out"]) == (200, 500, 100)


@pytest.mark.parametrize("held", [100, 500])
def test_copies_are_nearer_to_training_images_than_to_as_many_held_out_ones(held):
    """Also where there are few held-out images: then most copies are of training images outside the subset."""
    train = pictures(500, 1)
    m = memorisation_seen(picker(train), train, pictures(held, 2), 300)
    assert m.low <= m.value <= m.high < 1


def test_fresh_images_of_the_same_distribution_are_as_far_as_held_out_ones():
    train, held_out = pictures(500, 1), pictures(100, 2)
    m = distance_ratio(picker(pictures(500, 3)), train, held_out, 200)
    assert m.value == pytest.approx(1, abs=0.03)
    assert m.low <= 1.01
    assert m.high >= 0.99
    seen = memorisation_seen(picker(pictures(500, 3)), train, held_out, 200)
    assert seen.value == pytest.approx(1, abs=0.05)


def test_a_seed_means_the_same_number():
    train, held_out = pictures(100, 1), pictures(50, 2)
    first, again, other = (distance_ratio(picker(pictures(90, 3)), train, held_out, 40, seed) for seed in (1, 1, 2))
    assert (first.value, first.low, first.high) == (again.value, again.low, again.high)
    assert first.value != other.value


# --- walks ------------------------------------------------------------------------------------------------------------


def linear() -> Stub:
    matrix = torch.randn(4, 64, generator=torch.Generator().manual_seed(0))
    return Stub(lambda z: (z @ matrix).view(-1, 1, 8, 8))


@pytest.mark.parametrize("steps", [4, 16])
def test_a_linear_generators_walk_is_an_even_cross_fade(steps):
    m = walk_smoothness(linear(), pairs=10, steps=steps)
    assert (m.value, m.low, m.high) == pytest.approx((1 / steps,) * 3, abs=1e-4)
    assert (m.n, m.details["cross_fade"], m.details["jump"]) == (10, 1 / steps, 1.0)
    assert walk_steps(linear(), 3, steps).shape == (3, steps)
    assert walk_steps(linear(), 3, steps) == pytest.approx(1 / steps, abs=1e-4)


def test_a_jump_counts_as_one():
    jumping = Stub(lambda z: (z[:, :1] > 0).float().repeat(1, 64).view(-1, 1, 8, 8), latent=1)

    def crosses(seed: int) -> bool:
        rng = torch.Generator().manual_seed(seed)
        start, end = latent.sample(jumping.architecture, 1, rng), latent.sample(jumping.architecture, 1, rng)
        return bool(start * end < 0)

    seed = next(s for s in range(100) if crosses(s))
    assert sorted(walk_steps(jumping, 1, 8, seed)[0]) == [0] * 7 + [1]
    assert walk_smoothness(jumping, 1, 8, seed).value == 1


def test_a_walk_between_equal_images_is_smooth():
    """A collapsed generator draws one image: no step is a jump, and the result is a number."""
    m = walk_smoothness(Stub(lambda z: torch.zeros(len(z), 1, 8, 8)), pairs=3, steps=4)
    assert np.isfinite([m.value, m.low, m.high]).all()


def test_a_histogram_counts_every_distance_in_its_bin():
    assert memorisation.histogram(np.array([0.0, 0.005, 0.0251, 0.029], np.float32)) == [2, 0, 2]
    train, held_out = pictures(100, 1), pictures(30, 2)
    shown = distance_ratio(picker(train), train, held_out, 40).details["histogram"]
    assert shown["samples"][0] == sum(shown["samples"]) == 40, "copies lie at distance 0"
    assert sum(shown["held_out"]) == 30 and sum(shown["held_out"][:3]) == 0


def test_a_cross_fade_is_even_in_pixels_whatever_the_generator():
    curved = Stub(lambda z: torch.tanh(3 * z[:, :1]).repeat(1, 64).view(-1, 1, 8, 8))
    assert walk_steps(curved, 3, 8, fade=True) == pytest.approx(1 / 8, abs=1e-4)
    assert walk_steps(curved, 3, 8).max() > 0.2


class Threshold(nn.Module):
    """A discriminator whose one feature jumps where the picture becomes brighter than grey."""

    def features(self, images):
        return [(images.mean((1, 2, 3), keepdim=True) > 0).float().expand(-1, 1, 4, 4)]


def test_steps_in_features_are_those_of_the_features():
    dark_to_bright = Stub(lambda z: z[:, :1].repeat(1, 64).view(-1, 1, 8, 8), latent=1)
    shares = walk_steps(dark_to_bright, 20, 8, discriminator=Threshold())
    assert set(shares.sum(1).round(6)) == {0.0, 1.0}, "a walk crosses grey once, or never"
    m = walk_smoothness(dark_to_bright, 20, 8, discriminator=Threshold())
    assert m.value == m.details["cross_fade"] == shares.max(1).mean()


def test_pooled_features_are_four_by_four_of_every_layer():
    a = Architecture(16, 1, (3, 5), (2, 2), kernel=4)
    d = Discriminator(a, torch.Generator().manual_seed(0)).eval()
    x = torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    pooled = walks.pooled_features(d, x)
    assert pooled.shape == (2, (3 + 5) * 16) and not pooled.requires_grad
    first = d.features(x)[0]  # 2 x 3 x 8 x 8
    assert torch.equal(pooled[:, :48].view(2, 3, 4, 4), first.unflatten(3, (4, 2)).unflatten(2, (4, 2)).amax((3, 5)))


def test_a_walk_over_copies_is_found_out_and_one_over_fresh_images_is_not():
    train, held_out = pictures(400, 1), pictures(60, 2)
    copies = walk_nearest(picker(train), train, held_out, pairs=10, steps=6)
    assert copies.high < 0.05 and copies.details["nearest_of_all"] < 0.01
    fresh = walk_nearest(picker(pictures(400, 3)), train, held_out, pairs=30, steps=6)
    assert fresh.low > 0.9 and fresh.value == pytest.approx(1, abs=0.03)
    assert len(fresh.details["straight"]) == len(fresh.details["spherical"]) == 6
    assert fresh.details["held_out"] == pytest.approx(np.median(nearest(held_out, train)[0]))


# --- intervals --------------------------------------------------------------------------------------------------------


def test_the_bootstraps_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(100):
        low, high = bootstrap(lambda x: float(x.mean()), rng.normal(3, 1, 50), seed=seed, draws=200)
        assert low < high
        covered += low <= 3 <= high
    assert 85 <= covered <= 99


def test_the_bootstrap_draws_its_samples_apart():
    x, y = np.arange(10.0), np.arange(1000.0) + 100
    low, high = bootstrap(lambda a, b: float(b.mean() - a.mean()), x, y)
    assert low < y.mean() - x.mean() < high
    assert bootstrap(lambda a, b: float(len(a) + len(b)), x, y, draws=5) == (1010, 1010)


def test_seconds_are_measured():
    with intervals.timed() as seconds:
        first = seconds()
        assert 0 <= first <= seconds()


def test_the_interval_of_a_share_does_not_vanish_where_all_are_right():
    value, low, high = intervals.share(np.ones(100, bool))
    assert value == high == 1 and 0.95 < low < 1
    value, low, high = intervals.share(np.arange(100) < 30)
    assert value == 0.3 and 0.21 < low < 0.23 and 0.39 < high < 0.41
    assert intervals.share(np.zeros(0, bool)) == (0.0, 0.0, 1.0)
