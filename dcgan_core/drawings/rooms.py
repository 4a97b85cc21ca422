"""Rooms: bed, window, lamp, door, picture, in a light."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from dcgan_core.drawings.canvas import AROUND, NUMBER, YES_NO, Canvas, Factor, hue, palette, rgb

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
_WHITE = rgb(0.93, 0.92, 0.90)


def paint_room(c: Canvas, f: Mapping[str, Tensor]) -> Tensor:
    room = _Room(c, f)
    for paint in (_surfaces, _door, _window, _picture, _bed, _lamp):
        paint(c, f, room)
    c.image *= palette(f["warmth"], (0.92, 0.98, 1.06), (1.0, 1.0, 1.0), (1.08, 1.0, 0.88))
    return c.finish(room.light)


class _Room:
    """A box seen from inside, in one-point perspective, what stands where in it, and its light.

    The back wall is x0 … x1, y0 … y1; (vx, vy) is the vanishing point.
    """

    def __init__(self, c: Canvas, f: Mapping[str, Tensor]) -> None:
        self.vx, self.vy = 0.5 + 0.10 * f["view"], 0.40 + 0.03 * f["horizon"]
        self.x0, self.x1 = 0.13 + 0.07 * f["view"], 0.87 + 0.07 * f["view"]
        self.y0, self.y1 = 0.06 + 0.02 * f["horizon"], 0.66 + 0.03 * f["horizon"]
        # three thirds of the back wall: the door has one to itself, window and picture hang in the others, above bed and lamp
        third = (self.x1 - self.x0) / 3
        order = _ORDERS[(f["places"].flatten() % 6).long()]
        self.door_x, self.bed_x, self.lamp_x = (self.x0 + third * (slot.view(-1, 1, 1) + 0.5) for slot in order.unbind(1))
        swap = (f["places"].flatten() >= 6)[:, None, None]
        self.window_x = torch.where(swap, self.lamp_x, self.bed_x)
        self.picture_x = torch.where(swap, self.bed_x, self.lamp_x)
        self.light = (0.50 + 0.42 * f["light"] + 0.16 * f["light_side"] * (c.x - 0.5))[:, None]  # window and lamp add theirs

    def at(self, x: Tensor, y: Tensor, t: float | Tensor) -> tuple[Tensor, Tensor]:
        """A point of the back wall, brought t times nearer to the camera."""
        return self.vx + (x - self.vx) * t, self.vy + (y - self.vy) * t


def _surfaces(c: Canvas, f: Mapping[str, Tensor], room: _Room) -> None:
    """Walls, ceiling, floor."""
    u, v = c.x - room.vx, c.y - room.vy
    left, right = u / (room.x0 - room.vx), u / (room.x1 - room.vx)  # above 1: beyond that edge of the back wall
    ceiling, floor = v / (room.y0 - room.vy), v / (room.y1 - room.vy)
    across, down = torch.maximum(left, right), torch.maximum(ceiling, floor)

    def surface(mine: Tensor, rival: Tensor) -> Tensor:
        return ((mine - rival.clamp_min(1)) * (0.22 * c.size)).add_(0.5).clamp_(0, 1)

    wall = hue(f["wall_colour"], 0.22, 1.0) * (0.55 + 0.4 * f["wall_brightness"][:, None])
    stripes = torch.sin((c.x - room.x0) * (2 * math.pi * 18)) * (0.035 * (c.jitter(1.0) > 0.2))
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
    edge = (torch.maximum(across, down) - 1).abs()  # 0 where surfaces meet
    c.image *= 1 - 0.22 * torch.exp(edge * -9)[:, None]  # the edges of a room are a little darker


def _door(c: Canvas, f: Mapping[str, Tensor], room: _Room) -> None:
    with c.part("door", 0.15, 0.73):
        there, x = f["door"], room.door_x + c.jitter(0.02)
        half, top = 0.078, room.y1 - 0.43
        centre, tall = (top + room.y1) / 2, (room.y1 - top) / 2
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


def _window(c: Canvas, f: Mapping[str, Tensor], room: _Room) -> None:
    there, sky = f["window"], palette(f["window_sky"], (0.62, 0.78, 1.0), (0.95, 0.97, 1.0), (1.0, 0.86, 0.66))
    x, y = room.window_x + c.jitter(0.015), 0.285 + 0.02 * f["horizon"] + c.jitter(0.01)
    spread = torch.exp(-(((c.x - x) / 0.26).square() + ((c.y - y - 0.12) / 0.30).square()))
    room.light = room.light + (there * 0.26 * spread)[:, None] * sky
    with c.part("window", 0.05, 0.52):
        w, h = 0.092 + 0.012 * f["window_size"], 0.125 + 0.020 * f["window_size"]
        c.paint(there * c.coverage(c.box(x, y, w + 0.016, h + 0.016)), _WHITE)
        trees = c.coverage(y + h * (0.45 + 0.15 * c.noise(2, 6)) - c.y, 2.0)[:, None]
        outside = torch.lerp(sky * (1.12 - 0.9 * (c.y - y + h))[:, None], rgb(0.40, 0.52, 0.36), trees)
        c.paint(there * c.coverage(c.box(x, y, w, h)), outside * 1.08)
        c.paint(there * c.coverage(torch.minimum(c.box(x, y, 0.006, h), c.box(x, y - 0.2 * h, w, 0.006))), _WHITE)
        c.paint(there * c.coverage(c.box(x, y + h + 0.016, w + 0.028, 0.009)), _WHITE * 0.92)
        curtain = hue(f["curtain_colour"], 0.5, 0.75) * (0.9 + 0.14 * torch.sin((c.x - x) * 170))[:, None]
        c.paint(there * c.coverage(c.box(x - w - 0.016, y + 0.01, 0.024, h + 0.032)), curtain)
        c.paint(there * c.coverage(c.box(x + w + 0.016, y + 0.01, 0.024, h + 0.032)), curtain)


def _picture(c: Canvas, f: Mapping[str, Tensor], room: _Room) -> None:
    with c.part("picture", 0.1, 0.42):
        there, x, y = f["picture"], room.picture_x + c.jitter(0.03), 0.26 + 0.02 * f["horizon"] + c.jitter(0.02)
        w = 0.062 + 0.014 * f["picture_size"]
        h = w + c.jitter(0.012)
        frame = palette((f["picture_colour"] * 7) % 1, (0.16, 0.1, 0.07), (0.5, 0.33, 0.16), (0.78, 0.62, 0.3))
        c.paint(there * c.coverage(c.box(x, y, w + 0.014, h + 0.014)), frame)
        hills = c.coverage(y + h * (0.25 + 0.4 * c.noise(2, 6)) - c.y, 1.5)[:, None]
        painting = torch.lerp(hue(f["picture_colour"] + 0.45, 0.45, 0.85), hue(f["picture_colour"], 0.65, 0.5), hills)
        c.paint(there * c.coverage(c.box(x, y, w, h)), painting)


def _bed(c: Canvas, f: Mapping[str, Tensor], room: _Room) -> None:
    """The headboard stands at the wall, the mattress comes towards the camera."""
    there, x = f["bed"], room.bed_x + c.jitter(0.02)
    w, top, near = 0.155 + 0.015 * f["bed_size"], room.y1 - 0.115, 1.50 + 0.12 * f["bed_size"]

    def corners(y: Tensor, t: float | Tensor) -> list[tuple[Tensor, Tensor]]:
        return [room.at(x - w, y, t), room.at(x + w, y, t)]

    (back_left, back_right), (left_near, right_near) = corners(top, 1), corners(top, near)
    (wall_left, wall_right), (foot_left, foot_right) = corners(room.y1, 1), corners(room.y1, near)
    with c.part(None, 0.55):
        before = [(foot_right[0] + 0.02, foot_right[1] + 0.02), (foot_left[0] - 0.02, foot_left[1] + 0.02)]
        shadow = c.polygon(wall_left, wall_right, *before)
        c.image.mul_(1 - 0.45 * (there * c.coverage(shadow, 4.0))[:, None])
    with c.part("bed", 0.35, 0.97):
        blanket = hue(f["bed_colour"], 0.55, 0.72)
        folds = (1 + 0.08 * c.noise(7))[:, None]
        board = palette(f["floor_colour"], (0.22, 0.13, 0.08), (0.42, 0.27, 0.15), (0.6, 0.45, 0.3))
        with c.rows(0.35, 0.75):
            c.paint(there * c.coverage(c.box(x, room.y1 - 0.12, w + 0.012, 0.125, 0.02)), board)
        mattress = c.polygon(back_left, back_right, right_near, left_near)
        left_side = c.polygon(left_near, back_left, wall_left, foot_left)
        right_side = c.polygon(back_right, right_near, foot_right, wall_right)
        c.paint(there * c.coverage(torch.maximum(torch.minimum(left_side, right_side), -mattress)), blanket * 0.55)
        c.paint(there * c.coverage(c.polygon(left_near, right_near, foot_right, foot_left)), blanket * 0.72 * folds)
        c.paint(there * c.coverage(mattress), _WHITE)
        c.paint(there * c.coverage(c.polygon(*corners(top, 1.14), right_near, left_near)), blanket * folds)
        for sign in (-1, 1):
            px, py = room.at(x + sign * w * 0.48, top - 0.012, 1.05)
            with c.rows(0.42, 0.68):
                c.paint(there * c.coverage(c.box(px, py, w * 0.40, 0.026, 0.02)), (0.97, 0.96, 0.95))
                c.paint(there * c.coverage(c.box(px, py + 0.020, w * 0.36, 0.006, 0.004)), (0.82, 0.81, 0.82))


def _lamp(c: Canvas, f: Mapping[str, Tensor], room: _Room) -> None:
    there, (x, base) = f["lamp"], room.at(room.lamp_x + c.jitter(0.04), room.y1, 1.12)  # on the floor before the wall
    y = base - 0.34 - 0.045 * f["lamp_height"]
    spread = torch.exp(-(((c.x - x) / 0.20).square() + ((c.y - y) / 0.22).square()))
    room.light.addcmul_((there * 0.42 * spread)[:, None], rgb(1.0, 0.80, 0.52))
    with c.part("lamp", 0.22, 0.8):
        with c.rows(0.58, 0.8):
            c.paint(there * c.coverage(c.ellipse(x, base, 0.048, 0.015)), (0.15, 0.14, 0.14))
        c.paint(there * c.coverage(c.box(x, (base + y) / 2, 0.009, (base - y) / 2)), (0.2, 0.19, 0.18))
        shade = palette(f["lamp_colour"], (1.0, 0.78, 0.45), (1.0, 0.9, 0.7), (0.95, 0.62, 0.5), (0.75, 0.85, 0.7))
        with c.rows(0.22, 0.5):
            body = c.polygon((x - 0.040, y - 0.055), (x + 0.040, y - 0.055), (x + 0.074, y + 0.055), (x - 0.074, y + 0.055))
            c.paint(there * c.coverage(body), shade * (1.12 - 3.0 * (c.x - x).abs())[:, None])
