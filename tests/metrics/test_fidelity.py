import sys
import types

import numpy as np
import pytest
import torch
from toy import CONDITIONAL

from dcgan_core.cli import main
from dcgan_core.errors import UserError
from dcgan_core.metrics import fidelity, memorisation
from dcgan_core.metrics.fidelity import frechet, precision_recall
from dcgan_core.networks import Generator


def cloud(count: int, seed: int, mean: float = 0.0, scale: float = 1.0, size: int = 4) -> np.ndarray:
    return mean + scale * np.random.default_rng(seed).normal(size=(count, size))


# --- Fréchet ----------------------------------------------------------------------------------------------------------


def test_frechet_of_known_gaussians_is_the_formulas():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(20_000, 3)), rng.normal(size=(20_000, 3))
    a, b = (x - x.mean(0) for x in (a, b))  # whitened: mean 0 and covariance 1 to the last digit
    a, b = (x @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T for x in (a, b))
    mix, shift = rng.normal(size=(3, 3)), np.array([1.0, -2.0, 0.5])
    cov = mix @ mix.T
    expected = (shift**2).sum() + 3 + np.trace(cov) - 2 * np.sqrt(np.linalg.eigvalsh(cov)).sum()
    assert frechet(a, b @ mix.T + shift, draws=3).value == pytest.approx(expected, rel=1e-6)
    assert frechet(a, a, draws=3).value == pytest.approx(0, abs=1e-8)


def test_frechet_does_not_care_which_is_which_and_grows_with_distance():
    a, b, c = cloud(2000, 0), cloud(2000, 1, mean=0.5), cloud(2000, 2, mean=1.0)
    assert frechet(a, b, draws=3).value == pytest.approx(frechet(b, a, draws=3).value)
    near, far = frechet(a, b, draws=50), frechet(a, c, draws=50)
    assert near.low < near.value < near.high < far.low
    assert near.details["real_with_real"] < near.low
    assert far.n == 2000


def test_frechet_is_a_number_where_covariances_are_singular():
    flat = np.zeros((10, 3))
    assert frechet(flat, flat, draws=3).value == 0
    assert frechet(flat, flat + [2, 0, 0], draws=3).value == pytest.approx(4)
    assert np.isfinite(frechet(cloud(5, 0, size=9), cloud(5, 1, size=9), draws=3).value)


# --- precision and recall ---------------------------------------------------------------------------------------------


def test_equal_sets_score_one_and_distant_ones_nothing():
    a = cloud(300, 0)
    found = precision_recall(a, a.copy())
    assert [found[k].value for k in ("precision", "recall")] == [1, 1]
    apart = precision_recall(a, a + 100)
    assert [m.value for m in apart.values()] == [0, 0]
    assert apart["recall"].high < 0.02 and found["recall"].low > 0.98


def test_a_collapsed_generator_is_precise_and_recalls_little():
    real = cloud(400, 0)
    some = real[:5].repeat(80, 0) + cloud(400, 1, scale=1e-3)
    found = precision_recall(real, some)
    assert found["precision"].value == 1
    assert found["recall"].value < 0.1


def test_a_generator_that_also_draws_rubbish_is_imprecise_and_recalls_much():
    real = cloud(400, 0)
    half = np.concatenate([cloud(200, 1), cloud(200, 2, mean=30)])
    found = precision_recall(real, half)
    assert 0.3 < found["precision"].value < 0.55
    assert found["precision"].low < found["precision"].value < found["precision"].high
    assert found["recall"].value > 0.7


def test_precision_and_recall_by_the_definition():
    real, samples, k = cloud(40, 0, size=2), cloud(30, 1, mean=0.7, size=2), 2

    def way(x, y):
        return np.linalg.norm(x[:, None] - y[None], axis=2)

    ball_r, ball_s = np.sort(way(real, real), 1)[:, k], np.sort(way(samples, samples), 1)[:, k]
    inside = way(real, samples) <= ball_r[:, None]
    found = precision_recall(real, samples, k)
    assert found["precision"].value == pytest.approx(inside.any(0).mean())
    assert found["recall"].value == pytest.approx((way(real, samples) <= ball_s).any(1).mean())


