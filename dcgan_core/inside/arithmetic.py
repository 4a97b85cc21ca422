"""Does a sum of z show the sum of what its terms show: smiling woman - neutral woman + neutral man? (Paper §6.3.2, Fig 7)"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dcgan_core import devices, latent
from dcgan_core.drawings import scenes
from dcgan_core.errors import UserError
from dcgan_core.inside import exemplars, turning, weights_of
from dcgan_core.inside.exemplars import Concept, Pool, Reads
from dcgan_core.intervals import Measurement, bootstrap, share, student, timed
from dcgan_core.networks import Discriminator, Generator, to_input, to_pixels
from dcgan_core.readers import attributes, judges
from dcgan_core.readers.fitting import move
from dcgan_core.runs import Run

SMALL, LARGE = 2000, 10_000  # random z looked at for exemplars: before a reader's eyes, measured
SETS = 10  # of thirty exemplars, at least, where they can be had: of fewer the mean is hardly known
TWICE = 2.0  # how much of first - second is added in `improved`; chosen on z of another seed, by the judge


@dataclass(frozen=True)
class Sum:
    """first - second + third should show `result`; what else the third shows (`others`) should stay."""

    first: Concept
    second: Concept
    third: Concept
    result: Concept
    others: tuple[str, ...]

    @property
    def terms(self) -> tuple[Concept, Concept, Concept]:
        return self.first, self.second, self.third

    @property
    def said(self) -> str:
        """The sum in words: a - b + c = d, names of several words in brackets."""
        a, b, c, d = (f"({x.name})" if "," in x.name else x.name for x in (*self.terms, self.result))
        return f"{a} - {b} + {c} = {d}"

    @property
    def added(self) -> Concept:
        """The part of the result that the third term does not show."""
        return Concept("added", {k: there for k, there in self.result.shows.items() if self.third.shows[k] != there})

    @property
    def kept(self) -> Concept:
        """The part of the result that the third term shows already."""
        return Concept("kept", {k: there for k, there in self.result.shows.items() if self.third.shows[k] == there})


def _sum(added: str, kept: str, from_kept: bool, names: tuple[str, str, str, str], others: tuple[str, ...]) -> Sum:
    """`added` moves from those that have `kept` (or not: from_kept) to the others."""
    first, second, third, result = names
    return Sum(
        Concept(first, {added: True, kept: from_kept}),
        Concept(second, {added: False, kept: from_kept}),
        Concept(third, {added: False, kept: not from_kept}),
        Concept(result, {added: True, kept: not from_kept}),
        others,
    )


# The counterpart of woman and man in drawings is long and short hair: like them it changes a large part of the picture, and it
# covers neither mouth nor eyes. A beard lies around the mouth, where the smile is to be seen.
SUMS = {
    "drawn_smile": _sum(
        "smile",
        "long_hair",
        True,
        ("smiling, long hair", "neutral, long hair", "neutral, short hair", "smiling, short hair"),
        ("glasses", "beard"),
    ),
    "drawn_glasses": _sum(
        "glasses",
        "long_hair",
        False,
        ("glasses, short hair", "no glasses, short hair", "no glasses, long hair", "glasses, long hair"),
        ("smile", "beard"),
    ),
    "faces_smile": _sum(
        "Smiling", "Male", False, ("smiling woman", "neutral woman", "neutral man", "smiling man"), ("Eyeglasses",)
    ),
    "faces_glasses": _sum(
        "Eyeglasses",
        "Male",
        True,
        ("man with glasses", "man without glasses", "woman without glasses", "woman with glasses"),
        ("Smiling",),
    ),
}
DATA = {name: "faces" if name.startswith("faces") else "drawn-portraits" for name in SUMS}


def readers(run: Run, device: torch.device | str = "cpu") -> tuple[Reads, Reads]:
    """The classifier that selects exemplars, and the one that judges results: trained on different pictures."""
    if run.data_name == attributes.DATA:
        selecting, judging = (attributes.load_attributes(h, device) for h in (attributes.SELECTING, attributes.JUDGING))
        return selecting.read, judging.read
    if run.data_name != "drawn-portraits":
        raise UserError(f"{run.path}: nothing here reads attributes off {run.data_name}; use faces or drawn-portraits")

    def reader(seed: int) -> Reads:
        judge = judges.load_judge(run.data_name, seed, run.architecture.size, device)
        return lambda images: (answers := judge.read(images)) | judges.ways(answers["pose"])

    return reader(1), reader(0)


# --- trials -----------------------------------------------------------------------------------------------------------


def around(z: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """`count` neighbours of each z with uniform noise in (-0.25, 0.25) (paper, Fig 7): … x latent -> … x count x latent."""
    shape = (*z.shape[:-1], count, z.shape[-1])
    return z[..., None, :] + (torch.rand(shape, generator=rng, device=rng.device).to(z.device) * 2 - 1) * 0.25


def nine(z: Tensor, rng: torch.Generator) -> Tensor:
    """Fig 7's square of nine: z (latent) in the middle, eight of its neighbours around it. Returns 9 x latent."""
    neighbours = around(z, 8, rng)
    return torch.cat([neighbours[:4], z[None], neighbours[4:]])


