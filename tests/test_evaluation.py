import numpy as np
import pytest
import torch
from torch import nn

from dcgan_core import evaluation, latent
from dcgan_core.evaluation import bootstrap, memorisation, memorisation_seen, nearest, walk_smoothness, walk_steps
from dcgan_core.networks import Architecture


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
    m = memorisation(picker(train), train, held_out, 200)
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
    m = memorisation(picker(pictures(500, 3)), train, held_out, 200)
    assert m.value == pytest.approx(1, abs=0.03)
    assert m.low <= 1.01
    assert m.high >= 0.99
    seen = memorisation_seen(picker(pictures(500, 3)), train, held_out, 200)
    assert seen.value == pytest.approx(1, abs=0.05)


def test_a_seed_means_the_same_number():
    train, held_out = pictures(100, 1), pictures(50, 2)
    first, again, other = (memorisation(picker(pictures(90, 3)), train, held_out, 40, seed) for seed in (1, 1, 2))
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
    assert evaluation.histogram(np.array([0.0, 0.005, 0.0251, 0.029], np.float32)) == [2, 0, 2]
    train, held_out = pictures(100, 1), pictures(30, 2)
    shown = memorisation(picker(train), train, held_out, 40).details["histogram"]
    assert shown["samples"][0] == sum(shown["samples"]) == 40, "copies lie at distance 0"
    assert sum(shown["held_out"]) == 30 and sum(shown["held_out"][:3]) == 0


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
    with evaluation.timed() as seconds:
        first = seconds()
        assert 0 <= first <= seconds()


def test_the_interval_of_a_share_does_not_vanish_where_all_are_right():
    value, low, high = evaluation.share(np.ones(100, bool))
    assert value == high == 1 and 0.95 < low < 1
    value, low, high = evaluation.share(np.arange(100) < 30)
    assert value == 0.3 and 0.21 < low < 0.23 and 0.39 < high < 0.41
    assert evaluation.share(np.zeros(0, bool)) == (0.0, 0.0, 1.0)
