"""Section 6, what the nets know: walks (6.1), D's features (6.2), forgetting (6.3.1) and arithmetic with z (6.3.2)."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from dcgan_core.claims import claim
from dcgan_core.claims.claim import MORE, NOT_IN_PAPER, Claim, Measure, Rule, Setting, at_least, at_most, trained_on
from dcgan_core.drawings import scenes
from dcgan_core.inside import arithmetic, attribution, forgetting, seen
from dcgan_core.intervals import Measurement
from dcgan_core.metrics import walks
from dcgan_core.probes import features
from dcgan_core.readers import judges
from dcgan_core.runs import Run

_drawn_rooms = trained_on("drawn-rooms")
_of_rooms = partial(Claim, fits=_drawn_rooms, instead=claim.instead_of_lsun)
_faces_or_drawn = trained_on("faces", *scenes.NAMES)
Said = tuple[str, str, str, str, Rule | None]  # name, statement, what the paper says, unit, rule

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


@cache  # both rows come from the same walks
def _objects(s: Setting) -> dict[str, Measurement]:
    """By the judge; in the details by a second one of another architecture, the finder, which only says yes or no."""
    how = {"pairs": 30 if s.small else 500, "seed": s.seed}
    found = walks.walk_objects(s.generator(), partial(judges.statements, s.judge()), **how)
    other = walks.walk_objects(s.generator(), s.finder().read, **how)["objects"]
    found["objects"].details["by_the_finder"] = [other.value, other.low, other.high]
    return found


def _walk_claims() -> list[Claim]:
    of_the_way = "share of the way, largest of 16 steps"
    not_conditional = lambda run: not run.architecture.num_classes  # noqa: E731
    rows: tuple[tuple[*Said, Measure | None, Callable[[Run], bool]], ...] = (
        (
            "plausible",
            "Every image of a walk is plausible: a judge hesitates hardly more (3 answers in 100) on the way than at its ends",
            "plausible (by eye)",
            "share of answers between 10 and 90 % sure, difference",
            at_most(0.03),
            lambda s: _objects(s)["plausible"],
            _drawn_rooms,
        ),
        (
            "objects",
            "Objects come and go in more than one step, not all of them at once",
            "without sharp transitions (by eye)",
            "share of walks whose ends differ in two objects or more",
            at_least(0.9),
            lambda s: _objects(s)["objects"],
            _drawn_rooms,
        ),
        ("smoothness", "The largest step of a walk", NOT_IN_PAPER, of_the_way, None, _smoothness, not_conditional),
        (
            "smoothness.features",
            "The largest step of a walk in the features that D sees",
            NOT_IN_PAPER,
            of_the_way,
            None,
            _walk_features,
            lambda run: not_conditional(run) and _faces_or_drawn(run),
        ),
        (
            "nearest",
            "Images on the way beside unseen pictures: how near to training images",
            NOT_IN_PAPER,
            "ratio of distances",
            None,
            _walk_nearest,
            _faces_or_drawn,
        ),
    )
    return [
        Claim(
            f"walk.{row[0]}", "6.1", *row[1:], claim.instead_of_lsun, kind="paper" if row[4] else "comparison", varies="draws"
        )
        for row in rows
    ]


# --- 6.2: D's features ------------------------------------------------------------------------------------------------


def _saliency(what: str, which: str) -> Measure:
    return lambda s: _focus(s)[what, which]


@cache  # one pass over the drawings serves all rows
def _focus(s: Setting) -> dict[tuple[str, str], Measurement]:
    sizes = {"count": 150, "top": 3, "features": 12, "nets": 1} if s.small else {}
    return attribution.measure_focus(s.discriminator(), seed=s.seed, **sizes)


def _saliency_claims() -> list[Claim]:
    """§6.2 on drawn rooms: how many features look into their object; and means over all features, of which nobody claims
    anything: the trained D's, those of Ds with random weights, and the gap between them."""
    inside, hits = "share of saliency inside the object", "share of responses"
    minority = _of_rooms(
        "saliency.looking",
        "6.2",
        "A minority of D's features look into their object more than at the rest; of a random D's, fewer do",
        "a significant minority (by eye)",
        "share of features, difference",
        MORE,
        _saliency("looking", "gain"),
        varies="features",
    )
    rows = []
    for claim_id, what, said, unit in (
        ("saliency.inside_mask", "inside", "saliency of its features inside one kind of object", inside),
        (
            "saliency.inside_mask.any",
            "any",
            "saliency of its features inside objects of whatever kind",
            "share of saliency inside any object",
        ),
        (
            "saliency.inside_mask.best",
            "inside_best",
            "saliency inside the object, for the feature that looks at it most",
            inside,
        ),
        ("saliency.pointing", "pointing", "responses whose most salient pixel lies in the object", hits),
    ):
        rows += [
            (claim_id, f"A trained D's {said}", unit, (what, "trained")),
            (f"{claim_id}.random", f"A random D's {said}", unit, (what, "random")),
            (f"{claim_id}.gain", f"A trained D's {said}, less random Ds'", f"{unit}, difference", (what, "gain")),
        ]
    rows.append(("saliency.pointing.centre", "Always pointing at the picture's centre", hits, ("centre", "trained")))
    how: dict[str, Any] = {"kind": "comparison", "varies": "features"}
    return [minority] + [
        _of_rooms(i, "6.2", said, NOT_IN_PAPER, unit, None, _saliency(*key), of_weights=not i.endswith(".random"), **how)
        for i, said, unit, key in rows
    ]


