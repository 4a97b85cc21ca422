"""Sliders: what is drawn while they move, and what a page shows that runs nothing."""

import asyncio
import base64
import io
import re

import ipywidgets
import numpy as np
import pytest
import torch
from chapters import defined_in
from PIL import Image

from dcgan_core import latent
from dcgan_core.figures import sliders as module
from dcgan_core.figures.sliders import Interactive, sliders

CHAPTER = defined_in("06_1_walk", latent=latent, sliders=module, torch=torch)
strongest_coordinates, walk_slider, z_sliders = CHAPTER.strongest_coordinates, CHAPTER.walk_slider, CHAPTER.z_sliders


@pytest.fixture
def generator(run):
    return run.generator()


def random_z(generator, count: int) -> torch.Tensor:
    return latent.sample(generator.architecture, count, torch.Generator().manual_seed(1))


def parts(widget: Interactive) -> tuple[ipywidgets.Image, list[ipywidgets.FloatSlider]]:
    row, _, _ = widget.live.children
    picture, box = row.children
    return picture, list(box.children)


def press(widget: Interactive, name: str) -> str:
    """What is to be copied after this button was pressed."""
    _, row, told = widget.live.children
    {button.description: button for button in row.children}[name].click()
    return told.value


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))[:, :, 0]


def frames(html: str) -> np.ndarray:
    """The sheet of frames in a static page."""
    [data] = re.findall(r"url\(data:image/webp;base64,([^)]*)\)", html)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def both_kinds(generator) -> list[Interactive]:
    z = random_z(generator, 3)
    return [walk_slider(generator, z, frames=4), z_sliders(generator, z[0], z[1:], ["one", "two"], frames=5)]


def test_a_slider_has_a_live_and_a_static_form(generator):
    for widget in both_kinds(generator):
        bundle = widget._repr_mimebundle_()
        assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == widget.live.model_id
        assert bundle["text/html"] == widget.html
        assert 'type="range"' in widget.html


def test_the_static_form_needs_nothing_from_elsewhere(generator):
    for widget in both_kinds(generator):
        page = re.sub(r"base64,[^)]*", "", widget.html)
        assert not re.search(r"https?:|//|<script|<link|<iframe|src=|href=|@import|fetch\(", page)
        assert re.findall(r"url\(([^)]*)\)", page) == ["data:image/webp;"]


def test_the_walk_slider_draws_the_place_it_points_at(generator):
    stops = random_z(generator, 3)
    picture, [slider] = parts(walk_slider(generator, stops))
    drawn = {}
    for position, z in ((0, stops[0]), (1 / 3, stops[1]), (0.5, (stops[1] + stops[2]) / 2), (1, stops[0])):
        slider.value = position
        drawn[position] = pixels(picture.value)
        assert abs(drawn[position].astype(int) - latent.generate_pixels(generator, z[None])[0, 0]).max() <= 2
    assert not np.array_equal(drawn[0], drawn[1 / 3])
    assert np.array_equal(drawn[0], drawn[1])


def test_the_z_sliders_add_their_directions(generator):
    z, directions = random_z(generator, 1)[0], random_z(generator, 2)
    picture, sliders = parts(z_sliders(generator, z, directions, ["one", "two"], reach=2.0))
    assert [s.description for s in sliders] == ["one", "two"]
    before = picture.value
    assert np.array_equal(pixels(before), latent.generate_pixels(generator, z[None])[0, 0])
    sliders[0].value, sliders[1].value = 1.0, -2.0
    assert picture.value != before
    expected = latent.generate_pixels(generator, (z + directions[0] - 2 * directions[1])[None])[0, 0]
    assert abs(pixels(picture.value).astype(int) - expected).max() <= 1


def test_the_static_frames_are_the_images_of_the_walk(generator):
    stops = random_z(generator, 3)
    html = walk_slider(generator, stops, frames=4).html
    sheet, size = frames(html), generator.architecture.size
    assert 'max="12"' in html  # three legs of four steps, and back where it began
    assert sheet.shape == (2 * size, 12 * size, 3)
    for frame, z in ((0, stops[0]), (4, stops[1]), (6, (stops[1] + stops[2]) / 2), (12, stops[0])):
        row, column = divmod(frame, 12)
        cell = sheet[row * size : (row + 1) * size, column * size : (column + 1) * size, 0].astype(int)
        assert abs(cell - latent.generate_pixels(generator, z[None])[0, 0]).mean() < 8  # WebP is lossy


def test_the_static_z_sliders_start_in_the_middle(generator):
    z, directions = random_z(generator, 1)[0], random_z(generator, 2)
    html = z_sliders(generator, z, directions, ["one", "two"], frames=5).html
    sheet, size = frames(html), generator.architecture.size
    assert sheet.shape == (size, 10 * size, 3)
    assert html.count('value="2"') == 2
    assert "background-size:1000% 100%" in html and f"background-position:{100 * 2 / 9:g}% 0%" in html
    middle = latent.generate_pixels(generator, z[None])[0, 0]
    for frame in (2, 7):
        assert abs(sheet[:, frame * size : (frame + 1) * size, 0].astype(int) - middle).mean() < 8


