import copy

import numpy as np
import pytest
import torch

from dcgan_core.drawings import scenes
from dcgan_core.drawings.rooms import ROOM_OBJECTS
from dcgan_core.errors import UserError
from dcgan_core.transfer import translating, translation
from dcgan_core.transfer.translation import A, Learner, Translator


@pytest.fixture(scope="module")
def pairs():
    return {task: translation.draw_pairs(task, 64, 3) for task in translation.TASKS}


def test_pairs_show_the_same_room(pairs):
    masks, grey, dark = pairs.values()
    for k, what in enumerate(ROOM_OBJECTS):
        assert (masks.given[:, k] == 255 * masks.masks[what]).all()
        assert (masks.masks[what] == dark.masks[what]).all()
    assert np.abs(grey.given[:, 0] - grey.asked.transpose(0, 2, 3, 1) @ [0.299, 0.587, 0.114]).max() <= 0.5
    assert (grey.asked == masks.asked).all()
    # darker wherever a lit pixel is not clipped, but for the rounding of the grain
    assert (dark.given.astype(int) - dark.asked).max() <= 1 and dark.given.mean() < 0.7 * dark.asked.mean()


def test_repainted_rooms_have_the_same_masks():
    factors = scenes.draw("drawn-rooms", 40, 32, 1).factors
    one, two = (scenes.render("drawn-rooms", translation.repainted(factors, s), 32, 1) for s in (0, 1))
    assert all((one.masks[what] == two.masks[what]).all() for what in ROOM_OBJECTS)
    assert np.abs(one.images.astype(int) - two.images).mean() > 10


def test_a_translator_answers_in_the_pictures_size_and_listens_to_z(pairs):
    g = Translator(A, 5, torch.Generator().manual_seed(0)).eval()
    given = pairs["masks"].given[:3]
    one, again = (translation.translate(g, given, seed) for seed in (0, 0))
    assert one.shape == (3, 3, 32, 32) and (one == again).all()
    x, z = translation.as_input(given), torch.zeros(3, A.latent)
    assert not torch.equal(g(x, z), g(x, z + 1))
    assert not torch.equal(g(x, z), g(-x, z))


@pytest.mark.parametrize(("loss", "trained"), [("L1", False), ("adversarial", True), ("both", True)])
def test_d_learns_only_where_it_has_a_say_and_only_by_its_own_loss(pairs, loss, trained):
    learner = Learner("grey", loss, 0)
    before = copy.deepcopy([*learner.d.parameters()])
    x, y = (translation.as_input(part[:8]) for part in (pairs["grey"].given, pairs["grey"].asked))
    seen = []
    learner.adam_d.step = lambda: seen.append([p.grad.clone() for p in learner.d.parameters()])
    learner.update(x, y)
    assert bool(seen) == trained
    assert all(torch.equal(p, q) for p, q in zip(before, learner.d.parameters(), strict=True))
    if trained:  # the translator's step leaves no gradient in D
        assert all(torch.equal(p.grad, g) for p, g in zip(learner.d.parameters(), seen[0], strict=True))
    assert all(p.grad is not None for p in learner.g.parameters())


@pytest.mark.parametrize("loss", ["L1", "both"])
def test_a_translator_comes_nearer_to_the_truth(pairs, loss):
    learner = Learner("dark", loss, 0)
    x, y = (translation.as_input(part[:16]) for part in (pairs["dark"].given, pairs["dark"].asked))
    z = torch.zeros(16, A.latent)
    first = (learner.g(x, z) - y).abs().mean().item()
    for _ in range(60):
        learner.update(x, y)
    assert (learner.g(x, z) - y).abs().mean() < 0.5 * first


def test_a_kept_translator_gives_the_same_answers(pairs, tmp_path):
    g = translation.train_translator(pairs["masks"], "masks", "L1", images=320)
    translation.save_translator(g, tmp_path / "g.safetensors")
    kept = translation.load_translator(tmp_path / "g.safetensors", "masks")
    one, two = (translation.translate(net, pairs["masks"].given) for net in (g, kept))
    assert np.abs(one.astype(int) - two).max() <= 2  # half precision


# --- scores -------------------------------------------------------------------------------------------------------------


def test_spread_and_colour_are_nothing_where_there_is_none(pairs):
    asked = pairs["masks"].asked
    assert translating.spread(np.stack([asked, asked])) == 0
    assert translating.spread(np.stack([np.zeros((2, 3, 4, 4)), np.full((2, 3, 4, 4), 10.0)])) == 5
    assert (translating.colourful(np.repeat(asked[:, :1], 3, 1)) == 0).all()
    assert (translating.colourful(asked) > 5).all()


