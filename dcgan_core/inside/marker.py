"""A widget to draw boxes on samples with the mouse."""

import base64
from collections.abc import Callable
from pathlib import Path

import ipywidgets
import numpy as np

from dcgan_core import pictures
from dcgan_core.errors import UserError
from dcgan_core.inside import marking
from dcgan_core.inside.marking import Marks

WIDTH = 256  # of the picture on the page, in pixels


class Marker:
    """Marks boxes in samples by hand, and saves them as JSON for `marking.load_marks`.

    images: uint8 N x C x S x S, generated from `latent.sample` with this seed. weights: `inside.weights_of` their run.
    Marks that are already at `path` are kept and added to; raises UserError where they are of something else. Choose a sample,
    move the four sliders until the frame fits, press add. Nothing is written before save is pressed.
    """

    def __init__(self, images: np.ndarray, path: Path | str, what: str = "window", seed: int = 0, weights: str = "") -> None:
        self.images, self.path = images, Path(path)
        self.size = images.shape[-1]
        self.about = {"what": what, "seed": seed, "count": len(images), "size": self.size, "weights": weights}
        self.boxes: dict[int, list] = {}
        if self.path.exists():
            marks = marking.load_marks(self.path)
            for key, mine in self.about.items():
                if (theirs := getattr(marks, key)) != mine:
                    raise UserError(
                        f"{path}: marks with {key} {theirs}, not {mine}; delete the file, or save these under another name"
                    )
            self.boxes = {i: list(boxes) for i, boxes in marks.boxes.items()}
        self.sample = ipywidgets.IntSlider(0, 0, len(images) - 1, description="sample")
        self.sliders = {
            name: ipywidgets.IntSlider(self.size // 4, low, self.size, description=name)
            for name, low in (("left", 0), ("top", 0), ("width", 1), ("height", 1))
        }
        self.said = ipywidgets.Label()
        self._picture = ipywidgets.Image(format="png", width=WIDTH, height=WIDTH)
        buttons = []
        for name, act in (("add", self.add), ("remove", self.remove), ("save", self.save)):
            button = ipywidgets.Button(description=name)
            button.on_click(lambda _, act=act: self._try(act))
            buttons.append(button)
        for slider in (self.sample, *self.sliders.values()):
            slider.observe(lambda _: self._refresh(), "value")
        self._refresh()
        controls = ipywidgets.VBox([self.sample, *self.sliders.values(), ipywidgets.HBox(buttons), self.said])
        note = f"In JupyterLab there are sliders here, with which you mark a {what} in each sample."
        picture = base64.b64encode(self._picture.value).decode()
        image = f'<img src="data:image/png;base64,{picture}" width="{WIDTH}" alt="a sample with a frame">'
        self.live, self.html = ipywidgets.HBox([self._picture, controls]), f"{image}<p><em>{note}</em></p>"

    def _repr_mimebundle_(self, **kwargs: object) -> dict:
        """The sliders, and for a page that runs nothing the first picture."""
        return self.live._repr_mimebundle_(**kwargs) | {"text/html": self.html}

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Where the sliders stand: left, top, width, height."""
        return tuple(slider.value for slider in self.sliders.values())

    def add(self) -> None:
        """Marks the box where the sliders stand. Raises UserError where it reaches outside the picture."""
        marking.check_box(self.box, self.size, f"sample {self.sample.value}")
        self.boxes.setdefault(self.sample.value, []).append(self.box)

    def remove(self) -> None:
        """Takes away the last box of this sample."""
        if mine := self.boxes.get(self.sample.value):
            mine.pop()

    def save(self) -> None:
        """Raises UserError where nothing is marked."""
        boxes = {i: tuple(mine) for i, mine in self.boxes.items() if mine}
        marking.save_marks(Marks(boxes, **self.about), self.path)

    def _try(self, act: Callable[[], None]) -> None:
        try:
            act()
            count = sum(map(len, self.boxes.values()))
            self.said.value = f"{count} boxes" + (f", saved to {self.path}" if act == self.save else "")
        except UserError as error:
            self.said.value = str(error)
        self._refresh()

    def _refresh(self) -> None:
        i, zoom = self.sample.value, max(1, WIDTH // self.size)
        left, top, width, height = self.box
        shown = (left, top, min(width, self.size - left), min(height, self.size - top))
        marked = with_boxes(self.images[i][None], [self.boxes.get(i, [])], zoom)
        both = with_boxes(marked, [[tuple(zoom * n for n in shown)]], 1, (255, 220, 0))
        self._picture.value = pictures.encode(pictures.grid(both))


def with_boxes(images: np.ndarray, boxes: list, zoom: int = 2, colour: tuple[int, int, int] = (255, 60, 40)) -> np.ndarray:
    """Frames around boxes (left, top, width, height), a list for each of N images. Returns uint8 N x 3 x S·zoom x S·zoom."""
    large = np.broadcast_to(images, (len(images), 3, *images.shape[2:])).repeat(zoom, 2).repeat(zoom, 3)
    for image, mine in zip(large, boxes, strict=True):
        for box in mine:
            left, top, width, height = (zoom * n for n in box)
            part = image[:, top : top + height, left : left + width]
            edge = np.ones(part.shape[1:], bool)
            edge[2:-2, 2:-2] = False
            part[:, edge] = np.array(colour)[:, None]
    return large
