"""Does it help to let D classify while it learns? A second head of D, taught by a few labelled pictures. (Chapter 9.3)

Four nets of one shape and one seed: a plain DCGAN, whose D an SVM reads; one whose D has a second head; one whose G is asked
for a class, too (AC-GAN: Odena, Olah and Shlens, 2017); and D's layers and the head alone, on the labelled pictures only.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dcgan_core import latent, networks, pictures
from dcgan_core.ablations.measuring import Judged
from dcgan_core.data import images, loading
from dcgan_core.data.images import ImageData
from dcgan_core.files import write_atomically, write_json
from dcgan_core.metrics import fidelity, neighbours
from dcgan_core.networks import Architecture, Discriminator, Generator
from dcgan_core.probes import features, protocols
from dcgan_core.probes.tasks import Task
from dcgan_core.runs import environment
from dcgan_core.training.config import Config
from dcgan_core.training.update import State
from dcgan_core.transfer import pairs

_HOW: dict[str, Any] = {"batch": 32, "updates": "both", "images": 102_400, "precision": "single", "on_collapse": "warn"}
# sigmoid, as the paper's nets of digits: with tanh so narrow a G gave one image for every z through half of its training
DIGITS = Config("mnist", Architecture(28, 1, (16, 32), (2, 2), kernel=4, output="sigmoid"), **_HOW)
SPRITES = Config("drawn-sprites", Architecture(32, 3, (16, 32, 64), (2, 2, 2), kernel=4), **_HOW)
SETS = {"mnist_1000": (DIGITS, 100), "mnist_100": (DIGITS, 10), "sprites_1000": (SPRITES, 100)}  # what, and labels a class
SEEDS = 5  # each with labels of its own
VALIDATION, TESTED, SAMPLES, TEACHERS = 2000, 2000, 2000, 10_000  # tested: for samples to reach; teachers: of the 1-NN
WEIGHTS = (0.3, 1.0, 3.0)  # of the second head's loss: three trials
RATES = (2e-4, 6e-4, 2e-3)  # of the net on labels alone: three trials
CHOOSING = 100  # the seed, of nets and labels, with which is chosen


# --- nets -------------------------------------------------------------------------------------------------------------


class TwoHeads(nn.Module):
    """D, and beside its last layer another, which says the class. `said`: of the images seen last, N x classes."""

    said: Tensor

    def __init__(self, d: Discriminator, classes: int, rng: torch.Generator) -> None:
        super().__init__()
        self.d, self.head = d, nn.Linear(prod(d.architecture.base), classes)
        networks.initialise(self.head, rng)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """As D: N x C x S x S -> N logits."""
        h = self.d.features(x)[-1].flatten(1)
        self.said = self.head(h)
        for stage in self.d.dense:
            h = stage(h)
        return h.squeeze(1)

    @torch.no_grad()
    def answers(self, pixels: np.ndarray | images.Kept) -> np.ndarray:
        """The class of each image, uint8 N x C x S x S -> N."""
        found = []
        for i in range(0, len(pixels), 500):
            self(networks.to_input(torch.from_numpy(np.array(pixels[i : i + 500])), self.d.architecture))
            found.append(self.said.argmax(1).numpy())
        return np.concatenate(found)


class Asked(nn.Module):
    """A G that is asked for classes at random, which it remembers: the first numbers of z are 1 for the class, else 0."""

    classes: Tensor

    def __init__(self, g: Generator, count: int, rng: torch.Generator) -> None:
        super().__init__()
        self.g, self.count, self.rng = g, count, rng

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        self.classes = torch.randint(self.count, (len(z),), generator=self.rng)
        images_: Tensor = self.g(asking(z, self.classes, self.count))
        return images_


def asking(z: Tensor, classes: Tensor, count: int) -> Tensor:
    return torch.cat([F.one_hot(classes, count).float(), z[:, count:]], 1)


class Labelled(NamedTuple):
    """The few labelled pictures: uint8 N x C x S x S, and their N labels, of so many `classes`."""

    x: Tensor
    y: Tensor
    classes: int


def second_head(state: State, known: Labelled, weight: float = 1.0, *, asks: bool = False) -> TwoHeads:
    """Adds the second head's loss to D's: cross-entropy on a batch of labelled pictures. asks: G is asked for a class, and the
    head's cross-entropy on what it made is added to both nets' losses."""
    a, rng = state.config.architecture, torch.Generator().manual_seed(state.config.seed + 4)
    two = TwoHeads(state.discriminator, known.classes, rng)
    g = Asked(state.generator, known.classes, state.rng)
    state.d, state.more = two, {"head": two.head}
    state.optimizer_d.add_param_group({"params": list(two.head.parameters())})

    def of_generated() -> Tensor:  # which were the last that D saw
        return weight * F.cross_entropy(two.said, g.classes)

    def of_labelled() -> Tensor:
        made = of_generated() if asks else torch.zeros(())
        rows = torch.randint(len(known.x), (state.config.batch,), generator=state.rng)
        two(networks.to_input(known.x[rows], a).contiguous(memory_format=torch.channels_last))
        return made + weight * F.cross_entropy(two.said, known.y[rows])

    state.extra_d = of_labelled
    if asks:
        state.g, state.extra_g = g, of_generated
    return two


def labels_alone(config: Config, known: Labelled, rate: float) -> TwoHeads:
    """The same layers and head from the same weights, with as many updates, but without G: the labelled pictures are all."""
    state = State(replace(config, learning_rate=rate), torch.device("cpu"))
    two = second_head(state, known)
    with networks.batch_statistics(state.discriminator):
        for _ in range(config.images // config.batch):
            loss = state.extra_d()
            state.optimizer_d.zero_grad()
            loss.backward()  # type: ignore[union-attr]
            state.optimizer_d.step()
    return two


# --- measuring --------------------------------------------------------------------------------------------------------


class Pictures:
    """A set's pictures: to learn from, to choose with, to test on; and the judge of samples, which has seen all labels."""

    def __init__(self, config: Config, out: Path) -> None:
        size = config.architecture.size
        whole, self.test = (loading.load_data(config.data, size, split) for split in ("train", "test"))
        self.train = images.part(whole, 0, len(whole) - VALIDATION)
        self.validation = images.part(whole, len(whole) - VALIDATION)
        self.held_out = np.array(self.test.images[:TESTED])
        self.judged = Judged(self.train, self.held_out, out / f"classifier-{config.data}.safetensors", "cpu")

    def labelled(self, each: int, seed: int) -> Labelled:
        labels, rng = self.train.known_labels, np.random.default_rng([seed, each])
        count = len(self.train.classes)
        rows = np.concatenate([rng.choice(np.flatnonzero(labels == k), each, replace=False) for k in range(count)])
        return Labelled(torch.from_numpy(np.array(self.train.images[rows])), torch.from_numpy(labels[rows]), count)

    def error(self, two: TwoHeads, data: ImageData) -> float:
        """In percent. Batchnorm's statistics are of the same unlabelled pictures for every net."""
        features.estimate_on(two.d, self.train.images[:10_000], progress=False)
        return 100 * float((two.answers(data.images) != data.known_labels).mean())

    def svm_error(self, d: Discriminator, known: Labelled) -> float:
        """In percent, of an SVM on D's features of the labelled pictures; C is chosen on the validation pictures."""
        features.estimate_on(d, self.train.images[:10_000], progress=False)
        how = features.of_discriminator(d)
        both = [self.validation.images, known.x.numpy(), self.test.images]
        held, x, test = (features.extract(how, part, progress=False) for part in both)
        y, tested = np.concatenate([self.validation.known_labels, known.y.numpy()]), self.test.known_labels
        task = Task("few", self.train.classes, torch.cat([held, x]), y, len(held), test, tested, how, np.arange(len(test)))
        search = protocols.Search(protocols.GRID, progress=False)
        best = max(search.tried(task, [search.machine(task, slice(len(held), None))]), key=lambda found: found[1])
        return 100 * float((best[2][0].predict(test) != tested).mean())