def pixel_sum(generator: Generator, terms: list[Tensor], moved: torch.Generator | None = None) -> np.ndarray:
    """The same arithmetic with pixels (paper, Fig 7, below): mean images instead of mean z.

    terms: three times trials x count x latent. moved: a random generator, to `move` each exemplar, as photographs that nobody
    has aligned. Returns uint8, trials x C x S x S.
    """
    shown = [latent.generate(generator, z.flatten(0, 1)) for z in terms]
    if moved is not None:
        shown = [move(images, moved) for images in shown]
    means = [images.unflatten(0, z.shape[:2]).mean(1) for images, z in zip(shown, terms, strict=True)]
    a = generator.architecture
    picture = (means[0] - means[1] + means[2]).clamp(-1 if a.output == "tanh" else 0, 1)
    return to_pixels(picture, a).cpu().numpy()


def _as_long_as(z: Tensor, length: float) -> Tensor:
    """The same directions, all of this length."""
    return z * (length / z.norm(dim=-1, keepdim=True).clamp_min(1e-6))


@dataclass(frozen=True)
class _Chosen:
    """The exemplars of every trial, for each of the three terms."""

    three: list[Tensor]  # trials x 3 x latent
    many: list[Tensor]  # trials x latent: the mean of thirty, or of as many as there are
    sets: dict[str, int]  # how many sets of three, of many, serve in the trials
    details: dict


