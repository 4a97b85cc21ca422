"""Near duplicates, found by the semantic hash of a small autoencoder and set aside (paper §4.1.1)."""

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from dcgan_core import devices
from dcgan_core.data import loading
from dcgan_core.data.cache import KEPT, prepare
from dcgan_core.data.images import Crop, ImageData, Kept
from dcgan_core.errors import UserError
from dcgan_core.files import write_atomically
from dcgan_core.intervals import timed

SIDE = 32  # pixels of the crops
BITS = 128
RADIUS = 5  # most bits in which the codes of near duplicates differ; chosen on other planted copies than those of the claims
STEPS = 1500
NOISE, DROPOUT = 0.1, 0.2  # in training; more dropout makes codes alike that should not be
TRAINING_IMAGES = 50_000  # at most: 150 MB
TWINS = 0.07  # RMS distance of crops, 0 to 1; all 33 pairs of `faces` below it are one photograph twice, above it not all are
NEIGHBOURS = 64  # a code is compared with at most so many others of its bucket, or time would not be linear
BLOCK = 2048  # images in memory at a time


class Autoencoder(nn.Module):
    """3072-128-3072. `mean`, of the training pixels, is subtracted first."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(3 * SIDE * SIDE, BITS)
        self.decoder = nn.Linear(BITS, 3 * SIDE * SIDE)
        self.register_buffer("mean", torch.zeros(3 * SIDE * SIDE))

    def center(self, images: np.ndarray) -> Tensor:
        """uint8 N x 3 x 32 x 32 -> N x 3072, around 0."""
        flat = torch.from_numpy(np.ascontiguousarray(images)).to(self.mean.device).flatten(1)
        return flat.float() / 255 - self.mean

    def encode(self, x: Tensor) -> Tensor:
        return F.relu(self.encoder(x))  # N x 128


def train_autoencoder(
    images: np.ndarray, seed: int = 0, *, device: torch.device | str = "cpu", steps: int = STEPS
) -> Autoencoder:
    """Learns to undo noise (of the pixels' scale 0 to 1) with dropped-out hidden units; Adam, the rate falling to 0.

    images: uint8 N x 3 x 32 x 32. About a minute on one CPU core.
    """
    rng = np.random.default_rng(seed)  # NumPy's numbers take a tenth of the time of torch's dropout on a CPU
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = Autoencoder().to(device)
    model.mean.copy_(torch.from_numpy(images.mean(0, dtype=np.float64) / 255).flatten())
    adam = torch.optim.Adam(model.parameters(), 1e-3, fused=model.mean.device.type in ("cpu", "cuda"))
    schedule = torch.optim.lr_scheduler.LinearLR(adam, 1.0, 0.0, steps)
    for _ in tqdm(range(steps), desc="training the autoencoder", unit=" steps", leave=False, delay=2):
        x = model.center(images[rng.integers(0, len(images), 128)])
        noisy = x + NOISE * torch.from_numpy(rng.standard_normal(x.shape, np.float32)).to(device)
        kept = torch.from_numpy(rng.random((len(x), BITS), np.float32) >= DROPOUT).to(device)
        loss = F.mse_loss(model.decoder(model.encode(noisy) * kept / (1 - DROPOUT)), x)
        adam.zero_grad()
        loss.backward()
        adam.step()
        schedule.step()
    return model.eval()


def crops(images: np.ndarray | Kept) -> np.ndarray:
    """uint8 N x C x S x S, S >= 32 -> N x 3 x 32 x 32: areas averaged, one channel repeated."""
    blocks = (torch.from_numpy(np.array(images[i : i + BLOCK])).float() for i in range(0, len(images), BLOCK))
    small = torch.cat([F.interpolate(x, size=(SIDE, SIDE), mode="area").round().to(torch.uint8) for x in blocks])
    return small.expand(-1, 3, -1, -1).numpy()


@torch.no_grad()
def codes(model: Autoencoder, images: np.ndarray) -> np.ndarray:
    """The semantic hash of crops (uint8 N x 3 x 32 x 32): uint8 N x 16, 128 bits each."""
    blocks = (images[i : i + BLOCK] for i in range(0, len(images), BLOCK))
    return np.concatenate([np.packbits((model.encode(model.center(b)) > 0).cpu().numpy(), axis=1) for b in blocks])


def exact_codes(images: np.ndarray) -> np.ndarray:
    """A baseline: a digest of each image's bytes, uint8 N x 16."""
    digests = [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in images]
    return np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 16)


