"""What does a point of z space draw, and what lies between two points? (Paper §6.1)"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from dcgan_core.networks import Architecture, Generator, to_pixels


def sample(architecture: Architecture, count: int, rng: torch.Generator) -> Tensor:
    """`count` random z, count x latent, on the device of `rng`: uniform in (-1, 1), or standard normal (SVHN)."""
    shape = (count, architecture.latent)
    if architecture.latent_distribution == "normal":
        return torch.randn(shape, generator=rng, device=rng.device)
    return torch.rand(shape, generator=rng, device=rng.device) * 2 - 1


def walk(start: Tensor, end: Tensor, steps: int, path: Literal["straight", "spherical"] = "straight") -> Tensor:
    """`steps` points from `start` to `end`, both included. start, end: N x latent (or latent). Returns N x steps x latent.

    `spherical` turns the direction at an even angle and changes the length evenly (slerp): random z of a hundred numbers
    all have about the same length, and the middle of a straight line is shorter than any of them.
    """
    start, end = torch.atleast_2d(start)[:, None], torch.atleast_2d(end)[:, None]  # N x 1 x latent
    t = torch.linspace(0, 1, steps, device=start.device, dtype=start.dtype)[None, :, None]  # 1 x steps x 1
    if path == "straight":
        return start + (end - start) * t
    a, b = start.norm(dim=-1, keepdim=True), end.norm(dim=-1, keepdim=True)
    cosine = ((start * end).sum(-1, keepdim=True) / (a * b)).clamp(-1, 1)
    angle = torch.acos(cosine).clamp_min(1e-4)  # below that the two directions are one, and the formula 0/0
    direction = (torch.sin((1 - t) * angle) * start / a + torch.sin(t * angle) * end / b) / torch.sin(angle)
    return direction * (a + (b - a) * t)


@torch.no_grad()
def draw(generator: Generator, z: Tensor, labels: Tensor | None = None, batch: int = 256) -> Tensor:
    """G's images in its own output range, float32 N x C x S x S on G's device, computed in batches of `batch`.

    In `eval()` mode a z gives the same image in any batch; inside `batch_statistics(generator)` it does not.
    """
    device = next(generator.parameters()).device
    parts = []
    for i in range(0, len(z), batch):
        y = None if labels is None else labels[i : i + batch].to(device)
        parts.append(generator(z[i : i + batch].to(device), y).float())
    return torch.cat(parts) if parts else torch.empty(0)


def draw_pixels(generator: Generator, z: Tensor, labels: Tensor | None = None, batch: int = 256):
    """`draw` as a NumPy uint8 array N x C x S x S, for figures and distances."""
    return to_pixels(draw(generator, z, labels, batch), generator.architecture).cpu().numpy()
