import numpy as np
import pytest
import torch
from conftest import encode, make_folder, noise
from toy import pictures

from dcgan_core.data import loading
from dcgan_core.errors import UserError
from dcgan_core.metrics.fidelity import frechet, precision_recall
from dcgan_core.readers import classes
from dcgan_core.readers.classes import FeatureNet, train_classifier


def test_a_classifier_reads_digits_and_its_features_rank_what_is_near(digits):
    train, test = digits
    net = train_classifier(train, images=3000)
    answers = net(torch.from_numpy(np.array(test.images))).argmax(1).numpy()
    assert (answers == test.labels).mean() > 0.9
    state = train_classifier(train, images=320).state_dict()
    again = train_classifier(train, images=320).state_dict()
    assert all(torch.equal(state[k], again[k]) for k in state)
    half = len(train) // 2
    images = np.asarray(train.images)
    a, b, noisy = (net.features(x) for x in (images[:half], images[half:], 255 - images[half:]))
    assert a.shape == (half, classes.FEATURES)
    assert frechet(a, b, draws=3).value < frechet(a, noisy, draws=3).value
    assert precision_recall(a, b)["precision"].value > precision_recall(a, noisy)["precision"].value + 0.3


@pytest.mark.parametrize(("size", "layers"), [(8, 1), (15, 2), (28, 2), (32, 3)])
def test_its_convolutions_end_at_four_to_seven_pixels(size, layers):
    net = FeatureNet("digits", size, 1, 10)
    maps = net.body[: 3 * layers](torch.zeros(1, 1, size, size))
    assert 4 <= maps.shape[-1] < 8
    assert net(torch.zeros(2, 1, size, size)).shape == (2, 10)


def test_a_classifier_needs_labels_and_images_of_its_shape(digits, data):
    make_folder(data / "plain", {f"{i}.png": encode(noise(i)) for i in range(4)})
    with pytest.raises(UserError, match="plain: has no classes"):
        train_classifier(loading.load_data("plain", 16))
    with pytest.raises(UserError, match="classifier of digits: reads N x 1 x 16 x 16 pictures, got 3 x 1 x 8 x 8"):
        FeatureNet("digits", 16, 1, 10).features(pictures(3, 0))
    with pytest.raises(UserError, match="at least 8"):
        FeatureNet("digits", 4, 1, 10)
