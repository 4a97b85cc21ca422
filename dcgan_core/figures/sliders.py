from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence

import ipywidgets
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dcgan_core import latent, pictures
from dcgan_core.networks import Generator

ZOOM = 256  # pixels on the page


class Interactive:
    """An ipywidget with a plain HTML form beside it."""

    def __init__(self, live: ipywidgets.Widget, html: str) -> None:
        self.live = live
        self.html = html

    def _repr_mimebundle_(self, **kwargs: object) -> dict:
        bundle = self.live._repr_mimebundle_(**kwargs)
        data = dict(bundle[0] if isinstance(bundle, tuple) else bundle)
        data["text/html"] = self.html
        return data


def walk_slider(generator: Generator, stops: Tensor, frames: int = 9, path: str = "straight") -> Interactive:
    """One slider on a walk through the points `stops` (N x latent) and back to the first; `frames` images a stretch."""
    ring = torch.cat([stops, stops[:1]])
    z = torch.cat([latent.walk(ring[i], ring[i + 1], frames + 1, path)[0, :-1] for i in range(len(stops))] + [stops[:1]])

    def at(position: float) -> np.ndarray:
        place = position * len(stops)
        i = min(int(place), len(stops) - 1)
        fine = latent.walk(ring[i], ring[i + 1], 101, path)[0]
        return latent.draw_pixels(generator, fine[round((place - i) * 100)][None])[0]

    slider = ipywidgets.FloatSlider(0, min=0, max=1, step=0.002, description="position", readout_format=".2f")
    live = _live([slider], lambda: at(slider.value))
    strip = latent.draw_pixels(generator, z)
    places = [f"{place:.2f}" for place in np.linspace(0, 1, len(z))]
    control = _range("position on the walk", places, 0, _MOVE)
    return Interactive(live, _page(strip, [("position", control)]))


def z_sliders(
    generator: Generator, z: Tensor, directions: Tensor, names: list[str], reach: float = 1.0, frames: int = 11
) -> Interactive:
    """One slider for each direction: the image of z + sum of slider x direction, each slider from -reach to reach.

    z: latent; directions: K x latent.
    """

    def draw(amounts: np.ndarray) -> np.ndarray:
        return latent.draw_pixels(generator, z + torch.from_numpy(amounts) @ directions)

    return sliders(draw, {name: (-reach, reach, frames) for name in names}, dict.fromkeys(names, 0.0))


def sliders(
    draw: Callable[[np.ndarray], np.ndarray],
    ranges: dict[str, tuple[float, float, int]],
    start: dict[str, float],
    whole: Sequence[str] = (),
) -> Interactive:
    """One slider for each named number of a picture.

    draw: float32 K x len(ranges) -> uint8 K x C x S x S, a picture for each row of numbers. ranges: lowest, highest, and how
    many frames to draw beforehand. whole: which of them are counts or indices and take whole numbers alone. On the static page
    one slider moves at a time, the others go back to where they started.
    """
    bars = []
    for name, (low, high, frames) in ranges.items():
        if name in whole:
            bars.append(ipywidgets.IntSlider(int(start[name]), min=int(low), max=int(high), description=name))
            continue
        step = (high - low) / (1 if frames == 2 else 100)
        bars.append(ipywidgets.FloatSlider(start[name], min=low, max=high, step=step, description=name, readout_format=".2f"))

    def current() -> np.ndarray:
        return draw(np.array([[bar.value for bar in bars]], np.float32))[0]

    rows, controls, starts = [], [], []
    for k, (name, (low, high, frames)) in enumerate(ranges.items()):
        stops = np.linspace(low, high, frames)
        stops = np.unique(stops.round()) if name in whole else stops
        here = int(np.abs(stops - start[name]).argmin())
        stops[here] = start[name]
        table = np.tile(np.array(list(start.values()), np.float32), (len(stops), 1))
        table[:, k] = stops
        move = _MOVE.replace("const n=+this.value;", f"const n={len(rows)}+(+this.value);").replace("/*others*/", _OTHERS_BACK)
        texts = [f"{stop:.0f}" if name in whole else f"{stop:.2f}" for stop in stops]
        controls.append((name, _range(name, texts, here, move)))
        starts.append(here)
        rows.extend(table)
    return Interactive(_live(bars, current), _page(draw(np.stack(rows)), controls, start=starts[0]))


