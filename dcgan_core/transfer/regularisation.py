"""Does regularising D make it general? Weight decay, dropout, spectral normalisation, on a thousand photographs. (Chapter 9.4)

The nets of a pair start from the same weights, and see the same photographs in the same order. What is measured uses others,
that no D has seen, and samples are judged by a classifier that was trained on others still.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from dcgan_core import latent, networks, pictures
from dcgan_core.ablations.measuring import Judged, five_digits
from dcgan_core.data import images, loading
from dcgan_core.data.images import ImageData
from dcgan_core.errors import UserError
from dcgan_core.files import read_json, write_atomically, write_json
from dcgan_core.metrics.memorisation import generate_samples
from dcgan_core.networks import Architecture, Discriminator
from dcgan_core.probes import features, protocols
from dcgan_core.probes.tasks import Task
from dcgan_core.runs import environment
from dcgan_core.training.config import Config
from dcgan_core.training.session import Event
from dcgan_core.training.update import State
from dcgan_core.transfer import pairs

NET = Architecture(32, 3, (16, 32, 64), (2, 2, 2), kernel=4)
CONFIG = Config("places-rooms", NET, batch=64, updates="both", images=102_400, precision="single", on_collapse="warn")
SEEDS, MOST_SEEDS = 5, 6
SEEN, HELD_OUT = 1000, 2000  # photographs: each pair has its own to see; held out for D's gap and for samples to reach
PROBE = (500, 2000, 2000)  # to choose C, to fit, to score
DECAY, DROPOUT = 0.03, 0.3
GAP_EVERY = 10_000  # images between two looks at D's gap; the mean of the last three counts
SAMPLES = 2000
MEANS = ("preferred", "seen", "held_out", "frechet", "precision", "recall", "probe")


# --- the arms: each changes what an update does ---------------------------------------------------------------------


def weight_decay(state: State) -> None:
    """L2: DECAY times each of D's weights is added to its gradient."""
    for group in state.optimizer_d.param_groups:
        group["weight_decay"] = DECAY


def dropout(state: State) -> None:
    """After each conv layer of D, a share DROPOUT of its numbers is 0 while training, and the others are larger for it."""

    def drop(stage: nn.Module, inputs: tuple[Tensor, ...], maps: Tensor) -> Tensor:
        if not stage.training:
            return maps
        return maps * (torch.rand(maps.shape, generator=state.rng) >= DROPOUT) / (1 - DROPOUT)

    for stage in state.discriminator.convs:
        stage.register_forward_hook(drop)


def spectral_norm(state: State) -> None:
    """A D without batchnorm, each of its matrices divided by its largest singular value (Miyato et al., 2018)."""
    a, seed = replace(state.config.architecture, norm="none"), state.config.seed
    net = Discriminator(a, torch.Generator().manual_seed(seed))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # the vectors of the power iteration
        for stage in (*net.convs, *net.dense):
            parametrizations.spectral_norm(stage.layer)
    state.d = state.discriminator = net.to(memory_format=torch.channels_last).train()
    state.optimizer_d = torch.optim.Adam(net.parameters(), **state.optimizer_d.defaults)


ARMS: dict[str, Callable[[State], object]] = {
    "plain": lambda state: None,
    "weight_decay": weight_decay,
    "dropout": dropout,
    "spectral_norm": spectral_norm,
}


# --- measuring ------------------------------------------------------------------------------------------------------


class Rooms:
    """The photographs, in five parts that share none: seen by each pair, held out, for the probe, for the judge of samples."""

    def __init__(self, seeds: int) -> None:
        if not 1 <= seeds <= MOST_SEEDS:
            raise UserError(f"`seeds` {seeds}: 1 to {MOST_SEEDS}; each pair sees photographs of its own")
        self.all = loading.load_data(CONFIG.data, NET.size)
        parts = np.cumsum([MOST_SEEDS * SEEN, HELD_OUT, sum(PROBE)])
        self.order = np.random.default_rng(0).permutation(len(self.all))
        self.pool, held_out, probe, judge = np.split(self.order, parts)
        self.held_out = np.array(self.all.images[np.sort(held_out)])
        self.probe, self.for_judge = probe, images.kept(self.all, np.sort(judge))

    def seen(self, seed: int) -> ImageData:
        return images.kept(self.all, np.sort(self.pool[seed * SEEN : (seed + 1) * SEEN]))


@torch.no_grad()
def preference(net: Discriminator, seen: np.ndarray, held_out: np.ndarray) -> dict[str, float]:
    """How much rather D takes photographs for real that it has seen, uint8 N x C x S x S and M x C x S x S.

    `preferred`: how often it gives a seen one the higher logit of two, one seen and one held out. 0.5: it has no preference.
    However sure D is of itself does not matter to it, as it does to the gap of mean D(x), `seen` - `held_out`. In batches of
    100 of one kind and with their statistics, as in training; without dropout.
    """
    training = net.training
    net.eval()
    with networks.batch_statistics(net):
        found = [
            torch.cat([net(networks.to_input(part, net.architecture)) for part in torch.from_numpy(x).split(100)])
            for x in (seen, held_out)
        ]
    net.train(training)
    preferred = (found[0][:, None] > found[1]).float().mean()
    return {"preferred": float(preferred), **{k: float(found[i].sigmoid().mean()) for i, k in enumerate(("seen", "held_out"))}}