def _gan(here: Pictures, config: Config, path: Path, known: Labelled | None, **how: float) -> tuple[State, TwoHeads | None]:
    """Trains a DCGAN, with a second head where there are labelled pictures; G with statistics for sampling."""
    heads: list[TwoHeads] = []

    def prepare(state: State) -> None:
        if known:
            heads.append(second_head(state, known, **how))  # type: ignore[arg-type]

    state = pairs.trained(config, here.train, path, prepare)
    state.generator.eval()
    rng = torch.Generator().manual_seed(config.seed + 3)
    count = len(here.train.classes) if how.get("asks") else 0
    networks.estimate_batchnorm(state.generator, [(_codes(config, 100, rng, count)[0],) for _ in range(50)])
    return state, heads[-1] if heads else None


def _codes(config: Config, number: int, rng: torch.Generator, count: int) -> tuple[Tensor, Tensor]:
    """Random z, and classes in turn, which they ask for where `count` is not 0."""
    z, classes = latent.sample(config.architecture, number, rng), torch.arange(number) % max(count, 1)
    return (asking(z, classes, count) if count else z), classes


def _variety(here: Pictures, config: Config, g: Generator, path: Path, count: int) -> dict:
    """How near samples are to test pictures, how many of each class they reach, and how well they teach a 1-NN, by the class
    that G was asked for, or else by what the judge says of them."""
    rng = torch.Generator().manual_seed(config.seed + 5)
    z, classes = _codes(config, TEACHERS, rng, count)
    made = latent.generate_pixels(g, z)
    judge, labels = here.judged.classifier, here.test.known_labels[:TESTED]
    judge_says = judge.head(torch.from_numpy(judge.features(made)).float()).argmax(1).detach().numpy()
    found = here.judged.measure(made[:SAMPLES])
    x = judge.features(made[:SAMPLES])
    parts = [here.judged.features[labels == k] for k in range(len(here.train.classes))]
    found["recall_by_class"] = [fidelity.precision_recall(part, x)["recall"].value for part in parts]
    said = classes.numpy() if count else judge_says
    blocks = neighbours.stored(made, said)
    _, wrong, _ = next(neighbours.curve(blocks, here.held_out, labels, milestones=(TEACHERS,)))
    found |= {
        "nn_error": 100 * float(wrong.mean()),
        "share_by_class": (np.bincount(judge_says, minlength=10) / len(made)).tolist(),
    }
    if count:
        found["as_asked"] = float((judge_says == said).mean())
    order = range(20) if count else np.argsort(judge_says[:20], kind="stable")
    write_atomically(path / "samples.webp", pictures.encode(pictures.grid(made[list(order)], 10, gap=1), "webp", quality=90))
    return found


