"""Forgetting, on a generator in which it is known which map draws what."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from dcgan_core import arithmetic, claims, forgetting, judges, latent, scenes, widgets
from dcgan_core.errors import UserError
from dcgan_core.forgetting import Dropping, Marks
from dcgan_core.networks import Architecture, Generator
from dcgan_core.runs import Run

TOY = Architecture(16, 3, (4, 4), (2, 2), kernel=4, latent=2, norm_eps=0.0)
WINDOW, WALL, LAMP, NOTHING = range(4)  # what the four maps draw
CORNER = (0, 0, 8, 8)  # where the window is


@pytest.fixture
def toy():
    """Draws a red window in the upper left quarter where z[0] > 0, a green lamp in the lower right where z[1] > 0, a wall."""
    net = Generator(TOY).eval()
    units = torch.zeros(4, 4, 4, 2)
    units[WINDOW, :2, :2, 0] = 4.0
    units[LAMP, 2:, 2:, 1] = 4.0
    with torch.no_grad():
        dense = net.dense[0]
        dense.layer.weight.copy_(units.flatten(0, 2))
        dense.norm.weight.fill_(1.0)
        dense.norm.bias.copy_((torch.arange(4) == WALL).float().repeat_interleave(16))
        for stage in net.convs:
            stage.layer.weight.zero_()
        for i in range(4):
            net.convs[0].layer.weight[i, i, 1:3, 1:3] = 1.0  # each map twice as large
        net.convs[0].norm.weight.fill_(1.0)
        net.convs[1].layer.weight[WINDOW, 0, 1:3, 1:3] = 1.0
        net.convs[1].layer.weight[LAMP, 1, 1:3, 1:3] = 1.0
        net.convs[1].layer.weight[WALL, 2, 1:3, 1:3] = 0.2
    return net


class Eye:
    """Reads the toy's pictures without fail; a finder and a judge in one."""

    name, size, objects = "drawn-rooms", 16, ("lamp", "window")

    def __call__(self, pixels):
        pixels = pixels.float()
        window, lamp = (torch.full((len(pixels), 16, 16), -9.0) for _ in range(2))
        window[:, :8, :8] = (pixels[:, 0, :8, :8] - 160) / 10
        lamp[:, 8:, 8:] = (pixels[:, 1, 8:, 8:] - 160) / 10
        return torch.stack([lamp, window], 1)

    def read(self, images):
        none = np.zeros(len(images))
        seen = {"window": images[:, 0, :8, :8], "lamp": images[:, 1, 8:, 8:]}
        seen = {what: (part.mean((1, 2)) > 160).astype(float) for what, part in seen.items()}
        return {"bed": none, "door": none, "picture": none, "light": none + 0.7, **seen}

    def boxes(self, images, what):
        where = {"window": CORNER, "lamp": (8, 8, 8, 8)}
        return (
            [(where[what],) if there else () for there in self.read(images)[what] > 0.5]
            if what in where
            else [()] * len(images)
        )


@pytest.fixture
def marks(toy):
    return forgetting.mark(toy, Eye(), "window", seed=1, count=60)


def test_the_toy_is_what_it_says(toy):
    images = latent.draw_pixels(toy, torch.tensor([[0.5, -0.5], [-0.5, 0.5], [-0.5, -0.5]]))
    assert [bool(x > 0.5) for x in Eye().read(images)["window"]] == [True, False, False]
    assert [bool(x > 0.5) for x in Eye().read(images)["lamp"]] == [False, True, False]


def test_places_inside_boxes_are_told_from_others(toy, marks):
    x, y = forgetting.examples(toy, marks, 0)
    assert y.mean() == 0.5
    assert len(y) == 2 * 16 * marks.number  # a quarter of 8 x 8 places is inside
    assert (x[y == 1, WINDOW] > 0).all() and (x[y == 0, WINDOW] == 0).all()
    assert (x[:, WALL] == 1).all()


