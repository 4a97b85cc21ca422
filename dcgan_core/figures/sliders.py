"""Sliders that update a picture while they move, each with a static form for pages without a kernel."""

import asyncio
import base64
import html
from collections.abc import Callable, Mapping, Sequence

import ipywidgets
import numpy as np

from dcgan_core import pictures

ZOOM = 400  # pixels on the page, where it is that wide
PAUSE = 0.04  # seconds in which further moves are waited for before a picture is drawn


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
    called: Mapping[str, Sequence[str]] | None = None,
    buttons: Mapping[str, Callable[[np.ndarray], str | None]] | None = None,
) -> Interactive:
    """One slider for each named number of a picture; a switch for what has two frames, which is there or not.

    draw: float32 K x len(ranges) -> uint8 K x C x H x W, a picture for each row of numbers. ranges: lowest, highest, and how
    many frames to draw beforehand. whole: which of them are counts or indices and take whole numbers alone; called: what their
    places are called, where not by their number. buttons: what else can be done in a notebook: gets the numbers, then the
    picture is drawn again; a text that it returns is shown, to be copied. On the static page one slider moves at a time, the
    others go back to where they started.
    """
    rows: list[np.ndarray] = []
    bars, controls, starts = [], [], []
    for k, (name, (low, high, frames)) in enumerate(ranges.items()):
        stops = np.linspace(low, high, frames)
        if name in whole:
            stops = np.unique(stops.round())
        here = int(np.abs(stops - start[name]).argmin())
        stops[here] = start[name]
        table = np.tile(np.array(list(start.values()), np.float32), (len(stops), 1))
        table[:, k] = stops
        switch = frames == 2 and name not in whole
        texts = ["no", "yes"] if switch else [f"{stop:.0f}" if name in whole else f"{stop:.2f}" for stop in stops]
        texts = list((called or {}).get(name, texts))
        kind = "switch" if switch else "whole" if name in whole else "number"
        bars.append(_bar(name, kind, (low, high), start[name], places=dict(zip(texts, stops, strict=True))))
        controls.append((_switch if switch else _range)(name, texts, here, len(rows)))
        starts.append(here)
        rows.extend(table)
    return Interactive(_live(bars, draw, buttons or {}), _page(draw(np.stack(rows)), controls, starts[0]))


def _bar(name: str, kind: str, ends: tuple[float, float], start: float, *, places: dict[str, np.floating]) -> ipywidgets.Widget:
    """A notebook's control of one number. places: what the frames are called, and the number of each."""
    low, high = ends
    how = {"description": name, "style": {"description_width": "initial"}}
    if kind == "switch":
        return ipywidgets.Checkbox(bool(start == high), **how)
    if kind == "number":
        step = (high - low) / max(100, 10 * (len(places) - 1))
        return ipywidgets.FloatSlider(start, min=low, max=high, step=step, **how)
    if list(places) != [f"{stop:.0f}" for stop in places.values()]:
        return ipywidgets.SelectionSlider(options=list(places.items()), value=start, **how)
    return ipywidgets.IntSlider(int(start), min=int(low), max=int(high), **how)


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


_STOP = "{0}.dataset.stops.split(' ')[{0}.type=='range'?{0}.value:+{0}.checked]"
_SAY = f"{{0}}.setAttribute('aria-valuetext',{{0}}.nextElementSibling.value={_STOP})"
_SHOW = (
    "const r=this.closest('.dcgan-slider');"
    "for(const o of r.querySelectorAll('input'))if(o!==this)"
    f"{{o.value=o.defaultValue;o.checked=o.defaultChecked;{_SAY.format('o')}}}"
    "const p=r.querySelector('.dcgan-frame');const c=+p.dataset.columns;const l=+p.dataset.rows;"
    "p.style.backgroundPosition=100*(n%c)/(c-1||1)+'% '+100*Math.floor(n/c)/(l-1||1)+'%'"
)
_ROW = "display:grid;grid-template-columns:minmax(6em,20%) 1fr minmax(4em,max-content);gap:.6em;align-items:center;margin:0"


def _range(name: str, stops: list[str], start: int, first: int) -> str:
    """A slider of the static page, its name before it and behind it where it stands.

    stops: what each of its places is called. first: the number of the frame of the first of them.
    """
    places = f'min="0" max="{len(stops) - 1}" value="{start}" aria-valuetext="{stops[start]}"'
    return _row(
        name, f'type="range" style="width:100%;min-width:0;height:2em" {places}', stops, start, f"{first}+(+this.value)"
    )


