"""Section 7: the instability that remains, in single filters."""

from dcgan_core.claims.claim import Claim, Rule

CLAIMS = [
    Claim(
        "instability.oscillating_mode",
        "7",
        "Trained longer, a subset of filters sometimes collapses to a single oscillating mode",
        "sometimes (seen)",
        "share of G's filters",
        # one run that shows none cannot speak against "sometimes"
        Rule("one filter at least; where none is found, it stays open", lambda value, low, high: True if value > 0 else None),
        varies="nothing",
    ),
]