def _chosen(here: Pictures, key: str, config: Config, each: int, out: Path) -> dict[str, float]:
    """The second head's weight and the learning rate of labels alone, three trials each, on validation pictures."""
    known, config = here.labelled(each, CHOOSING), replace(config, seed=CHOOSING)

    def head(weight: float, path: Path) -> dict:
        return {"error": here.error(_gan(here, config, path, known, weight=weight)[1], here.validation)}  # type: ignore[arg-type]

    def alone(rate: float) -> dict:
        return {"error": here.error(labels_alone(config, known, rate), here.validation)}

    errors: dict[str, dict[float, float]] = {"weight": {}, "rate": {}}
    for weight in WEIGHTS:
        path = out / f"{key}-choosing-weight-{weight:g}"
        errors["weight"][weight] = pairs.measured_once(path, partial(head, weight, path))["error"]
    for rate in RATES:
        path = out / f"{key}-choosing-rate-{rate:g}"
        errors["rate"][rate] = pairs.measured_once(path, partial(alone, rate))["error"]
    return {name: min(found, key=found.__getitem__) for name, found in errors.items()}


def _pair(here: Pictures, key: str, seed: int, chosen: dict[str, float], out: Path) -> dict[str, dict]:
    """The four nets of one seed, measured: by arm."""
    config, each = replace(SETS[key][0], seed=seed), SETS[key][1]
    known = here.labelled(each, seed)

    def plain(path: Path) -> dict:
        state, _ = _gan(here, config, path, None)
        draws = {k: here.labelled(e, seed) for k, (c, e) in SETS.items() if c.data == config.data}
        errors = {k: here.svm_error(state.discriminator.eval(), draw) for k, draw in draws.items()}
        return {"svm": errors} | _variety(here, config, state.generator, path, 0)

    def with_head(path: Path, *, asks: bool) -> dict:
        state, two = _gan(here, config, path, known, weight=chosen["weight"], asks=asks)
        error = here.error(two, here.test)  # type: ignore[arg-type]
        return {"error": error} | _variety(here, config, state.generator, path, known.classes if asks else 0)

    def alone(_: Path) -> dict:
        return {"error": here.error(labels_alone(config, known, chosen["rate"]), here.test)}

    arms: dict[str, Callable[[Path], dict]] = {
        "plain": plain,
        "head": partial(with_head, asks=False),
        "asked": partial(with_head, asks=True),
        "alone": alone,
    }
    paths = {arm: out / f"{key}-{arm}-{seed}" for arm in arms} | {"plain": out / f"{config.data}-plain-{seed}"}
    return {arm: pairs.measured_once(path, partial(arms[arm], path)) for arm, path in paths.items()}


