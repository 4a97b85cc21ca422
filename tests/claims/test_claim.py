import numpy as np
import pytest

from dcgan_core.claims import claim


@pytest.mark.parametrize(
    ("rule", "below", "across", "above"),
    [
        (claim.at_least(0.5), False, None, True),
        (claim.at_most(0.5), True, None, False),
        (claim.between(0.35, 0.65), None, True, None),
        (claim.between(0.45, 0.55), False, None, False),
    ],
    ids=["at_least", "at_most", "between, touched", "between"],
)
def test_a_rule_decides_by_the_interval_and_leaves_open_what_lies_across(rule, below, across, above):
    measured = ((0.3, 0.1, 0.4), (0.49, 0.4, 0.6), (0.7, 0.6, 0.9))  # value, low, high
    assert [rule.decide(*m) for m in measured] == [below, across, above]
    assert rule.decide(0.5, 0.5, 0.5)
    assert "0.5" in rule.text or rule.text.endswith("between 0.35 and 0.65")


def test_a_difference_of_nothing_is_not_more():
    """As where a few features are counted, none of which does what is claimed: the interval has no width."""
    measured = ((-0.2, -0.3, -0.1), (0.0, 0.0, 0.0), (0.1, 0.0, 0.2), (0.2, 0.1, 0.3))
    assert [claim.MORE.decide(*m) for m in measured] == [False, None, None, True]


@pytest.mark.parametrize("recall", [0.135, 0.499])
def test_an_ablation_whose_baseline_is_under_dispersed_is_another_setting(recall):
    row = claim.ablation("x", "3", "x", "x")
    assert f"{recall:.0%} of the data" in row.setting({"details": {"means": {"recall": [recall, 0.9]}}})
    assert row.setting({"details": {"means": {"recall": [0.6, 0.1]}}}) == ""
    assert claim.ablation("x", "3", "x", "x", claim.between(0.8, 1.25)).kind == "control"


def test_a_small_measurement_takes_images_from_the_whole_set():
    images = np.arange(1000)
    assert len(claim.some(images, 200)) == 200
    assert claim.some(images, 300).tolist() == list(range(0, 1000, 4))
    assert claim.some(images, 1000).tolist() == claim.some(images, 5000).tolist() == images.tolist()
