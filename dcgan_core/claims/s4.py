"""Section 4, training: momentum and learning rate; LSUN (4.1), its near duplicates (4.1.1) and faces (4.2)."""

from collections.abc import Callable
from functools import cache

from dcgan_core.ablations import variants
from dcgan_core.claims import claim
from dcgan_core.claims.claim import Claim, Measure, Setting, ablation, at_least, between, instead_of_lsun, trained_on
from dcgan_core.data import duplicates, face_detector, planted
from dcgan_core.intervals import Measurement
from dcgan_core.metrics import detection, memorisation


def _memorisation(metric: Callable[..., Measurement]) -> Measure:
    """With training and held-out photographs, which must be those of the run."""
    return lambda s: metric(s.generator(), *s.photographs(), 400 if s.small else 5000, seed=s.seed)


def _memorisation_claims() -> list[Claim]:
    near = "are not copies of training images: they are no nearer to them than unseen photographs are"
    return [
        Claim(
            f"memorisation.{name}{suffix}",
            "4.1",
            statement,
            "no memorisation (argued)",
            "ratio of distances",
            at_least(bound),
            _memorisation(metric),
            trained_on(name),
            instead_of_lsun,
        )
        for name, samples, pictures in (("faces", "Samples", "photographs"), ("rooms", "Samples of rooms", "rooms"))
        for suffix, statement, bound, metric in (
            ("", f"{samples} {near}", 0.9, memorisation.distance_ratio),
            (
                ".seen",
                f"The net comes no closer to the {pictures} it was trained on than to others",
                0.95,
                memorisation.memorisation_seen,
            ),
        )
    ]


def _dedup(method: str, what: str) -> Measure:
    """Precision or recall on the run's photographs, with copies planted among them."""

    def measure(s: Setting) -> Measurement:
        claim.check_photographs(s.run)
        return _planted(s, method)[what]

    return measure


@cache  # precision and recall come from one autoencoder
def _planted(s: Setting, method: str) -> dict[str, Measurement]:
    train, held_out = s.splits()
    count, steps = (400, 300) if s.small else (2000, duplicates.STEPS)
    return planted.measure_planted(train, count, method, seed=s.seed, device=s.place, steps=steps, unseen=held_out)


def _dedup_claims() -> list[Claim]:
    return [
        Claim(
            f"dedup.{what}{suffix}",
            "4.1.1",
            statement,
            "not given" if suffix else paper,
            unit,
            at_least(bound),
            _dedup(method, what),
            trained_on("faces", "rooms"),
            instead_of_lsun,
        )
        for method, suffix, finds in (
            ("autoencoder", "", "The autoencoder's hash finds"),
            ("exact", ".exact", "For comparison: equal bytes find"),
            ("average_hash", ".average_hash", "For comparison: an average hash finds"),
        )
        for what, statement, paper, unit, bound in (
            ("precision", f"{finds} near duplicates with few false positives", "> 0.99", "share of found pairs", 0.99),
            ("recall", f"{finds} at least half of the planted near duplicates", "not given", "share of planted pairs", 0.5),
        )
    ]


def _detector_recall(s: Setting) -> Measurement:
    """On photographs that are held out: the cascade and its settings were chosen on the others."""
    claim.check_photographs(s.run)
    return detection.detector_recall(s.pictures("test").images[: 100 if s.small else None], face_detector.detect, s.seed)


CLAIMS = [
    ablation("beta1", "4", "beta1 = 0.5 is better than 0.9", "0.9: oscillation, instability"),
    ablation("lr", "4", "A learning rate of 0.0002 is better than 0.001", "0.001 is too high"),
    ablation(
        "updates",
        "4",
        "One net a batch, as the authors', is no better and no worse than both",
        "not given (code: one)",
        between(*variants.BAND),
    ),
    *_memorisation_claims(),
    *_dedup_claims(),
    Claim(
        "faces.detector_recall",
        "4.2",
        "OpenCV's face detector finds the faces in photographs",
        "not given",
        "share of faces",
        at_least(0.5),
        _detector_recall,
        trained_on("faces"),
        lambda run: "aligned faces (CelebA) pasted into textured canvases instead of photographs from the web",
        of_weights=False,
    ),
]
