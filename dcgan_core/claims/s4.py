"""Section 4, training: momentum and learning rate; LSUN (4.1), its near duplicates (4.1.1) and faces (4.2)."""

from collections.abc import Callable
from functools import cache

from dcgan_core.ablations import variants
from dcgan_core.claims import claim
from dcgan_core.claims.claim import NOT_IN_PAPER, Claim, Measure, Setting, at_least, at_most, instead_of_lsun, trained_on
from dcgan_core.data import duplicates, face_detector, planted
from dcgan_core.inside import forgetting, seen
from dcgan_core.intervals import Measurement
from dcgan_core.metrics import detection, memorisation
from dcgan_core.metrics.efficientnet import efficientnet_distance


def _memorisation(metric: Callable[..., Measurement]) -> Measure:
    """With training and held-out photographs, which must be those of the run."""
    return lambda s: metric(s.generator(), *s.photographs(), 400 if s.small else 5000, seed=s.seed)


def _copies(s: Setting) -> Measurement:
    train, held_out = s.photographs()
    return memorisation.copies(memorisation.generate_samples(s.generator(), 400 if s.small else 5000, s.seed), train, held_out)


def _memorisation_claims() -> list[Claim]:
    """One claim, of copies in rooms; of faces the paper says nothing, so there it is a control.

    The two ratios of distances beside it are no test of one: see what planted copies do to each.
    """
    near = "beside unseen photographs: how near to training images"
    how = (
        (
            "copies",
            "few {samples} are copies of training images, moved or mirrored ones included",
            "unlikely (argued)",
            "share of samples, less that of unseen pictures: difference",
            at_most(0.02),
            _copies,
            "paper",
        ),
        ("", "{samples} " + near, NOT_IN_PAPER, "ratio of distances", None, memorisation.distance_ratio, "comparison"),
        (
            "seen",
            "training {pictures} beside unseen ones: how near to the {samples}",
            NOT_IN_PAPER,
            "ratio of distances",
            None,
            memorisation.memorisation_seen,
            "comparison",
        ),
    )
    return [
        Claim(
            ".".join(part for part in ("memorisation", name, suffix) if part),
            "4.1",
            (said := statement.format(samples=samples, pictures=pictures))[0].upper() + said[1:],
            paper if name == "rooms" else NOT_IN_PAPER,
            unit,
            rule,
            metric if metric is _copies else _memorisation(metric),
            trained_on(data),
            instead_of_lsun,
            kind="control" if rule and name == "faces" else kind,
        )
        for name, data, samples, pictures in (
            ("faces", "faces", "samples", "photographs"),
            ("rooms", "places-rooms", "samples of rooms", "rooms"),
        )
        for suffix, statement, paper, unit, rule, metric, kind in how
    ]


def _dedup(method: str, what: str) -> Measure:
    """Precision or recall on the run's photographs, with copies planted among them."""

    def measure(s: Setting) -> Measurement:
        claim.check_photographs(s.run)
        if method != "equal":
            return _planted(s, method)[what]
        found = _planted(s, "autoencoder")[what]
        shared = {key: found.details[key] for key in ("photographs", "left_out", "planted", "by_radius")}
        return Measurement(**found.details["by_radius"][0][what], seconds=found.seconds, details=shared | {"radius": 0})

    return measure


@cache  # precision and recall come from one autoencoder
def _planted(s: Setting, method: str) -> dict[str, Measurement]:
    train, held_out = s.splits()
    count, steps = (400, 300) if s.small else (2000, duplicates.STEPS)
    return planted.measure_planted(train, count, method, seed=s.seed, device=s.place, steps=steps, unseen=held_out)


