"""Sliders that update a picture while they move, each with a static form for pages without a kernel."""

import base64
from collections.abc import Callable, Sequence

import ipywidgets
import numpy as np

from dcgan_core import pictures

ZOOM = 256  # pixels on the page


class Interactive:
    """An ipywidget with a plain HTML form beside it."""

    def __init__(self, live: ipywidgets.Widget, html: str) -> None:
        self.live, self.html = live, html

    def _repr_mimebundle_(self, **kwargs: object) -> dict:
        return self.live._repr_mimebundle_(**kwargs) | {"text/html": self.html}


def sliders(
    draw: Callable[[np.ndarray], np.ndarray],
    ranges: dict[str, tuple[float, float, int]],
    start: dict[str, float],
    *,
    whole: Sequence[str] = (),
) -> Interactive:
    """One slider for each named number of a picture.

    draw: float32 K x len(ranges) -> uint8 K x C x S x S, a picture for each row of numbers. ranges: lowest, highest, and how
    many frames to draw beforehand. whole: which of them are counts or indices and take whole numbers alone. On the static page
    one slider moves at a time, the others go back to where they started.
    """
    rows: list[np.ndarray] = []
    bars, controls, starts = [], [], []
    for k, (name, (low, high, frames)) in enumerate(ranges.items()):
        stops = np.linspace(low, high, frames)
        if name in whole:
            stops = np.unique(stops.round())
            bars.append(ipywidgets.IntSlider(int(start[name]), min=int(low), max=int(high), description=name))
        else:
            step = (high - low) / (1 if frames == 2 else max(100, 10 * (frames - 1)))
            bars.append(ipywidgets.FloatSlider(start[name], min=low, max=high, step=step, description=name))
        here = int(np.abs(stops - start[name]).argmin())
        stops[here] = start[name]
        table = np.tile(np.array(list(start.values()), np.float32), (len(stops), 1))
        table[:, k] = stops
        texts = [f"{stop:.0f}" if name in whole else f"{stop:.2f}" for stop in stops]
        controls.append(_range(name, texts, here, len(rows)))
        starts.append(here)
        rows.extend(table)
    live = _live(bars, lambda: draw(np.array([[bar.value for bar in bars]], np.float32)))
    return Interactive(live, _page(draw(np.stack(rows)), controls, starts[0]))


class Sheet:
    """All pictures (uint8 N x C x S x S) as one, for a page's style: `url` has it whole."""

    def __init__(self, images: np.ndarray) -> None:
        self.columns = min(len(images), 12)
        self.rows = -(-len(images) // self.columns)
        webp = pictures.encode(pictures.grid(images, self.columns, gap=0), "webp", quality=85)
        self.url = f"data:image/webp;base64,{base64.b64encode(webp).decode()}"

    def place(self, i: int, side: int, end: str = "") -> str:
        """The style of a background that shows picture i alone, `side` pixels wide."""
        row, column = divmod(i, self.columns)
        size, position = (self.columns * side, self.rows * side), (-column * side, -row * side)
        return f"background-size:{size[0]}px {size[1]}px{end};background-position:{position[0]}px {position[1]}px{end}"


_SAY = "{0}.nextElementSibling.value={0}.dataset.stops.split(' ')[+{0}.value]"
_SHOW = (
    "const r=this.closest('.dcgan-slider');"
    f"for(const o of r.querySelectorAll('input'))if(o!==this){{o.value=o.defaultValue;{_SAY.format('o')}}}"
    "const p=r.querySelector('.dcgan-frame');const c=+p.dataset.columns;const s=+p.dataset.zoom;"
    "p.style.backgroundPosition=(-(n%c)*s)+'px '+(-Math.floor(n/c)*s)+'px'"
)


def _range(name: str, stops: list[str], start: int, first: int) -> str:
    """A slider of the static page, its name before it and behind it where it stands.

    stops: what each of its places is called. first: the number of the frame of the first of them.
    """
    attributes = f'min="0" max="{len(stops) - 1}" value="{start}" aria-label="{name}" data-stops="{" ".join(stops)}"'
    move = f"const n={first}+(+this.value);{_SHOW};{_SAY.format('this')}"
    return (
        f'<label style="display:flex;gap:.6em;align-items:center;width:{ZOOM + 50}px;max-width:100%">'
        f'<span style="min-width:6em">{name.replace("_", " ")}</span>'
        f'<input type="range" style="width:100%;min-width:0" {attributes} oninput="{move}">'
        f'<output style="min-width:3em;text-align:right">{stops[start]}</output></label>'
    )


def _page(frames: np.ndarray, controls: list[str], start: int) -> str:
    """The frames as one picture, of which a window shows one at a time; frame number `start` at first."""
    sheet = Sheet(frames)
    style = f"width:{ZOOM}px;height:{ZOOM}px;{sheet.place(start, ZOOM)};background-image:url({sheet.url})"
    data = f'role="img" aria-label="the image where the sliders stand" data-columns="{sheet.columns}" data-zoom="{ZOOM}"'
    return (
        '<div class="dcgan-slider" style="display:flex;gap:1.5em;flex-wrap:wrap;align-items:center">'
        f'<div class="dcgan-frame" {data} style="{style}"></div><div>{"".join(controls)}</div></div>'
    )


def _live(sliders: list[ipywidgets.Widget], draw: Callable[[], np.ndarray]) -> ipywidgets.Widget:
    """The sliders, and beside them the image (1 x C x S x S) that `draw` makes from their values."""
    picture = ipywidgets.Image(format="png", width=ZOOM, height=ZOOM, layout={"object_fit": "contain"})

    def refresh(_: object = None) -> None:
        picture.value = pictures.encode(pictures.grid(draw()))

    for slider in sliders:
        slider.observe(refresh, "value")
    refresh()
    return ipywidgets.HBox([picture, ipywidgets.VBox(sliders)])
