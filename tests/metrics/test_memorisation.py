import numpy as np
import pytest
from toy import picker, pictures

from dcgan_core.metrics import memorisation
from dcgan_core.metrics.memorisation import distance_ratio, memorisation_seen


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


def test_a_histogram_counts_every_distance_in_its_bin():
    assert memorisation._histogram(np.array([0.0, 0.005, 0.0251, 0.029], np.float32)) == [2, 0, 2]
    train, held_out = pictures(100, 1), pictures(30, 2)
    shown = distance_ratio(picker(train), train, held_out, 40).details["histogram"]
    assert shown["samples"][0] == sum(shown["samples"]) == 40, "copies lie at distance 0"
    assert sum(shown["held_out"]) == 30 and sum(shown["held_out"][:3]) == 0