def sheet(images: np.ndarray) -> tuple[str, int]:
    """All pictures as one, for a page's style: its data URL and its number of columns."""
    columns = min(len(images), 12)
    buffer = io.BytesIO()
    Image.fromarray(pictures.grid(images, columns, gap=0)).save(buffer, "webp", quality=85)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}", columns


def strongest_coordinates(generator: Generator, count: int, trials: int = 8, seed: int = 0) -> list[int]:
    """The numbers of z that change the image most when they go from -1 to 1, strongest first."""
    size = generator.architecture.latent
    rng = torch.Generator().manual_seed(seed)
    effect = torch.zeros(size)
    for z in latent.sample(generator.architecture, trials, rng):
        low, high = z.repeat(size, 1), z.repeat(size, 1)
        low.fill_diagonal_(-1)
        high.fill_diagonal_(1)
        change = latent.draw(generator, high) - latent.draw(generator, low)
        effect += change.pow(2).flatten(1).mean(1).cpu()
    return effect.argsort(descending=True)[:count].tolist()


_MOVE = (
    "const n=+this.value;const r=this.closest('.dcgan-slider');/*others*/"
    "const p=r.querySelector('.dcgan-frame');const c=+p.dataset.columns;const s=+p.dataset.zoom;"
    "p.style.backgroundPosition=(-(n%c)*s)+'px '+(-Math.floor(n/c)*s)+'px'"
)


_SAY = "{0}.nextElementSibling.value={0}.dataset.stops.split(' ')[+{0}.value]"
_OTHERS_BACK = f"for(const o of r.querySelectorAll('input'))if(o!==this){{o.value=o.defaultValue;{_SAY.format('o')}}}"


def _range(name: str, stops: list[str], start: int, move: str) -> str:
    """A slider of the static page, and beside it where it stands. stops: what each of its places is called."""
    attributes = f'min="0" max="{len(stops) - 1}" value="{start}" aria-label="{name}" data-stops="{" ".join(stops)}"'
    return (
        f'<input type="range" style="width:100%;min-width:0" {attributes} oninput="{move};{_SAY.format("this")}">'
        f'<output style="min-width:3em;text-align:right">{stops[start]}</output>'
    )


def _page(strip: np.ndarray, controls: list[tuple[str, str]], start: int = 0) -> str:
    """The frames as one picture, of which a window shows one at a time."""
    url, columns = sheet(strip)
    rows = -(-len(strip) // columns)
    style = (
        f"width:{ZOOM}px;height:{ZOOM}px;background-size:{columns * ZOOM}px {rows * ZOOM}px;"
        f"background-position:{-(start % columns) * ZOOM}px {-(start // columns) * ZOOM}px;"
        f"background-image:url({url})"
    )
    data = f'role="img" aria-label="the image where the sliders stand" data-columns="{columns}" data-zoom="{ZOOM}"'
    lines = "".join(
        f'<label style="display:flex;gap:.6em;align-items:center;width:{ZOOM + 50}px;max-width:100%">'
        f'<span style="min-width:6em">{name.replace("_", " ")}</span>{control}</label>'
        for name, control in controls
    )
    return (
        '<div class="dcgan-slider" style="display:flex;gap:1.5em;flex-wrap:wrap;align-items:center">'
        f'<div class="dcgan-frame" {data} style="{style}"></div><div>{lines}</div></div>'
    )


def _live(sliders: list[ipywidgets.Widget], draw: Callable[[], np.ndarray]) -> ipywidgets.Widget:
    """The sliders, and beside them the image that `draw` makes from their values."""
    picture = ipywidgets.Image(format="png", width=ZOOM, height=ZOOM, layout={"object_fit": "contain"})

    def refresh(_: object = None) -> None:
        picture.value = pictures.png(pictures.grid(draw()[None]))

    for slider in sliders:
        slider.observe(refresh, "value")
    refresh()
    return ipywidgets.HBox([picture, ipywidgets.VBox(sliders)])
