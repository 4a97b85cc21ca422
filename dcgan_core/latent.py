"""Which image does a z give, what lies between two z (paper §6.1), and what does their sum show (§6.3.2)?"""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from dcgan_core.errors import UserError
from dcgan_core.networks import Architecture, Generator, to_pixels


def sample(architecture: Architecture, count: int, rng: torch.Generator) -> Tensor:
    """`count` (from 1) random z, count x latent, on the device of `rng`: uniform in (-1, 1) (paper §4), or normal (SVHN)."""
    if count < 1:
        raise UserError(f"`count` {count}: at least 1")
    shape = (count, architecture.latent)
    if architecture.latent_distribution == "normal":
        return torch.randn(shape, generator=rng, device=rng.device)
    return torch.rand(shape, generator=rng, device=rng.device) * 2 - 1


def classes(architecture: Architecture, count: int, labels: Iterable[int] | None = None) -> Tensor | None:
    """`labels`, by default all classes, repeated for `count` images; None without any. Raises UserError for unknown ones."""
    known = range(architecture.num_classes)
    if labels is not None and not known:
        raise UserError("`labels`: this run is not class-conditional; leave them out")
    chosen = [int(label) for label in (known if labels is None else labels)]
    if known and (not chosen or not set(chosen) <= set(known)):
        raise UserError(f"`labels` {','.join(map(str, chosen))}: the classes are 0 to {known[-1]}")
    return torch.tensor(chosen)[torch.arange(count) % len(chosen)] if chosen else None


def walk(start: Tensor, end: Tensor, steps: int, path: Literal["straight", "spherical"] = "straight") -> Tensor:
    """`steps` points from `start` to `end`, both included. start, end: N x latent (or latent). Returns N x steps x latent.

    `spherical` (slerp) turns the direction by equal angles and changes the length evenly: random z of a hundred numbers all
    have about the same length, and the middle of a straight line is shorter than any of them.
    """
    start, end = torch.atleast_2d(start)[:, None], torch.atleast_2d(end)[:, None]  # N x 1 x latent
    t = torch.linspace(0, 1, steps, device=start.device, dtype=start.dtype)[None, :, None]  # 1 x steps x 1
    if path == "straight":
        return start + (end - start) * t
    if path != "spherical":
        raise UserError(f"path {path!r}: there are straight and spherical")
    a, b = start.norm(dim=-1, keepdim=True), end.norm(dim=-1, keepdim=True)
    cosine = ((start * end).sum(-1, keepdim=True) / (a * b)).clamp(-1, 1)
    angle = torch.acos(cosine).clamp_min(1e-4)  # below that the two directions are one, and the formula 0/0
    direction = (torch.sin((1 - t) * angle) * start / a + torch.sin(t * angle) * end / b) / torch.sin(angle)
    return torch.mul(direction, a + (b - a) * t)


def mean(exemplars: Tensor) -> Tensor:
    """The plain mean of a concept's exemplars (paper §6.3.2): … x N x latent -> … x latent.

    The mean of N random z is shorter than each of them, by a factor of about the root of N. Raises UserError for none.
    """
    if exemplars.ndim < 2 or not exemplars.shape[-2]:
        raise UserError("mean of a concept: no exemplars were chosen; choose at least one")
    return exemplars.mean(-2)


def combine(terms: list[Tensor], weights: Sequence[float] | Tensor = (1, -1, 1)) -> Tensor:
    """The weighted sum of `terms` (… x latent each): by default the first, minus the second, plus the third.

    weights: one for each term, or N x len(terms) for N sums at once. Raises UserError for another number of them.
    """
    weights = torch.as_tensor(weights, dtype=terms[0].dtype, device=terms[0].device)
    if weights.shape[-1] != len(terms):
        raise UserError(f"arithmetic: {len(terms)} terms and {weights.shape[-1]} weights; give one for each term")
    return sum((weights[..., i, None] * term for i, term in enumerate(terms)), start=torch.zeros(()))


@torch.no_grad()
def generate(generator: Generator, z: Tensor, labels: Tensor | None = None, batch: int = 256) -> Tensor:
    """G's images in its own output range, float32 N x C x S x S on G's device, computed in batches of `batch`.

    In `eval()` mode a z gives the same image in any batch; inside `networks.batch_statistics(generator)` it does not.
    """
    device = next(generator.parameters()).device
    parts = []
    for i in range(0, len(z), batch):
        y = None if labels is None else labels[i : i + batch].to(device)
        parts.append(generator(z[i : i + batch].to(device), y).float())
    return torch.cat(parts) if parts else torch.empty(0)


def generate_pixels(generator: Generator, z: Tensor, labels: Tensor | None = None, batch: int = 256) -> np.ndarray:
    """`generate` as a NumPy uint8 array N x C x S x S, for figures and distances. A GPU holds one batch of them at a time."""
    parts = [(z[i : i + batch], None if labels is None else labels[i : i + batch]) for i in range(0, len(z), batch)]
    pixels = [to_pixels(generate(generator, *part, batch), generator.architecture).cpu().numpy() for part in parts]
    return np.concatenate(pixels) if pixels else np.empty(0, np.uint8)
