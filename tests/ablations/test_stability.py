"""`dcgan ablate --study stability`: longer runs at three learning rates; how many fail?"""

import json
from dataclasses import replace

import ablating
import numpy as np
import pytest

from dcgan_core.ablations import measuring, shipping, stability, variants
from dcgan_core.claims import ledger
from dcgan_core.cli import main
from dcgan_core.data.sources import drawn
from dcgan_core.errors import UserError
from dcgan_core.networks import Architecture
from dcgan_core.training import loop

CHECK = {"frechet": 10.0, "precision": 0.5, "recall": 0.4, "diversity": 0.9}


def run_of(**bad) -> dict:
    return {"failed": "at update 1675 recall 0.01" if bad else None, "worst_over_last": 1.5, "minutes": 1.0} | bad


def all_runs(failures: dict[str, int]) -> dict[str, dict]:
    """Twelve runs each of all guidelines and of every variant, of which so many failed."""
    names = [variants.GUIDELINES.name, *stability.NAMES]
    where = [(rate, seed) for rate in stability.RATES for seed in range(stability.SEEDS)]
    return {
        f"{name}-{rate:g}-{seed}": run_of(**({"alarms": 1} if i < failures.get(name, 0) else {}))
        for name in names
        for i, (rate, seed) in enumerate(where)
    }


def test_every_guideline_of_the_study_is_a_claim():
    assert len(stability.REMOVED) == len(stability.NAMES) == 5
    assert {f"stability.{v.claim}" for v in stability.REMOVED} == {c.id for c in ledger.CLAIMS if c.id.startswith("stability.")}
    checks = range(stability.FIRST, stability.UPDATES + 1, stability.APART)
    assert len(checks) == 20 and checks[0] > 1500 and checks[-1] == stability.UPDATES


def test_a_row_counts_failures_and_waits_for_all_runs():
    measured = all_runs({"guidelines": 1, "no-batchnorm": 11})
    variant = next(v for v in stability.REMOVED if v.name == "no-batchnorm")
    row = stability.row(variant, measured)
    assert row["claim"] == "stability.batchnorm" and row["n"] == 24 and row["details"]["failed"] == [[1, 11], [11, 1]]
    assert row["value"] == pytest.approx(10 / 12, abs=1e-5) and row["low"] > 0
    assert row["details"]["p"] == pytest.approx(0.000108, rel=0.01)  # 2 (12·12 + 1) / C(24, 12)
    del measured["no-batchnorm-0.001-3"]
    assert stability.row(variant, measured) is None


def test_a_row_that_comes_first_is_corrected_for_those_to_come(shelf, tmp_path):
    measured = all_runs({"pooling": 6})
    [pooling] = [v for v in stability.REMOVED if v.name == "pooling"]
    (tmp_path / "ablations/stability.json").write_text(
        json.dumps({"runs": measured, "rows": [stability.row(pooling, measured)]})
    )
    [row] = [r for r in ledger.ledger_rows() if r["id"] == "stability.strides"]
    assert (
        row["details"]["p"] < 0.02
        and row["p_holm"] == pytest.approx(5 * row["details"]["p"], rel=0.01)
        and row["met"] == "open"
    )


def test_the_ledger_corrects_for_five_tests(shelf, tmp_path):
    measured = all_runs({"no-batchnorm": 12, "pooling": 5})
    rows = [stability.row(v, measured) for v in stability.REMOVED]
    (tmp_path / "ablations/stability.json").write_text(json.dumps({"runs": measured, "rows": rows}))
    found = {r["id"]: r for r in ledger.ledger_rows() if r["id"].startswith("stability.")}
    assert found["stability.batchnorm"]["met"] == "yes" and found["stability.batchnorm"]["p_holm"] < 0.001
    pooling = found["stability.strides"]  # its interval lies above 0, but p of 0.037 is one of five
    assert pooling["low"] > 0 and pooling["p_holm"] > 0.05 and pooling["met"] == "open" and pooling["verdict"] == "not settled"
    assert found["stability.beta1"]["p_holm"] == 1


@pytest.mark.parametrize(("a", "b"), [([1] * 9 + [0], [0] * 8), ([1, 0] * 20, [1, 0, 0, 0] * 10)])
def test_two_shares_apart(a, b):
    value, low, high = measuring.shares_apart(np.array(a, bool), np.array(b, bool))
    assert value == pytest.approx(np.mean(a) - np.mean(b)) and -1 <= low < value < high <= 1
    back = measuring.shares_apart(np.array(b, bool), np.array(a, bool))
    assert back == pytest.approx((-value, -high, -low))


@pytest.fixture
def small(monkeypatch):
    """Six updates of tiny nets on a few drawings, looked at twice; one rate, one seed."""
    ablating.shrink(monkeypatch)
    monkeypatch.setattr(drawn, "DRAWN", {"train": 300, "test": 80})
    a = Architecture(16, 3, (4, 8), (2, 2), kernel=4, latent=10)
    base = replace(variants.BASELINE, data="drawn-rooms", architecture=a, batch=16, images=96)
    for key, value in {"BASELINE": base, "UPDATES": 6, "FIRST": 4, "APART": 2, "RATES": (0.0002,), "SEEDS": 1}.items():
        monkeypatch.setattr(stability, key, value)


def test_a_study_trains_looks_ships_and_a_second_call_trains_nothing(small, shelf, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    command = ["ablate", "--study", "stability", "--out", str(out), "--device", "cpu", "--only", "pooling"]
    assert main(command) == 0
    table = json.loads((out / "stability.json").read_text())
    assert set(table["runs"]) == {"guidelines-0.0002-0", "pooling-0.0002-0"} and table["versions"]["torch"]
    for m in table["runs"].values():
        assert list(m["checks"]) == ["4", "6"] and set(CHECK) <= set(m["checks"]["6"])
        assert m["worst_over_last"] >= 1 and bool(m["failed"]) == any(
            c[k] < v for c in m["checks"].values() for k, v in stability.LEAST.items()
        )
    assert [r["claim"] for r in table["rows"]] == ["stability.strides"]
    assert not (out / "pooling-0.0002-0" / "checkpoint.pt").exists()
    monkeypatch.setattr(loop, "train", None)
    assert main([*command, "--ship"]) == 0
    assert shipping.shipped_table("stability.json")["runs"] == table["runs"]
    (out / "stability.json").write_text(json.dumps(table | {"runs": {}}))
    with pytest.raises(UserError, match="lacks 2 runs that ship now"):
        shipping.ship_study(out, "stability")


def test_other_limits_and_lost_checks_are_refused(small, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    command = ["ablate", "--study", "stability", "--out", str(out), "--device", "cpu", "--only", "guidelines"]
    assert main(command) == 0
    table = json.loads((out / "stability.json").read_text())
    monkeypatch.setattr(stability, "FIRST", 2)
    assert main(command) == 1 and "choose another --out" in capsys.readouterr().err
    monkeypatch.setattr(stability, "FIRST", 4)
    (out / "stability.json").write_text(json.dumps(table | {"runs": {}}))
    (out / "guidelines-0.0002-0" / "checks.json").unlink()
    assert main(command) == 1 and "0 checks, others were lost" in capsys.readouterr().err
    assert main([*command[:-1], "relu"]) == 1 and "relu" in capsys.readouterr().err


def test_what_cannot_be_chosen_is_refused(capsys):
    assert main(["ablate", "--study", "stability", "--seeds", "2"]) == 1
    assert "--seeds cannot be chosen" in capsys.readouterr().err
