"""Drawn scenes: the same seed the same picture, factors where they should be, masks where objects are."""

import numpy as np
import pytest
import torch

from dcgan_core.drawings import rooms, scenes
from dcgan_core.drawings.canvas import Canvas
from dcgan_core.drawings.sprites import _SHAPES, SPRITES
from dcgan_core.errors import UserError

OBJECTS = {"drawn-rooms": rooms.ROOM_OBJECTS, "drawn-portraits": ("glasses", "beard")}


def one(name, **factors):
    """A picture with the first drawn picture's factors, some of them changed."""
    table = {key: values[:1].copy() for key, values in scenes.draw(name, 1, 16).factors.items()}
    for key, value in factors.items():
        table[key][:] = value
    return scenes.render(name, table)


@pytest.mark.parametrize("name", scenes.NAMES)
@pytest.mark.parametrize("size", [16, 33, 64])
def test_shapes_and_types_at_any_size(name, size):
    drawn = scenes.draw(name, 5, size)
    assert drawn.images.shape == (5, 3, size, size) and drawn.images.dtype == np.uint8
    assert set(drawn.factors) == set(scenes.FACTORS[name])
    assert all(values.shape == (5,) for values in drawn.factors.values())
    assert drawn.masks and all(m.shape == (5, size, size) and m.dtype == bool for m in drawn.masks.values())


@pytest.mark.parametrize("name", scenes.NAMES)
def test_a_picture_depends_on_seed_and_index_alone(name):
    many, few = scenes.draw(name, scenes.BLOCK + 3, 16, seed=4), scenes.draw(name, 2, 16, seed=4)
    np.testing.assert_array_equal(many.images[:2], few.images)
    later = scenes.draw(name, 5, 16, seed=4, start=scenes.BLOCK - 2)
    np.testing.assert_array_equal(many.images[-5:], later.images)
    np.testing.assert_array_equal(many.masks[next(iter(many.masks))][-5:], later.masks[next(iter(many.masks))])
    other = scenes.draw(name, 2, 16, seed=5)
    assert (other.images != few.images).mean() > 0.5
    assert not np.array_equal(many.images[0], many.images[scenes.BLOCK]), "every block draws the same pictures"


@pytest.mark.parametrize("name", scenes.NAMES)
def test_factors_are_in_range_and_independent(name):
    table = scenes.draw(name, 4000, 16).factors
    for key, factor in scenes.FACTORS[name].items():
        assert table[key].min() >= factor.low and table[key].max() <= factor.high
        if factor.kind == "yes/no":
            assert 0.46 < table[key].mean() < 0.54
    correlations = np.corrcoef(np.stack(list(table.values())))
    assert np.abs(correlations - np.eye(len(table))).max() < 0.08


@pytest.mark.parametrize("name", scenes.NAMES)
def test_rendering_the_drawn_factors_gives_the_drawn_objects(name):
    """Texture and grain differ, what is where does not: slots and places are factors."""
    drawn = scenes.draw(name, 20, 32)
    again = scenes.render(name, drawn.factors, 32)
    different = np.abs(drawn.images.astype(int) - np.roll(drawn.images, 1, 0)).mean()
    assert np.abs(again.images.astype(int) - drawn.images).mean() < different / 2.5
    np.testing.assert_array_equal(again.images, scenes.render(name, drawn.factors, 32).images)


@pytest.mark.parametrize(("name", "thing"), [(n, o) for n, objects in OBJECTS.items() for o in objects])
def test_an_object_is_painted_inside_its_mask_and_nowhere_without_it(name, thing):
    without, there = one(name, **{thing: 0}), one(name, **{thing: 1})
    assert not without.masks[thing].any()
    mask = there.masks[thing][0]
    assert 0.003 < mask.mean() < 0.5
    change = np.abs(there.images[0].astype(int) - without.images[0]).mean(0)
    assert change[mask].mean() > 4 * change[~mask].mean()
    assert np.median(change[mask]) > 10


@pytest.mark.slow
@pytest.mark.parametrize("name", scenes.NAMES)
def test_every_factor_shows(name):
    """Between its lowest, middle and highest value a factor changes the picture; texture and grain stay."""
    everything = dict.fromkeys(scenes.yes_no(name), 1)
    for key, factor in scenes.FACTORS[name].items():
        middle = (factor.low + factor.high) / 2 if factor.kind == "number" else factor.low
        values = (factor.low, middle, factor.high)  # colours come round: there the two ends are one
        low, mid, high = (one(name, **everything | {key: value}).images[0].astype(int) for value in values)
        changed = np.maximum(np.abs(high - low), np.abs(mid - low)).max(0)
        assert (changed > 12).sum() >= 5, key


