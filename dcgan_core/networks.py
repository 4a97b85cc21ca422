"""What are the two nets? (Paper §3)

`Architecture` says everything about their shape. `Generator` and `Discriminator` are built from it and mirror each other:

    G: z -> project -> widths[-1] x s x s -> ... -> widths[0] x S/strides[0] x S/strides[0] -> channels x S x S
    D: image -> widths[0] x S/strides[0] x S/strides[0] -> ... -> widths[-1] x s x s -> one logit

The guidelines of §3, where to find them below: strides instead of pooling (`resample`), batchnorm in both nets but not on
G's output and D's input (`norm`), no fully connected hidden layers (`hidden=0`; the MNIST net has one), ReLU and tanh in G,
LeakyReLU in D (`leak`, `d_activation`). Each can be switched off, to see what it is good for (`ablations`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from dcgan_core.errors import UserError


@dataclass(frozen=True)
class Architecture:
    """The shape of both nets. The defaults are those of the LSUN generator of Fig 1 and the authors' faces code.

    Raises UserError if the values contradict each other.
    """

    size: int = 64  # images are size x size pixels
    channels: int = 3  # 3: RGB, 1: grey
    widths: tuple[int, ...] = (128, 256, 512, 1024)  # feature maps of D's conv layers, image side first; G mirrors them
    strides: tuple[int, ...] = (2, 2, 2, 2)  # of D's conv layers, one for each width
    kernel: int = 5  # side of the convolution kernels, pixels
    latent: int = 100  # numbers in z
    latent_distribution: Literal["uniform", "normal"] = "uniform"  # uniform in (-1, 1), or standard normal
    num_classes: int = 0  # > 0: class-conditional, with one-hot labels joined to the input of every layer
    hidden: int = 0  # > 0: one fully connected hidden layer of this width in each net (the MNIST net)
    hidden_layers: int = 1  # how many of them; without widths the nets are fully connected
    output: Literal["tanh", "sigmoid"] = "tanh"  # images in [-1, 1], or in [0, 1]
    norm_affine: bool = True  # batchnorm with gain and bias
    norm_eps: float = 1e-5  # added to the variance
    leak: float = 0.2  # slope of D's LeakyReLU for negative inputs
    head: bool = True  # D gives a logit; False: it ends at its last conv layer (the incomplete ImageNet D)
    # Against the guidelines, to see what they are good for:
    resample: Literal["strides", "pooling"] = "strides"  # pooling: max-pooling in D, nearest-neighbour upsampling in G
    norm: Literal["inner", "none", "everywhere"] = "inner"  # batchnorm; inner: not on G's output and D's input; none: biases
    d_activation: Literal["leaky_relu", "sigmoid"] = "leaky_relu"  # of D's hidden layers; leak=0 makes it a ReLU

    def __post_init__(self) -> None:
        for name in ("size", "channels", "kernel", "latent"):
            if getattr(self, name) < 1:
                raise UserError(f"architecture: {name} must be at least 1, got {getattr(self, name)}")
        if self.num_classes < 0 or self.hidden < 0 or self.norm_eps < 0:
            raise UserError("architecture: num_classes, hidden and norm_eps cannot be negative")
        if self.hidden_layers < 1:
            raise UserError(f"architecture: hidden_layers must be at least 1, got {self.hidden_layers}; for none, hidden=0")
        if not self.widths and not (self.hidden and self.head):
            raise UserError("architecture: a net without widths has no convolutions; it needs hidden layers and a head")
        if min(self.widths, default=1) < 1:
            raise UserError(f"architecture: widths must be positive numbers, got {list(self.widths)}")
        if len(self.strides) != len(self.widths) or min(self.strides, default=1) < 1:
            raise UserError(f"architecture: strides {list(self.strides)} need one number >= 1 for each of {list(self.widths)}")
        if self.size % prod(self.strides):
            raise UserError(
                f"architecture: images of {self.size} pixels cannot be divided by strides {list(self.strides)};"
                f" the size must be a multiple of {prod(self.strides)}"
            )
        for stride in self.strides if self.resample == "strides" else (1,):
            if not 0 <= self.output_padding(stride) < max(stride, 2):
                raise UserError(f"architecture: kernel {self.kernel} cannot go with stride {stride}; use an odd kernel")

    @property
    def padding(self) -> int:
        return (self.kernel - 1) // 2

    def output_padding(self, stride: int) -> int:
        """Extra padding on one side, so that a transposed convolution multiplies the size by exactly `stride`."""
        return stride - self.kernel + 2 * self.padding

    @property
    def base(self) -> tuple[int, int, int]:
        """Shape of the feature maps that z is projected to in G and D's head reads; without conv layers, the image's."""
        if not self.widths:
            return (self.channels, self.size, self.size)
        side = self.size // prod(self.strides)
        return (self.widths[-1], side, side)

    @classmethod
    def for_images(cls, size: int, channels: int = 3) -> Architecture:
        """The default net for a data set of this size: kernel 4, stride 2 down to between 4 and 7 pixels, widths 64, 128, …"""
        layers, side = 0, size
        while side % 2 == 0 and side >= 8:
            layers, side = layers + 1, side // 2
        if not layers or side > 7:
            raise UserError(f"no default architecture for {size} px images: use 4, 5, 6 or 7 times a power of two")
        return cls(size, channels, widths=tuple(min(64 * 2**i, 512) for i in range(layers)), strides=(2,) * layers, kernel=4)


ARCHITECTURES = {
    # Fig 1, and the authors' faces/train_uncond_dcgan.py
    "lsun64": Architecture(),
    # imagenet/load_pretrained.py: not Fig 1's net. Its conv layers pool to the 28,672 features of §5.1
    "imagenet32": Architecture(32, 3, (128, 128, 256, 256, 512, 512), (1, 2, 1, 2, 1, 2), kernel=3, latent=256),
    # svhn/: gaussian z
    "svhn32": Architecture(32, 3, (64, 128, 256), (2, 2, 2), latent_distribution="normal"),
    # mnist/train_cond_dcgan.py: class-conditional, a hidden layer, sigmoid, batchnorm without gain and bias
    "mnist28": Architecture(28, 1, (64, 128), (2, 2), num_classes=10, hidden=1024, output="sigmoid", norm_affine=False),
    # the supplement's baseline: fully connected, so that shuffling the pixels would change nothing; no batchnorm in D
    "mnist28-fc": Architecture(28, 1, (), (), num_classes=10, hidden=512, hidden_layers=2, output="sigmoid", norm_affine=False),
    # for CPUs: half of Fig 1's widths, and a kernel that the stride divides (no uneven overlap, a third less work)
    "small32": Architecture(32, 3, (64, 128, 256), (2, 2, 2), kernel=4),
    "small64": Architecture(64, 3, (64, 128, 256, 512), (2, 2, 2, 2), kernel=4),
}


class Stage(nn.Module):
    """One layer as the paper counts them: a linear map or convolution without bias, batchnorm or none, an activation."""

    def __init__(self, layer: nn.Module, norm: nn.Module | None, activation: nn.Module | None) -> None:
        super().__init__()
        self.layer = layer
        self.norm = norm or nn.Identity()
        self.activation = activation or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.activation(self.norm(self.layer(x)))
        return y


def batchnorm(a: Architecture, outputs: int, images: bool, *, edge: bool = False) -> nn.Module | None:
    """A layer's batchnorm, or None. `images`: of feature maps, not of units. `edge`: the layer is G's last or D's first."""
    if a.norm == "none" or (edge and a.norm == "inner"):
        return None
    return (nn.BatchNorm2d if images else nn.BatchNorm1d)(outputs, eps=a.norm_eps, affine=a.norm_affine)


