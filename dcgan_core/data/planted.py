"""How well are near duplicates found? Copies of known kinds are planted among a set's images (paper §4.1.1)."""

import io

import numpy as np
import torch
from PIL import Image

from dcgan_core import pictures
from dcgan_core.data import duplicates, nearest
from dcgan_core.data.duplicates import RADIUS, Autoencoder
from dcgan_core.intervals import Measurement, share, timed

KINDS = ("shift", "jpeg", "brightness", "crop")


def change(image: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray:
    """A near duplicate of an image, uint8 3 x S x S.

    shift: by 1 or 2 px along one axis or both, edges repeated. jpeg: saved at quality 50 to 90. brightness: times 0.95 to 1.05.
    crop: 2 % of the side cut off each edge, then resized back.
    """
    side = image.shape[-1]
    if kind == "shift":
        y, x = 0, 0
        while not (y or x):
            y, x = rng.integers(-2, 3, 2)
        return np.pad(image, ((0, 0), (2, 2), (2, 2)), "edge")[:, 2 + y : 2 + y + side, 2 + x : 2 + x + side]
    if kind == "brightness":
        return (image * rng.uniform(0.95, 1.05)).round().clip(0, 255).astype(np.uint8)
    picture = Image.fromarray(image.transpose(1, 2, 0))
    if kind == "jpeg":
        picture = Image.open(io.BytesIO(pictures.encode(np.asarray(picture), "jpeg", quality=int(rng.integers(50, 91)))))
    else:
        edge = 0.02 * side
        picture = picture.resize((side, side), Image.Resampling.BICUBIC, (edge, edge, side - edge, side - edge))
    return np.asarray(picture).transpose(2, 0, 1)


def measure_planted(
    images: np.ndarray,
    count: int,
    method: str = "autoencoder",
    *,
    seed: int = 0,
    device: torch.device | str = "cpu",
    steps: int = duplicates.STEPS,
    unseen: np.ndarray | None = None,
    model: Autoencoder | None = None,
) -> dict[str, Measurement]:
    """Precision and recall on photographs of which `count` have a planted near duplicate (see `change`), a random kind each.

    images: uint8 N x 3 x S x S, photographs. The set is treated as `deduplicate` treats one, the copies being part of it, also
    for training. Photographs that it holds twice already (`nearest.twins`) are first left out, or finding them would be an
    error; `details` also has the precision where they stay in. A found pair is a removed image with the one that is kept for
    it; it is right where the two come from one photograph. Precision: share of right ones among found pairs. Recall: share of
    planted copies found. Both depend on the set: a larger one has more pairs to go wrong. Intervals are Wilson's.
    unseen: other photographs, all with a planted copy, hashed by an autoencoder that was trained on none of them.
    model: an autoencoder that was trained before (on the photographs, not on the copies), in place of one trained here.
    """
    with timed() as seconds:
        rng, small = np.random.default_rng(seed), duplicates.crops(images)
        own = nearest.twins(small, duplicates.TWINS)
        single = np.setdiff1d(np.arange(len(images)), own)
        chosen = np.sort(rng.permutation(single)[:count])
        copies, kinds = _copies(images[chosen], rng)
        everything = np.concatenate([small, duplicates.crops(copies)])
        source = np.concatenate([np.arange(len(images)), chosen])  # the photograph that each comes from
        radius = RADIUS if method == "autoencoder" else 0
        if method == "autoencoder":
            model = model or duplicates.train_autoencoder(everything, seed, device=device, steps=steps)
            hashes = duplicates.codes(model, everything)
        elif method == "average_hash":
            hashes = duplicates.average_hashes(everything)
        else:
            hashes = np.concatenate([duplicates.exact_codes(images), duplicates.exact_codes(copies)])
        clean = np.isin(source, single)
        planted = (hashes[clean], source[clean], len(copies))
        right, found = _compare(*planted, radius)
        details = {
            "photographs": len(images),
            "left_out": len(own),
            "planted": len(copies),
            "radius": radius,
            "recall_by_kind": {kind: _share(found[kinds == i]) for i, kind in enumerate(KINDS)},
            "precision_with_left_out": _share(_compare(hashes, source, len(copies), radius)[0]),
        }
        if method == "autoencoder":
            details["by_radius"] = [{"radius": r} | _both(*planted, r) for r in range(2 * RADIUS + 1)]
            if unseen is not None and model:
                other, _ = _copies(unseen, rng)
                hashes = duplicates.codes(model, duplicates.crops(np.concatenate([unseen, other])))
                details["unseen"] = _both(hashes, np.tile(np.arange(len(unseen)), 2), len(unseen), radius)
        both = {"precision": _share(right), "recall": _share(found)}
        return {name: Measurement(**shares, seconds=seconds(), details=details) for name, shares in both.items()}


def _copies(images: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A near duplicate of each image, and the index in KINDS of what was changed."""
    kinds = rng.integers(0, len(KINDS), len(images))
    return np.stack([change(image, KINDS[kind], rng) for image, kind in zip(images, kinds, strict=True)]), kinds


def _compare(hashes: np.ndarray, source: np.ndarray, copies: int, radius: int) -> tuple[np.ndarray, np.ndarray]:
    """Which found pairs are right, and which of the `copies` last images are found. The sources of the others ascend."""
    kept = duplicates.duplicates(hashes, radius)
    removed = np.flatnonzero(kept != np.arange(len(kept)))
    originals = np.searchsorted(source[:-copies], source[-copies:])
    return source[removed] == source[kept[removed]], kept[-copies:] == kept[originals]


def _both(hashes: np.ndarray, source: np.ndarray, copies: int, radius: int) -> dict[str, dict]:
    right, found = _compare(hashes, source, copies, radius)
    return {"precision": _share(right), "recall": _share(found)}


def _share(flags: np.ndarray) -> dict:
    value, low, high = share(flags)
    return {"value": value, "low": low, "high": high, "n": len(flags)}
