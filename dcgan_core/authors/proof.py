"""Does our net compute what the authors' arrays say? An independent pass in NumPy."""

import copy

import numpy as np
import torch

from dcgan_core import latent, networks
from dcgan_core.authors import importing, reading
from dcgan_core.authors.reading import Released
from dcgan_core.errors import UserError
from dcgan_core.intervals import Measurement
from dcgan_core.runs import Run


def numpy_generator(released: Released, z: np.ndarray) -> np.ndarray:
    """The images of z (N x latent) by NumPy alone, in float64, from the arrays as they are stored, with batch statistics.

    Shares nothing with `networks`: a transposed convolution is a sum over windows of the input with zeros between its pixels.
    Theano flips the kernel in the convolution that this is the transpose of, so here it is used as stored.
    """
    weights = [x.astype(np.float64) for x in released.arrays["generator"].values()]
    a = released.architecture
    h = _normalise(z.astype(np.float64) @ weights[0], *weights[1:3]).reshape(-1, *a.base)
    for i, stride in enumerate(reversed(a.strides)):
        kernel, *norm = weights[3 + 3 * i : 6 + 3 * i]
        h = np.stack([_spread(image, kernel, stride) for image in h])
        h = _normalise(h, *norm) if norm else np.tanh(h)
    return h


def _normalise(x: np.ndarray, gains: np.ndarray, biases: np.ndarray) -> np.ndarray:
    """Batchnorm, then ReLU."""
    axes, shape = (0, 2, 3)[: x.ndim - 1], (1, -1, 1, 1)[: x.ndim]
    x = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + reading.EPS)
    return np.maximum(x * gains.reshape(shape) + biases.reshape(shape), 0)


def _spread(image: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """image: in x s x s, kernel: in x out x k x k. Returns out x (s * stride) x (s * stride)."""
    channels, side, _ = image.shape
    k, size = kernel.shape[-1], side * stride
    before = k - 1 - (k - 1) // 2
    zeros = np.zeros((channels, size + k - 1, size + k - 1))
    zeros[:, before : before + size : stride, before : before + size : stride] = image
    windows = np.lib.stride_tricks.sliding_window_view(zeros, (k, k), (1, 2))  # in x size x size x k x k
    return np.tensordot(kernel, windows, ((0, 2, 3), (0, 3, 4)))


@torch.no_grad()
def max_abs_diff(run: Run, images: int, seed: int = 0) -> Measurement:
    """The largest difference of any pixel value (-1 to 1) between the run's generator and `numpy_generator`.

    Both use the same z and batch statistics, in batches of 128 (`images` is rounded up to whole ones). `details` has the same
    for our net in double precision: what is left there is no rounding. Raises UserError where the arrays are not at hand.
    """
    # on the CPU, because GPUs round convolutions to fewer digits; channels-last batchnorm on the CPU loses one more
    generator = run.generator().to(memory_format=torch.contiguous_format)
    double = copy.deepcopy(generator).double()
    noted = run.info["authors"]
    released = reading.read(noted["folder"])
    if released.sha256 != noted["arrays"]:
        raise UserError(f"{noted['folder']}: holds other arrays than those imported into {run.path}; import again")
    rng = torch.Generator().manual_seed(seed)
    single, exact, spread = [], [], []
    with networks.batch_statistics(generator, double):
        for _ in range(-(-images // importing.BATCH)):
            z = latent.sample(run.architecture, importing.BATCH, rng)
            expected = numpy_generator(released, z.numpy())
            single.append(float(np.abs(generator(z).numpy() - expected).max()))
            exact.append(float(np.abs(double(z.double()).numpy() - expected).max()))
            spread.append(float(expected.std()))
    value, details = max(single), {"in_double_precision": max(exact), "spread_of_pixels": float(np.mean(spread))}
    return Measurement(value, value, value, len(single) * importing.BATCH, details=details)
