"""What is a translator worth? Judged by what its answers show, where, and how varied they are, not by pixels alone."""

from pathlib import Path

import numpy as np

from dcgan_core import intervals, pictures
from dcgan_core.ablations.measuring import ledger_row
from dcgan_core.drawings import scenes
from dcgan_core.drawings.rooms import ROOM_OBJECTS
from dcgan_core.errors import UserError
from dcgan_core.files import write_atomically, write_json
from dcgan_core.intervals import Measurement
from dcgan_core.readers.finder import CELL, load_finder
from dcgan_core.readers.judges import load_judge
from dcgan_core.transfer import translation
from dcgan_core.transfer.generator_features import balanced_accuracy, gain
from dcgan_core.transfer.translation import TASKS, Pairs, Translator

SEEDS = 3  # nets of each kind for masks -> rooms; one for the other tasks
QUESTIONS = 1000  # drawn for the test
VARIED, DRAWS = 100, 8  # questions that are answered several times, and how often
SHOWN = 8


def read_objects(answers: np.ndarray) -> np.ndarray:
    """Which objects the judge sees: N x 5, true or false. answers: uint8 N x 3 x 32 x 32."""
    said = load_judge("drawn-rooms", size=translation.A.size).read(answers)
    return np.stack([said[what] > 0.5 for what in ROOM_OBJECTS], 1)


def colourful(images: np.ndarray) -> np.ndarray:
    """How far apart a pixel's channels lie on the average, in grey levels: N."""
    return (images.max(1).astype(float) - images.min(1)).mean((1, 2))


def window_overlap(answers: np.ndarray, pairs: Pairs) -> float:
    """Where a window was asked for: intersection over union of its mask and of what the finder finds, mean over pictures."""
    there = pairs.masks["window"].any((1, 2))
    found = load_finder("drawn-rooms", size=translation.A.size).locate(answers[there], "window").repeat(CELL, 1).repeat(CELL, 2)
    mask = pairs.masks["window"][there]
    return float(((found & mask).sum((1, 2)) / (found | mask).sum((1, 2))).mean())


def scored(answers: np.ndarray, pairs: Pairs) -> dict[str, float]:
    """One net's answers: what they show, where windows are, how colourful they are, how far they lie from the truth."""
    true = np.stack([pairs.factors[what] > 0.5 for what in ROOM_OBJECTS], 1)
    said = read_objects(answers)
    scores = {
        "factors": balanced_accuracy(said, true),
        "overlap": window_overlap(answers, pairs),
        "colour": colourful(answers).mean() / colourful(pairs.asked).mean(),
        "distance": np.abs(answers.astype(float) - pairs.asked).mean(),  # grey levels of 255
    }
    each = {what: balanced_accuracy(said[:, [i]], true[:, [i]]) for i, what in enumerate(ROOM_OBJECTS)}
    return {key: round(float(value), 4) for key, value in (scores | each).items()}


def spread(stack: np.ndarray) -> float:
    """How different the answers to one question are: D x N x 3 x S x S -> the deviation of a pixel over D, in grey levels."""
    return float(stack.std(0).mean())


def variety(g: Translator, pairs: Pairs) -> float:
    """The spread of answers to the same masks over that of drawings with the same masks in other colours and another light."""
    given, factors = pairs.given[:VARIED], {k: v[:VARIED] for k, v in pairs.factors.items()}
    drawn = [
        scenes.render("drawn-rooms", translation.repainted(factors, i), translation.A.size, translation.TEST_SEED).images
        for i in range(DRAWS)
    ]
    return spread(np.stack([translation.translate(g, given, i) for i in range(DRAWS)])) / spread(np.stack(drawn))


# --- all of section 9.5 -----------------------------------------------------------------------------------------------


def measure_translation(out: Path, *, seeds: int = SEEDS) -> dict:
    """Trains what is not in `out` yet, then scores all nets as they are kept, in half precision. Returns the table, also there.

    Writes translation.json, <task>.webp (rows: what was given, the answers by loss, the truth) and varied.webp (one question a
    column, two answers of each loss). seeds: nets of each loss for masks -> rooms, 2 at least.
    """
    if seeds < 2:
        raise UserError(f"`seeds` {seeds}: at least 2, or there is no interval")
    for task in TASKS:
        for seed in range(seeds if task == "masks" else 1):
            for loss in translation.LOSSES:
                path = _weights(out, task, loss, seed)
                if not path.exists():
                    pairs = translation.draw_pairs(task, translation.PAIRS, translation.TRAIN_SEED)
                    g = translation.train_translator(pairs, task, loss, images=translation.IMAGES, seed=seed)
                    translation.save_translator(g, path)
    table = {"rows": _rows(out, seeds)}
    write_json(out / "translation.json", table)
    return table