def growing(a: Architecture, inputs: int, outputs: int, stride: int) -> nn.Module:
    """G's layer that enlarges feature maps by `stride`: a transposed convolution, or upsampling and a convolution."""
    bias = a.norm == "none"
    if a.resample == "pooling":
        return nn.Sequential(nn.Upsample(scale_factor=stride), nn.Conv2d(inputs, outputs, a.kernel, 1, a.padding, bias=bias))
    extra = a.output_padding(stride)
    return nn.ConvTranspose2d(inputs, outputs, a.kernel, stride, a.padding, output_padding=extra, bias=bias)


def shrinking(a: Architecture, inputs: int, outputs: int, stride: int) -> nn.Module:
    """D's layer that shrinks feature maps by `stride`: a strided convolution, or a convolution and max-pooling."""
    bias = a.norm == "none"
    if a.resample == "pooling":
        return nn.Sequential(nn.Conv2d(inputs, outputs, a.kernel, 1, a.padding, bias=bias), nn.MaxPool2d(stride))
    return nn.Conv2d(inputs, outputs, a.kernel, stride, a.padding, bias=bias)


class Generator(nn.Module):
    """Generates images from z (paper §3).

    The weights are drawn by `rng`: N(0, 0.02), batchnorm gains N(1, 0.02) (paper §4; gains from the authors' code).
    """

    def __init__(self, architecture: Architecture, rng: torch.Generator | None = None) -> None:
        super().__init__()
        a = self.architecture = architecture
        units = prod(a.base)
        self.dense = nn.ModuleList()
        inputs = a.latent
        image = {"tanh": nn.Tanh, "sigmoid": nn.Sigmoid}[a.output]
        for outputs in ([a.hidden] * a.hidden_layers if a.hidden else []) + ([units] if a.widths else []):
            # batchnorm is per unit here, before the reshape (authors' code)
            linear = nn.Linear(inputs + a.num_classes, outputs, bias=a.norm == "none")
            self.dense.append(Stage(linear, batchnorm(a, outputs, images=False), nn.ReLU()))
            inputs = outputs
        if not a.widths:
            linear = nn.Linear(inputs + a.num_classes, units, bias=a.norm == "none")
            self.dense.append(Stage(linear, batchnorm(a, units, images=False, edge=True), image()))
        self.convs = nn.ModuleList()
        for i in reversed(range(len(a.widths))):
            outputs = a.widths[i - 1] if i else a.channels
            conv = growing(a, a.widths[i] + a.num_classes, outputs, a.strides[i])
            self.convs.append(Stage(conv, batchnorm(a, outputs, True, edge=not i), nn.ReLU() if i else image()))
        initialise(self, rng)

    def features(self, z: Tensor, labels: Tensor | None = None) -> list[Tensor]:
        """What z is projected to, then each conv layer's feature maps after its activation; the last are the images."""
        y = one_hot(self.architecture, labels)
        h: Tensor = z
        for stage in self.dense:
            h = stage(join(h, y))  # N x hidden; N x units
        maps = [h.unflatten(1, self.architecture.base)]  # N x widths[-1] x side x side
        for stage in self.convs:
            maps.append(stage(join(maps[-1], y)))  # N x widths[i - 1] x (side * stride) ...
        return maps

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """z: N x latent. labels: N classes, for nets with classes. Returns N x channels x size x size, in [-1, 1] or [0, 1]."""
        return self.features(z, labels)[-1]

    def sample(self, count: int, *, seed: int = 0, labels: Iterable[int] | None = None) -> Tensor:
        """`count` images in G's output range, float32 N x C x S x S on its device. A seed means the same z everywhere.

        labels: classes, repeated as needed (default: each in turn). Raises UserError for a class that the net does not have.
        """
        from dcgan_core import latent  # which imports this module

        z = latent.sample(self.architecture, count, torch.Generator().manual_seed(seed))
        return latent.generate(self, z, latent.classes(self.architecture, count, labels))


