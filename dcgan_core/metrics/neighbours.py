"""How far is the nearest image, and what does a 1-nearest-neighbour classifier learn from samples? (Paper §4.1, 8)"""

import hashlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

from dcgan_core import latent
from dcgan_core.data.images import Kept
from dcgan_core.data.nearest import NearestLabels
from dcgan_core.errors import UserError, reason
from dcgan_core.files import write_atomically
from dcgan_core.intervals import Measurement, bootstrap, share, timed
from dcgan_core.networks import Generator

BLOCK = 1000  # references generated at a time; their z depends on the seed and the block's number alone
MILESTONES = (1_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000, 10_000_000)
SAVE_SECONDS = 60.0

Blocks = Callable[[int], tuple[np.ndarray, np.ndarray]]  # number of a block -> images (uint8 N x C x S x S), labels (N)


def nearest(queries: np.ndarray, references: np.ndarray, device: torch.device | str = "cpu") -> tuple[np.ndarray, np.ndarray]:
    """Each query's nearest reference: distances (RMS, 0 to 1) and indices. queries, references: uint8, N x C x S x S."""
    search = NearestLabels(queries, device)
    search.show(references, np.arange(len(references)))
    distances = search.squared().cpu().double().div(search.queries.shape[1]).sqrt().div(255)
    return distances.numpy(), search.labels.cpu().numpy()


# --- where references come from ---------------------------------------------------------------------------------------


def generated(generator: Generator, seed: int = 0) -> Blocks:
    """Blocks of BLOCK generated images, every class as often as the others. Raises UserError for a net without classes."""
    a = generator.architecture
    if not a.num_classes:
        raise UserError("1-NN needs labelled images, and this net is not class-conditional")

    def block(number: int) -> tuple[np.ndarray, np.ndarray]:
        state = np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)
        rng = torch.Generator().manual_seed(int(state[0]) >> 1)
        labels = torch.arange(BLOCK) % a.num_classes
        return latent.generate_pixels(generator, latent.sample(a, BLOCK, rng), labels, batch=BLOCK), labels.numpy()

    return block


def stored(images: np.ndarray | Kept, labels: np.ndarray) -> Blocks:
    """Blocks of real images, in the set's own order."""

    def block(number: int) -> tuple[np.ndarray, np.ndarray]:
        rows = slice(number * BLOCK, (number + 1) * BLOCK)
        return np.asarray(images[rows]), np.asarray(labels[rows])

    return block


# --- the classifier ---------------------------------------------------------------------------------------------------


def curve(
    blocks: Blocks,
    queries: np.ndarray,
    answers: np.ndarray,
    milestones: tuple[int, ...] = MILESTONES,
    *,
    device: torch.device | str = "cpu",
    state: Path | None = None,
    progress: bool = False,
) -> Iterator[tuple[int, np.ndarray, float]]:
    """(references shown, which queries are answered wrongly, seconds so far), one after the other for each of `milestones`.

    One pass serves all. queries: uint8 N x C x S x S; answers: N true labels. state: a file; what was found so far is kept
    there, about once a minute and at each milestone, and a later call goes on from it, also to larger milestones. It must be of
    the same references and queries: its name has to say which. Raises UserError where milestones are not rising multiples.
    """
    if not milestones or list(milestones) != sorted(set(milestones)) or any(m % BLOCK or m < 1 for m in milestones):
        raise UserError(f"milestones: rising multiples of {BLOCK:,}, got {milestones}")
    if len(queries) != len(answers):
        raise UserError(f"{len(queries)} queries, but {len(answers)} answers to them")
    search = NearestLabels(queries, device)
    past: dict[int, tuple[torch.Tensor, float]] = {}
    spent = _load(state, search, past) if state else 0.0
    saved = 0.0
    bar = tqdm(total=milestones[-1], initial=search.seen, unit=" digits", unit_scale=True, disable=not progress, delay=2)
    with timed() as seconds, bar:
        for milestone in milestones:
            while search.seen < milestone:
                images, labels = blocks(search.seen // BLOCK)
                if len(images) != BLOCK:
                    raise UserError(f"{milestone:,} references were asked for; there are {search.seen + len(images):,}")
                search.show(images, labels)
                bar.update(BLOCK)
                if search.seen in MILESTONES or search.seen == milestone:
                    past[search.seen] = (search.labels.cpu().clone(), spent + seconds())
                if state and (search.seen in past or seconds() - saved > SAVE_SECONDS):
                    _save(state, search, past, spent + seconds())
                    saved = seconds()
            if milestone not in past:
                raise UserError(f"{state}: holds {search.seen:,} references but not the answers at {milestone:,}; delete it")
            found, when = past[milestone]
            yield milestone, found.numpy() != np.asarray(answers), when


def nn_error(wrong: np.ndarray, seconds: float = 0.0, details: dict | None = None) -> Measurement:
    """The share of wrong answers in percent, with Wilson's interval.

    It means: how much of what tells real digits apart is in the references. The interval is over queries; that other samples
    or another training would give another number is not in it. It misleads as a measure of images: a thousand sharp and equal
    pictures of each class are taught worse than blurred and varied ones, and copies of the training set reach the real data's
    error.
    """
    value, low, high = (100 * x for x in share(wrong))
    return Measurement(value, low, high, len(wrong), seconds, details or {})


def _save(path: Path, search: NearestLabels, past: dict, seconds: float) -> None:
    buffer = io.BytesIO()
    state = {"best": search.best, "labels": search.labels, "seen": search.seen, "past": past, "seconds": seconds}
    torch.save(state, buffer)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, buffer.getbuffer())


