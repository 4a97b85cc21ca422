"""Sets that need no files: scikit-learn's digits, the book's own drawings."""

from collections.abc import Iterator

import numpy as np

from dcgan_core.data.sources import source
from dcgan_core.data.sources.source import Contents, Picture, Source


def digits_source() -> Source:
    def contents(_: int) -> Contents:
        from sklearn.datasets import load_digits

        digits = load_digits()
        images = np.round(digits.images * (255 / 16)).astype(np.uint8)  # N x 8 x 8, 0 to 16
        test = np.array([source.held_out(f"digits {i}") for i in range(len(images))])
        both = {s: (images[m], digits.target[m]) for s, m in (("train", ~test), ("test", test))}
        return source.from_arrays(both, tuple("0123456789"))

    stamp, licence = ["scikit-learn digits"], "BSD (UCI optical digits)"
    return Source("digits", "scikit-learn", licence, 8, 1, lambda: stamp, lambda: source.digest(stamp), contents)


DRAWN_SETS = ("drawn-rooms", "drawn-portraits", "drawn-sprites")  # scenes.NAMES, without importing torch to read photographs
DRAWN = {"train": 20_000, "test": 2_000}  # pictures of a drawn set; the splits have seeds of their own


def drawn_source(name: str) -> Source:
    """A set that the book draws: its attributes are what is there or not, its classes those of the sprites."""
    from dcgan_core.drawings import scenes, sprites

    attributes = scenes.yes_no(name)
    classes = sprites.SPRITES if name == "drawn-sprites" else ()

    def contents(size: int) -> Contents:
        def pictures(done: int, last: str) -> Iterator[Picture]:
            for seed, (split, count) in enumerate(DRAWN.items()):
                first, done = done, max(0, done - count)
                for start in range(first, count, scenes.BLOCK):
                    drawn = scenes.draw(name, min(scenes.BLOCK, count - start), size, seed, start)
                    for i, image in enumerate(drawn.images.transpose(0, 2, 3, 1)):
                        there = tuple(1 if drawn.factors[a][i] else -1 for a in attributes)
                        label = int(drawn.factors["class"][i]) if classes else 0
                        yield Picture(f"{split} {start + i}", split, label, there, source.given(image))

        return Contents(pictures, sum(DRAWN.values()), classes, attributes, ready=True)

    stamp, size = [name, scenes.VERSION, DRAWN], 32 if name == "drawn-sprites" else 64
    return Source(name, "drawn by the book", "MIT", size, 3, lambda: stamp, lambda: source.digest(stamp), contents)
