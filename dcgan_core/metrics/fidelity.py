"""How far are samples from the data? Fréchet distance, precision and recall, in features that are given; FID."""

from pathlib import Path

import numpy as np
import torch
from scipy.spatial.distance import cdist

from dcgan_core.data.images import ImageData, Kept
from dcgan_core.errors import UserError, reason
from dcgan_core.intervals import Measurement, bootstrap, share, timed
from dcgan_core.metrics.memorisation import generate_samples
from dcgan_core.networks import Generator


def frechet(real: np.ndarray, samples: np.ndarray, seed: int = 0, *, draws: int = 100) -> Measurement:
    """Fréchet distance of two sets of features, N x D and M x D, each taken for a Gaussian: |m - n|² + tr(C + E - 2 (C E)^½).

    It means: 0 for sets of the same mean and covariance, growing with any difference of either. It is biased upwards where
    there are few images (10,000 are usual; below ten times D it says little), so compare at equal numbers only;
    `real_with_real` in `details`, the distance of two halves of the real set, shows how large that bias is. It misleads where
    features are not Gaussian: it sees means and covariances alone, and a set of blurred averages with the right spread can
    score well. The interval is the value ± half the spread of bootstrap draws, since each draw is itself biased upwards.
    Raises UserError for sets of fewer than two.
    """
    _check_features(real, samples, 2)
    value, low, high = bootstrap(_frechet, real, samples, seed=seed, draws=draws)
    margin, half = (high - low) / 2, len(real) // 2
    details: dict[str, float] = {"real": len(real)}
    if half >= 2:
        order = np.random.default_rng(seed).permutation(len(real))
        details["real_with_real"] = _frechet(real[order[:half]], real[order[half:]])
    return Measurement(value, max(0.0, value - margin), value + margin, len(samples), details=details)


def _frechet(a: np.ndarray, b: np.ndarray) -> float:
    c, e = np.atleast_2d(np.cov(a, rowvar=False)), np.atleast_2d(np.cov(b, rowvar=False))
    values, vectors = np.linalg.eigh(c)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    # the eigenvalues of C E are those of C^½ E C^½, which is symmetric
    middle = np.sqrt(np.linalg.eigvalsh(root @ e @ root).clip(0)).sum()
    return max(0.0, float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(c) + np.trace(e) - 2 * middle))


def precision_recall(real: np.ndarray, samples: np.ndarray, k: int = 3) -> dict[str, Measurement]:
    """k-nearest-neighbour precision and recall (Kynkäänniemi et al. 2019).

    Around each image of a set lies a ball that reaches to its k-th nearest neighbour in the set. `precision`: the share
    of samples inside some real image's ball, so how many look real. `recall`: the share of real images inside some sample's
    ball, so how much of the data samples reach.

    real, samples: features, N x D and M x D; equal N and M, a few thousand each, are usual, and the numbers depend on them:
    more images make smaller balls. Two sets of the same distribution do not score 1 but about 0.8 to 0.95 (measure the real
    data with other real data). They mislead in this: one outlier's large ball lets anything in, and recall can be had with a
    few wide-spread poor samples. Intervals are Wilson's over the images counted; they ignore that the balls are random, too.
    Raises UserError where a set has not more than k images.
    """
    _check_features(real, samples, k + 1)
    # the k-th nearest other one: the nearest of all is the row itself
    ball_of_real, ball_of_sample = (np.partition(cdist(x, x), k, axis=1)[:, k].copy() for x in (real, samples))
    apart = cdist(real, samples)
    shares = {"precision": (apart <= ball_of_real[:, None]).any(0), "recall": (apart <= ball_of_sample).any(1)}
    details = {"k": k, "real": len(real), "samples": len(samples)}
    return {name: Measurement(*share(flags), len(flags), details=details) for name, flags in shares.items()}


def _check_features(real: np.ndarray, samples: np.ndarray, least: int) -> None:
    if real.ndim != 2 or samples.ndim != 2 or real.shape[1] != samples.shape[1]:
        raise UserError(f"features: expected N x D and M x D, got {real.shape} and {samples.shape}")
    if min(len(real), len(samples)) < least:
        raise UserError(f"features: at least {least} images of each are needed, got {len(real)} and {len(samples)}")
    if not (np.isfinite(real).all() and np.isfinite(samples).all()):
        raise UserError("features: some are NaN or infinite")


# --- Inception, optional ----------------------------------------------------------------------------------------------


def inception(
    generator: Generator, data: ImageData, count: int = 10_000, seed: int = 0, weights: Path | None = None
) -> Measurement:
    """The usual FID: Fréchet distance in Inception's features, by torch-fidelity, of `count` samples with all of `data`.

    It downloads Inception's weights on first use; `weights` is a file that has them already. It is what papers report, mostly
    with 50,000 samples; with fewer it is larger. It misleads far from photographs of ImageNet's kind, such as faces or digits,
    and small images are first enlarged to 299 pixels. Without an interval (low and high are the value): one takes hours.
    Raises UserError without torch-fidelity, or where the weights cannot be had or are of another net.
    """
    try:
        import torch_fidelity
    except ImportError:
        raise UserError("FID needs the package torch-fidelity: pip install 'dcgan-core[fid]'. The book does without") from None
    if weights and not weights.is_file():
        raise UserError(f"`weights` {weights}: no such file")
    if count < 2:
        raise UserError(f"`count` {count}: at least 2")
    if weights:
        try:
            torch.load(weights, map_location="cpu", weights_only=True)
        except Exception as error:  # torch.load raises pickle's, zip's and its own errors
            raise UserError(f"`weights` {weights}: no file of weights ({reason(error)})") from None
    device = next(generator.parameters()).device
    with timed() as seconds:
        options = {"feature_extractor_weights_path": str(weights)} if weights else {}
        try:
            values = torch_fidelity.calculate_metrics(
                input1=_Coloured(generate_samples(generator, count, seed)),
                input2=_Coloured(data.images),
                fid=True,
                cuda=device.type == "cuda",
                verbose=False,
                **options,
            )
        except OSError as error:  # no network, a full disk; urllib's errors are of this kind too
            raise UserError(
                f"Inception's weights cannot be had ({reason(error)}); put the file somewhere and name it with `weights`"
            ) from None
        except RuntimeError as error:
            if not weights or "state_dict" not in str(error):
                raise
            raise UserError(f"`weights` {weights}: not those of Inception that torch-fidelity uses") from None
        value = float(values["frechet_inception_distance"])
        return Measurement(value, value, value, count, seconds(), {"real": len(data), "data": data.name, "split": data.split})


class _Coloured(torch.utils.data.Dataset):
    """Images as torch-fidelity wants them: uint8, 3 x S x S each."""

    def __init__(self, images: np.ndarray | Kept) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(np.array(self.images[index])).expand(3, -1, -1)
