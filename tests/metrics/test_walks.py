import numpy as np
import pytest
import torch
from toy import Stub, picker, pictures

from dcgan_core import latent
from dcgan_core.metrics.neighbours import nearest
from dcgan_core.metrics.walks import walk_nearest, walk_objects, walk_smoothness, walk_steps


def linear() -> Stub:
    matrix = torch.randn(4, 64, generator=torch.Generator().manual_seed(0))
    return Stub(lambda z: (z @ matrix).view(-1, 1, 8, 8))


@pytest.mark.parametrize("steps", [4, 16])
def test_a_linear_generators_walk_is_an_even_cross_fade(steps):
    m = walk_smoothness(linear(), pairs=10, steps=steps)
    assert (m.value, m.low, m.high) == pytest.approx((1 / steps,) * 3, abs=1e-4)
    assert (m.n, m.details) == (10, {"steps": steps})
    assert walk_steps(linear(), 3, steps).shape == (3, steps)
    assert walk_steps(linear(), 3, steps) == pytest.approx(1 / steps, abs=1e-4)


def test_a_jump_counts_as_one():
    jumping = Stub(lambda z: (z[:, :1] > 0).float().repeat(1, 64).view(-1, 1, 8, 8), latent=1)

    def crosses(seed: int) -> bool:
        rng = torch.Generator().manual_seed(seed)
        start, end = latent.sample(jumping.architecture, 1, rng), latent.sample(jumping.architecture, 1, rng)
        return bool(start * end < 0)

    seed = next(s for s in range(100) if crosses(s))
    assert sorted(walk_steps(jumping, 1, 8, seed=seed)[0]) == [0] * 7 + [1]
    assert walk_smoothness(jumping, 1, steps=8, seed=seed).value == 1


def test_a_walk_between_equal_images_is_smooth():
    """A collapsed generator draws one image: no step is a jump, and the result is a number."""
    m = walk_smoothness(Stub(lambda z: torch.zeros(len(z), 1, 8, 8)), pairs=3, steps=4)
    assert np.isfinite([m.value, m.low, m.high]).all()


def test_a_cross_fade_is_even_in_pixels_whatever_the_generator():
    curved = Stub(lambda z: torch.tanh(3 * z[:, :1]).repeat(1, 64).view(-1, 1, 8, 8))
    assert walk_steps(curved, 3, 8, fade=True) == pytest.approx(1 / 8, abs=1e-4)
    assert walk_steps(curved, 3, 8).max() > 0.2


def bright(images: torch.Tensor) -> torch.Tensor:
    """One feature, which jumps where the picture becomes brighter than grey."""
    return (images.mean((1, 2, 3)) > 0).float()[:, None]


def test_steps_in_features_are_those_of_the_features():
    dark_to_bright = Stub(lambda z: z[:, :1].repeat(1, 64).view(-1, 1, 8, 8), latent=1)
    shares = walk_steps(dark_to_bright, 20, 8, features=bright)
    assert set(shares.sum(1).round(6)) == {0.0, 1.0}, "a walk crosses grey once, or never"
    m = walk_smoothness(dark_to_bright, 20, steps=8, features=bright)
    assert m.value == shares.max(1).mean()
    assert np.array_equal(walk_steps(dark_to_bright, 20, 8, features=bright, fade=True), shares), "G is linear"


def test_a_walk_over_copies_is_found_out_and_one_over_fresh_images_is_not():
    train, held_out = pictures(400, 1), pictures(60, 2)
    copies = walk_nearest(picker(train), train, held_out, pairs=10, steps=6)
    assert copies.high < 0.05
    fresh = walk_nearest(picker(pictures(400, 3)), train, held_out, pairs=30, steps=6)
    assert fresh.low > 0.9 and fresh.value == pytest.approx(1, abs=0.03)
    assert len(fresh.details["straight"]) == len(fresh.details["spherical"]) == 6
    assert fresh.details["held_out"] == pytest.approx(np.median(nearest(held_out, train)[0]))


def two_things(images: np.ndarray) -> dict[str, np.ndarray]:
    """Whether the upper half of a picture is bright, and the lower."""
    return {name: rows.mean((1, 2, 3)) / 255 for name, rows in (("upper", images[:, :, :4]), ("lower", images[:, :, 4:]))}


def halves(function) -> Stub:
    """A generator whose two halves follow the two numbers of z, by a function of them."""
    return Stub(lambda z: function(z)[:, :, None, None].repeat_interleave(4, 2).expand(-1, -1, -1, 8).flatten(1, 2)[:, None], 2)


def test_objects_that_change_one_by_one_are_told_from_a_jump():
    m = walk_objects(halves(lambda z: z.sign()), two_things, pairs=200)
    assert m["objects"].value > 0.8 and m["objects"].n < 200
    assert m["plausible"].value == 0 and m["plausible"].n == 200
    details = m["objects"].details
    assert details["changes"] == details["changes_needed"] > 0
    jumping = walk_objects(halves(lambda z: z[:, :1].sign().repeat(1, 2)), two_things, pairs=100)
    assert jumping["objects"].value == 0, "both at once: from one picture to another"


def test_a_muddle_on_the_way_makes_the_judge_hesitate():
    fading = walk_objects(halves(lambda z: (2 * z).clamp(-1, 1)), two_things, pairs=100)
    sure = walk_objects(halves(lambda z: z.sign()), two_things, pairs=100)
    assert fading["plausible"].low > 0.03 > sure["plausible"].high
    assert fading["plausible"].details["unsure_between"] > fading["plausible"].details["unsure_at_the_ends"]