def test_sliders_of_named_numbers_start_where_they_are_told():
    """A slider's first frame is the starting picture, even between two frames; what is yes or no is a switch."""

    def draw(values):  # brightness is the first number, plus 100 where the second is 1
        return np.stack([np.full((1, 16, 16), 100 * a + 100 * b, np.uint8) for a, b in values])

    widget = sliders(draw, {"grey": (0, 1, 5), "lit": (0, 1, 2)}, {"grey": 0.6, "lit": 0.0})
    sheet = frames(widget.html)
    means = [sheet[:, 16 * i : 16 * (i + 1)].mean() for i in range(7)]
    assert np.allclose(means, [0, 25, 60, 75, 100, 60, 160], atol=3)
    assert f"background-position:{100 * 2 / 6:g}% 0%" in widget.html
    assert re.findall(r'max="(\d+)" value="(\d+)" aria-valuetext="([^"]*)"', widget.html) == [("4", "2", "0.60")]
    assert widget.html.count('type="checkbox" role="switch"') == 1 and "checked>" not in widget.html
    picture, (grey, lit) = parts(widget)
    assert isinstance(lit, ipywidgets.Checkbox) and pixels(picture.value).mean() == 60
    assert re.findall(r'data-stops="([^"]*)"', widget.html) == ["0.00 0.25 0.60 0.75 1.00", "no yes"]
    assert re.findall(r"<output[^>]*>([^<]*)</output>", widget.html) == ["0.60", "no"]
    grey.value, lit.value = 0.3, True
    assert pixels(picture.value).mean() == 130
    press(widget, "reset")
    assert (grey.value, lit.value) == (0.6, False) and pixels(picture.value).mean() == 60
    there = sliders(draw, {"grey": (0, 1, 5), "lit": (0, 1, 2)}, {"grey": 0.0, "lit": 1.0})
    assert 'role="switch" style="width:1.4em;height:1.4em;margin:.3em 0" checked ' in there.html


def test_counts_and_indices_are_whole_numbers():
    asked = []

    def draw(values):
        asked.append(values)
        return np.stack([np.full((1, 16, 16), n, np.uint8) for (n,) in values])

    widget = sliders(draw, {"feature": (0, 255, 64)}, {"feature": 3}, whole=["feature"])
    picture, [slider] = parts(widget)
    assert isinstance(slider, ipywidgets.IntSlider) and (slider.min, slider.max, slider.step) == (0, 255, 1)
    slider.value = 77
    assert pixels(picture.value).mean() == 77
    stops = re.search(r'data-stops="([^"]*)"', widget.html)[1].split()
    assert len(stops) == 64 and "3" in stops and all(stop.isdigit() for stop in stops)
    assert all((values == values.round()).all() for values in asked)
    few = sliders(draw, {"n": (0, 3, 30)}, {"n": 0}, whole=["n"])
    assert 'max="3"' in few.html and 'data-stops="0 1 2 3"' in few.html


def test_the_strongest_coordinates_are_found(generator):
    with torch.no_grad():
        generator.dense[0].layer.weight[:, 3] *= 50
        generator.dense[0].layer.weight[:, 6] *= 10
        generator.dense[0].layer.weight[:, 8] = 0
    order = strongest_coordinates(generator, 10)
    assert order[0] == 3
    assert order[-1] == 8
    assert sorted(order) == list(range(10))
    assert strongest_coordinates(generator, 2) == order[:2]


def test_places_may_have_names():
    def draw(values):
        return np.stack([np.full((1, 16, 16), 80 * n, np.uint8) for (n,) in values])

    names = ["1,024", "2,016", "200,000"]
    widget = sliders(draw, {"seen": (0, 2, 3)}, {"seen": 2}, whole=["seen"], called={"seen": names})
    picture, [slider] = parts(widget)
    assert slider.label == "200,000" and pixels(picture.value).mean() == 160
    slider.label = "2,016"
    assert pixels(picture.value).mean() == 80
    assert 'data-stops="1,024 2,016 200,000"' in widget.html and ">200,000</output>" in widget.html


def test_buttons_take_another_z_and_show_it(generator):
    z, directions = random_z(generator, 1)[0], random_z(generator, 2)
    widget = z_sliders(generator, z, directions, ["one", "two"])
    picture, (one, _) = parts(widget)
    one.value = 0.5
    shown = torch.tensor([float(x) for x in press(widget, "copy z").strip("[]").split(",")])
    assert torch.allclose(shown, z + 0.5 * directions[0], atol=1e-4)
    before = picture.value
    press(widget, "new sample")
    assert picture.value != before and one.value == 0.5
    new = torch.tensor([float(x) for x in press(widget, "copy z").strip("[]").split(",")])
    assert abs(pixels(picture.value).astype(int) - latent.generate_pixels(generator, new[None])[0, 0]).max() <= 1


def test_of_many_moves_in_quick_succession_one_picture_is_drawn():
    drawn = []

    def draw(values):
        drawn.append(values.copy())
        return np.zeros((len(values), 1, 16, 16), np.uint8)

    _, [slider] = parts(sliders(draw, {"x": (0, 1, 5)}, {"x": 0.0}))

    async def drag():
        for step in range(1, 11):
            slider.value = step / 10
        await asyncio.sleep(3 * module.PAUSE)

    before = len(drawn)
    asyncio.run(drag())
    assert len(drawn) == before + 1 and drawn[-1][0, 0] == 1


def test_a_wide_picture_is_shown_wide_and_without_a_margin():
    def draw(values):
        return np.zeros((len(values), 3, 8, 24), np.uint8)

    shown = sliders(draw, {"a": (0, 1, 2)}, {"a": 0.0})
    assert "width:600px;max-width:100%;aspect-ratio:3;" in shown.html
    picture, _ = parts(shown)
    assert (float(picture.width), float(picture.height)) == (600, 200)
