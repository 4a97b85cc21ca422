"""Faces are looked for in a photograph of Eileen Collins that scikit-image ships, and in noise."""

import json

import numpy as np
import pytest
from conftest import encode, make_folder, noise, snapshot
from PIL import Image

from dcgan_core.cli import main
from dcgan_core.data import decoding, face_detector, loading
from dcgan_core.errors import UserError
from dcgan_core.metrics import detection

FACE = (172, 62, 106, 106)  # looked at: forehead to chin


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    from skimage.data import astronaut

    return astronaut()


@pytest.fixture(scope="module")
def photo(astronaut) -> bytes:
    return encode(astronaut, "jpeg", quality=95)


def rows(out) -> list[dict]:
    return [json.loads(line) for line in (out / "faces.jsonl").read_text().splitlines()][1:]


def test_the_face_in_a_photograph_is_found_and_nothing_else(astronaut):
    boxes = face_detector.detect(astronaut, 48)
    assert boxes.shape == (1, 4)
    assert boxes.dtype == np.int64
    assert detection.overlap(boxes[0], np.array(FACE)) > 0.6
    assert len(face_detector.detect(astronaut, 200)) == 0
    assert face_detector.detect(noise(0, 200, 200)).shape == (0, 4)


def test_two_faces_are_found_the_wider_first(astronaut):
    small = np.asarray(Image.fromarray(astronaut).resize((256, 256)))
    both = np.zeros((512, 768, 3), np.uint8)
    both[:256, :256], both[:, 256:] = small, astronaut
    boxes = face_detector.detect(both, 30)
    assert len(boxes) == 2
    assert boxes[0, 2] > boxes[1, 2]
    assert boxes[0, 0] > 256 > boxes[1, 0]


def test_a_crop_is_the_box_with_its_margin_as_a_square():
    image = noise(0, 100, 80)
    assert np.array_equal(face_detector.crop(image, (30, 20, 40, 40), 0, 40), image[20:60, 30:70])
    assert np.array_equal(face_detector.crop(image, (30, 20, 40, 40), 0.25, 60), image[10:70, 20:80])
    assert np.array_equal(face_detector.crop(image, (30, 25, 40, 30), 0, 40), image[20:60, 30:70])  # the longer side counts
    smaller = np.asarray(Image.fromarray(image[10:70, 20:80]).resize((30, 30), Image.Resampling.BICUBIC))
    difference = face_detector.crop(image, (30, 20, 40, 40), 0.25, 30).astype(int) - smaller
    assert abs(difference[2:-2, 2:-2]).max() <= 1  # at its rim, it sees a little of what is around it


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0, 0, 40, 40), np.s_[0:60, 0:60]),
        ((60, 40, 40, 40), np.s_[20:80, 40:100]),
        ((-5, 70, 40, 40), np.s_[20:80, 0:60]),
    ],
)
def test_a_crop_that_would_leave_the_image_is_moved_into_it(box, expected):
    image = noise(1, 100, 80)
    assert np.array_equal(face_detector.crop(image, box, 0.25, 60), image[expected])


def test_a_crop_larger_than_the_image_has_its_shorter_side():
    image = noise(2, 100, 80)
    assert np.array_equal(face_detector.crop(image, (10, 10, 70, 70), 1, 80), image[:, 5:85])