def test_the_papers_rule_finds_the_map_that_draws_windows_and_dropping_it_removes_them(toy, marks):
    dropping = forgetting.paper_rule(toy, marks, 0)
    assert WINDOW in dropping.maps
    assert LAMP not in dropping.maps and NOTHING not in dropping.maps
    samples = forgetting.shown(toy, Eye(), Eye(), "window", 80, seed=5)
    found = forgetting.effect(toy, dropping, samples, Eye())
    assert found.gone.all() and len(found.gone) == len(samples.z)
    assert found.kept["lamp"].all() and len(found.kept["lamp"]) == samples.there["lamp"].sum() > 5
    assert len(found.others) == len(found.kept["lamp"])
    spared = forgetting.effect(toy, Dropping(0, (LAMP,)), samples, Eye())
    assert not spared.gone.any() and not spared.kept["lamp"].any()


def test_change_is_measured_outside_the_boxes(toy):
    samples = forgetting.shown(toy, Eye(), Eye(), "window", 80, seed=5)
    window, wall = (forgetting.effect(toy, Dropping(0, (m,)), samples, Eye()) for m in (WINDOW, WALL))
    assert window.change == 0
    assert wall.change == pytest.approx((np.tanh(0.2) / 2) / np.sqrt(3), abs=0.01)  # one colour of three
    assert window.between > 0.05


def test_new_objects_are_counted(toy):
    """Without the wall's map a reader that takes dark walls for doors sees doors."""

    class Dark(Eye):
        def read(self, images):
            return super().read(images) | {"door": (images[:, 2].mean((1, 2)) < 135).astype(float)}

    samples = forgetting.shown(toy, Dark(), Dark(), "window", 40, seed=5)
    assert forgetting.effect(toy, Dropping(0, (WALL,)), samples, Dark()).new["door"] == 1
    assert forgetting.effect(toy, Dropping(0, (WINDOW,)), samples, Dark()).new["door"] == 0


def test_without_maps_holds_inside_only(toy):
    z = latent.sample(TOY, 9, torch.Generator().manual_seed(0))
    before = latent.draw(toy, z)
    with forgetting.without(toy, Dropping(0, (WINDOW, LAMP))):
        inside = latent.draw(toy, z)
        assert not forgetting.activations(toy, z, 0)[:, [WINDOW, LAMP]].any()
    assert not torch.equal(before, inside)
    assert torch.equal(before, latent.draw(toy, z))
    with pytest.raises(ZeroDivisionError), forgetting.without(toy, Dropping(0, (WINDOW,))):
        raise ZeroDivisionError
    assert torch.equal(before, latent.draw(toy, z))


def test_maps_go_one_by_one_those_that_draw_windows_first_and_those_that_draw_lamps_last(toy):
    samples = forgetting.shown(toy, Eye(), Eye(), "window", 60, seed=9)
    before = latent.draw(toy, samples.z)
    order = forgetting.one_by_one(toy, Eye(), samples, 0, 4)
    assert order[0] == WINDOW and order[-1] == LAMP and sorted(order) == [0, 1, 2, 3]
    assert torch.equal(before, latent.draw(toy, samples.z)), "a hook was left behind"


def test_tuning_finds_the_one_map(toy):
    samples = forgetting.shown(toy, Eye(), Eye(), "window", 60, seed=9)
    dropping, details = forgetting.tune(toy, Eye(), samples, layers=[0], shares=(0.25, 0.5, 1.0))
    assert dropping == Dropping(0, (WINDOW,))
    assert (details["gone"], details["kept"], details["maps"]) == (1, 1, 1)
    assert details["tried"] == 3


def test_random_maps_are_as_many_and_differ(toy):
    drawn = [forgetting.at_random(toy, Dropping(0, (0, 1)), seed) for seed in range(20)]
    assert all(len(set(d.maps)) == 2 and d.layer == 0 for d in drawn)
    assert len({d.maps for d in drawn}) > 3
    assert forgetting.at_random(toy, Dropping(0, (0, 1)), 3) == drawn[3]


