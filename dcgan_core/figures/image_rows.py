"""Rows of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dcgan_core import pictures

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
