"""Pictures drawn in three sets: `draw` takes factors at random, `render` the factors given."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from dcgan_core.config_io import did_you_mean
from dcgan_core.drawings import portraits, rooms, sprites
from dcgan_core.drawings.canvas import MAX_SIZE, MIN_SIZE, Canvas, Drawn
from dcgan_core.errors import UserError

VERSION = 2  # raised whenever the same seed would give other pictures
BLOCK = 128  # pictures drawn at once

_SETS = {  # factors, painter, zoom
    "drawn-rooms": (rooms.ROOM_FACTORS, rooms.paint_room, 1.0),
    "drawn-portraits": (portraits.PORTRAIT_FACTORS, portraits.paint_portrait, 1.2),
    "drawn-sprites": (sprites.SPRITE_FACTORS, sprites.paint_sprite, 1.0),
}
NAMES = tuple(_SETS)
FACTORS = {name: factors for name, (factors, _, _) in _SETS.items()}


def draw(name: str, count: int, size: int = 64, seed: int = 0, start: int = 0) -> Drawn:
    """`count` pictures with factors drawn at random, from number `start` on. Picture i depends on seed, i and size alone.

    Raises UserError for an unknown set, or an impossible count, size, seed or start.
    """
    check_drawable(name, size, seed)
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
    return _joined(parts, factors, asked)


def render(name: str, factors: Mapping[str, np.ndarray | Tensor], size: int = 64, seed: int = 0) -> Drawn:
    """Pictures with the factors given: N numbers for each. The same seed gives the same texture and grain.

    Raises UserError where a factor is missing, unknown, out of its range, not a number, or not N long.
    """
    check_drawable(name, size, seed)
    spec = FACTORS[name]
    for key in factors:
        if key not in spec:
            raise UserError(f"{name}: unknown factor {key!r}{did_you_mean(key, spec)}")
    if missing := [key for key in spec if key not in factors]:
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
    return _joined(parts, {key: values.numpy() for key, values in table.items()})


def yes_no(name: str) -> tuple[str, ...]:
    """The factors of a set that are there or not."""
    return tuple(key for key, factor in FACTORS[name].items() if factor.kind == "yes/no")


@torch.inference_mode()
def _paint(name: str, table: Mapping[str, Tensor], size: int, rng: torch.Generator) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    _, painter, zoom = _SETS[name]
    canvas = Canvas(len(next(iter(table.values()))), size, rng, zoom)
    images = painter(canvas, {key: values.view(-1, 1, 1) for key, values in table.items()})
    return images.numpy(), {key: (seen > 0.5).numpy() for key, seen in canvas.masks.items()}


def _joined(parts: list[tuple], factors: dict[str, np.ndarray], asked: slice = slice(None)) -> Drawn:
    masks = {key: np.concatenate([m[key] for _, m in parts])[asked] for key in parts[0][1]}
    return Drawn(np.concatenate([images for images, _ in parts])[asked], factors, masks)


def _rng(seed: int, block: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed * 1_000_003 + block)


def check_drawable(name: str, size: int, seed: int) -> None:
    """Raises UserError for an unknown set, or an impossible size or seed."""
    if name not in FACTORS:
        raise UserError(f"no drawn set is called {name!r}{did_you_mean(name, FACTORS)}")
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise UserError(f"{name}: {size} px cannot be drawn; choose a size from {MIN_SIZE} to {MAX_SIZE}")
    if not 0 <= seed < 2**40:
        raise UserError(f"{name}: seed {seed}; choose a whole number from 0")