class Discriminator(nn.Module):
    """Tells real images from generated ones: one logit per image, > 0 for real (paper §3). `rng` as in Generator."""

    def __init__(self, architecture: Architecture, rng: torch.Generator | None = None) -> None:
        super().__init__()
        a = self.architecture = architecture
        activation: Callable[[], nn.Module] = nn.Sigmoid if a.d_activation == "sigmoid" else partial(nn.LeakyReLU, a.leak)
        self.convs = nn.ModuleList()
        inputs = a.channels
        for i, outputs in enumerate(a.widths):
            conv = shrinking(a, inputs + a.num_classes, outputs, a.strides[i])
            self.convs.append(Stage(conv, batchnorm(a, outputs, True, edge=not i), activation()))
            inputs = outputs
        self.dense = nn.ModuleList()
        inputs = prod(a.base)
        for _ in range(a.hidden_layers if a.hidden and a.head else 0):
            linear = nn.Linear(inputs + a.num_classes, a.hidden, bias=a.norm == "none")
            # without convolutions no batchnorm, as in the first GANs: with it, D told every batch of samples from data at once
            norm = batchnorm(a, a.hidden, images=False, edge=not a.widths)
            self.dense.append(Stage(linear, norm, activation()))
            inputs = a.hidden
        if a.head:
            self.dense.append(Stage(nn.Linear(inputs + a.num_classes, 1, bias=False), None, None))
        initialise(self, rng)

    def features(self, x: Tensor, labels: Tensor | None = None) -> list[Tensor]:
        """Each conv layer's feature maps, after its activation, image side first: N x widths[i] x S_i x S_i (paper §5.1)."""
        y = one_hot(self.architecture, labels)
        maps = []
        for stage in self.convs:
            x = stage(join(x, y))
            maps.append(x)
        return maps

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """x: N x channels x size x size, scaled as G's output. Returns N logits; the sigmoid of §3 is in the loss.

        Raises UserError if the net has no head.
        """
        if not self.architecture.head:
            raise UserError("this discriminator has no head, so it gives no logits; use its features()")
        y = one_hot(self.architecture, labels)
        h = [x, *self.features(x, labels)][-1].flatten(1)  # N x units
        for stage in self.dense:
            h = stage(join(h, y))  # N x hidden; N x 1
        return h.squeeze(1)


