"""Where in samples is a window? Boxes, drawn by hand (`widgets.Marker`) or by a finder. (Paper §6.3.1)

The paper's authors marked windows in 150 samples. Here a `Finder`, a small net trained on the exact masks of drawn rooms,
can do it. It says where things are; a judge (`judges`), trained on other drawings, says whether they are there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor, nn

from dcgan_core import intervals, judges, latent
from dcgan_core.drawings import canvas, scenes
from dcgan_core.errors import UserError
from dcgan_core.files import read_json, write_json
from dcgan_core.intervals import Measurement
from dcgan_core.judges import Judge
from dcgan_core.metrics import detection
from dcgan_core.networks import Generator
from dcgan_core.runs import Run, weights_of

SAMPLES = 150  # as many as the paper's authors looked at
LEAST = 10  # boxes below which nothing is fitted
Box = tuple[int, int, int, int]  # left, top, width, height in pixels

# --- marks ------------------------------------------------------------------------------------------------------------


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
    weights: str = ""  # of the G that drew the samples, see `weights_of`
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
            raise UserError(f"marks: made in pictures of {self.size} px; this generator draws {generator.architecture.size} px")
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
    values = {key: getattr(marks, key) for key in (*_NUMBERS, "what", "weights", "unsure")}
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_json(Path(path), values | {"boxes": boxes})


_NUMBERS = ("seed", "count", "size")


def load_marks(path: Path | str, run: Run | None = None) -> Marks:
    """Raises UserError where the file is missing or damaged, marks nothing, or marks what is not in a picture.

    run: whose samples they should be; raises UserError where other weights than its own drew them.
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
        raise UserError(f"{path}: not marked boxes; delete it, and save some with widgets.Marker") from None
    if run is not None and weights != weights_of(run):
        raise UserError(f"{path}: marked in samples of other weights than those of {run.path}; mark them again")
    return Marks(boxes, what, **numbers, weights=weights, unsure=unsure)


# --- a finder ---------------------------------------------------------------------------------------------------------

FINDER_SEED = 3000  # of the drawings it learns from; judges learn from 1000, 1001 …
PICTURES, EPOCHS, BATCH = 2500, 2, 32
RARE = 4.0  # how much more a place with an object counts than one without: lamps and pictures are small
CELL = 2  # pixels of the picture in a pixel of the finder's answer
SMALLEST = 8  # cells; smaller specks are no object


class Finder(nn.Module):
    """Says for every place of a picture which objects are there. Fully convolutional.

    Raises UserError for an unknown set or a size that is no multiple of 8.
    """

    def __init__(self, name: str, size: int = 64) -> None:
        super().__init__()
        scenes.check(name, size, seed=0)
        if size % 8:
            raise UserError(f"finder of {name}: {size} px; choose a multiple of 8")
        self.name, self.size = name, size
        self.objects = objects(name)
        self.down = nn.ModuleList(_block(i, o, 4, 2) for i, o in ((3, 16), (16, 32), (32, 64)))
        self.middle = nn.Sequential(_block(64, 64, 3, 1), _block(64, 64, 3, 1))
        self.up = nn.ModuleList(_block(i, o, 3, 1) for i, o in ((64 + 32, 32), (32 + 16, 16)))
        self.head = nn.Conv2d(16, len(self.objects), 1)

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels: uint8 or float 0 … 255, N x 3 x size x size. Returns logits N x objects x size/2 x size/2."""
        h, skips = pixels.float() / 127.5 - 1, []
        for block in self.down:
            h = block(h)
            skips.append(h)
        h = self.middle(h)
        for block, skip in zip(self.up, (skips[1], skips[0]), strict=True):
            h = block(torch.cat([F.interpolate(h, scale_factor=2.0), skip], 1))
        return self.head(h)

    @torch.no_grad()
    def locate(self, images: np.ndarray, what: str, batch: int = 256) -> np.ndarray:
        """uint8 N x 3 x size x size -> bool N x size/2 x size/2: where the object `what` is."""
        if what not in self.objects:
            raise UserError(f"finder of {self.name}: knows no {what!r}, only {', '.join(self.objects)}")
        if images.ndim != 4 or images.shape[1:] != (3, self.size, self.size):
            shape = " x ".join(map(str, images.shape))
            raise UserError(f"finder of {self.name}: reads N x 3 x {self.size} x {self.size} pictures, got {shape}")
        device, k = next(self.parameters()).device, self.objects.index(what)
        parts = [self(torch.from_numpy(np.array(images[i : i + batch])).to(device)) for i in range(0, len(images), batch)]
        return np.concatenate([(part[:, k] > 0).cpu().numpy() for part in parts])

    def boxes(self, images: np.ndarray, what: str) -> list[tuple[Box, ...]]:
        """For each picture a box around every connected patch of the object."""
        return [_boxes(mask) for mask in self.locate(images, what)]

    def read(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """For each object N times 1 or 0: is there any? In the form of a judge's answers."""
        return {what: np.array([float(bool(b)) for b in self.boxes(images, what)]) for what in self.objects}


@cache
def objects(name: str) -> tuple[str, ...]:
    """What a drawn set has masks of."""
    return tuple(sorted(scenes.draw(name, 1, canvas.MIN_SIZE).masks))


