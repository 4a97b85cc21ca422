"""The face that is pasted is cut out of a photograph of Eileen Collins that scikit-image ships."""

import numpy as np
import pytest
from conftest import noise
from PIL import Image
from skimage.data import astronaut

from dcgan_core.data import face_detector
from dcgan_core.metrics import detection

FACE = (172, 62, 106, 106)  # looked at: forehead to chin


def test_overlap_is_intersection_over_union():
    a = np.array([0, 0, 10, 10])
    assert detection.overlap(a, a) == 1
    assert detection.overlap(a, np.array([5, 0, 10, 10])) == pytest.approx(1 / 3)
    assert detection.overlap(a, np.array([20, 20, 5, 5])) == 0


def test_recall_counts_faces_that_are_found_where_they_were_pasted():
    left, top, side, _ = FACE
    square = side / detection.FACE[2]  # of which the face has the place that it has in CelebA's
    x, y = round(left - detection.FACE[0] * square), round(top - detection.FACE[1] * square)
    face = astronaut()[y : y + round(square), x : x + round(square)]
    good = np.asarray(Image.fromarray(face).resize((64, 64))).transpose(2, 0, 1)
    photographs = np.stack([good] * 4 + [noise(i, 64, 64).transpose(2, 0, 1) for i in range(4)])
    measured = detection.detector_recall(photographs, face_detector.detect, seed=1)
    assert (measured.value, measured.n) == (0.5, 8)
    assert measured.low < 0.5 < measured.high
    assert measured.details["false_detections_per_image"] < 0.5
    assert detection.detector_recall(photographs, face_detector.detect, seed=1).value == measured.value


def test_canvases_differ_and_hold_no_face():
    rng = np.random.default_rng(0)
    canvases = [detection.canvas(rng) for _ in range(3)]
    assert canvases[0].shape == (240, 320, 3)
    assert not np.array_equal(canvases[0], canvases[1])
    assert all(len(face_detector.detect(c, 48)) == 0 for c in canvases)
