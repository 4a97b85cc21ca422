"""Arithmetic on a generator that is linear: row k of its image is as bright as number k of z, so every sum is exact."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from dcgan_core import assets, latent
from dcgan_core.claims import ledger
from dcgan_core.drawings import scenes
from dcgan_core.errors import UserError
from dcgan_core.files import write_json
from dcgan_core.inside import arithmetic, exemplars, turning
from dcgan_core.inside.exemplars import Concept, Pool
from dcgan_core.networks import Architecture
from dcgan_core.readers import judges
from dcgan_core.runs import Run, weights_of

ROWS = ("smile", "long_hair", "glasses", "beard", "pose", "hair_colour", "skin", "nothing")
SMILE = arithmetic.SUMS["drawn_smile"]


class Linear(nn.Module):
    """Draws z / 8, one number a row."""

    def __init__(self, scale: float = 1 / 8) -> None:
        super().__init__()
        self.architecture = Architecture(8, 1, (4,), (2,), latent=8)
        self.scale = scale
        self.nothing = nn.Parameter(torch.zeros(1))

    def forward(self, z, labels=None):
        return (z * self.scale)[:, None, :, None].expand(-1, 1, 8, 8).clamp(-1, 1)


def reader(images: np.ndarray) -> dict[str, np.ndarray]:
    """Reads z off the image again: probabilities for what is there or not, numbers for the rest."""
    z = (images[:, 0, :, 0] / 127.5 - 1) * 8
    answers = dict(zip(ROWS, z.T.astype(np.float32), strict=True))
    for key in ROWS[:4]:
        answers[key] = 1 / (1 + np.exp(-8 * answers[key]))
    for key in ("hair_colour", "skin"):
        answers[key] = (answers[key] + 1) / 2
    answers["looks left"] = (answers["pose"] < -1 / 3).astype(np.float32)
    answers["looks right"] = (answers["pose"] > 1 / 3).astype(np.float32)
    return answers


def z_of(count: int, seed: int = 0) -> torch.Tensor:
    return latent.sample(Linear().architecture, count, torch.Generator().manual_seed(seed))


def candidates(count: int, seed: int = 0, scale: float = 1 / 8) -> Pool:
    return exemplars.gather(Linear(scale), reader, count, seed)


# --- concepts and exemplars -------------------------------------------------------------------------------------------


def test_a_sum_says_what_is_added_and_what_is_kept():
    for arithmetic_sum in arithmetic.SUMS.values():
        first, second, third = (concept.shows for concept in arithmetic_sum.terms)
        result = {k: first[k] - second[k] + third[k] for k in first}
        assert result == arithmetic_sum.result.shows
        assert len(arithmetic_sum.added.shows) == len(arithmetic_sum.kept.shows) == 1
        assert not set(arithmetic_sum.others) & set(result)


def test_drawn_sums_ask_for_factors_that_are_drawn():
    for name, arithmetic_sum in arithmetic.SUMS.items():
        if name.startswith("drawn"):
            wanted = {*arithmetic_sum.result.shows, *arithmetic_sum.others}
            assert wanted <= set(scenes.yes_no(arithmetic.DATA[name]))


def test_a_pool_gives_only_what_shows_the_concept_for_sure():
    p = exemplars.gather(Linear(), reader, 400, seed=1)
    found = p.of(SMILE.first)
    assert 40 < len(found) < 150
    assert (found[:, 0] > 0).all() and (found[:, 1] > 0).all()
    assert len(p.of(SMILE.first, sure=0.5)) > len(found)


def test_an_unknown_attribute_names_its_near_namesake():
    with pytest.raises(UserError, match=r"concept 'grin': no attribute is called 'smiles' \(did you mean 'smile'"):
        exemplars.gather(Linear(), reader, 10, 0).of(Concept("grin", {"smiles": True}))


def test_a_pool_looks_at_more_until_there_are_enough_or_the_limit_is_reached(monkeypatch):
    monkeypatch.setattr(exemplars, "LIMIT", 300)
    first = candidates(100)
    rare = len(first.of(SMILE.first))
    more = exemplars.gather(Linear(), reader, 100, 0, concepts=SMILE.terms, enough=rare + 1)
    assert len(more.z) in (200, 300) and len(more.of(SMILE.first)) > rare
    assert torch.equal(more.z, z_of(len(more.z))), "picks find their z again by seed and count"
    assert all(np.array_equal(values, more.answers[key][:100]) for key, values in first.answers.items())
    assert len(exemplars.gather(Linear(), reader, 100, 0, concepts=SMILE.terms, enough=1000).z) == 300
    assert len(exemplars.gather(Linear(), reader, 500, 0, concepts=SMILE.terms, enough=1000).z) == 500


def test_sets_of_exemplars_share_no_z_and_come_again_when_all_were_used():
    chosen = exemplars.choose_sets(z_of(20), "x", 14, 3, torch.Generator().manual_seed(0))
    assert chosen.shape == (14, 3, 8)
    assert len(torch.unique(chosen[:6].flatten(0, 1), dim=0)) == 18
    assert torch.equal(chosen[:6], chosen[6:12]) and torch.equal(chosen[:2], chosen[12:])


def test_a_concept_without_enough_exemplars_is_refused():
    with pytest.raises(UserError, match=r"concept 'smiling man': 2 exemplars, 3 are needed; pick more"):
        exemplars.choose_sets(z_of(2), "smiling man", 10, 3, torch.Generator())
    with pytest.raises(UserError, match="0 exemplars, 3 are needed"):  # a net that draws one face only
        arithmetic.trials(Linear(scale=0), candidates(50, 0, scale=0), reader, SMILE, 5)


# --- trials -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def outcome():
    return arithmetic.trials(Linear(), candidates(2000, 3), reader, SMILE, 200, seed=3)


def test_where_z_is_linear_the_sum_is_right_and_more_exemplars_make_it_surer(outcome):
    single, three, many = (outcome[k].value for k in ("single", "three", "many"))
    assert 0.25 < single < three <= many
    assert many > 0.98 and outcome["improved"].value > 0.98
    assert outcome["gain"].value == pytest.approx(three - single)
    assert outcome["gain"].low < outcome["gain"].value < outcome["gain"].high
    assert all(m.low <= m.value <= m.high and m.n == 200 for m in outcome.values())
    details = outcome["three"].details
    assert outcome["above_chance"].value == pytest.approx(three - details["base_rate"], abs=1e-4)
    assert outcome["above_chance"].low > 0
    assert outcome["others_kept"].value == pytest.approx(details["others_kept"]["three"], abs=1e-4)


def test_trials_that_share_exemplars_have_wider_intervals():
    few = np.repeat([True, False, True, True, False], 80)  # five sets decide all
    sets = np.repeat(np.arange(5), 80)
    alone = arithmetic._over_sets(few, np.arange(400), 0)
    shared = arithmetic._over_sets(few, sets, 0)
    assert alone[0] == shared[0] == 0.6 and alone[1] > 0.5 and shared[1] < 0.1 and shared[2] == 1
    unlike = arithmetic._over_sets(few.astype(float), sets, 0, minus=np.zeros(100))
    assert unlike[0] == pytest.approx(0.6) and unlike[1] < 0.1
    assert arithmetic._over_sets(few, np.zeros(400, int), 0) == alone, "one set says nothing of others"
    pool = candidates(60)
    few = arithmetic.trials(Linear(), pool, reader, SMILE, 50)["three"].details
    assert few["sets"]["three"] == min(len(pool.of(c)) for c in SMILE.terms) // 3 and few["sets"]["many"] == 1


def test_with_linear_images_pixels_are_as_good_as_z(outcome):
    assert outcome["pixels"].value == pytest.approx(outcome["three"].value, abs=0.03)


def test_the_details_say_what_chance_would_give_and_how_long_z_is(outcome):
    details = outcome["three"].details
    assert details["base_rate"] == pytest.approx(0.25, abs=0.06)
    assert details["success"]["third_term"] == 0, "a neutral mean must not count as smiling"
    assert details["kept"]["third_term"] == 1
    lengths = details["length_of_z"]
    assert lengths["third_term"] < lengths["random"] < lengths["single"]
    assert lengths["improved"] == pytest.approx(lengths["random"], abs=1e-3)
    assert details["others_kept"]["random"] == pytest.approx(0.5, abs=0.1)
    assert details["others_kept"]["one_face"] > 0.75
    assert set(details["exemplars"]) == {concept.name for concept in SMILE.terms}


def test_a_judge_that_sees_no_smile_finds_no_success():
    def sad(images):
        return reader(images) | {"smile": np.zeros(len(images), np.float32)}

    outcome = arithmetic.trials(Linear(), candidates(500), sad, SMILE, 20)
    assert [outcome[k].value for k in ("three", "single", "many", "pixels")] == [0, 0, 0, 0]


def test_a_seed_means_the_same_trials():
    first, again, other = (arithmetic.trials(Linear(), candidates(400), reader, SMILE, 30, seed=s) for s in (1, 1, 2))
    assert first["three"].details == again["three"].details
    assert first["three"].details != other["three"].details


def test_pixel_arithmetic_is_that_of_mean_images():
    terms = [z_of(6, seed).unflatten(0, (2, 3)) for seed in (1, 2, 3)]
    expected = latent.draw_pixels(Linear(), latent.combine([latent.mean(z) for z in terms]))
    assert abs(arithmetic.pixel_sum(Linear(), terms).astype(int) - expected).max() <= 1


# --- turning ----------------------------------------------------------------------------------------------------------


def test_a_turn_of_a_linear_head_is_even_and_thirty_exemplars_change_less_else():
    turns = turning.turns(Linear(), candidates(1000), reader, 100, seed=2)
    monotone, identity = turns["monotone"], turns["identity"]
    assert monotone.value > 0.98
    pose = monotone.details["pose"]["median"]
    assert len(pose) == turning.TURN_STEPS and (np.diff(pose) > 0.08).all()
    assert monotone.details["random_direction"] < 0.5
    assert identity.details["two_random_faces"] < identity.value < identity.details["thirty_exemplars"]
    assert identity.low <= identity.value <= identity.high
    assert set(identity.details["factors"]) == set(turning.OTHERS)


def test_a_turned_face_is_itself_in_the_middle():
    z, vector = z_of(3), z_of(1, 9)[0]
    path = turning.turned(z, vector, 5)
    assert path.shape == (3, 5, 8)
    assert torch.allclose(path[:, 2], z, atol=1e-6)
    assert torch.allclose(path[:, -1] - path[:, 0], vector.expand(3, -1), atol=1e-5)


def test_no_faces_that_look_left_is_an_error():
    with pytest.raises(UserError, match="concept 'looks left': 0 exemplars, 4 are needed"):
        turning.turns(Linear(scale=0), candidates(50, 0, scale=0), reader, 5)


# --- picks ------------------------------------------------------------------------------------------------------------


def picks(run, path, **changes):
    saved = {"seed": 5, "count": 30, "weights": weights_of(run), "picks": {"smiling": [2, 7], "neutral": []}}
    write_json(path, saved | changes)
    return path


def test_picks_become_z_again(run, tmp_path):
    chosen = exemplars.load_picks(picks(run, tmp_path / "picks.json"), run)
    z = latent.sample(run.architecture, 30, torch.Generator().manual_seed(5))
    assert torch.equal(chosen["smiling"], z[[2, 7]])
    assert chosen["neutral"].shape == (0, run.architecture.latent)
    with pytest.raises(UserError, match="no exemplars were chosen"):
        latent.mean(chosen["neutral"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": "0" * 12}, "picked from samples of other weights than those of .*; pick again"),
        ({"picks": {"smiling": []}}, "nothing is picked in it; click on some pictures"),
        ({"picks": {"smiling": [30]}}, "not picks; delete it"),
        ({"picks": {"smiling": ["two"]}}, "not picks"),
        ({"count": None}, "not picks"),
    ],
)
def test_picks_that_do_not_fit_are_refused(run, tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        exemplars.load_picks(picks(run, tmp_path / "picks.json", **changes), run)


def test_missing_or_damaged_picks_are_an_error(run, tmp_path):
    with pytest.raises(UserError, match="no such file; picks should be there"):
        exemplars.load_picks(tmp_path / "none.json", run)
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(UserError, match="damaged, not picks"):
        exemplars.load_picks(tmp_path / "bad.json", run)


# --- on runs ----------------------------------------------------------------------------------------------------------


def test_nobody_reads_attributes_off_digits(run):
    with pytest.raises(UserError, match="nothing here reads attributes off digits"):
        arithmetic.readers(run)
    ids = [c.id for c in ledger.CLAIMS if c.id.startswith(("arithmetic.", "turn."))]
    for name in arithmetic.SUMS:
        kinds = "success", "single", "gain", "many", "improved", "pixels", "above_chance", "others_kept", "exemplars"
        assert {f"arithmetic.{name}.{kind}" for kind in kinds} < set(ids)
    assert {"turn.monotone", "turn.identity"} < set(ids)
    assert not any(ledger.claim(i).fits(run) for i in ids)


def test_the_one_that_selects_and_the_one_that_judges_are_two():
    """And both ship: to train them would take minutes."""
    names = [f"drawn-portraits-64px-v{scenes.VERSION}-seed{seed}.safetensors" for seed in (0, 1)]
    assert all((assets.folder("judges") / name).is_file() for name in names)
    drawn = scenes.draw("drawn-portraits", 300, 64, judges.HELD_OUT_SEED)
    read = [judges.load_judge("drawn-portraits", seed).read(drawn.images)["smile"] for seed in (0, 1)]
    assert not np.allclose(*read)
    assert all(((p > 0.5) == drawn.factors["smile"]).mean() > 0.95 for p in read)


def test_the_one_that_selects_is_checked_where_attributes_are_known():
    drawn = Run.reference("drawn-portraits")
    found = arithmetic.selection(drawn, "drawn_glasses", "cpu", small=True)
    assert found.low <= found.value <= found.high <= 1 and found.value > 0.95
    taken = found.details["taken_and_right"]
    assert set(taken) == {c.name for c in arithmetic.SUMS["drawn_glasses"].terms}
    assert found.n == sum(count for count, _ in taken.values()) > 200
    with pytest.raises(UserError, match="the photographs are not here"):
        arithmetic.selection(Run.reference("faces"), "faces_smile", "cpu", small=True)


def test_what_was_measured_once_is_not_measured_again(run, monkeypatch):
    calls = []
    monkeypatch.setattr(arithmetic, "readers", lambda *_: (lambda images: {}, reader))
    monkeypatch.setattr(arithmetic, "trials", lambda *_, **__: calls.append("trials") or {"three": None})
    monkeypatch.setattr(turning, "turns", lambda *_: calls.append("turns") or {"monotone": None})
    pools = []
    monkeypatch.setattr(exemplars, "gather", lambda *_, **__: pools.append(1))
    for _ in range(2):
        assert arithmetic.measured(run, "drawn_smile", "cpu", 4, small=True) == {"three": None}
        assert arithmetic.measured(run, "turn", "cpu", 4, small=True) == {"monotone": None}
    assert calls == ["trials", "turns"] and pools == [1]


def test_at_full_size_ten_sets_of_thirty_exemplars_are_looked_for(run, monkeypatch):
    asked = []
    monkeypatch.setattr(arithmetic, "readers", lambda *_: (lambda images: {}, reader))
    monkeypatch.setattr(arithmetic, "trials", lambda *_, **__: {})
    monkeypatch.setattr(
        exemplars, "gather", lambda generator, read, count, seed, *, concepts, enough: asked.append((count, enough))
    )
    arithmetic.measured(run, "drawn_smile", "cpu", 5)
    assert asked == [(10_000, 300)]


def test_json_can_hold_the_details(outcome):
    assert json.loads(json.dumps(outcome["three"].details)) == outcome["three"].details
    assert isinstance(Pool(z_of(1), {}).z, torch.Tensor)
