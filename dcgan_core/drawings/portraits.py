"""Portraits: smile, glasses, hair, beard, the turn of a head."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from dcgan_core.drawings.canvas import AROUND, NUMBER, YES_NO, Canvas, hue, palette, rgb

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
_SKINS = ((0.36, 0.22, 0.15), (0.58, 0.38, 0.26), (0.80, 0.58, 0.44), (0.93, 0.75, 0.63), (0.98, 0.84, 0.75))
_HAIRS = ((0.07, 0.06, 0.06), (0.26, 0.15, 0.09), (0.48, 0.24, 0.11), (0.80, 0.62, 0.33), (0.68, 0.66, 0.64))


def paint_portrait(c: Canvas, f: Mapping[str, Tensor]) -> Tensor:
    backdrop = hue(f["background_colour"], 0.3, 1.0) * (0.30 + 0.6 * f["background_brightness"])[:, None]
    c.image = backdrop * (1.0 + 0.10 * c.noise(3) + 0.16 * f["light_side"] * (c.x - 0.5))[:, None]
    head = _Head(c, f)
    for paint in (_hair_behind, _clothes, _neck_ears_and_face, _beard, _mouth, _cheeks_and_nose, _eyes, _hair, _glasses):
        paint(c, f, head)
    return c.finish(0.72 + 0.36 * f["light"])


class _Head:
    """An ellipsoid with a narrower jaw, lit from one side: where it and its features are, its colours."""

    def __init__(self, c: Canvas, f: Mapping[str, Tensor]) -> None:
        self.x, self.y = 0.5 + 0.02 * f["across"], 0.475 + 0.015 * f["up"]
        self.a, self.b = 0.212 + 0.020 * f["face_shape"], 0.285  # half its width and height
        self.turn = f["pose"] * math.radians(34)
        self.along = torch.sin(self.turn)
        self.skin, self.hair = palette(f["skin"], *_SKINS), palette(f["hair_colour"], *_HAIRS)
        self.length = f["long_hair"] * (0.62 + 0.38 * f["hair_length"])  # of the hair; 0 for short hair
        self.low = self.y + self.b * (0.55 + 0.75 * self.length)  # how far down it hangs

        self.dx, self.dy = (c.x - self.x) / self.a, (c.y - self.y) / self.b
        self.nx = self.dx / (1 - (0.20 + 0.16 * f["jaw"]) * self.dy.clamp_min(0).square())
        squared = self.nx.square() + self.dy.square()
        self.radius = squared.sqrt()  # 1 on the outline
        lit = 0.66 + 0.30 * (1 - squared).clamp_min(0).sqrt() + 0.26 * f["light_side"] * self.nx - 0.10 * self.dy
        self.shade = lit[:, None]

        self.ears = [self.x + sign * self.a * torch.cos(self.turn) - 0.25 * self.a * self.along for sign in (-1, 1)]
        self.eyes, self.eye_y = [self.feature(angle, 0.95) for angle in (-24, 24)], self.y - 0.13 * self.b
        self.mouth_x, w = self.feature(0, 0.98)
        self.foreshortened = 0.35 + 0.65 * w
        self.mouth_y = self.y + 0.53 * self.b
        self.mouth_half = (0.066 + 0.012 * f["mouth"] + 0.026 * f["smile"]) * self.foreshortened

    def feature(self, angle: float, depth: float) -> tuple[Tensor, Tensor]:
        """Where a feature at `angle` degrees beside the nose lies, and how much its width is foreshortened."""
        theta = self.turn + math.radians(angle)
        return self.x + self.a * depth * torch.sin(theta), torch.cos(theta).clamp_min(0.15)


def _hair_behind(c: Canvas, f: Mapping[str, Tensor], head: _Head) -> None:
    with c.part("hair", 0.12, 0.97):
        x = head.x - 0.35 * head.a * head.along
        c.paint(c.coverage(c.ellipse(x, head.y - 0.035, head.a * 1.16, head.b * 1.05)), head.hair * 0.85)
        wide = head.a * (1.14 + 0.14 * head.length)
        fall = c.box(x, (head.y - 0.1 + head.low) / 2, wide, (head.low - head.y + 0.1) / 2, 0.09)
        c.paint(f["long_hair"] * c.coverage(fall), head.hair * 0.80)


def _clothes(c: Canvas, f: Mapping[str, Tensor], head: _Head) -> None:
    with c.part("clothes", 0.76):
        cloth = 1 + 0.08 * c.noise(9) + 0.10 * f["light_side"] * (c.x - 0.5)
        shoulders = c.ellipse(head.x - 0.01, 1.06, 0.43, 0.27)
        c.paint(c.coverage(shoulders), hue(f["clothes_colour"], 0.55, 0.65) * cloth[:, None])


def _neck_ears_and_face(c: Canvas, f: Mapping[str, Tensor], head: _Head) -> None:
    with c.part("skin", 0.60, 0.93):
        neck = c.box(head.x - 0.25 * head.a * head.along, head.y + head.b * 1.02, head.a * 0.47, 0.14, 0.03)
        c.paint(c.coverage(neck), head.skin * 0.74)
        c.paint(c.coverage(c.ellipse(head.x - 0.03 * f["pose"], 0.845, 0.118, 0.055)), head.skin * 0.80)
    with c.part("skin", 0.40, 0.60):
        for ear in head.ears:
            c.paint(c.coverage(c.ellipse(ear, head.y + 0.02, 0.032, 0.058)), head.skin * 0.82)
    with c.part("skin", 0.15, 0.81):
        blotches = (1 + 0.02 * c.noise(12))[:, None]
        c.paint(c.coverage(c.here(head.radius - 1) * head.a), head.skin * (c.here(head.shade) * blotches))


def _beard(c: Canvas, f: Mapping[str, Tensor], head: _Head) -> None:
    smile, x, half = f["smile"], head.mouth_x, head.mouth_half
    with c.part("beard", 0.40, 0.80):  # its upper edge is a curve with sideburns
        edge = 0.50 - 0.50 * c.here(head.nx).square() - c.here(head.dy)
        cheeks = c.coverage(torch.maximum(edge * head.b, c.here(head.radius - 1.03) * head.a), 1.6)
        moustache = c.coverage(c.ellipse(x, head.y + 0.405 * head.b, 0.072 * head.foreshortened, 0.022), 1.6)
        lips = c.ellipse(x, head.mouth_y + 0.006 + 0.010 * smile, half * 0.98, 0.022 + 0.012 * smile)
        bare = 1 - c.coverage(lips, 1.3)
        colour = (head.hair * 0.85 + 0.02) * (1 + 0.16 * c.noise(16))[:, None]
        c.paint(f["beard"] * 0.93 * torch.maximum(cheeks * bare, moustache), colour * c.here(head.shade).clamp(0.6, 1.1))


def _mouth(c: Canvas, f: Mapping[str, Tensor], head: _Head) -> None:
    smile, half = f["smile"], head.mouth_half
    with c.part("mouth", 0.52, 0.74, 0.2, 0.8):  # neutral: a line of lips; smiling: corners up, and teeth
        lit = c.here(head.shade).clamp(0.75, 1.1)
        q = ((c.x - head.mouth_x) / half).clamp(-1.3, 1.3)
        arch, y = 1 - q.square(), head.mouth_y - 0.030 * smile * q.square()
        upper, lower = y - (0.012 - 0.004 * smile) * arch, y + (0.014 + 0.040 * smile) * arch
        lips = (head.skin * 0.55 + rgb(0.36, 0.10, 0.11)) * lit
        ends = (q.abs() - 1) * half
        c.paint(c.coverage(torch.maximum(upper - c.y, c.y - lower).maximum(ends)), lips)
        teeth = torch.maximum(upper + 0.008 - c.y, c.y - lower + 0.013).maximum(ends + 0.12 * half)
        c.paint(smile * c.coverage(teeth), rgb(0.95, 0.94, 0.90) * lit)
        line = ((c.y - (upper + lower) / 2).abs() - 0.004).maximum(ends)
        c.paint((1 - smile) * 0.8 * c.coverage(line), lips * 0.45)


def _cheeks_and_nose(c: Canvas, f: Mapping[str, Tensor], head: _Head) -> None:
    with c.part(None, 0.38, 0.64, 0.2, 0.8):
        for angle in (-38, 38):
            x, w = head.feature(angle, 0.92)
            cheek = c.coverage(c.ellipse(x, head.y + 0.28 * head.b, 0.055 * w + 0.005, 0.05), 5.0) * (c.here(head.radius) < 1)
            c.paint(0.16 * cheek, rgb(0.85, 0.35, 0.3) * c.here(head.shade))
        (tip, _), (bridge, _) = head.feature(0, 1.10), head.feature(0, 0.86)
        y, away = head.y + 0.25 * head.b, torch.where(f["light_side"] >= 0, -1.0, 1.0)
        side = c.segment(bridge + away * 0.016, head.y - 0.14 * head.b, tip + away * 0.026, y, 0.011)
        below, highlight = c.ellipse(tip, y + 0.014, 0.034, 0.011), c.ellipse(tip - away * 0.004, y - 0.014, 0.015, 0.020)
        c.paint(0.26 * c.coverage(side, 2.5), head.skin * 0.45)  # the side away from the light
        c.paint(0.45 * c.coverage(below, 1.6), head.skin * 0.40)
        c.paint(0.30 * c.coverage(highlight, 2.0), (1.0, 0.95, 0.9))


def _eyes(c: Canvas, f: Mapping[str, Tensor], head: _Head) -> None:
    smile, y = f["smile"], head.eye_y
    with c.part("eyes", 0.33, 0.53, 0.16, 0.84):
        iris = palette(f["eye_colour"], (0.16, 0.09, 0.05), (0.36, 0.24, 0.12), (0.25, 0.42, 0.30), (0.28, 0.45, 0.65))
        for x, w in head.eyes:
            width, gaze = 0.046 * w + 0.004, x + 0.012 * head.along
            c.paint(0.35 * c.coverage(c.ellipse(x, y - 0.002, width * 1.45, 0.036), 3.0), head.skin * 0.55)
            ball = c.coverage(c.ellipse(x, y, width, 0.0215 - 0.003 * smile))
            c.paint(ball, (0.93, 0.93, 0.92))
            c.paint(ball * c.coverage(c.ellipse(gaze, y, 0.0195, 0.0205)), iris)
            c.paint(ball * c.coverage(c.ellipse(gaze, y, 0.0095, 0.0105)), (0.03, 0.03, 0.03))
            lid = (c.y - (y - 0.0215 + 0.018 * ((c.x - x) / width).square())).abs() - 0.0055
            c.paint(0.85 * c.coverage(lid.maximum((c.x - x).abs() - width * 1.05)), head.skin * 0.25)
            brow = c.box(x, y - 0.056 - 0.004 * smile, width * 1.3, 0.0105, 0.008)
            c.paint(0.9 * c.coverage(brow, 1.4), head.hair * 0.7 + 0.01)


def _hair(c: Canvas, f: Mapping[str, Tensor], head: _Head) -> None:
    with c.part("hair", 0.13, 0.46):  # a cap down to the hairline
        hairline = -0.50 + 0.20 * (head.nx - 0.25).square() - 0.10 * (head.nx + 0.1).abs() * (1 - f["long_hair"])
        cap = ((c.here(head.nx) / 1.08).square() + ((c.here(head.dy) + 0.03) / 1.10).square()).sqrt().sub(1) * head.a
        sheen = 0.92 + 0.25 * torch.exp(-(head.dx * 0.6).square() - (c.here(head.dy) + 0.85).square() * 6)
        c.paint(c.coverage(torch.maximum(c.here(head.dy - hairline) * head.b, cap)), head.hair * sheen[:, None])
    with c.part("hair", 0.35, 0.95):  # locks beside the face
        middle, half = (head.y - 0.10 + head.low) / 2, (head.low - head.y + 0.10) / 2
        for sign in (-1, 1):
            x = head.x + sign * head.a * 1.02 * torch.cos(head.turn) - 0.30 * head.a * head.along
            lock = c.box(x, middle, 0.034 + 0.014 * f["hair_length"], half, 0.03)
            c.paint(f["long_hair"] * c.coverage(lock), head.hair * 0.95)
    strands = 0.16 * c.noise(4, 26) + 0.08 * f["light_side"] * (c.x - head.x) / head.a
    c.image *= (1 + c.masks["hair"] * strands)[:, None]


def _glasses(c: Canvas, f: Mapping[str, Tensor], head: _Head) -> None:
    (left, wl), (right, wr) = head.eyes
    with c.part("glasses", 0.36, 0.54, 0.16, 0.84):
        rings = [c.box(x, head.eye_y + 0.006, 0.066 * (0.3 + 0.7 * w), 0.047, 0.028) for x, w in head.eyes]
        for ring in rings:
            c.paint(f["glasses"] * 0.14 * c.coverage(ring), (0.85, 0.93, 1.0))
        frame = torch.minimum(rings[0].abs(), rings[1].abs()) - 0.0085
        bridge = (left + 0.05 * wl, right - 0.05 * wr)
        for start, end in (bridge, (head.ears[0], left - 0.06 * wl), (right + 0.06 * wr, head.ears[1])):  # arms to the ears
            frame = torch.minimum(frame, c.box((start + end) / 2, head.eye_y, (end - start).abs() / 2, 0.0075))
        c.paint(f["glasses"] * c.coverage(frame), (0.09, 0.08, 0.09))
