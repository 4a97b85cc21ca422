"""What becomes of rooms when the feature maps that draw their windows are dropped? (Paper §6.3.1, Fig 6)"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dcgan_core import assets, intervals, latent
from dcgan_core.drawings import scenes
from dcgan_core.errors import UserError
from dcgan_core.files import read_json
from dcgan_core.inside import weights_of
from dcgan_core.inside.marking import LEAST, Marks, mark
from dcgan_core.intervals import Measurement
from dcgan_core.networks import Generator
from dcgan_core.readers.finder import Box, Finder, objects
from dcgan_core.readers.judges import Judge
from dcgan_core.runs import Run

READINGS = (0, 1)  # the layers of G that "second highest" may mean: 512 x 8 x 8 and 256 x 16 x 16 in the paper's net

# --- which feature maps? ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dropping:
    """Feature maps of one layer of G that are to be left out."""

    layer: int
    maps: tuple[int, ...]


def _stage(generator: Generator, layer: int) -> nn.Module:
    """The layer of G. Raises UserError where there is none, or it is the last, whose feature maps are the picture's colours."""
    last = len(generator.convs) - 2
    if not 0 <= layer <= last:
        raise UserError(f"layer {layer}: feature maps can be dropped in G's conv layers 0 (next to z) to {last}")
    return generator.convs[layer]


def maps_of(generator: Generator, layer: int) -> int:
    """How many feature maps a layer of G has. Raises UserError as `_stage` does."""
    _stage(generator, layer)
    return generator.architecture.widths[-2 - layer]


@torch.no_grad()
def activations(generator: Generator, z: Tensor, layer: int) -> Tensor:
    """A conv layer's feature maps after its ReLU, N x C x s x s on the CPU."""
    kept: list[Tensor] = []
    with _stage(generator, layer).register_forward_hook(lambda module, inputs, out: kept.append(out.float().cpu())):
        latent.generate(generator, z)
    return torch.cat(kept)


