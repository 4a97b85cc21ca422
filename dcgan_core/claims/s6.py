"""Section 6, what the nets know: walks (6.1), D's features (6.2), forgetting (6.3.1) and arithmetic with z (6.3.2)."""

from functools import cache, partial

from dcgan_core.claims.claim import NOT_IN_PAPER, Claim, Measure, Setting, at_least, at_most, instead_of_lsun, trained_on
from dcgan_core.drawings import scenes
from dcgan_core.inside import arithmetic, attribution, forgetting, marking
from dcgan_core.intervals import Measurement
from dcgan_core.metrics import walks
from dcgan_core.probes import features
from dcgan_core.readers import finder, judges
from dcgan_core.runs import Run

_drawn_rooms = trained_on("drawn-rooms")
_faces_or_drawn = trained_on("faces", *scenes.NAMES)


# --- 6.1: walking in z ------------------------------------------------------------------------------------------------


def _smoothness(s: Setting) -> Measurement:
    return walks.walk_smoothness(s.generator(), pairs=40 if s.small else 1000, seed=s.seed)


def _walk_features(s: Setting) -> Measurement:
    seen = partial(features.pooled_features, s.discriminator())
    return walks.walk_smoothness(s.generator(), pairs=20 if s.small else 300, seed=s.seed, features=seen)


def _walk_nearest(s: Setting) -> Measurement:
    """Drawings are drawn again. A run that learnt from an earlier version of them saw the same with another grain, which is
    far less than lies between two drawings, so that copies would show all the same."""
    name, size = s.run.info["config"]["data"], s.run.architecture.size
    if name not in scenes.NAMES:
        train, held_out = s.photographs()
    elif s.small:  # a few are drawn sooner than all
        train, held_out = (scenes.draw(name, count, size, seed).images for count, seed in ((2000, 0), (200, 1)))
    else:
        train, held_out = s.splits()
    return walks.walk_nearest(s.generator(), train, held_out, pairs=20 if s.small else 150, seed=s.seed)


def _walk_claims() -> list[Claim]:
    of_the_way = "share of the way, largest of 16 steps"
    return [
        Claim(
            "walk.smoothness",
            "6.1",
            "Walking through z, images change smoothly, without jumps",
            "smooth (by eye)",
            of_the_way,
            at_most(0.5),
            _smoothness,
            lambda run: not run.architecture.num_classes,
            instead_of_lsun,
        ),
        Claim(
            "walk.smoothness.features",
            "6.1",
            "…nor do they jump in the features that D sees",
            "smooth (by eye)",
            of_the_way,
            at_most(0.5),
            _walk_features,
            lambda run: not run.architecture.num_classes and _faces_or_drawn(run),
            instead_of_lsun,
        ),
        Claim(
            "walk.nearest",
            "6.1",
            "The images on the way are no copies of training images: they are no nearer to them than unseen pictures are",
            "not given",
            "ratio of distances",
            at_least(0.9),
            _walk_nearest,
            _faces_or_drawn,
            instead_of_lsun,
        ),
    ]


# --- 6.2: D's features ------------------------------------------------------------------------------------------------


def _saliency(what: str, which: str) -> Measure:
    return lambda s: _focus(s)[what, which]


@cache  # one pass over the drawings serves all rows
def _focus(s: Setting) -> dict[tuple[str, str], Measurement]:
    sizes = {"count": 150, "top": 3, "features": 12, "nets": 1} if s.small else {}
    return attribution.measure_focus(s.discriminator(), seed=s.seed, **sizes)


def _saliency_claims() -> list[Claim]:
    """§6.2 on drawn rooms: the trained D, Ds with random weights, and the gap between them."""
    inside, hits = "share of saliency inside the object", "share of responses"
    rows = []
    for claim_id, what, said, unit in (
        ("saliency.inside_mask", "inside", "half of the saliency of D's features lies inside one kind of object", inside),
        (
            "saliency.inside_mask.any",
            "any",
            "half of the saliency of D's features lies inside objects of whatever kind",
            "share of saliency inside any object",
        ),
        (
            "saliency.inside_mask.best",
            "inside_best",
            "half of the saliency lies inside the object, for the feature that looks at it most",
            inside,
        ),
        ("saliency.pointing", "pointing", "half of the responses have their most salient pixel in the object", hits),
    ):
        paper = "by eye" if claim_id == "saliency.inside_mask" else NOT_IN_PAPER
        rows += [
            (claim_id, f"Trained D: at least {said}", paper, unit, at_least(0.5), (what, "trained")),
            (f"{claim_id}.random", f"Random D: at most {said}", NOT_IN_PAPER, unit, at_most(0.5), (what, "random")),
            (
                f"{claim_id}.gain",
                f"A trained D beats random ones in this: {said.removeprefix('half of ')}",
                paper,
                f"{unit}, difference",
                at_least(0),
                (what, "gain"),
            ),
        ]
    centre = "Always pointing at the picture's centre hits the object at most half of the time"
    rows.append(("saliency.pointing.centre", centre, NOT_IN_PAPER, hits, at_most(0.5), ("centre", "trained")))
    return [
        Claim(i, "6.2", text, paper, unit, rule, _saliency(*key), _drawn_rooms, instead_of_lsun)
        for i, text, paper, unit, rule, key in rows
    ]


# --- 6.3.1: forgetting ------------------------------------------------------------------------------------------------


def _judge(s: Setting) -> judges.Judge:
    return judges.load_judge(s.run.data_name, size=s.run.architecture.size, device=s.place)


def _finder(s: Setting) -> finder.Finder:
    return finder.load_finder(s.run.data_name, size=s.run.architecture.size, device=s.place)


def _forgetting(what: str, which: str, number: str) -> Measure:
    return lambda s: _forgotten(s, what, which)[number]