def test_what_is_measured_on_the_toy(toy):
    found = forgetting.measure(toy, Eye(), Eye(), "window", "paper", small=True)
    assert found["gone"].value == 1 and found["gone"].low > 0.9
    assert found["kept"].value == 1
    assert found["gone"].details["maps"][0] == WINDOW and found["gone"].details["of"] == 4
    by_finder = found["gone"].details["finder"]
    assert by_finder["gone"][0] == by_finder["kept"][0] == 1 and by_finder["samples"] == found["gone"].n
    random = found["random"]
    assert random.n == len(random.details["random"]["draws"]) == 3
    assert random.details["random"]["these_maps"] == 1
    tuned = forgetting.measure(toy, Eye(), Eye(), "lamp", "tuned", small=True)
    assert tuned["gone"].value == 1 and tuned["gone"].details["maps"] == [LAMP]
    assert tuned["random"].value < 1
    with pytest.raises(UserError, match="layer 1: maps can be dropped in G's conv layers 0"):
        forgetting.measure(toy, Eye(), Eye(), "window", "second reading", small=True)


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dropping", "message"),
    [
        (Dropping(0, ()), "no feature map is chosen"),
        (Dropping(0, (1, 4)), "map 4: layer 0 of G has 4 feature maps, numbered from 0 to 3"),
        (Dropping(0, (-1,)), "map -1"),
        (Dropping(1, (0,)), r"layer 1: maps can be dropped in G's conv layers 0 \(next to z\) to 0"),
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
        forgetting.mark(toy, Eye(), "bed", count=30)
    with pytest.raises(UserError, match="bed: 0 of 30 samples show one"):
        forgetting.shown(toy, Eye(), Eye(), "bed", 30, seed=0)
    with pytest.raises(UserError, match="has no 'light' that is there or not, only bed, window, lamp"):
        forgetting.shown(toy, Eye(), Eye(), "light", 30, seed=0)


def test_boxes_that_are_the_whole_picture_are_refused(toy):
    whole = Marks({i: ((0, 0, 16, 16),) for i in range(12)}, count=20, size=16)
    with pytest.raises(UserError, match="leave no place outside"):
        forgetting.paper_rule(toy, whole, 0)


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ({}, "no window is marked in any of 10 samples"),
        ({3: ()}, "no window is marked"),
        ({10: ((0, 0, 1, 1),)}, "no sample 10; they are numbered from 0 to 9"),
        ({3: ((9, 0, 8, 4),)}, r"sample 3: the box \[9, 0, 8, 4\] is empty or reaches outside the picture of 16 x 16 px"),
        ({3: ((-1, 0, 4, 4),)}, "outside the picture"),
        ({3: ((1, 1, 0, 4),)}, "is empty or reaches outside"),
        ({3: ((1, 1, 4),)}, "four whole numbers"),
        ({3: ((1, 1.5, 4, 4),)}, "four whole numbers"),
    ],
)
def test_marks_that_cannot_be_are_refused(boxes, message):
    with pytest.raises(UserError, match=message):
        Marks(boxes, count=10, size=16)


def test_marks_are_saved_and_loaded(tmp_path, toy):
    marks = Marks({3: (CORNER, (9, 9, 2, 3)), 12: (CORNER,)}, "window", 5, 20, 16)
    forgetting.save_marks(marks, tmp_path / "marks.json")
    assert forgetting.load_marks(tmp_path / "marks.json") == marks
    assert torch.equal(marks.z(toy), latent.sample(TOY, 20, torch.Generator().manual_seed(5)))
    with pytest.raises(UserError, match="made in pictures of 64 px; this generator draws 16 px"):
        Marks({0: (CORNER,)}).z(toy)
    good = json.loads((tmp_path / "marks.json").read_text())
    for damage in ({"boxes": {"a": 1}}, {"count": "20"}, {"seed": None}, {"size": 16.5}, {"what": 3}, {"unsure": 4}):
        (tmp_path / "marks.json").write_text(json.dumps(good | damage))
        with pytest.raises(UserError, match=r"marks\.json: not marked boxes"):
            forgetting.load_marks(tmp_path / "marks.json")
    (tmp_path / "marks.json").write_text("[1]")
    with pytest.raises(UserError, match="not marked boxes"):
        forgetting.load_marks(tmp_path / "marks.json")
    with pytest.raises(UserError, match="no such file"):
        forgetting.load_marks(tmp_path / "none.json")


