"""The page on speed: what was not measured it says, and each part of the benchmarks has a place on it."""

import runpy
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from chapters import BOOK

from dcgan_core import chapters

PAIR = {"ours": 1.0, "theirs": 2.0, "value": 2.0, "low": 1.5, "high": 2.5, "n": 3}


@pytest.fixture
def page(monkeypatch):
    """Runs it on these rows; returns what it leaves behind."""

    def run(rows: list[dict]) -> dict:
        known = {"environment": {"machine": {"cores": 2, "processor": "P", "gpu": None}, "versions": {"torch": "2"}}}
        monkeypatch.setattr(chapters, "trial", lambda name: {**known, "rows": rows})
        shown = []
        monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gcf()))
        return runpy.run_path(str(BOOK / "how_fast.py")) | {"shown": shown}

    yield run
    plt.close("all")


def test_without_measurements_it_says_so(page, capsys):
    figures = page([])["shown"]
    assert len(figures) == 3
    assert all("not measured" in {t.get_text() for axis in f.axes for t in axis.texts} for f in figures)
    assert "times as long" not in capsys.readouterr().out


def test_what_was_measured_is_shown(page, capsys):
    update = [
        {"part": "update", "what": f"u{b}", "unit": "", "of_sgemm": 0.5, "size": s, "kernel": k, "batch": b, **PAIR}
        for s in (64, 32)
        for k in (4, 5)
        for b in (16, 64, 256)
    ]
    other = {"part": "svm", "what": "svm", "unit": "", "growth": "labels", **PAIR}
    long_run = {
        "part": "long run",
        "what": "l",
        "unit": "MB",
        "value": 0.1,
        "updates": [1, 2],
        "mb": [5, 5],
        "per_second": [9, 9],
    }
    left = page([*update, *({**other, "x": x} for x in (100.0, 200.0)), long_run])
    assert (
        "at 64 pixels: the tutorials' loop (explained below) takes 2.00 times as long (median over 3 batch sizes)"
        in capsys.readouterr().out
    )
    assert [row["what"] for row in left["others"]] == ["u64"] * 4 + ["svm"] * 2, "the figure shows the other batches"
    assert ["labels of an SVM, ours", "0.00", "0.00"] in left["slopes"]
    assert len(left["shown"][0].axes[0].lines) >= 4


def test_each_benchmark_is_listed():
    listed = runpy.run_path(str(BOOK.parent / "benchmarks" / "all.py"))["PARTS"]
    files = {p.stem for p in (BOOK.parent / "benchmarks").glob("*.py")}
    assert set(listed) == files - {"all", "report", "tutorial", "book"}
    assert Path(chapters.book_file("how_fast.py")).exists()
