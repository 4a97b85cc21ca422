import json
import math
from dataclasses import replace

import pytest
import torch
from conftest import TINY, train_arguments

from dcgan_core import config_io, networks
from dcgan_core.cli import main
from dcgan_core.data import loading
from dcgan_core.data.images import ImageData
from dcgan_core.errors import UserError
from dcgan_core.runs import Run, reference_runs
from dcgan_core.training import collapse, loop, session, update
from dcgan_core.training.collapse import Collapsed, Watch
from dcgan_core.training.config import Config, check_resumable

HEALTHY = {"d_real": 0.8, "d_fake": 0.2, "diversity": 0.9}
SATURATED = {"d_real": 0.999, "d_fake": 0.001, "diversity": 0.9}
ALIKE = {"d_real": 0.8, "d_fake": 0.2, "diversity": 0.02}
CONFIG = Config("digits", TINY, batch=16, updates="both", images=16 * 44)


def log(*parts: tuple[dict, int]) -> list[dict]:
    rows = [row for row, count in parts for _ in range(count)]
    return [{"images": 800 * (i + 1), **row} for i, row in enumerate(rows)]


def alarms(rows: list[dict]) -> list[tuple[str, int, bool]]:
    watch = Watch()
    return [(a.kind, a.images // 800, a.stop) for a in map(watch.add, rows) if a]


# --- what the detector makes of a log ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "row"), [("saturated", SATURATED), ("alike", ALIKE)])
def test_a_sign_that_lasts_is_reported_once_and_stops_the_run_when_it_goes_on(kind, row):
    assert alarms(log((row, 9))) == []
    assert alarms(log((row, 39))) == [(kind, 10, False)]
    assert alarms(log((row, 90))) == [(kind, 10, False), (kind, 40, True)]


def test_a_sign_that_passes_stops_nothing():
    assert alarms(log((HEALTHY, 20), (SATURATED, 8), (HEALTHY, 100))) == []
    assert alarms(log((ALIKE, 30), (HEALTHY, 200))) == [("alike", 10, False)]
    assert alarms(log((ALIKE, 36), (HEALTHY, 200))) == [("alike", 10, False)], "the mean of 40 rows is low, but it recovers"
    assert alarms(log(*[(ALIKE, 12), (HEALTHY, 12)] * 10)) == [("alike", 10, False)]


def test_both_signs_are_reported():
    assert alarms(log((ALIKE | SATURATED | {"diversity": 0.0}, 45))) == [
        ("saturated", 10, False),
        ("alike", 11, False),
        ("saturated", 40, True),
        ("alike", 41, True),
    ]


def test_one_answer_alone_is_no_sign():
    """D is sure of the data, and unsure of samples; and the other way round."""
    assert alarms(log((HEALTHY | {"d_real": 1.0}, 50))) == []
    assert alarms(log((HEALTHY | {"d_fake": 0.0}, 50))) == []


def test_a_watch_that_has_read_the_log_goes_on_as_if_it_had_seen_it():
    rows = log((HEALTHY, 5), (ALIKE, 60))
    whole, split = Watch(), Watch(rows[:30])
    expected = [whole.add(row) for row in rows][30:]
    assert [split.add(row) for row in rows[30:]] == expected
    assert any(expected)


def test_what_has_lasted_before_a_resume_still_ends_the_run_after_it():
    """`on_collapse=warn` may have let it pass until then."""
    rows = log((HEALTHY, 5), (ALIKE, 60))
    watch = Watch(rows)
    assert [(a.kind, a.stop) for row in rows[-3:] if (a := watch.add(row))] == [("alike", True)]


def test_calm_is_when_the_last_rows_show_no_sign():
    watch = Watch()
    assert watch.calm
    watch = Watch(log((HEALTHY, 20), (ALIKE, 3)))
    assert not watch.calm
    for row in log((HEALTHY, 3)):
        watch.add(row)
    assert watch.calm


def test_no_reference_run_would_have_been_stopped_and_one_reported_at_its_start():
    logs = {run.name: run.log() for run in reference_runs() if run.log()}
    assert len(logs) >= 4
    found = {name: [a for a in map(Watch().add, rows) if a] for name, rows in logs.items()}
    assert not any(a.stop for reported in found.values() for a in reported)
    assert {name for name, reported in found.items() if reported} == {"mnist-fc"}
    assert found["mnist-fc"][0].images < 0.05 * logs["mnist-fc"][-1]["images"]


def test_the_same_logs_with_a_dead_end_would_have_been_stopped():
    """The test above could not fail if the detector were blind."""
    for run in reference_runs():
        rows = run.log()
        if rows:
            end = [row | ALIKE for row in rows[-1:] * collapse.STOP]
            watch = Watch(rows)
            assert any(a and a.stop for a in map(watch.add, end))


def test_diversity_is_0_for_equal_images_and_1_for_the_data():
    real = torch.rand(64, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert collapse.diversity(real[:1].expand(64, -1, -1, -1), real) == 0
    assert collapse.diversity(real, real) == pytest.approx(1)
    assert collapse.diversity(real / 4, real) == pytest.approx(0.25)
    assert math.isfinite(collapse.diversity(real, real[:1].expand(64, -1, -1, -1)))


# --- in training ------------------------------------------------------------------------------------------------------


@pytest.fixture
def short(monkeypatch):
    """A log row each two updates, and little patience."""
    monkeypatch.setattr(session, "LOG_EVERY", 2)
    monkeypatch.setattr(session, "BATCHNORM_BATCHES", 3)
    monkeypatch.setattr(collapse, "WARN", 4)
    monkeypatch.setattr(collapse, "STOP", 8)


@pytest.fixture
def dying(short, monkeypatch):
    """From the tenth row on, samples are all alike, as far as training can tell. A checkpoint at each update."""
    monkeypatch.setattr(session, "CHECKPOINT_SECONDS", 0.0)
    calls = iter(range(1000))
    monkeypatch.setattr(collapse, "diversity", lambda fake, real: 1.0 if next(calls) < 9 else 0.0)


@pytest.fixture
def digits() -> ImageData:
    return loading.load_data("digits", 16)


def start(path, config: Config = CONFIG) -> Run:
    return Run.create(path, {"config": config_io.to_dict(config), "data": {"name": "digits"}})


def test_a_collapse_stops_training_and_the_last_good_state_is_kept(tmp_path, digits, dying):
    run, events = start(tmp_path / "run"), []
    with pytest.raises(Collapsed, match="every z to nearly the same image.*`initial`.*on_collapse=warn") as stopped:
        loop.train(CONFIG, digits, run, "cpu", on_event=events.append, progress=False)
    assert isinstance(stopped.value, UserError)
    assert [(e.alarm.kind, e.alarm.stop) for e in events if e.alarm] == [("alike", False), ("alike", True)]
    run = Run(run.path)
    assert run.info["status"] == "collapsed"
    assert [alarm["kind"] for alarm in run.info["alarms"]] == ["alike", "alike"]
    state = run.load_checkpoint()
    assert state["counts"]["step"] == 9 * 2 + 1, "the last update before the first row with a sign"
    assert not (run.path / "good.pt").exists()
    kept = run.generator().state_dict()
    assert all(torch.equal(kept[k], v) for k, v in state["generator"].items() if "running" not in k and "num_" not in k)
    assert len(run.log()) > 12, "the log shows the collapse itself"


def test_on_collapse_warn_trains_to_the_end_and_may_be_said_on_resume(tmp_path, digits, dying):
    run = start(tmp_path / "run")
    with pytest.raises(Collapsed):
        loop.train(CONFIG, digits, run, "cpu", progress=False)
    warned = replace(CONFIG, on_collapse="warn")
    check_resumable(warned, Run(run.path))
    assert loop.train(warned, digits, Run(run.path), "cpu", progress=False)
    run = Run(run.path)
    assert run.info["status"] == "finished"
    assert run.info["counters"]["images"] == CONFIG.images
    assert [row["images"] for row in run.log()] == list(range(32, CONFIG.images + 1, 32)), "no row twice, none lost"
    with pytest.raises(UserError, match="beta1"):
        check_resumable(replace(warned, beta1=0.9), run)


def test_reporting_changes_nothing_about_what_is_trained(tmp_path, digits, short, monkeypatch):
    config = replace(CONFIG, images=16 * 30, on_collapse="warn")
    runs = [start(tmp_path / name, config) for name in ("quiet", "warned")]
    monkeypatch.setattr(collapse, "diversity", lambda fake, real: 1.0)
    loop.train(config, digits, runs[0], "cpu", progress=False)
    monkeypatch.setattr(collapse, "diversity", lambda fake, real: 0.0)
    loop.train(config, digits, runs[1], "cpu", progress=False)
    assert Run(runs[1].path).info["alarms"] and "alarms" not in Run(runs[0].path).info
    assert len({(run.path / "generator.safetensors").read_bytes() for run in runs}) == 1


def test_losses_that_are_no_numbers_are_noted_as_well(tmp_path, digits, short, monkeypatch):
    monkeypatch.setattr(update, "generator_loss", lambda fake: fake.mean() * math.nan)
    run = start(tmp_path / "run")
    with pytest.raises(Collapsed, match="diverged.*learning_rate"):
        loop.train(CONFIG, digits, run, "cpu", progress=False)
    assert [a["kind"] for a in Run(run.path).info["alarms"]] == ["diverged"]


def test_a_net_that_draws_one_image_is_found_alike(tmp_path, digits, short):
    """Not patched: G's first layer is made deaf to z, and batchnorm's gain of the rest is gone."""
    config = replace(CONFIG, learning_rate=1e-9)

    class Deaf:
        def generator(self, device):
            net = networks.build(TINY, 0)[0]
            torch.nn.init.zeros_(net.convs[-1].layer.weight)
            return net

        def discriminator(self, device):
            return networks.build(TINY, 0)[1]

    with pytest.raises(Collapsed, match="same image"):
        loop.train(config, digits, start(tmp_path / "run", config), "cpu", initial=Deaf(), progress=False)


def test_the_command_line_says_it_in_one_line(tmp_path, dying, capsys):
    assert main(train_arguments(tmp_path / "run", images=16 * 60)) == 1
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("dcgan train:")]
    assert len(told) == 1
    assert "collapsed" in told[0] and "--init" in told[0]


def test_a_diverged_run_can_be_sampled_and_started_from(tmp_path, monkeypatch, capsys):
    calls = iter(range(1000))
    original = update.generator_loss
    monkeypatch.setattr(session, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(session, "BATCHNORM_BATCHES", 3)
    monkeypatch.setattr(update, "generator_loss", lambda fake: original(fake) * (math.nan if next(calls) == 40 else 1))
    out, again = tmp_path / "run", tmp_path / "again"
    assert main(train_arguments(out, images=16 * 60)) == 1
    assert f"--init {out}" in capsys.readouterr().err
    assert Run(out).info["status"] == "diverged" and not (out / "good.pt").exists()
    assert main(["sample", str(out), "--count", "4", "--out", str(tmp_path / "grid.png"), "--device", "cpu"]) == 0
    assert main(train_arguments(again, "--init", str(out), images=16 * 5)) == 0
    assert Run(again).info["status"] == "finished"


def test_runs_of_before_resume_without_the_new_keys(run_copy):
    info = json.loads((run_copy.path / "run.json").read_text())
    for key in ("resample", "norm", "d_activation"):
        del info["config"]["architecture"][key]
    del info["config"]["on_collapse"]
    (run_copy.path / "run.json").write_text(json.dumps(info))
    rows = [json.loads(line) for line in (run_copy.path / "log.jsonl").read_text().splitlines()]
    old = run_copy.load_checkpoint()
    lines = [json.dumps({k: v for k, v in row.items() if k != "diversity"}) + "\n" for row in rows]
    (run_copy.path / "log.jsonl").write_text("".join(lines))
    old["counts"]["log_bytes"] = len("".join(lines))
    run_copy.save_checkpoint(old)
    out = run_copy.path
    assert main(train_arguments(out, "--resume", images=16 * 230)) == 0
    assert Run(out).info["counters"]["d_updates"] == 230
    assert Run(out).architecture == TINY
