"""Sprites: ten small things, one a picture."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from dcgan_core.drawings.canvas import AROUND, NUMBER, YES_NO, Canvas, Factor, hue, rgb

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


def paint_sprite(c: Canvas, f: Mapping[str, Tensor]) -> Tensor:
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
        lit = shade[rows]
        colours = (main[rows] * lit, second[rows] * lit, rgb(0.16, 0.14, 0.14), rgb(0.95, 0.94, 0.9) * lit)
        cover = torch.zeros_like(part.x)
        for distance, tone in _SHAPES[number](part):
            alpha = c.coverage(distance * width)
            cover = torch.maximum(cover, alpha)
            part.paint(alpha, colours[tone])
        c.image[rows] = part.image
        c.masks.setdefault("sprite", torch.zeros(c.count, c.size, c.size))[rows] = cover
    return c.finish(0.7 + 0.4 * f["light"])


# Each sprite: shapes with their colours, painted in order. 0: its colour, 1: its second, 2: dark, 3: light
def _boat(p):
    yield p.segment(0.0, -0.85, 0.0, 0.35, 0.05), 2
    yield p.polygon((0.08, -0.8), (0.75, 0.2), (0.08, 0.2)), 3
    yield p.polygon((-0.08, -0.6), (-0.08, 0.2), (-0.6, 0.2)), 1
    yield p.polygon((-0.9, 0.32), (0.9, 0.32), (0.6, 0.8), (-0.6, 0.8)), 0


def _car(p):
    yield p.polygon((-0.45, -0.45), (0.3, -0.45), (0.62, 0.1), (-0.62, 0.1)), 0
    yield p.polygon((-0.36, -0.34), (-0.06, -0.34), (-0.06, 0.0), (-0.48, 0.0)), 3
    yield p.polygon((0.04, -0.34), (0.24, -0.34), (0.44, 0.0), (0.04, 0.0)), 3
    yield p.box(0.0, 0.22, 0.92, 0.24, 0.12), 0
    yield p.box(0.82, 0.16, 0.08, 0.07), 3
    for x in (-0.5, 0.5):
        yield p.ellipse(x, 0.46, 0.24, 0.24), 2
        yield p.ellipse(x, 0.46, 0.1, 0.1), 1


def _cup(p):
    yield (p.ellipse(0.55, 0.05, 0.34, 0.34)).abs() - 0.08, 0
    yield p.polygon((-0.7, -0.5), (0.6, -0.5), (0.42, 0.72), (-0.52, 0.72)), 0
    yield p.polygon((-0.66, -0.2), (0.56, -0.2), (0.52, 0.1), (-0.62, 0.1)), 1
    yield p.ellipse(-0.05, -0.5, 0.65, 0.13), 3
    yield p.ellipse(-0.05, -0.48, 0.54, 0.085), 2


def _fish(p):
    yield p.polygon((-0.4, 0.0), (-0.95, 0.5), (-0.95, -0.5)), 1
    yield p.polygon((-0.2, -0.3), (0.1, -0.75), (0.35, -0.3)), 1
    yield p.ellipse(0.1, 0.0, 0.75, 0.45), 0
    yield p.polygon((-0.05, 0.05), (0.2, 0.05), (-0.2, 0.4)), 1
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
    yield p.box(0.0, 0.3, 0.68, 0.52), 3
    yield p.box(0.45, -0.5, 0.1, 0.3), 2
    yield p.polygon((0.0, -0.85), (0.9, -0.15), (-0.9, -0.15)), 0
    yield p.box(0.28, 0.5, 0.17, 0.32), 1
    yield p.box(-0.28, 0.25, 0.2, 0.18), 2


def _mushroom(p):
    yield p.box(0.0, 0.45, 0.26, 0.42, 0.15), 3
    yield torch.maximum(p.ellipse(0.0, 0.1, 0.85, 0.8), p.y - 0.12), 0
    for x, y, r in ((-0.35, -0.25, 0.15), (0.2, -0.42, 0.13), (0.48, -0.08, 0.12), (-0.05, -0.05, 0.1)):
        yield p.ellipse(x, y, r, r), 3


def _rocket(p):
    yield p.polygon((-0.2, 0.6), (0.2, 0.6), (0.0, 0.98)), 1
    yield p.polygon((-0.2, 0.1), (-0.25, 0.65), (-0.65, 0.75)), 1
    yield p.polygon((0.2, 0.1), (0.65, 0.75), (0.25, 0.65)), 1
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
    yield p.box(0.0, 0.65, 0.12, 0.3), 2
    for y, half in ((0.15, 0.7), (-0.2, 0.56), (-0.55, 0.42)):
        yield p.polygon((0.0, y - 0.42), (half, y + 0.32), (-half, y + 0.32)), 0
    yield p.ellipse(-0.2, 0.2, 0.08, 0.08), 1
    yield p.ellipse(0.18, -0.12, 0.08, 0.08), 1
    yield p.ellipse(0.0, 0.36, 0.08, 0.08), 1


_SHAPES = (_boat, _car, _cup, _fish, _flower, _house, _mushroom, _rocket, _star, _tree)
