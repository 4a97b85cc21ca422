"""What several chapters share."""

from itertools import pairwise

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from conftest import encode, make_folder, noise

from dcgan_core import chapters
from dcgan_core.runs import Run


def test_the_style_is_the_books_wherever_a_chapter_runs():
    with mpl.rc_context():
        chapters.use_style()
        assert not plt.rcParams["axes.spines.top"] and plt.rcParams["figure.autolayout"]
        assert plt.rcParams["figure.facecolor"] == "none", "the page gives figures their ground"


def test_a_set_is_at_hand_once_it_lies_under_the_data_root(data):
    assert not chapters.at_hand("rooms")
    make_folder(data / "rooms", {f"{i}.png": encode(noise(i)) for i in range(30)})
    assert chapters.at_hand("rooms")


def test_trials_are_found_from_any_working_folder():
    assert chapters.trial("grain")[0]["grain"] >= 0
    assert chapters.book_file("data.toml").is_file()


def test_a_short_run_trains_in_a_temporary_folder_a_long_one_where_the_reader_works(tmp_path):
    assert not chapters.place("4", "quick").resolve().is_relative_to(tmp_path)
    assert chapters.place("4", "cpu").resolve().parent == tmp_path / "runs"


def test_the_closest_samples_stand_above_their_photographs(run, monkeypatch):
    photographs = np.asarray(run.generator().sample(3, seed=5).clamp(-1, 1).add(1).mul(127.5).round().byte())
    monkeypatch.setattr(chapters.loading, "load_data", lambda *_: type("Data", (), {"images": photographs}))
    figure = chapters.closest(run.generator(), Run(run.path), 5, samples=8, pairs=2)
    above, below = (axis.images[0].get_array().astype(int) for axis in figure.axes)
    assert np.abs(above - below).max() <= 1, "three of the eight samples are the photographs"


def test_the_history_of_a_run_begins_with_the_run_that_it_started_from():
    stages = [Run.reference(name) for name in ("faces-first", "faces-second", "faces-third", "faces")]
    first, run = stages[0], stages[-1]
    samples, log = chapters.history(run)
    seen = first.info["counters"]["images"]
    assert list(samples) == sorted(samples) and max(samples) == run.trained["images"]
    assert {n: path for n, path in samples.items() if n <= seen}.items() <= first.samples().items()
    assert min(samples) == min(first.samples()) and all(b > 1.2 * a for a, b in pairwise([*samples][:-1]))
    assert [row["images"] for row in log if row["images"] <= seen] == [row["images"] for row in first.log()]
    assert len(log) == sum(len(stage.log()) for stage in stages)
    assert chapters.history(first)[1] == first.log()
    assert [stage.name for _, stage in chapters.stages(run)] == [stage.name for stage in stages]
