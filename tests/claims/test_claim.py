import numpy as np
import pytest

from dcgan_core.claims import claim


@pytest.mark.parametrize(
    ("rule", "below", "across", "above"),
    [
        (claim.at_least(0.5), False, False, True),
        (claim.at_most(0.5), True, False, False),
        (claim.reaches(0.5), False, False, True),  # its middle, 0.49, decides
        (claim.stays_under(0.5), True, True, False),
    ],
    ids=["at_least", "at_most", "reaches", "stays_under"],
)
def test_a_rule_decides_by_value_or_interval(rule, below, across, above):
    measured = ((0.3, 0.1, 0.4), (0.49, 0.4, 0.6), (0.7, 0.6, 0.9))  # value, low, high
    assert [rule.holds(*m) for m in measured] == [below, across, above]
    assert rule.holds(0.5, 0.5, 0.5)
    assert "0.5" in rule.text


def test_a_small_measurement_takes_images_from_the_whole_set():
    images = np.arange(1000)
    assert len(claim.some(images, 200)) == 200
    assert claim.some(images, 300).tolist() == list(range(0, 1000, 4))
    assert claim.some(images, 1000).tolist() == claim.some(images, 5000).tolist() == images.tolist()