# --- 6.3.1: forgetting ------------------------------------------------------------------------------------------------


def _forgetting(what: str, which: str, number: str) -> Measure:
    return lambda s: _forgotten(s, what, which)[number]


@cache  # the three rows of one dropping come from the same samples
def _forgotten(s: Setting, what: str, which: str) -> dict[str, Measurement]:
    return forgetting.measure_forgetting(s.generator(), s.judge(), s.finder(), what, which, small=s.small, seed=s.seed)


def _forgetting_claims() -> list[Claim]:
    """§6.3.1 on drawn rooms: the paper's rule in both readings, a tuned one, and other objects. By the judge throughout, which
    calls a window gone that the eye still sees as something dim: what was seen by eye is in `forgetting.BY_EYE`."""
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
        objects, rest = f"share of {what}s, by the judge", "share of other objects, by the judge"
        gone = f"Dropping the feature maps that draw {what}s removes most {what}s, to the judge{how}"
        kept = f"Dropping the feature maps that draw {what}s: the share of other things kept{how}"
        chance = f"As many maps, dropped at random: the {what}s that go{how}"
        most = ("most (by eye)", at_least(0.5), "paper") if not suffix else (NOT_IN_PAPER, None, "comparison")
        for claim_id, text, unit, number, varies, (paper, rule, kind) in (
            ("forgetting.windows_gone", gone, objects, "gone", "images", most),
            ("forgetting.others_kept", kept, rest, "kept", "images", (NOT_IN_PAPER, None, "comparison")),
            ("forgetting.random_maps", chance, objects, "random", "draws", (NOT_IN_PAPER, None, "comparison")),
        ):
            measure = _forgetting(what, which, number)
            rows.append(_of_rooms(claim_id + suffix, "6.3.1", text, paper, unit, rule, measure, kind=kind, varies=varies))
    return [
        *rows,
        _of_rooms(
            "forgetting.rest",
            "6.3.1",
            "The rest of the scene stays similar: other things are kept as often as when as many maps are dropped at random",
            "similar (by eye)",
            "share of other objects, by the judge, difference",
            at_least(-0.05),
            _forgetting("window", "paper", "rest"),
            varies="draws",
        ),
    ]


def _photographed_claims() -> list[Claim]:
    """The same as the paper did it: on photographs, with windows marked by hand, and judged by eye. The eye saw the
    pictures in random order, without knowing which maps were dropped; a window that it is unsure of counts as left."""

    def gone(which: str) -> Measure:
        return lambda s: seen.windows_gone(s.run, which)

    unit, left = "share of samples, by eye", " (unclear ones count as left)"
    said = "Dropping the feature maps that draw windows removes most windows from rooms learnt from photographs"
    lost = "Rooms learnt from photographs: windows gone after dropping"
    similar = "The scene stays similar: its kind is named as before as often as when as many random maps are dropped"
    rows: tuple[tuple[*Said, Measure], ...] = (
        ("windows_gone", said, "most (by eye)", unit + left, at_least(0.5), gone("paper")),
        ("windows_gone.fewest", f"{lost} the fewest maps that will do", NOT_IN_PAPER, unit + left, None, gone("fewest")),
        ("windows_gone.random", f"{lost} as many maps at random", NOT_IN_PAPER, unit + left, None, gone("random")),
        ("windows_gone.again", f"{lost} none (the same again)", NOT_IN_PAPER, unit + left, None, gone("again")),
        ("rest", similar, "similar (by eye)", f"{unit}: difference", at_least(-0.05), lambda s: seen.rooms_kept(s.run)),
    )
    how: dict[str, Any] = {"fits": lambda run: forgetting.looked_at(run, seen.ROOMS_BY_EYE), "instead": claim.instead_of_lsun}
    wrecked = {"rest": lambda result: _wrecked(result.get("details", {}))}
    return [
        Claim(
            f"forgetting.photographs.{i}",
            *("6.3.1", said, paper, unit, rule, m),
            kind="paper" if rule else "comparison",
            setting=wrecked.get(i, lambda result: ""),
            **how,
        )
        for i, said, paper, unit, rule, m in rows
    ]


