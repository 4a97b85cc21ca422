"""A classifier of anyone's pictures: made of a run's D and labelled pictures, kept in a folder, asked.

trials.json               while it is made: what has been tried, so that the same command goes on
classifier.safetensors    D's conv layers and the outputs, float32
classifier.json           classes, architecture, what it was made of and how well it does; written last
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor

from dcgan_core import config_io, devices, runs
from dcgan_core.data import decoding, loading
from dcgan_core.data.images import ImageData, Kept
from dcgan_core.data.sources import tree
from dcgan_core.errors import UserError, reason
from dcgan_core.files import read_json, write_atomically, write_json
from dcgan_core.intervals import share
from dcgan_core.networks import Architecture, Discriminator
from dcgan_core.probes import features, supervised
from dcgan_core.probes.supervised import SupervisedNet
from dcgan_core.probes.svm import Solver
from dcgan_core.runs import Run
from dcgan_core.transfer import finetuning
from dcgan_core.transfer.finetuning import Arm, LabelledPictures, Plan, Trials

FORMAT = 1
UNLABELLED = 10_000  # training pictures, at most, that batchnorm's statistics are estimated on
VALIDATED = 5  # one in so many labelled pictures chooses

# --- a folder ---------------------------------------------------------------------------------------------------------


@dataclass
class PictureClassifier:
    """A net in eval mode, and the names of what it tells apart."""

    net: SupervisedNet
    classes: tuple[str, ...]
    info: dict[str, Any]

    def classify(self, paths: Iterable[Path]) -> Iterator[tuple[Path, np.ndarray | str]]:
        """Each picture's probabilities, or why it could not be read. Pictures of any size: resized, the centre cropped."""
        a = self.net.trunk.architecture
        with decoding.any_size():
            for path in paths:
                try:
                    pixels = decoding.square(path, a.size, "center", a.channels)
                except Exception as error:  # Pillow's decoders raise many kinds
                    yield path, decoding.why_not(error)
                else:
                    yield path, supervised.scores(self.net, pixels[None]).softmax(1)[0].numpy()


