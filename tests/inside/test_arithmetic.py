"""Arithmetic on a generator that is linear, and on runs."""

import json

import numpy as np
import pytest
import torch
from conftest import TINY
from linear import Linear, candidates, reader, z_of
from toy import Stub

from dcgan_core import assets, latent
from dcgan_core.claims import ledger
from dcgan_core.drawings import scenes
from dcgan_core.errors import UserError
from dcgan_core.inside import arithmetic, exemplars, turning
from dcgan_core.inside.exemplars import Pool
from dcgan_core.readers import fitting, judges
from dcgan_core.runs import Run

SMILE = arithmetic.SUMS["drawn_smile"]


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
    expected = latent.generate_pixels(Linear(), latent.combine([latent.mean(z) for z in terms]))
    assert abs(arithmetic.pixel_sum(Linear(), terms).astype(int) - expected).max() <= 1


def test_exemplars_are_moved_where_a_judge_can_read_it():
    asked = []

    def other(images):
        asked.append(len(images))
        return reader(images)

    outcome = arithmetic.trials(Linear(), candidates(400), reader, SMILE, 20, moved=other)
    assert asked == [20, 20, 20, 80]
    success = outcome["pixels_moved"].details["success"]
    assert set(success) == {"random", "three", "pixels", "random_moved", "three_moved", "pixels_moved", "pixels_unmoved"}
    assert success["pixels_unmoved"] == success["pixels"]  # by two judges that say the same
    assert (success["three"], success["pixels_moved"]) == (outcome["three"].value, outcome["pixels_moved"].value)
    assert "pixels_moved" not in arithmetic.trials(Linear(), candidates(400), reader, SMILE, 20)
    setting = ledger.claim("arithmetic.drawn_smile.pixels_moved").setting
    assert setting({"details": {"success": {"three": 0.5, "three_moved": 0.5}}}) == ""
    assert "does not see" in setting({"details": {"success": {"three": 0.5, "three_moved": 0.3}}})
    overlays = {"three": 0.5, "three_moved": 0.5, "pixels": 0.7}
    assert setting({"details": {"success": overlays | {"pixels_unmoved": 0.6}}}) == ""
    assert "in overlays" in setting({"details": {"success": overlays | {"pixels_unmoved": 0.5}}})


def test_pictures_are_moved_and_scaled_as_the_claim_says():
    axis = torch.arange(64.0)
    square = ((axis - 31.5).abs() < 8).float()
    images = (square[:, None] * square).expand(500, 3, 64, 64)
    moved = fitting.move(images, torch.Generator().manual_seed(0))
    weights = moved[:, 0] / moved[:, 0].sum((1, 2), keepdim=True)
    centres = torch.stack([(weights.sum(axes) * axis).sum(1) - 31.5 for axes in (1, 2)])
    widths = moved[:, 0].sum((1, 2)).sqrt()  # 16 before
    assert 6.4 < centres.abs().max() < 6 * 1.15 + 0.1 and abs(float(centres.mean())) < 0.3  # a larger picture moves further
    assert 16 * 0.84 < widths.min() < 14.2 and 17.8 < widths.max() < 16 * 1.16
    assert torch.equal(moved, fitting.move(images, torch.Generator().manual_seed(0)))
    plain = torch.full((2, 3, 16, 16), 0.3)
    assert torch.allclose(fitting.move(plain, torch.Generator()), plain)  # edges are drawn out


# --- on runs ----------------------------------------------------------------------------------------------------------


def test_nobody_reads_attributes_off_digits(run):
    with pytest.raises(UserError, match="nothing here reads attributes off digits"):
        arithmetic.readers(run)
    ids = [c.id for c in ledger.CLAIMS if c.id.startswith(("arithmetic.", "turn."))]
    for name in arithmetic.SUMS:
        kinds = (
            "success",
            "single",
            "gain",
            "many",
            "improved",
            "pixels",
            "above_chance",
            "others_kept",
            "exemplars",
        )
        assert {f"arithmetic.{name}.{kind}" for kind in kinds} < set(ids)
        assert (f"arithmetic.{name}.pixels_moved" in ids) == name.startswith("drawn")
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


def test_neighbours_lie_within_reach_on_all_sides_and_the_middle_of_nine_is_the_result():
    rng = torch.Generator().manual_seed(0)
    z = latent.sample(TINY, 4, rng)
    moved = arithmetic.around(z, 500, rng) - z[:, None]
    assert moved.shape == (4, 500, 10)
    assert 0.24 < moved.max() <= 0.25 and -0.25 <= moved.min() < -0.24
    assert abs(moved.mean()) < 0.01
    square = arithmetic.nine(z[0], rng)
    assert square.shape == (9, 10)
    assert torch.equal(square[4], z[0])
    assert (square[[0, 1, 2, 3, 5, 6, 7, 8]] - z[0]).abs().amax(1).min() > 0.1


def test_each_exemplar_is_moved_by_itself_and_sums_of_z_as_a_whole(monkeypatch):
    ramp = Stub(lambda z: torch.linspace(-1, 1, 8).expand(len(z), 1, 8, 8))
    terms = [torch.zeros(1, 3, 4)] * 3
    still = arithmetic.pixel_sum(ramp, terms).astype(int)
    assert abs(arithmetic.pixel_sum(ramp, terms, torch.Generator().manual_seed(0)) - still).max() > 3
    moved = []
    monkeypatch.setattr(arithmetic, "move", lambda images, rng: moved.append(len(images)) or images.flip(2))
    arithmetic.trials(Linear(), candidates(400), reader, SMILE, 20, moved=reader)
    assert moved == [60, 60, 60, 20, 80]
