"""What a reader sees: grids of images, learning curves, tables."""

from __future__ import annotations

import base64
import html
import io
import textwrap

import numpy as np
from PIL import Image

from dcgan_core.pictures import grid


class Animation:
    """A picture that moves by itself, forth and back: an animated WebP inside the page, which needs no script and no server."""

    def __init__(self, frames: list[np.ndarray], label: str, zoom: int = 2, milliseconds: int = 60) -> None:
        """frames: pictures H x W x 3, uint8. label: what a reader who cannot see it is told."""
        pictures = [Image.fromarray(frame) for frame in [*frames, *frames[-2:0:-1]]]
        buffer = io.BytesIO()
        options = {"duration": milliseconds, "loop": 0, "quality": 75, "method": 2}
        pictures[0].save(buffer, "webp", save_all=True, append_images=pictures[1:], **options)
        self.webp = buffer.getvalue()
        self.label, self.width = label, pictures[0].width * zoom

    def _repr_html_(self) -> str:
        source = f"data:image/webp;base64,{base64.b64encode(self.webp).decode()}"
        style = f"width:{self.width}px;max-width:100%;image-rendering:pixelated"
        return f'<img class="dcgan-animation" style="{style}" alt="{html.escape(self.label)}" src="{source}">'


def strips(rows: list[tuple[str, np.ndarray]], zoom: int = 2):
    """Labelled rows of images: a matplotlib figure with each text beside its uint8 N x C x S x S. A row may have none."""
    import matplotlib.pyplot as plt

    empty = np.full((16, 16, 3), 255, np.uint8)
    sheets = [grid(images, len(images), 1) if len(images) else empty for _, images in rows]
    scale = min(zoom / 100, 7 / max(s.shape[1] for s in sheets))  # inches for a pixel: long rows shrink to fit the page
    height = sum(s.shape[0] for s in sheets) * scale + 0.1 * len(rows)
    figure, axes = plt.subplots(len(rows), 1, figsize=(8, max(height, 1)), squeeze=False)
    for axis, sheet, (text, images) in zip(axes[:, 0], sheets, rows, strict=True):
        axis.imshow(sheet, interpolation="nearest")
        if not len(images):
            axis.text(0.5, 0.5, "none", ha="center", va="center", transform=axis.transAxes)
        axis.set_xticks([])
        axis.set_yticks([])
        axis.set_ylabel(text, rotation=0, ha="right", va="center")
        for side in axis.spines.values():
            side.set_visible(False)
    figure.tight_layout(pad=0.3)
    plt.close(figure)
    return figure


def equation(
    terms: list[tuple[str, np.ndarray, np.ndarray]],
    results: list[tuple[str, np.ndarray]],
    signs: tuple[str, ...] = ("", "−", "+"),
):
    """Arithmetic in the manner of the paper's Fig 7. Terms: name, exemplars N x C x S x S, and the mean's image C x S x S below
    them. Results: name, nine images (as a square) or one. All uint8. A matplotlib figure."""
    import matplotlib.pyplot as plt

    columns = [(f"{sign} {name}".strip(), exemplars, mean) for sign, (name, exemplars, mean) in zip(signs, terms, strict=True)]
    count = max(len(exemplars) for _, exemplars, _ in columns)
    widths = [1.0] * len(terms) + [0.35] + [3.0] * len(results)
    figure = plt.figure(figsize=(9.5, 9.5 * (count + 1.6) / (sum(widths) + 0.8)))
    cells = figure.add_gridspec(1, len(widths), width_ratios=widths, wspace=0.12, left=0.01, right=0.99, top=0.88, bottom=0.01)

    def picture(axis, images: np.ndarray, columns: int, title: str) -> None:
        axis.imshow(grid(images, columns, 1), interpolation="nearest")
        axis.set_title(title, fontsize=9)
        axis.axis("off")

    for k, (title, exemplars, mean) in enumerate(columns):
        two = cells[k].subgridspec(2, 1, height_ratios=[count, 1], hspace=0.16)
        picture(figure.add_subplot(two[0]), exemplars, 1, textwrap.fill(title, 14))
        picture(figure.add_subplot(two[1]), mean[None], 1, "their mean")
    middle = figure.add_subplot(cells[len(terms)])
    middle.text(0.5, 0.5, "=", ha="center", va="center", fontsize=22)
    middle.axis("off")
    for k, (title, images) in enumerate(results):
        picture(figure.add_subplot(cells[len(terms) + 1 + k]), images, 3 if len(images) == 9 else 1, title)
    plt.close(figure)
    return figure


def learning_curves(log: list[dict], smooth: int = 1):
    """Losses of both nets, and D's mean answer to data and to samples, over images seen."""
    import matplotlib.pyplot as plt

    images = np.array([row["images"] for row in log])
    kernel = np.ones(min(smooth, len(log))) / min(smooth, len(log))

    def curve(key: str) -> np.ndarray:
        return np.convolve([row[key] for row in log], kernel, "valid")

    x = np.convolve(images, kernel, "valid")
    figure, (losses, answers) = plt.subplots(1, 2, figsize=(9, 3))
    losses.plot(x, curve("loss_d"), label="D")
    losses.plot(x, curve("loss_g"), label="G")
    losses.set_ylabel("loss")
    losses.set_ylim(0, max(float(np.quantile(curve("loss_g"), 0.98)) * 1.1, 2.0))
    answers.plot(x, curve("d_real"), label="D(x), data")
    answers.plot(x, curve("d_fake"), label="D(G(z)), samples")
    answers.set_ylim(0, 1)
    answers.axhline(0.5, color="0.8", zorder=0)
    for axis in (losses, answers):
        axis.set_xlabel("images seen")
        axis.legend(frameon=False)
        axis.spines[["top", "right"]].set_visible(False)
        axis.xaxis.set_major_formatter(lambda v, _: f"{v / 1000:g}k" if v else "0")
    figure.tight_layout()
    plt.close(figure)
    return figure


