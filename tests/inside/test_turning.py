"""Turning heads on a generator that is linear."""

import numpy as np
import pytest
import torch
from linear import Linear, candidates, reader, z_of

from dcgan_core.errors import UserError
from dcgan_core.inside import turning


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
    path = turning.turned(z, vector)
    assert path.shape == (3, turning.TURN_STEPS, 8)
    assert torch.allclose(path[:, turning.TURN_STEPS // 2], z, atol=1e-6)
    assert torch.allclose(path[:, -1] - path[:, 0], vector.expand(3, -1), atol=1e-5)


def test_no_faces_that_look_left_is_an_error():
    with pytest.raises(UserError, match="concept 'looks left': 0 exemplars, 4 are needed"):
        turning.turns(Linear(scale=0), candidates(50, 0, scale=0), reader, 5)


def test_a_turn_leads_from_the_mean_on_the_left_to_that_on_the_right():
    left = torch.rand(4, 10, generator=torch.Generator().manual_seed(0))
    right = left + 1
    assert torch.allclose(left.mean(0) + turning.turn(left, right), right.mean(0), atol=1e-6)


@pytest.mark.parametrize(("fall", "least", "most"), [(0.17, 0.9, 1), (0.5, 0, 0)])
def test_a_pose_that_falls_on_the_way_is_no_turn(fall, least, most):
    """One that stands still for a step is."""

    def judge(images):
        pose = reader(images)["pose"].copy()
        pose[4 :: turning.TURN_STEPS] -= fall
        return reader(images) | {"pose": pose}

    assert least <= turning.turns(Linear(), candidates(1000), judge, 60, seed=2)["monotone"].value <= most