def _choose(candidates: Pool, arithmetic: Sum, count: int, rng: torch.Generator) -> _Chosen:
    found = {concept.name: candidates.of(concept) for concept in arithmetic.terms}
    three = [exemplars.choose_sets(z, name, count, exemplars.FEW, rng) for name, z in found.items()]
    thirty = {name: min(exemplars.MANY, max(len(z), 1)) for name, z in found.items()}
    many = [latent.mean(exemplars.choose_sets(z, name, count, thirty[name], rng)) for name, z in found.items()]
    sets = {
        "three": min(len(z) // exemplars.FEW for z in found.values()),
        "many": min(len(z) // thirty[name] for name, z in found.items()),
    }
    there = {name: len(z) for name, z in found.items()}
    return _Chosen(three, many, sets, {"exemplars": there, "exemplars_of_many": min(thirty.values()), "sets": sets})


def _sums(chosen: _Chosen, fresh: Tensor) -> dict[str, Tensor]:
    """The z of every kind of sum, and of what it is compared with: N x latent each. fresh: random z that no trial has."""
    length = float(fresh.norm(dim=1).mean())
    three, single = chosen.three, [z[:, 0] for z in chosen.three]
    return {
        "three": latent.combine([latent.mean(z) for z in three]),
        "single": latent.combine(single),
        "single_scaled": _as_long_as(latent.combine(single), length),
        "many": latent.combine(chosen.many),
        "many_scaled": _as_long_as(latent.combine(chosen.many), length),
        "improved": _as_long_as(latent.combine(chosen.many, [TWICE, -TWICE, 1]), length),
        "one_face": latent.combine([*chosen.many[:2], single[2]], [TWICE, -TWICE, 1]),
        "third_single": single[2],
        "third_term": latent.mean(three[2]),
        "random": fresh,
    }


def trials(
    generator: Generator,
    candidates: Pool,
    judge: Reads,
    arithmetic: Sum,
    count: int,
    *,
    seed: int = 0,
    discriminator: Discriminator | None = None,
    moved: Reads | None = None,
) -> dict[str, Measurement]:
    """How often does the sum show what it should? `count` trials, each with exemplars of its own among the candidates.

    A trial is a success where `judge` reads off the result both what was added and what was kept. Returns shares for `three`
    (the mean of three exemplars for each term), `single` (one of the three), `many` (thirty), `improved` (thirty, the
    difference counted twice, and the sum brought to the length of a random z), `pixels` (the three, with pixels), and `gain`:
    three minus single. `above_chance` is three minus the share of random samples that show the same; `others_kept` the share
    of other attributes that are as in the mean of the third term. Where exemplars are few (`exemplars` in the details), sets of
    them serve in many trials, and intervals are over sets (`sets`); a single set says nothing of other sets, and its interval
    is one over trials alone.

    moved: a judge of pictures that were moved. Then there is `pixels_moved` too: `pixels`, with each exemplar moved by itself;
    and in its details `three_moved` and `random_moved`, what this judge reads off pictures that were moved as a whole, and
    `pixels_unmoved`, what it reads off `pixels`.

    `three` has in its details what helps to read them; `one_face` there is the difference of thirty, twice, added to a single
    exemplar of the third term: does that face stay what it is otherwise (`others_kept`)?
    """
    with timed() as seconds:
        rng = torch.Generator().manual_seed(seed)
        chosen = _choose(candidates, arithmetic, count, rng)
        fresh = latent.sample(generator.architecture, 4 * count, torch.Generator().manual_seed(seed + 1_000_000))
        sums = _sums(chosen, fresh)
        images = {key: latent.generate_pixels(generator, z) for key, z in sums.items()}
        images["pixels"] = pixel_sum(generator, chosen.three)
        if moved is not None:
            moves = torch.Generator().manual_seed(seed + 2_000_000)
            images |= {"pixels_moved": pixel_sum(generator, chosen.three, moves), "pixels_unmoved": images["pixels"]}
            for key in ("three", "random"):
                whole = move(latent.generate(generator, sums[key]), moves)
                images[f"{key}_moved"] = to_pixels(whole, generator.architecture).cpu().numpy()
        answers = {
            key: (moved if moved and key.endswith(("_moved", "_unmoved")) else judge)(pictures)
            for key, pictures in images.items()
        }
        right = {key: arithmetic.result.shown(a) for key, a in answers.items()}
        others = _others_kept(answers, arithmetic.others)
        neighbours = around(sums["three"], 8, rng).flatten(0, 1)
        near = arithmetic.result.shown(judge(latent.generate_pixels(generator, neighbours)))
        success = _means(right)
        details = {
            "success": success,
            "base_rate": success["random"],
            "neighbours": round(float(near.mean()), 4),
            "added": _means({key: arithmetic.added.shown(a) for key, a in answers.items()}),
            "kept": _means({key: arithmetic.kept.shown(a) for key, a in answers.items()}),
            "others_kept": _means(others),
            "length_of_z": _means({key: z.norm(dim=1).numpy() for key, z in sums.items()}),
            **chosen.details,
        }
        if discriminator is not None:  # how far D takes them for data
            details["D"] = _means({key: _believed(discriminator, pictures[:count]) for key, pictures in images.items()})
        kinds = ("three", "single", "many", "improved", "pixels", "pixels_moved")
        values = {key: right[key] for key in kinds if key in right}
        three = right["three"].astype(float)
        values |= {"gain": three - right["single"], "above_chance": three, "others_kept": others["three"]}
        measured = {}
        for key, each in values.items():
            sets = np.arange(count) % chosen.sets["many" if key in ("many", "improved") else "three"]
            minus = right["random"] if key == "above_chance" else None  # from z that no trial has
            measured[key] = Measurement(*_over_sets(each, sets, seed, minus), count, seconds())
        measured["three"].details = details
        if moved is not None:
            keys = [*(f"{key}{how}" for key in ("random", "three", "pixels") for how in ("", "_moved")), "pixels_unmoved"]
            shares = {what: {key: details[what][key] for key in keys} for what in ("success", "added", "kept")}
            measured["pixels_moved"].details = shares
        return measured


def _over_sets(values: np.ndarray, sets: np.ndarray, seed: int, minus: np.ndarray | None = None) -> tuple[float, float, float]:
    """The mean of `values`, one for each trial, less that of `minus`, with its 95 % interval.

    Trials with the same set of exemplars are not independent. So the interval is that of the mean over sets (Student's), unless
    the one over trials is wider.
    """
    if minus is None and values.dtype == bool:
        value, low, high = share(values)
    else:
        others = () if minus is None else (minus,)
        value, low, high = bootstrap(lambda x, *more: x.mean() - sum(m.mean() for m in more), values, *others, seed=seed)
    means = [float(values[sets == s].mean()) for s in np.unique(sets)]
    if 1 < len(means) < len(values):
        _, lowest, highest = student(means)
        margin = (highest - lowest) / 2
        low, high = min(low, max(value - margin, 0.0 if values.dtype == bool else -1.0)), max(high, min(value + margin, 1.0))
    return value, low, high


def _means(table: dict[str, np.ndarray]) -> dict[str, float]:
    return {key: round(float(np.mean(values)), 4) for key, values in table.items()}


def _others_kept(answers: dict[str, dict[str, np.ndarray]], keys: tuple[str, ...]) -> dict[str, np.ndarray]:
    """For each kind of sum, and each picture, the share of `keys` that are as in the third term.

    Where fewer pictures are before, they come again from the first.
    """

    def kept(now: dict[str, np.ndarray], before: dict[str, np.ndarray]) -> np.ndarray:
        return np.mean([(now[key] > 0.5) == np.resize(before[key] > 0.5, len(now[key])) for key in keys], 0)

    kinds = {
        "third_term": ("three", "pixels", "pixels_moved", "three_moved"),
        "third_single": ("single", "one_face", "random"),
    }  # random: by chance
    return {key: kept(answers[key], answers[term]) for term, of_term in kinds.items() for key in of_term if key in answers}


@torch.no_grad()
def _believed(discriminator: Discriminator, images: np.ndarray) -> np.ndarray:
    """D's probability that each of these (uint8, N x C x S x S) is data."""
    a = discriminator.architecture
    device = next(discriminator.parameters()).device
    parts = [discriminator(to_input(p.to(device), a)).sigmoid() for p in torch.from_numpy(images).split(256)]
    return torch.cat(parts).cpu().numpy()


def selection(run: Run, name: str, device: str = "auto", *, small: bool = False) -> Measurement:
    """Where the classifier that selects is sure enough to select, how often is it right? One of SUMS, the mean of its terms.

    On pictures whose attributes are known and from which it did not learn. `details`: for each term how many pictures it
    would take, and the share of them that are right. Raises UserError without such pictures, or where it takes none.
    """
    place, parts = devices.pick(device), SUMS[name]
    names, count = tuple(parts.result.shows), 500 if small else 4000
    if DATA[name] == attributes.DATA:
        images, truth = attributes.unseen(attributes.SELECTING, names, count if small else None)
    else:
        drawn = scenes.draw(DATA[name], count, run.architecture.size, judges.HELD_OUT_SEED)
        images, truth = drawn.images, {key: (drawn.factors[key] > 0.5).astype(np.float32) for key in names}
    answers, right = readers(run, place)[0](images), {}
    for concept in parts.terms:
        taken = concept.shown(answers, exemplars.SURE)
        if not taken.any():
            raise UserError(f"concept {concept.name!r}: the classifier is sure of none of {len(images)} pictures")
        right[concept.name] = concept.shown(truth)[taken]
    details = {key: [len(flags), round(float(flags.mean()), 4)] for key, flags in right.items()}
    number = sum(map(len, right.values()))
    return Measurement(*_mean_of_terms(list(right.values())), number, details={"taken_and_right": details})


def _mean_of_terms(right: list[np.ndarray]) -> tuple[float, float, float]:
    """With Wilson's margins added up as those of independent numbers: a bootstrap sees no error where all were right."""
    shares = np.array([share(flags) for flags in right])
    value, low, high = shares[:, 0].mean(), *(shares[:, i] - shares[:, 0] for i in (1, 2))
    low, high = (np.sqrt((margins**2).sum()) / len(right) for margins in (low, high))
    return float(value), float(value - low), float(min(value + high, 1.0))


# --- on a run ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Setting:
    """The key of what is read or measured once."""

    path: Path
    weights: str  # a run that was trained anew is another
    device: str
    seed: int


def candidates(run: Run, device: str = "auto", seed: int = 0, count: int = SMALL) -> Pool:
    """The `Pool` of a run, read once: enough for one trial of each sum, and for a turn, as far as `LIMIT` samples have it."""
    return _pool(_Setting(run.path.resolve(), weights_of(run), device, seed), count, turning.TURN_EXEMPLARS)


def measured(run: Run, name: str, device: str = "auto", seed: int = 0, *, small: bool = False) -> dict[str, Measurement]:
    """`trials` of one of SUMS, or (`turn`) `turns`, on a run. What was measured once is not measured again."""
    return _measured(_Setting(run.path.resolve(), weights_of(run), device, seed), name, small)


@cache
def _measured(setting: _Setting, name: str, small: bool) -> dict[str, Measurement]:
    run, place, count = Run(setting.path), devices.pick(setting.device), 60 if small else 400
    generator, (_, judge) = run.generator(place), readers(run, place)
    found = _pool(setting, *((SMALL, turning.TURN_EXEMPLARS) if small else (LARGE, SETS * exemplars.MANY)))
    if name == "turn":
        return turning.turns(generator, found, judge, count, setting.seed)
    discriminator = run.discriminator(place) if run.has_net("discriminator") else None
    moved = None
    if run.data_name == DATA["drawn_smile"] and run.architecture.size == 64:  # of other sizes no such judge ships
        moved = judges.load_judge(run.data_name, size=run.architecture.size, device=place, moved=True).read
    return trials(generator, found, judge, SUMS[name], count, seed=setting.seed, discriminator=discriminator, moved=moved)


@cache
def _pool(setting: _Setting, count: int, enough: int) -> Pool:
    run, place = Run(setting.path), devices.pick(setting.device)
    concepts = [concept for name, parts in SUMS.items() if DATA[name] == run.data_name for concept in parts.terms]
    if run.data_name == DATA["drawn_smile"]:
        concepts += [turning.LEFT, turning.RIGHT]
    read, _ = readers(run, place)
    return exemplars.gather(run.generator(place), read, count, setting.seed, concepts=concepts, enough=enough)
