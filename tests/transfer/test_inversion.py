import copy
import json

import numpy as np
import pytest
import torch

from dcgan_core import latent
from dcgan_core.drawings import scenes
from dcgan_core.networks import Architecture, Generator
from dcgan_core.readers import judges
from dcgan_core.transfer import generator_features, inversion

A = Architecture(16, 3, (8, 16), (2, 2), kernel=4, latent=3)


@pytest.fixture(scope="module")
def generator():
    """Its images are far apart: a fresh net's are all grey."""
    g = Generator(A, torch.Generator().manual_seed(0)).eval()
    for parameter in g.parameters():
        parameter.data *= 5
    return g


def test_an_encoder_learns_the_way_back(generator):
    encoder = inversion.train_encoder(generator, pairs=3200, progress=False)
    z = latent.sample(A, 200, torch.Generator().manual_seed(9))
    found = inversion.codes_of(encoder, latent.generate_pixels(generator, z))
    assert (found - z).square().mean() < 0.08  # 1/3 without looking
    assert found.abs().max() <= 1


def test_the_same_seed_gives_the_same_encoder(generator):
    one, two, other = (inversion.train_encoder(generator, pairs=128, seed=s, progress=False) for s in (0, 0, 1))
    assert torch.equal(one.head.weight, two.head.weight) and not torch.equal(one.head.weight, other.head.weight)


def test_optimisation_comes_nearer_and_leaves_g_alone(generator):
    before = copy.deepcopy(generator.state_dict())
    z, start = (latent.sample(A, 120, torch.Generator().manual_seed(s)) for s in (1, 2))
    pixels = latent.generate_pixels(generator, z)
    found = inversion.refine(generator, pixels, start, steps=40, rate=0.1)
    errors = [np.square(latent.generate_pixels(generator, z).astype(float) - pixels).mean() for z in (start, found)]
    assert errors[1] < 0.1 * errors[0] and found.abs().max() <= 1
    assert all(torch.equal(v, before[k]) for k, v in generator.state_dict().items())
    alone = inversion.refine(generator, pixels[:1], start[:1], steps=40, rate=0.1)
    assert torch.allclose(alone, found[:1], atol=1e-3)  # its neighbours in a batch make no difference


@pytest.mark.parametrize("name", inversion.RUNS)
def test_what_is_true_of_drawings_is_what_their_judge_is_asked(name):
    drawn = scenes.draw(name, 64)
    truth = inversion.true_statements(name, drawn.factors)
    said = judges.statements(judges.load_judge(name), drawn.images)
    assert list(truth) == list(said)
    true, read = (np.stack(list(table.values()), 1) > 0.5 for table in (truth, said))
    assert generator_features.balanced_accuracy(read, true) > 0.9


def test_what_is_there_is_not_measured_again(tmp_path, monkeypatch):
    asked = []

    def measured(run, *more):
        asked.append(run.name)
        return {"rows": [{"claim": run.name}]}

    monkeypatch.setattr(inversion, "_probed", measured)
    monkeypatch.setattr(inversion, "_inverted", measured)
    first = inversion.measure_generator(tmp_path)
    assert asked == [*generator_features.RUNS, *inversion.RUNS]
    assert inversion.measure_generator(tmp_path) == first == json.loads((tmp_path / "generator.json").read_text())
    inversion.measure_generator(tmp_path, seeds=2)
    assert asked[5:] == list(inversion.RUNS)
