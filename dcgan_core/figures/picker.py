"""A sheet of samples to pick exemplars from."""

import html
from collections.abc import Sequence
from pathlib import Path

import ipywidgets
import numpy as np

from dcgan_core.errors import UserError
from dcgan_core.figures.sliders import Interactive, Sheet
from dcgan_core.files import write_json

PICKED = "#e6550d"  # the frame of a picture that was picked
SIDE = 72  # pixels of a picture in the notebook


class Picker(Interactive):
    """Pictures to click on, as exemplars of one concept after the other; a button saves the picks as JSON in `path`.

    images: uint8 N x C x S x S. note: what goes into the file beside `picks`, such as seed and count, so that the z can be
    found again. chosen: the places (0 to N - 1) of what is picked at the start. numbers: what each picture is called in the
    file, where that is not its place. The static form shows what is picked and lets nobody choose.
    Raises UserError where there is nothing to choose from or for.
    """

    def __init__(
        self,
        images: np.ndarray,
        concepts: list[str],
        path: Path,
        note: dict,
        *,
        chosen: dict[str, list[int]] | None = None,
        numbers: Sequence[int] | None = None,
    ) -> None:
        if not len(images) or not concepts:
            raise UserError("picker: no pictures or no concepts; give it some of both")
        self.picks = {concept: sorted(set((chosen or {}).get(concept, []))) for concept in concepts}
        if any(not 0 <= i < len(images) for indices in self.picks.values() for i in indices):
            raise UserError(f"picker: there are pictures 0 to {len(images) - 1}; one that was chosen is not among them")
        self.path, self.note, self.numbers = path, note, range(len(images)) if numbers is None else numbers
        sheet, name = Sheet(images), f"dcgan-pick-{id(self):x}"  # two pickers on a page do not meet
        self._concept = ipywidgets.ToggleButtons(options=concepts, description="exemplars of")
        layout = {"width": f"{SIDE}px", "height": f"{SIDE}px"}
        self._tiles = [ipywidgets.ToggleButton(tooltip=str(i), layout=layout) for i in range(len(images))]
        self._said = ipywidgets.Label()
        self._showing = False  # while the picks of another concept are shown, nobody is clicking
        save = ipywidgets.Button(description="save")
        for i, tile in enumerate(self._tiles):
            tile.add_class(name)
            tile.add_class(f"{name}-{i}")
            tile.observe(lambda _, i=i: self._click(i), "value")
        self._concept.observe(lambda _: self._show(), "value")
        save.on_click(lambda _: self._save())
        self._show()
        grid = ipywidgets.Box(self._tiles, layout={"flex_flow": "row wrap", "max_width": f"{12 * (SIDE + 4)}px"})
        bar = ipywidgets.HBox([save, self._said])
        live = ipywidgets.VBox([ipywidgets.HTML(_style(sheet, name, len(images))), self._concept, grid, bar])
        super().__init__(live, _picked(sheet, self.picks, len(images)))

    def _show(self) -> None:
        self._showing = True
        for i, tile in enumerate(self._tiles):
            tile.value = i in self.picks[self._concept.value]
        self._showing = False
        self._said.value = ", ".join(f"{key}: {len(indices)}" for key, indices in self.picks.items())

    def _click(self, i: int) -> None:
        if not self._showing:
            concept = self._concept.value
            self.picks[concept] = sorted(set(self.picks[concept]) ^ {i})
            self._show()

    def _save(self) -> None:
        if not any(self.picks.values()):
            self._said.value = "nothing is picked yet: click on some pictures first"
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            named = {key: [int(self.numbers[i]) for i in mine] for key, mine in self.picks.items()}
            write_json(self.path, {**self.note, "picks": named})
            self._said.value = f"saved in {self.path}"
        except (OSError, UserError) as error:
            self._said.value = str(error)


def _style(sheet: Sheet, name: str, count: int) -> str:
    """What makes buttons of the classes `name` and `name`-0, -1, … look like pictures."""
    places = "".join(f".{name}-{i}{{{sheet.place(i, SIDE, '!important')}}}" for i in range(count))
    return (
        f"<style>.{name}{{background-image:url({sheet.url})!important;border:4px solid transparent!important;"
        f"background-origin:border-box}}.{name}.mod-active{{border-color:{PICKED}!important}}{places}</style>"
    )


def _picked(sheet: Sheet, picks: dict[str, list[int]], count: int) -> str:
    """The static form: all pictures small, and those that are picked in rows of their own."""

    def tile(i: int) -> str:
        style = f"display:inline-block;width:48px;height:48px;margin:1px;background-image:var(--sheet);{sheet.place(i, 48)}"
        return f'<span role="img" aria-label="sample {i}" style="{style}"></span>'

    lines = "".join(
        f'<div style="display:flex;align-items:center;gap:.6em"><span style="min-width:13em">{html.escape(concept)}</span>'
        f"<span>{''.join(map(tile, indices)) or 'nothing picked'}</span></div>"
        for concept, indices in picks.items()
    )
    return (
        f'<div class="dcgan-picker" style="--sheet:url({sheet.url})"><div style="max-width:600px;line-height:0">'
        f"{''.join(map(tile, range(count)))}</div>{lines}</div>"
    )
