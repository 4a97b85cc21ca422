"""Section 7, instability: is it reported while it happens? `dcgan ablate` provokes it."""

from dcgan_core.claims.claim import Claim, at_least

CLAIMS = [
    Claim(
        "instability.detected",
        "7",
        "Instability, which the paper met as well, is reported while it happens",
        "one oscillating mode, sometimes",
        "share of provoked collapses that training reports",
        at_least(0.9),
    ),
]
