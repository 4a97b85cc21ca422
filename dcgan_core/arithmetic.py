"""Does adding and subtracting points of z space add and subtract what they show? (Paper §6.3.2)

smiling woman - neutral woman + neutral man = smiling man. The exemplars of each term are picked by hand (`widgets.picker`,
`load_picks`) or by a classifier (`Pool`). Another classifier, trained on other pictures, judges the results of many trials.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dcgan_core import attributes, devices, judges, latent, scenes
from dcgan_core.configs import did_you_mean
from dcgan_core.errors import UserError
from dcgan_core.evaluation import Measurement, bootstrap, share, timed
from dcgan_core.files import read_json
from dcgan_core.networks import Discriminator, Generator, to_input, to_pixels
from dcgan_core.runs import Run

Reader = Callable[[np.ndarray], dict[str, np.ndarray]]  # uint8 N x 3 x S x S -> probabilities and numbers, N each
SURE = 0.9  # the classifier that selects wants to be that sure, or as sure of the opposite
FEW, MANY = 3, 30  # exemplars of a concept: the paper's three, and a mean that has next to no accidents left
SMALL = 2000  # random z looked at for exemplars, before a reader's eyes
TWICE = 2.0  # how much of first - second is added in `improved`; chosen on z of another seed, by the judge


@dataclass(frozen=True)
class Concept:
    """What a term of the arithmetic shows: attribute -> is it there?"""

    name: str
    shows: dict[str, bool]

    def shown(self, answers: dict[str, np.ndarray], sure: float = 0.5) -> np.ndarray:
        """In which pictures is it? N times true or false. Raises UserError for an attribute that was not read."""
        for key in self.shows:
            if key not in answers:
                raise UserError(f"concept {self.name!r}: no attribute is called {key!r}{did_you_mean(key, answers)}")
        probabilities = [answers[key] if there else 1 - answers[key] for key, there in self.shows.items()]
        return np.min(probabilities, 0) > sure


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


def readers(run: Run, device: torch.device | str = "cpu") -> tuple[Reader, Reader]:
    """The classifier that selects exemplars, and the one that judges results: trained on different pictures."""
    if run.data_name == attributes.DATA:
        return (
            attributes.load(attributes.SELECTING, device).read,
            attributes.load(attributes.JUDGING, device).read,
        )
    if run.data_name != "drawn-portraits":
        raise UserError(f"{run.path}: nothing here reads attributes off {run.data_name}; use faces or drawn-portraits")
    size = run.architecture.size
    return tuple(_statements(judges.load(run.data_name, seed, size, device)) for seed in (1, 0))


def _statements(judge: judges.Judge) -> Reader:
    """All that a judge reads, and which way a face looks."""

    def read(images: np.ndarray) -> dict[str, np.ndarray]:
        answers = judge.read(images)
        looks = {"looks left": answers["pose"] < -1 / 3, "looks right": answers["pose"] > 1 / 3}
        return answers | {k: v.astype(np.float32) for k, v in looks.items()}

    return read


# --- exemplars --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pool:
    """Random z, and what a classifier reads off their images: exemplars are chosen from it."""

    z: Tensor  # N x latent
    answers: dict[str, np.ndarray]  # N each

    def of(self, concept: Concept, sure: float = SURE) -> Tensor:
        """The z whose images show the concept for sure, N x latent."""
        return self.z[torch.from_numpy(np.flatnonzero(concept.shown(self.answers, sure)))]


def pool(generator: Generator, reader: Reader, count: int, seed: int) -> Pool:
    rng = torch.Generator().manual_seed(seed)
    z = latent.sample(generator.architecture, count, rng)
    return Pool(z, reader(latent.draw_pixels(generator, z)))


def exemplars(found: Tensor, concept: str, trials: int, count: int, rng: torch.Generator) -> Tensor:
    """`count` different z of `found` (N x latent) for each trial: trials x count x latent.

    Trials share no z until all have been used. Raises UserError where there are fewer than `count`.
    """
    if len(found) < count:
        raise UserError(
            f"concept {concept!r}: {len(found)} exemplars, {count} are needed; pick more of them, or from more samples"
        )
    rounds = -(-trials // (len(found) // count))
    orders = [torch.randperm(len(found), generator=rng)[: len(found) // count * count] for _ in range(rounds)]
    return found[torch.cat(orders)[: trials * count]].unflatten(0, (trials, count))


def weights_of(run: Run) -> str:
    """A few digits that tell one set of G's weights from another: picks belong to the weights they were made with."""
    return hashlib.sha256((run.path / "generator.safetensors").read_bytes()).hexdigest()[:12]


