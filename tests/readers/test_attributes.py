"""Classifiers of attributes, on pictures where an attribute is a colour: that survives being mirrored, shifted and blurred."""

import numpy as np
import pytest
import torch
from conftest import encode, make_folder, ships_from

from dcgan_core import assets
from dcgan_core.data import loading
from dcgan_core.errors import UserError
from dcgan_core.readers import attributes
from dcgan_core.readers.attributes import Attributes

NAMES = ("Smiling", "Eyeglasses", "Male", "Hat")
COUNT = 240


@pytest.fixture
def faces(data):
    """`faces`: noise with more red for Smiling, green for Eyeglasses, blue for Male, which is known of every third alone."""
    rng = np.random.default_rng(0)
    there = rng.integers(0, 2, (COUNT, 4))
    lines, files = ["file," + ",".join(NAMES)], {}
    for i, row in enumerate(there):
        pixels = rng.integers(60, 120, (16, 16, 3)).astype(np.uint8)
        pixels += np.uint8(90) * row[:3].astype(np.uint8)
        pixels[::4] //= np.uint8(1 + row[3])
        name = f"{'test' if i % 4 == 3 else 'train'}/{i:03d}.png"
        files[name] = encode(pixels)
        values = [int(2 * on - 1) for on in row]
        if i % 3:
            values[2] = 0
        lines.append(name + "," + ",".join(map(str, values)))
    make_folder(data / "faces", files | {"attributes.csv": "\n".join(lines).encode()})
    return loading.load_data("faces", 16)


def trained(faces, half, steps=90):
    return attributes.train_attributes(faces, half, steps=steps)


def test_a_classifier_learns_attributes_from_its_own_half(faces):
    net = trained(faces, 1)
    assert net.names == NAMES
    for name in ("Smiling", "Eyeglasses"):
        m = attributes.attribute_accuracy(net, name, half=1)
        assert 0.8 < m.value <= 1 and m.low <= m.value <= m.high
        assert m.n == len(attributes.half_of(faces, 0)) + 60 == m.details["with"] + m.details["without"]
    male = attributes.attribute_accuracy(net, "Male", half=1)
    assert male.n == (faces.attributes[attributes.half_of(faces, 0), 2] != 0).sum() + 20, "only where it is known"
    answers = net.read(faces.images[:5])
    assert all(p.shape == (5,) and 0 <= p.min() <= p.max() <= 1 for p in answers.values())


def test_a_guess_scores_a_half_however_rare_the_attribute(faces):
    net = Attributes(NAMES, 16).eval()
    net.read = lambda images: {"Smiling": np.zeros(len(images))}
    assert attributes.attribute_accuracy(net, "Smiling").value == 0.5


def test_the_halves_share_no_photograph_and_leave_none_out(faces):
    first, second = (attributes.half_of(faces, half) for half in (0, 1))
    assert not set(first) & set(second)
    assert sorted([*first, *second]) == list(range(len(faces)))
    with pytest.raises(UserError, match="halves 0 and 1, not 2"):
        attributes.half_of(faces, 2)


def test_unseen_photographs_are_the_other_half_and_those_held_out_where_all_names_are_known(faces):
    other = attributes.half_of(faces, 0)
    known = other[faces.attributes[other, 2] != 0]
    images, truth = attributes.unseen(1, ("Smiling", "Male"), size=16)
    assert np.array_equal(images[: len(known)], faces.images[known]) and len(images) == len(known) + 20
    assert np.array_equal(truth["Male"][: len(known)], faces.attributes[known, 2] > 0)
    few, labels = attributes.unseen(1, ("Smiling",), 7, 16)
    assert len(few) == len(labels["Smiling"]) == 14
    with pytest.raises(UserError, match="no attribute is called 'Smile'"):
        attributes.unseen(1, ("Smile",), size=16)


def test_labels_that_are_unknown_teach_nothing(faces, monkeypatch):
    caught = []
    monkeypatch.setattr(attributes.fitting, "fit_reader", lambda net, images, loss, **how: caught.append(loss))
    net = attributes.train_attributes(faces, 0)
    rows = torch.from_numpy(np.flatnonzero(faces.attributes[attributes.half_of(faces, 0), 2] == 0))
    said = torch.zeros(3, len(rows), 4)
    said[1, :, 2] = 5.0  # Male, which is unknown
    said[2, :, 0] = 5.0
    losses = []
    for logits in said:
        net.forward = lambda batch, logits=logits: logits
        losses.append(caught[0](torch.zeros(len(rows), 3, 16, 16), rows).item())
    assert len(rows) > 20 and losses[0] == losses[1] != losses[2]
    with pytest.raises(UserError, match="Male: no photographs with it, or none without"):
        blind = faces.attributes.copy()
        blind[:, 2] = 0
        attributes.train_attributes(faces.__class__(**{**faces.__dict__, "attributes": blind}), 0, steps=1)


def test_an_unknown_attribute_is_refused(faces, monkeypatch):
    monkeypatch.setattr(attributes, "READ", ("Smile",))
    with pytest.raises(UserError, match=r"no attribute is called 'Smile' \(did you mean 'Smiling'"):
        attributes.train_attributes(faces, 0, steps=1)


def test_pictures_of_the_wrong_shape_are_refused():
    net = Attributes(("Smiling",), 16).eval()
    with pytest.raises(UserError, match="reads N x 3 x 16 x 16 pictures, got 2 x 1 x 16 x 16"):
        net.read(np.zeros((2, 1, 16, 16), np.uint8))


@pytest.mark.parametrize("half", [attributes.JUDGING, attributes.SELECTING])
def test_the_shipped_classifiers_can_be_read_and_are_small(half):
    path = assets.folder("judges") / f"faces-attributes-64px-half{half}.safetensors"
    assert path.stat().st_size < 1_000_000
    net = attributes.load_attributes(half)
    assert set(attributes.READ) < set(net.names)
    assert set(net.read(np.zeros((1, 3, 64, 64), np.uint8))) == set(net.names)


def test_without_photographs_none_is_trained_and_damaged_weights_are_named(monkeypatch, tmp_path):
    ships_from(monkeypatch, "judges", tmp_path)
    with pytest.raises(UserError, match="unknown data set 'faces'"):
        attributes.load_attributes()
    (tmp_path / "faces-attributes-64px-half0.safetensors").write_bytes(b"nonsense")
    with pytest.raises(UserError, match="not a classifier of attributes"):
        attributes.load_attributes()


def test_what_was_trained_is_kept(faces, monkeypatch, tmp_path):
    ships_from(monkeypatch, "judges", tmp_path)
    calls = []

    def train(data, half, device):
        calls.append((data.size, half))
        return Attributes(NAMES)

    monkeypatch.setattr(attributes, "train_attributes", train)
    first, again = attributes.load_attributes(1), attributes.load_attributes(1)
    assert calls == [(64, 1)]
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 64, 64), np.uint8)
    assert all(np.array_equal(p, again.read(images)[k]) for k, p in first.read(images).items())
