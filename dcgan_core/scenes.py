"""Pictures that the book draws itself, with every factor known: rooms, portraits, sprites.

    drawn = scenes.draw("drawn-rooms", count=100, size=64, seed=0)
    drawn.images    uint8, 100 x 3 x 64 x 64
    drawn.factors   {"window": 100 numbers, …}: what is in the picture, where, in which colour and light
    drawn.masks     {"window": bool, 100 x 64 x 64}: where it can be seen

Factors are drawn independently of each other. `render` draws from given factors, which is what the sliders in the chapters do.
Shapes are signed distance functions (negative inside), in coordinates from 0 to 1, x to the right and y down, so that any size
works and edges are anti-aliased. Light, texture and grain vary from picture to picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from dcgan_core.config_io import did_you_mean
from dcgan_core.errors import UserError

VERSION = 2  # raised whenever the same seed would give other pictures
BLOCK = 128  # pictures drawn at once
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


YES_NO, NUMBER, AROUND = Factor("yes/no"), Factor(), Factor(low=-1.0)


@dataclass(frozen=True)
class Drawn:
    """Pictures with what is in them."""

    images: np.ndarray  # uint8, N x 3 x size x size
    factors: dict[str, np.ndarray]  # float32, N each
    masks: dict[str, np.ndarray]  # bool, N x size x size each: the visible part of an object


# --- the brush --------------------------------------------------------------------------------------------------------


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
        if name is None:
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

    # shapes: signed distances, N x S x S

    def box(self, x: Tensor, y: Tensor, half_width: Tensor, half_height: Tensor, round: float | Tensor = 0.0) -> Tensor:
        dx, dy = (self.x - x).abs() - half_width + round, (self.y - y).abs() - half_height + round
        if isinstance(round, float) and round == 0:
            return torch.maximum(dx, dy)
        return (dx.clamp_min(0).square() + dy.clamp_min(0).square()).sqrt_() + torch.maximum(dx, dy).clamp_max(0) - round

    def ellipse(self, x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """Near its edge a distance; far away only its sign is right."""
        k = (((self.x - x) / a).square() + ((self.y - y) / b).square()).sqrt()
        return (k - 1) * torch.minimum(torch.as_tensor(a), torch.as_tensor(b))

    def segment(self, x0: Tensor, y0: Tensor, x1: Tensor, y1: Tensor, radius: float | Tensor) -> Tensor:
        """A line with round ends."""
        dx, dy = torch.as_tensor(x1 - x0), torch.as_tensor(y1 - y0)
        px, py = self.x - x0, self.y - y0
        t = ((px * dx + py * dy) / (dx * dx + dy * dy).clamp_min(1e-6)).clamp_(0, 1)
        return ((px - t * dx).square_() + (py - t * dy).square_()).sqrt_() - radius

    def polygon(self, *corners: tuple[Tensor, Tensor]) -> Tensor:
        """A convex polygon, corners clockwise on the screen."""
        distance = None
        for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
            dx, dy = torch.as_tensor(x1 - x0), torch.as_tensor(y1 - y0)
            length = torch.hypot(dx, dy).clamp_min(1e-6)
            edge = (self.x - x0) * (dy / length) - (self.y - y0) * (dx / length)
            distance = edge if distance is None else torch.maximum(distance, edge)
        return distance

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


# --- rooms ------------------------------------------------------------------------------------------------------------

ROOM_OBJECTS = ("bed", "window", "lamp", "door", "picture")
ROOM_FACTORS = {
    **{name: YES_NO for name in ROOM_OBJECTS},
    "places": Factor("choice", 0, 11),  # which third of the room each object stands in
    "view": AROUND,  # the camera looks to the left or to the right
    "horizon": AROUND,
    "wall_colour": NUMBER,
    "wall_brightness": NUMBER,
    "floor_colour": NUMBER,
    "bed_size": AROUND,
    "bed_colour": NUMBER,
    "window_size": AROUND,
    "window_sky": NUMBER,
    "curtain_colour": NUMBER,
    "lamp_height": AROUND,
    "lamp_colour": NUMBER,
    "door_colour": NUMBER,
    "picture_size": AROUND,
    "picture_colour": NUMBER,
    "light": NUMBER,  # dark to bright
    "light_side": AROUND,
    "warmth": NUMBER,
}
_ORDERS = torch.tensor([[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])


def _rooms(c: Canvas, f: Mapping[str, Tensor]) -> Tensor:
    jitter = lambda scale: (torch.rand(c.count, 1, 1, generator=c.rng) * 2 - 1) * scale  # noqa: E731
    # A box seen from inside, in one-point perspective: the back wall is x0 … x1, y0 … y1; (vx, vy) is the vanishing point.
    vx, vy = 0.5 + 0.10 * f["view"], 0.40 + 0.03 * f["horizon"]
    x0, x1 = 0.13 + 0.07 * f["view"], 0.87 + 0.07 * f["view"]
    y0, y1 = 0.06 + 0.02 * f["horizon"], 0.66 + 0.03 * f["horizon"]
    u, v = c.x - vx, c.y - vy
    left, right, ceiling, floor = u / (x0 - vx), u / (x1 - vx), v / (y0 - vy), v / (y1 - vy)  # above 1: beyond that edge
    across, down = torch.maximum(left, right), torch.maximum(ceiling, floor)
    edge = (torch.maximum(across, down) - 1).abs()  # 0 where surfaces meet

    def at(x: Tensor, y: Tensor, t: float | Tensor) -> tuple[Tensor, Tensor]:
        """A point of the back wall, brought t times nearer to the camera."""
        return vx + (x - vx) * t, vy + (y - vy) * t

    def surface(mine: Tensor, rival: Tensor) -> Tensor:
        return ((mine - rival.clamp_min(1)) * (0.22 * c.size)).add_(0.5).clamp_(0, 1)

    wall = hue(f["wall_colour"], 0.22, 1.0) * (0.55 + 0.4 * f["wall_brightness"][:, None])
    stripes = torch.sin((c.x - x0) * (2 * math.pi * 18)) * (0.035 * (jitter(1.0) > 0.2))
    c.image = wall * (1 + stripes + 0.04 * c.noise(4))[:, None]
    with c.part(None, right=0.3):
        c.paint(surface(c.here(left), down), wall * 0.80)
    with c.part(None, left=0.7):
        c.paint(surface(c.here(right), down), wall * 0.86)
    with c.part(None, 0.0, 0.12):
        c.paint(surface(c.here(ceiling), across), wall * 0.2 + 0.72)
    with c.part(None, 0.6, 1.0):
        plank = u / c.here(floor).clamp_min(0.2) * 16  # sideways place on the floor, in planks
        number = plank.floor()
        boards = 1 + 0.10 * torch.sin(number * 12.9898) - 0.12 * (plank - number < 0.12) + 0.04 * c.noise(8)
        wood = palette(f["floor_colour"], (0.28, 0.18, 0.12), (0.55, 0.37, 0.22), (0.76, 0.60, 0.42), (0.60, 0.58, 0.56))
        c.paint(surface(c.here(floor), across), wood * boards[:, None])
    c.image *= 1 - 0.22 * torch.exp(edge * -9)[:, None]  # the edges of a room are a little darker

    # three thirds of the back wall: the door has one to itself, window and picture hang in the others, above bed and lamp
    third = (x1 - x0) / 3
    order = _ORDERS[(f["places"].flatten() % 6).long()]
    swap = (f["places"].flatten() >= 6)[:, None]
    door_x, bed_x, lamp_x = (x0 + third * (slot.view(-1, 1, 1) + 0.5) for slot in order.unbind(1))
    over_bed, over_lamp = bed_x, lamp_x
    window_x, picture_x = (torch.where(swap[:, :, None], *pair) for pair in ((over_lamp, over_bed), (over_bed, over_lamp)))
    light = (0.50 + 0.42 * f["light"] + 0.16 * f["light_side"] * (c.x - 0.5))[:, None]
    white = rgb(0.93, 0.92, 0.90)

    with c.part("door", 0.15, 0.73):
        there, x = f["door"], door_x + jitter(0.02)
        half, top = 0.078, y1 - 0.43
        centre, tall = (top + y1) / 2, (y1 - top) / 2
        colour = palette(f["door_colour"], (0.35, 0.2, 0.12), (0.62, 0.42, 0.26), (0.86, 0.84, 0.8), (0.45, 0.55, 0.6))
        c.paint(there * c.coverage(c.box(x, centre - 0.006, half + 0.016, tall + 0.012)), colour * 0.3 + 0.6)
        c.paint(there * c.coverage(c.box(x, centre, half, tall)), colour)
        for y, height, rows in ((-0.40, 0.36, (0.2, 0.52)), (0.44, 0.34, (0.38, 0.7))):
            with c.rows(*rows):
                panel = c.box(x, centre + tall * y, half * 0.62, tall * height)
                c.paint(there * c.coverage(panel), colour * 0.78)
                c.paint(there * c.coverage(panel + 0.012), colour * 0.95)
        with c.rows(0.38, 0.56):
            c.paint(there * c.coverage(c.ellipse(x + half * 0.76, centre + 0.02, 0.011, 0.011)), (0.9, 0.8, 0.5))

    sky = palette(f["window_sky"], (0.62, 0.78, 1.0), (0.95, 0.97, 1.0), (1.0, 0.86, 0.66))
    x, y = window_x + jitter(0.015), 0.285 + 0.02 * f["horizon"] + jitter(0.01)
    spread = torch.exp(-(((c.x - x) / 0.26).square() + ((c.y - y - 0.12) / 0.30).square()))
    light = light + (f["window"] * 0.26 * spread)[:, None] * sky
    with c.part("window", 0.05, 0.52):
        there = f["window"]
        w, h = 0.092 + 0.012 * f["window_size"], 0.125 + 0.020 * f["window_size"]
        c.paint(there * c.coverage(c.box(x, y, w + 0.016, h + 0.016)), white)
        trees = c.coverage(y + h * (0.45 + 0.15 * c.noise(2, 6)) - c.y, 2.0)[:, None]
        outside = torch.lerp(sky * (1.12 - 0.9 * (c.y - y + h))[:, None], rgb(0.40, 0.52, 0.36), trees)
        c.paint(there * c.coverage(c.box(x, y, w, h)), outside * 1.08)
        c.paint(there * c.coverage(torch.minimum(c.box(x, y, 0.006, h), c.box(x, y - 0.2 * h, w, 0.006))), white)
        c.paint(there * c.coverage(c.box(x, y + h + 0.016, w + 0.028, 0.009)), white * 0.92)
        curtain = hue(f["curtain_colour"], 0.5, 0.75) * (0.9 + 0.14 * torch.sin((c.x - x) * 170))[:, None]
        c.paint(there * c.coverage(c.box(x - w - 0.016, y + 0.01, 0.024, h + 0.032)), curtain)
        c.paint(there * c.coverage(c.box(x + w + 0.016, y + 0.01, 0.024, h + 0.032)), curtain)

    with c.part("picture", 0.1, 0.42):
        there, x, y = f["picture"], picture_x + jitter(0.03), 0.26 + 0.02 * f["horizon"] + jitter(0.02)
        w = 0.062 + 0.014 * f["picture_size"]
        h = w + jitter(0.012)
        frame = palette((f["picture_colour"] * 7) % 1, (0.16, 0.1, 0.07), (0.5, 0.33, 0.16), (0.78, 0.62, 0.3))
        c.paint(there * c.coverage(c.box(x, y, w + 0.014, h + 0.014)), frame)
        hills = c.coverage(y + h * (0.25 + 0.4 * c.noise(2, 6)) - c.y, 1.5)[:, None]
        painting = torch.lerp(hue(f["picture_colour"] + 0.45, 0.45, 0.85), hue(f["picture_colour"], 0.65, 0.5), hills)
        c.paint(there * c.coverage(c.box(x, y, w, h)), painting)

    # the headboard stands at the wall, the mattress comes towards the camera
    there, x = f["bed"], bed_x + jitter(0.02)
    w, top, near = 0.155 + 0.015 * f["bed_size"], y1 - 0.115, 1.50 + 0.12 * f["bed_size"]
    back_left, back_right, left_near, right_near = (
        at(x - w, top, 1),
        at(x + w, top, 1),
        at(x - w, top, near),
        at(x + w, top, near),
    )
    foot_left, foot_right = at(x - w, y1, near), at(x + w, y1, near)
    wall_left, wall_right = at(x - w, y1, 1), at(x + w, y1, 1)
    with c.part(None, 0.55):
        shadow = c.polygon(
            wall_left, wall_right, (foot_right[0] + 0.02, foot_right[1] + 0.02), (foot_left[0] - 0.02, foot_left[1] + 0.02)
        )
        c.image.mul_(1 - 0.45 * (there * c.coverage(shadow, 4.0))[:, None])
    with c.part("bed", 0.35, 0.97):
        blanket = hue(f["bed_colour"], 0.55, 0.72)
        folds = (1 + 0.08 * c.noise(7))[:, None]
        board = palette(f["floor_colour"], (0.22, 0.13, 0.08), (0.42, 0.27, 0.15), (0.6, 0.45, 0.3))
        with c.rows(0.35, 0.75):
            c.paint(there * c.coverage(c.box(x, y1 - 0.12, w + 0.012, 0.125, 0.02)), board)
        mattress = c.polygon(back_left, back_right, right_near, left_near)
        sides = torch.minimum(
            c.polygon(left_near, back_left, wall_left, foot_left),
            c.polygon(back_right, right_near, foot_right, wall_right),
        )
        c.paint(there * c.coverage(torch.maximum(sides, -mattress)), blanket * 0.55)
        c.paint(there * c.coverage(c.polygon(left_near, right_near, foot_right, foot_left)), blanket * 0.72 * folds)
        c.paint(there * c.coverage(mattress), white)
        c.paint(
            there * c.coverage(c.polygon(at(x - w, top, 1.14), at(x + w, top, 1.14), right_near, left_near)), blanket * folds
        )
        for sign in (-1, 1):
            px, py = at(x + sign * w * 0.48, top - 0.012, 1.05)
            with c.rows(0.42, 0.68):
                c.paint(there * c.coverage(c.box(px, py, w * 0.40, 0.026, 0.02)), (0.97, 0.96, 0.95))
                c.paint(there * c.coverage(c.box(px, py + 0.020, w * 0.36, 0.006, 0.004)), (0.82, 0.81, 0.82))

    x, base = at(lamp_x + jitter(0.04), y1, 1.12)  # on the floor before the wall
    y = base - 0.34 - 0.045 * f["lamp_height"]
    spread = torch.exp(-(((c.x - x) / 0.20).square() + ((c.y - y) / 0.22).square()))
    light.addcmul_((f["lamp"] * 0.42 * spread)[:, None], rgb(1.0, 0.80, 0.52))
    with c.part("lamp", 0.22, 0.8):
        there = f["lamp"]
        with c.rows(0.58, 0.8):
            c.paint(there * c.coverage(c.ellipse(x, base, 0.048, 0.015)), (0.15, 0.14, 0.14))
        c.paint(there * c.coverage(c.box(x, (base + y) / 2, 0.009, (base - y) / 2)), (0.2, 0.19, 0.18))
        shade = palette(f["lamp_colour"], (1.0, 0.78, 0.45), (1.0, 0.9, 0.7), (0.95, 0.62, 0.5), (0.75, 0.85, 0.7))
        with c.rows(0.22, 0.5):
            body = c.polygon((x - 0.040, y - 0.055), (x + 0.040, y - 0.055), (x + 0.074, y + 0.055), (x - 0.074, y + 0.055))
            c.paint(there * c.coverage(body), shade * (1.12 - 3.0 * (c.x - x).abs())[:, None])

    tint = palette(f["warmth"], (0.92, 0.98, 1.06), (1.0, 1.0, 1.0), (1.08, 1.0, 0.88))
    c.image *= tint
    return c.finish(light)


# --- portraits --------------------------------------------------------------------------------------------------------

PORTRAIT_FACTORS = {
    "smile": YES_NO,
    "glasses": YES_NO,
    "beard": YES_NO,
    "long_hair": YES_NO,
    "pose": AROUND,  # turned to the left or to the right of the picture, up to 34 degrees
    "hair_length": NUMBER,  # within short or long
    "hair_colour": NUMBER,  # black, brown, red, blond, grey
    "skin": NUMBER,  # dark to light
    "face_shape": AROUND,  # narrow to wide
    "jaw": NUMBER,
    "mouth": NUMBER,  # how wide
    "eye_colour": NUMBER,
    "clothes_colour": NUMBER,
    "background_colour": NUMBER,
    "background_brightness": NUMBER,
    "light": NUMBER,
    "light_side": AROUND,
    "across": AROUND,  # where the head is
    "up": AROUND,
}


def _portraits(c: Canvas, f: Mapping[str, Tensor]) -> Tensor:
    backdrop = hue(f["background_colour"], 0.3, 1.0) * (0.30 + 0.6 * f["background_brightness"])[:, None]
    c.image = backdrop * (1.0 + 0.10 * c.noise(3) + 0.16 * f["light_side"] * (c.x - 0.5))[:, None]

    cx, cy = 0.5 + 0.02 * f["across"], 0.475 + 0.015 * f["up"]
    a, b = 0.212 + 0.020 * f["face_shape"], 0.285
    turn = f["pose"] * math.radians(34)
    skin = palette(
        f["skin"], (0.36, 0.22, 0.15), (0.58, 0.38, 0.26), (0.80, 0.58, 0.44), (0.93, 0.75, 0.63), (0.98, 0.84, 0.75)
    )
    hair = palette(
        f["hair_colour"], (0.07, 0.06, 0.06), (0.26, 0.15, 0.09), (0.48, 0.24, 0.11), (0.80, 0.62, 0.33), (0.68, 0.66, 0.64)
    )

    def on_face(angle: float, depth: float = 1.0) -> tuple[Tensor, Tensor]:
        """Where a feature at `angle` degrees beside the nose lies, and how much its width is foreshortened."""
        theta = turn + math.radians(angle)
        return cx + a * depth * torch.sin(theta), torch.cos(theta).clamp_min(0.15)

    along = torch.sin(turn)
    ears = [cx + sign * a * torch.cos(turn) - 0.25 * a * along for sign in (-1, 1)]
    length = f["long_hair"] * (0.62 + 0.38 * f["hair_length"])  # 0 for short hair
    low = cy + b * (0.55 + 0.75 * length)  # how far down it hangs
    with c.part("hair", 0.12, 0.97):  # behind the head
        x = cx - 0.35 * a * along
        c.paint(c.coverage(c.ellipse(x, cy - 0.035, a * 1.16, b * 1.05)), hair * 0.85)
        fall = c.box(x, (cy - 0.1 + low) / 2, a * (1.14 + 0.14 * length), (low - cy + 0.1) / 2, 0.09)
        c.paint(f["long_hair"] * c.coverage(fall), hair * 0.80)

    with c.part("clothes", 0.76):
        cloth = 1 + 0.08 * c.noise(9) + 0.10 * f["light_side"] * (c.x - 0.5)
        c.paint(c.coverage(c.ellipse(cx - 0.01, 1.06, 0.43, 0.27)), hue(f["clothes_colour"], 0.55, 0.65) * cloth[:, None])

    # the head is an ellipsoid with a narrower jaw, lit from one side
    dx, dy = (c.x - cx) / a, (c.y - cy) / b
    nx = dx / (1 - (0.20 + 0.16 * f["jaw"]) * dy.clamp_min(0).square())
    squared = nx.square() + dy.square()
    radius = squared.sqrt()
    shade = (0.66 + 0.30 * (1 - squared).clamp_min(0).sqrt() + 0.26 * f["light_side"] * nx - 0.10 * dy)[:, None]
    with c.part("skin", 0.60, 0.93):
        c.paint(c.coverage(c.box(cx - 0.25 * a * along, cy + b * 1.02, a * 0.47, 0.14, 0.03)), skin * 0.74)
        c.paint(c.coverage(c.ellipse(cx - 0.03 * f["pose"], 0.845, 0.118, 0.055)), skin * 0.80)
    with c.part("skin", 0.40, 0.60):
        for ear in ears:
            c.paint(c.coverage(c.ellipse(ear, cy + 0.02, 0.032, 0.058)), skin * 0.82)
    with c.part("skin", 0.15, 0.81):
        c.paint(c.coverage(c.here(radius - 1) * a), skin * (c.here(shade) * (1 + 0.02 * c.noise(12))[:, None]))

    smile = f["smile"]
    mouth_x, w = on_face(0, 0.98)
    foreshortened = 0.35 + 0.65 * w
    mouth_y, half = cy + 0.53 * b, (0.066 + 0.012 * f["mouth"] + 0.026 * smile) * foreshortened
    with c.part("beard", 0.40, 0.80):  # its upper edge is a curve with sideburns
        edge = 0.50 - 0.50 * c.here(nx).square() - c.here(dy)
        cheeks = c.coverage(torch.maximum(edge * b, c.here(radius - 1.03) * a), 1.6)
        moustache = c.coverage(c.ellipse(mouth_x, cy + 0.405 * b, 0.072 * foreshortened, 0.022), 1.6)
        bare = 1 - c.coverage(c.ellipse(mouth_x, mouth_y + 0.006 + 0.010 * smile, half * 0.98, 0.022 + 0.012 * smile), 1.3)
        colour = (hair * 0.85 + 0.02) * (1 + 0.16 * c.noise(16))[:, None]
        c.paint(f["beard"] * 0.93 * torch.maximum(cheeks * bare, moustache), colour * c.here(shade).clamp(0.6, 1.1))

    with c.part("mouth", 0.52, 0.74, 0.2, 0.8):  # neutral: a line of lips; smiling: corners up, and teeth
        lit = c.here(shade).clamp(0.75, 1.1)
        q = ((c.x - mouth_x) / half).clamp(-1.3, 1.3)
        arch, y = 1 - q.square(), mouth_y - 0.030 * smile * q.square()
        upper, lower = y - (0.012 - 0.004 * smile) * arch, y + (0.014 + 0.040 * smile) * arch
        lips = (skin * 0.55 + rgb(0.36, 0.10, 0.11)) * lit
        ends = (q.abs() - 1) * half
        c.paint(c.coverage(torch.maximum(upper - c.y, c.y - lower).maximum(ends)), lips)
        teeth = torch.maximum(upper + 0.008 - c.y, c.y - lower + 0.013).maximum(ends + 0.12 * half)
        c.paint(smile * c.coverage(teeth), rgb(0.95, 0.94, 0.90) * lit)
        line = ((c.y - (upper + lower) / 2).abs() - 0.004).maximum(ends)
        c.paint((1 - smile) * 0.8 * c.coverage(line), lips * 0.45)

    with c.part(None, 0.38, 0.64, 0.2, 0.8):  # the side away from the light, the shadow below, the highlight on the tip
        tip, _ = on_face(0, 1.10)
        bridge, _ = on_face(0, 0.86)
        y, away = cy + 0.25 * b, torch.where(f["light_side"] >= 0, -1.0, 1.0)
        for angle in (-38, 38):
            x, w = on_face(angle, 0.92)
            cheek = c.coverage(c.ellipse(x, cy + 0.28 * b, 0.055 * w + 0.005, 0.05), 5.0) * (c.here(radius) < 1)
            c.paint(0.16 * cheek, rgb(0.85, 0.35, 0.3) * c.here(shade))
        c.paint(
            0.26 * c.coverage(c.segment(bridge + away * 0.016, cy - 0.14 * b, tip + away * 0.026, y, 0.011), 2.5), skin * 0.45
        )
        c.paint(0.45 * c.coverage(c.ellipse(tip, y + 0.014, 0.034, 0.011), 1.6), skin * 0.40)
        c.paint(0.30 * c.coverage(c.ellipse(tip - away * 0.004, y - 0.014, 0.015, 0.020), 2.0), (1.0, 0.95, 0.9))

    eyes = []
    with c.part("eyes", 0.33, 0.53, 0.16, 0.84):
        iris = palette(f["eye_colour"], (0.16, 0.09, 0.05), (0.36, 0.24, 0.12), (0.25, 0.42, 0.30), (0.28, 0.45, 0.65))
        for angle in (-24, 24):
            x, w = on_face(angle, 0.95)
            y, width, gaze = cy - 0.13 * b, 0.046 * w + 0.004, x + 0.012 * along
            eyes.append((x, y, w))
            c.paint(0.35 * c.coverage(c.ellipse(x, y - 0.002, width * 1.45, 0.036), 3.0), skin * 0.55)
            ball = c.coverage(c.ellipse(x, y, width, 0.0215 - 0.003 * smile))
            c.paint(ball, (0.93, 0.93, 0.92))
            c.paint(ball * c.coverage(c.ellipse(gaze, y, 0.0195, 0.0205)), iris)
            c.paint(ball * c.coverage(c.ellipse(gaze, y, 0.0095, 0.0105)), (0.03, 0.03, 0.03))
            lid = (c.y - (y - 0.0215 + 0.018 * ((c.x - x) / width).square())).abs() - 0.0055
            c.paint(0.85 * c.coverage(lid.maximum((c.x - x).abs() - width * 1.05)), skin * 0.25)
            brow = c.box(x, y - 0.056 - 0.004 * smile, width * 1.3, 0.0105, 0.008)
            c.paint(0.9 * c.coverage(brow, 1.4), hair * 0.7 + 0.01)

    with c.part("hair", 0.13, 0.46):  # a cap down to the hairline
        hairline = -0.50 + 0.20 * (nx - 0.25).square() - 0.10 * (nx + 0.1).abs() * (1 - f["long_hair"])
        cap = ((c.here(nx) / 1.08).square() + ((c.here(dy) + 0.03) / 1.10).square()).sqrt().sub(1) * a
        sheen = 0.92 + 0.25 * torch.exp(-(dx * 0.6).square() - (c.here(dy) + 0.85).square() * 6)
        c.paint(c.coverage(torch.maximum(c.here(dy - hairline) * b, cap)), hair * sheen[:, None])
    with c.part("hair", 0.35, 0.95):  # locks beside the face
        for sign in (-1, 1):
            x = cx + sign * a * 1.02 * torch.cos(turn) - 0.30 * a * along
            lock = c.box(x, (cy - 0.10 + low) / 2, 0.034 + 0.014 * f["hair_length"], (low - cy + 0.10) / 2, 0.03)
            c.paint(f["long_hair"] * c.coverage(lock), hair * 0.95)

    strands = 0.16 * c.noise(4, 26) + 0.08 * f["light_side"] * (c.x - cx) / a
    c.image *= (1 + c.masks["hair"] * strands)[:, None]

    with c.part("glasses", 0.36, 0.54, 0.16, 0.84):
        there, frame = f["glasses"], None
        (left, y, wl), (right, _, wr) = eyes
        rings = [c.box(x, y + 0.006, 0.066 * (0.3 + 0.7 * w), 0.047, 0.028) for x, y, w in eyes]
        lines = [(left + 0.05 * wl, right - 0.05 * wr), (ears[0], left - 0.06 * wl), (right + 0.06 * wr, ears[1])]
        for ring in rings:
            c.paint(there * 0.14 * c.coverage(ring), (0.85, 0.93, 1.0))
        frame = torch.minimum(rings[0].abs(), rings[1].abs()) - 0.0085
        for start, end in lines:  # the bridge, and the arms to the ears
            frame = torch.minimum(frame, c.box((start + end) / 2, y, (end - start).abs() / 2, 0.0075))
        c.paint(there * c.coverage(frame), (0.09, 0.08, 0.09))

    return c.finish(0.72 + 0.36 * f["light"])


# --- sprites ----------------------------------------------------------------------------------------------------------

SPRITES = ("boat", "car", "cup", "fish", "flower", "house", "mushroom", "rocket", "star", "tree")
SPRITE_FACTORS = {
    "class": Factor("choice", 0, len(SPRITES) - 1),
    "across": AROUND,
    "up": AROUND,
    "size": AROUND,
    "tilt": AROUND,  # up to 17 degrees
    "mirrored": YES_NO,
    "colour": NUMBER,
    "second_colour": NUMBER,
    "background_colour": NUMBER,
    "background_brightness": NUMBER,
    "light": NUMBER,
    "light_side": AROUND,
}


def _sprites(c: Canvas, f: Mapping[str, Tensor]) -> Tensor:
    ground = hue(f["background_colour"], 0.35, 1.0) * (0.30 + 0.55 * f["background_brightness"])[:, None]
    slope = 1 + 0.14 * c.noise(3) + 0.25 * f["light_side"] * (c.x - 0.5) - 0.2 * (c.y - 0.5)
    c.image = ground * slope[:, None]
    scale = 0.36 * (1 + 0.18 * f["size"])  # half of the sprite's own square, -1 … 1
    angle = f["tilt"] * 0.3
    dx, dy = c.x - 0.5 - 0.08 * f["across"], c.y - 0.5 - 0.08 * f["up"]
    c.image *= 1 - 0.35 * torch.exp(-((dx / (scale * 0.9)).square() + ((dy - scale * 0.95) / (scale * 0.25)).square()))[:, None]
    flip = 1 - 2 * f["mirrored"]
    x = flip * (dx * torch.cos(angle) + dy * torch.sin(angle)) / scale
    y = (dy * torch.cos(angle) - dx * torch.sin(angle)) / scale
    main, second = hue(f["colour"], 0.62, 0.85), hue(f["second_colour"], 0.55, 0.7)
    shade = (1 + 0.22 * flip * f["light_side"] * x - 0.15 * y + 0.05 * c.noise(7))[:, None]
    classes = f["class"].flatten().long()
    for number in classes.unique().tolist():
        rows = classes == number
        part, width = Canvas(int(rows.sum()), c.size, c.rng), scale[rows]
        part.x, part.y, part.image = x[rows], y[rows], c.image[rows]
        colours = (
            main[rows] * shade[rows],
            second[rows] * shade[rows],
            rgb(0.16, 0.14, 0.14),
            rgb(0.95, 0.94, 0.9) * shade[rows],
        )
        cover = torch.zeros_like(part.x)
        for distance, tone in _SPRITE_SHAPES[SPRITES[number]](part):
            alpha = c.coverage(distance * width)
            cover = torch.maximum(cover, alpha)
            part.paint(alpha, colours[tone])
        c.image[rows] = part.image
        c.masks.setdefault("sprite", torch.zeros(c.count, c.size, c.size))[rows] = cover
    return c.finish(0.7 + 0.4 * f["light"])


def _t(value: float) -> Tensor:
    return torch.tensor(value)


def _points(*corners: tuple[float, float]) -> list[tuple[Tensor, Tensor]]:
    return [(_t(x), _t(y)) for x, y in corners]


# Each sprite: shapes with their colours, painted in order. 0: its colour, 1: its second, 2: dark, 3: light
def _boat(p):
    yield p.segment(0.0, -0.85, 0.0, 0.35, 0.05), 2
    yield p.polygon(*_points((0.08, -0.8), (0.75, 0.2), (0.08, 0.2))), 3
    yield p.polygon(*_points((-0.08, -0.6), (-0.08, 0.2), (-0.6, 0.2))), 1
    yield p.polygon(*_points((-0.9, 0.32), (0.9, 0.32), (0.6, 0.8), (-0.6, 0.8))), 0


def _car(p):
    yield p.polygon(*_points((-0.45, -0.45), (0.3, -0.45), (0.62, 0.1), (-0.62, 0.1))), 0
    yield p.polygon(*_points((-0.36, -0.34), (-0.06, -0.34), (-0.06, 0.0), (-0.48, 0.0))), 3
    yield p.polygon(*_points((0.04, -0.34), (0.24, -0.34), (0.44, 0.0), (0.04, 0.0))), 3
    yield p.box(_t(0.0), _t(0.22), _t(0.92), _t(0.24), 0.12), 0
    yield p.box(_t(0.82), _t(0.16), _t(0.08), _t(0.07)), 3
    for x in (-0.5, 0.5):
        yield p.ellipse(x, 0.46, 0.24, 0.24), 2
        yield p.ellipse(x, 0.46, 0.1, 0.1), 1


def _cup(p):
    yield (p.ellipse(0.55, 0.05, 0.34, 0.34)).abs() - 0.08, 0
    yield p.polygon(*_points((-0.7, -0.5), (0.6, -0.5), (0.42, 0.72), (-0.52, 0.72))), 0
    yield p.polygon(*_points((-0.66, -0.2), (0.56, -0.2), (0.52, 0.1), (-0.62, 0.1))), 1
    yield p.ellipse(-0.05, -0.5, 0.65, 0.13), 3
    yield p.ellipse(-0.05, -0.48, 0.54, 0.085), 2


def _fish(p):
    yield p.polygon(*_points((-0.4, 0.0), (-0.95, 0.5), (-0.95, -0.5))), 1
    yield p.polygon(*_points((-0.2, -0.3), (0.1, -0.75), (0.35, -0.3))), 1
    yield p.ellipse(0.1, 0.0, 0.75, 0.45), 0
    yield p.polygon(*_points((-0.05, 0.05), (0.2, 0.05), (-0.2, 0.4))), 1
    yield p.ellipse(0.5, -0.1, 0.13, 0.13), 3
    yield p.ellipse(0.53, -0.1, 0.07, 0.07), 2


def _flower(p):
    yield p.segment(0.0, 0.0, 0.05, 0.95, 0.06), 2
    yield p.ellipse(0.3, 0.62, 0.26, 0.11), 1
    for k in range(6):
        turn = k * math.pi / 3
        yield p.ellipse(0.42 * math.cos(turn), -0.25 + 0.42 * math.sin(turn), 0.26, 0.26), 0
    yield p.ellipse(0.0, -0.25, 0.24, 0.24), 3


def _house(p):
    yield p.box(_t(0.0), _t(0.3), _t(0.68), _t(0.52)), 3
    yield p.box(_t(0.45), _t(-0.5), _t(0.1), _t(0.3)), 2
    yield p.polygon(*_points((0.0, -0.85), (0.9, -0.15), (-0.9, -0.15))), 0
    yield p.box(_t(0.28), _t(0.5), _t(0.17), _t(0.32)), 1
    yield p.box(_t(-0.28), _t(0.25), _t(0.2), _t(0.18)), 2


def _mushroom(p):
    yield p.box(_t(0.0), _t(0.45), _t(0.26), _t(0.42), 0.15), 3
    yield torch.maximum(p.ellipse(0.0, 0.1, 0.85, 0.8), p.y - 0.12), 0
    for x, y, r in ((-0.35, -0.25, 0.15), (0.2, -0.42, 0.13), (0.48, -0.08, 0.12), (-0.05, -0.05, 0.1)):
        yield p.ellipse(x, y, r, r), 3


def _rocket(p):
    yield p.polygon(*_points((-0.2, 0.6), (0.2, 0.6), (0.0, 0.98))), 1
    yield p.polygon(*_points((-0.2, 0.1), (-0.25, 0.65), (-0.65, 0.75))), 1
    yield p.polygon(*_points((0.2, 0.1), (0.65, 0.75), (0.25, 0.65))), 1
    yield torch.maximum(p.ellipse(0.0, 0.3, 0.34, 1.25), p.y - 0.62), 0
    yield torch.maximum(p.ellipse(0.0, 0.3, 0.34, 1.25), p.y + 0.48), 2
    yield p.ellipse(0.0, -0.12, 0.18, 0.18), 3
    yield p.ellipse(0.0, -0.12, 0.11, 0.11), 2


def _star(p):
    angle = torch.atan2(p.x, -p.y)
    fold = (angle + math.pi / 5).remainder(2 * math.pi / 5) - math.pi / 5
    radius = torch.hypot(p.x, p.y)
    px, py = radius * torch.cos(fold), radius * torch.sin(fold).abs()
    # the edge from the point (0.95, 0) to the notch at 36 degrees
    nx, ny = 0.38 * math.cos(math.pi / 5), 0.38 * math.sin(math.pi / 5)
    ex, ey = nx - 0.95, ny
    yield (ey * (px - 0.95) - ex * py) / math.hypot(ex, ey), 0
    yield radius - 0.2, 1


def _tree(p):
    yield p.box(_t(0.0), _t(0.65), _t(0.12), _t(0.3)), 2
    for y, half in ((0.15, 0.7), (-0.2, 0.56), (-0.55, 0.42)):
        yield p.polygon(*_points((0.0, y - 0.42), (half, y + 0.32), (-half, y + 0.32))), 0
    yield p.ellipse(-0.2, 0.2, 0.08, 0.08), 1
    yield p.ellipse(0.18, -0.12, 0.08, 0.08), 1
    yield p.ellipse(0.0, 0.36, 0.08, 0.08), 1


_SPRITE_SHAPES = {
    "boat": _boat,
    "car": _car,
    "cup": _cup,
    "fish": _fish,
    "flower": _flower,
    "house": _house,
    "mushroom": _mushroom,
    "rocket": _rocket,
    "star": _star,
    "tree": _tree,
}


# --- drawing ----------------------------------------------------------------------------------------------------------

FACTORS = {"drawn-rooms": ROOM_FACTORS, "drawn-portraits": PORTRAIT_FACTORS, "drawn-sprites": SPRITE_FACTORS}
_PAINTERS = {"drawn-rooms": (_rooms, 1.0), "drawn-portraits": (_portraits, 1.2), "drawn-sprites": (_sprites, 1.0)}  # and zoom
NAMES = tuple(FACTORS)


def draw(name: str, count: int, size: int = 64, seed: int = 0, start: int = 0) -> Drawn:
    """`count` pictures with factors drawn at random, from number `start` on. Picture i depends on seed, i and size alone.

    Raises UserError for an unknown set, or an impossible count, size, seed or start.
    """
    check(name, size, seed)
    if count < 1 or start < 0:
        raise UserError(f"{name}: {count} pictures from number {start} on cannot be drawn; ask for at least 1, from 0 on")
    parts, tables = [], []
    for block in range(start // BLOCK, -(-(start + count) // BLOCK)):
        rng = _rng(seed, block)
        table = {key: factor.sample(BLOCK, rng) for key, factor in FACTORS[name].items()}
        parts.append(_paint(name, table, size, rng))
        tables.append(table)
    asked = slice(start % BLOCK, start % BLOCK + count)
    factors = {key: torch.cat([t[key] for t in tables])[asked].numpy() for key in FACTORS[name]}
    masks = {key: np.concatenate([m[key] for _, m in parts])[asked] for key in parts[0][1]}
    return Drawn(np.concatenate([images for images, _ in parts])[asked], factors, masks)


def render(name: str, factors: Mapping[str, np.ndarray | Tensor], size: int = 64, seed: int = 0) -> Drawn:
    """Pictures with the factors given: N numbers for each. The same seed gives the same texture and grain.

    Raises UserError where a factor is missing, unknown, out of its range, not a number, or not N long.
    """
    check(name, size, seed)
    spec = FACTORS[name]
    for key in factors:
        if key not in spec:
            raise UserError(f"{name}: unknown factor {key!r}{did_you_mean(key, spec)}")
    missing = [key for key in spec if key not in factors]
    if missing:
        raise UserError(f"{name}: the factor {missing[0]!r} is missing; start from the factors of draw(…) and change some")
    table = {key: torch.as_tensor(np.asarray(factors[key], np.float32)).reshape(-1) for key in spec}
    count = len(next(iter(table.values())))
    for key, values in table.items():
        factor = spec[key]
        if len(values) != count or not count:
            raise UserError(f"{name}: {key} has {len(values)} values, {next(iter(spec))} has {count}; give each one a picture")
        whole = factor.kind == "number" or bool((values == values.round()).all())
        if not bool(((values >= factor.low) & (values <= factor.high)).all()) or not whole:  # refuses NaN too
            kind = "a number from" if factor.kind == "number" else "a whole number from"
            raise UserError(f"{name}: {key} must be {kind} {factor.low:g} to {factor.high:g}")
    parts = [
        _paint(name, {key: values[start : start + BLOCK] for key, values in table.items()}, size, _rng(seed, start // BLOCK))
        for start in range(0, count, BLOCK)
    ]
    masks = {key: np.concatenate([m[key] for _, m in parts]) for key in parts[0][1]}
    return Drawn(np.concatenate([images for images, _ in parts]), {k: v.numpy() for k, v in table.items()}, masks)


def yes_no(name: str) -> tuple[str, ...]:
    """The factors of a set that are there or not."""
    return tuple(key for key, factor in FACTORS[name].items() if factor.kind == "yes/no")


@torch.inference_mode()
def _paint(name: str, table: Mapping[str, Tensor], size: int, rng: torch.Generator) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    painter, zoom = _PAINTERS[name]
    canvas = Canvas(len(next(iter(table.values()))), size, rng, zoom)
    images = painter(canvas, {key: values.view(-1, 1, 1) for key, values in table.items()})
    return images.numpy(), {key: (seen > 0.5).numpy() for key, seen in canvas.masks.items()}


def _rng(seed: int, block: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed * 1_000_003 + block)


def check(name: str, size: int, seed: int) -> None:
    """Raises UserError for an unknown set, or an impossible size or seed."""
    if name not in FACTORS:
        raise UserError(f"no drawn set is called {name!r}{did_you_mean(name, FACTORS)}")
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise UserError(f"{name}: {size} px cannot be drawn; choose a size from {MIN_SIZE} to {MAX_SIZE}")
    if not 0 <= seed < 2**40:
        raise UserError(f"{name}: seed {seed}; choose a whole number from 0")
