"""The picker: clicks, what is saved, what a page shows."""

import json
import re

import numpy as np
import pytest

from dcgan_core.errors import UserError
from dcgan_core.figures.picker import Picker


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