def _load(path: Path, search: NearestLabels, past: dict) -> float:
    """Puts back what `_save` wrote; returns the seconds it took."""
    try:
        kept = torch.load(path, map_location="cpu", weights_only=True)
        if len(kept["best"]) != len(search.best):
            raise ValueError(f"of {len(kept['best'])} queries")
        search.best.copy_(kept["best"])
        search.labels.copy_(kept["labels"])
        search.seen = kept["seen"]
        past.update(kept["past"])
        return float(kept["seconds"])
    except FileNotFoundError:
        return 0.0
    except Exception as problem:  # torch.load raises pickle's, zip's and its own errors
        raise UserError(f"{path}: damaged, or of other queries ({reason(problem)}); delete it") from None


def _name_of(*things: object) -> str:
    """A short name for the state of a search, from all that it depends on (arrays by their bytes)."""
    h = hashlib.sha256()
    for thing in things:
        h.update(np.ascontiguousarray(thing).tobytes() if isinstance(thing, np.ndarray) else repr(thing).encode())
    return h.hexdigest()[:16]


# --- one net's, and real images' ----------------------------------------------------------------------------------------

Errors = dict[int, tuple[np.ndarray, float]]  # number of references -> which queries are read wrongly, seconds


def generated_errors(
    generator: Generator,
    queries: np.ndarray,
    answers: np.ndarray,
    count: int,
    *,
    seed: int = 0,
    kept: Path | None = None,
    progress: bool = False,
) -> Errors:
    """`curve` with generated images as references, up to `count`.

    kept: a folder, in which what was found is kept, so that a later call goes on to a larger number.
    """
    weights = [v.cpu().numpy() for v in generator.state_dict().values()]
    name = _name_of(seed, BLOCK, generator.architecture, queries, *weights)
    milestones, device = (*(m for m in MILESTONES if m < count), count), next(generator.parameters()).device
    state = kept and kept / f"{name}.pt"
    blocks = generated(generator, seed)
    found = curve(blocks, queries, answers, milestones, device=device, state=state, progress=progress)
    return {n: (wrong, seconds) for n, wrong, seconds in found}


def percent(errors: Errors) -> dict[str, float]:
    """The share of wrong answers for each number of references."""
    return {str(number): round(100 * float(wrong.mean()), 4) for number, (wrong, _) in errors.items()}


def paired(wrong: np.ndarray, other: np.ndarray, seed: int = 0) -> list[float]:
    """How many percentage points more of the same queries are `wrong` than `other` (N times true or false): mean, low, high."""
    more = 100 * (wrong.astype(float) - other)
    return [round(x, 4) for x in bootstrap(np.mean, more, seed=seed)]
