import signal

import pytest
import torch

from dcgan_core.data import loading
from dcgan_core.networks import Architecture
from dcgan_core.runs import Run
from dcgan_core.training import session
from dcgan_core.training.config import Config
from dcgan_core.transfer import classes, pairs

TINY = Architecture(16, 1, (8, 16), (2, 2), kernel=4, latent=12)
CONFIG = Config("digits", TINY, batch=16, updates="both", images=16 * 40, precision="single")


def test_training_with_a_second_head_goes_on_where_it_stopped(tmp_path, monkeypatch):
    """Stopped by Ctrl-C in the middle, all parts are in the end what they would have been, the head and both Adams too."""
    monkeypatch.setattr(session, "LOG_EVERY", 10)
    monkeypatch.setattr(session, "BATCHNORM_BATCHES", 3)
    data = loading.load_data("digits", 16)
    known = classes.Labelled(torch.from_numpy(data.images[:50].copy()), torch.from_numpy(data.known_labels[:50].copy()), 10)

    def prepare(state) -> None:
        classes.second_head(state, known, asks=True)

    def stop(event) -> None:
        if event.row and event.images == 160:
            signal.raise_signal(signal.SIGINT)

    whole = pairs.trained(CONFIG, data, tmp_path / "whole", prepare)
    with pytest.raises(KeyboardInterrupt):
        pairs.trained(CONFIG, data, tmp_path / "halves", prepare, stop)
    assert 0 < Run(tmp_path / "halves").load_checkpoint()["counts"]["images"] < CONFIG.images
    halves = pairs.trained(CONFIG, data, tmp_path / "halves", prepare)
    for name in ("generator", "discriminator", "head"):
        one, other = (state.parts[name].state_dict() for state in (whole, halves))
        assert all(torch.equal(one[key], other[key]) for key in one)
    moments = [state.optimizer_d.state_dict()["state"] for state in (whole, halves)]
    assert len(moments[0]) == len(list(whole.discriminator.parameters())) + 2, "the head's weight and bias"
    assert all(torch.equal(moments[0][i]["exp_avg"], moments[1][i]["exp_avg"]) for i in moments[0])


def test_measured_once(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoint.pt").write_bytes(b"x")
    calls = []
    for _ in range(2):
        found = pairs.measured_once(tmp_path / "run", lambda: calls.append(1) or {"error": 1 / 3})
    assert found["error"] == 0.33333 and len(calls) == 1
    assert not (tmp_path / "run" / "checkpoint.pt").exists()


def test_a_row_of_pairs():
    """Student's interval by hand: of 1, 2, 3 the mean is 2, the margin 4.3027 / root of 3."""
    (row,) = pairs.paired_row("classes", "classify.x", [1.0, 2.0, 3.0], [{"seconds": 5.0}] * 6, "mnist", means={})
    assert (row["claim"], row["run"], row["n"], row["seconds"]) == ("after.classify.x", "after/classes", 3, 30.0)
    assert row["value"] == 2 and row["high"] == pytest.approx(2 + 4.302653 / 3**0.5, rel=1e-4)
    assert pairs.paired_row("classes", "classify.x", [1.0], [{"seconds": 5.0}], "mnist") == []
