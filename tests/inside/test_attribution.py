"""Guided backpropagation against numbers worked out by hand, and how features are given objects."""

import numpy as np
import pytest
import torch
from chapters import defined_in

from dcgan_core import networks
from dcgan_core.drawings import scenes
from dcgan_core.errors import UserError
from dcgan_core.inside import attribution
from dcgan_core.inside.attribution import Looks
from dcgan_core.networks import Architecture, Discriminator

CHAPTER = defined_in("06_2_features", np=np)
# two layers of 2 x 2 kernels side by side: 4 x 4 pixels -> two maps of 2 x 2 -> one number
SMALL = Architecture(4, 1, (2, 1), (2, 2), kernel=2, latent=3, norm_eps=0.0)
TINY = Architecture(16, 3, (4, 6), (2, 2), kernel=4, latent=3)


@pytest.fixture
def by_hand():
    """Map 0 sums a 2 x 2 patch, map 1 is minus that; the last layer weighs the eight numbers. Batchnorm changes nothing."""
    net = Discriminator(SMALL).eval()
    with torch.no_grad():
        net.convs[0].layer.weight[0], net.convs[0].layer.weight[1] = 1.0, -1.0
        net.convs[1].layer.weight[0, 0] = torch.tensor([[2.0, -3.0], [1.0, 5.0]])
        net.convs[1].layer.weight[0, 1] = torch.tensor([[4.0, 7.0], [-1.0, 6.0]])
        net.convs[1].norm.weight.fill_(1.0)
    return net


def patches_of(values):
    """4 x 4 pixels whose four patches are constant: 255 (as the net sees it: 1) or 0 (-1)."""
    corners = np.array([[255 if v > 0 else 0 for v in row] for row in values], np.uint8)
    return corners.repeat(2, 0).repeat(2, 1)[None, None]


# Patches sum to +4 or -4. Map 0 is active where the patch is bright, map 1 where it is dark.
BRIGHT_DARK = patches_of([[1, 1], [-1, -1]])
# Weights above zero of active units: 2 (map 0) top left, none (-3) top right, none (-1) bottom left, 6 (map 1, minus)
BLOCKED = np.array([[2.0, 0.0], [0.0, -6.0]])
# A fifth of weights above zero of units that are not active: -4 / 5, -7 / 5, 1 / 5, 5 / 5
PASSED = BLOCKED + np.array([[-0.8, -1.4], [0.2, 1.0]])


@pytest.mark.parametrize(("leak", "expected"), [("blocked", BLOCKED), ("passed", PASSED)])
def test_the_guided_gradient_is_what_is_worked_out_by_hand(by_hand, leak, expected):
    assert by_hand.features(networks.to_input(torch.from_numpy(BRIGHT_DARK), SMALL))[1].item() == pytest.approx(
        4 * (2 - 4 / 5 - 3 - 7 / 5 - 1 / 5 - 1 - 5 / 5 + 6), abs=1e-4
    )
    found = attribution.guided(by_hand, BRIGHT_DARK, ([0], [0], [0]), leak=leak)
    np.testing.assert_allclose(found[0, 0, ::2, ::2], expected, atol=1e-5)
    np.testing.assert_allclose(found[0, 0], found[0, 0, ::2, ::2].numpy().repeat(2, 0).repeat(2, 1))


def test_a_response_below_zero_has_no_saliency_unless_the_leak_is_passed(by_hand):
    dark_bright = patches_of([[-1, 1], [1, 1]])
    with torch.no_grad():
        by_hand.convs[1].layer.weight.mul_(-1)
    assert by_hand.features(networks.to_input(torch.from_numpy(dark_bright), SMALL))[1].item() < 0
    assert not attribution.guided(by_hand, dark_bright, ([0], [0], [0])).any()
    assert attribution.guided(by_hand, dark_bright, ([0], [0], [0]), leak="passed").any()


