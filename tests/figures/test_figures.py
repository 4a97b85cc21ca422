import base64
import io
import json
import re

import ipywidgets
import numpy as np
import pytest
import torch
from conftest import noise
from PIL import Image

from dcgan_core import latent, pictures
from dcgan_core.errors import UserError
from dcgan_core.figures import image_rows
from dcgan_core.figures.curves import learning_curves
from dcgan_core.figures.image_rows import Animation
from dcgan_core.figures.picker import Picker
from dcgan_core.figures.sliders import ZOOM, Interactive, sliders, strongest_coordinates, walk_slider, z_sliders

# --- grids ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_every_image_of_a_grid_is_where_it_should_be(channels):
    images = np.random.default_rng(0).integers(0, 256, (5, channels, 4, 4), np.uint8)
    sheet = pictures.grid(images, columns=3, gap=2)
    assert sheet.shape == (2 * 4 + 2, 3 * 4 + 2 * 2, 3)
    for i, image in enumerate(images):
        top, left = i // 3 * 6, i % 3 * 6
        assert np.array_equal(sheet[top : top + 4, left : left + 4], np.broadcast_to(image.transpose(1, 2, 0), (4, 4, 3)))
    assert (sheet[4:6] == 255).all()  # the gap
    assert (sheet[:, 4:6] == 255).all()
    assert (sheet[6:, 12:] == 255).all()  # the empty place


def test_a_grid_is_about_square_or_as_its_rows_say():
    assert pictures.grid(np.zeros((9, 1, 4, 4), np.uint8), gap=0).shape == (12, 12, 3)
    assert pictures.grid(np.zeros((10, 1, 4, 4), np.uint8), gap=0).shape == (12, 16, 3)
    assert pictures.grid(np.zeros((2, 5, 1, 4, 4), np.uint8), gap=0).shape == (8, 20, 3)


def test_a_png_comes_back_pixel_by_pixel():
    picture = noise(0, 7, 5)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(pictures.png(picture)))), picture)


def test_show_makes_each_pixel_a_square():
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 4), np.uint8)
    shown = np.asarray(pictures.show(images, columns=2, zoom=3, gap=1))
    assert np.array_equal(shown[::3, ::3], pictures.grid(images, 2, 1))
    assert np.array_equal(shown[1::3, 2::3], shown[::3, ::3])


def test_strips_have_a_labelled_row_each():
    rows = [("first", np.zeros((3, 1, 4, 4), np.uint8)), ("second", np.full((2, 3, 4, 4), 9, np.uint8))]
    figure = image_rows.strips(rows)
    assert [axis.get_ylabel() for axis in figure.axes] == ["first", "second"]
    assert [axis.images[0].get_array().shape for axis in figure.axes] == [(4, 14, 3), (4, 9, 3)]


def test_a_strip_without_images_says_so():
    figure = image_rows.strips([("success", np.zeros((0, 3, 4, 4), np.uint8)), ("failure", np.zeros((2, 3, 4, 4), np.uint8))])
    assert [[t.get_text() for t in axis.texts] for axis in figure.axes] == [["none"], []]
    assert [axis.get_ylabel() for axis in figure.axes] == ["success", "failure"]


def test_an_animation_plays_forth_and_back_for_ever_by_itself():
    frames = [np.full((8, 12, 3), 40 * i, np.uint8) for i in range(5)]
    animation = Animation(frames, "from <dark> to bright", zoom=3, milliseconds=70)
    moving = Image.open(io.BytesIO(animation.webp))
    moving.load()
    assert (moving.n_frames, moving.info["loop"], moving.info["duration"]) == (8, 0, 70)
    brightness = []
    for i in range(8):
        moving.seek(i)
        brightness.append(np.asarray(moving.convert("RGB")).mean())
    assert np.allclose(brightness, [0, 40, 80, 120, 160, 120, 80, 40], atol=6)
    page = animation._repr_html_()
    assert "width:36px" in page and "from &lt;dark&gt; to bright" in page
    assert re.findall(r'src="(data:image/webp)', page) == ["data:image/webp"]
    assert not re.search(r"https?:|<script", page)


