"""The benchmarks compare like with like: the tutorials' loop, every idea and the library make the same update."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

FOLDER = Path(__file__).resolve().parent.parent.parent / "benchmarks"


@pytest.fixture
def bench(monkeypatch):
    """A benchmark by its file's name."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and Path(sys.modules[name].__file__).parent == FOLDER:
            del sys.modules[name]  # their names are short, and may be others' too


def test_pairs_take_turns_and_tell_how_many_times_as_long_the_other_takes(bench, monkeypatch):
    """By a clock of its own: 1 s and 3 s, the last pair 2 s and 3 s."""
    calls, report = [], bench("report")
    taken = {"a": iter([1.0, 1.0, 2.0]), "b": iter([3.0, 3.0, 3.0])}
    monkeypatch.setattr(report, "seconds_of", lambda work: next(taken[work()]))

    def work(name: str):
        return lambda: (calls.append(name), name)[1]

    found = report.paired(work("a"), work("b"), within=0.0, least=3)
    assert "".join(calls) == "ab" + "ba" + "ab" + "ba", "one that does not count, then in turn"
    assert found == {"value": 3.0, "low": 1.5, "high": 3.0, "n": 3, "ours": 1.0, "theirs": 3.0}


def test_a_slope_on_log_axes_is_the_power(bench):
    x = [1.0, 2.0, 5.0, 10.0]
    assert bench("report").slope(x, [3 * v**2 for v in x]) == pytest.approx(2)


def test_the_tutorials_loop_makes_the_librarys_updates(bench):
    update, tutorial = bench("update"), bench("tutorial")
    a = update.architecture(32, 4)
    ours, loop = update.ours(a, 4), tutorial.Tutorial(a)
    torch.manual_seed(1)  # of z, as a run of seed 0 has it
    real = update.networks.to_input(update.random_pixels(a, 4), a)
    losses = [[*ours().d.tolist(), *loop.update(real)] for _ in range(3)]
    for loss_d, d_real, d_fake, other, _, other_real, other_fake, _ in losses:
        assert (loss_d, d_real, d_fake) == pytest.approx((other, other_real, other_fake), rel=0.01)  # by Adam
    assert losses[0][0] == pytest.approx(losses[0][3], rel=1e-5)


def test_every_idea_makes_the_same_updates_within_rounding(bench):
    ideas = bench("ideas")
    plain = [float(loss()) for loss in [ideas.prepared(32, 4, ideas.nothing, ideas.plain)] for _ in range(3)]
    for name, (change, step) in ideas.IDEAS.items():
        work = ideas.prepared(32, 4, change, step)
        assert [float(work()) for _ in range(3)] == pytest.approx(plain, rel=0.01), name


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux alone says what a process holds")
def test_memory_stays_flat_over_two_thousand_updates(bench):
    """On a net so small that it takes a minute; a list that grows by a tensor an update would show."""
    rows = bench("long_run").course(2000, batch=4)
    updates, held, *_ = (np.array(column) for column in zip(*rows, strict=True))
    assert updates[-1] == 2000 and len(rows) == 80
    later = updates >= 500
    assert np.polyfit(updates[later], held[later], 1)[0] * 1000 < 4, "MB in a thousand updates"


def test_every_part_of_make_bench_can_be_run(bench):
    parts = bench("all").PARTS
    assert len(parts) > 10
    for part in parts:
        assert callable(bench(part).main), part


@pytest.mark.slow
@pytest.mark.parametrize(
    "part",
    ["dedup", "long_run", "processes", "paper", "jpegs", "neighbours", "sampling", "memory", "scenes", "prepare"],
)
def test_a_part_runs_and_keeps_the_rows_of_others(bench, monkeypatch, tmp_path, part):
    report, module = bench("report"), bench(part)
    monkeypatch.setattr(report, "FILE", tmp_path / "benchmarks.json")
    monkeypatch.setattr(sys, "argv", [part, "--quick"])
    report.Report("another").save()
    other = report.Report("another")
    other.show("kept", 1.0, "s")
    other.save()
    module.main()
    module.main()
    rows = report.json.loads(report.FILE.read_text())["rows"]
    mine = [row["what"] for row in rows if row["part"] != "another"]
    assert len(mine) == len(set(mine)) >= 1
    assert [row["what"] for row in rows if row["part"] == "another"] == ["kept"]