def test_a_lamp_and_a_window_light_the_wall_around_them():
    for thing in ("lamp", "window"):
        dark, lit = (one("drawn-rooms", **{thing: v}).images[0].astype(int) for v in (0, 1))
        around = ~one("drawn-rooms", **{thing: 1}).masks[thing][0]
        assert (lit - dark)[:, around].mean() > 1


def test_a_smile_shows_teeth_and_moves_only_the_mouth():
    neutral, smiling = (one("drawn-portraits", smile=v, beard=0, glasses=0, pose=0) for v in (0, 1))
    mouth = smiling.masks["mouth"][0]
    change = np.abs(smiling.images[0].astype(int) - neutral.images[0]).mean(0)
    rows = np.flatnonzero(change.max(1) > 20)
    assert rows.min() > 20 and rows.max() < 52
    assert smiling.images[0][:, mouth].max() > neutral.images[0][:, mouth].max() + 30


def test_pose_turns_eyes_and_mouth_to_the_same_side():
    centres = {}
    for pose in (-1, 0, 1):
        masks = one("drawn-portraits", pose=pose, glasses=0, beard=0).masks
        centres[pose] = [np.nonzero(masks[part][0])[1].mean() for part in ("eyes", "mouth")]
    for part in range(2):
        assert centres[-1][part] + 3 < centres[0][part] < centres[1][part] - 3


def test_long_hair_hangs_lower_than_short_hair():
    def lowest(v):
        return np.nonzero(one("drawn-portraits", long_hair=v).masks["hair"][0])[0].max()

    assert lowest(1) > lowest(0) + 6


def test_each_sprite_has_a_shape_of_its_own():
    """Every polygon is given clockwise, so that all parts are painted; no two classes look alike."""
    masks = []
    for number in range(len(SPRITES)):
        drawn = one("drawn-sprites", **{"class": number, "tilt": 0, "across": 0, "up": 0, "size": 0, "mirrored": 0})
        masks.append(drawn.masks["sprite"][0])
        assert 0.08 < masks[-1].mean() < 0.5
    for i, a in enumerate(masks):
        for b in masks[:i]:
            assert (a & b).sum() / (a | b).sum() < 0.9


@pytest.mark.parametrize("sprite", SPRITES)
def test_every_part_of_a_sprite_is_painted(sprite):
    canvas = Canvas(1, 64, torch.Generator())
    canvas.x, canvas.y = (canvas.x - 0.5) * 2, (canvas.y - 0.5) * 2
    for distance, _ in _SHAPES[SPRITES.index(sprite)](canvas):
        assert 0.001 < (distance < 0).float().mean() < 0.5


def test_pictures_are_shaded_and_grainy_not_flat():
    for name in scenes.NAMES:
        images = scenes.draw(name, 20, 64).images
        colours = [len(np.unique(image.reshape(3, -1), axis=1).T) for image in images]
        assert min(colours) > 1000, "flat clip art has few colours"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"smile": [2.0]}, "smile must be a whole number from 0 to 1"),
        ({"smile": [0.5]}, "smile must be a whole number"),
        ({"pose": [1.5]}, "pose must be a number from -1 to 1"),
        ({"pose": [float("nan")]}, "pose must be"),
        ({"pose": [0.0, 0.0]}, "pose has 2 values"),
        ({"smlie": [1.0]}, "unknown factor 'smlie' (did you mean 'smile'?)"),
        ({"smile": None}, "'smile' is missing"),
    ],
)
def test_impossible_factors_are_refused(change, message):
    table = scenes.draw("drawn-portraits", 1, 16).factors
    for key, values in change.items():
        if values is None:
            del table[key]
        else:
            table[key] = np.array(values)
    with pytest.raises(UserError) as error:
        scenes.render("drawn-portraits", table)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("drawn-roms", 1), "did you mean 'drawn-rooms'?"),
        (("drawn-rooms", 0), "at least 1"),
        (("drawn-rooms", 1, 8), "from 16 to 512"),
        (("drawn-rooms", 1, 64, -1), "seed -1"),
    ],
)
def test_impossible_sizes_counts_and_names_are_refused(arguments, message):
    with pytest.raises(UserError) as error:
        scenes.draw(*arguments)
    assert message in str(error.value)
