from __future__ import annotations

from dcgan_core.ablations import variants
from dcgan_core.claims.claim import Claim, at_least, between


def _ablation_claims() -> list[Claim]:
    """What each guideline is good for; and that three of this book's deviations do no harm. `dcgan ablate` measures them."""
    guidelines = (
        ("strides", "3", "Strided convolutions serve better than pooling and upsampling", "replace pooling"),
        ("batchnorm", "3", "Batchnorm serves better than none", "use in both nets"),
        ("batchnorm_everywhere", "3", "Batchnorm is left out at G's output and D's first layer", "oscillation, instability"),
        ("fully_connected", "3", "No fully connected hidden layer is better than one", "remove"),
        ("activations", "3", "LeakyReLU serves D better than other activations", "use LeakyReLU"),
        ("beta1", "4", "beta1 = 0.5 is better than 0.9", "0.9: oscillation, instability"),
        ("lr", "4", "A learning rate of 0.0002 is better than 0.001", "0.001 is too high"),
    )
    deviations = (
        ("kernel", "3", "Kernel 5, as the authors', draws no better and no worse than this book's 4", "not given (code: 5)"),
        ("updates", "4", "One net a batch, as the authors', is no better and no worse than both", "not given (code: one)"),
        ("sampling_statistics", "3", "Sampling with the batch's statistics is no better or worse", "not given (code: yes)"),
    )
    unit = "times the Fréchet distance"
    return [
        Claim(f"ablation.{name}", section, statement, paper, unit, rule)
        for rows, rule in ((guidelines, at_least(1.0)), (deviations, between(*variants.BAND)))
        for name, section, statement, paper in rows
    ]


CLAIMS = [
    *_ablation_claims(),
    Claim(
        "instability.detected",
        "7",
        "Instability, which the paper met as well, is reported while it happens",
        "one oscillating mode, sometimes",
        "share of provoked collapses that training reports",
        at_least(0.9),
    ),
]