def test_marks_belong_to_the_weights_that_drew_the_samples(tmp_path, run):
    path = tmp_path / "new folder" / "marks.json"
    marks = Marks({3: (CORNER,)}, "window", 5, 20, 16, arithmetic.weights_of(run))
    forgetting.save_marks(marks, path)
    assert forgetting.load_marks(path, run) == marks and forgetting.looked_at(run, path)
    forgetting.save_marks(replace(marks, weights="0" * 12), path)
    with pytest.raises(UserError, match="marked in samples of other weights than those of .*; mark them again"):
        forgetting.load_marks(path, run)
    assert not forgetting.looked_at(run, path)


def test_what_was_seen_by_eye_is_of_the_weights_that_ship():
    reference = Run.reference("drawn-rooms")
    assert forgetting.looked_at(reference) and forgetting.looked_at(reference, forgetting.BY_EYE)
    assert claims.claim("forgetting.finder_agreement").fits(reference)


def test_the_windows_marked_by_eye_can_be_read():
    marks = forgetting.load_marks(forgetting.BY_HAND)
    assert (marks.what, marks.count, marks.size) == ("window", 100, 64)
    assert marks.number > 40
    seeds = {forgetting.MARK_SEED, forgetting.CHOOSE_SEED, forgetting.SCORE_SEED}
    assert len(seeds | {marks.seed}) == 4


# --- the widget -------------------------------------------------------------------------------------------------------


@pytest.fixture
def marker(toy, tmp_path):
    images = latent.draw_pixels(toy, latent.sample(TOY, 12, torch.Generator().manual_seed(3)))
    return widgets.Marker(images, tmp_path / "mine.json", seed=3)


def set_box(marker, box):
    for slider, value in zip(marker.sliders.values(), box, strict=True):
        slider.value = value


def click(marker, name):
    buttons = marker.live.children[1].children[-2].children
    next(b for b in buttons if b.description == name).click()
    return marker.said.value


def test_boxes_are_marked_with_sliders_and_saved(marker, tmp_path):
    set_box(marker, CORNER)
    picture = marker._picture.value
    assert click(marker, "add") == "1 boxes"
    assert marker._picture.value != picture or marker.boxes == {0: [CORNER]}
    marker.sample.value = 4
    set_box(marker, (8, 8, 8, 8))
    click(marker, "add")
    click(marker, "add")
    assert click(marker, "remove") == "2 boxes"
    assert not (tmp_path / "mine.json").exists()
    assert click(marker, "save").startswith("2 boxes, saved to")
    assert forgetting.load_marks(tmp_path / "mine.json") == Marks({0: (CORNER,), 4: ((8, 8, 8, 8),)}, "window", 3, 12, 16)
    again = widgets.Marker(marker.images, tmp_path / "mine.json", seed=3)
    assert again.boxes == {0: [CORNER], 4: [(8, 8, 8, 8)]}


@pytest.mark.parametrize(
    "other", [{"seed": 4}, {"what": "lamp"}, {"weights": "0" * 12}, {"images": np.zeros((11, 3, 16, 16), np.uint8)}]
)
def test_marks_of_other_samples_are_not_gone_on_with(marker, tmp_path, other):
    set_box(marker, CORNER)
    click(marker, "add")
    click(marker, "save")
    with pytest.raises(UserError, match="delete the file, or save these under another name"):
        widgets.Marker(**{"images": marker.images, "path": tmp_path / "mine.json", "seed": 3} | other)


def test_the_widget_says_what_cannot_be_marked(marker, tmp_path):
    assert "no window is marked" in click(marker, "save")
    set_box(marker, (10, 0, 8, 8))
    assert "outside the picture" in click(marker, "add")
    assert marker.boxes == {} and not (tmp_path / "mine.json").exists()
    with pytest.raises(UserError, match="outside"):
        marker.add()


