"""Rows of images, and animations."""

from __future__ import annotations

import base64
import html
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from dcgan_core import pictures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# which of two pictures is seen: the moving one or its first frame
PAUSED = (
    "<style>.dcgan-moving .dcgan-still,.dcgan-moving:has(:checked) .dcgan-animation{display:none}"
    ".dcgan-moving:has(:checked) .dcgan-still{display:inline}"
    "@media(prefers-reduced-motion:reduce){.dcgan-moving .dcgan-animation,.dcgan-moving label{display:none}"
    ".dcgan-moving .dcgan-still{display:inline}}</style>"
)


class Animation:
    """A picture that moves by itself, forth and back: an animated WebP inside the page, which needs no script and no server.

    It can be paused, and stands still for whoever has asked their device for less motion.
    """

    def __init__(self, frames: list[np.ndarray], label: str, zoom: int = 2) -> None:
        """frames: pictures H x W x 3, uint8. label: its text for readers who cannot see it."""
        more = [Image.fromarray(frame) for frame in [*frames[1:], *frames[-2:0:-1]]]
        options = {"save_all": True, "append_images": more, "duration": 60, "loop": 0, "quality": 75, "method": 2}
        self.webp = pictures.encode(frames[0], "webp", **options)
        self.still = pictures.encode(frames[0], "webp", quality=75)
        self.label, self.width = label, frames[0].shape[1] * zoom

    def _repr_html_(self) -> str:
        moving, still = (f"data:image/webp;base64,{base64.b64encode(w).decode()}" for w in (self.webp, self.still))
        size = f"width:{self.width}px;max-width:100%;image-rendering:pixelated"
        image = f'style="{size}" alt="{html.escape(self.label)}" src='
        return (
            f'<div class="dcgan-moving">{PAUSED}<img class="dcgan-animation" {image}"{moving}">'
            f'<img class="dcgan-still" {image}"{still}"><br><label><input type="checkbox"> stand still</label></div>'
        )


def strips(rows: list[tuple[str, np.ndarray]], zoom: int = 2) -> Figure:
    """Labelled rows of images: a matplotlib figure with each text beside its uint8 N x C x S x S. A row may have none."""
    import matplotlib.pyplot as plt

    empty = np.full((16, 16, 3), 255, np.uint8)
    sheets = [pictures.grid(images, len(images), 1) if len(images) else empty for _, images in rows]
    scale = min(zoom / 100, 7 / max(s.shape[1] for s in sheets))  # inches for a pixel: long rows shrink to fit the page
    height = sum(s.shape[0] for s in sheets) * scale + 0.1 * len(rows)
    figure, axes = plt.subplots(len(rows), 1, figsize=(8, max(height, 1)), squeeze=False)
    for axis, sheet, (text, images) in zip(axes[:, 0], sheets, rows, strict=True):
        axis.imshow(sheet, interpolation="nearest")
        if not len(images):
            axis.text(0.5, 0.5, "none", ha="center", va="center", transform=axis.transAxes)
        axis.set(xticks=[], yticks=[])
        axis.set_ylabel(text, rotation=0, ha="right", va="center")
        axis.spines[:].set_visible(False)
    figure.tight_layout(pad=0.3)
    plt.close(figure)
    return figure