def measure_classes(out: Path, *, seeds: int = SEEDS) -> dict:
    """Trains and measures what is not there yet, set by set, seed by seed; returns the table, which is also in `out`."""
    table: dict = {"rows": [], "runs": {}, "chosen": {}}
    for key, (config, each) in SETS.items():
        here, before = Pictures(config, out), table["rows"]
        table["chosen"][key] = _chosen(here, key, config, each, out)
        found = table["runs"][key] = []
        for seed in range(seeds):
            found.append(_pair(here, key, seed, table["chosen"][key], out))
            table["rows"] = [*before, *_rows(key, found, config.data)]
            write_json(out / "classes.json", table | environment())
            _ship_samples(key, config, out)
    return table


def _ship_samples(key: str, config: Config, out: Path) -> None:
    """Of the first seed: two rows of ten for each of the three GANs."""
    names = (f"{config.data}-plain-0", f"{key}-head-0", f"{key}-asked-0")
    sheets = [pictures.tiles(out / name / "samples.webp", config.architecture.size, gap=1) for name in names]
    sheet = pictures.encode(pictures.grid(np.concatenate(sheets), 10, gap=1), "webp", quality=90)
    write_atomically(out / f"classes_{key}.webp", sheet)


def _rows(key: str, found: list[dict[str, dict]], data: str) -> list[dict]:
    """errors in percent and recall in shares; all differences in percentage points."""
    differences = {
        "classify": [p["alone"]["error"] - p["head"]["error"] for p in found],
        "classify_svm": [p["plain"]["svm"][key] - p["head"]["error"] for p in found],
        "classify_asked": [p["head"]["error"] - p["asked"]["error"] for p in found],
        "classify_variety": [100 * (p["plain"]["recall"] - p["asked"]["recall"]) for p in found],
    }
    runs_ = [run for pair in found for run in pair.values()]
    rows = []
    for claim, values in differences.items():
        rows += pairs.paired_row("classes", f"{claim}.{key}", values, runs_, data)
    return rows
