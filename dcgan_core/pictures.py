"""Grids of images as one picture, and pictures as the bytes of a file."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def grid(images: np.ndarray, columns: int | None = None, gap: int = 2) -> np.ndarray:
    """uint8 N x C x S x S (or N x M x C x S x S: M columns) as one picture H x W x 3, on white."""
    if images.ndim == 5:
        columns, images = images.shape[1], images.reshape(-1, *images.shape[2:])
    count, _, height, width = images.shape
    columns = columns or int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for i, image in enumerate(images):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        sheet[top : top + height, left : left + width] = image.transpose(1, 2, 0)  # one channel spreads over three
    return sheet


def tiles(path: Path, size: int, gap: int = 2) -> np.ndarray:
    """The images of a grid that was saved as a picture: uint8 N x 3 x size x size."""
    sheet = np.asarray(Image.open(path).convert("RGB")).transpose(2, 0, 1)
    corners = [range(0, length - size + 1, size + gap) for length in sheet.shape[1:]]
    return np.stack([sheet[:, top : top + size, left : left + size] for top in corners[0] for left in corners[1]])


def encode(picture: np.ndarray, kind: str = "png", **options: Any) -> bytes:
    """A picture, uint8 H x W x 3, as the bytes of a file. options: Pillow's for this kind, such as quality=90 for "webp"."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind, **options)
    return buffer.getvalue()


def show(images: np.ndarray, columns: int | None = None, zoom: int = 2, gap: int = 1) -> Image.Image:
    """A grid (see `grid`) as a picture that a notebook displays, each pixel `zoom` pixels wide."""
    sheet = Image.fromarray(grid(images, columns, gap))
    return sheet.resize((sheet.width * zoom, sheet.height * zoom), Image.Resampling.NEAREST)
