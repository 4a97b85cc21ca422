"""Judges: they learn to read factors, say how far they can be trusted, and count what samples show."""

from functools import partial

import numpy as np
import pytest
import torch
from conftest import ships_from

from dcgan_core import assets
from dcgan_core.claims import ledger
from dcgan_core.data import loading
from dcgan_core.drawings import rooms, scenes, sprites
from dcgan_core.errors import UserError
from dcgan_core.metrics import coverage
from dcgan_core.readers import fitting, judges
from dcgan_core.readers.judges import Judge


@pytest.fixture(scope="module")
def judge():
    """Trained for a few seconds on small pictures: enough for what is large."""
    judge = Judge("drawn-portraits", 32)
    judges.train_judge(judge, seed=3, pictures=1024, epochs=5)
    return judge


def test_a_judge_learns_to_read_factors(judge):
    hair, pose = (judges.judge_accuracy(judge, factor, 500) for factor in ("long_hair", "pose"))
    assert hair.low > 0.85 and hair.low <= hair.value <= hair.high
    assert 0.5 < pose.low <= pose.value <= pose.high <= 1
    untrained = Judge("drawn-portraits", 32).eval()
    assert judges.judge_accuracy(untrained, "long_hair", 500).value < 0.65


def test_a_judge_reads_every_factor_of_every_picture(judge, monkeypatch):
    drawn = scenes.draw("drawn-portraits", 7, 32)
    together = judge.read(drawn.images)
    monkeypatch.setattr(judge, "at_once", 3)
    answers = judge.read(drawn.images)
    assert set(answers) == set(judge.factors) == set(scenes.FACTORS["drawn-portraits"])
    assert all(values.shape == (7,) for values in answers.values())
    assert answers["smile"].min() >= 0 and answers["smile"].max() <= 1
    np.testing.assert_allclose(answers["pose"], together["pose"], atol=1e-5)


def test_a_judge_of_sprites_names_the_class():
    judge = Judge("drawn-sprites", 16).eval()
    drawn = scenes.draw("drawn-sprites", 5, 16)
    answers = judge.read(drawn.images)["class"]
    assert answers.dtype.kind == "i" and set(answers) <= set(range(10))
    assert set(judges.statements(judge, drawn.images)) == set(sprites.SPRITES)


def test_rooms_leave_out_the_choice_of_places():
    assert "places" not in Judge("drawn-rooms", 16).factors


def test_equal_pictures_are_covered_and_one_sided_samples_are_not(judge):
    data = scenes.draw("drawn-portraits", 600, 32, seed=8)
    read = partial(judges.statements, judge)
    same = coverage.coverage(read, data.images, data.images)
    assert same.value == 1
    more = coverage.coverage(read, data.images, scenes.draw("drawn-portraits", 600, 32, seed=9).images)
    one_sided = coverage.coverage(read, data.images, data.images[data.factors["long_hair"] == 1])
    assert 0.75 < more.value < 1 and more.low <= more.value <= more.high <= 1
    assert 0.3 < one_sided.value < 0.65
    hair = one_sided.details["factors"]["long_hair"]
    assert abs(hair["data"] - 0.5) < 0.1 and hair["samples"] > 0.85
    single = coverage.coverage(read, data.images, np.repeat(data.images[:1], 100, 0))
    assert single.details["cells_in_samples"] == 1 and single.value < 0.2


def test_a_judge_is_trained_once_and_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(judges, "PICTURES", 128)
    monkeypatch.setattr(Judge, "epochs", 1)
    ships_from(monkeypatch, "judges", tmp_path / "none")
    trained = []
    train = judges.train_judge
    monkeypatch.setattr(
        judges, "train_judge", lambda j, seed, d: trained.append(seed) or train(j, seed, d, pictures=128, epochs=1)
    )
    images = scenes.draw("drawn-rooms", 4, 32).images
    first, again, other = (judges.load_judge("drawn-rooms", seed, 32).read(images)["light"] for seed in (0, 0, 1))
    assert trained == [0, 1]
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


@pytest.mark.parametrize("name", scenes.NAMES)
def test_the_shipped_judges_can_be_read(name):
    size = loading.native(name)[0]
    assert (assets.folder("judges") / f"{name}-{size}px-v{scenes.VERSION}-seed0.safetensors").is_file(), "would be trained anew"
    judge = judges.load_judge(name, size=size)
    factor = "class" if name == "drawn-sprites" else scenes.yes_no(name)[0]
    assert judges.judge_accuracy(judge, factor, 200).value > 0.9


def test_the_judge_of_moved_pictures_reads_them_and_the_other_does_not():
    drawn = scenes.draw("drawn-portraits", 400, 64, judges.HELD_OUT_SEED)
    pixels = torch.from_numpy(drawn.images).float()
    moved = fitting.move(pixels, torch.Generator().manual_seed(5)).round().to(torch.uint8).numpy()
    right = [
        (
            (judges.load_judge("drawn-portraits", moved=learnt).read(moved)["smile"] > 0.5) == (drawn.factors["smile"] > 0.5)
        ).mean()
        for learnt in (False, True)
    ]
    assert right[0] < 0.75 and right[1] > 0.97


def test_pictures_of_the_wrong_shape_and_damaged_weights_are_refused(judge, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="reads N x 3 x 32 x 32 pictures, got 2 x 3 x 64 x 64"):
        judge.read(np.zeros((2, 3, 64, 64), np.uint8))
    with pytest.raises(UserError, match="multiple of 16"):
        Judge("drawn-rooms", 40)
    with pytest.raises(UserError, match="no drawn set"):
        judges.load_judge("rooms")
    ships_from(monkeypatch, "judges", tmp_path)
    (tmp_path / f"drawn-rooms-32px-v{scenes.VERSION}-seed0.safetensors").write_bytes(b"nonsense")
    with pytest.raises(UserError, match="not this judge's weights"):
        judges.load_judge("drawn-rooms", size=32)


def test_claims_of_scenes_fit_runs_of_their_set_alone(run):
    ids = [c.id for c in ledger.CLAIMS if c.id.startswith("scenes.")]
    assert {f"scenes.coverage.{name}" for name in scenes.NAMES} < set(ids)
    assert {f"scenes.judge_accuracy.drawn-rooms.{thing}" for thing in rooms.ROOM_OBJECTS} < set(ids)
    assert "scenes.judge_accuracy.drawn-portraits.pose" in ids
    assert not any(ledger.claim(i).fits(run) for i in ids), "a run on digits"