def _save_classifier(folder: Path, net: SupervisedNet, info: dict[str, Any]) -> None:
    """info: `classes` at least."""
    state = {k: v.detach().cpu().contiguous() for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    write_atomically(folder / "classifier.safetensors", safetensors.torch.save(state))
    said = {"format": FORMAT, "architecture": config_io.to_dict(net.trunk.architecture), "every": net.every, **info}
    write_json(folder / "classifier.json", said)


def load_classifier(folder: Path, device: torch.device | str = "cpu") -> PictureClassifier:
    """Raises UserError where there is no classifier, or a damaged one."""
    if not (folder / "classifier.json").is_file():
        made = "its making was stopped; the same dcgan finetune goes on" if (folder / "trials.json").exists() else ""
        raise UserError(f"{folder}: no classifier{f' yet: {made}' if made else '; make one with dcgan finetune'}")
    info, where = read_json(folder / "classifier.json", "a classifier's description"), str(folder / "classifier.json")
    classes = info.get("classes") if isinstance(info, dict) and info.get("format") == FORMAT else None
    if not isinstance(classes, list) or not all(isinstance(c, str) for c in classes) or not isinstance(info.get("every"), bool):
        raise UserError(f"{where}: not written by dcgan finetune (or by a newer version of it)")
    a = config_io.from_dict(Architecture, info.get("architecture"), where)
    net, path = SupervisedNet(a, len(classes), torch.Generator(), every=info["every"]), folder / "classifier.safetensors"
    try:
        state = safetensors.torch.load_file(path)
        missing, unexpected = net.load_state_dict(state, strict=False)
    except (safetensors.SafetensorError, OSError, RuntimeError) as error:
        raise UserError(f"{path}: damaged, or not this classifier's ({reason(error)}); make it again") from None
    if unexpected or any(not key.endswith("num_batches_tracked") for key in missing):
        raise UserError(f"{path}: not this classifier's weights; make it again")
    if not all(v.isfinite().all() for v in state.values()):
        raise UserError(f"{path}: has values that are NaN or infinite; make it again")
    return PictureClassifier(net.to(device).to(memory_format=devices.layout(device)).eval(), tuple(classes), info)


def pictures_in(paths: Iterable[Path]) -> list[Path]:
    """Files as they are given, and of folders all files below but litter. Raises UserError where there are none."""
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise UserError(f"{path}: no such file or folder")
        found += sorted(path / file for file in tree.files_in(path).called.values()) if path.is_dir() else [path]
    if not found:
        raise UserError(f"{', '.join(map(str, paths))}: no pictures there")
    return found


# --- making one -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """What is to be made. A folder holds the trials of one such thing."""

    run: str
    dataset: str
    freeze: bool = False
    labels_each: int | None = None  # labelled pictures of each class; default: all
    grey: bool = False  # a net that sees grey pictures is shown coloured ones without their colours
    trials: int = 16
    images: int | None = None  # that the chosen net sees; default: 20 times each labelled picture, at least 2,000
    seed: int = 0


def make_classifier(
    asked: Request, out: Path, *, device: torch.device | str = "cpu", progress: bool = True
) -> PictureClassifier:
    """Makes a classifier in the folder `out`, or goes on where it was stopped. A fifth of the labelled pictures choose.

    Frozen: D's features and an L2-SVM. Fine-tuned: all of that net learns, its settings the best of a random search,
    batchnorm's statistics kept as they are on the set's pictures. Raises UserError for what cannot be learnt.
    """
    run, record = Run(asked.run), out / "trials.json"
    if (out / "classifier.json").exists():
        raise UserError(f"{out}: holds a classifier already; choose another `out`")
    train, test = _splits(asked, run.architecture)
    known = {**config_io.to_dict(asked), "pictures": train.provenance["fingerprint"]}
    before = read_json(record, "the trials of a classifier") if record.exists() else {"asked": known, "trials": []}
    if not isinstance(before, dict) or before.get("asked") != known:
        raise UserError(f"{out}: holds trials of other pictures or options; choose another `out`")
    learning, held = _labelled(train, asked)
    order = np.random.default_rng(asked.seed).permutation(len(train))[:UNLABELLED]
    d = finetuning.adapted(run, Kept(train.images, order), seed=asked.seed, device=device, progress=progress)
    how, classes = features.of_discriminator(d), len(train.classes)
    by_c = finetuning.choose_c(how, learning, features.extract(how, held.x.numpy(), progress=False), held.y, classes)
    c = max(by_c, key=lambda c: by_c[c])
    everything = LabelledPictures(torch.cat([learning.x, held.x]), np.concatenate([learning.y, held.y]))
    frozen, refit = (
        finetuning.with_svm(d, Solver(*finetuning.svm_rows(how, few), classes, device).solve(c), finetuning.SHARP)
        for few in (learning, everything)
    )
    info: dict[str, Any] = {"validation": {"frozen": by_c[c]}, "c": c}
    if asked.freeze:
        net = _calibrated(refit, frozen, held)
    else:
        out.mkdir(parents=True, exist_ok=True)
        images = asked.images or max(2000, 20 * len(everything.y))
        plan = Plan(asked.trials, max(images // 10, 1), min(4, asked.trials), max(images * 2 // 5, 1))
        trials = Trials(before["trials"], lambda: write_json(record, before))
        arm = Arm(d.architecture, classes, frozen, device)
        setting, every = trials.best(arm, learning, held, plan, seed=asked.seed, progress=progress)
        nets = []
        with supervised.progress_bar("the chosen setting", 2 * images, shown=progress) as bar:
            for start, few in ((frozen, learning), (refit, everything)):
                arm = Arm(d.architecture, classes, start, device)
                nets.append(arm.learn(few, setting, every, images=images, seed=asked.seed, bar=bar))
        info["validation"]["finetuned"] = finetuning.recall(finetuning.answers(nets[0], held.x), held.y, classes)
        info |= {"setting": config_io.to_dict(setting), "images": images}
        net = _calibrated(nets[1], nets[0], held)
    out.mkdir(parents=True, exist_ok=True)
    info |= {"classes": list(train.classes), "asked": known, "labelled": len(everything.y), "held": len(held.y)}
    if test is not None:
        right = finetuning.answers(net, test.images) == test.known_labels
        info["test"] = dict(zip(("accuracy", "low", "high", "n"), (*share(right), len(right)), strict=True))
    _save_classifier(out, net, info | runs.environment())
    return load_classifier(out, device)


def _splits(asked: Request, a: Architecture) -> tuple[ImageData, ImageData | None]:
    """Training and, where there are any, test pictures. Raises UserError where D cannot learn from them."""
    features.of_discriminator(Discriminator(a))  # refuses a D without features, and one that reads the class itself
    train = loading.load_data(asked.dataset, a.size, grey=asked.grey)
    if train.labels is None:
        raise UserError(f"{train.name}: no labels to learn; put its pictures into folders, one for each class, two at least")
    if train.channels != a.channels:
        is_, sees = ("in colour", "grey ones (`grey` leaves the colours out)") if a.channels == 1 else ("grey", "coloured ones")
        raise UserError(f"{train.name}: its pictures are {is_}; this net sees {sees}")
    counts = np.bincount(train.labels, minlength=len(train.classes))
    if len(train.classes) < 2:
        raise UserError(f"{train.name}: all its pictures are of one class ({train.classes[0]}); at least two are needed")
    if counts.min() < 2:
        few = train.classes[int(counts.argmin())]
        raise UserError(f"{train.name}: {counts.min()} training pictures of {few!r}; at least 2 of each class are needed")
    has_test = train.provenance["counts"]["test"]
    return train, loading.load_data(asked.dataset, a.size, "test", grey=asked.grey) if has_test else None


def _labelled(train: ImageData, asked: Request) -> tuple[LabelledPictures, LabelledPictures]:
    """Pictures to learn from, and those that choose: of each class one in VALIDATED, at least one."""
    rng, labels = np.random.default_rng([asked.seed, 2]), train.known_labels
    parts: list[list[np.ndarray]] = [[], []]
    for k, name in enumerate(train.classes):
        places = rng.permutation(np.flatnonzero(labels == k))
        each = len(places) if asked.labels_each is None else asked.labels_each
        if not 2 <= each <= len(places):
            raise UserError(f"`labels_each` {each}: choose 2 to {len(places)}, as many as {train.name} has of {name!r}")
        choosing = max(each // VALIDATED, 1)
        parts[0].append(places[choosing:each])
        parts[1].append(places[:choosing])
    both = [np.sort(np.concatenate(part)) for part in parts]
    learning, held = (LabelledPictures(torch.from_numpy(np.array(train.images[at])), labels[at]) for at in both)
    return learning, held


def _calibrated(net: SupervisedNet, twin: SupervisedNet, held: LabelledPictures) -> SupervisedNet:
    """The net, its outputs scaled so that their softmax is as sure as its twin's answers to pictures it has not seen."""
    scores, truth = supervised.scores(twin, held.x), torch.from_numpy(held.y)
    scales = torch.logspace(-1.5, 1.5, 61)

    def wrong(scale: Tensor) -> float:
        return float(F.cross_entropy(scores * scale, truth))

    best = min(scales, key=wrong)
    with torch.no_grad():
        net.head.weight.mul_(best)
        net.head.bias.mul_(best)
    return net
