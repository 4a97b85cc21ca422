"""Forgetting, on a generator in which it is known which map draws what."""

import numpy as np
import pytest
import torch
from toy import CORNER, LAMP, NOTHING, TOY, WALL, WINDOW, Eye

from dcgan_core import latent
from dcgan_core.claims import ledger
from dcgan_core.errors import UserError
from dcgan_core.inside import forgetting, marking
from dcgan_core.inside.forgetting import Dropping
from dcgan_core.inside.marking import Marks
from dcgan_core.runs import Run


@pytest.fixture
def marks(toy):
    return marking.mark(toy, Eye(), "window", seed=1, count=60)


def test_the_toy_is_what_it_says(toy):
    images = latent.generate_pixels(toy, torch.tensor([[0.5, -0.5], [-0.5, 0.5], [-0.5, -0.5]]))
    assert [bool(x > 0.5) for x in Eye().read(images)["window"]] == [True, False, False]
    assert [bool(x > 0.5) for x in Eye().read(images)["lamp"]] == [False, True, False]


def test_places_inside_boxes_are_told_from_others(toy, marks):
    x, y = forgetting._examples(toy, marks, 0)
    assert y.mean() == 0.5
    assert len(y) == 2 * 16 * marks.number  # a quarter of 8 x 8 places is inside
    assert (x[y == 1, WINDOW] > 0).all() and (x[y == 0, WINDOW] == 0).all()
    assert (x[:, WALL] == 1).all()


def test_the_papers_rule_finds_the_map_that_draws_windows_and_dropping_it_removes_them(toy, marks):
    dropping = forgetting.paper_rule(toy, marks, 0)
    assert WINDOW in dropping.maps
    assert LAMP not in dropping.maps and NOTHING not in dropping.maps
    samples = forgetting.shown(toy, Eye(), Eye(), "window", count=80, seed=5)
    found = forgetting.effect(toy, dropping, samples, Eye())
    assert found.gone.all() and len(found.gone) == len(samples.z)
    assert found.kept["lamp"].all() and len(found.kept["lamp"]) == samples.there["lamp"].sum() > 5
    assert len(found.others) == len(found.kept["lamp"])
    spared = forgetting.effect(toy, Dropping(0, (LAMP,)), samples, Eye())
    assert not spared.gone.any() and not spared.kept["lamp"].any()


def test_the_fewest_maps_are_the_heaviest_of_the_papers_rule(toy, marks):
    assert forgetting.fewest(toy, marks, 0).maps == (WINDOW,)  # without it the regression sees no window at all
    rule = forgetting.paper_rule(toy, marks, 0)
    assert set(forgetting.fewest(toy, marks, 0, left=-1).maps) == set(rule.maps)  # what cannot be had: never more than its maps


def test_change_is_measured_outside_the_boxes(toy):
    samples = forgetting.shown(toy, Eye(), Eye(), "window", count=80, seed=5)
    window, wall = (forgetting.effect(toy, Dropping(0, (m,)), samples, Eye()) for m in (WINDOW, WALL))
    assert window.change == 0
    assert wall.change == pytest.approx((np.tanh(0.2) / 2) / np.sqrt(3), abs=0.01)  # one colour of three
    assert window.between > 0.05


def test_new_objects_are_counted(toy):
    """Without the wall's map a reader that takes dark walls for doors sees doors."""

    class Dark(Eye):
        def read(self, images):
            return super().read(images) | {"door": (images[:, 2].mean((1, 2)) < 135).astype(float)}

    samples = forgetting.shown(toy, Dark(), Dark(), "window", count=40, seed=5)
    assert forgetting.effect(toy, Dropping(0, (WALL,)), samples, Dark()).new["door"] == 1
    assert forgetting.effect(toy, Dropping(0, (WINDOW,)), samples, Dark()).new["door"] == 0


def test_without_maps_holds_inside_only(toy):
    z = latent.sample(TOY, 9, torch.Generator().manual_seed(0))
    before = latent.generate(toy, z)
    with forgetting.without(toy, Dropping(0, (WINDOW, LAMP))):
        inside = latent.generate(toy, z)
        assert not forgetting.activations(toy, z, 0)[:, [WINDOW, LAMP]].any()
    assert not torch.equal(before, inside)
    assert torch.equal(before, latent.generate(toy, z))
    with pytest.raises(ZeroDivisionError), forgetting.without(toy, Dropping(0, (WINDOW,))):
        raise ZeroDivisionError
    assert torch.equal(before, latent.generate(toy, z))


def test_maps_go_one_by_one_those_that_draw_windows_first_and_those_that_draw_lamps_last(toy):
    samples = forgetting.shown(toy, Eye(), Eye(), "window", count=60, seed=9)
    before = latent.generate(toy, samples.z)
    order = forgetting._one_by_one(toy, Eye(), samples, 0, 4)
    assert order[0] == WINDOW and order[-1] == LAMP and sorted(order) == [0, 1, 2, 3]
    assert torch.equal(before, latent.generate(toy, samples.z)), "a hook was left behind"


