"""`dcgan ablate`: training, measuring, going on."""

import json

import ablating
import numpy as np
import pytest
import torch

from dcgan_core import config_io, networks
from dcgan_core.ablations import running, variants
from dcgan_core.ablations.running import Start
from dcgan_core.ablations.variants import GUIDELINES, VARIANTS, Variant
from dcgan_core.cli import main
from dcgan_core.data import loading
from dcgan_core.errors import UserError
from dcgan_core.files import locked
from dcgan_core.runs import Run
from dcgan_core.training import loop, order, session
from dcgan_core.training.config import Config


@pytest.fixture
def small(monkeypatch):
    ablating.shrink(monkeypatch)


def test_a_pair_starts_from_the_same_weights_where_they_fit():
    plain = networks.build(variants.BASELINE.architecture, 3)
    for variant in VARIANTS:
        a = variant.config(variants.BASELINE, 3).architecture
        start = Start(a, variants.BASELINE.architecture, 3)
        for net, twin in zip((start.generator("cpu"), start.discriminator("cpu")), plain, strict=True):
            other = twin.state_dict()
            shared = [k for k, v in net.state_dict().items() if k in other and other[k].shape == v.shape]
            assert all(torch.equal(net.state_dict()[k], other[k]) for k in shared)
            assert shared or variant.name in ("pooling", "kernel-5", "fully-connected")


@pytest.mark.slow
def test_ablate_makes_the_table_and_a_second_call_trains_nothing(small, tmp_path, capsys, monkeypatch):
    out = tmp_path / "ablations"
    assert ablating.ablate(out, "--seeds", "2", "--only", "lr-0.001") == 0
    table = json.loads((out / "results.json").read_text())
    assert set(table["runs"]["guidelines"]) == set(table["runs"]["lr-0.001"]) == {"0", "1"}
    assert [row["claim"] for row in table["rows"]] == ["ablation.lr", "ablation.sampling_statistics"]
    assert table["rows"][0]["n"] == 2 and table["rows"][0]["low"] <= table["rows"][0]["value"] <= table["rows"][0]["high"]
    assert table["baseline"]["images"] == 320 and table["versions"]["torch"]
    spent = [m[k] for runs in table["runs"].values() for m in runs.values() for k in ("train_seconds", "measure_seconds")]
    assert len(spent) == 8 and table["seconds"] == pytest.approx(sum(spent), abs=0.06)
    for m in table["runs"]["guidelines"].values():
        assert 0 <= m["precision"] <= 1 and m["frechet"] > 0 and m["oscillation"] > 0
    assert "ablation.lr" in capsys.readouterr().out
    assert not (out / "lr-0.001-0" / "checkpoint.pt").exists(), "a measured run needs none"
    assert (out / "lr-0.001-0" / "sheet.webp").exists()

    monkeypatch.setattr(loop, "train", None)
    assert ablating.ablate(out, "--seeds", "2", "--only", "lr-0.001") == 0
    again = json.loads((out / "results.json").read_text())
    assert again["runs"] == table["runs"]


@pytest.mark.slow
def test_an_interrupted_ablation_goes_on_and_ends_as_if_nothing_had_been(small, tmp_path, monkeypatch, capsys):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert ablating.ablate(whole, "--seeds", "1", "--only", "relu") == 0
    original, calls = order.batch_indices, iter(range(10**6))

    def interrupted(*args):
        if next(calls) == 35:  # in the second run
            raise KeyboardInterrupt
        return original(*args)

    monkeypatch.setattr(order, "batch_indices", interrupted)
    monkeypatch.setattr(session, "CHECKPOINT_SECONDS", 0.0)
    assert ablating.ablate(stopped, "--seeds", "1", "--only", "relu") == 130
    monkeypatch.setattr(order, "batch_indices", original)
    assert (stopped / "guidelines-0" / "measured.json").exists()
    assert Run(stopped / "relu-0").info["status"] == "training"
    assert Run(stopped / "relu-0").load_checkpoint()["counts"]["step"] > 0
    kept = (stopped / "guidelines-0" / "measured.json").read_bytes()
    assert ablating.ablate(stopped, "--seeds", "1", "--only", "relu") == 0
    assert (stopped / "guidelines-0" / "measured.json").read_bytes() == kept

    def without_clock(out):
        runs = json.loads((out / "results.json").read_text())["runs"]
        return {v: {s: {k: x for k, x in m.items() if "seconds" not in k} for s, m in r.items()} for v, r in runs.items()}

    assert without_clock(stopped) == without_clock(whole)


def test_a_run_that_another_process_trains_is_refused(run_copy):
    config = config_io.from_dict(Config, run_copy.info["config"])
    data = loading.load_data("digits", config.architecture.size)
    run_copy.update(status="training")
    with locked(run_copy.path / ".lock"), pytest.raises(UserError, match="another process trains it"):
        running.train_to_end(config, data, run_copy.path, "cpu")
    assert running.train_to_end(config, data, run_copy.path, "cpu", progress=False).info["status"] == "finished"


def test_a_run_that_diverges_is_measured_as_a_collapse(small, tmp_path, monkeypatch):
    bad = Variant("bad", "an absurd learning rate", ("learning_rate=1e39",))
    monkeypatch.setattr(variants, "ALL", (GUIDELINES, bad))
    table = running.ablate(tmp_path / "out", seeds=1, images=160, data="digits", device="cpu", progress=False)
    m = table["runs"]["bad"][0]
    assert m["diverged"] and m["collapsed"] == "NaN weights"
    assert [alarm["kind"] for alarm in m["alarms"]] == ["diverged"]
    assert np.isfinite(m["frechet"])


@pytest.mark.slow
def test_runs_from_before_a_setting_existed_go_on(small, tmp_path):
    assert ablating.ablate(tmp_path / "out", "--seeds", "1", "--only", "guidelines") == 0
    note = tmp_path / "out/ablations.json"
    common = json.loads(note.read_text())
    del common["baseline"]["noise"]
    note.write_text(json.dumps(common))
    assert ablating.ablate(tmp_path / "out", "--seeds", "1", "--only", "guidelines") == 0


def test_other_settings_in_the_same_folder_are_refused(small, tmp_path, capsys):
    assert ablating.ablate(tmp_path / "out", "--seeds", "1", "--only", "guidelines") == 0
    assert main(["ablate", "--out", str(tmp_path / "out"), "--images", "960", "--data", "digits"]) == 1
    assert "choose another --out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "poling"], "did you mean 'pooling'"),
        (["--seeds", "0"], "--seeds 0: at least 1"),
    ],
)
def test_wrong_arguments_are_refused(tmp_path, capsys, arguments, message):
    assert main(["ablate", "--out", str(tmp_path / "out"), *arguments]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_pair_for_a_reader(small, tmp_path):
    rows = running.pair("relu", 160, tmp_path / "pair", device="cpu")
    assert [what for what, _ in rows] == ["all guidelines followed", "ReLU in D"]
    assert all(images.shape == (10, 1, 16, 16) for _, images in rows)
    assert not np.array_equal(rows[0][1], rows[1][1])
