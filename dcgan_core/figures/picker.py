"""A sheet of samples to pick exemplars from."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

import ipywidgets
import numpy as np

from dcgan_core.errors import UserError
from dcgan_core.figures.sliders import Interactive, sheet
from dcgan_core.files import write_json

PICKED = "#e6550d"  # the frame of a picture that was picked


def picker(
    images: np.ndarray,
    concepts: list[str],
    path: Path,
    note: dict,
    chosen: dict[str, list[int]] | None = None,
    numbers: Sequence[int] | None = None,
) -> Interactive:
    """Pictures to click on, as exemplars of one concept after the other; a button saves the picks as JSON in `path`.

    images: uint8 N x C x S x S. note: what goes into the file beside `picks`, such as seed and count, so that the z can be
    found again. chosen: the places (0 to N - 1) of what is picked at the start. numbers: what each picture is called in the
    file, where that is not its place. The static form shows what is picked and lets nobody choose.
    Raises UserError where there is nothing to choose from or for.
    """
    if not len(images) or not concepts:
        raise UserError("picker: no pictures or no concepts; give it some of both")
    picks = {concept: sorted(set((chosen or {}).get(concept, []))) for concept in concepts}
    if any(not 0 <= i < len(images) for indices in picks.values() for i in indices):
        raise UserError(f"picker: there are pictures 0 to {len(images) - 1}; one that was chosen is not among them")
    side = 72
    url, columns = sheet(images)
    rows = -(-len(images) // columns)
    name = f"dcgan-pick-{id(picks):x}"  # two pickers on a page do not meet
    style = ipywidgets.HTML(
        f"<style>.{name}{{background-image:url({url})!important;background-size:{columns * side}px {rows * side}px!important;"
        f"border:4px solid transparent!important;background-origin:border-box}}"
        f".{name}.mod-active{{border-color:{PICKED}!important}}"
        + "".join(
            f".{name}-{i}{{background-position:{-(i % columns) * side}px {-(i // columns) * side}px!important}}"
            for i in range(len(images))
        )
        + "</style>"
    )
    concept = ipywidgets.ToggleButtons(options=concepts, description="exemplars of")
    tiles = [
        ipywidgets.ToggleButton(tooltip=str(i), layout={"width": f"{side}px", "height": f"{side}px"})
        for i in range(len(images))
    ]
    save, said = ipywidgets.Button(description="save"), ipywidgets.Label()
    showing = [False]  # while the picks of another concept are shown, nobody is clicking

    def show(_: object = None) -> None:
        showing[0] = True
        for i, tile in enumerate(tiles):
            tile.value = i in picks[concept.value]
        showing[0] = False
        said.value = ", ".join(f"{key}: {len(indices)}" for key, indices in picks.items())

    def click(i: int) -> None:
        if not showing[0]:
            picks[concept.value] = sorted(set(picks[concept.value]) ^ {i})
            show()

    def write(_: object) -> None:
        if not any(picks.values()):
            said.value = "nothing is picked yet: click on some pictures first"
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            named = {key: [int(numbers[i]) for i in mine] for key, mine in picks.items()} if numbers is not None else picks
            write_json(path, {**note, "picks": named})
            said.value = f"saved in {path}"
        except (OSError, UserError) as error:
            said.value = str(error)

    for i, tile in enumerate(tiles):
        tile.add_class(name)
        tile.add_class(f"{name}-{i}")
        tile.observe(lambda _, i=i: click(i), "value")
    concept.observe(show, "value")
    save.on_click(write)
    show()
    grid = ipywidgets.Box(tiles, layout={"flex_flow": "row wrap", "max_width": f"{12 * (side + 4)}px"})
    return Interactive(ipywidgets.VBox([style, concept, grid, ipywidgets.HBox([save, said])]), _picked(images, picks))


def _picked(images: np.ndarray, picks: dict[str, list[int]]) -> str:
    """The static form: all pictures small, and those that are picked in rows of their own."""
    url, columns = sheet(images)
    rows = -(-len(images) // columns)
    side = 48

    def tile(i: int) -> str:
        style = (
            f"display:inline-block;width:{side}px;height:{side}px;margin:1px;background-image:var(--sheet);"
            f"background-size:{columns * side}px {rows * side}px;"
            f"background-position:{-(i % columns) * side}px {-(i // columns) * side}px"
        )
        return f'<span role="img" aria-label="sample {i}" style="{style}"></span>'

    lines = "".join(
        f'<div style="display:flex;align-items:center;gap:.6em"><span style="min-width:13em">{html.escape(concept)}</span>'
        f"<span>{''.join(map(tile, indices)) or 'nothing picked'}</span></div>"
        for concept, indices in picks.items()
    )
    return f'<div class="dcgan-picker" style="--sheet:url({url})"><div style="max-width:600px;line-height:0">' + (
        "".join(map(tile, range(len(images)))) + f"</div>{lines}</div>"
    )
