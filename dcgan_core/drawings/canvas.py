"""What every drawing is made on: a canvas of shapes with soft edges, factors, colours."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, reduce
from typing import Literal

import numpy as np
import torch
from torch import Tensor

MIN_SIZE, MAX_SIZE = 16, 512
# Deviation of the noise in every pixel and channel. With next to none, nets that were tried stayed grey; the few trials
# that there are do not say which strength is best (chapter "Scenes and sources", book/trials).
GRAIN = 0.03


@dataclass(frozen=True)
class Factor:
    """One thing that varies. `yes/no` is 0 or 1, `number` lies between low and high, `choice` is one of 0, 1, … high."""

    kind: Literal["yes/no", "number", "choice"] = "number"
    low: float = 0.0
    high: float = 1.0

    def sample(self, count: int, rng: torch.Generator) -> Tensor:
        if self.kind == "number":
            return torch.rand(count, generator=rng) * (self.high - self.low) + self.low
        return torch.randint(int(self.low), int(self.high) + 1, (count,), generator=rng).float()


Number = float | Tensor
YES_NO, NUMBER, AROUND = Factor("yes/no"), Factor(), Factor(low=-1.0)


@dataclass(frozen=True)
class Drawn:
    """Pictures with what is in them."""

    images: np.ndarray  # uint8, N x 3 x size x size
    factors: dict[str, np.ndarray]  # float32, N each
    masks: dict[str, np.ndarray]  # bool, N x size x size each: the visible part of an object


class Canvas:
    """A block of N pictures being painted, and the visible part of each named object.

    Numbers that differ between pictures are tensors N x 1 x 1; colours are N x 3 x 1 x 1, or vary over the picture.
    """

    def __init__(self, count: int, size: int, rng: torch.Generator, zoom: float = 1.0) -> None:
        axis = 0.5 + ((torch.arange(size) + 0.5) / size - 0.5) / zoom
        self.x, self.y = axis.view(1, 1, size), axis.view(1, size, 1)
        self.count, self.size, self.rng = count, size, rng
        self.pixels = size * zoom  # in a unit of length
        self.image = torch.empty(0)  # N x 3 x S x S; a painter begins with the background
        self.masks: dict[str, Tensor] = {}
        self.window = (slice(None), slice(None))  # the rows and columns being painted
        self.painted: Tensor | None = None  # where the object of this part is

    @contextmanager
    def part(
        self, name: str | None, top: float = 0.0, bottom: float = 1.0, left: float = 0.0, right: float = 1.0
    ) -> Iterator[None]:
        """Inside, only this part of the picture is painted, which saves time; what is painted is the object `name`."""
        x, y, image = self.x, self.y, self.image
        self.window = window = (_between(y, top, bottom), _between(x, left, right))
        self.y, self.x, self.image = y[:, window[0]], x[:, :, window[1]], image[:, :, *window]
        self.painted = torch.zeros(self.count, *self.image.shape[2:]) if name else None
        try:
            yield
        finally:
            painted, self.painted = self.painted, None
            self.x, self.y, self.image, self.window = x, y, image, (slice(None), slice(None))
        if name is None or painted is None:
            return
        for seen in self.masks.values():
            part = seen[:, *window]
            part.addcmul_(part, painted, value=-1)
        self.masks.setdefault(name, torch.zeros(self.count, self.size, self.size))[:, *window] += painted

    @contextmanager
    def rows(self, top: float, bottom: float) -> Iterator[None]:
        """Inside, only these rows of the part are painted, which saves time again; the object stays the same."""
        y, image, painted, window = self.y, self.image, self.painted, self.window
        cut = _between(y, top, bottom)
        self.y, self.image = y[:, cut], image[:, :, cut]
        self.painted = None if painted is None else painted[:, cut]
        self.window = (slice(window[0].start + cut.start, window[0].start + cut.stop), window[1])
        try:
            yield
        finally:
            self.y, self.image, self.painted, self.window = y, image, painted, window

    def here(self, field: Tensor) -> Tensor:
        """The part being painted of a field computed for the whole picture."""
        rows, columns = (cut if length > 1 else slice(None) for cut, length in zip(self.window, field.shape[-2:], strict=True))
        return field[..., rows, columns]

    def coverage(self, distance: Tensor, soft: float = 1.0) -> Tensor:
        """How much of each pixel lies inside a shape, 0 to 1; `soft` > 1 blurs the edge over so many pixels."""
        return (distance * (-self.pixels / soft)).add_(0.5).clamp_(0, 1)

    def paint(self, cover: Tensor, colour: Tensor | Iterable[float]) -> None:
        """Lays `colour` over the picture where `cover` (N x rows x S) is 1."""
        if not isinstance(colour, Tensor):
            colour = rgb(*colour)
        self.image.lerp_(colour, cover[:, None])
        if self.painted is not None:
            torch.maximum(self.painted, cover, out=self.painted)

    def noise(self, rows: int, columns: int | None = None) -> Tensor:
        """Smooth random texture around 0, deviation below 1, from a grid of so many points: N x rows of the part x S."""
        grid = torch.randn(self.count, rows, columns or rows, generator=self.rng)
        down, across = _weights(rows, self.y.shape[1]), _weights(columns or rows, self.x.shape[2])
        return down @ grid @ across.T

    def jitter(self, scale: float) -> Tensor:
        """A number of each picture's own, from -scale to scale: N x 1 x 1."""
        return (torch.rand(self.count, 1, 1, generator=self.rng) * 2 - 1) * scale

    # shapes: signed distances, N x S x S

    def box(self, x: Number, y: Number, half_width: Number, half_height: Number, round: Number = 0.0) -> Tensor:
        dx, dy = (self.x - x).abs() - half_width + round, (self.y - y).abs() - half_height + round
        if isinstance(round, float) and round == 0:
            return torch.maximum(dx, dy)
        return (dx.clamp_min(0).square() + dy.clamp_min(0).square()).sqrt_() + torch.maximum(dx, dy).clamp_max(0) - round

    def ellipse(self, x: Number, y: Number, a: Number, b: Number) -> Tensor:
        """Near its edge a distance; far away only its sign is right."""
        k = (((self.x - x) / a).square() + ((self.y - y) / b).square()).sqrt()
        return (k - 1) * torch.minimum(torch.as_tensor(a), torch.as_tensor(b))

    def segment(self, x0: Number, y0: Number, x1: Number, y1: Number, radius: Number) -> Tensor:
        """A line with round ends."""
        dx, dy = torch.as_tensor(x1 - x0), torch.as_tensor(y1 - y0)
        px, py = self.x - x0, self.y - y0
        t = ((px * dx + py * dy) / (dx * dx + dy * dy).clamp_min(1e-6)).clamp_(0, 1)
        return ((px - t * dx).square_() + (py - t * dy).square_()).sqrt_() - radius

    def polygon(self, *corners: tuple[Number, Number]) -> Tensor:
        """A convex polygon, corners clockwise on the screen."""
        ends = [(torch.as_tensor(x), torch.as_tensor(y)) for x, y in corners]
        edges = []
        for (x0, y0), (x1, y1) in zip(ends, ends[1:] + ends[:1], strict=True):
            dx, dy = x1 - x0, y1 - y0
            length = torch.hypot(dx, dy).clamp_min(1e-6)
            edges.append((self.x - x0) * (dy / length) - (self.y - y0) * (dx / length))
        return reduce(torch.maximum, edges)

    def finish(self, light: Tensor) -> Tensor:
        """The picture in this light (N x 1 x 1, N x S x S or N x 3 x S x S), with grain, as uint8."""
        values = self.count * 3 * self.size**2
        draws = torch.empty(-(-values // 8), dtype=torch.int64).random_(-(2**63), None, generator=self.rng)
        bytes_ = draws.view(torch.uint8)[:values].view(self.count, 3, self.size, self.size)  # eight numbers from each draw
        grain = bytes_.float().sub_(127.5).mul_(GRAIN * math.sqrt(12) / 256)
        picture = grain.addcmul_(self.image, light if light.ndim == 4 else light[:, None])
        return picture.mul_(255).add_(0.5).clamp_(0, 255).to(torch.uint8)


def _between(axis: Tensor, low: float, high: float) -> slice:
    inside = ((axis.flatten() >= low) & (axis.flatten() <= high)).nonzero().flatten()
    return slice(int(inside[0]), int(inside[-1]) + 1)


@cache
def _weights(points: int, pixels: int) -> Tensor:
    """The matrix, pixels x points, that interpolates linearly between evenly spaced points."""
    place = torch.linspace(0, points - 1, pixels)[:, None]
    return (1 - (place - torch.arange(points)).abs()).clamp_min(0)


def rgb(red: float, green: float, blue: float) -> Tensor:
    return torch.tensor([red, green, blue]).view(1, 3, 1, 1)


def palette(position: Tensor, *colours: tuple[float, float, float]) -> Tensor:
    """Colours on a scale: `position` (N x 1 x 1) from 0 to 1 blends from the first to the last. N x 3 x 1 x 1."""
    table = torch.tensor(colours)
    place = position.flatten().clamp(0, 1) * (len(colours) - 1)
    low = place.floor().long().clamp_max(len(colours) - 2)
    blend = (place - low)[:, None]
    return (table[low] * (1 - blend) + table[low + 1] * blend)[:, :, None, None]


def hue(position: Tensor, saturation: float = 0.5, value: float = 0.7) -> Tensor:
    """The colour circle, `position` from 0 to 1 and round again. N x 3 x 1 x 1."""
    k = (position.flatten()[:, None] * 6 + torch.tensor([5.0, 3.0, 1.0])) % 6
    weight = torch.minimum(k, 4 - k).clamp(0, 1)
    return (value * (1 - saturation * weight))[:, :, None, None]
