"""Does G know what it draws? What a linear probe reads off z, off G's layers and off D's, on G's own samples."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dcgan_core import intervals, latent, networks
from dcgan_core.intervals import Measurement
from dcgan_core.networks import Generator
from dcgan_core.probes.features import estimate_on, pool_maps, pooled_features
from dcgan_core.readers import judges
from dcgan_core.runs import Run

RUNS = ("drawn-rooms", "drawn-portraits", "drawn-sprites")
SAMPLES = (6000, 2000, 4000)  # to learn from, to choose with, to score on
NUMBERS = 100  # of every kind of features, as many as z has: the first principal components of its pooled maps
RIDGES = (1e-3, 1e-2, 1e-1, 1.0)  # added to each feature's variance, 1; the validation samples choose
RARE = 0.02  # what fewer samples show, or lack, is not probed
UNTRAINED_SEED = 1  # of the nets with random weights


@torch.no_grad()
def describe(run: Run, z: Tensor) -> tuple[np.ndarray, Iterator[tuple[str, Tensor]]]:
    """The images of z (uint8 N x C x S x S), and every kind of features of them: names and N x numbers, one kind at a time.

    Maps are pooled to 4 x 4, as §5.1 pools D's. The untrained nets have the same shape, random weights, and batchnorm
    statistics of these same inputs; the untrained G gets the same z, the untrained D the same images.
    """
    g, a = run.generator(), run.architecture
    images = latent.generate_pixels(g, z)
    untrained_g, untrained_d = networks.build(a, UNTRAINED_SEED)
    networks.estimate_batchnorm(untrained_g, ((part,) for part in z.split(256)))
    d = run.discriminator(will_estimate_batchnorm=True)
    for net in (d, untrained_d):
        estimate_on(net, images, progress=False)
    x = networks.to_input(torch.from_numpy(images), a)

    def kinds() -> Iterator[tuple[str, Tensor]]:
        yield "z", z
        yield "pixels", F.adaptive_avg_pool2d(x, 16).flatten(1)
        for whose, net in (("G", g), ("untrained G", untrained_g.eval())):
            for i in range(len(a.widths)):  # without the image
                yield f"{whose}, layer {i + 1}", _of_layer(net, z, i)
        for whose, net_d in (("D", d), ("untrained D", untrained_d)):
            for i in range(len(a.widths)):
                of_part = partial(pooled_features, net_d, layers=[i])
                yield f"{whose}, layer {i + 1}", torch.cat([of_part(part) for part in x.split(256)])

    return images, kinds()


@torch.no_grad()
def _of_layer(g: Generator, z: Tensor, layer: int) -> Tensor:
    return torch.cat([pool_maps(g.features(part)[layer]) for part in z.split(256)])


# --- a linear probe ---------------------------------------------------------------------------------------------------


def balanced_accuracy(said: np.ndarray, true: np.ndarray) -> float:
    """Of N x S statements: the mean over the S of the share right where it is true and where it is not. A guess gives 0.5."""
    right, there = said == true, true.sum(0)
    yes, no = (right & true).sum(0) / np.maximum(there, 1), (right & ~true).sum(0) / np.maximum(len(true) - there, 1)
    return float((yes + no).mean() / 2)


def read_off(x: Tensor, true: np.ndarray, sizes: tuple[int, int, int]) -> tuple[float, np.ndarray]:
    """Fisher's linear discriminant of each statement learns from the first `sizes[0]` of N x D rows; the next choose its ridge.

    true: N x S. Returns the score of the choice, and the answers for the rows that are left, bool.
    """
    first, second = sizes[0], sizes[0] + sizes[1]
    x = (x - x[:first].mean(0)) / x[:first].std(0).clamp_min(1e-6)
    y = torch.from_numpy(true[:first]).float()
    yes, no = (x[:first].T @ (side / side.sum(0)) for side in (y, 1 - y))  # D x S: the means of both sides
    covariance = x[:first].T @ x[:first] / first
    best, answers = -1.0, np.empty(0)
    for ridge in RIDGES:
        w = torch.linalg.solve(covariance + ridge * torch.eye(x.shape[1]), yes - no)
        said = (x @ w > ((yes + no) * w).sum(0) / 2).numpy()
        if (score := balanced_accuracy(said[first:second], true[first:second])) > best:
            best, answers = score, said[second:]
    return best, answers


def reduced(x: Tensor, first: int, numbers: int = NUMBERS, seed: int = 0) -> Tensor:
    """The first principal components of standardised features (as the first rows have them): N x D -> N x `numbers`."""
    if x.shape[1] <= numbers:
        return x
    x = (x - x[:first].mean(0)) / x[:first].std(0).clamp_min(1e-6)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        directions = torch.pca_lowrank(x[:first], numbers + 20, center=False, niter=4)[2]
    return x @ directions[:, :numbers]


def probe_generator(run: Run, *, sizes: tuple[int, int, int] = SAMPLES, seed: int = 0) -> dict[str, Measurement]:
    """The three claims on a run, by the name of the claim. What is true of a sample is what the judge of its set says of it.

    Each net's layer is chosen on validation samples, and scored on others; so is the probe's ridge. Intervals draw the samples
    scored on anew, for both sides of a difference at once.
    """
    with intervals.timed() as seconds:
        z = latent.sample(run.architecture, sum(sizes), torch.Generator().manual_seed(seed))
        images, kinds = describe(run, z)
        said = judges.statements(judges.load_judge(run.data_name, size=run.architecture.size), images)
        said = {k: v > 0.5 for k, v in said.items() if RARE < (v > 0.5)[: sizes[0]].mean() < 1 - RARE}
        true, chosen_by, answers, table = np.stack(list(said.values()), 1), {}, {}, {}
        for name, x in kinds:
            chosen_by[name], answers[name] = read_off(reduced(x, sizes[0], seed=seed), true, sizes)
            whole = answers[name] if x.shape[1] <= NUMBERS else read_off(x, true, sizes)[1]
            scores = (balanced_accuracy(got, true[-sizes[2] :]) for got in (answers[name], whole))
            table[name] = dict(zip(("reduced", "whole"), (round(s, 4) for s in scores), strict=True)) | {"numbers": x.shape[1]}
        best = {
            whose: max((name for name in answers if name.startswith(f"{whose}, ")), key=chosen_by.__getitem__)
            for whose in ("G", "D", "untrained G", "untrained D")
        }
        test = true[-sizes[2] :]
        details = {"features": table, "best": best, "statements": list(said), "samples": sizes}
        each = {k: round(balanced_accuracy(answers["z"][:, [i]], test[:, [i]]), 4) for i, k in enumerate(said)}
        read = intervals.bootstrap(lambda rows: balanced_accuracy(*rows.swapaxes(0, 1)), np.stack([answers["z"], test], 1))
        found = {"z": Measurement(*read, len(test), details=details | {"of_z": each})}
        for claim, other in (("layer", "D"), ("untrained", "untrained G")):
            found[claim] = gain(answers[best["G"]], answers[best[other]], test)
            found[claim].details = {"best": best}
    for measurement in found.values():
        measurement.seconds = seconds()
    return found


def gain(ours: np.ndarray, theirs: np.ndarray, true: np.ndarray) -> Measurement:
    """By how much our answers (N x S) are better than theirs to the same questions, in balanced accuracy."""

    def difference(rows: np.ndarray) -> float:
        a, b, t = rows.swapaxes(0, 1)
        return balanced_accuracy(a, t) - balanced_accuracy(b, t)

    return Measurement(*intervals.bootstrap(difference, np.stack([ours, theirs, true], 1)), len(true))