def _block(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, 1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


def _boxes(mask: np.ndarray) -> tuple[Box, ...]:
    patches, _ = ndimage.label(mask)
    found = []
    for i, (rows, columns) in enumerate(ndimage.find_objects(patches), 1):
        if (patches[rows, columns] == i).sum() >= SMALLEST:
            corner = (columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
            found.append(tuple(CELL * n for n in corner))
    return tuple(found)


def load_finder(name: str, size: int = 64, device: torch.device | str = "cpu") -> Finder:
    """The finder of a drawn set: shipped, else kept from an earlier call, else trained now (minutes on a CPU)."""
    finder = Finder(name, size)
    note = {"finder": json.dumps({"set": name, "size": size, "pictures": PICTURES, "epochs": EPOCHS})}
    path = judges.shipped_or_kept(f"finder-{name}-{size}px-v{scenes.VERSION}.safetensors")
    if not path.is_file():
        train_finder(finder, device=device)
        judges.save(finder, path, note)
    return judges.restore(finder, path, "this finder's weights").to(device, memory_format=torch.channels_last)


def train_finder(
    finder: Finder, seed: int = 0, device: torch.device | str = "cpu", pictures: int = PICTURES, epochs: int = EPOCHS
) -> None:
    """Trains on drawings with their exact masks, some of them blurred or noisy, as judges are."""
    drawn = scenes.draw(finder.name, pictures, finder.size, FINDER_SEED + seed)
    images = torch.from_numpy(drawn.images)
    masks = torch.from_numpy(np.stack([drawn.masks[what] for what in finder.objects], 1))

    def loss(batch: Tensor, chosen: Tensor) -> Tensor:
        target = F.avg_pool2d(masks[chosen].float(), CELL).to(device)
        return F.binary_cross_entropy_with_logits(finder(batch), target, pos_weight=torch.tensor(RARE, device=batch.device))

    what = f"finder of {finder.name}"
    judges.fit(finder, images, loss, what, learning_rate=6e-3, epochs=epochs, batch=BATCH, seed=seed, device=device)


def mark(generator: Generator, finder: Finder, what: str = "window", seed: int = 0, count: int = SAMPLES) -> Marks:
    """The boxes that the finder puts around an object in `count` samples. Raises UserError where it finds none."""
    z = latent.sample(generator.architecture, count, torch.Generator().manual_seed(seed))
    found = finder.boxes(latent.draw_pixels(generator, z), what)
    return Marks({i: b for i, b in enumerate(found) if b}, what, seed, count, generator.architecture.size)


def accuracy(finder: Finder, what: str, count: int = 4000, seed: int = judges.HELD_OUT_SEED) -> Measurement:
    """On drawings that it has not seen: how often is it right that there is one? How well its places are is in `details`."""
    with intervals.timed() as seconds:
        drawn = scenes.draw(finder.name, count, finder.size, seed)
        there = drawn.factors[what] > 0.5
        right = np.array([bool(b) for b in finder.boxes(drawn.images, what)]) == there
        said = finder.locate(drawn.images, what).repeat(CELL, 1).repeat(CELL, 2)
        both, either = (said & drawn.masks[what]).sum((1, 2)), (said | drawn.masks[what]).sum((1, 2))
        details = {"overlap_with_mask": round(float((both[there] / np.maximum(either[there], 1)).mean()), 4)}
        return Measurement(*intervals.share(right), count, seconds(), details)


def agreement(generator: Generator, finder: Finder, judge: Judge, marks: Marks) -> Measurement:
    """On samples that were marked by eye: how often do finder and eye agree that there is a window?

    `details`: how often eye and judge agree; the same without samples in which it is hard to say; how well boxes overlap.
    """
    with intervals.timed() as seconds:
        images = latent.draw_pixels(generator, marks.z(generator))
        by_eye = np.array([bool(marks.boxes.get(i)) for i in range(marks.count)])
        sure = np.ones(marks.count, bool)
        sure[list(marks.unsure)] = False
        boxes = finder.boxes(images, marks.what)
        found = np.array([bool(b) for b in boxes])
        said = judge.read(images)[marks.what] > 0.5
        pairs = [
            max((detection.overlap(np.array(mine), np.array(theirs)) for theirs in boxes[i]), default=0.0)
            for i, marked in marks.boxes.items()
            for mine in marked
        ]
        details = {
            "samples_with_one": {"eye": int(by_eye.sum()), "finder": int(found.sum()), "judge": int(said.sum())},
            "sure": int(sure.sum()),
            "agreement_where_sure": round(float((found == by_eye)[sure].mean()), 4),
            "judge_agrees": round(float((said == by_eye).mean()), 4),
            "judge_agrees_where_sure": round(float((said == by_eye)[sure].mean()), 4),
            "boxes": len(pairs),
            "boxes_found": round(float(np.mean(np.array(pairs) >= 0.5)), 4),  # overlap (IoU) of a half or more
            "overlap": round(float(np.mean(pairs)), 4),
            "disagree": np.flatnonzero(found != by_eye).tolist(),
        }
        return Measurement(*intervals.share(found == by_eye), marks.count, seconds(), details)
