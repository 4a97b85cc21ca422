"""Where are windows in samples? Marks around them, by hand or by a finder, and how well the two agree (paper §6.3.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dcgan_core import intervals, latent
from dcgan_core.errors import UserError
from dcgan_core.files import read_json, write_json
from dcgan_core.inside import weights_of
from dcgan_core.intervals import Measurement
from dcgan_core.metrics import detection
from dcgan_core.networks import Generator
from dcgan_core.readers.finder import Box, Finder
from dcgan_core.readers.judges import Judge
from dcgan_core.runs import Run

SAMPLES = 150  # as many as the paper's authors looked at
LEAST = 10  # boxes below which nothing is fitted
_NUMBERS = ("seed", "count", "size")


@dataclass(frozen=True)
class Marks:
    """Boxes around one kind of object in samples: sample i is `latent.sample(architecture, count, seed)[i]`.

    Raises UserError where nothing is marked, or something that is not in the picture.
    """

    boxes: dict[int, tuple[Box, ...]]  # number of the sample -> its boxes; a sample without an entry has none
    what: str = "window"
    seed: int = 0
    count: int = SAMPLES
    size: int = 64  # of a sample, in pixels
    weights: str = ""  # of the G that generated the samples, see `weights_of`
    unsure: tuple[int, ...] = ()  # samples in which it is hard to say

    def __post_init__(self) -> None:
        for i in (*self.boxes, *self.unsure):
            if not 0 <= i < self.count:
                raise UserError(f"marks: there is no sample {i}; they are numbered from 0 to {self.count - 1}")
            for box in self.boxes.get(i, ()):
                check_box(box, self.size, f"sample {i}")
        if not self.number:
            raise UserError(f"marks: no {self.what} is marked in any of {self.count} samples; mark at least {LEAST}")

    @property
    def number(self) -> int:
        return sum(len(boxes) for boxes in self.boxes.values())

    def z(self, generator: Generator) -> Tensor:
        """The z of all samples, count x latent."""
        if generator.architecture.size != self.size:
            raise UserError(f"marks: of pictures of {self.size} px, but this generator's have {generator.architecture.size}")
        return latent.sample(generator.architecture, self.count, torch.Generator().manual_seed(self.seed))


def check_box(box: Sequence[int], size: int, where: str) -> None:
    """Raises UserError for a box that is empty or not all in the picture."""
    if len(box) != 4 or not all(isinstance(n, int) for n in box):
        raise UserError(f"marks: {where}: a box is four whole numbers (left, top, width, height), got {list(box)}")
    left, top, width, height = box
    if width < 1 or height < 1 or left < 0 or top < 0 or left + width > size or top + height > size:
        raise UserError(f"marks: {where}: the box {list(box)} is empty or reaches outside the picture of {size} x {size} px")


def save_marks(marks: Marks, path: Path | str) -> None:
    """As JSON."""
    boxes = {str(i): [list(box) for box in found] for i, found in sorted(marks.boxes.items())}
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_json(Path(path), {key: getattr(marks, key) for key in (*_NUMBERS, "what", "weights", "unsure")} | {"boxes": boxes})


def load_marks(path: Path | str, run: Run | None = None) -> Marks:
    """Raises UserError where the file is missing or damaged, marks nothing, or marks what is not in a picture.

    run: whose samples they should be; raises UserError if other weights generated them.
    """
    values = read_json(Path(path), "marked boxes")
    try:
        boxes = {int(i): tuple(tuple(box) for box in found) for i, found in values["boxes"].items()}
        numbers = {key: values[key] for key in _NUMBERS}
        what, weights, unsure = values["what"], values.get("weights", ""), tuple(values.get("unsure", ()))
        whole = all(type(n) is int for n in (*numbers.values(), *unsure))
        if not (whole and isinstance(what, str) and isinstance(weights, str)):
            raise TypeError("numbers and names")
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UserError(f"{path}: not marked boxes; delete it, and save some with inside.marker.Marker") from None
    if run is not None and weights != weights_of(run):
        raise UserError(f"{path}: marked in samples of other weights than those of {run.path}; mark them again")
    return Marks(boxes, what, **numbers, weights=weights, unsure=unsure)


def mark(generator: Generator, finder: Finder, what: str = "window", seed: int = 0, count: int = SAMPLES) -> Marks:
    """The boxes that the finder puts around an object in `count` samples. Raises UserError where it finds none."""
    z = latent.sample(generator.architecture, count, torch.Generator().manual_seed(seed))
    found = finder.boxes(latent.generate_pixels(generator, z), what)
    return Marks({i: b for i, b in enumerate(found) if b}, what, seed, count, generator.architecture.size)


def eye_agreement(generator: Generator, finder: Finder, judge: Judge, marks: Marks) -> Measurement:
    """On samples that were marked by eye: how often do finder and eye agree that there is a window?

    `details`: how often eye and judge agree; the same without samples in which it is hard to say; how well boxes overlap.
    """
    images = latent.generate_pixels(generator, marks.z(generator))
    by_eye = np.array([bool(marks.boxes.get(i)) for i in range(marks.count)])
    sure = np.ones(marks.count, bool)
    sure[list(marks.unsure)] = False
    boxes = finder.boxes(images, marks.what)
    found = np.array([bool(b) for b in boxes])
    said = judge.read(images)[marks.what] > 0.5
    pairs = np.array(
        [
            max((detection.overlap(np.array(mine), np.array(theirs)) for theirs in boxes[i]), default=0.0)
            for i, marked in marks.boxes.items()
            for mine in marked
        ]
    )
    details = {
        "samples_with_one": {"eye": int(by_eye.sum()), "finder": int(found.sum()), "judge": int(said.sum())},
        "sure": int(sure.sum()),
        "agreement_where_sure": round(float((found == by_eye)[sure].mean()), 4),
        "judge_agrees": round(float((said == by_eye).mean()), 4),
        "judge_agrees_where_sure": round(float((said == by_eye)[sure].mean()), 4),
        "boxes": len(pairs),
        "boxes_found": round(float(np.mean(pairs >= 0.5)), 4),  # overlap (IoU) of a half or more
        "overlap": round(float(np.mean(pairs)), 4),
        "disagree": np.flatnonzero(found != by_eye).tolist(),
    }
    return Measurement(*intervals.share(found == by_eye), marks.count, details=details)
