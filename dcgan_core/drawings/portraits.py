"""Portraits: smile, glasses, hair, beard, the turn of a head."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from dcgan_core.drawings.canvas import AROUND, NUMBER, YES_NO, Canvas, hue, palette, rgb

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


def paint_portrait(c: Canvas, f: Mapping[str, Tensor]) -> Tensor:
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
