"""Which image is the nearest of all? One search, exact since it counts in whole numbers. (Paper §4.1, 8)"""

from functools import reduce

import numpy as np
import torch
from torch import Tensor

from dcgan_core.errors import UserError

ROWS = 1000  # images compared at a time: the table of products, 1000 x 1000, stays in the processor's cache
LARGEST = 2**31 // (3 * 128**2)  # numbers in an image: with more, 2 q·r - r·r may not fit 32 bits


class NearestLabels:
    """For each query the label of its nearest reference among all that were shown so far. Of equally near ones the first
    counts.

    queries: uint8, N x C x S x S, of at most LARGEST numbers each. Raises UserError for anything else.
    """

    def __init__(self, queries: np.ndarray, device: torch.device | str = "cpu") -> None:
        _check_images(queries, "queries")
        self.shape, self.device = queries.shape[1:], torch.device(device)
        self.queries = _shifted(queries, self.device)
        if self.queries.shape[1] > LARGEST:
            raise UserError(f"queries: images of {self.queries.shape[1]:,} numbers; an exact search is for {LARGEST:,} at most")
        least = torch.iinfo(torch.int32).min
        self.best = torch.full((len(queries),), least, dtype=torch.int32, device=device)
        self.labels = torch.full((len(queries),), -1, dtype=torch.int64, device=device)
        self.seen = 0

    def squared(self) -> Tensor:
        """The squared distance of each query to its nearest reference, int64: grey levels, summed over all numbers."""
        return self.queries.int().square().sum(1) - self.best.long()

    def show(self, images: np.ndarray, labels: np.ndarray, *, earlier: bool = False) -> None:
        """More references: uint8 N x C x S x S, with a label each. Raises UserError where they do not fit.

        earlier: they are the queries themselves, in their order, and each is compared with those before it alone.
        """
        _check_images(images, "references")
        if images.shape[1:] != self.shape or len(labels) != len(images):
            raise UserError(
                f"references: {len(images)} images of {' x '.join(map(str, images.shape[1:]))} with {len(labels)} labels;"
                f" the queries are {' x '.join(map(str, self.shape))}"
            )
        for start in range(0, len(images), ROWS):
            references = _shifted(images[start : start + ROWS], self.device)
            self._show(references, labels[start : start + ROWS], start if earlier else None)
        self.seen += len(images)

    def _show(self, references: Tensor, labels: np.ndarray, first: int | None) -> None:
        """first: the number of the first reference where they are the queries themselves."""
        marks = torch.as_tensor(np.asarray(labels), dtype=torch.int64, device=self.device)
        prepared = transposed(references)
        for start in range(first or 0, len(self.queries), ROWS):
            rows = slice(start, start + ROWS)
            near = closeness(self.queries[rows], *prepared)
            if start == first:  # the later ones, and each one's own place
                near.masked_fill_(torch.ones_like(near, dtype=torch.bool).triu(), torch.iinfo(torch.int32).min)
            _keep_nearest(near, marks, self.best[rows], self.labels[rows])


def twins(images: np.ndarray, within: float) -> np.ndarray:
    """Indices of images (uint8 N x C x S x S) with an earlier one at most `within` away (RMS, 0 to 1)."""
    search = NearestLabels(images)
    search.show(images, np.arange(len(images)), earlier=True)
    near = search.squared() <= (within * 255) ** 2 * search.queries.shape[1]
    return torch.nonzero(near & (search.labels >= 0)).flatten().cpu().numpy()  # the first has no earlier one


def transposed(references: Tensor) -> tuple[Tensor, Tensor]:
    """What `closeness` needs of references (int8, M x K), made once: K x M, and their squared lengths."""
    return references.T.contiguous(), references.int().square().sum(1, dtype=torch.int32)


def closeness(queries: Tensor, references: Tensor, lengths: Tensor) -> Tensor:
    """How near N queries (int8, N x K) are to M references: 2 q·r - r·r, N x M; the squared distance is q·q less that."""
    return _products(queries, references).mul_(2).sub_(lengths)


def _keep_nearest(near: Tensor, marks: Tensor, best: Tensor, kept: Tensor) -> None:
    """Where a row of `near` (N x M) beats `best` (N), its largest number goes there, and its mark (M) to `kept` (N).

    Of equal ones the first counts, those of earlier calls before all: PyTorch's argmax does not promise which.
    """
    closer = (near.amax(1) > best).nonzero().squeeze(1)  # few, after the first thousands
    if len(closer):
        rows = near[closer]
        index = (rows == rows.amax(1, keepdim=True)).to(torch.uint8).argmax(1)
        best[closer] = rows.gather(1, index[:, None]).squeeze(1)
        kept[closer] = marks[index]


def _products(a: Tensor, b: Tensor) -> Tensor:
    """a (N x K) times b (K x M), int8, as exact int32 on any device."""
    if a.device.type == "cpu" and hasattr(torch, "_int_mm"):
        return torch._int_mm(a, b)
    # a float32 holds whole numbers up to 2^24 exactly, and so every partial sum of up to 1024 products of bytes
    parts = ((a[:, k : k + 1024].float() @ b[k : k + 1024].float()).int() for k in range(0, a.shape[1], 1024))
    return reduce(torch.add, parts)


def _shifted(images: np.ndarray, device: torch.device | str) -> Tensor:
    pixels = torch.from_numpy(np.array(images)).to(device).flatten(1)  # a copy: memory maps are read-only
    return (pixels.to(torch.int16) - 128).to(torch.int8)


def _check_images(images: np.ndarray, what: str) -> None:
    if images.ndim != 4 or images.dtype != np.uint8 or not len(images):
        raise UserError(
            f"{what}: expected images, uint8 N x C x S x S, got {images.dtype} {' x '.join(map(str, images.shape))}"
        )
