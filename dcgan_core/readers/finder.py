"""Where are windows, and other objects, in drawn rooms and in samples? A finder answers place by place."""

from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor, nn

from dcgan_core import intervals
from dcgan_core.drawings import canvas, scenes
from dcgan_core.errors import UserError
from dcgan_core.intervals import Measurement
from dcgan_core.readers import fitting, judges
from dcgan_core.readers.fitting import Reader

Box = tuple[int, int, int, int]  # left, top, width, height in pixels

FINDER_SEED = 3000  # of the drawings it learns from; judges learn from 1000, 1001 …
PICTURES, EPOCHS = 2500, 2
RARE = 4.0  # how much more a place with an object counts than one without: lamps and pictures are small
CELL = 2  # pixels of the picture in a pixel of the finder's answer
SMALLEST = 8  # cells; smaller specks are no object


class Finder(Reader):
    """Says for every place of a picture which objects are there. Fully convolutional.

    Raises UserError for an unknown set or a size that is no multiple of 8.
    """

    kind, learning_rate, batch, at_once, multiple = "finder", 6e-3, 32, 256, 8

    def __init__(self, name: str, size: int = 64) -> None:
        super().__init__(name, size)
        scenes.check_drawable(name, size, seed=0)
        self.note = {"set": name, "size": size, "pictures": PICTURES, "epochs": EPOCHS}
        self.objects = objects(name)
        self.down = nn.ModuleList(fitting.block(i, o, 4, 2) for i, o in ((3, 16), (16, 32), (32, 64)))
        self.middle = nn.Sequential(fitting.block(64, 64, 3, 1), fitting.block(64, 64, 3, 1))
        self.up = nn.ModuleList(fitting.block(i, o, 3, 1) for i, o in ((64 + 32, 32), (32 + 16, 16)))
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

    def locate(self, images: np.ndarray, what: str) -> np.ndarray:
        """uint8 N x 3 x size x size -> bool N x size/2 x size/2: where the object `what` is."""
        if what not in self.objects:
            raise UserError(f"{self.title}: knows no {what!r}, only {', '.join(self.objects)}")
        k = self.objects.index(what)
        return np.concatenate([(part[:, k] > 0).cpu().numpy() for part in self.answers(images)])

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
    file = f"finder-{name}-{size}px-v{scenes.VERSION}.safetensors"
    return fitting.load(file, "this finder's weights", lambda: train_finder(finder, device), lambda _: finder, device)


def train_finder(
    finder: Finder, device: torch.device | str = "cpu", *, pictures: int = PICTURES, epochs: int = EPOCHS
) -> Finder:
    """Trains on drawings with their exact masks, some of them blurred or noisy, as judges are."""
    drawn = scenes.draw(finder.name, pictures, finder.size, FINDER_SEED)
    masks = torch.from_numpy(np.stack([drawn.masks[what] for what in finder.objects], 1))

    def loss(batch: Tensor, chosen: Tensor) -> Tensor:
        target = F.avg_pool2d(masks[chosen].float(), CELL).to(device)
        return F.binary_cross_entropy_with_logits(finder(batch), target, pos_weight=torch.tensor(RARE, device=batch.device))

    fitting.fit_reader(finder, drawn.images, loss, steps=epochs * (pictures // finder.batch), seed=0, device=device)
    return finder


def finder_accuracy(finder: Finder, what: str, count: int = 4000) -> Measurement:
    """On drawings that it has not seen: how often is it right that there is one? How well its places are is in `details`."""
    drawn = scenes.draw(finder.name, count, finder.size, judges.HELD_OUT_SEED)
    there = drawn.factors[what] > 0.5
    right = np.array([bool(b) for b in finder.boxes(drawn.images, what)]) == there
    said = finder.locate(drawn.images, what).repeat(CELL, 1).repeat(CELL, 2)
    both, either = (said & drawn.masks[what]).sum((1, 2)), (said | drawn.masks[what]).sum((1, 2))
    details = {"overlap_with_mask": round(float((both[there] / np.maximum(either[there], 1)).mean()), 4)}
    return Measurement(*intervals.share(right), count, details=details)
