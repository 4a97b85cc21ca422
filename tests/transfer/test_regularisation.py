import numpy as np
import pytest
import torch
from torch import nn

from dcgan_core.claims import after
from dcgan_core.data import loading
from dcgan_core.data.images import ImageData
from dcgan_core.errors import UserError
from dcgan_core.networks import Architecture
from dcgan_core.training.config import Config
from dcgan_core.training.update import State, update
from dcgan_core.transfer import regularisation, tables

TINY = Architecture(16, 1, (8, 16), (2, 2), kernel=4, latent=10)
CONFIG = Config("digits", TINY, batch=16, updates="both", images=160)


def state_of(arm: str) -> State:
    state = State(CONFIG, torch.device("cpu"))
    regularisation.ARMS[arm](state)
    return state


def trained(arm: str, updates: int = 5) -> State:
    state, pixels = state_of(arm), torch.from_numpy(np.array(loading.load_data("digits", 16).images[:16]))
    for _ in range(updates):
        update(state, pixels)
    return state


def test_all_arms_begin_with_the_same_g_and_all_but_one_with_the_same_d():
    plain = state_of("plain")
    for arm in list(regularisation.ARMS)[1:]:
        other = state_of(arm)
        same = [torch.equal(a, b) for a, b in zip(plain.generator.parameters(), other.generator.parameters(), strict=True)]
        assert all(same)
        if arm != "spectral_norm":
            ds = zip(plain.discriminator.parameters(), other.discriminator.parameters(), strict=True)
            assert all(torch.equal(a, b) for a, b in ds)


def test_weight_decay_is_of_d_alone(monkeypatch):
    assert state_of("weight_decay").optimizer_g.param_groups[0]["weight_decay"] == 0
    monkeypatch.setattr(regularisation, "DECAY", 10.0)
    states = {arm: trained(arm, 20) for arm in ("plain", "weight_decay")}
    sizes = {
        arm: [sum(stage.layer.weight.square().sum().item() for stage in (*net.convs, *net.dense)) for net in nets]
        for arm, nets in ((arm, (state.discriminator, state.generator)) for arm, state in states.items())
    }
    assert sizes["weight_decay"][0] < 0.9 * sizes["plain"][0]
    assert sizes["weight_decay"][1] == pytest.approx(sizes["plain"][1], rel=0.05)