def test_a_folder_of_photos_becomes_a_folder_to_train_on(tmp_path, photo, astronaut, capsys):
    small = encode(Image.fromarray(astronaut).resize((180, 180)), "jpeg", quality=95)  # a face of 37 pixels
    files = {"ann/a.jpg": photo, "ann/b.jpg": photo[:5000], "none/grass.png": encode(noise(0, 90, 90)), "none/small.jpg": small}
    make_folder(tmp_path / "photos", files | {"text.jpg": b"no picture", ".hidden.jpg": photo})
    before = snapshot(tmp_path / "photos")
    assert main(["data", "crop-faces", str(tmp_path / "photos"), str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    for part in (
        "found              1 photos, 1 faces",
        "too small          1",
        "none               1",
        "unreadable         2",
    ):
        assert part in told
    by_photo = {row["photo"]: row for row in rows(tmp_path / "out")}
    assert {name: row["state"] for name, row in by_photo.items()} == {
        "ann/a.jpg": "found",
        "ann/b.jpg": "unreadable",
        "none/grass.png": "none",
        "none/small.jpg": "too small",
        "text.jpg": "unreadable",
    }
    assert by_photo["text.jpg"]["why"] == "not an image"
    assert len(by_photo["none/small.jpg"]["too_small"]) == 1
    [face] = by_photo["ann/a.jpg"]["faces"]
    crop = np.asarray(Image.open(tmp_path / "out" / face["crop"]))
    decoded = np.asarray(decoding.open_picture(photo))
    assert np.array_equal(crop, face_detector.crop(decoded, face["box"], 0.3, 64))
    assert snapshot(tmp_path / "out").keys() == {"faces.jsonl", "ann/a.jpg-0.png"}
    assert snapshot(tmp_path / "photos") == before
    data = loading.load_data(str(tmp_path / "out"), 64)
    assert np.array_equal(data.images[0], crop.transpose(2, 0, 1))
    assert data.provenance["left_out"] == 0


def test_a_photos_turn_is_undone_before_looking(tmp_path, astronaut):
    exif = Image.Exif()
    exif[0x0112] = 6
    make_folder(tmp_path / "photos", {"a.jpg": encode(np.rot90(astronaut), "jpeg", quality=95, exif=exif)})
    assert face_detector.crop_folder(tmp_path / "photos", tmp_path / "out").faces == 1


def test_after_an_interruption_it_goes_on_with_the_photos_that_are_left(tmp_path, photo, monkeypatch):
    make_folder(tmp_path / "photos", {f"{i}.jpg": photo for i in range(5)})
    expected = face_detector.crop_folder(tmp_path / "photos", tmp_path / "at-once")
    detect, seen = face_detector.detect, []

    def interrupted(*args):
        if len(seen) == 3:
            raise KeyboardInterrupt
        seen.append(1)
        return detect(*args)

    with monkeypatch.context() as patch:
        patch.setattr(face_detector, "detect", interrupted)
        with pytest.raises(KeyboardInterrupt):
            face_detector.crop_folder(tmp_path / "photos", tmp_path / "out")
    assert all(Image.open(p).size == (64, 64) for p in (tmp_path / "out").glob("*.png"))
    with open(tmp_path / "out/faces.jsonl", "a") as file:
        file.write('{"photo": "3.jpg", "sta')  # a process was killed while it wrote
    monkeypatch.setattr(face_detector, "detect", lambda *args: seen.append(1) or detect(*args))
    report = face_detector.crop_folder(tmp_path / "photos", tmp_path / "out")
    assert len(seen) == 5
    assert report.rows == expected.rows
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "at-once")
    assert face_detector.crop_folder(tmp_path / "photos", tmp_path / "out").faces == 5
    assert len(seen) == 5


def test_a_full_disk_is_an_error_and_the_next_call_goes_on(tmp_path, photo, monkeypatch):
    make_folder(tmp_path / "photos", {f"{i}.jpg": photo for i in range(3)})
    original, calls = face_detector.write_atomically, []

    def full(path, content):
        calls.append(path)
        if len(calls) == 3:  # the report, a crop, then this one
            raise UserError(f"could not write {path}: No space left on device")
        original(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(face_detector, "write_atomically", full)
        with pytest.raises(UserError, match="No space left"):
            face_detector.crop_folder(tmp_path / "photos", tmp_path / "out")
    assert [row["photo"] for row in rows(tmp_path / "out")] == ["0.jpg"]
    assert face_detector.crop_folder(tmp_path / "photos", tmp_path / "out").counts["found"] == 3


def test_a_disk_that_is_full_when_the_report_is_written_is_an_error_and_the_next_call_goes_on(tmp_path, photo, monkeypatch):
    make_folder(tmp_path / "photos", {f"{i}.jpg": photo for i in range(3)})
    original = face_detector._open_report

    class Full:
        """A report with space for one row."""

        def __init__(self, *args):
            self.file, self.rows = original(*args), 0

        def write(self, row: bytes) -> None:
            self.rows += 1
            if self.rows > 1:
                raise OSError(28, "No space left on device")
            self.file.write(row)

        def flush(self):
            self.file.flush()

        def __iter__(self):
            return iter(self.file)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

    with monkeypatch.context() as patch:
        patch.setattr(face_detector, "_open_report", Full)
        with pytest.raises(UserError, match=r"faces\.jsonl: No space left on device; free some space, then go on"):
            face_detector.crop_folder(tmp_path / "photos", tmp_path / "out")
    assert [row["photo"] for row in rows(tmp_path / "out")] == ["0.jpg"]
    assert face_detector.crop_folder(tmp_path / "photos", tmp_path / "out").counts["found"] == 3


def test_a_folder_without_a_face_is_an_error_that_leaves_only_the_report(tmp_path, capsys):
    make_folder(tmp_path / "photos", {"a.png": encode(noise(0, 90, 90)), "b.jpg": b"no picture"})
    for _ in range(2):
        assert main(["data", "crop-faces", str(tmp_path / "photos"), str(tmp_path / "out")]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1
        assert "no face in it (0 found, 0 too small, 1 none, 1 unreadable" in err
        assert "--min-size" in err
        assert snapshot(tmp_path / "out").keys() == {"faces.jsonl"}


def test_what_cannot_be_asked_for_is_refused_before_anything_is_written(tmp_path, photo):
    photos = make_folder(tmp_path / "photos", {"a.jpg": photo})
    (tmp_path / "void").mkdir()
    make_folder(tmp_path / "full", {"x.txt": b"x"})
    wrong = [
        ((tmp_path / "no", tmp_path / "out"), {}, "no: no such folder"),
        ((tmp_path / "void", tmp_path / "out"), {}, "void: no files in it"),
        ((photos, photos / "out"), {}, "lies in"),
        ((photos, photos), {}, "lies in"),
        ((photos, tmp_path / "full"), {}, "full: not empty"),
        ((photos, tmp_path / "out"), {"size": 3}, "`size` 3"),
        ((photos, tmp_path / "out"), {"margin": -0.1}, "`margin` -0.1"),
        ((photos, tmp_path / "out"), {"min_size": 5}, "`min_size` 5"),
    ]
    before = snapshot(tmp_path)
    for places, settings, message in wrong:
        with pytest.raises(UserError, match=message):
            face_detector.crop_folder(*places, **settings)
    assert snapshot(tmp_path) == before
    assert not (tmp_path / "out").exists()


def test_other_settings_need_another_folder(tmp_path, photo):
    photos = make_folder(tmp_path / "photos", {"a.jpg": photo})
    face_detector.crop_folder(photos, tmp_path / "out")
    before = snapshot(tmp_path / "out")
    with pytest.raises(UserError, match="was made with"):
        face_detector.crop_folder(photos, tmp_path / "out", size=32)
    (tmp_path / "out/faces.jsonl").write_text("{")
    with pytest.raises(UserError, match=r"faces\.jsonl: damaged"):
        face_detector.crop_folder(photos, tmp_path / "out")
    assert snapshot(tmp_path / "out").keys() == before.keys()


def test_without_opencv_the_way_out_is_named(tmp_path, photo, monkeypatch):
    import sys

    photos = make_folder(tmp_path / "photos", {"a.jpg": photo})
    monkeypatch.setitem(sys.modules, "cv2", None)
    face_detector._cascade.cache_clear()
    with pytest.raises(UserError, match="pip install 'opencv-python-headless<5'"):
        face_detector.crop_folder(photos, tmp_path / "out")
    assert not (tmp_path / "out").exists()
