"""Section 7: the instability that remains, in single filters."""

from dcgan_core.claims.claim import Claim

CLAIMS = [
    Claim(
        "instability.oscillating_mode",
        "7",
        "Trained longer, a subset of filters sometimes collapses to a single oscillating mode",
        "sometimes (seen)",
        "not chosen",
        None,
    ),
]