def test_dropout_keeps_the_mean_and_is_off_in_eval_mode():
    state, stage = state_of("dropout"), state_of("plain").discriminator.convs[0]
    dropped = state.discriminator.convs[0]
    x = torch.randn(64, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        full, some = stage(x), dropped(x)
        zero = some == 0
        assert zero.float().mean().item() == pytest.approx(regularisation.DROPOUT, abs=0.01)
        assert torch.allclose(some[~zero], full[~zero] / (1 - regularisation.DROPOUT))
        assert not torch.equal(some, dropped(x)), "others each time"
        dropped.eval()
        assert torch.equal(dropped(x), full)
    other = state_of("dropout").discriminator.convs[0]
    assert torch.equal(other(x) == 0, zero), "drawn by the run's own generator"


def test_spectral_norm_holds_every_layer_at_one_and_has_no_batchnorm():
    d = trained("spectral_norm", 30).discriminator.eval()
    assert not any(isinstance(m, nn.BatchNorm2d) for m in d.modules())
    for stage in (*d.convs, *d.dense):
        assert torch.linalg.matrix_norm(stage.layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.1)


class Brightness(nn.Module):
    """A D whose logit is an image's mean."""

    architecture = TINY

    def forward(self, x):
        return x.mean((1, 2, 3))


def test_preference_is_a_share_of_pairs_that_no_scale_changes():
    seen = np.full((3, 1, 16, 16), 200, np.uint8)
    held_out = np.stack([np.full((1, 16, 16), v, np.uint8) for v in (100, 150, 250, 120)])
    found = regularisation.preference(Brightness(), seen, held_out)
    assert found["preferred"] == pytest.approx(0.75)
    assert found["seen"] == pytest.approx(1 / (1 + np.exp(-(200 / 127.5 - 1))), abs=1e-4)


def test_the_look_at_d_leaves_it_as_it_was():
    state = trained("dropout")
    before = {k: v.clone() for k, v in state.discriminator.state_dict().items()}, state.rng.get_state()
    x = loading.load_data("digits", 16).images
    regularisation.preference(state.discriminator, np.array(x[:50]), np.array(x[50:100]))
    assert state.discriminator.training and torch.equal(before[1], state.rng.get_state())
    assert all(torch.equal(v, before[0][k]) for k, v in state.discriminator.state_dict().items())


def rooms(monkeypatch, seeds: int = 3) -> regularisation.Rooms:
    """Pictures that are their own number."""
    numbers = np.arange(900, dtype=np.uint32).view(np.uint8).reshape(900, 1, 2, 2)
    data = ImageData("rooms", "train", numbers, np.arange(900) % 4, ("a", "b", "c", "d"), None, (), {})
    monkeypatch.setattr(loading, "load_data", lambda *args: data)
    for name, value in (("SEEN", 100), ("HELD_OUT", 100), ("PROBE", (20, 30, 50)), ("MOST_SEEDS", 3)):
        monkeypatch.setattr(regularisation, name, value)
    return regularisation.Rooms(seeds)


def test_no_photograph_is_in_two_parts(monkeypatch):
    here = rooms(monkeypatch)
    parts = [here.seen(seed).images[:] for seed in range(3)] + [
        here.held_out,
        here.all.images[here.probe],
        here.for_judge.images[:],
    ]
    counts = [len(part) for part in parts]
    assert counts == [100, 100, 100, 100, 100, 400]
    assert len(np.unique(np.concatenate(parts).reshape(900, 4), axis=0)) == 900
    with pytest.raises(UserError, match="1 to 3"):
        rooms(monkeypatch, 4)


def test_the_probe_is_right_where_features_tell_and_guesses_where_they_do_not(monkeypatch):
    here = rooms(monkeypatch)
    labels = here.all.known_labels[here.probe]
    told = torch.nn.functional.one_hot(torch.from_numpy(labels), 4).float()
    for x, expected in ((told, 1.0), (torch.randn(told.shape, generator=torch.Generator().manual_seed(0)), 0.25)):
        asked = []
        monkeypatch.setattr(
            regularisation.features, "extract", lambda how, images, progress, x=x, asked=asked: asked.append(images) or x
        )
        share = regularisation._probe(here, state_of("plain").discriminator)
        assert share == pytest.approx(expected, abs=0.2) and (expected < 1 or share == 1)
        assert (asked[0] == here.all.images[here.probe]).all()


def measured(preferred: float, recall: float, probe: float) -> dict:
    others = {"seen": 0.8, "held_out": 0.7, "frechet": 9.0, "precision": 0.5, "seconds": 10.0}
    return {"preferred": preferred, "recall": recall, "probe": probe} | others


def test_a_difference_is_positive_where_the_arm_is_better():
    plain, better = [measured(0.6, 0.3, 0.4), measured(0.62, 0.3, 0.4)], [measured(0.5, 0.4, 0.45), measured(0.53, 0.4, 0.45)]
    found = {arm: plain if arm == "plain" else better for arm in regularisation.ARMS}
    rows = {r["claim"]: r for r in regularisation._rows(found)}
    assert rows["after.dropout"]["value"] == pytest.approx(9.5)
    assert rows["after.dropout.recall"]["value"] == pytest.approx(10)
    assert rows["after.dropout.probe"]["value"] == pytest.approx(5)
    assert set(rows) == {c.id for c in after.CLAIMS if c.section == "9.4"}


def test_what_ships_was_measured_as_it_is_said():
    table = tables.table("regularisation")
    assert regularisation.CONFIG.images >= 100_000
    assert len(table["rows"]) == 9 and {*table["runs"]} == {*regularisation.ARMS}
    for row in table["rows"]:
        assert row["n"] == len(table["runs"]["plain"])
    for arm in table["runs"]:
        for found in table["runs"][arm]:
            assert max(int(images) for images in found["curve"]) >= 100_000
