from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dcgan_core import latent
from dcgan_core.networks import Architecture, Generator
from dcgan_core.runs import Run
from dcgan_core.transfer import generator_features as found

SIZES = (600, 200, 400)


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_layers_end_in_the_image():
    a = Architecture(16, 3, (4, 8), (2, 2), kernel=4, latent=5)
    g, z = Generator(a, torch.Generator().manual_seed(0)).eval(), random(3, 5)
    layers = g.features(z)
    assert [tuple(maps.shape[1:]) for maps in layers] == [(8, 4, 4), (4, 8, 8), (3, 16, 16)]
    expected = [g.dense[0](z).unflatten(1, a.base)]
    for stage in g.convs:
        expected.append(stage(expected[-1]))
    assert all(torch.equal(got, want) for got, want in zip(layers, expected, strict=True))
    assert torch.equal(g(z), expected[-1])


def test_balanced_accuracy_counts_both_sides_alike():
    true = np.array([[True], [False], [False], [False]])
    assert found.balanced_accuracy(true, true) == 1
    assert found.balanced_accuracy(np.zeros_like(true), true) == 0.5  # 3 of 4 are right
    said = np.array([[True], [True], [False], [False]])
    assert found.balanced_accuracy(said, true) == pytest.approx((1 + 2 / 3) / 2)


def test_a_probe_reads_off_what_is_there_and_no_more():
    x = random(sum(SIZES), 30)
    told = np.stack([(x[:, 0] + x[:, 1] > 1).numpy(), (x[:, 2] > 0).numpy()], 1)  # the first is true of a quarter
    chance = random(sum(SIZES), 2, seed=1).numpy() > 0
    score, answers = found.read_off(x, told, SIZES)
    assert len(answers) == SIZES[2]
    assert min(score, found.balanced_accuracy(answers, told[-SIZES[2] :])) > 0.93
    assert abs(found.balanced_accuracy(found.read_off(x, chance, SIZES)[1], chance[-SIZES[2] :]) - 0.5) < 0.06


def test_a_probe_of_the_test_rows_learns_nothing_from_them():
    x, true = random(sum(SIZES), 5), (random(sum(SIZES), 1, seed=1) > 0).numpy()
    first = found.read_off(x, true, SIZES)[1]
    true[-SIZES[2] :] ^= True
    assert (found.read_off(x, true, SIZES)[1] == first).all()


def test_reduced_features_keep_what_varies():
    hidden = random(500, 3)
    x = hidden @ random(3, 200, seed=1) + 0.01 * random(500, 200, seed=2)
    few = found.reduced(x, 400, numbers=3)
    assert few.shape == (500, 3)
    back = few @ torch.linalg.lstsq(few, hidden).solution
    assert (back - hidden).square().mean() < 0.01 * hidden.var()
    assert found.reduced(few, 400, numbers=3) is few


def test_a_gain_is_the_difference_of_two_scores():
    true = (random(400, 2) > 0).numpy()
    wrong = true ^ (random(400, 2, seed=1) > 1).numpy()  # one answer in six
    m = found.gain(true, wrong, true)
    assert m.value == pytest.approx(1 - found.balanced_accuracy(wrong, true))
    assert 0 < m.low < m.value < m.high and m.n == 400
    assert found.gain(wrong, wrong, true).high == 0


def test_every_kind_of_features_is_of_the_same_pictures():
    run = Run.reference("drawn-sprites")
    z = latent.sample(run.architecture, 40, torch.Generator().manual_seed(0))
    images, kinds = found.describe(run, z)
    kinds = dict(kinds)
    assert images.shape == (40, 3, 32, 32) and {len(x) for x in kinds.values()} == {40}
    layers = len(run.architecture.widths)
    assert len(kinds) == 2 + 4 * layers and torch.equal(kinds["z"], z)
    for i in range(layers):  # the same shape, trained or not, but other numbers
        for whose in ("G", "D"):
            ours, theirs = kinds[f"{whose}, layer {i + 1}"], kinds[f"untrained {whose}, layer {i + 1}"]
            assert ours.shape == theirs.shape and not torch.allclose(ours, theirs)


def test_each_nets_best_layer_is_compared_on_samples_that_had_no_say(monkeypatch):
    """G's second layer says both statements, z and D one of the two, untrained nets none. A third is never true: left out."""
    count, noise = sum(SIZES), iter(range(10, 30))
    true = (random(count, 2, seed=5) > 0).numpy()
    told = torch.from_numpy(true.astype(np.float32)) + 0.01 * random(count, 2, seed=6)
    kinds = {
        "z": told[:, :1],
        "G, layer 1": random(count, 2, seed=next(noise)),
        "G, layer 2": told,
        "D, layer 1": told[:, 1:],
        "D, layer 2": random(count, 2, seed=next(noise)),
        "untrained G, layer 1": random(count, 2, seed=next(noise)),
        "untrained D, layer 1": random(count, 2, seed=next(noise)),
    }
    said = {"smile": true[:, 0] * 1.0, "glasses": true[:, 1] * 1.0, "never": np.zeros(count)}
    monkeypatch.setattr(found, "describe", lambda run, z: (None, iter(kinds.items())))
    monkeypatch.setattr(found.judges, "load_judge", lambda *args, **how: None)
    monkeypatch.setattr(found.judges, "statements", lambda judge, images: said)
    run = SimpleNamespace(architecture=Architecture(16, 3, (4, 8), (2, 2), kernel=4, latent=5), data_name="any")
    measured = found.probe_generator(run, sizes=SIZES)
    assert measured["z"].value == pytest.approx(0.75, abs=0.03)
    assert measured["z"].details["of_z"] == pytest.approx({"smile": 1, "glasses": 0.5}, abs=0.06)
    best = {"G": "G, layer 2", "D": "D, layer 1", "untrained G": "untrained G, layer 1", "untrained D": "untrained D, layer 1"}
    assert measured["layer"].details["best"] == best
    assert measured["layer"].value == pytest.approx(0.25, abs=0.03)
    assert measured["untrained"].value == pytest.approx(0.5, abs=0.05)
    assert {m.n for m in measured.values()} == {SIZES[2]}
