"""From a file's bytes to pixels: decoded, cropped, resized."""

import hashlib
import io
import os
import warnings
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from dcgan_core.data.images import Crop
from dcgan_core.data.sources.source import UNREADABLE, Picture, Read
from dcgan_core.errors import reason

MIN_SIDE = 4  # pixels; anything smaller is a tracking pixel or a mistake, not a picture
MOST_PIXELS = 180_000_000  # of a picture once decoded: half a gigabyte
MOST_HELD = 2**28  # bytes of files that are read and wait to be decoded
PLAIN = (255, 255, 255, 255)  # what is seen through transparent parts


@contextmanager
def any_size() -> Iterator[None]:
    """Pillow neither refuses large pictures, which `open_picture` sees to, nor warns of what is odd in a file."""
    most, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = most


def open_picture(picture: Read, channels: int = 3, at_least: int = 0) -> Image.Image:
    """A picture upright and in 8 bits, in RGB or grey. With `at_least`, a large JPEG may be decoded smaller, down to that.

    16-bit grey and CMYK are converted; a photo's turn is undone; transparent parts show PLAIN. Raises ValueError or Pillow's
    errors where it is not usable.
    """
    if isinstance(picture, np.ndarray):
        image = Image.fromarray(picture)
    else:
        image = Image.open(io.BytesIO(picture) if isinstance(picture, bytes) else picture)
        if at_least:
            image.draft(None, (at_least, at_least))
    if min(image.size) < MIN_SIDE:
        raise ValueError(f"only {image.width}x{image.height} pixels")
    if image.width * image.height > MOST_PIXELS:
        raise ValueError(f"{image.width}x{image.height} pixels are too many to decode")
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits, which Pillow's own convert would clip at 255; in 32 bits there may be eight
        values = np.asarray(image).astype(np.float32)
        image = Image.fromarray(
            (values / (257 if image.mode != "I" or values.max() > 255 else 1)).clip(0, 255).astype(np.uint8)
        )
    elif image.mode == "F":
        raise ValueError("its pixels are floating point numbers")
    elif image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, PLAIN), image)
    return image.convert("RGB" if channels == 3 else "L")


def middle(image: Image.Image, side: int) -> Image.Image:
    """The middle square of `side` pixels. Raises ValueError for a smaller picture."""
    if min(image.size) < side:
        raise ValueError(f"only {image.width}x{image.height} pixels, too small to cut {side} from")
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def fitted(image: Image.Image, size: int) -> np.ndarray:
    """The shorter side resized to `size`, then the centre cropped."""
    same = image.size == (size, size)
    return np.asarray(image if same else ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC))


def square(picture: Read, size: int, crop: Crop, channels: int) -> np.ndarray:
    """One picture as uint8, channels x size x size.

    `center`: the shorter side is resized to `size`, then the centre is cropped. `exact`: the centre is cropped without
    resizing (the authors' faces: 128 px crops to 64). Raises as `open_picture` does.
    """
    image = open_picture(picture, channels, 2 * size if crop == "center" else 0)
    pixels = fitted(middle(image, size) if crop == "exact" else image, size)
    return pixels.transpose(2, 0, 1) if channels == 3 else pixels[None]


Result = tuple[np.ndarray | str, bytes]  # a picture prepared, or the reason why not; a digest of what was read, or none


def _all_square(pictures: list[Read | str], size: int, crop: Crop, channels: int) -> list[Result]:
    """Runs in a worker thread."""
    results: list[Result] = []
    for picture in pictures:
        content = b""
        try:
            content = b"" if isinstance(picture, str) else content_of(picture)
            results.append((picture if isinstance(picture, str) else square(picture, size, crop, channels), content))
        except MemoryError:
            raise
        except Exception as error:  # Pillow's decoders raise many kinds; a bad file must not stop a night's work
            results.append((why_not(error), content))
    return results


def content_of(picture: Read) -> bytes:
    """A digest of a picture's file, or of its pixels: 16 bytes. A file comes into memory a piece at a time."""
    if isinstance(picture, Path):
        with picture.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest()
    content = picture.tobytes() if isinstance(picture, np.ndarray) else picture
    return hashlib.blake2b(content, digest_size=16).digest()


def why_not(error: Exception) -> str:
    """Why a picture is not usable, in a few words."""
    return "not an image" if "cannot identify" in str(error) else reason(error)


def next_read(pictures: Iterator[Picture]) -> tuple[list[tuple], list[Read | str]]:
    """What is known of the next pictures, and what was read of each, or why it could not be."""
    about: list[tuple] = []
    contents: list[Read | str] = []
    for picture in islice(pictures, 64):
        about.append(picture[:4])
        try:
            contents.append(picture.read())
        except UNREADABLE as error:
            contents.append(reason(error))
    return about, contents


def squares(
    pictures: Iterator[Picture], size: int, crop: Crop, channels: int, *, threads: bool
) -> Generator[tuple[list[tuple], list[Result]]]:
    """Batches of (file, split, label, attributes) with results, in order.

    Decoded here, or in `threads` on all cores a few batches ahead: memory stays bounded. Pillow lets other threads run while it
    decodes and resizes. Processes are no faster with photographs, and where they are not forked, a script without a main guard
    cannot start any.
    """
    if not threads:
        while (read := next_read(pictures))[0]:
            yield read[0], _all_square(read[1], size, crop, channels)
        return
    Image.init()  # on its own, Pillow looks for more decoders at the first picture that needs one: not safe in several threads
    queue: deque = deque()
    held, cores = 0, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    pool = ThreadPoolExecutor(cores)
    try:
        while True:
            about, contents = next_read(pictures)
            if about:
                size_read = sum(len(content) for content in contents if isinstance(content, bytes))
                queue.append((about, pool.submit(_all_square, contents, size, crop, channels), size_read))
                held += size_read
            if queue and (not about or len(queue) > 2 * cores or held > MOST_HELD):
                done, future, size_read = queue.popleft()
                held -= size_read
                yield done, future.result()
            elif not about:
                return
    finally:
        pool.shutdown(cancel_futures=True)