def test_the_widget_is_a_picture_where_there_is_no_kernel(marker):
    bundle = marker._repr_mimebundle_()
    assert "data:image/png;base64," in bundle["text/html"] and "<script" not in bundle["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in bundle


# --- the finder -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finder():
    finder = forgetting.Finder("drawn-rooms", 32)
    forgetting.train_finder(finder, pictures=512, epochs=3)
    return finder


def test_a_finder_learns_where_beds_are(finder):
    found = forgetting.accuracy(finder, "bed", 200)
    assert found.low > 0.7 and found.details["overlap_with_mask"] > 0.5
    untrained = forgetting.Finder("drawn-rooms", 32).eval()
    assert forgetting.accuracy(untrained, "bed", 200).details["overlap_with_mask"] < 0.3
    drawn = scenes.draw("drawn-rooms", 40, 32, 8)
    assert set(finder.read(drawn.images)) == set(scenes.ROOM_OBJECTS)


def test_every_patch_gets_its_box():
    mask = np.zeros((16, 16), bool)
    mask[2:5, 3:7] = mask[10:14, 8:10] = mask[0, 0] = True
    assert forgetting._boxes(mask) == ((6, 4, 8, 6), (16, 20, 4, 8)), "in pixels, and without the speck"


def test_a_finder_is_trained_once_and_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(forgetting, "PICTURES", 64)
    monkeypatch.setattr(judges, "SHIPPED", tmp_path / "none")
    trained = []
    train = forgetting.train_finder
    monkeypatch.setattr(
        forgetting, "train_finder", lambda f, device: trained.append(1) or train(f, device=device, pictures=64, epochs=1)
    )
    images = scenes.draw("drawn-rooms", 4, 32).images
    first, again = (forgetting.load_finder("drawn-rooms", 32).locate(images, "bed") for _ in range(2))
    assert trained == [1]
    np.testing.assert_array_equal(first, again)
    kept = next((tmp_path / "cache" / "judges").glob("finder-*"))
    kept.write_bytes(b"nonsense")
    with pytest.raises(UserError, match="not this finder's weights"):
        forgetting.load_finder("drawn-rooms", 32)


def test_the_shipped_finder_finds_windows():
    assert (judges.SHIPPED / f"finder-drawn-rooms-64px-v{scenes.VERSION}.safetensors").is_file(), "would be trained anew"
    assert forgetting.accuracy(forgetting.load_finder("drawn-rooms"), "window", 150).value > 0.95


def test_pictures_and_objects_that_a_finder_does_not_know_are_refused(finder):
    with pytest.raises(UserError, match="knows no 'cat', only bed, door"):
        finder.locate(np.zeros((1, 3, 32, 32), np.uint8), "cat")
    with pytest.raises(UserError, match="reads N x 3 x 32 x 32 pictures, got 1 x 3 x 64 x 64"):
        finder.locate(np.zeros((1, 3, 64, 64), np.uint8), "bed")
    with pytest.raises(UserError, match="multiple of 8"):
        forgetting.Finder("drawn-rooms", 20)


def test_finder_and_eye_are_compared_on_marked_samples(toy, tmp_path):
    marks = forgetting.mark(toy, Eye(), "window", seed=4, count=20)
    missed, *_ = marks.boxes
    fewer = Marks({i: b for i, b in marks.boxes.items() if i != missed}, "window", 4, 20, 16)
    path = tmp_path / "marks.json"
    forgetting.save_marks(fewer, path)
    found = forgetting.agreement(toy, Eye(), Eye(), forgetting.load_marks(path))
    assert found.value == 19 / 20 and found.details["disagree"] == [missed]
    assert found.details["overlap"] == 1
    path.write_text(json.dumps(json.loads(path.read_text()) | {"unsure": [missed]}))
    found = forgetting.agreement(toy, Eye(), Eye(), forgetting.load_marks(path))
    assert found.details["agreement_where_sure"] == 1


def test_the_claims_are_for_drawn_rooms_alone(run):
    ids = [c.id for c in claims.CLAIMS if c.id.startswith(("forgetting.", "saliency."))]
    assert len(ids) == 4 * 3 + 1 + 7 * 3 + 2
    assert not any(claims.claim(i).fits(run) for i in ids), "a run on digits"
