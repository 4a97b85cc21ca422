"""What is measured of a run, and what pairs of runs say."""

import ablating
import numpy as np
import pytest

from dcgan_core import intervals
from dcgan_core.ablations import measuring, variants
from dcgan_core.ablations.measuring import Judged
from dcgan_core.ablations.variants import GUIDELINES, PROVOKED, VARIANTS
from dcgan_core.claims import ledger


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, None),
        ({"precision": 0.0}, None),
        ({"diversity": 0.2}, "less than a quarter"),
        ({"diverged": True}, "NaN weights"),
    ],
)
def test_what_is_called_a_collapse(values, said):
    found = measuring.collapse(ablating.measured(**values))
    assert found is None if said is None else said in found


def test_a_run_that_draws_nothing_like_the_data_is_not_healthy_either():
    assert measuring._healthy(ablating.measured())
    assert not any(measuring._healthy(ablating.measured(**{key: 0.0})) for key in ("precision", "recall"))
    assert not measuring._healthy(ablating.measured(collapsed="x"))


def test_movement_is_a_share_of_the_distance_between_images():
    rng = np.random.default_rng(0)
    images, other = (rng.integers(0, 256, (8, 3, 8, 8)).astype(np.uint8) for _ in range(2))
    assert measuring._movement(np.stack([images] * 6))["oscillation"] == 0
    assert measuring._movement(np.stack([images, other] * 3))["oscillation"] == pytest.approx(1, abs=0.1)
    assert measuring._movement(images[None])["oscillation"] is None


def test_a_row_is_the_geometric_mean_of_the_pairs_ratios():
    followed = {seed: ablating.measured() for seed in range(3)}
    removed = {seed: ablating.measured(frechet=10.0 * ratio, recall=0.3) for seed, ratio in enumerate((1.0, 2.0, 4.0))}
    row = measuring.row(VARIANTS[0], followed, removed)
    assert row["value"] == pytest.approx(2, rel=1e-4)
    assert row["low"] < 1 and row["high"] > 4
    assert row["value"] / row["low"] == pytest.approx(row["high"] / row["value"], rel=1e-4)
    assert row["details"]["differences"]["recall"] == pytest.approx([-0.1, -0.1, -0.1])
    assert (row["claim"], row["n"], row["seconds"]) == ("ablation.strides", 3, 9.0)
    assert row["details"]["means"]["recall"] == pytest.approx([0.4, 0.3])
    assert measuring.row(VARIANTS[0], followed, {0: ablating.measured()}) is None, "one pair has no interval"


def test_sampling_with_the_batchs_statistics_copies_nothing_that_was_not_measured_so():
    followed = {seed: ablating.measured() for seed in range(2)} | {2: ablating.measured(collapsed="x", diversity=0.1)}
    row = measuring.row(variants.SAMPLING, followed, measuring.with_batch_statistics(followed))
    assert row["details"]["differences"].keys() == {"precision", "recall", "diversity"}
    assert "not measured" in str(ablating.CHAPTER_3.table([row]))
    assert row["seconds"] == 4.5, "its samples are of the same runs"
    assert [round(3 * row["details"]["collapsed"][key][0]) for key in ("followed", "removed")] == [1, 0]


def test_halves_of_the_held_out_images_have_nothing_in_common():
    judged = object.__new__(Judged)
    judged.features = np.random.default_rng(0).normal(size=(400, 4))
    found = judged.halves()
    assert found["frechet"] > 0 and found["precision"] < 1
    assert measuring._compare(judged.features[:200], judged.features)["precision"] == pytest.approx(1, abs=0.06)


def test_a_few_samples_again_and_again_are_precise_and_reach_little():
    real = np.random.default_rng(0).normal(size=(400, 4))
    few = measuring._compare(real, real[:5].repeat(80, 0) + 1e-3 * np.random.default_rng(1).normal(size=(400, 4)))
    assert few["precision"] == 1 and few["recall"] < 0.1
    assert measuring._compare(real, real / 2)["diversity"] == pytest.approx(0.5, abs=0.01)


def test_detection_counts_only_what_samples_call_a_collapse():
    alarm = [{"kind": "alike", "images": 800, "stop": False}]
    runs = {v.name: {} for v in variants.ALL}
    first = variants.seeds_of(PROVOKED[0]).start
    assert first == variants.SEEDS and variants.seeds_of(GUIDELINES).start == 0
    chosen_on = {s: ablating.measured(collapsed="x") for s in range(first)}  # does not count
    reported = {first + s: ablating.measured(collapsed="x", alarms=alarm) for s in range(9)}
    runs[PROVOKED[0].name] = chosen_on | reported | {first + 9: ablating.measured(collapsed="x")}
    runs[PROVOKED[1].name] = {first: ablating.measured(alarms=alarm)} | {first + s: ablating.measured() for s in (1, 2, 3)}
    row = measuring.detected(runs)
    assert (row["value"], row["n"]) == (pytest.approx(0.9 - 0.25), 10 + 4)
    hits, least, most = intervals.share(np.array([True] * 9 + [False]))
    false, fewest, more = intervals.share(np.array([True] + [False] * 3))
    assert row["low"] == pytest.approx(0.65 - ((hits - least) ** 2 + (more - false) ** 2) ** 0.5, abs=1e-4)
    assert row["high"] == pytest.approx(0.65 + ((most - hits) ** 2 + (false - fewest) ** 2) ** 0.5, abs=1e-4)
    assert row["details"]["reported"][0] == 0.9
    assert row["details"]["false_alarms"][0] == 0.25 and row["details"]["healthy_runs"] == 4
    assert row["details"]["reported_not_collapsed"][0] == 0.25 and row["details"]["not_collapsed"] == 4
    assert (row["data"], row["seed"], row["details"]["seeds"]) == ("digits", first, list(range(first, first + 10)))
    assert "digits at 16 pixels" in row["instead"]
    runs[PROVOKED[0].name] = {}
    assert measuring.detected(runs) is None


def test_the_rule_for_deviations_wants_the_whole_interval_near_one():
    rule = ledger.claim("ablation.updates").rule
    assert rule.decide(1.0, 0.9, 1.1)
    assert rule.decide(1.0, 0.7, 1.4) is None and rule.decide(1.2, 1.1, 1.3) is None
    assert rule.decide(1.4, 1.3, 1.5) is False


def test_students_interval():
    mean, low, high = intervals.student(np.array([1.0, 2, 3, 4, 5]))
    assert mean == 3
    assert [high - mean, mean - low] == pytest.approx([2.776445 * 2.5**0.5 / 5**0.5] * 2, rel=1e-5)