def load_picks(path: Path, run: Run) -> dict[str, Tensor]:
    """What the picker saved, as z: concept -> N x latent.

    Raises UserError where the file is damaged, was made with other weights, or nothing is picked in it.
    """
    saved = read_json(path, "picks")
    try:
        count, seed, picks = int(saved["count"]), int(saved["seed"]), dict(saved["picks"])
        chosen = {str(concept): torch.tensor(list(indices), dtype=torch.long) for concept, indices in picks.items()}
        if not all(0 <= place < count for indices in chosen.values() for place in indices.tolist()):
            raise ValueError("a place that no sample has")
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{path}: not picks; delete it and pick again") from None
    if saved.get("weights") != weights_of(run):
        raise UserError(f"{path}: picked from samples of other weights than those of {run.path}; pick again")
    if not any(len(indices) for indices in chosen.values()):
        raise UserError(f"{path}: nothing is picked in it; click on some pictures, then save")
    z = latent.sample(run.architecture, count, torch.Generator().manual_seed(seed))
    return {concept: z[indices] for concept, indices in chosen.items()}


# --- trials -----------------------------------------------------------------------------------------------------------


def pixel_sum(generator: Generator, terms: list[Tensor]) -> np.ndarray:
    """The same arithmetic with pixels (paper, Fig 7, below): mean images instead of mean z.

    terms: three times trials x count x latent. Returns uint8, trials x C x S x S.
    """
    means = [latent.draw(generator, z.flatten(0, 1)).unflatten(0, z.shape[:2]).mean(1) for z in terms]
    a = generator.architecture
    picture = (means[0] - means[1] + means[2]).clamp(-1 if a.output == "tanh" else 0, 1)
    return to_pixels(picture, a).cpu().numpy()


def as_long_as(z: Tensor, length: float) -> Tensor:
    """The same directions, all of this length."""
    return z * (length / z.norm(dim=-1, keepdim=True).clamp_min(1e-6))


def trials(
    generator: Generator,
    candidates: Pool,
    judge: Reader,
    arithmetic: Sum,
    count: int,
    seed: int = 0,
    discriminator: Discriminator | None = None,
) -> dict[str, Measurement]:
    """How often does the sum show what it should? `count` trials, each with exemplars of its own among the candidates.

    A trial is a success where `judge` reads off the result both what was added and what was kept. Returns shares for `three`
    (the mean of three exemplars for each term), `single` (one of the three), `many` (thirty), `improved` (thirty, the
    difference counted twice, and the sum brought to the length of a random z), `pixels` (the three, with pixels), and `gain`:
    three minus single. Where exemplars are few (`exemplars` in the details), trials share them, and the interval is too narrow.

    `three` has in its details what helps to read them; `one_face` there is the difference of thirty, twice, added to a single
    exemplar of the third term: does that face stay what it is otherwise (`others_kept`)?
    """
    with timed() as seconds:
        rng = torch.Generator().manual_seed(seed)
        found = [(candidates.of(concept), concept.name) for concept in arithmetic.terms]
        three = [exemplars(z, name, count, FEW, rng) for z, name in found]
        many = [latent.mean(exemplars(z, name, count, min(MANY, max(len(z), 1)), rng)) for z, name in found]
        fresh = latent.sample(generator.architecture, 4 * count, torch.Generator().manual_seed(seed + 1_000_000))
        length = float(fresh.norm(dim=1).mean())
        sums = {
            "three": latent.combine([latent.mean(z) for z in three]),
            "single": latent.combine([z[:, 0] for z in three]),
            "single_scaled": as_long_as(latent.combine([z[:, 0] for z in three]), length),
            "many": latent.combine(many),
            "many_scaled": as_long_as(latent.combine(many), length),
            "improved": as_long_as(latent.combine(many, [TWICE, -TWICE, 1]), length),
            "one_face": latent.combine([*many[:2], three[2][:, 0]], [TWICE, -TWICE, 1]),
            "third_single": three[2][:, 0],
            "third_term": latent.mean(three[2]),
            "random": fresh,
        }
        images = {key: latent.draw_pixels(generator, z) for key, z in sums.items()}
        images["pixels"] = pixel_sum(generator, three)
        answers = {key: judge(pictures) for key, pictures in images.items()}
        right = {key: arithmetic.result.shown(a) for key, a in answers.items()}
        neighbours = latent.around(sums["three"], 8, rng).flatten(0, 1)
        around = arithmetic.result.shown(judge(latent.draw_pixels(generator, neighbours)))
        details = {
            "success": _rounded(right),
            "base_rate": round(float(right["random"].mean()), 4),
            "neighbours": round(float(around.mean()), 4),
            "added": _rounded({key: arithmetic.added.shown(a) for key, a in answers.items()}),
            "kept": _rounded({key: arithmetic.kept.shown(a) for key, a in answers.items()}),
            "others_kept": {
                key: round(_agreement(answers[key], answers[before], arithmetic.others), 4)
                for key, before in (
                    ("three", "third_term"),
                    ("pixels", "third_term"),
                    ("single", "third_single"),
                    ("one_face", "third_single"),
                    ("random", "third_single"),  # by chance
                )
            },
            "length_of_z": _rounded({key: z.norm(dim=1).numpy() for key, z in sums.items()}),
            "exemplars": {name: len(z) for z, name in found},
            "exemplars_of_many": min(MANY, *(len(z) for z, _ in found)),
        }
        if discriminator is not None:  # how far D takes them for data
            details["D"] = _rounded({key: believed(discriminator, pictures[:count]) for key, pictures in images.items()})
        gain = right["three"].astype(float) - right["single"]
        low, high = bootstrap(lambda x: float(x.mean()), gain, seed=seed)
        kinds = ("three", "single", "many", "improved", "pixels")
        measured = {key: Measurement(*share(right[key]), count, seconds()) for key in kinds}
        measured["three"].details = details
        return measured | {"gain": Measurement(float(gain.mean()), low, high, count, seconds())}