@pytest.mark.parametrize("smooth", [1, 3, 1000])
def test_learning_curves_show_the_log(run, smooth):
    log = run.log()
    figure = learning_curves(log, smooth)
    curves = {line.get_label(): line for axis in figure.axes for line in axis.lines}
    assert {"D", "G", "D(x), data", "D(G(z)), samples"} <= curves.keys()
    width = min(smooth, len(log))
    assert len(curves["D"].get_ydata()) == len(log) - width + 1
    assert curves["D"].get_ydata()[0] == pytest.approx(np.mean([row["loss_d"] for row in log[:width]]))
    assert curves["G"].get_xdata()[0] == pytest.approx(np.mean([row["images"] for row in log[:width]]))


# --- sliders ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def generator(run):
    return run.generator()


def random_z(generator, count: int) -> torch.Tensor:
    return latent.sample(generator.architecture, count, torch.Generator().manual_seed(1))


def parts(widget: Interactive) -> tuple[ipywidgets.Image, list[ipywidgets.FloatSlider]]:
    picture, box = widget.live.children
    return picture, list(box.children)


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
        assert abs(drawn[position].astype(int) - latent.draw_pixels(generator, z[None])[0, 0]).max() <= 2
    assert not np.array_equal(drawn[0], drawn[1 / 3])
    assert np.array_equal(drawn[0], drawn[1])


def test_the_z_sliders_add_their_directions(generator):
    z, directions = random_z(generator, 1)[0], random_z(generator, 2)
    picture, sliders = parts(z_sliders(generator, z, directions, ["one", "two"], reach=2.0))
    assert [s.description for s in sliders] == ["one", "two"]
    before = picture.value
    assert np.array_equal(pixels(before), latent.draw_pixels(generator, z[None])[0, 0])
    sliders[0].value, sliders[1].value = 1.0, -2.0
    assert picture.value != before
    expected = latent.draw_pixels(generator, (z + directions[0] - 2 * directions[1])[None])[0, 0]
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
        assert abs(cell - latent.draw_pixels(generator, z[None])[0, 0]).mean() < 8  # WebP is lossy


def test_the_static_z_sliders_start_in_the_middle(generator):
    z, directions = random_z(generator, 1)[0], random_z(generator, 2)
    html = z_sliders(generator, z, directions, ["one", "two"], frames=5).html
    sheet, size = frames(html), generator.architecture.size
    assert sheet.shape == (size, 10 * size, 3)
    assert html.count('value="2"') == 2
    assert f"background-position:{-2 * ZOOM}px 0px" in html
    middle = latent.draw_pixels(generator, z[None])[0, 0]
    for frame in (2, 7):
        assert abs(sheet[:, frame * size : (frame + 1) * size, 0].astype(int) - middle).mean() < 8


def test_sliders_of_named_numbers_start_where_they_are_told():
    """A slider's first frame is the starting picture, even between two frames; a yes/no slider has two frames."""

    def draw(values):  # brightness is the first number, plus 100 where the second is 1
        return np.stack([np.full((1, 16, 16), 100 * a + 100 * b, np.uint8) for a, b in values])

    widget = sliders(draw, {"grey": (0, 1, 5), "lit": (0, 1, 2)}, {"grey": 0.6, "lit": 0.0})
    sheet = frames(widget.html)
    means = [sheet[:, 16 * i : 16 * (i + 1)].mean() for i in range(7)]
    assert np.allclose(means, [0, 25, 60, 75, 100, 60, 160], atol=3)
    assert f"background-position:{-2 * ZOOM}px 0px" in widget.html
    assert re.findall(r'max="(\d+)" value="(\d+)"', widget.html) == [("4", "2"), ("1", "0")]
    picture, (grey, lit) = parts(widget)
    assert lit.step == 1 and pixels(picture.value).mean() == 60
    assert re.findall(r'data-stops="([^"]*)"', widget.html) == ["0.00 0.25 0.60 0.75 1.00", "0.00 1.00"]
    assert re.findall(r"<output[^>]*>([^<]*)</output>", widget.html) == ["0.60", "0.00"]
    grey.value, lit.value = 0.3, 1
    assert pixels(picture.value).mean() == 130


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