def initialise(net: nn.Module, rng: torch.Generator | None = None) -> None:
    """Weights from N(0, 0.02), batchnorm gains from N(1, 0.02), biases 0."""
    for module in net.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0.0, 0.02, generator=rng)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, _BatchNorm) and module.affine:
            nn.init.normal_(module.weight, 1.0, 0.02, generator=rng)
            nn.init.zeros_(module.bias)


def build(architecture: Architecture, seed: int) -> tuple[Generator, Discriminator]:
    """Both nets, freshly initialised on the CPU (so that a seed means the same weights on every device)."""
    rng = torch.Generator().manual_seed(seed)
    return Generator(architecture, rng), Discriminator(architecture, rng)


def one_hot(architecture: Architecture, labels: Tensor | None) -> Tensor | None:
    if not architecture.num_classes:
        if labels is not None:
            raise UserError("this net has no classes; leave the labels out")
        return None
    if labels is None:
        raise UserError(f"this net has {architecture.num_classes} classes and needs a label for each image")
    return F.one_hot(labels.long(), architecture.num_classes).float()


def join(h: Tensor, y: Tensor | None) -> Tensor:
    """h with the one-hot labels appended to its channels: N x C [x H x W] -> N x (C + classes) [x H x W]."""
    if y is None:
        return h
    if h.ndim == 4:
        y = y[:, :, None, None].expand(-1, -1, *h.shape[2:])
    return torch.cat([h, y.to(h.dtype)], 1)


def to_input(pixels: Tensor, architecture: Architecture) -> Tensor:
    """uint8 pixels as the nets see them: float32 in [-1, 1] (tanh) or [0, 1] (sigmoid). No other preprocessing (§4)."""
    unit = pixels.float() / 255
    return unit * 2 - 1 if architecture.output == "tanh" else unit


def to_pixels(images: Tensor, architecture: Architecture) -> Tensor:
    """The inverse of `to_input`: images in G's output range -> uint8."""
    unit = (images + 1) / 2 if architecture.output == "tanh" else images
    return (unit * 255).round().clamp(0, 255).to(torch.uint8)


def norms(net: nn.Module) -> list[_BatchNorm]:
    return [m for m in net.modules() if isinstance(m, _BatchNorm)]


@contextmanager
def batch_statistics(*nets: nn.Module) -> Iterator[None]:
    """Inside `with`, batchnorm uses the statistics of the current batch and does not update the stored ones.

    The paper's nets train that way, and the authors' code samples that way too.
    """
    saved = [(m, m.training, m.track_running_stats) for net in nets for m in norms(net)]
    for module, _, _ in saved:
        module.train()
        module.track_running_stats = False
    try:
        yield
    finally:
        for module, training, track in saved:
            module.train(training)
            module.track_running_stats = track


@torch.no_grad()
def estimate_batchnorm(net: nn.Module, batches: Iterable[tuple[Any, ...]]) -> None:
    """Stores in every batchnorm the mean over `batches` of the batch mean and the (biased) batch variance.

    Each layer's input is computed with batch statistics below it, as in the authors' SVHN code. Each batch is a tuple of
    arguments for `net` (for its features, where D has no head). Afterwards, in `net.eval()`, a z gives the same
    image in any batch.
    """
    sums: dict[_BatchNorm, list[Any]] = {module: [0, 0.0, 0.0] for module in norms(net)}

    def accumulate(module: _BatchNorm, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0].float()
        variance, mean = torch.var_mean(x, dim=[d for d in range(x.ndim) if d != 1], correction=0)
        count, means, variances = sums[module]
        sums[module] = [count + 1, means + mean.cpu().double(), variances + variance.cpu().double()]

    hooks = [module.register_forward_pre_hook(accumulate) for module in sums]
    try:
        with batch_statistics(net):
            for batch in batches:
                all_layers(net)(*batch)
    finally:
        for hook in hooks:
            hook.remove()
    for module, (count, means, variances) in sums.items():
        if not count:
            raise ValueError("estimate_batchnorm needs at least one batch")
        module.get_buffer("running_mean").copy_(means / count)
        module.get_buffer("running_var").copy_(variances / count)


def all_layers(net: nn.Module) -> Callable[..., Any]:
    """What to call so that every layer runs: `net`, or the features of a D without a head."""
    return net.features if isinstance(net, Discriminator) and not net.architecture.head else net
