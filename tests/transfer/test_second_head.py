from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dcgan_core.claims import after
from dcgan_core.data import loading
from dcgan_core.files import read_json
from dcgan_core.networks import Architecture
from dcgan_core.readers import classes as reader
from dcgan_core.training import session
from dcgan_core.training.config import Config
from dcgan_core.training.update import State, update
from dcgan_core.transfer import classes, tables

TINY = Architecture(16, 1, (8, 16), (2, 2), kernel=4, latent=16)
CONFIG = Config("digits", TINY, batch=16, updates="both", images=16 * 20, precision="single", on_collapse="warn")


@pytest.fixture
def digits():
    return loading.load_data("digits", 16)


def some(data, count: int = 200) -> classes.Labelled:
    return classes.Labelled(torch.from_numpy(np.array(data.images[:count])), torch.from_numpy(data.known_labels[:count]), 10)


def state_of(data, *, asks: bool = False, weight: float = 1.0) -> tuple[State, classes.TwoHeads]:
    state = State(CONFIG, torch.device("cpu"))
    return state, classes.second_head(state, some(data), weight, asks=asks)


def test_the_first_head_says_what_d_says(digits):
    state, two = state_of(digits)
    x = torch.randn(8, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    assert torch.equal(two(x), state.discriminator(x))
    assert two.said.shape == (8, 10)


def test_the_heads_loss_teaches_d_and_the_head_but_not_its_logit(digits):
    """And it is the cross-entropy of labelled pictures, drawn by the run's own generator."""
    state, two = state_of(digits, weight=3.0)
    rows = torch.randint(200, (16,), generator=torch.Generator().manual_seed(CONFIG.seed + 1))
    loss = state.extra_d()
    two(some(digits).x[rows].float() / 127.5 - 1)
    assert loss.item() == pytest.approx(3 * F.cross_entropy(two.said, some(digits).y[rows]).item(), rel=1e-4)
    loss.backward()
    assert two.head.weight.grad.abs().sum() > 0 and state.discriminator.convs[0].layer.weight.grad.abs().sum() > 0
    assert state.discriminator.dense[-1].layer.weight.grad is None
    assert state.extra_g() == 0, "a plain G is asked for nothing"


def test_g_is_asked_for_a_class_and_pays_for_another(digits):
    state, two = state_of(digits, asks=True)
    z = torch.rand(16, 16, generator=torch.Generator().manual_seed(0))
    fake = state.g(z)
    asked = state.g.classes
    assert torch.equal(classes.asking(z, asked, 10)[:, :10], F.one_hot(asked, 10).float())
    assert torch.equal(classes.asking(z, asked, 10)[:, 10:], z[:, 10:])
    assert torch.equal(fake, state.generator(classes.asking(z, asked, 10)))
    two(fake)
    assert state.extra_g().item() == pytest.approx(F.cross_entropy(two.said, asked).item())
    pixels = torch.from_numpy(np.array(digits.images[:16]))
    before = two.head.weight.clone()
    update(state, pixels)
    assert not torch.equal(before, two.head.weight), "D's Adam moves the head"


def test_labels_alone_learn_digits(digits):
    known = some(digits, 400)
    two = classes.labels_alone(replace(CONFIG, images=16 * 300), known, 2e-3)
    classes.features.estimate_on(two.d, known.x.numpy(), progress=False)
    assert (two.answers(digits.images[400:800]) != digits.known_labels[400:800]).mean() < 0.2


def test_labels_alone_begin_where_the_gan_begins(digits):
    _, two = state_of(digits)
    alone = classes.labels_alone(replace(CONFIG, images=1), some(digits), 1e-3)  # no update
    for one, other in zip(two.parameters(), alone.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.fixture
def small(monkeypatch):
    """The whole part, on digits of 16 pixels, in seconds."""
    monkeypatch.setattr(classes, "SETS", {"digits_100": (CONFIG, 10)})
    for name, value in (("VALIDATION", 100), ("TESTED", 80), ("SAMPLES", 60), ("TEACHERS", 1000), ("WEIGHTS", (1.0,))):
        monkeypatch.setattr(classes, name, value)
    monkeypatch.setattr(session, "BATCHNORM_BATCHES", 3)
    original = reader.train_classifier
    monkeypatch.setattr(reader, "train_classifier", lambda data, device: original(data, images=3000, device=device))


@pytest.mark.slow
def test_all_of_it_small_and_again(tmp_path, monkeypatch, small, capsys):
    """Two pairs: a table with a row for each claim of a set; a second call finds all of it measured."""
    monkeypatch.setattr(classes, "RATES", (2e-3,))
    first = classes.measure_classes(tmp_path / "out", seeds=2)
    assert "digits_100-alone-1" in capsys.readouterr().out
    shipped = read_json(tmp_path / "out" / "classes.json", "a table")
    assert shipped["rows"] == first["rows"] == classes.measure_classes(tmp_path / "out", seeds=2)["rows"]
    assert not capsys.readouterr().out
    assert {r["claim"].split(".")[1] for r in first["rows"]} == {c.id.split(".")[1] for c in after.CLAIMS if c.section == "9.3"}
    pair = first["runs"]["digits_100"][0]
    assert set(pair) == {"plain", "head", "asked", "alone"} and len(pair["asked"]["recall_by_class"]) == 10
    assert sum(pair["plain"]["share_by_class"]) == pytest.approx(1)
    assert (tmp_path / "out" / "classes_digits_100.webp").exists()


def test_draws_of_labels(tmp_path, small):
    here = classes.Pictures(CONFIG, tmp_path)
    one, again, other = (here.labelled(5, seed) for seed in (0, 0, 1))
    assert torch.bincount(one.y).tolist() == [5] * 10
    assert torch.equal(one.x, again.x) and not torch.equal(one.x, other.x)
    held = {x.tobytes() for x in np.array(here.validation.images)}
    assert len(held & {x.numpy().tobytes() for x in one.x}) == 0


def test_what_ships_was_measured_as_it_is_said():
    table = tables.table("classes")
    for config, _ in classes.SETS.values():
        assert config.images >= 100_000
    assert {row["claim"].split(".")[2] for row in table["rows"]} == {*table["runs"]}
    for row in table["rows"]:
        assert row["n"] <= len(table["runs"][row["claim"].split(".")[2]])


def test_a_difference_is_positive_where_the_claim_holds():
    def pair(x):
        return {
            "alone": {"error": 9 + x, "seconds": 1},
            "head": {"error": 5 + x, "seconds": 1},
            "asked": {"error": 4 + x, "recall": 0.3, "seconds": 1},
            "plain": {"svm": {"k": 7 + x}, "recall": 0.5, "seconds": 1},
        }

    rows = {row["claim"]: row["value"] for row in classes._rows("k", [pair(0), pair(1)], "mnist")}
    expected = {"classify": 4, "classify_svm": 2, "classify_asked": 1, "classify_variety": 20}
    assert rows == pytest.approx({f"after.{name}.k": value for name, value in expected.items()})