def _examples(generator: Generator, marks: Marks, layer: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Activations at places inside boxes, and at as many random places outside of them in the same samples.

    Returns M x C activations and M times 1 (inside) or 0. A place of the map is inside where its middle is; a box that holds
    no middle has the one nearest to its own.
    """
    marked = [i for i, boxes in sorted(marks.boxes.items()) if boxes]
    maps = activations(generator, marks.z(generator)[marked], layer).numpy()  # N x C x s x s
    side, rng = maps.shape[-1], np.random.default_rng(seed)
    rows, labels = [], []
    for i, found in zip(marked, maps, strict=True):
        table, inside = found.reshape(len(found), -1).T, _places(marks.boxes[i], side, marks.size)
        outside = rng.permutation(np.flatnonzero(~inside))[: inside.sum()]
        rows += [table[inside], table[outside]]
        labels += [np.ones(inside.sum()), np.zeros(len(outside))]
    return np.concatenate(rows), np.concatenate(labels)


def _places(boxes: Sequence[Box], side: int, size: int) -> np.ndarray:
    inside = np.zeros((side, side), bool)
    for left, top, width, height in boxes:
        inside[np.ix_(_middles(top, height, side, size), _middles(left, width, side, size))] = True
    return inside.ravel()


def _middles(start: int, length: int, side: int, size: int) -> np.ndarray:
    middle = (np.arange(side) + 0.5) * size / side
    inside = np.flatnonzero((middle >= start) & (middle < start + length))
    return inside if len(inside) else np.array([np.abs(middle - start - length / 2).argmin()])


def _regression(generator: Generator, marks: Marks, layer: int, seed: int) -> tuple[np.ndarray, float, np.ndarray]:
    """The weight of each map and the intercept of the regression, and the activations inside of boxes, M x C."""
    from sklearn.linear_model import LogisticRegression

    if marks.number < LEAST:
        raise UserError(f"{marks.what}: {marks.number} boxes in {marks.count} samples are too few to learn from; mark {LEAST}")
    x, y = _examples(generator, marks, layer, seed)
    if y.min() == y.max():
        raise UserError(f"{marks.what}: the boxes leave no place outside of them; mark them more tightly")
    fitted = LogisticRegression(max_iter=5000).fit(x, y)
    return fitted.coef_[0], float(fitted.intercept_[0]), x[y == 1]


def weights(generator: Generator, marks: Marks, layer: int, seed: int = 0) -> np.ndarray:
    """The weight of each map in a logistic regression that tells inside from outside: scikit-learn's, as it comes.

    Raises UserError where too few boxes are marked.
    """
    return _regression(generator, marks, layer, seed)[0]


def paper_rule(generator: Generator, marks: Marks, layer: int, seed: int = 0) -> Dropping:
    """Every map with a weight above zero."""
    return Dropping(layer, tuple(np.flatnonzero(weights(generator, marks, layer, seed) > 0).tolist()))


def fewest(generator: Generator, marks: Marks, layer: int, seed: int = 0, left: float = 0.05) -> Dropping:
    """Not the paper's: the fewest of its maps, heaviest first, without which the regression takes at most this share of the
    places inside boxes for such."""
    weight, intercept, inside = _regression(generator, marks, layer, seed)
    order = np.argsort(-weight)
    answers = intercept + inside @ weight - np.cumsum(inside[:, order] * weight[order], 1).T  # C x M: without 1, 2, … maps
    enough = (answers > 0).mean(1) <= left
    count = min(int(enough.argmax()) + 1 if enough.any() else len(order), int((weight > 0).sum()))
    return Dropping(layer, tuple(sorted(order[:count].tolist())))


def at_random(generator: Generator, like: Dropping, seed: int) -> Dropping:
    """As many feature maps of the same layer, chosen at random."""
    width = maps_of(generator, like.layer)
    chosen = np.random.default_rng(seed).permutation(width)[: len(like.maps)]
    return Dropping(like.layer, tuple(sorted(chosen.tolist())))


@contextmanager
def without(generator: Generator, dropping: Dropping) -> Iterator[None]:
    """Inside `with`, these feature maps of G are zero. Raises UserError for none, or for any that G does not have."""
    stage = _stage(generator, dropping.layer)
    width = maps_of(generator, dropping.layer)
    if not dropping.maps:
        raise UserError("no feature map is chosen; name at least one to drop")
    odd = next((m for m in dropping.maps if not 0 <= m < width), None)
    if odd is not None:
        raise UserError(f"map {odd}: layer {dropping.layer} of G has {width} feature maps, numbered from 0 to {width - 1}")
    kept = torch.ones(width, device=next(generator.parameters()).device)
    kept[list(dropping.maps)] = 0
    with stage.register_forward_hook(lambda module, inputs, out: out * kept.to(out.dtype)[:, None, None]):
        yield


# --- what becomes of the rooms? ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    """Samples that show an object, as they are before anything is dropped."""

    what: str
    z: Tensor  # N x latent
    images: np.ndarray  # uint8 N x C x S x S
    there: dict[str, np.ndarray]  # bool N each: which objects they show
    outside: np.ndarray  # bool N x S x S: the picture without the object's boxes


@dataclass(frozen=True)
class Effect:
    """What dropping feature maps did to the samples in a `Shown`."""

    gone: np.ndarray  # bool, one for each sample: the object is no longer there
    kept: dict[str, np.ndarray]  # other objects: bool, one for each sample that showed it
    new: dict[str, float]  # other objects: the share of samples without it that now show it
    change: float  # of pixels outside the object's boxes, RMS, 0 to 1
    between: float  # the same between two samples, to compare with

    @property
    def others(self) -> np.ndarray:
        """`kept` of all other objects in one."""
        return np.concatenate(list(self.kept.values()))


def shown(generator: Generator, reader: Judge | Finder, finder: Finder, what: str, *, count: int, seed: int) -> Shown:
    """Generates `count` samples and keeps those that show the object, by `reader`. Raises UserError for fewer than two."""
    z = latent.sample(generator.architecture, count, torch.Generator().manual_seed(seed))
    images = latent.generate_pixels(generator, z)
    there = _there(reader, images)
    if what not in there:
        raise UserError(f"{reader.name}: has no {what!r} that is there or not, only {', '.join(there)}")
    kept = there[what]
    if kept.sum() < 2:
        raise UserError(f"{what}: {kept.sum()} of {count} samples show one; generate more, or use a generator that knows it")
    outside = np.ones((int(kept.sum()), *images.shape[2:]), bool)
    for mask, boxes in zip(outside, finder.boxes(images[kept], what), strict=True):
        for left, top, width, height in boxes:
            mask[top : top + height, left : left + width] = False
    return Shown(what, z[torch.from_numpy(kept)], images[kept], {k: v[kept] for k, v in there.items()}, outside)


def _there(reader: Judge | Finder, images: np.ndarray) -> dict[str, np.ndarray]:
    answers = reader.read(images)
    return {what: answers[what] > 0.5 for what in scenes.yes_no(reader.name) if what in objects(reader.name)}


def effect(generator: Generator, dropping: Dropping, samples: Shown, reader: Judge | Finder) -> Effect:
    """Generates the same z without these feature maps, and asks the same reader again."""
    with without(generator, dropping):
        images = latent.generate_pixels(generator, samples.z)
    after = _there(reader, images)
    others = [what for what in after if what != samples.what]

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        squares = np.square(a.astype(np.float32) - b).mean(1) / 255**2  # N x S x S
        return float(np.sqrt((squares * samples.outside).sum((1, 2)) / np.maximum(samples.outside.sum((1, 2)), 1)).mean())

    return Effect(
        ~after[samples.what],
        {what: after[what][samples.there[what]] for what in others},
        {what: float(after[what][~samples.there[what]].mean()) if (~samples.there[what]).any() else 0.0 for what in others},
        distance(samples.images, images),
        distance(samples.images, np.roll(samples.images, 1, 0)),
    )


GOAL = (0.8, 0.9)  # of the object gone, of other things kept
SHARES = (0.08, 0.12, 0.15, 0.17, 0.19, 0.2, 0.22, 0.25, 0.3)  # of a layer's maps, tried in turn
MARGIN = 2.0  # a finder's answer that is this far on the right side of zero is right enough


def _one_by_one(generator: Generator, finder: Finder, samples: Shown, layer: int, count: int) -> list[int]:
    """`count` feature maps of a layer ordered for dropping: each takes most of the object and least of all else.

    Most and least by the finder's answers at the places where it saw things before, each thing's mean counting the same. What
    a map contributes is read off the gradient for a factor on each map: the first order of what dropping it would change.
    """
    stage, a, batch = _stage(generator, layer), generator.architecture, 48
    device = next(generator.parameters()).device
    parts = [slice(i, i + batch) for i in range(0, len(samples.z), batch)]
    wanted = torch.tensor([-1.0 if what == samples.what else 1.0 for what in finder.objects], device=device)[:, None, None]
    with torch.no_grad():
        there = torch.cat([finder(torch.from_numpy(samples.images[part]).to(device)) for part in parts]) > 0
    places = there.sum((0, 2, 3)).clamp_min(1)  # for each thing
    factors = torch.ones(maps_of(generator, layer), device=device)
    order: list[int] = []
    for _ in range(count):
        now, gain = factors.clone().requires_grad_(), torch.zeros_like(factors)
        with stage.register_forward_hook(lambda module, inputs, out, now=now: out * now[:, None, None]):
            for part in parts:
                pictures = generator(samples.z[part].to(device)).float()
                answers = finder((pictures + 1) * 127.5 if a.output == "tanh" else pictures * 255)
                wrong = F.relu(MARGIN - wanted * answers) * there[part]
                gain += torch.autograd.grad((wrong.sum((0, 2, 3)) / places).sum(), now)[0]
        gain[order] = -torch.inf
        order.append(int(gain.argmax()))
        factors[order[-1]] = 0
    return order


def _tune(
    generator: Generator, finder: Finder, samples: Shown, layers: Sequence[int] = READINGS, shares: Sequence[float] = SHARES
) -> tuple[Dropping, dict]:
    """Not the paper's: drops the first k maps of `_one_by_one`. Layer and k are chosen on `samples`, by the finder.

    Chosen is what comes nearest to `GOAL`, or passes it furthest, in the worse of its two parts. Returns it and how it was
    chosen.
    """
    tried: list[tuple[float, Dropping, dict]] = []
    for layer in layers:
        counts = sorted({max(1, round(share * maps_of(generator, layer))) for share in shares})
        order = _one_by_one(generator, finder, samples, layer, counts[-1])
        for k in counts:
            dropping = Dropping(layer, tuple(sorted(order[:k])))
            found = effect(generator, dropping, samples, finder)
            gone, kept = float(found.gone.mean()), float(found.others.mean())
            margin = min(gone - GOAL[0], kept - GOAL[1])
            tried.append((margin, dropping, {"layer": layer, "maps": k, "gone": gone, "kept": kept}))
    _, dropping, chosen = max(tried, key=lambda row: row[0])  # of equal ones, the first
    return dropping, chosen | {"tried": len(tried), "samples": len(samples.z)}


# --- measured ---------------------------------------------------------------------------------------------------------

# seeds of z: for marking, for choosing, for scoring; windows_by_hand.json has 600
MARK_SEED, CHOOSE_SEED, SCORE_SEED, RANDOM_SEED = 10_000, 20_000, 30_000, 40_000
BY_HAND, BY_EYE = (assets.FOLDERS["trials"] / f"{name}.json" for name in ("windows_by_hand", "forgotten_by_eye"))


def looked_at(run: Run, path: Path = BY_HAND) -> bool:
    """Are these the weights whose samples were looked at by eye? What was seen says nothing of another run's samples."""
    return run.has_net("generator") and path.is_file() and read_json(path, "what was seen").get("weights") == weights_of(run)


def _choose_maps(
    generator: Generator, finder: Finder, what: str, which: str, *, small: bool, seed: int
) -> tuple[Dropping, Marks, dict]:
    """By the `paper`'s rule, by its `second reading`, or `tuned`. With marks, and how they were chosen."""
    marks = mark(generator, finder, what, MARK_SEED + seed)
    if which == "tuned":
        samples = shown(generator, finder, finder, what, count=150 if small else 300, seed=CHOOSE_SEED + seed)
        layers, shares = (READINGS[:1], SHARES[1:7:2]) if small else (READINGS, SHARES)
        dropping, chosen = _tune(generator, finder, samples, layers, shares)
        return dropping, marks, {"chosen": chosen}
    return paper_rule(generator, marks, READINGS[which == "second reading"], seed), marks, {}


def measure_forgetting(
    generator: Generator, judge: Judge, finder: Finder, what: str, which: str, *, small: bool = False, seed: int = 0
) -> dict[str, Measurement]:
    """What becomes of the object and of others in samples of fresh z, and what as many maps dropped at random do.

    `gone`: of the samples that show the object, the share that no longer do. `kept`: of all other objects in these, the share
    that is still there. `random`: `gone` for random maps, with the interval over draws of maps. Boxes and choices are the
    finder's; presence before and after is the judge's, who learnt from other drawings. What the finder says of the same
    samples is in `details`: the two differ where something dim or framed is left in the object's place.
    """
    with intervals.timed() as seconds:
        dropping, marks, details = _choose_maps(generator, finder, what, which, small=small, seed=seed)
        count, fresh = 300 if small else 2500, SCORE_SEED + seed
        samples, again = (shown(generator, reader, finder, what, count=count, seed=fresh) for reader in (judge, finder))
        found, by_finder = effect(generator, dropping, samples, judge), effect(generator, dropping, again, finder)
        details |= {
            "layer": dropping.layer,
            "maps": list(dropping.maps),
            "of": maps_of(generator, dropping.layer),
            "boxes": marks.number,
            "marked_samples": marks.count,
            "kept": {name: round(float(flags.mean()), 4) if len(flags) else None for name, flags in found.kept.items()},
            "new": {name: round(share, 4) for name, share in found.new.items()},
            "finder": {
                "gone": [round(x, 4) for x in intervals.share(by_finder.gone)],  # with its interval
                "kept": [round(x, 4) for x in intervals.share(by_finder.others)],
                "samples": len(again.z),
            },
            "change_elsewhere": round(found.change, 4),
            "between_two_samples": round(found.between, 4),
        }
        gone, kept = (
            Measurement(*intervals.share(flags), len(flags), seconds(), details) for flags in (found.gone, found.others)
        )
    random, rest, by_chance = _by_chance(generator, judge, finder, dropping, what, small=small, seed=seed)
    random.details = rest.details = details | {"random": by_chance}
    return {"gone": gone, "kept": kept, "random": random, "rest": rest}


def _by_chance(
    generator: Generator, judge: Judge, finder: Finder, dropping: Dropping, what: str, *, small: bool, seed: int
) -> tuple[Measurement, Measurement, dict]:
    """`random` and `rest` of `measure_forgetting`, and what helps to read them."""
    with intervals.timed() as seconds:
        few = shown(generator, judge, finder, what, count=100 if small else 400, seed=SCORE_SEED + seed)
        draws = [at_random(generator, dropping, RANDOM_SEED + 100 * seed + i) for i in range(3 if small else 12)]
        chosen, *tries = (effect(generator, drawn, few, judge) for drawn in (dropping, *draws))
        shares = np.array([t.gone.mean() for t in tries])
        random = Measurement(*intervals.student(shares.tolist()), len(draws), seconds())  # a bootstrap of so few is too narrow
        others = np.stack([few.there[name] for name in chosen.kept]).sum(0)  # N: other things that each sample shows
        more = _kept_of_each(chosen, few) - np.stack([_kept_of_each(e, few) for e in tries])  # draws x N
        value, least, _ = intervals.student((more.sum(1) / max(others.sum(), 1)).tolist())
        table = np.stack([more.mean(0), others], 1)  # drawn anew together
        _, low, high = intervals.bootstrap(lambda x: x[:, 0].sum() / max(x[:, 1].sum(), 1), table, seed=seed)
        margin = float(np.hypot(value - least, (high - low) / 2))  # other draws, and other samples
        rest = Measurement(value, value - margin, value + margin, len(draws), seconds())
    by_chance = {
        "draws": [round(float(x), 4) for x in shares],
        "kept": round(float(np.mean([t.others.mean() for t in tries])), 4),
        "change_elsewhere": round(float(np.mean([t.change for t in tries])), 4),
        "samples": len(few.z),
        "these_maps": round(float(chosen.gone.mean()), 4),
        "kept_by_these_maps": round(float(chosen.others.mean()), 4),
    }
    return random, rest, by_chance


def _kept_of_each(found: Effect, samples: Shown) -> np.ndarray:
    """How many other things of each sample are still there: N."""
    counts = np.zeros(len(samples.z))
    for name, flags in found.kept.items():
        counts[samples.there[name]] += flags
    return counts
