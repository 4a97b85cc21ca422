"""Faces, found in photographs by OpenCV's cascade and cut out of them (paper §4.2)."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from dcgan_core import pictures
from dcgan_core.data import decoding
from dcgan_core.data.sources import layout, tree
from dcgan_core.errors import UserError
from dcgan_core.files import write_atomically

SMALLEST = 24  # pixels; what the cascade was trained on is 20


@cache
def _cascade() -> tuple[Any, Any]:
    """The module cv2, and the cascade that it reads."""
    try:
        import cv2
        import cv2.data

        cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_alt2.xml")
    except (ImportError, AttributeError):  # version 5 has neither
        raise UserError("finding faces needs OpenCV 4: pip install 'opencv-python-headless<5'") from None
    if cascade.empty():
        raise UserError("OpenCV's face cascade is missing; pip install --force-reinstall 'opencv-python-headless<5'")
    return cv2, cascade


def detect(image: np.ndarray, min_size: int = SMALLEST) -> np.ndarray:
    """The faces in an image (uint8, H x W x 3, RGB) whose boxes are at least `min_size` pixels wide.

    Returns int64, N x 4: left, top, width, height in pixels; the widest first. Raises UserError where OpenCV 4 is missing.
    """
    cv2, cascade = _cascade()
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    found = cascade.detectMultiScale(grey, scaleFactor=1.1, minNeighbors=5, minSize=(min_size, min_size))
    boxes = sorted(map(tuple, np.reshape(found, (-1, 4)).tolist()), key=lambda b: (-b[2], b))
    return np.array(boxes, np.int64).reshape(-1, 4)


def crop(image: np.ndarray, box: tuple[int, int, int, int] | np.ndarray, margin: float, size: int) -> np.ndarray:
    """A face's box with a margin, as a square: uint8, size x size x 3.

    margin: added on each side, as a share of the box's side. A square that would leave the image is moved into it; one larger
    than the image becomes as large as the image's shorter side. So every pixel is the photograph's own.
    """
    left, top, width, height = map(float, box)
    rows, columns = image.shape[:2]
    side = min(max(width, height) * (1 + 2 * margin), rows, columns)
    x = min(max(left + width / 2 - side / 2, 0), columns - side)
    y = min(max(top + height / 2 - side / 2, 0), rows - side)
    square = Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC, box=(x, y, x + side, y + side))
    return np.asarray(square)


@dataclass
class Cropped:
    """What became of every photo, as faces.jsonl has it.

    A row for each: `photo`, `state`, `faces` (each with `box` and the file of its `crop`), `too_small` (boxes) and `why`.
    """

    rows: list[dict]
    out: Path

    @property
    def counts(self) -> dict[str, int]:
        """Photos by state."""
        states = [row["state"] for row in self.rows]
        return {state: states.count(state) for state in ("found", "too small", "none", "unreadable")}

    @property
    def faces(self) -> int:
        return sum(len(row["faces"]) for row in self.rows)


def crop_folder(folder: Path, out: Path, *, size: int = 64, margin: float = 0.3, min_size: int = 48) -> Cropped:
    """Crops every face in the photos of a folder into `out`, `size` x `size`, as PNGs that `dcgan train OUT` takes.

    min_size: the least width of a face's box in pixels; those down to half of that are noted as too small. Folders stay as they
    are. Goes on where an interrupted call stopped: a photo whose row is in the report is not looked at again. Raises UserError
    where there is no folder, no photo or no face, or `out` holds anything else.
    """
    folder, out = Path(folder), Path(out)
    settings = {"folder": str(folder.resolve()), "size": size, "margin": margin, "min_size": min_size}
    photos = _photos(folder, out, settings)
    _cascade()
    with _open_report(out, settings) as file:
        rows = [json.loads(line) for line in file][1:]
        known = {row["photo"] for row in rows}
        with tqdm(initial=len(rows), total=len(photos), desc="looking for faces", unit=" photos", leave=False, delay=2) as bar:
            for photo in (photo for photo in photos if photo not in known):
                row = _crop_photo(folder / photo, photo, out, settings)
                try:
                    file.write(json.dumps(row).encode() + b"\n")
                    file.flush()
                except OSError as error:
                    what = f"could not write {out / layout.FACES_REPORT}: {error.strerror}"
                    raise UserError(f"{what}; free some space, then go on with the same command") from None
                rows.append(row)
                bar.update()
    report = Cropped(rows, out)
    if not report.faces:
        counts = ", ".join(f"{count:,} {state}" for state, count in report.counts.items())
        way_out = "try a smaller `min_size` with another OUT, or other photos: only upright frontal faces are found"
        raise UserError(f"{folder}: no face in it ({counts}; see {out / layout.FACES_REPORT}); {way_out}")
    return report


def _photos(folder: Path, out: Path, settings: dict) -> list[str]:
    """The files to look at, once all that was asked for is possible."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    if out.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"{out}: lies in {folder}, so that crops would be taken for photos; choose an OUT elsewhere")
    if not decoding.MIN_SIDE <= settings["size"] <= 1024:
        raise UserError(f"`size` {settings['size']}: choose between {decoding.MIN_SIDE} and 1024 pixels")
    if not 0 <= settings["margin"] <= 2:
        raise UserError(f"`margin` {settings['margin']:g}: a share of the face's box on each side, 0 to 2")
    if settings["min_size"] < SMALLEST:
        raise UserError(f"`min_size` {settings['min_size']}: the detector sees no faces below {SMALLEST} pixels")
    photos = [file for file, _ in tree.files_below(folder) if not layout.is_litter(layout.parts_of(file))]
    if not photos:
        raise UserError(f"{folder}: no files in it; put photos there, at any depth")
    return photos


def _open_report(out: Path, settings: dict) -> IO[bytes]:
    """The report, for reading and appending; a half row, left by a process that was killed, is cut off."""
    path = out / layout.FACES_REPORT
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            if any(out.iterdir()):
                raise UserError(f"{out}: not empty; choose another OUT")
            write_atomically(path, json.dumps(settings).encode() + b"\n")
        file = open(path, "r+b")
    except OSError as error:
        raise UserError(f"{out}: cannot be written ({error.strerror}); choose another OUT") from None
    content = file.read()
    try:
        before = json.loads(content.split(b"\n")[0])
    except ValueError:
        raise UserError(f"{path}: damaged; delete {out} and start again") from None
    if before != settings:
        raise UserError(f"{out}: was made with {before}; give it the same settings, or choose another OUT")
    file.truncate(content.rfind(b"\n") + 1)
    file.seek(0)
    return file


def _crop_photo(path: Path, photo: str, out: Path, settings: dict) -> dict:
    """Writes a photo's crops; returns its row."""
    row: dict = {"photo": photo, "state": "unreadable", "faces": [], "too_small": []}
    try:
        with decoding.any_size():
            image = np.asarray(decoding.open_picture(path))
    except MemoryError:
        raise
    except Exception as error:  # Pillow's decoders raise many kinds
        return row | {"why": decoding.why_not(error)}
    smallest = settings["min_size"]
    for box in detect(image, max(SMALLEST, smallest // 2)).tolist():
        if box[2] < smallest:
            row["too_small"].append(box)
            continue
        name = f"{photo}-{len(row['faces'])}.png"
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out / name, pictures.encode(crop(image, box, settings["margin"], settings["size"])))
        row["faces"].append({"box": box, "crop": name})
    return row | {"state": "found" if row["faces"] else "too small" if row["too_small"] else "none"}
