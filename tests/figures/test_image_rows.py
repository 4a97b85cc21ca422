"""Rows of images, and those that move."""

import base64
import html
import io
import re

import numpy as np
from chapters import defined_in
from IPython.display import HTML
from PIL import Image

from dcgan_core import pictures
from dcgan_core.figures import image_rows

CHAPTER = defined_in("06_1_walk", base64=base64, html=html, HTML=HTML, Image=Image, encode=pictures.encode)


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
    page = CHAPTER.animation(frames, "from <dark> to bright", zoom=3).data
    first = re.search(r"base64,([^\"]+)", page)[1]
    moving = Image.open(io.BytesIO(base64.b64decode(first)))
    moving.load()
    assert (moving.n_frames, moving.info["loop"], moving.info["duration"]) == (8, 0, 60)
    brightness = []
    for i in range(8):
        moving.seek(i)
        brightness.append(np.asarray(moving.convert("RGB")).mean())
    assert np.allclose(brightness, [0, 40, 80, 120, 160, 120, 80, 40], atol=6)
    assert "width:36px" in page and "from &lt;dark&gt; to bright" in page
    assert re.findall(r'src="(data:image/webp)', page) == ["data:image/webp"] * 2  # the second stands still
    assert 'type="checkbox"> stand still' in page and "prefers-reduced-motion" in page
    assert not re.search(r"https?:|<script", page)
