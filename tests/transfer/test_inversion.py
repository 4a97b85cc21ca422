import copy
import json
from types import SimpleNamespace

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


def bright(count: int, seed: int) -> np.ndarray:
    """Pictures that are black or white, one of two things that can be said of them."""
    white = np.random.default_rng(seed).random(count) < 0.5
    return np.broadcast_to((255 * white).astype(np.uint8)[:, None, None, None], (count, 3, 16, 16))


def test_what_an_inversion_keeps_is_counted_against_the_drawings_own_factors(monkeypatch):
    """The encoder takes every fourth picture for its opposite; optimisation mends that at the middle rate alone."""
    white = lambda pixels: pixels.mean((1, 2, 3)) > 127  # noqa: E731

    def codes_of(encoder, pixels):
        said = white(pixels)
        said[::4] ^= True
        return torch.from_numpy(said * 2.0 - 1)[:, None]

    def refine(g, pixels, z, *, steps, rate):
        return torch.from_numpy(white(pixels) * 2.0 - 1)[:, None] if rate == inversion.RATES[1] else z

    def generate(g, z):
        return np.broadcast_to((255 * (z[:, 0] > 0).numpy()).astype(np.uint8)[:, None, None, None], (len(z), 3, 16, 16))

    def draw(name, count, size, seed):
        images = bright(count, seed)
        return SimpleNamespace(images=images, factors={"white": white(images) * 1.0})

    run = SimpleNamespace(generator=lambda: None, architecture=A, data_name="any")
    monkeypatch.setattr(inversion, "codes_of", codes_of)
    monkeypatch.setattr(inversion, "refine", refine)
    monkeypatch.setattr(inversion.latent, "generate_pixels", generate)
    monkeypatch.setattr(inversion.scenes, "draw", draw)
    monkeypatch.setattr(inversion.scenes, "yes_no", lambda name: ["white"])
    monkeypatch.setattr(judges, "load_judge", lambda *args, **how: None)
    monkeypatch.setattr(judges, "statements", lambda judge, images: {"white": white(images) * 1.0})
    found = inversion.invert_drawings(run, None, drawings=(40, 200))
    details = found["factors"].details
    assert details["rate"] == inversion.RATES[1]
    assert (found["factors"].value, found["factors"].n) == (1, 200)
    assert found["steps"].value == pytest.approx(0.25, abs=0.02)
    assert details["pixels"]["encoder"] == pytest.approx(127.5, abs=0.1) and details["pixels"]["encoder, 50 steps"] == 0
    assert details["kept"] == {"white": {"kept": 1.0, "added": 0.0}} and details["factors"]["drawing"] == 1
    assert 0.4 < details["factors"]["random z"] < 0.6


def test_a_code_is_compared_with_the_best_of_ds_layers(monkeypatch):
    """The code says one of two things for sure, D's second layer both."""
    sizes = (400, 100, 300)
    true = np.random.default_rng(0).random((sum(sizes), 2)) < 0.5
    told = torch.from_numpy(true.astype(np.float32))
    numbered = np.arange(sum(sizes), dtype=np.uint32).view(np.uint8).reshape(-1, 4)[:, :3, None, None]  # each its own number
    drawn = SimpleNamespace(images=numbered, factors={"a": true[:, 0] * 1.0, "b": true[:, 1] * 1.0})
    monkeypatch.setattr(inversion.scenes, "draw", lambda *args: drawn)
    monkeypatch.setattr(inversion.scenes, "yes_no", lambda name: ["a", "b"])
    monkeypatch.setattr(inversion, "estimate_on", lambda d, images, progress: asked.append(len(images)))
    monkeypatch.setattr(inversion, "codes_of", lambda encoder, pixels: told[:, :1] + 0.0)
    noise = torch.randn(sum(sizes), 2, generator=torch.Generator().manual_seed(1))
    monkeypatch.setattr(
        inversion, "pooled_features", lambda d, part, layers: (told if layers == [1] else noise)[next(parts) :][: len(part)]
    )
    parts = iter([0, 256, 512, 768] * 2)
    asked: list[int] = []
    run = SimpleNamespace(architecture=A, data_name="any", discriminator=lambda **how: None)
    found = inversion.probe_code(run, None, sizes=sizes)
    assert found.details["best"] == "D, layer 2" and asked == [400] and found.n == 300
    assert found.value == pytest.approx(-0.25, abs=0.03)
    assert found.details["factors"]["code"] == pytest.approx(0.75, abs=0.03)
