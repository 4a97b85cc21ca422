"""Exemplars of a concept: found by a reader in a pool of samples, or picked by hand."""

import numpy as np
import pytest
import torch
from linear import Linear, candidates, reader, z_of

from dcgan_core import latent
from dcgan_core.errors import UserError
from dcgan_core.files import write_json
from dcgan_core.inside import arithmetic, exemplars, weights_of
from dcgan_core.inside.exemplars import Concept

SMILE = arithmetic.SUMS["drawn_smile"]


def test_a_pool_gives_only_what_shows_the_concept_for_sure():
    p = exemplars.gather(Linear(), reader, 400, seed=1)
    found = p.of(SMILE.first)
    assert 40 < len(found) < 150
    assert (found[:, 0] > 0).all() and (found[:, 1] > 0).all()
    assert SMILE.first.shown(p.answers).sum() > len(found)


def test_an_unknown_attribute_names_its_near_namesake():
    with pytest.raises(UserError, match=r"concept 'grin': no attribute is called 'smiles' \(did you mean 'smile'"):
        exemplars.gather(Linear(), reader, 10, 0).of(Concept("grin", {"smiles": True}))


def test_a_pool_looks_at_more_until_there_are_enough_or_the_limit_is_reached(monkeypatch):
    monkeypatch.setattr(exemplars, "LIMIT", 300)
    first = candidates(100)
    rare = len(first.of(SMILE.first))
    more = exemplars.gather(Linear(), reader, 100, 0, concepts=SMILE.terms, enough=rare + 1)
    assert len(more.z) in (200, 300) and len(more.of(SMILE.first)) > rare
    assert torch.equal(more.z, z_of(len(more.z))), "picks find their z again by seed and count"
    assert all(np.array_equal(values, more.answers[key][:100]) for key, values in first.answers.items())
    assert len(exemplars.gather(Linear(), reader, 100, 0, concepts=SMILE.terms, enough=1000).z) == 300
    assert len(exemplars.gather(Linear(), reader, 500, 0, concepts=SMILE.terms, enough=1000).z) == 500


def test_sets_of_exemplars_share_no_z_and_come_again_when_all_were_used():
    chosen = exemplars.choose_sets(z_of(20), "x", 14, 3, torch.Generator().manual_seed(0))
    assert chosen.shape == (14, 3, 8)
    assert len(torch.unique(chosen[:6].flatten(0, 1), dim=0)) == 18
    assert torch.equal(chosen[:6], chosen[6:12]) and torch.equal(chosen[:2], chosen[12:])


# --- picks ------------------------------------------------------------------------------------------------------------


def picks(run, path, **changes):
    saved = {"seed": 5, "count": 30, "weights": weights_of(run), "picks": {"smiling": [2, 7], "neutral": []}}
    write_json(path, saved | changes)
    return path


def test_picks_become_z_again(run, tmp_path):
    chosen = exemplars.load_picks(picks(run, tmp_path / "picks.json"), run)
    z = latent.sample(run.architecture, 30, torch.Generator().manual_seed(5))
    assert torch.equal(chosen["smiling"], z[[2, 7]])
    assert chosen["neutral"].shape == (0, run.architecture.latent)
    with pytest.raises(UserError, match="no exemplars were chosen"):
        latent.mean(chosen["neutral"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": "0" * 12}, "picked from samples of other weights than those of .*; pick again"),
        ({"picks": {"smiling": []}}, "nothing is picked in it; click on some pictures"),
        ({"picks": {"smiling": [30]}}, "not picks; delete it"),
        ({"picks": {"smiling": ["two"]}}, "not picks"),
        ({"count": None}, "not picks"),
    ],
)
def test_picks_that_do_not_fit_are_refused(run, tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        exemplars.load_picks(picks(run, tmp_path / "picks.json", **changes), run)


def test_missing_or_damaged_picks_are_an_error(run, tmp_path):
    with pytest.raises(UserError, match="no such file; picks should be there"):
        exemplars.load_picks(tmp_path / "none.json", run)
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(UserError, match="damaged, not picks"):
        exemplars.load_picks(tmp_path / "bad.json", run)