def test_overlap_is_that_of_the_windows_found(pairs, monkeypatch):
    some = pairs["masks"]
    there = some.masks["window"].any((1, 2))

    class Fake:
        def __init__(self, shift):
            self.shift = shift

        def locate(self, images, what):
            assert what == "window" and len(images) == there.sum()
            return np.roll(some.masks["window"][there], self.shift, 2)[:, ::2, ::2]

    monkeypatch.setattr(translating, "CELL", 2)
    overlaps = []
    for shift in (0, 4, 16):
        monkeypatch.setattr(translating, "load_finder", lambda name, size, shift=shift: Fake(shift))
        overlaps.append(translating.window_overlap(some.asked, some))
    assert overlaps[0] > 0.7 and overlaps[0] > overlaps[1] > overlaps[2] and overlaps[2] < 0.05


def test_the_truth_scores_full_marks_and_grey_rooms_no_colour(pairs, monkeypatch):
    some = pairs["masks"]
    true = np.stack([some.factors[what] > 0.5 for what in ROOM_OBJECTS], 1)
    monkeypatch.setattr(translating, "read_objects", lambda answers: true)
    monkeypatch.setattr(translating, "window_overlap", lambda answers, pairs: 0.5)
    found = translating.scored(some.asked, some)
    assert (found["factors"], found["distance"], found["colour"], found["overlap"]) == (1, 0, 1, 0.5)
    assert all(found[what] == 1 for what in ROOM_OBJECTS)
    grey = np.repeat(some.asked.mean(1, keepdims=True).astype(np.uint8), 3, 1)
    monkeypatch.setattr(translating, "read_objects", lambda answers: np.concatenate([~true[:, :1], true[:, 1:]], 1))
    found = translating.scored(grey, some)
    assert found["colour"] == 0 < found["distance"]
    assert found["factors"] == pytest.approx(1 - 1 / len(ROOM_OBJECTS), abs=1e-3) and found[ROOM_OBJECTS[0]] == 0


def test_answers_as_varied_as_repainted_rooms_have_variety_one(pairs, monkeypatch):
    some = pairs["masks"]

    def repaint(g, given, seed):
        factors = {k: v[: len(given)] for k, v in some.factors.items()}
        return scenes.render(
            "drawn-rooms", translation.repainted(factors, seed), translation.A.size, translation.TEST_SEED
        ).images

    monkeypatch.setattr(translation, "translate", repaint)
    assert translating.variety(None, some) == pytest.approx(1)
    monkeypatch.setattr(translation, "translate", lambda g, given, seed: np.zeros((len(given), 3, 32, 32)))
    assert translating.variety(None, some) == 0


def test_colour_is_what_d_adds_as_a_share_of_the_drawings_own(pairs):
    asked = pairs["grey"].asked
    grey = np.repeat(asked[:, :1], 3, 1)
    found = translating._colour({"both": asked, "L1": grey}, pairs["grey"])
    assert (found.value, found.n) == (pytest.approx(1), len(asked))
    assert translating._colour({"both": grey, "L1": grey}, pairs["grey"]).value == 0


def test_nets_of_one_seed_are_a_pair():
    def nets(*values):
        return [{"factors": v, "overlap": v / 2, "variety": v / 10} for v in values]

    found = translating._over_seeds(
        {"both": nets(0.8, 0.9, 0.7), "L1": nets(0.7, 0.8, 0.6), "adversarial": nets(0.9, 0.8, 0.7)}
    )
    assert found["factors"].value == pytest.approx(0.1) and found["factors"].low > 0.09  # every pair differs by as much
    assert found["adversarial"].value == pytest.approx(0) and found["adversarial"].low < -0.1
    assert found["overlap"].value == pytest.approx(0.05)
    assert found["variety"].value == pytest.approx(0.08) and found["variety"].n == 3


def test_nets_that_are_there_are_not_trained_again(tmp_path, monkeypatch):
    trained = []

    def train(pairs, task, loss, *, images, seed):
        trained.append((task, loss, seed))
        return Translator(A, translation.TASKS[task])

    monkeypatch.setattr(translation, "PAIRS", 8)
    monkeypatch.setattr(translation, "train_translator", train)
    monkeypatch.setattr(translating, "_rows", lambda out, seeds: [seeds])
    assert translating.measure_translation(tmp_path, seeds=2) == {"rows": [2]}
    assert len(trained) == len({*trained}) == 3 * 2 + 3 + 3
    (tmp_path / "masks-both-1.safetensors").unlink()
    translating.measure_translation(tmp_path, seeds=2)
    assert trained[12:] == [("masks", "both", 1)]


def test_one_net_alone_is_refused_before_anything_is_trained(tmp_path):
    with pytest.raises(UserError, match="`seeds` 1: at least 2"):
        translating.measure_translation(tmp_path / "after", seeds=1)
    assert not (tmp_path / "after").exists()
