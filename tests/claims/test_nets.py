import json

import pytest

from dcgan_core import devices, intervals
from dcgan_core.claims import ledger, nets
from dcgan_core.claims.claim import Claim
from dcgan_core.claims.ledger import holm, ratio_p
from dcgan_core.cli import main
from dcgan_core.errors import UserError
from dcgan_core.runs import Run

ONE = {"value": 0.6, "low": 0.5, "high": 0.7, "n": 100, "date": "2026-11-26"}


def again(**values: float) -> dict:
    return {
        name: {"recipe": "digits", "seed": i + 1, "claims": {"x": ONE | {"value": value}}}
        for i, (name, value) in enumerate(values.items())
    }


def claim(**more) -> Claim:
    return Claim("x", "6.1", "x", "x", "share of things", None, **more)


def test_one_claim_of_several_nets_is_their_mean_with_students_interval():
    own = ONE | {"run": "digits", "details": {"kept": 1}}
    found = nets.pooled(claim(), own, again(b=0.5, c=0.7))
    value, low, high = intervals.student([0.6, 0.5, 0.7])
    assert (found["value"], found["low"], found["high"]) == pytest.approx((value, low, high), abs=1e-5)
    assert (found["n"], found["varies"], list(found["nets"])) == (3, "trainings", ["digits", "b", "c"])
    assert found["nets"]["digits"]["n"] == 100 and found["details"] == {"kept": 1}
    wide = nets.pooled(claim(), own, again(b=0.0))
    assert (wide["low"], wide["high"]) == (0.0, 1.0), "no share lies outside"


def test_what_no_other_net_says_stays_as_it_is():
    own = ONE | {"run": "digits"}
    assert nets.pooled(claim(), own, {}) is own
    assert nets.pooled(claim(), own | {"run": "other"}, again(b=0.5)) == own | {"run": "other"}
    assert nets.pooled(claim(of_weights=False), own, again(b=0.5)) is own, "the same for every net"


def test_results_of_a_run_are_merged_without_its_weights(run_copy, tmp_path, monkeypatch):
    path = tmp_path / "more_nets.json"
    monkeypatch.setattr(nets, "_path", lambda: path)
    run_copy.update(recipe=None)
    with pytest.raises(UserError, match="ship the results of a finished run of a recipe"):
        nets.ship_results(Run(run_copy.path), {"x": ONE})
    run_copy.update(recipe="digits")
    assert nets.ship_results(Run(run_copy.path), {"x": ONE | {"details": {}}}) == path
    [(name, net)] = json.loads(path.read_text()).items()
    assert (name, net["recipe"], net["claims"]) == (run_copy.name, "digits", {"x": ONE})
    assert net["images"] == run_copy.info["counters"]["images"]
    assert net["precision"] == run_copy.precision == devices.precision("auto", "cpu"), "what it took, not auto"
    nets.ship_results(Run(run_copy.path), {"y": ONE})
    assert json.loads(path.read_text())[run_copy.name]["claims"] == {"y": ONE}, "as it was measured last"
    path.write_text(json.dumps({"older": net}))
    with pytest.raises(UserError, match="ships already, as older"):
        nets.ship_results(Run(run_copy.path), {"x": ONE})


def test_the_command_ships_results_alone(run_copy, shelf, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(nets, "_path", lambda: tmp_path / "more_nets.json")
    run_copy.update(recipe="digits")
    (run_copy.path / "results.json").write_text(json.dumps({"walk.smoothness": ONE | {"run": run_copy.name}}))
    assert main(["ship", str(run_copy.path), "--results-only"]) == 0
    assert "more_nets.json" in capsys.readouterr().out
    [net] = json.loads((tmp_path / "more_nets.json").read_text()).values()
    assert net["claims"]["walk.smoothness"]["value"] == 0.6 and not list(shelf.iterdir())


def test_holms_correction():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_the_p_of_a_ratio_is_that_of_its_interval():
    assert ratio_p({"low": 1.0, "value": 1.3, "high": 1.69, "n": 5}) == pytest.approx(0.05)
    assert ratio_p({"low": 0.25, "value": 0.5, "high": 1.0, "n": 5}) == pytest.approx(0.05)
    assert ratio_p({"low": 1.2, "value": 1.3, "high": 1.4, "n": 5}) < 0.001


def test_what_only_chance_among_many_shows_is_not_settled():
    def row(p_row: dict, setting: str = "") -> dict:
        return p_row | {"n": 5, "met": "yes", "verdict": "other setting" if setting else "holds", "setting": setting}

    strong, weak = {"low": 2.0, "value": 2.1, "high": 2.2}, {"low": 1.001, "value": 1.3, "high": 1.69}
    rows = [row(strong), row(weak), row(weak, "elsewhere")]
    ledger._correct_for_many(rows)
    assert [r["verdict"] for r in rows] == ["holds", "not settled", "other setting"]
    assert [r["met"] for r in rows] == ["yes", "open", "open"]
    assert rows[0]["p_holm"] < rows[1]["p_holm"]


def test_a_table_of_nets_has_a_column_for_each():
    table = ledger.each_net("forgetting.rest", "saliency.*.gain", "scenes.judge_accuracy.*")
    assert table.header[:2] == ["claim", "drawn-rooms"] and "drawn-rooms-seed1" in table.header
    assert [row[0] for row in table.rows][-1] == "forgetting.rest" and len(table.rows) == 5
    assert all(len(row) == len(table.header) for row in table.rows)
