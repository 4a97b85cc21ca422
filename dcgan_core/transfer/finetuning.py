"""Freeze D, fine-tune it, or start from scratch? One net and one search for all three. (After the paper, chapter 9.1)

The frozen D is a probe: its pooled features and an L2-SVM. Fine-tuning starts from that very net, the SVM as its outputs, and
trains all of it. From scratch, a net of the same shape starts from random weights.
"""

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from dcgan_core import devices
from dcgan_core.data.images import Kept
from dcgan_core.networks import Architecture, Discriminator
from dcgan_core.probes import features, supervised
from dcgan_core.probes.features import Features
from dcgan_core.probes.supervised import Hyperparameters, SupervisedNet
from dcgan_core.probes.svm import SVM, Solver
from dcgan_core.runs import Run

GRID = (2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2)  # of C
SHARP = 4.0  # an SVM's scores are about 1 apart: times this, a softmax of them says which class


@dataclass(frozen=True)
class LabelledPictures:
    """Pictures (uint8 N x C x S x S) of known classes, N numbers."""

    x: Tensor
    y: np.ndarray


@dataclass(frozen=True)
class Plan:
    """How a setting is chosen: all trials learn briefly, the best of them longer; the best of these is the choice."""

    trials: int = 16
    brief: int = 3000  # images that each sees
    kept: int = 4
    longer: int = 12_000

    @property
    def images(self) -> int:
        return self.trials * self.brief + self.kept * self.longer


def recall(predictions: np.ndarray, truth: np.ndarray, classes: int) -> float:
    """The mean over classes of the share of their pictures that are recognised: with as many of each, the accuracy."""
    return float(np.mean([(predictions[truth == k] == k).mean() for k in range(classes)]))


# --- D frozen ---------------------------------------------------------------------------------------------------------


def adapted(run: Run, pictures, *, seed: int = 0, device: torch.device | str = "cpu", progress: bool = True) -> Discriminator:
    """A run's D, its batchnorm statistics those of `pictures` (uint8 N x C x S x S): that takes no labels."""
    net = features.discriminator_of(run, device)
    features.estimate_on(net, pictures, seed=seed, progress=progress)
    return net


def svm_rows(how: Features, few: LabelledPictures) -> tuple[Tensor, np.ndarray]:
    """The features and classes of pictures and of their mirror images: what the SVM learns from."""
    both = torch.cat([few.x, few.x.flip(3)]).numpy()
    return features.extract(how, both, progress=False), np.concatenate([few.y, few.y])


def choose_c(how: Features, few: LabelledPictures, held_x: Tensor, held: np.ndarray, classes: int) -> dict[float, float]:
    """C -> recall on the validation pictures (`held_x`: their features), upwards until two C do no better than the best."""
    machine, found, fitted = Solver(*svm_rows(how, few), classes, how.device), dict[float, float](), None
    for c in GRID:
        fitted = machine.solve(c, fitted)
        found[c] = recall(fitted.predict(held_x), held, classes)
        values = list(found.values())
        if len(values) > 2 + values.index(max(values)):
            break
    return found


def with_svm(d: Discriminator, svm: SVM, sharp: float = 1.0) -> SupervisedNet:
    """The frozen D with its SVM as one net, in eval mode; its outputs are the SVM's scores times `sharp`."""
    a, (classes, _) = d.architecture, svm.weights.shape
    net = SupervisedNet(a, classes, torch.Generator().manual_seed(0), every=True)
    net.trunk.load_state_dict({k: v for k, v in d.state_dict().items() if not k.startswith("dense")})
    with torch.no_grad():
        net.head.weight.copy_(sharp * svm.weights[:, :-1])
        net.head.bias.copy_(sharp * svm.weights[:, -1])
    return net.to(svm.weights.device).to(memory_format=devices.layout(svm.weights.device)).eval()


# --- nets that learn --------------------------------------------------------------------------------------------------


@dataclass
class Arm:
    """What learns: a copy of `start` (fine-tuning), or without it a new net of shape `a`, reading its last layer or all."""

    a: Architecture
    classes: int
    start: SupervisedNet | None = None
    device: torch.device | str = "cpu"
    own_statistics: bool | None = None  # batchnorm's, kept as they are; default: where there is a start

    def settings(self, trials: int, seed: int) -> list[tuple[Hyperparameters, bool]]:
        """What is tried, and whether the outputs read all layers. More trials begin with the same ones as fewer."""
        learnt = self.start is not None
        rng = np.random.default_rng([seed, 16, learnt])
        return [(Hyperparameters.random(rng, slow=learnt), learnt or trial % 2 == 1) for trial in range(trials)]

    def learn(
        self, few: LabelledPictures, setting: Hyperparameters, every: bool, *, images: int, seed: int, bar: tqdm | None = None
    ) -> SupervisedNet:
        """A net that has seen `images` of the labelled pictures, half of them mirrored."""
        if self.start is not None:
            net = copy.deepcopy(self.start)
        else:
            net = SupervisedNet(self.a, self.classes, torch.Generator().manual_seed(seed), every=every).to(self.device)
        own = self.start is not None if self.own_statistics is None else self.own_statistics
        y = torch.from_numpy(few.y)
        supervised.fit(net, few.x, y, setting, images=images, seed=seed, mirror=True, own_statistics=own, bar=bar)
        return net


@dataclass
class Trials:
    """A random search that can be stopped: `rows` has what was tried, `save` is called after each trial."""

    rows: list[dict] = field(default_factory=list)
    save: Callable[[], None] = lambda: None

    def best(
        self, arm: Arm, few: LabelledPictures, held: LabelledPictures, plan: Plan, *, seed: int = 0, progress: bool = True
    ) -> tuple[Hyperparameters, bool]:
        """The setting, and whether all layers are read, that does best on the validation pictures `held`."""
        settings = arm.settings(plan.trials, seed)
        done = {(row["trial"], row["images"]): row["validation"] for row in self.rows}
        with supervised.progress_bar("trials", plan.images, shown=progress) as bar:

            def tried(trial: int, images: int) -> float:
                setting, every = settings[trial]
                if (trial, images) in done:
                    bar.update(images)
                    return done[trial, images]
                net = arm.learn(few, setting, every, images=images, seed=seed + trial, bar=bar)
                value = recall(answers(net, held.x), held.y, arm.classes)
                self.rows.append({"trial": trial, "images": images, "validation": value, "every": every, **asdict(setting)})
                self.save()
                return value

            first = [tried(trial, plan.brief) for trial in range(plan.trials)]
            leading = sorted(range(plan.trials), key=lambda trial: -first[trial])[: plan.kept]
            longer = {trial: tried(trial, plan.longer) for trial in leading}
        return settings[max(longer, key=lambda trial: longer[trial])]


def answers(net: SupervisedNet, images: Tensor | np.ndarray | Kept) -> np.ndarray:
    """The class that the net gives each picture."""
    return supervised.scores(net, images).argmax(1).numpy()
