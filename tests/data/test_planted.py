"""Planted copies: what is planted, and how many are found."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from dcgan_core.claims import ledger
from dcgan_core.data import duplicates, loading, planted


def pictures(count: int, size: int = 64, seed: int = 0) -> np.ndarray:
    """Smooth random pictures, uint8 N x 3 x size x size: like photographs, nearby pixels are alike."""
    coarse = torch.rand((count, 3, 8, 8), generator=torch.Generator().manual_seed(seed))
    smooth = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic")
    return (smooth.clamp(0, 1) * 255).to(torch.uint8).numpy()


def test_the_changes_are_what_they_are_called():
    image = pictures(1)[0]
    rng = np.random.default_rng(0)
    for _ in range(20):
        shifted = planted.change(image, "shift", rng)
        places = [np.roll(image, (y, x), (1, 2)) for y in range(-2, 3) for x in range(-2, 3)]
        [place] = [i for i, p in enumerate(places) if np.array_equal(p[:, 2:-2, 2:-2], shifted[:, 2:-2, 2:-2])]
        assert place != 12  # not shifted at all
        brighter = planted.change(image, "brightness", rng).astype(float)
        assert (abs(brighter - image) <= 0.05 * image + 0.5).all()
    jpeg, cut = (planted.change(image, kind, rng) for kind in ("jpeg", "crop"))
    assert 0 < abs(jpeg.astype(float) - image).mean() < 5
    box = (1.28, 1.28, 62.72, 62.72)
    expected = Image.fromarray(image.transpose(1, 2, 0)).resize((64, 64), Image.Resampling.BICUBIC, box)
    assert np.array_equal(cut, np.asarray(expected).transpose(2, 0, 1))


def test_planted_copies_are_found_and_the_sets_own_twins_are_no_errors():
    images = pictures(120)
    images[100:110] = images[:10]
    measured = planted.measure_planted(images, 60, steps=20, unseen=pictures(20, seed=9))
    precision, recall = measured["precision"], measured["recall"]
    assert precision.value > 0.95
    assert 0.3 < recall.value <= 1
    assert recall.low < recall.value < recall.high or recall.value == 1
    assert (recall.n, precision.n) == (60, pytest.approx(60 * recall.value, abs=5))
    details = precision.details
    assert (details["photographs"], details["left_out"], details["planted"]) == (120, 10, 60)
    assert sum(kind["n"] for kind in details["recall_by_kind"].values()) == 60
    assert details["precision_with_left_out"]["value"] < precision.value
    recalls = [row["recall"]["value"] for row in details["by_radius"]]
    assert recalls == sorted(recalls)
    assert details["by_radius"][duplicates.RADIUS]["recall"]["value"] == recall.value
    assert details["unseen"]["recall"]["n"] == 20
    json.dumps(details)


def test_an_autoencoder_that_was_trained_before_is_used(monkeypatch):
    images = pictures(60)
    model = duplicates.train_autoencoder(duplicates.crops(images), steps=20)
    monkeypatch.setattr(duplicates, "train_autoencoder", None)
    measured = planted.measure_planted(images, 40, model=model)
    assert 0.3 < measured["recall"].value <= 1
    assert measured["recall"].details["by_radius"]


def test_baselines_are_measured_without_training(monkeypatch):
    monkeypatch.setattr(duplicates, "train_autoencoder", None)
    images = pictures(60)
    by_hash, exact = (planted.measure_planted(images, 40, method) for method in ("average_hash", "exact"))
    assert exact["recall"].value < 0.2  # a changed image has other bytes
    assert by_hash["recall"].value > exact["recall"].value
    assert "by_radius" not in exact["recall"].details


def test_where_nothing_is_found_the_precision_is_unknown():
    assert planted._share(np.array([], bool)) == {"value": 0.0, "low": 0.0, "high": 1.0, "n": 0}


def test_the_claims_of_both_baselines_stand_beside_the_papers():
    ids = [c.id for c in ledger.CLAIMS if c.id.startswith("dedup.")]
    methods = (".equal_codes", "", ".exact", ".average_hash")
    assert ids == [f"dedup.{w}{m}" for m in methods for w in ("precision", "recall")]
    assert ledger.claim("dedup.precision.equal_codes").rule.decide(0.995, 0.99, 1)
    assert ledger.claim("dedup.recall.equal_codes").rule.decide(0.52, 0.49, 0.55) is None


@pytest.mark.real_data
def test_planted_copies_of_rooms_are_found(real_data):
    rooms = loading.load_data("rooms", 64).images[:1000]
    measured = planted.measure_planted(rooms, 200, steps=100)
    assert measured["precision"].value > 0.95
    assert measured["recall"].value > 0.4
