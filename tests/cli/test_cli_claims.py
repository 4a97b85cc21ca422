import json

from dcgan_core.claims import ledger
from dcgan_core.cli import main


def test_claims_without_any_run_are_all_not_measured(shelf, capsys):
    assert main(["claims"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(ledger.CLAIMS)
    assert all("not measured" in line for line in lines)


def test_a_run_is_shipped_measured_and_listed(run_copy, shelf, capsys):
    assert main(["ship", str(run_copy.path), "--name", "small"]) == 0
    assert capsys.readouterr().out == f"{shelf / 'small'}\n"
    assert main(["measure", str(shelf / "small"), "walk.smoothness", "--device", "cpu"]) == 0
    assert "walk.smoothness" in capsys.readouterr().out
    assert main(["claims", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    [walk] = [row for row in rows if row["id"] == "walk.smoothness"]
    assert walk == {**walk, "run": "small", "n": 1000, "primary": True}
    assert walk["low"] <= walk["value"] <= walk["high"]


def test_what_cannot_be_measured_or_shipped_is_one_line(run_copy, shelf, fails):
    fails("measure", run_copy.path, "walk.smothness", names="did you mean 'walk.smoothness'")
    fails("measure", run_copy.path, "cifar10.accuracy", names="cifar10.accuracy")
    fails("measure", run_copy.path, "memorisation.faces", names="memorisation.faces")
    assert not (run_copy.path / "results.json").exists()
    run_copy.update(status="training")
    fails("ship", run_copy.path, names="not finished")
    assert not any(shelf.iterdir())