def average_hashes(images: np.ndarray) -> np.ndarray:
    """A baseline: which of 8x8 grey areas are brighter than their mean, uint8 N x 8. images: uint8 N x 3 x 32 x 32."""
    grey = images.mean(1).reshape(-1, 8, SIDE // 8, 8, SIDE // 8).mean((2, 4)).reshape(-1, 64)
    return np.packbits(grey > grey.mean(1, keepdims=True), axis=1)


_ONES = np.array([i.bit_count() for i in range(2**16)], np.uint8)


def duplicates(hashes: np.ndarray, radius: int = RADIUS) -> np.ndarray:
    """For each image the index of the one that is kept for it: its own, or an earlier one's whose code is nearly equal.

    hashes: uint8 N x B. Codes that differ in at most `radius` bits are nearly equal. Two such codes agree wholly in one of
    radius + 1 bands of bits (multi-index hashing, Norouzi et al. 2012), so only codes in one bucket of a band are compared.
    Returns int64 N. Linear in N: radix sorts, and at most NEIGHBOURS comparisons for a code and band. In buckets more crowded
    than that a pair can be missed, but never one of equal codes.
    """
    words = _words(hashes)
    order = np.lexsort(words.T[::-1])  # a radix sort, of 16-bit numbers
    new = np.ones(len(order), bool)
    new[1:] = (words[order[1:]] != words[order[:-1]]).any(1)
    first = order[new]  # of each distinct code; the sort is stable, so the earliest of its images
    kept = np.empty(len(order), np.int64)
    kept[order] = first[np.cumsum(new) - 1]
    if not radius:
        return kept
    first.sort()
    stands = np.arange(len(first))
    for later, earlier in _near(hashes[first], radius).tolist():  # in order, so that the earlier one's fate is known
        if stands[later] == later and stands[earlier] == earlier:
            stands[later] = earlier
    return first[stands[np.searchsorted(first, kept)]]


def _words(hashes: np.ndarray) -> np.ndarray:
    """uint8 N x B -> uint16 N x ceil(B / 2)."""
    return np.ascontiguousarray(np.pad(hashes, ((0, 0), (0, hashes.shape[1] % 2)))).view(np.uint16)


def _near(hashes: np.ndarray, radius: int) -> np.ndarray:
    """Pairs (later, earlier), in order, of distinct codes that differ in at most `radius` bits."""
    words, bits = _words(hashes), np.unpackbits(hashes, axis=1)
    found = [np.empty((0, 2), np.int64)]
    for band in np.array_split(np.arange(bits.shape[1]), radius + 1):
        keys = _words(np.packbits(bits[:, band], axis=1))
        order = np.lexsort(keys.T[::-1])
        here = np.arange(len(order))
        for step in range(1, NEIGHBOURS + 1):
            here = here[here + step < len(order)]
            here = here[(keys[order[here]] == keys[order[here + step]]).all(1)]
            if not len(here):
                break
            earlier, later = order[here], order[here + step]  # the sort is stable
            near = _ONES[words[earlier] ^ words[later]].sum(1) <= radius
            found.append(np.stack([later[near], earlier[near]], 1))
    return np.unique(np.concatenate(found), axis=0)


@dataclass
class Deduplicated:
    """What `deduplicate` did. `groups`: kept image -> those removed for it, the largest group first."""

    path: Path
    images: int
    groups: dict[int, list[int]]
    seconds: float

    @property
    def removed(self) -> int:
        return sum(map(len, self.groups.values()))


def deduplicate(
    name: str, size: int | None = None, *, crop: Crop = "center", seed: int = 0, device: str = "auto"
) -> Deduplicated:
    """Finds the near duplicates among a set's training images and writes the list of those to keep, which `load_data` honours.

    Trains on the whole set, or on TRAINING_IMAGES of it; then reads it once, a block at a time. Raises UserError if the set
    cannot be found, is smaller than 32 px, or has only one image.
    """
    with timed() as seconds:
        data = loading.load_data(name, size, crop=crop, duplicates=True)
        _check_images(data)
        images = data.images
        chosen = np.sort(np.random.default_rng(seed).permutation(len(images))[:TRAINING_IMAGES])
        model = train_autoencoder(crops(Kept(images, chosen)), seed, device=devices.pick(device))
        starts = tqdm(range(0, len(images), BLOCK), desc="hashing", unit=f" x {BLOCK} images", leave=False, delay=2)
        kept_for = duplicates(np.concatenate([codes(model, crops(images[i : i + BLOCK])) for i in starts]))
        everyone = np.arange(len(images))
        removed = everyone[kept_for != everyone]
        path = prepare(name, size, crop=crop) / KEPT
        note = {"fingerprint": data.provenance["fingerprint"], "radius": RADIUS, "seed": seed, "steps": STEPS}
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            kept=everyone[kept_for == everyone],
            removed=np.stack([removed, kept_for[removed]], 1),  # each with the image that is kept for it
            note=json.dumps(note),
        )
        write_atomically(path, buffer.getbuffer())
        groups: dict[int, list[int]] = {}
        for image in removed.tolist():
            groups.setdefault(int(kept_for[image]), []).append(image)
        largest_first = dict(sorted(groups.items(), key=lambda g: (-len(g[1]), g[0])))
        return Deduplicated(path, len(images), largest_first, seconds())


def undo(name: str, size: int | None = None, *, crop: Crop = "center") -> bool:
    """Takes the list away, so that `load_data` gives all images again; False where there was none."""
    path = prepare(name, size, crop=crop) / KEPT
    there = path.exists()
    path.unlink(missing_ok=True)
    return there


def _check_images(data: ImageData) -> None:
    if data.size < SIDE:
        what = f"its images have {data.size} px, deduplication looks at {SIDE}"
        raise UserError(f"{data.name}: {what}; choose `size` {SIDE} or more")
    if len(data) < 2:
        raise UserError(f"{data.name}: it has one training image; there is nothing to compare it with")