def _rounded(table: dict[str, np.ndarray]) -> dict[str, float]:
    return {key: round(float(np.mean(values)), 4) for key, values in table.items()}


def _agreement(answers: dict[str, np.ndarray], before: dict[str, np.ndarray], keys: tuple[str, ...]) -> float:
    """The share of `keys` that are as in the pictures before, which come again from the first where there are fewer."""
    pairs = [(answers[key] > 0.5, np.resize(before[key] > 0.5, len(answers[key]))) for key in keys]
    return float(np.mean([a == b for a, b in pairs]))


@torch.no_grad()
def believed(discriminator: Discriminator, images: np.ndarray) -> np.ndarray:
    """D's probability that each of these (uint8, N x C x S x S) is data."""
    a = discriminator.architecture
    device = next(discriminator.parameters()).device
    parts = [discriminator(to_input(p.to(device), a)).sigmoid() for p in torch.from_numpy(images).split(256)]
    return torch.cat(parts).cpu().numpy()


# --- turning ----------------------------------------------------------------------------------------------------------

LEFT, RIGHT = Concept("looks left", {"looks left": True}), Concept("looks right", {"looks right": True})
OTHERS = ("smile", "glasses", "beard", "long_hair", "hair_colour", "skin")  # what should not change when a head turns
TURN_EXEMPLARS, TURN_STEPS = 4, 9
RISE, FALL, CLOSE = 0.5, 0.05, 0.25  # see `turns`


def turned(z: Tensor, vector: Tensor, steps: int = TURN_STEPS) -> Tensor:
    """Each z moved along the vector, from half of it back to half of it ahead: N x latent -> N x steps x latent."""
    return latent.walk(z - vector / 2, z + vector / 2, steps)


