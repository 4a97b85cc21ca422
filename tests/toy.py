"""Generators in which it is known which map draws what, or what a z draws, and an eye that reads the pictures without fail."""

import numpy as np
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from dcgan_core.networks import Architecture, Generator

TOY = Architecture(16, 3, (4, 4), (2, 2), kernel=4, latent=2, norm_eps=0.0)
WINDOW, WALL, LAMP, NOTHING = range(4)  # what the four maps draw
CORNER = (0, 0, 8, 8)  # where the window is
CONDITIONAL = Architecture(8, 1, (8,), (2,), kernel=4, latent=6, num_classes=10, hidden=16, output="sigmoid", norm_affine=False)


def generator() -> Generator:
    """Draws a red window in the upper left quarter where z[0] > 0, a green lamp in the lower right where z[1] > 0, a wall."""
    net = Generator(TOY).eval()
    units = torch.zeros(4, 4, 4, 2)
    units[WINDOW, :2, :2, 0] = 4.0
    units[LAMP, 2:, 2:, 1] = 4.0
    with torch.no_grad():
        dense = net.dense[0]
        dense.layer.weight.copy_(units.flatten(0, 2))
        dense.norm.weight.fill_(1.0)
        dense.norm.bias.copy_((torch.arange(4) == WALL).float().repeat_interleave(16))
        for stage in net.convs:
            stage.layer.weight.zero_()
        for i in range(4):
            net.convs[0].layer.weight[i, i, 1:3, 1:3] = 1.0  # each map twice as large
        net.convs[0].norm.weight.fill_(1.0)
        net.convs[1].layer.weight[WINDOW, 0, 1:3, 1:3] = 1.0
        net.convs[1].layer.weight[LAMP, 1, 1:3, 1:3] = 1.0
        net.convs[1].layer.weight[WALL, 2, 1:3, 1:3] = 0.2
    return net


class Eye:
    """Reads the toy's pictures without fail; a finder and a judge in one."""

    name, size, objects = "drawn-rooms", 16, ("lamp", "window")

    def __call__(self, pixels):
        pixels = pixels.float()
        window, lamp = (torch.full((len(pixels), 16, 16), -9.0) for _ in range(2))
        window[:, :8, :8] = (pixels[:, 0, :8, :8] - 160) / 10
        lamp[:, 8:, 8:] = (pixels[:, 1, 8:, 8:] - 160) / 10
        return torch.stack([lamp, window], 1)

    def read(self, images):
        none = np.zeros(len(images))
        seen = {"window": images[:, 0, :8, :8], "lamp": images[:, 1, 8:, 8:]}
        seen = {what: (part.mean((1, 2)) > 160).astype(float) for what, part in seen.items()}
        return {"bed": none, "door": none, "picture": none, "light": none + 0.7, **seen}

    def boxes(self, images, what):
        where = {"window": CORNER, "lamp": (8, 8, 8, 8)}
        return (
            [(where[what],) if there else () for there in self.read(images)[what] > 0.5]
            if what in where
            else [()] * len(images)
        )


def pictures(count: int, seed: int, size: int = 8, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, channels, size, size), np.uint8)


def brute(references, labels, queries) -> np.ndarray:
    """scikit-learn's labels of the nearest references, in double precision."""
    flat = [x.reshape(len(x), -1).astype(np.float64) for x in (references, queries)]
    return KNeighborsClassifier(1, algorithm="brute").fit(flat[0], labels).predict(flat[1])


class Stub(nn.Module):
    """A generator that is any function of z."""

    def __init__(self, function, latent: int = 4, size: int = 8) -> None:
        super().__init__()
        self.architecture = Architecture(size, 1, (4,), (2,), latent=latent)
        self.function = function
        self.nothing = nn.Parameter(torch.zeros(1))

    def forward(self, z, labels=None):
        return self.function(z)


def picker(pool: np.ndarray) -> Stub:
    """Draws pictures of `pool`, which of them depends on the first number of z."""
    images = torch.from_numpy(pool).float() / 127.5 - 1
    return Stub(lambda z: images[((z[:, 0] + 1) / 2 * len(images)).long().clamp(0, len(images) - 1)])