@pytest.mark.parametrize("leak", ["blocked", "passed"])
def test_where_all_is_positive_it_is_the_plain_gradient(leak, monkeypatch):
    monkeypatch.setattr(attribution, "BATCH", 2)
    net = Discriminator(TINY, torch.Generator().manual_seed(0)).eval()
    with torch.no_grad():
        for stage in net.convs:
            stage.layer.weight.abs_()
    pixels = torch.randint(128, 256, (3, 3, 16, 16), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    x = networks.to_input(pixels, TINY).requires_grad_()
    maps = net.features(x)[1]
    (plain,) = torch.autograd.grad(maps[0, 5, 1, 2] + maps[1, 0, 3, 3] + maps[2, 2, 0, 1], x)
    found = attribution.guided(net, pixels.numpy(), ([5, 0, 2], [1, 3, 0], [2, 3, 1]), leak=leak)
    torch.testing.assert_close(found, plain)


def test_the_net_is_left_as_it_was(by_hand):
    before = by_hand.features(networks.to_input(torch.from_numpy(BRIGHT_DARK), SMALL))[1].item()
    attribution.guided(by_hand, BRIGHT_DARK, ([0], [0], [0]))
    assert by_hand.features(networks.to_input(torch.from_numpy(BRIGHT_DARK), SMALL))[1].item() == before
    assert all(p.grad is None for p in by_hand.parameters())


@pytest.fixture(scope="module")
def net():
    return Discriminator(TINY, torch.Generator().manual_seed(3)).eval()


@pytest.fixture(scope="module")
def rooms():
    return scenes.draw("drawn-rooms", 50, 16, seed=4)


def test_the_strongest_responses_are_found_in_one_pass(net, rooms, monkeypatch):
    monkeypatch.setattr(attribution, "BATCH", 8)
    passes = []

    class Data:
        """Counts how often each picture is read."""

        def __len__(self):
            return 50

        def __getitem__(self, chosen):
            passes.extend(range(*chosen.indices(50)))
            return rooms.images[chosen]

    found = attribution.top_responses(net, Data(), [4, 1], top=3)
    assert passes == list(range(50))
    with torch.no_grad():
        maps = net.features(networks.to_input(torch.from_numpy(rooms.images), TINY))[1].numpy()
    for k, feature in enumerate((4, 1)):
        best = maps[:, feature].reshape(50, -1).max(1)
        order = np.argsort(-best)[:3]
        assert found.images[k].tolist() == order.tolist()
        np.testing.assert_allclose(found.values[k], best[order], rtol=1e-5)
        at = maps[found.images[k], feature, found.rows[k], found.columns[k]]
        np.testing.assert_allclose(at, found.values[k], rtol=1e-5)
    saliency = found.saliency(net, rooms.images)
    assert saliency.shape == (2, 3, 3, 16, 16)
    np.testing.assert_allclose(found[:1].saliency(net, rooms.images), saliency[:1])


@pytest.mark.parametrize(
    "architecture", [TINY, Architecture(32, 3, (2, 2, 2), (1, 2, 2), kernel=3), Architecture(32, 3, (2, 2), (2, 2))]
)
def test_a_unit_sees_exactly_its_receptive_field(architecture):
    net = Discriminator(architecture, torch.Generator().manual_seed(0)).eval()
    with torch.no_grad():
        for stage in net.convs:
            stage.layer.weight.abs_().add_(0.01)
    size = architecture.size
    pixels = np.full((1, 3, size, size), 255, np.uint8)
    for layer in range(len(architecture.widths)):
        seen, step, start = attribution.receptive_field(architecture, layer)
        row, column = 3, 1
        reached = attribution.guided(net, pixels, ([0], [row], [column]), layer=layer)[0].sum(0) > 0
        for axis, place in ((1, row), (0, column)):
            touched = np.flatnonzero(reached.any(axis))
            assert touched[0] == max(0, start + step * place)
            assert touched[-1] == min(size, start + step * place + seen) - 1


def test_patches_are_cut_where_units_look_and_filled_beyond_the_edge():
    pictures = np.arange(2 * 16, dtype=np.float32).reshape(2, 1, 4, 4) + 1
    cut = CHAPTER.patches(pictures, np.array([0, 1]), np.array([1, 0]), (4, 2, -1), 0)
    np.testing.assert_array_equal(cut[0, 0], [[0, 0, 0, 0], [2, 3, 4, 0], [6, 7, 8, 0], [10, 11, 12, 0]])
    np.testing.assert_array_equal(cut[1, 0], [[0, 21, 22, 23], [0, 25, 26, 27], [0, 29, 30, 31], [0, 0, 0, 0]])


def test_saliency_becomes_a_picture_with_grey_for_nothing():
    picture = CHAPTER.as_picture(np.array([[[[0.0, 2.0], [-2.0, 1.0]]], [[[0.0, 0.0], [0.0, 0.0]]]]))
    np.testing.assert_array_equal(picture[0, 0], [[128, 255], [0, 191]])
    assert (picture[1] == 128).all()


def test_an_object_is_chosen_on_one_set_and_scored_on_the_other(net, rooms, monkeypatch):
    """A feature that seems to look at beds by chance must not be scored where it seemed so."""
    tables = iter((np.array([0.1, 0.2, 0.9]), np.array([0.7, 0.4, 0.3])))
    monkeypatch.setattr(attribution, "_look", lambda *_: Looks(*[np.tile(next(tables), (6, 5, 1))] * 5))
    names = list(rooms.masks)
    found = attribution._focus(net, rooms, rooms, (None, None))
    assert set(found.objects) == {names[2]}
    np.testing.assert_allclose(found.own("inside"), 0.3)


def test_how_features_look_at_objects_is_counted_right(rooms):
    """A net whose saliency is known: it sums the reds of a 4 x 4 patch."""
    architecture = Architecture(16, 3, (1,), (4,), kernel=4 + 1, latent=3)
    net = Discriminator(architecture).eval()
    with torch.no_grad():
        net.convs[0].layer.weight.zero_()
        net.convs[0].layer.weight[0, 0, 2, 2] = 1.0  # the pixel in the middle of what it sees
    place = attribution.top_responses(net, rooms.images, top=4)
    found = attribution._focus(net, rooms, rooms, (place, place))
    rows, columns = place.rows[0] * 4, place.columns[0] * 4
    mask = rooms.masks[found.objects[0]][place.images[0]]
    inside = mask[np.arange(4), rows, columns].mean()
    assert found.own("inside")[0] == found.own("pointing")[0] == inside
    assert found.own("even")[0] == pytest.approx(mask.mean())
    assert found.own("centre")[0] == mask[:, 7:9, 7:9].mean()
    masks = [m[place.images[0]][np.arange(4), rows, columns] for m in rooms.masks.values()]
    assert found.any("inside")[0] == np.any(masks, 0).mean() >= inside
    assert found.any("even")[0] == pytest.approx(np.any([m[place.images[0]] for m in rooms.masks.values()], 0).mean())
    best, shares = found.best()
    assert best.tolist() == [0] * 5 and shares.shape == (5, 4)


def test_a_feature_looks_at_its_object_where_half_of_its_saliency_lies_there():
    inside = np.array([0.49, 0.5, 0.9])[:, None, None].repeat(4, 1)  # 3 features x 4 responses x one object
    found = attribution.Focus(np.array(["bed"]), np.ones((3, 1)), Looks(*[inside] * 5))
    [looking] = attribution._SAMPLES["looking"](found)
    assert looking.tolist() == [0, 1, 1]


def test_trained_and_random_are_measured_the_same_way(net):
    results = attribution.measure_focus(net, count=30, top=2, features=3, nets=2)
    assert {which for _, which in results} == {"trained", "random", "gain"}
    for (what, which), m in results.items():
        assert m.low <= m.value <= m.high
        if which == "gain":
            assert m.value == pytest.approx(results[what, "trained"].value - results[what, "random"].value)
            continue
        assert m.low >= 0 and m.high <= 1
        assert m.value == pytest.approx(np.mean(m.details["nets"]), abs=1e-4)
        assert 0 < m.details["even_in_what_the_unit_sees"] < 1
    assert results["inside", "trained"].n == 3 and results["inside", "random"].n == 6
    assert results["inside_best", "random"].n == 10 and len(results["any", "random"].details["nets"]) == 2


def test_a_gap_counts_how_random_nets_differ():
    """Nets that agree leave a narrow interval, nets that do not a wide one, though their features vary as much."""
    features = np.tile([0.4, 0.6], 50)
    trained = [[features + 0.2]]
    same, unlike = ([[features + shift] for shift in shifts] for shifts in ((0, 0, 0), (-0.1, 0, 0.1)))
    value, low, high = attribution._mean_and_interval(trained, 0, minus=same)
    wide = attribution._mean_and_interval(trained, 0, minus=unlike)
    assert value == pytest.approx(0.2) and wide[0] == pytest.approx(0.2)
    assert 0 < low < value < high and wide[2] - wide[1] > 2 * (high - low)


def test_a_random_net_has_the_statistics_of_the_data(net, rooms):
    random = attribution.untrained(net, rooms.images, seed=1)
    assert not random.training
    assert random.convs[1].norm.running_var.mean() < 0.9, "still as it was made"
    again = attribution.untrained(net, rooms.images, seed=1)
    torch.testing.assert_close(random.state_dict(), again.state_dict())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"features": [6]}, "feature 6: layer 1 of D has 6 features, numbered from 0 to 5"),
        ({"features": [-1]}, "feature -1"),
        ({"features": [4], "layer": 0}, "feature 4: layer 0 of D has 4 features"),
        ({"features": []}, "no feature is chosen"),
        ({"layer": 2}, r"layer 2: D has 2 conv layers, numbered from 0 to 1 \(-1: the last\)"),
        ({"top": 51}, "the 51 strongest responses cannot be found in 50 pictures"),
    ],
)
def test_what_d_does_not_have_is_refused(net, rooms, arguments, message):
    with pytest.raises(UserError, match=message):
        attribution.top_responses(net, rooms.images, **arguments)


def test_places_and_classes_that_cannot_be_are_refused(net, rooms):
    pixels = rooms.images[:1]
    with pytest.raises(UserError, match="feature 9"):
        attribution.guided(net, pixels, ([9], [0], [0]))
    with pytest.raises(UserError, match="4 x 4 places, numbered from 0"):
        attribution.guided(net, pixels, ([0], [4], [0]))
    with pytest.raises(UserError, match="without classes"):
        attribution.guided(Discriminator(Architecture(16, 3, (4,), (2,), kernel=4, num_classes=2)), pixels, ([0], [0], [0]))