def _switch(name: str, stops: list[str], start: int, first: int) -> str:
    checked = " checked" if start else ""
    size = "width:1.4em;height:1.4em;margin:.3em 0"
    return _row(name, f'type="checkbox" role="switch" style="{size}"{checked}', stops, start, f"{first}+(+this.checked)")


def _row(name: str, attributes: str, stops: list[str], start: int, number: str) -> str:
    told = html.escape(name.replace("_", " "))
    act = f"const n={number};{_SHOW};{_SAY.format('this')}"
    known = f'aria-label="{told}" data-stops="{html.escape(" ".join(stops))}"'
    return (
        f'<label style="{_ROW}"><span>{told}</span><input {attributes} {known} autocomplete="off" oninput="{act}">'
        f'<output aria-live="off" style="text-align:right">{html.escape(stops[start])}</output></label>'
    )


def _page(frames: np.ndarray, controls: list[str], start: int) -> str:
    """The frames as one picture, of which a window shows one at a time; frame number `start` at first."""
    sheet = Sheet(frames)
    row, column = divmod(start, sheet.columns)
    place = f"{100 * column / max(sheet.columns - 1, 1):g}% {100 * row / max(sheet.rows - 1, 1):g}%"
    style = f"background-size:{100 * sheet.columns}% {100 * sheet.rows}%;background-position:{place}"
    width, height = _zoomed(frames)
    shape = f"width:{width:g}px;max-width:100%;aspect-ratio:{width / height:g};border-radius:4px"
    data = f'role="img" aria-label="the image where the sliders stand" data-columns="{sheet.columns}" data-rows="{sheet.rows}"'
    return (
        '<div class="dcgan-slider" style="display:grid;grid-template-columns:minmax(0,100%);gap:.6em">'
        f'<div class="dcgan-frame" {data} style="{shape};{style};background-image:url({sheet.url})"></div>'
        f"<div>{''.join(controls)}</div></div>"
    )


def _zoomed(images: np.ndarray) -> tuple[float, float]:
    """Width and height on the page: wide pictures are wider."""
    height, width = images.shape[2:]
    shown = ZOOM * min(width / height, 1.5)
    return shown, shown * height / width


class _Once:
    """Acts once for several wishes in quick succession, after the kernel has heard them all; at once where no kernel runs."""

    def __init__(self, act: Callable[[], None]) -> None:
        self.act, self.waiting = act, False

    def __call__(self, _: object = None) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return self.act()
        if not self.waiting:
            self.waiting = True
            loop.call_later(PAUSE, self._now)

    def _now(self) -> None:
        self.waiting = False
        self.act()


def _live(
    bars: list[ipywidgets.Widget],
    draw: Callable[[np.ndarray], np.ndarray],
    buttons: Mapping[str, Callable[[np.ndarray], str | None]],
) -> ipywidgets.Widget:
    """The sliders, beside them the picture that `draw` makes from their values, below them the buttons."""
    picture = ipywidgets.Image(format="png", layout={"object_fit": "contain"})
    told, starts = ipywidgets.Text(layout={"display": "none", "width": "auto"}), [bar.value for bar in bars]

    def values() -> np.ndarray:
        return np.array([[bar.value for bar in bars]], np.float32)

    def refresh() -> None:
        images = draw(values())
        picture.width, picture.height = _zoomed(images)
        picture.value = pictures.encode(pictures.grid(images))

    def reset(_: np.ndarray) -> None:
        for bar, value in zip(bars, starts, strict=True):
            bar.value = value

    def press(act: Callable[[np.ndarray], str | None]) -> None:
        if text := act(values()[0]):
            told.value, told.layout.display = text, ""
        refresh()

    for bar in bars:
        bar.observe(_Once(refresh), "value")
    row = []
    for name, act in {"reset": reset, **buttons}.items():
        button = ipywidgets.Button(description=name)
        button.on_click(lambda _, act=act: press(act))
        row.append(button)
    refresh()
    return ipywidgets.VBox([ipywidgets.HBox([picture, ipywidgets.VBox(bars)]), ipywidgets.HBox(row), told])
