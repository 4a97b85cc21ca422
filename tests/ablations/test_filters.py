"""`dcgan ablate --study filters`: do G's filters collapse to an oscillating mode?"""

import json
from dataclasses import replace

import ablating
import numpy as np
import pytest

from dcgan_core.ablations import filters, shipping, stability
from dcgan_core.claims import ledger
from dcgan_core.cli import main
from dcgan_core.data.sources import drawn
from dcgan_core.networks import Architecture
from dcgan_core.training import order, session


def window(kind: str, filters_: int = 20, seed: int = 0) -> np.ndarray:
    """Maps of so many filters: T x z x filters x 4 x 4."""
    rng = np.random.default_rng(seed)
    t = np.arange(filters.WINDOW)[:, None, None, None, None]
    shape = (1, filters.KEPT, filters_, 4, 4)
    still, other, noise = rng.normal(size=shape), rng.normal(size=shape), rng.normal(size=(filters.WINDOW, *shape[1:]))
    return {
        "noise": still + 0.3 * noise,
        "walk": still + 0.1 * noise.cumsum(0),
        "drift": still + 0.05 * t * other,
        "swing": still + np.sin(2 * np.pi * t / 9) * other + 0.3 * noise,
        "one swing": np.repeat(still[:, :1] + np.sin(2 * np.pi * t / 9) * other[:, :1], filters.KEPT, 1) + 0.05 * noise,
    }[kind]


@pytest.mark.parametrize(
    ("kind", "one", "swings"),
    [("noise", 0, 0), ("walk", 0, 0), ("drift", 0, 0), ("swing", 0, 1), ("one swing", 1, 1)],
)
def test_what_is_called_one_map_and_what_a_swing(kind, one, swings):
    variety, swing, courses = filters.judge(window(kind))
    assert courses.shape == (20, filters.WINDOW)
    assert (variety < filters.ONE).mean() == one and (swing > filters.SWINGS).mean() == swings


def test_noise_and_walks_hardly_ever_look_like_a_swing():
    for kind, most in (("noise", 0.35), ("walk", 0.35)):
        assert np.max([filters.judge(window(kind, 50, seed))[1] for seed in range(10)]) < most


def test_a_dead_filter_is_neither():
    variety, swing, _ = filters.judge(np.zeros((filters.WINDOW, filters.KEPT, 2, 4, 4)))
    assert np.isnan(variety).all() and np.isnan(swing).all()


def test_a_mode_lasts_two_windows():
    step = filters.APART * filters.WINDOW
    layer = lambda *both: [{"filters": 9, "both": list(both)}]  # noqa: E731
    assert filters.oscillating({str(step): layer(3, 5), str(2 * step): layer(5), str(3 * step): layer(3)}) == [(0, 5)]
    assert filters.oscillating({str(step): layer(3), str(3 * step): layer(3)}) == [], "a window between them is missing"


@pytest.fixture
def small(monkeypatch):
    """Twenty-four updates of a tiny net on a few drawings, in windows of six snapshots."""
    ablating.shrink(monkeypatch)
    monkeypatch.setattr(drawn, "DRAWN", {"train": 300, "test": 80})
    a = Architecture(16, 3, (4, 8), (2, 2), kernel=4, latent=10)
    base = replace(stability.BASELINE, architecture=a, batch=16, images=16 * 24)
    for key, value in {"BASELINE": base, "APART": 1, "WINDOW": 6}.items():
        monkeypatch.setattr(filters, key, value)
    monkeypatch.setattr(session, "LOG_EVERY", 1)


def test_a_stopped_study_leaves_out_its_window_ships_and_reaches_the_ledger(small, shelf, tmp_path, monkeypatch, capsys):
    out, original, calls = tmp_path / "out", order.batch_indices, iter(range(10**6))
    command = ["ablate", "--study", "filters", "--out", str(out), "--device", "cpu"]

    def interrupted(*args):
        if next(calls) == 8:
            raise KeyboardInterrupt
        return original(*args)

    monkeypatch.setattr(order, "batch_indices", interrupted)
    monkeypatch.setattr(session, "CHECKPOINT_SECONDS", 0.0)
    assert main(command) == 130
    monkeypatch.setattr(order, "batch_indices", original)
    assert list(json.loads((out / "filters.json").read_text())["windows"]) == ["6"]
    assert main([*command, "--ship"]) == 0
    table = shipping.shipped_table("filters.json")
    assert list(table["windows"]) == ["6", "18", "24"] and table["versions"]["torch"]
    for layer, width in zip(table["windows"]["6"], (8, 4), strict=True):
        assert layer["filters"] == width and 0 <= layer["dead"] <= width and len(layer["percentiles"]["swing"]) == 5
    [row] = [r for r in ledger.ledger_rows() if r["id"] == "instability.oscillating_mode"]
    assert row["value"] == len(table["found"]) / 12 and row["trainings"] == 1
    assert row["met"] == ("yes" if table["found"] else "open")
    assert main(["ablate", "--study", "filters", "--only", "pooling"]) == 1
    assert "--only cannot be chosen" in capsys.readouterr().err