def _weights(out: Path, task: str, loss: str, seed: int) -> Path:
    return out / f"{task}-{loss.lower()}-{seed}.safetensors"


def _rows(out: Path, seeds: int) -> list[dict]:
    """Rows for the ledger; the first one's details have the scores of all nets, and of the truth as judge and finder see it."""
    scores, truth, found = {}, {}, {}
    for task in TASKS:
        pairs = translation.draw_pairs(task, QUESTIONS, translation.TEST_SEED)
        many = range(seeds if task == "masks" else 1)
        nets = {
            loss: [translation.load_translator(_weights(out, task, loss, seed), task) for seed in many]
            for loss in translation.LOSSES
        }
        answers = {loss: [translation.translate(g, pairs.given) for g in each] for loss, each in nets.items()}
        scores[task] = {loss: [scored(images, pairs) for images in each] for loss, each in answers.items()}
        truth[task] = scored(pairs.asked, pairs)
        first = {loss: each[0] for loss, each in answers.items()}
        if task == "masks":
            for loss, each in nets.items():
                for seed, g in enumerate(each):
                    scores[task][loss][seed]["variety"] = round(variety(g, pairs), 4)
            again = [translation.translate(each[0], pairs.given[:SHOWN], i) for each in nets.values() for i in (1, 2)]
            _save(out / "varied.webp", [as_picture(pairs.given[:SHOWN], task), *again])
        elif task == "grey":
            found["colour"] = _colour(first, pairs)
        else:
            true = np.stack([pairs.factors[what] > 0.5 for what in ROOM_OBJECTS], 1)
            found["light"] = gain(read_objects(first["both"]), read_objects(first["L1"]), true)
        shown = [as_picture(pairs.given, task), *first.values(), pairs.asked]
        _save(out / f"{task}.webp", [images[:SHOWN] for images in shown])
    found = _over_seeds(scores["masks"]) | found
    found["factors"].details = {
        "scores": scores,
        "truth": truth,
        "images": translation.IMAGES,
        "pairs": translation.PAIRS,
        "questions": QUESTIONS,
    }
    return [ledger_row(f"after.translation.{key}", m, "after/translation", "drawn-rooms") for key, m in found.items()]


def _over_seeds(scores: dict[str, list[dict[str, float]]]) -> dict[str, Measurement]:
    """Means over the seeds of masks -> rooms, with Student's intervals; nets of one seed are a pair."""

    def of(key: str, less: str = "") -> Measurement:
        values = np.array([each[key] for each in scores["both"]])
        if less:
            values = values - [each[key] for each in scores[less]]
        return Measurement(*intervals.student(list(values)), len(values), details={"each": values.round(4).tolist()})

    return {
        "factors": of("factors", "L1"),
        "adversarial": of("factors", "adversarial"),
        "overlap": of("overlap", "L1"),
        "variety": of("variety"),
    }


def _colour(answers: dict[str, np.ndarray], pairs: Pairs) -> Measurement:
    def difference(rows: np.ndarray) -> float:
        ours, theirs, true = rows.mean(0)
        return float((ours - theirs) / true)

    rows = np.stack([colourful(images) for images in (answers["both"], answers["L1"], pairs.asked)], 1)
    return Measurement(*intervals.bootstrap(difference, rows), len(rows))


COLOURS = np.array([(214, 96, 77), (120, 180, 230), (250, 214, 90), (140, 90, 50), (90, 170, 110)], np.uint8)


def as_picture(given: np.ndarray, task: str) -> np.ndarray:
    """A question in colour, uint8 N x 3 x S x S: each object's mask in a colour of its own (COLOURS, as ROOM_OBJECTS)."""
    if task != "masks":
        return np.broadcast_to(given, (len(given), 3, *given.shape[2:]))
    sheet = np.full((len(given), 3, *given.shape[2:]), 40, np.uint8)
    for mask, colour in zip(given.swapaxes(0, 1) > 0, COLOURS, strict=True):
        sheet = np.where(mask[:, None], colour[:, None, None], sheet)
    return sheet


def _save(path: Path, rows: list[np.ndarray]) -> None:
    write_atomically(path, pictures.encode(pictures.grid(np.concatenate(rows), SHOWN), "webp", quality=92))
