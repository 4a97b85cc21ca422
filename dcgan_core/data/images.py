"""A split of a prepared data set: uint8 images, N x C x S x S, memory-mapped."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from dcgan_core.errors import UserError

Crop = Literal["center", "exact"]


@dataclass(frozen=True)
class ImageData:
    """One split of a prepared data set."""

    name: str
    split: str
    images: np.ndarray | Kept  # uint8, N x C x S x S, memory-mapped, read-only
    labels: np.ndarray | None  # int64, N, indices into `classes`
    classes: tuple[str, ...]
    attributes: np.ndarray | None  # int8, N x len(attribute_names): 1 yes, -1 no, 0 unknown
    attribute_names: tuple[str, ...]
    provenance: dict = field(repr=False)  # source, fingerprint, size, crop, what was left out, licence

    def __len__(self) -> int:
        return len(self.images)

    @property
    def known_labels(self) -> np.ndarray:
        """`labels`. Raises UserError where there are none."""
        if self.labels is None:
            raise UserError(f"{self.name}: has no labels; put its pictures into folders named after their classes")
        return self.labels

    @property
    def size(self) -> int:
        return self.images.shape[-1]

    @property
    def channels(self) -> int:
        return self.images.shape[1]


class Kept:
    """Some images of a memory-mapped array, in any order, read when they are asked for: `images[chosen]` copies those alone."""

    def __init__(self, images: np.ndarray | Kept, indices: np.ndarray) -> None:
        self._images, self._indices = images, indices
        self.shape: tuple[int, ...] = (len(indices), *images.shape[1:])
        self.dtype: np.dtype = images.dtype
        self.ndim: int = images.ndim

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, chosen: Any) -> np.ndarray:
        places = self._indices[chosen]
        if places.ndim == 0:
            return self._images[places]
        order = np.argsort(places)  # memory-mapped files like to be read in order
        return np.asarray(self._images[places[order]])[np.argsort(order)]

    def part(self, chosen: slice) -> Kept:
        return Kept(self._images, self._indices[chosen])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)


def part(data: ImageData, start: int, stop: int | None = None) -> ImageData:
    """The images number `start` to `stop` alone, in the set's own order. Raises UserError where there are not so many."""
    if not 0 <= start < (len(data) if stop is None else stop) <= len(data):
        raise UserError(f"{data.name}: has {len(data):,} {data.split} images, not images {start:,} to {stop or len(data):,}")
    chosen, images = slice(start, stop), data.images
    return _with_images(data, images.part(chosen) if isinstance(images, Kept) else images[chosen], chosen)


def kept(data: ImageData, indices: np.ndarray) -> ImageData:
    """The images of these indices (int64, ascending) alone; they are not read before they are asked for."""
    return _with_images(data, Kept(data.images, indices), indices)


def _with_images(data: ImageData, images: np.ndarray | Kept, chosen: slice | np.ndarray) -> ImageData:
    """With some of its images, and what is known of these."""
    labels, attributes = (None if rows is None else rows[chosen] for rows in (data.labels, data.attributes))
    return replace(data, images=images, labels=labels, attributes=attributes)