def _dedup_claims() -> list[Claim]:
    """Two claims, by the paper's own rule, equal codes. Both numbers depend on how the copies were changed, and on how many
    photographs there are: pairs to go wrong grow with their square."""
    near = f"codes at most {duplicates.RADIUS} bits apart"
    return [
        Claim(
            f"dedup.{what}{suffix}",
            "4.1.1",
            f"Equal codes, the paper's rule, find {said}" if kind == "paper" else f"For comparison: {compared} by {how}",
            paper if kind == "paper" else NOT_IN_PAPER,
            f"share of {pairs} pairs",
            at_least(bound) if kind == "paper" else None,
            _dedup(method, what),
            trained_on("faces", "places-rooms"),
            instead_of_lsun,
            kind=kind,
        )
        for method, suffix, how, kind in (
            ("equal", ".equal_codes", "", "paper"),
            ("autoencoder", "", near, "comparison"),
            ("exact", ".exact", "equal bytes", "comparison"),
            ("average_hash", ".average_hash", "an average hash", "comparison"),
        )
        for what, said, compared, paper, pairs, bound in (
            ("precision", "near duplicates, with fewer than 1 in 100 false", "right pairs found", "> 0.99", "found", 0.99),
            ("recall", "most of the planted near duplicates", "planted copies found", "275,000 removed: high", "planted", 0.5),
        )
    ]


def _detector_recall(s: Setting) -> Measurement:
    """On photographs that are held out: the cascade and its settings were chosen on the others."""
    claim.check_photographs(s.run)
    return detection.detector_recall(s.pictures("test").images[: 100 if s.small else None], face_detector.detect, s.seed)


def _frechet(name: str, section: str, what: str, *data: str) -> Claim:
    """For those who compare with other generators: a Fréchet distance whose net anyone can install."""

    def measure(s: Setting) -> Measurement:
        claim.check_photographs(s.run)
        pictures = s.pictures("train")
        return efficientnet_distance(s.generator(), pictures, min(len(pictures), 64 if s.small else 5000), s.seed)

    said = f"For comparison: the Fréchet distance of {what} from training pictures, in EfficientNet-lite0's features"
    unit = "Fréchet distance; ten bootstrap draws, so that the interval covers about 80 %"
    how: dict = {"on_request": True, "kind": "comparison"}
    return Claim(f"frechet.{name}", section, said, NOT_IN_PAPER, unit, None, measure, trained_on(*data), **how)


CLAIMS = [
    claim.ablation("beta1", "4", "beta1 = 0.5 is better than 0.9", "0.9: oscillation, instability"),
    claim.stability("beta1", "4", "Fewer runs fail with beta1 = 0.5 than with 0.9", "0.9: oscillation, instability"),
    claim.ablation("lr", "4", "A learning rate of 0.0002 is better than 0.001", "0.001 is too high"),
    claim.ablation(
        "updates",
        "4",
        "One net a batch, as the authors', is no better and no worse than both",
        "not given (code: one)",
        claim.between(*variants.BAND),
    ),
    *_memorisation_claims(),
    Claim(
        "samples.rooms.named",
        "4.1",
        "To the eye, most samples of rooms show one of a kind that can be named",
        NOT_IN_PAPER,
        "share of samples, by eye",
        at_least(0.5),
        lambda s: seen.rooms_named(s.run),
        lambda run: forgetting.looked_at(run, seen.ROOMS_BY_EYE),
        kind="control",
    ),
    _frechet("rooms", "4.1", "samples of rooms", "places-rooms"),
    Claim(
        "lsun.underfitting",
        "4.1",
        "After five passes, textures of noise repeated across samples suggest under-fitting",
        "by eye",
        "not chosen",
        None,
    ),
    *_dedup_claims(),
    Claim(
        "faces.detector_recall",
        "4.2",
        "OpenCV's face detector finds the faces in photographs",
        NOT_IN_PAPER,
        "share of faces",
        None,
        _detector_recall,
        trained_on("faces"),
        lambda run: "aligned faces (CelebA) pasted into textured canvases instead of photographs from the web",
        of_weights=False,
        kind="control",
    ),
    _frechet("faces", "4.2", "sampled faces", "faces"),
    _frechet("imagenet", "4.3", "samples of ImageNet's kind", "imagenet32", "tiny-imagenet", "imagenet"),
]