def turns(generator: Generator, candidates: Pool, judge: Reader, count: int, seed: int = 0) -> dict[str, Measurement]:
    """Does a vector from four faces looking left to four looking right turn others? (Paper, Fig 8)

    `count` trials, each with a vector of its own and one random face, moved in nine steps from half a vector back to half of
    it ahead. `monotone`: the share in which the pose that `judge` reads (-1 … 1) rises by `RISE` or more from first to last
    and nowhere falls by more than `FALL`. `identity`: of the other factors `OTHERS`, the share that both ends have in common
    with the middle: the same yes or no, or a number that differs by at most `CLOSE` of its range. In the details: as many
    vectors of the same length without a meaning (from four random faces to four others), and two random faces compared.
    """
    with timed() as seconds:
        rng = torch.Generator().manual_seed(seed)
        ends = [(candidates.of(c), c.name) for c in (LEFT, RIGHT)]
        vectors = latent.combine([latent.mean(exemplars(z, name, count, TURN_EXEMPLARS, rng)) for z, name in ends], [-1, 1])
        many = latent.combine([latent.mean(exemplars(z, name, count, MANY, rng)) for z, name in ends], [-1, 1])
        start = latent.sample(generator.architecture, count, rng)
        nowhere = latent.combine(
            [latent.mean(latent.sample(generator.architecture, 4 * count, rng).unflatten(0, (count, 4))) for _ in range(2)],
            [1, -1],
        )
        nowhere = nowhere * (vectors.norm(dim=1) / nowhere.norm(dim=1))[:, None]
        rises, same, poses = {}, {}, {}
        for key, vector in (("turn", vectors), ("many", many), ("random", nowhere)):
            z = turned(start, vector)
            answers = judge(latent.draw_pixels(generator, z.flatten(0, 1)))
            answers = {k: v.reshape(count, TURN_STEPS) for k, v in answers.items()}
            poses[key] = pose = answers["pose"]
            rises[key] = (pose[:, -1] - pose[:, 0] >= RISE) & (np.diff(pose, axis=1) >= -FALL).all(1)
            same[key] = _unchanged(answers, TURN_STEPS // 2, (0, -1))
        middle = {key: v[:, TURN_STEPS // 2] for key, v in answers.items()}  # the random faces themselves
        strangers = _unchanged({key: np.stack([v, np.roll(v, 1)], 1) for key, v in middle.items()}, 0, (1,))
        quantiles = np.quantile(poses["turn"], [0.05, 0.5, 0.95], axis=0)
        low, high = bootstrap(lambda x: float(x.mean()), same["turn"].mean(1), seed=seed)
        details = {
            "steps": TURN_STEPS,
            "pose": {q: [round(float(p), 3) for p in row] for q, row in zip(("5%", "median", "95%"), quantiles, strict=True)},
            "rise": round(float(np.mean(poses["turn"][:, -1] - poses["turn"][:, 0])), 3),
            "never_falls": round(float((np.diff(poses["turn"], axis=1) >= -FALL).all(1).mean()), 4),
            "thirty_exemplars": round(float(rises["many"].mean()), 4),
            "random_direction": round(float(rises["random"].mean()), 4),
            "length_of_vector": _rounded({"four": vectors.norm(dim=1).numpy(), "thirty": many.norm(dim=1).numpy()}),
        }
        of_factors = {k: round(float(same["turn"][:, i].mean()), 4) for i, k in enumerate(OTHERS)}
        kept = {
            "factors": of_factors,
            "all_kept": round(float(same["turn"].all(1).mean()), 4),
            "thirty_exemplars": round(float(same["many"].mean()), 4),
            "random_direction": round(float(same["random"].mean()), 4),
            "two_random_faces": round(float(strangers.mean()), 4),
        }
        total = seconds()
        return {
            "monotone": Measurement(*share(rises["turn"]), count, total, details),
            "identity": Measurement(float(same["turn"].mean()), low, high, count, total, kept),
        }


def _unchanged(answers: dict[str, np.ndarray], middle: int, ends: tuple[int, ...]) -> np.ndarray:
    """Which of OTHERS are at all `ends` as in the middle? answers: N x steps each. Returns bool, N x len(OTHERS)."""
    columns = []
    for key in OTHERS:
        values = answers[key]
        factor = scenes.FACTORS["drawn-portraits"][key]
        if factor.kind == "yes/no":
            changed = (values > 0.5) != (values[:, [middle]] > 0.5)
        else:
            changed = np.abs(values - values[:, [middle]]) > CLOSE * (factor.high - factor.low)
        columns.append(~changed[:, list(ends)].any(1))
    return np.stack(columns, 1)


# --- on a run ---------------------------------------------------------------------------------------------------------


def candidates(run: Run, device: str = "auto", seed: int = 0, count: int = SMALL) -> Pool:
    """The `pool` of a run, read once."""
    return _pool(str(run.path.resolve()), weights_of(run), device, seed, count)


def measured(run: Run, name: str, device: str = "auto", seed: int = 0, small: bool = False) -> dict[str, Measurement]:
    """`trials` of one of SUMS, or (`turn`) `turns`, on a run. What was measured once is not measured again."""
    return _measured(str(run.path.resolve()), weights_of(run), name, device, seed, small)


@cache
def _measured(path: str, weights: str, name: str, device: str, seed: int, small: bool) -> dict[str, Measurement]:
    run, place = Run(path), devices.pick(device)
    count = 60 if small else 400
    generator, (_, judge) = run.generator(place), readers(run, place)
    candidates = _pool(path, weights, device, seed, SMALL if small else 10_000)
    if name == "turn":
        return turns(generator, candidates, judge, count, seed)
    discriminator = run.discriminator(place) if run.has_net("discriminator") else None
    return trials(generator, candidates, judge, SUMS[name], count, seed, discriminator)


@cache
def _pool(path: str, weights: str, device: str, seed: int, count: int) -> Pool:
    run, place = Run(path), devices.pick(device)
    return pool(run.generator(place), readers(run, place)[0], count, seed)
