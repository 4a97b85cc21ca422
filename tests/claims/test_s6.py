"""Section 6: which of the numbers that belong together is whose."""

from types import SimpleNamespace

import pytest

from dcgan_core.claims import ledger, s6


class Rows:
    """Says what it was asked for."""

    def __init__(self, *asked):
        self.asked = asked

    def __getitem__(self, key):
        return (*self.asked, key)


@pytest.mark.parametrize(
    ("claim_id", "number"),
    [
        ("saliency.looking", (("looking", "gain"),)),
        ("saliency.inside_mask.best.random", (("inside_best", "random"),)),
        ("forgetting.windows_gone", ("window", "paper", "gone")),
        ("forgetting.rest", ("window", "paper", "rest")),
        ("forgetting.random_maps.lamp.tuned", ("lamp", "tuned", "random")),
        ("arithmetic.drawn_smile.success", ("drawn_smile", "three")),
        ("arithmetic.drawn_smile.pixels_moved", ("drawn_smile", "pixels_moved")),
        ("arithmetic.faces_smile.gain", ("faces_smile", "gain")),
        ("turn.monotone", ("turn", "monotone")),
        ("turn.identity", ("turn", "identity")),
    ],
)
def test_a_row_is_the_number_that_it_says(monkeypatch, claim_id, number):
    monkeypatch.setattr(s6, "_focus", lambda s: Rows())
    monkeypatch.setattr(s6, "_forgotten", lambda s, *key: Rows(*key))
    monkeypatch.setattr(s6.arithmetic, "measured", lambda run, name, *_, **__: Rows(name))
    setting = SimpleNamespace(run=None, device="cpu", seed=0, small=True)
    assert ledger.claim(claim_id).measure(setting) == number


def test_what_takes_hours_is_measured_on_request_alone(run_copy, monkeypatch):
    """Without ids: all that fits the run, but for that."""
    claims = [
        SimpleNamespace(id=i, measure=True, on_request=i == "long", fits=lambda run: True, needs=None)
        for i in ("brief", "long")
    ]
    monkeypatch.setattr(ledger, "CLAIMS", claims)
    monkeypatch.setattr(ledger, "claim", lambda i: next(c for c in claims if c.id == i))
    monkeypatch.setattr(ledger, "result", lambda c, *_, **__: {})
    monkeypatch.setattr(ledger, "_row", lambda c, measured: c.id)
    assert ledger.measure(run_copy, []) == ["brief"]
    assert ledger.measure(run_copy, ["long"]) == ["long"]
