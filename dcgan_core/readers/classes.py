"""Of which class is an image? A small classifier, whose hidden units are the features of `metrics.fidelity`."""

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dcgan_core.data.images import ImageData
from dcgan_core.errors import UserError
from dcgan_core.readers import fitting
from dcgan_core.readers.fitting import Reader

FEATURES = 64  # numbers that the classifier says of an image


class FeatureNet(Reader):
    """Strided convolutions down to 4 to 7 pixels, FEATURES hidden units, a logit for each class. Raises UserError for tiny
    images."""

    kind, learning_rate = "classifier", 4e-3
    memory_format = torch.contiguous_format  # in another order of sums it would not be the net of the ablations' table

    def __init__(self, name: str, size: int, channels: int, classes: int) -> None:
        super().__init__(name, size, channels)
        if size < 8:
            raise UserError(f"{self.title}: images of {size} pixels are too small; at least 8")
        widths, side = [32], -(-size // 2)
        while side >= 8:
            widths, side = [*widths, min(2 * widths[-1], 128)], -(-side // 2)
        layers = fitting.classifier(size, tuple(widths), classes, channels=channels, kernel=3, hidden=FEATURES)
        self.body, self.head = layers[:-1], layers[-1]

    def describe(self, pixels: Tensor) -> Tensor:
        return self.body(pixels.float() / 127.5 - 1)

    def forward(self, pixels: Tensor) -> Tensor:
        """uint8 N x C x S x S -> N x classes, logits."""
        return self.head(self.describe(pixels))

    def features(self, images: np.ndarray) -> np.ndarray:
        """uint8 N x C x S x S -> float64 N x FEATURES. Raises UserError for images of another shape."""
        return torch.cat(self.answers(images, self.describe)).cpu().double().numpy()

    def vary(self, pixels: Tensor, rng: torch.Generator) -> Tensor:
        return pixels

    def order(self, count: int, steps: int, rng: torch.Generator) -> Iterator[Tensor]:
        """At random, with repetition."""
        numbers = np.random.default_rng(rng.initial_seed())
        for _ in range(steps):
            yield torch.from_numpy(np.sort(numbers.integers(0, count, min(self.batch, count))))


def train_classifier(data: ImageData, seed: int = 0, *, images: int = 60_000, device: torch.device | str = "cpu") -> FeatureNet:
    """A classifier, trained on `images` labelled images, taken at random with repetition. Seconds on a CPU for digits.

    Give it images that the metric does not see again. Raises UserError where the set has no labels.
    """
    if data.labels is None:
        raise UserError(f"{data.name}: has no classes, so no classifier can be trained on it; use a set with labels")
    net, labels = FeatureNet(data.name, data.size, data.channels, len(data.classes)), torch.from_numpy(data.labels)

    def loss(batch: Tensor, chosen: Tensor) -> Tensor:
        return F.cross_entropy(net(batch), labels[chosen].to(device))

    steps = max(1, images // min(net.batch, len(data)))
    fitting.fit_reader(net, data.images, loss, steps=steps, seed=seed, device=device)
    return net
