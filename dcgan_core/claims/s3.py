"""Section 3, the architecture: what the guidelines are good for; and the authors' own generator in this book's nets."""

from dcgan_core.ablations import variants
from dcgan_core.authors import importing, proof, reading
from dcgan_core.claims.claim import Claim, ablation, at_most, between, imported_from, stability

CLAIMS = [
    Claim(
        "authors.max_abs_diff",
        "3",
        "The generator that the authors released runs in our nets: it draws what its arrays define, computed apart with NumPy",
        "exact",
        "largest difference, pixels from -1 to 1",
        at_most(1e-5),
        lambda s: proof.max_abs_diff(s.run, images=importing.BATCH if s.small else 1024, seed=s.seed),
        imported_from(reading.SVHN.folder),
        kind="control",
        varies="nothing",
    ),
    ablation("strides", "3", "Strided convolutions serve better than pooling and upsampling", "replace pooling"),
    ablation("batchnorm", "3", "Batchnorm serves better than none", "use in both nets"),
    ablation(
        "batchnorm_everywhere", "3", "Batchnorm is left out at G's output and D's first layer", "oscillation, instability"
    ),
    ablation("fully_connected", "3", "No fully connected hidden layer is better than one", "remove"),
    ablation("activations", "3", "LeakyReLU serves D better than other activations", "use LeakyReLU"),
    ablation(
        "kernel",
        "3",
        "Kernel 5, as the authors', draws no better and no worse than this book's 4",
        "not given (code: 5)",
        between(*variants.BAND),
    ),
    ablation(
        "sampling_statistics",
        "3",
        "Sampling with the batch's statistics is no better or worse",
        "not given (code: yes)",
        between(*variants.BAND),
    ),
    stability(
        "strides", "3", "Fewer runs fail with strided convolutions than with pooling and upsampling", "for stable DCGANs"
    ),
    stability("batchnorm", "3", "Fewer runs fail with batchnorm than without", "stabilizes learning"),
    stability(
        "batchnorm_everywhere",
        "3",
        "Fewer runs fail when batchnorm is left off G's output and D's first layer",
        "oscillation, instability",
    ),
    stability("fully_connected", "3", "Fewer runs fail without a fully connected hidden layer", "for stable DCGANs"),
    *(
        Claim(f"architecture.{name}", "3", statement, paper, "not chosen", None)
        for name, statement, paper in (
            (
                "average_pooling",
                "Global average pooling makes training more stable, and slower to converge",
                "more stable, slower",
            ),
            ("maxout", "LeakyReLU serves D better than the first GAN's maxout", "in contrast to maxout"),
            ("bounded_output", "With tanh at its output and ReLU below it, G learns faster to cover the colours", "faster"),
        )
    ),
]