@pytest.mark.parametrize(
    ("real", "samples", "message"),
    [
        (cloud(10, 0), cloud(10, 0, size=3), "N x D and M x D"),
        (cloud(10, 0)[0], cloud(10, 0)[0], "N x D"),
        (cloud(1, 0), cloud(10, 0), "at least .* of each are needed, got 1 and 10"),
        (cloud(10, 0), cloud(10, 0) * np.nan, "NaN or infinite"),
    ],
)
def test_features_that_make_no_sense_are_refused(real, samples, message):
    for metric in (frechet, precision_recall):
        with pytest.raises(UserError, match=message):
            metric(real, samples)
    with pytest.raises(UserError, match="at least 4"):
        precision_recall(cloud(3, 0), cloud(10, 0))


# --- Inception, without Inception -------------------------------------------------------------------------------------


@pytest.fixture
def given(monkeypatch):
    """What torch-fidelity is called with."""
    calls = []

    def calculate_metrics(**options):
        calls.append(options)
        return {"frechet_inception_distance": 12.5}

    monkeypatch.setitem(sys.modules, "torch_fidelity", types.SimpleNamespace(calculate_metrics=calculate_metrics))
    return calls


def test_torch_fidelity_gets_colour_images_of_samples_and_data(given, digits, tmp_path):
    torch.save({}, tmp_path / "inception.pth")
    m = fidelity.inception(Generator(CONDITIONAL).eval(), digits[1], 30, weights=tmp_path / "inception.pth")
    assert (m.value, m.n, m.details["real"]) == (12.5, 30, len(digits[1]))
    samples, real = given[0]["input1"], given[0]["input2"]
    assert (len(samples), len(real)) == (30, len(digits[1]))
    assert samples[0].dtype == torch.uint8 and samples[0].shape == (3, 8, 8) and real[5].shape == (3, 16, 16)
    assert given[0]["fid"] and not given[0]["cuda"]
    assert given[0]["feature_extractor_weights_path"] == str(tmp_path / "inception.pth")


def test_the_command_prints_the_distance(given, run, capsys):
    assert main(["fid", str(run.path), "--count", "20", "--split", "test", "--device", "cpu"]) == 0
    assert "FID 12.50: 20 samples" in capsys.readouterr().out
    assert "feature_extractor_weights_path" not in given[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--weights", "no.pth"], "no.pth: no such file"), (["--count", "1"], "--count 1: at least 2")],
)
def test_the_command_refuses_what_cannot_work(given, run, capsys, arguments, message):
    assert main(["fid", str(run.path), *arguments]) == 1
    assert message in capsys.readouterr().err


def test_without_torch_fidelity_or_weights_the_command_says_what_to_do(run, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    assert main(["fid", str(run.path)]) == 1
    assert "pip install 'dcgan-core[fid]'" in capsys.readouterr().err

    def offline(**options):
        raise OSError("no route to host")

    monkeypatch.setitem(sys.modules, "torch_fidelity", types.SimpleNamespace(calculate_metrics=offline))
    assert main(["fid", str(run.path), "--count", "4"]) == 1
    assert "no route to host" in (error := capsys.readouterr().err) and "--weights" in error


def test_a_file_of_other_weights_is_named(run, capsys, monkeypatch, tmp_path):
    def other_net(**options):
        torch.nn.Linear(1, 1).load_state_dict(torch.load(options["feature_extractor_weights_path"]))

    monkeypatch.setitem(sys.modules, "torch_fidelity", types.SimpleNamespace(calculate_metrics=other_net))
    file = tmp_path / "w.pth"
    file.write_bytes(b"<html>not found</html>")
    assert main(["fid", str(run.path), "--count", "4", "--weights", str(file)]) == 1
    assert "w.pth: no file of weights" in capsys.readouterr().err
    torch.save({"layer": torch.zeros(3)}, file)
    assert main(["fid", str(run.path), "--count", "4", "--weights", str(file)]) == 1
    assert "w.pth: not those of Inception" in capsys.readouterr().err


def test_samples_of_a_conditional_net_are_of_each_class_in_turn():
    class Says(torch.nn.Module):
        architecture = CONDITIONAL

        def __init__(self):
            super().__init__()
            self.nothing = torch.nn.Parameter(torch.zeros(1))

        def forward(self, z, labels):
            return (labels / 255).view(-1, 1, 1, 1).expand(-1, 1, 8, 8)

    for count in (23, 512):  # more than a batch
        drawn = memorisation.generate_samples(Says(), count, 0)
        assert drawn[:, 0, 0, 0].tolist() == [i % 10 for i in range(count)]