def test_frames_are_drawn_on_the_edges_of_boxes_alone():
    images = np.zeros((2, 1, 8, 8), np.uint8)
    large = pictures.with_boxes(images, [[(1, 2, 4, 5)], []], zoom=3, colour=(200, 0, 0))
    assert large.shape == (2, 3, 24, 24) and not large[1].any() and not images.any()
    red = large[0, 0] == 200
    rows, columns = np.flatnonzero(red.any(1)), np.flatnonzero(red.any(0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (6, 20, 3, 14)
    assert not red[8:19, 5:13].any() and red.sum() == 15 * 12 - 11 * 8
    assert not large[0, 1:].any()


# --- the picker -------------------------------------------------------------------------------------------------------


def open_picker(tmp_path, chosen=None, numbers=None):
    images = np.stack([np.full((3, 8, 8), 10 * i, np.uint8) for i in range(15)])
    path = tmp_path / "picks" / "mine.json"
    note = {"seed": 3, "count": 15}
    return Picker(images, ["smiling <woman>", "neutral man"], path, note, chosen=chosen, numbers=numbers), path


def controls(picker):
    _, concept, grid, bar = picker.live.children
    save, said = bar.children
    return concept, grid.children, save, said


def test_clicks_choose_exemplars_of_one_concept_after_the_other_and_are_saved(tmp_path):
    picker, path = open_picker(tmp_path)
    concept, tiles, save, said = controls(picker)
    for i in (4, 2, 9):
        tiles[i].value = True
    tiles[9].value = False  # a second click takes it back
    concept.value = "neutral man"
    assert not any(tile.value for tile in tiles)
    tiles[0].value = True
    concept.value = "smiling <woman>"
    assert [i for i, tile in enumerate(tiles) if tile.value] == [2, 4]
    save.click()
    assert json.loads(path.read_text()) == {
        "seed": 3,
        "count": 15,
        "picks": {"smiling <woman>": [2, 4], "neutral man": [0]},
    }
    assert str(path) in said.value


def test_picks_are_saved_under_the_numbers_of_their_samples(tmp_path):
    picker, path = open_picker(tmp_path, {"neutral man": [1]}, np.arange(15) * 10)
    _, tiles, save, _ = controls(picker)
    tiles[3].value = True
    save.click()
    assert json.loads(path.read_text())["picks"] == {"smiling <woman>": [30], "neutral man": [10]}


def test_nothing_is_saved_where_nothing_is_picked(tmp_path):
    picker, path = open_picker(tmp_path)
    *_, save, said = controls(picker)
    save.click()
    assert "nothing is picked yet" in said.value
    assert not path.exists()


def test_a_picker_begins_with_what_was_chosen_before_and_shows_it_on_the_page(tmp_path):
    picker, _ = open_picker(tmp_path, {"neutral man": [3, 1]})
    concept, tiles, *_ = controls(picker)
    concept.value = "neutral man"
    assert [i for i, tile in enumerate(tiles) if tile.value] == [1, 3]
    page = picker.html
    assert page.count('aria-label="sample ') == 15 + 2
    assert "smiling &lt;woman&gt;" in page and "nothing picked" in page
    assert not re.search(r"https?:|<script|<input|<button", re.sub(r"base64,[^)]*", "", page))


def test_a_picker_without_pictures_or_with_others_than_there_are_is_refused(tmp_path):
    with pytest.raises(UserError, match="no pictures or no concepts"):
        Picker(np.zeros((0, 3, 8, 8), np.uint8), ["a"], tmp_path / "x.json", {})
    with pytest.raises(UserError, match="no pictures or no concepts"):
        Picker(np.zeros((2, 3, 8, 8), np.uint8), [], tmp_path / "x.json", {})
    with pytest.raises(UserError, match="pictures 0 to 14; one that was chosen is not among them"):
        open_picker(tmp_path, {"neutral man": [15]})