def _wrecked(kept: dict[str, list[float]]) -> str:
    """Where random maps leave next to no room what it was, keeping as much as they do says nothing."""
    return "as many random maps already wreck the rooms" if kept.get("random", [1.0])[0] < 0.2 else ""


# --- 6.3.2: arithmetic ------------------------------------------------------------------------------------------------


def _arithmetic(name: str, kind: str) -> Measure:
    return lambda s: arithmetic.measured(s.run, name, s.device, s.seed, small=s.small)[kind]


def _instead_of_web_faces(run: Run) -> str:
    where = "CelebA" if run.data_name == "faces" else run.data_name.replace("-", " ")
    return f"{where} instead of faces from the web"


def _arithmetic_claims(name: str) -> list[Claim]:
    """What is claimed of one of arithmetic.SUMS, and what to compare it with: one exemplar a term, many, and pixels."""
    said, trials, gain = arithmetic.SUMS[name].said, "share of trials", "share of trials, difference"
    others, improved = "share of other attributes", "Thirty a term, their difference twice, and the length of a random z"
    rows: tuple[Said, ...] = (
        ("success", f"The sum shows it in most trials: {said}", "by eye", trials, at_least(0.5)),
        ("above_chance", f"The sum shows it more often than random samples do: {said}", "by eye", gain, MORE),
        ("gain", f"Means of three exemplars a term are more stable than single ones: {said}", "by eye", gain, MORE),
        ("pixels", f"The same arithmetic with pixels fails: {said}", "noisy overlays", trials, at_most(0.5)),
        ("pixels_moved", f"Arithmetic with pixels of unaligned pictures fails: {said}", "noisy overlays", trials, at_most(0.5)),
        ("others_kept", f"What else the sum keeps of its third term: {said}", NOT_IN_PAPER, others, None),
        ("single", f"The same with one exemplar a term instead of three: {said}", NOT_IN_PAPER, trials, None),
        ("many", f"The same with thirty exemplars a term: {said}", NOT_IN_PAPER, trials, None),
        ("improved", f"{improved}: {said}", NOT_IN_PAPER, trials, None),
    )
    fits = trained_on(arithmetic.DATA[name])
    settings: dict[str, Callable[[dict], str]] = {
        "pixels": lambda result: "aligned pictures; the paper's pixel sums fail for want of alignment",
        "pixels_moved": lambda result: _blind(result.get("details", {}).get("success", {})),
    }
    measures = {i: _arithmetic(name, "three" if i == "success" else i) for i, *_ in rows}
    return [
        Claim(
            f"arithmetic.{name}.{row[0]}",
            "6.3.2",
            *row[1:],
            measures[row[0]],
            (lambda run: fits(run) and run.architecture.size == 64) if row[0] == "pixels_moved" else fits,
            _instead_of_web_faces,
            kind="paper" if row[-1] else "comparison",
            varies="draws",
            setting=settings.get(row[0], lambda result: ""),
        )
        for row in rows
        if row[0] != "pixels_moved" or name.startswith("drawn")  # photographs have no judge that learnt from moved ones
    ]


def _blind(success: dict[str, float]) -> str:
    """Where the judge of moved pictures overlooks more than a fifth of what the other sees: in sums of z, or in overlays."""

    def overlooks(what: str, unmoved: str) -> bool:
        return success.get(what, 1.0) < 0.8 * success.get(unmoved, 0.0)

    if overlooks("three_moved", "three"):
        return "the judge does not see in a picture that was moved what it sees in one that was not"
    if overlooks("pixels_unmoved", "pixels"):
        return "the judge of moved pictures does not see in overlays of aligned ones what the other judge sees"
    return ""


def _turn_claims() -> list[Claim]:
    """Fig 8 claims that pose turns reliably, and nothing of who is turned."""
    turn = "A turn vector from four and four faces turns others reliably"
    rows: tuple[Said, ...] = (
        ("monotone", turn, "by eye", "share of trials", at_least(0.5)),
        ("identity", "What else of a face stays while it turns", NOT_IN_PAPER, "share of other factors", None),
    )
    fits = trained_on("drawn-portraits")
    return [
        Claim(
            f"turn.{row[0]}",
            "6.3.2",
            *row[1:],
            _arithmetic("turn", row[0]),
            fits,
            _instead_of_web_faces,
            kind="paper" if row[-1] else "comparison",
            varies="draws",
        )
        for row in rows
    ]


CLAIMS = [
    *_walk_claims(),
    *_saliency_claims(),
    *_forgetting_claims(),
    *_photographed_claims(),
    *(c for name in arithmetic.SUMS for c in _arithmetic_claims(name)),
    *_turn_claims(),
]
