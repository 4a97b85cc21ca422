"""Marks by hand and by a finder, in samples of the toy."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from toy import CORNER, TOY, Eye

from dcgan_core import latent
from dcgan_core.errors import UserError
from dcgan_core.inside import forgetting, marking, weights_of
from dcgan_core.inside.marker import Marker, with_boxes
from dcgan_core.inside.marking import Marks


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ({}, "no window is marked in any of 10 samples"),
        ({3: ()}, "no window is marked"),
        ({10: ((0, 0, 1, 1),)}, "no sample 10; they are numbered from 0 to 9"),
        ({3: ((9, 0, 8, 4),)}, r"sample 3: the box \[9, 0, 8, 4\] is empty or reaches outside the picture of 16 x 16 px"),
        ({3: ((-1, 0, 4, 4),)}, "outside the picture"),
        ({3: ((1, 1, 0, 4),)}, "is empty or reaches outside"),
        ({3: ((1, 1, 4),)}, "four whole numbers"),
        ({3: ((1, 1.5, 4, 4),)}, "four whole numbers"),
    ],
)
def test_marks_that_cannot_be_are_refused(boxes, message):
    with pytest.raises(UserError, match=message):
        Marks(boxes, count=10, size=16)


def test_marks_are_saved_and_loaded(tmp_path, toy):
    marks = Marks({3: (CORNER, (9, 9, 2, 3)), 12: (CORNER,)}, "window", 5, 20, 16)
    marking.save_marks(marks, tmp_path / "marks.json")
    assert marking.load_marks(tmp_path / "marks.json") == marks
    assert torch.equal(marks.z(toy), latent.sample(TOY, 20, torch.Generator().manual_seed(5)))
    with pytest.raises(UserError, match="of pictures of 64 px, but this generator's have 16"):
        Marks({0: (CORNER,)}).z(toy)
    good = json.loads((tmp_path / "marks.json").read_text())
    for damage in ({"boxes": {"a": 1}}, {"count": "20"}, {"seed": None}, {"size": 16.5}, {"what": 3}, {"unsure": 4}):
        (tmp_path / "marks.json").write_text(json.dumps(good | damage))
        with pytest.raises(UserError, match=r"marks\.json: not marked boxes"):
            marking.load_marks(tmp_path / "marks.json")
    (tmp_path / "marks.json").write_text("[1]")
    with pytest.raises(UserError, match="not marked boxes"):
        marking.load_marks(tmp_path / "marks.json")
    with pytest.raises(UserError, match="no such file"):
        marking.load_marks(tmp_path / "none.json")


def test_marks_belong_to_the_weights_that_drew_the_samples(tmp_path, run):
    path = tmp_path / "new folder" / "marks.json"
    marks = Marks({3: (CORNER,)}, "window", 5, 20, 16, weights_of(run))
    marking.save_marks(marks, path)
    assert marking.load_marks(path, run) == marks and forgetting.looked_at(run, path)
    marking.save_marks(replace(marks, weights="0" * 12), path)
    with pytest.raises(UserError, match="marked in samples of other weights than those of .*; mark them again"):
        marking.load_marks(path, run)
    assert not forgetting.looked_at(run, path)


# --- the widget -------------------------------------------------------------------------------------------------------


@pytest.fixture
def marker(toy, tmp_path):
    images = latent.generate_pixels(toy, latent.sample(TOY, 12, torch.Generator().manual_seed(3)))
    return Marker(images, tmp_path / "mine.json", seed=3)


def set_box(marker, box):
    for slider, value in zip(marker.sliders.values(), box, strict=True):
        slider.value = value


def click(marker, name):
    buttons = marker.live.children[1].children[-2].children
    next(b for b in buttons if b.description == name).click()
    return marker.said.value


def test_boxes_are_marked_with_sliders_and_saved(marker, tmp_path):
    set_box(marker, (8, 8, 4, 4))
    without = marker._picture.value
    set_box(marker, CORNER)
    assert click(marker, "add") == "1 boxes" and marker.boxes == {0: [CORNER]}
    set_box(marker, (8, 8, 4, 4))
    assert marker._picture.value != without, "a box that was added stays to be seen"
    marker.sample.value = 4
    set_box(marker, (8, 8, 8, 8))
    click(marker, "add")
    click(marker, "add")
    assert click(marker, "remove") == "2 boxes"
    assert not (tmp_path / "mine.json").exists()
    assert click(marker, "save").startswith("2 boxes, saved to")
    assert marking.load_marks(tmp_path / "mine.json") == Marks({0: (CORNER,), 4: ((8, 8, 8, 8),)}, "window", 3, 12, 16)
    again = Marker(marker.images, tmp_path / "mine.json", seed=3)
    assert again.boxes == {0: [CORNER], 4: [(8, 8, 8, 8)]}


@pytest.mark.parametrize(
    "other", [{"seed": 4}, {"what": "lamp"}, {"weights": "0" * 12}, {"images": np.zeros((11, 3, 16, 16), np.uint8)}]
)
def test_marks_of_other_samples_are_not_gone_on_with(marker, tmp_path, other):
    set_box(marker, CORNER)
    click(marker, "add")
    click(marker, "save")
    with pytest.raises(UserError, match="delete the file, or save these under another name"):
        Marker(**{"images": marker.images, "path": tmp_path / "mine.json", "seed": 3} | other)


def test_the_widget_says_what_cannot_be_marked(marker, tmp_path):
    assert "no window is marked" in click(marker, "save")
    set_box(marker, (10, 0, 8, 8))
    assert "outside the picture" in click(marker, "add")
    assert marker.boxes == {} and not (tmp_path / "mine.json").exists()
    with pytest.raises(UserError, match="outside"):
        marker.add()


def test_the_widget_is_a_picture_where_there_is_no_kernel(marker):
    bundle = marker._repr_mimebundle_()
    assert "data:image/png;base64," in bundle["text/html"] and "<script" not in bundle["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_finder_and_eye_are_compared_on_marked_samples(toy, tmp_path):
    marks = marking.mark(toy, Eye(), "window", seed=4, count=20)
    missed, *_ = marks.boxes
    fewer = Marks({i: b for i, b in marks.boxes.items() if i != missed}, "window", 4, 20, 16)
    path = tmp_path / "marks.json"
    marking.save_marks(fewer, path)
    found = marking.eye_agreement(toy, Eye(), Eye(), marking.load_marks(path))
    assert found.value == 19 / 20 and found.details["disagree"] == [missed]
    assert found.details["overlap"] == 1
    path.write_text(json.dumps(json.loads(path.read_text()) | {"unsure": [missed]}))
    found = marking.eye_agreement(toy, Eye(), Eye(), marking.load_marks(path))
    assert found.details["agreement_where_sure"] == 1


def test_frames_are_drawn_on_the_edges_of_boxes_alone():
    images = np.zeros((2, 1, 8, 8), np.uint8)
    large = with_boxes(images, [[(1, 2, 4, 5)], []], zoom=3, colour=(200, 0, 0))
    assert large.shape == (2, 3, 24, 24) and not large[1].any() and not images.any()
    red = large[0, 0] == 200
    rows, columns = np.flatnonzero(red.any(1)), np.flatnonzero(red.any(0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (6, 20, 3, 14)
    assert not red[8:19, 5:13].any() and red.sum() == 15 * 12 - 11 * 8
    assert not large[0, 1:].any()