@cache  # the three rows of one dropping come from the same samples
def _forgotten(s: Setting, what: str, which: str) -> dict[str, Measurement]:
    return forgetting.measure_forgetting(s.generator(), _judge(s), _finder(s), what, which, small=s.small, seed=s.seed)


def _finder_accuracy(s: Setting) -> Measurement:
    return finder.finder_accuracy(_finder(s), "window", 300 if s.small else 4000)


def _finder_agreement(s: Setting) -> Measurement:
    marks = marking.load_marks(forgetting.BY_HAND, s.run)
    return marking.eye_agreement(s.generator(), _finder(s), _judge(s), marks)


def _forgetting_claims() -> list[Claim]:
    """§6.3.1 on drawn rooms: the paper's rule in both readings, a tuned one, and other objects."""
    rows = []
    for suffix, what, which in (
        ("", "window", "paper"),
        (".second_reading", "window", "second reading"),
        (".tuned", "window", "tuned"),
        *((f".{what}{tuned}", what, "tuned" if tuned else "paper") for what in ("bed", "lamp") for tuned in ("", ".tuned")),
    ):
        how = {
            "paper": "",
            "second reading": " (one layer nearer to the picture)",
            "tuned": " (maps chosen one by one, with regard to the rest)",
        }[which]
        objects = f"share of {what}s, by the judge"
        gone = f"Dropping the feature maps that draw {what}s removes most {what}s{how}"
        kept = f"…and keeps {'other things' if suffix else 'the rest of the scene similar'}{how}"
        rest = "share of other objects, by the judge"
        said = NOT_IN_PAPER if suffix else "most (by eye)"
        for claim_id, text, paper, unit, rule, number in (
            ("forgetting.windows_gone", gone, said, objects, at_least(0.5), "gone"),
            ("forgetting.others_kept", kept, NOT_IN_PAPER if suffix else "similar (by eye)", rest, at_least(0.9), "kept"),
            (
                "forgetting.random_maps",
                f"As many maps, dropped at random, remove few {what}s{how}",
                NOT_IN_PAPER,
                objects,
                at_most(0.5),
                "random",
            ),
        ):
            measure = _forgetting(what, which, number)
            rows.append(Claim(claim_id + suffix, "6.3.1", text, paper, unit, rule, measure, _drawn_rooms, instead_of_lsun))
    return rows + [
        Claim(
            "forgetting.finder_accuracy",
            "6.3.1",
            "A small net, trained on exact masks, finds the windows of drawings that it has not seen",
            NOT_IN_PAPER,
            "share of right answers",
            at_least(0.95),
            _finder_accuracy,
            _drawn_rooms,
            of_weights=False,
        ),
        Claim(
            "forgetting.finder_agreement",
            "6.3.1",
            "In samples it finds the windows that were marked by eye",
            NOT_IN_PAPER,
            "share of samples",
            at_least(0.8),
            _finder_agreement,
            lambda run: _drawn_rooms(run) and forgetting.looked_at(run),
        ),
    ]


# --- 6.3.2: arithmetic ------------------------------------------------------------------------------------------------


def _arithmetic(name: str, kind: str) -> Measure:
    return lambda s: arithmetic.measured(s.run, name, s.device, s.seed, small=s.small)[kind]


def _instead_of_web_faces(run: Run) -> str:
    where = "CelebA" if run.data_name == "faces" else run.data_name.replace("-", " ")
    return f"{where} instead of faces from the web"


def _arithmetic_claims(name: str) -> list[Claim]:
    """What is claimed of one of arithmetic.SUMS: three exemplars a term, one, many, and pixels."""
    said, trials, gain = arithmetic.SUMS[name].said, "share of trials", "share of trials, difference"
    others, improved = "share of other attributes", "Thirty a term, their difference twice, and the length of a random z"
    rows = (
        ("success", said, "by eye", trials, at_least(0.5)),
        ("above_chance", f"The sum shows it more often than random samples do: {said}", "by eye", gain, at_least(0)),
        ("others_kept", f"The sum keeps what else its third term shows: {said}", NOT_IN_PAPER, others, at_least(0.8)),
        ("single", f"The same with one exemplar a term instead of three is unstable: {said}", "unstable", trials, at_most(0.5)),
        ("gain", f"The mean of three exemplars a term does better than one: {said}", "by eye", gain, at_least(0)),
        ("many", f"The same with thirty exemplars a term: {said}", NOT_IN_PAPER, trials, at_least(0.5)),
        ("improved", f"{improved}: {said}", NOT_IN_PAPER, trials, at_least(0.8)),
        ("pixels", f"The same arithmetic with pixels fails: {said}", "noisy overlays", trials, at_most(0.5)),
    )
    fits = trained_on(arithmetic.DATA[name])
    measures = {i: _arithmetic(name, "three" if i == "success" else i) for i, *_ in rows}
    return [Claim(f"arithmetic.{name}.{i}", "6.3.2", *row, measures[i], fits, _instead_of_web_faces) for i, *row in rows]


def _turn_claims() -> list[Claim]:
    rows = (
        ("monotone", "A turn vector from four and four faces turns others", "by eye", "share of trials", at_least(0.5)),
        ("identity", "…and leaves them who they are", "by eye", "share of other factors", at_least(0.8)),
    )
    fits = trained_on("drawn-portraits")
    return [Claim(f"turn.{i}", "6.3.2", *row, _arithmetic("turn", i), fits, _instead_of_web_faces) for i, *row in rows]


CLAIMS = [
    *_walk_claims(),
    *_saliency_claims(),
    *_forgetting_claims(),
    *(c for name in arithmetic.SUMS for c in _arithmetic_claims(name)),
    *_turn_claims(),
]