def _watched(rooms: Rooms, seen: ImageData, arm: str, path: Path, seed: int) -> tuple[State, dict[str, dict]]:
    """Trained nets of one arm, and D's preference while they were trained: after so many images, what `preference` says."""
    states: list[State] = []

    def prepare(state: State) -> None:
        ARMS[arm](state)
        states.append(state)

    looks, held_out = np.array(seen.images), rooms.held_out[:SEEN]

    def look(event: Event) -> None:
        if event.row and event.images % GAP_EVERY < CONFIG.batch * 25:  # a row of the log each 25 updates
            curve = path / "curve"
            curve.mkdir(exist_ok=True)
            write_json(curve / f"{event.images:09d}.json", preference(states[0].discriminator, looks, held_out))

    state = pairs.trained(replace(CONFIG, seed=seed), seen, path, prepare, look)
    return state, {str(int(p.stem)): read_json(p, "D's gap") for p in sorted((path / "curve").glob("*.json"))}


def _measure(rooms: Rooms, judged: Judged, arm: str, path: Path, seed: int) -> dict:
    seen = rooms.seen(seed)
    state, curve = _watched(rooms, seen, arm, path, seed)
    last = list(curve.values())[-3:]
    found = {key: float(np.mean([look[key] for look in last])) for key in ("preferred", "seen", "held_out")}
    g, d = state.generator.eval(), state.discriminator.eval()
    z = latent.sample(NET, 50 * CONFIG.batch, torch.Generator().manual_seed(seed + 3))
    networks.estimate_batchnorm(g, ((part,) for part in z.split(CONFIG.batch)))
    samples = generate_samples(g, SAMPLES, seed)
    write_atomically(path / "samples.webp", pictures.encode(pictures.grid(samples[:10], 10, gap=1), "webp", quality=90))
    features.estimate_on(d, np.array(seen.images), progress=False)
    layers = enumerate((*d.convs, *d.dense), 1)  # from the image
    sizes = {str(i): float(stage.layer.weight.detach().norm()) for i, stage in layers}
    return found | judged.measure(samples) | {"probe": _probe(rooms, d), "norms": sizes, "curve": curve}


def _probe(rooms: Rooms, d: Discriminator) -> float:
    """The share of right answers about the kind of room, by an SVM on D's features of photographs that no D has seen."""
    how = features.of_discriminator(d)
    x = features.extract(how, rooms.all.images[rooms.probe], progress=False)
    labels, rows = rooms.all.known_labels[rooms.probe], sum(PROBE[:2])
    names = rooms.all.classes
    task = Task("rooms", names, x[:rows], labels[:rows], PROBE[0], x[rows:], labels[rows:], how, np.arange(PROBE[2]))
    return protocols.full(task, protocols.Search(protocols.CIFAR10_GRID, patience=2, progress=False)).accuracy


def measure_regularisation(out: Path, *, seeds: int = SEEDS) -> dict:
    """Trains and measures what is not there yet, seed by seed; returns the table, which is also in `out`."""
    rooms = Rooms(seeds)
    judged = Judged(rooms.for_judge, rooms.held_out, out / "classifier.safetensors", "cpu")
    found: dict[str, list[dict]] = {arm: [] for arm in ARMS}
    for seed in range(seeds):
        for arm in ARMS:
            path = out / f"{arm}-{seed}"
            found[arm].append(pairs.measured_once(path, lambda: _measure(rooms, judged, arm, path, seed)))  # noqa: B023
        table = {"rows": _rows(found), "runs": found, "halves": five_digits(judged.halves()), **environment()}
        write_json(out / "regularisation.json", table)
    sheets = [pictures.tiles(out / f"{arm}-0" / "samples.webp", NET.size, gap=1) for arm in ARMS]
    sheet = pictures.encode(pictures.grid(np.concatenate(sheets), 10, gap=1), "webp", quality=90)
    write_atomically(out / "regularisation.webp", sheet)
    return table


def _rows(found: dict[str, list[dict]]) -> list[dict]:
    rows = []
    for arm in list(ARMS)[1:]:
        plain, ours = found["plain"], found[arm]
        means = {key: [float(np.mean([m[key] for m in side])) for side in (plain, ours)] for key in MEANS}
        for key, name, sign in (("preferred", "", -1), ("recall", ".recall", 1), ("probe", ".probe", 1)):
            differences = [100 * sign * (b[key] - a[key]) for a, b in zip(plain, ours, strict=True)]
            rows += pairs.paired_row("regularisation", f"{arm}{name}", differences, [*plain, *ours], CONFIG.data, means=means)
    return rows