def test_tuning_finds_the_one_map(toy):
    samples = forgetting.shown(toy, Eye(), Eye(), "window", count=60, seed=9)
    dropping, details = forgetting._tune(toy, Eye(), samples, layers=[0], shares=(0.25, 0.5, 1.0))
    assert dropping == Dropping(0, (WINDOW,))
    assert (details["gone"], details["kept"], details["maps"]) == (1, 1, 1)
    assert details["tried"] == 3


def test_random_maps_are_as_many_and_differ(toy):
    drawn = [forgetting.at_random(toy, Dropping(0, (0, 1)), seed) for seed in range(20)]
    assert all(len(set(d.maps)) == 2 and d.layer == 0 for d in drawn)
    assert len({d.maps for d in drawn}) > 3
    assert forgetting.at_random(toy, Dropping(0, (0, 1)), 3) == drawn[3]


def test_what_is_measured_on_the_toy(toy):
    found = forgetting.measure_forgetting(toy, Eye(), Eye(), "window", "paper", small=True)
    assert found["gone"].value == 1 and found["gone"].low > 0.9
    assert found["kept"].value == 1
    assert found["gone"].details["maps"][0] == WINDOW and found["gone"].details["of"] == 4
    by_finder = found["gone"].details["finder"]
    assert by_finder["gone"][0] == by_finder["kept"][0] == 1 and by_finder["samples"] == found["gone"].n
    random = found["random"]
    assert random.n == len(random.details["random"]["draws"]) == 3
    assert random.details["random"]["these_maps"] == 1
    rest, by_chance = found["rest"], random.details["random"]
    assert rest.value == pytest.approx(by_chance["kept_by_these_maps"] - by_chance["kept"], abs=1e-3)
    assert rest.low < rest.value < rest.high and by_chance["kept_by_these_maps"] == 1
    tuned = forgetting.measure_forgetting(toy, Eye(), Eye(), "lamp", "tuned", small=True)
    assert tuned["gone"].value == 1 and tuned["gone"].details["maps"] == [LAMP]
    assert tuned["random"].value < 1
    with pytest.raises(UserError, match="layer 1: feature maps can be dropped in G's conv layers 0"):
        forgetting.measure_forgetting(toy, Eye(), Eye(), "window", "second reading", small=True)


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dropping", "message"),
    [
        (Dropping(0, ()), "no feature map is chosen"),
        (Dropping(0, (1, 4)), "map 4: layer 0 of G has 4 feature maps, numbered from 0 to 3"),
        (Dropping(0, (-1,)), "map -1"),
        (Dropping(1, (0,)), r"layer 1: feature maps can be dropped in G's conv layers 0 \(next to z\) to 0"),
    ],
)
def test_maps_that_cannot_be_dropped_are_refused(toy, dropping, message):
    with pytest.raises(UserError, match=message), forgetting.without(toy, dropping):
        pass


def test_an_object_without_enough_examples_is_refused(toy):
    few = Marks({i: (CORNER,) for i in range(9)}, count=20, size=16)
    with pytest.raises(UserError, match="window: 9 boxes in 20 samples are too few to learn from; mark 10"):
        forgetting.paper_rule(toy, few, 0)
    with pytest.raises(UserError, match="no bed is marked in any of 30 samples"):
        marking.mark(toy, Eye(), "bed", count=30)
    with pytest.raises(UserError, match="bed: 0 of 30 samples show one"):
        forgetting.shown(toy, Eye(), Eye(), "bed", count=30, seed=0)
    with pytest.raises(UserError, match="has no 'light' that is there or not, only bed, window, lamp"):
        forgetting.shown(toy, Eye(), Eye(), "light", count=30, seed=0)


def test_boxes_that_are_the_whole_picture_are_refused(toy):
    whole = Marks({i: ((0, 0, 16, 16),) for i in range(12)}, count=20, size=16)
    with pytest.raises(UserError, match="leave no place outside"):
        forgetting.paper_rule(toy, whole, 0)


def test_what_was_seen_by_eye_is_of_the_weights_that_ship():
    reference = Run.reference("drawn-rooms")
    assert forgetting.looked_at(reference) and forgetting.looked_at(reference, forgetting.BY_EYE)
    assert ledger.claim("forgetting.finder_agreement").fits(reference)


def test_the_windows_marked_by_eye_can_be_read():
    marks = marking.load_marks(forgetting.BY_HAND)
    assert (marks.what, marks.count, marks.size) == ("window", 100, 64)
    assert marks.number > 40
    seeds = {forgetting.MARK_SEED, forgetting.CHOOSE_SEED, forgetting.SCORE_SEED}
    assert len(seeds | {marks.seed}) == 4


def test_the_claims_are_for_drawn_rooms_alone(run):
    ids = [c.id for c in ledger.CLAIMS if c.id.startswith(("forgetting.", "saliency."))]
    assert len(ids) == 1 + 4 * 3 + 1 + 7 * 3 + 1 + 2 + 5
    assert not any(ledger.claim(i).fits(run) for i in ids), "a run on digits"