def collapse_curves(log: list[dict], alarms: list):
    """Losses, D's answers and the diversity of samples (`instability`), with a line where an alarm was raised."""
    import matplotlib.pyplot as plt

    panels = {
        "losses": {"loss_d": "D", "loss_g": "G"},
        "D's answers": {"d_real": "D(x), data", "d_fake": "D(G(z)), samples"},
        "diversity of samples": {"diversity": None},
    }
    images = [row["images"] for row in log]
    figure, axes = plt.subplots(1, len(panels), figsize=(10, 3))
    for axis, (title, curves) in zip(axes, panels.items(), strict=True):
        for key, label in curves.items():
            axis.plot(images, [row[key] for row in log], label=label)
        for alarm in alarms:
            axis.axvline(alarm.images, color="tab:red", linestyle="-" if alarm.stop else ":", linewidth=1)
        axis.set_title(title, fontsize=10)
        axis.set_ylim(bottom=0)
        axis.set_xlabel("images seen")
        axis.spines[["top", "right"]].set_visible(False)
        axis.xaxis.set_major_formatter(lambda v, _: f"{v / 1000:g}k" if v else "0")
        if len(curves) > 1:
            axis.legend(frameon=False, fontsize=8, loc="best")
    figure.tight_layout()
    plt.close(figure)
    return figure


def error_curves(curves: dict[str, dict[int, float]], points: dict[str, dict[int, float]] | None = None):
    """Errors in percent over the number of references: `curves` joined by lines, `points` (the paper's) as crosses."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 3.6))
    for name, values in curves.items():
        axis.plot(list(values), list(values.values()), marker="o", markersize=4, label=name)
    for name, values in (points or {}).items():
        axis.plot(list(values), list(values.values()), linestyle="none", marker="x", markersize=8, label=name)
    axis.set_xscale("log")
    axis.set_ylim(bottom=0)
    axis.set_xlabel("references")
    axis.set_ylabel("error of 1-NN, %")
    axis.spines[["top", "right"]].set_visible(False)
    axis.xaxis.set_major_formatter(lambda v, _: f"{v / 1e6:g}M" if v >= 1e6 else f"{v / 1e3:g}K" if v >= 1e3 else f"{v:g}")
    axis.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.tight_layout()
    plt.close(figure)
    return figure


def feature_maps(layers: list, architecture):
    """A net's stages as boxes, in the manner of the paper's Fig 1: side = pixels, depth = number of maps. Layers: `summary`."""
    import matplotlib.pyplot as plt
    from matplotlib.patches import Polygon

    figure, axis = plt.subplots(figsize=(9, 3.6))
    boxes = [("z", architecture.latent, None)]
    for layer in layers:
        shape = architecture.base if len(layer.shape) == 1 and layer.name.startswith("dense") else layer.shape
        boxes.append((layer.name, shape[0], shape[1] if len(shape) == 3 else None))
    x = 0.0
    for name, maps, side in boxes:
        if side is None:
            axis.plot([x, x], [-12, 12], color="tab:blue", linewidth=3)
            axis.text(x, -17, f"{name}\n{maps}", ha="center", va="top", fontsize=9)
            x += 16
            continue
        depth, slant = maps**0.5 * 0.55, side * 0.35
        half = side / 2
        colours = {"face": "#c6dbef", "top": "#deebf7", "edge": "#9ecae1"}
        front = [(x + depth, -half), (x + depth, half), (x + depth + slant, half + slant), (x + depth + slant, -half + slant)]
        top = [(x, half), (x + depth, half), (x + depth + slant, half + slant), (x + slant, half + slant)]
        near = [(x, -half), (x + depth, -half), (x + depth, half), (x, half)]
        for corners, colour in ((near, colours["face"]), (top, colours["top"]), (front, colours["edge"])):
            axis.add_patch(Polygon(corners, facecolor=colour, edgecolor="#4a6c8c", linewidth=0.8))
        axis.text(x + depth / 2, -half - 5, f"{maps}\n{side}×{side}", ha="center", va="top", fontsize=9)
        x += depth + slant + 14
    axis.set_xlim(-8, x)
    axis.set_ylim(-52, 60)
    axis.set_aspect("equal")
    axis.axis("off")
    figure.tight_layout(pad=0.2)
    plt.close(figure)
    return figure


class Table:
    """Rows of text that a notebook shows as a table. Cells are plain text."""

    def __init__(self, header: list[str], rows: list[list[str]]) -> None:
        self.header, self.rows = header, rows

    def _repr_html_(self) -> str:
        def text(cell: object) -> str:
            words = html.escape(str(cell)).split(" ")  # long names, such as those of claims, may break behind a dot or a bar
            return " ".join(w if len(w) < 20 else w.replace(".", ".<wbr>").replace("_", "_<wbr>") for w in words)

        def cells(tag: str, row: list[str]) -> str:
            return "<tr>" + "".join(f'<{tag} style="text-align:left">{text(c)}</{tag}>' for c in row) + "</tr>"

        body = "".join(cells("td", row) for row in self.rows)
        return f'<table class="table"><thead>{cells("th", self.header)}</thead><tbody>{body}</tbody></table>'

    def __repr__(self) -> str:
        widths = [max(len(str(r[i])) for r in [self.header, *self.rows]) for i in range(len(self.header))]
        return "\n".join(
            "  ".join(str(c).ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in [self.header, *self.rows]
        )
