"""What a probe's features are compared with: raw pixels, K-means over patches."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dcgan_core.errors import UserError
from dcgan_core.probes.features import Features


def of_pixels(channels: int, size: int, device: torch.device | str = "cpu") -> Features:
    """The pixels themselves, from -1 to 1."""
    return Features("pixels", channels * size * size, lambda pixels: pixels.float().flatten(1) / 127.5 - 1, device)


def of_kmeans(images, centroids: int = 1600, seed: int = 0, device: torch.device | str = "cpu") -> Features:
    """The 1-layer K-means of Coates, Lee and Ng (2011), learnt from `images`: 4 numbers for each centroid.

    6x6 patches, brightness and contrast normalised, whitened (ZCA); K-means; every patch of an image (stride 1) gives each
    centroid max(0, mean distance - its distance); these are summed over the four quadrants.
    """
    from sklearn.cluster import MiniBatchKMeans

    rng = np.random.default_rng(seed)
    size, patch = images.shape[-1], 6
    if size < 2 * patch:
        raise UserError(f"K-means: images of {size} pixels are too small for patches of {patch}; use 12 or more")
    patches = min(400_000, len(images) * min(50, (size - patch + 1) ** 2))
    each = -(-patches // len(images))
    blocks = []
    for start in range(0, len(images), 1000):
        block = torch.from_numpy(np.array(images[start : start + 1000])).float()
        block = F.unfold(block, patch).transpose(1, 2)  # N x places x (channels * 36)
        places = torch.from_numpy(rng.integers(0, block.shape[1], (len(block), each)))
        blocks.append(block.gather(1, places[:, :, None].expand(-1, -1, block.shape[2])).flatten(0, 1))
    sample = torch.cat(blocks)
    sample = _contrast(sample[torch.from_numpy(rng.permutation(len(sample))[:patches])])
    mean = sample.mean(0)
    values, vectors = torch.linalg.eigh(torch.cov(sample.T.double()))
    whiten = ((vectors * (values.clamp_min(0) + 0.1).rsqrt()) @ vectors.T).float()
    learner = MiniBatchKMeans(
        centroids, batch_size=4096, max_iter=20, n_init=1, init_size=max(3 * centroids, 4096), random_state=seed
    )
    centres = torch.from_numpy(learner.fit(((sample - mean) @ whiten).numpy()).cluster_centers_).float().to(device)
    mean, whiten = mean.to(device), whiten.to(device)
    lengths, side = (centres * centres).sum(1), size - patch + 1
    halves = slice(0, (side + 1) // 2), slice((side + 1) // 2, None)

    def compute(pixels: Tensor) -> Tensor:
        parts = []
        for image in pixels.float().split(8):  # small enough for a CPU's cache
            x = F.unfold(image, patch).transpose(1, 2)  # N x places x (channels * 36)
            x = (_contrast(x) - mean) @ whiten
            distances = torch.addmm(lengths, x.flatten(0, 1), centres.T, alpha=-2).add_(x.flatten(0, 1).pow(2).sum(1, True))
            distances = distances.clamp_min_(0).sqrt_()
            active = torch.relu_(distances.neg_().sub_(distances.mean(1, True)))  # distances are negative by now
            active = active.view(len(image), side, side, -1)
            parts.append(torch.cat([active[:, r, c].sum((1, 2)) for r in halves for c in halves], 1))
        return torch.cat(parts)

    return Features("kmeans", 4 * centroids, compute, device, standardise=True)


def _contrast(patches: Tensor) -> Tensor:
    """Each patch (last axis, pixels 0 to 255) less its mean, over its deviation."""
    variance, mean = torch.var_mean(patches, -1, keepdim=True)
    return (patches - mean) / (variance + 10).sqrt()
