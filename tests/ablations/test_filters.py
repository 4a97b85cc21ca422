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


def window(kind: str, filters_: int = 20, seed: int = 0, period: float = 9.0) -> np.ndarray:
    """Maps of so many filters: T x z x filters x 4 x 4. `one …`: whatever z is."""
    rng = np.random.default_rng(seed)
    t = np.arange(filters.WINDOW)[:, None, None, None, None]
    shape = (1, 1 if kind.startswith("one") else filters.KEPT, filters_, 4, 4)
    still, other, noise = rng.normal(size=shape), rng.normal(size=shape), rng.normal(size=(filters.WINDOW, *shape[1:]))
    swing = np.sin(2 * np.pi * (t / period + rng.uniform())) * other
    x = {
        "noise": lambda: still + 0.3 * noise,
        "walk": lambda: still + 0.1 * noise.cumsum(0),
        "returns": lambda: still + 0.1 * remembered(noise, 0.8),
        "drift": lambda: still + 0.05 * t * other + 0.1 * noise,
        "slow": lambda: still + np.sin(2 * np.pi * t / 50) * other + 0.1 * noise,
        "swing": lambda: still + swing + 0.1 * noise,
        "swing and drift": lambda: still + swing + 5 * t / filters.WINDOW * rng.normal(size=shape) + 0.1 * noise,
    }[kind.removeprefix("one ")]()
    return np.repeat(x, filters.KEPT, 1) if kind.startswith("one") else x


def remembered(noise: np.ndarray, share: float) -> np.ndarray:
    x = noise.copy()
    for i in range(1, len(x)):
        x[i] += share * x[i - 1]
    return x


@pytest.mark.parametrize("one", ["", "one "])
@pytest.mark.parametrize("kind", ["noise", "walk", "returns", "drift", "slow", "swing", "swing and drift"])
def test_what_is_called_one_map_and_what_a_swing(one, kind):
    found = filters.judge(window(one + kind))
    assert ((found["variety"] < filters.ONE) == bool(one)).all() and (found["motion"] >= filters.MOVES).all()
    assert found["course"].shape == (20, filters.WINDOW - 1)
    if kind.startswith("swing"):
        assert (found["swing"] > filters.SWINGS).mean() >= 0.95 and (abs(found["frequency"] - 7) <= 1).all()  # 64 / 9
    else:
        assert found["swing"].max() < filters.SWINGS


@pytest.mark.parametrize("period", np.linspace(2.3, 16, 12))
def test_swings_of_any_period_are_seen(period):
    assert filters.judge(window("one swing", period=period))["swing"].min() > filters.SWINGS


@pytest.mark.slow
def test_two_windows_of_noise_hardly_ever_look_like_one_oscillation():
    """The hardest case: maps of one number each, so that no others average its chances away."""
    rng = np.random.default_rng(0)
    for share in (0.0, 0.5, 0.9, 1.0):
        pair = []
        for _ in range(2):
            x = remembered(rng.normal(size=(filters.WINDOW, 1, 4000, 1, 1)), share)
            pair.append(filters.judge(x))
        swings = [m["swing"] > filters.SWINGS for m in pair]
        assert (swings[0] & swings[1] & (abs(pair[0]["frequency"] - pair[1]["frequency"]) <= 1)).sum() <= 1


def test_a_dead_filter_is_neither():
    found = filters.judge(np.zeros((filters.WINDOW, filters.KEPT, 2, 4, 4)))
    assert np.isnan(found["variety"]).all() and np.isnan(found["swing"]).all()


def test_a_mode_lasts_two_windows_at_one_frequency_and_was_not_there_from_the_start():
    step = filters.APART * filters.WINDOW

    def layer(both: dict[int, int], varied: tuple[int, ...] = ()) -> list[dict]:
        return [{"filters": 9, "both": {str(f): k for f, k in both.items()}, "varied": list(varied)}]

    start = {str(step): layer({}, (3, 5))}
    assert filters.oscillating(start | {str(2 * step): layer({5: 7}), str(3 * step): layer({3: 7, 5: 8})}) == [(0, 5)]
    assert filters.oscillating(start | {str(2 * step): layer({5: 7}), str(3 * step): layer({5: 9})}) == [], "other frequencies"
    assert filters.oscillating(start | {str(2 * step): layer({5: 7}), str(4 * step): layer({5: 7})}) == [], (
        "a window is missing"
    )
    assert filters.oscillating({str(2 * step): layer({5: 7}), str(3 * step): layer({5: 7})}) == [], "never varied"


@pytest.fixture
def small(monkeypatch):
    """Twenty-four updates of a tiny net on a few drawings, in windows of six snapshots."""
    ablating.shrink(monkeypatch)
    monkeypatch.setattr(drawn, "DRAWN", {"train": 300, "test": 80})
    a = Architecture(16, 3, (4, 8), (2, 2), kernel=4, latent=10)
    base = replace(stability.BASELINE, architecture=a, batch=16, images=16 * 24)
    for key, value in {"BASELINE": base, "APART": 1, "WINDOW": 6, "SLOWEST": 1}.items():
        monkeypatch.setattr(filters, key, value)
    monkeypatch.setattr(session, "LOG_EVERY", 1)


def test_a_stopped_study_leaves_out_its_window_ships_and_reaches_the_ledger(small, shelf, tmp_path, monkeypatch, capsys):
    out, original, calls = tmp_path / "out", order.batch_indices, iter(range(10**6))
    command = ["ablate", "--study", "filters", "--out", str(out), "--device", "cpu"]
    assert main([*command[:-1], "xpu"]) == 1
    assert not (out / "filters").exists(), "an unknown device is refused before there is a run"

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
    [layer] = table["windows"]["6"]
    assert layer["filters"] == 4 and 0 <= layer["dead"] <= 4 and len(layer["percentiles"]["swing"]) == 5
    [row] = [r for r in ledger.ledger_rows() if r["id"] == "instability.oscillating_mode"]
    assert row["value"] == len(table["found"]) / 4 and row["trainings"] == 1
    assert row["met"] == ("yes" if table["found"] else "open")
    monkeypatch.setattr(filters, "ONE", 0.5)
    assert main(command) == 1 and "watched in another way" in capsys.readouterr().err
    assert main(["ablate", "--study", "filters", "--only", "pooling"]) == 1
    assert "--only cannot be chosen" in capsys.readouterr().err
