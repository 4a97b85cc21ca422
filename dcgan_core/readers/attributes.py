"""Does a face smile, does it wear glasses? Classifiers read attributes off photographs, and off samples."""

import json
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dcgan_core.config_io import did_you_mean
from dcgan_core.data import loading
from dcgan_core.data.images import ImageData
from dcgan_core.data.sources import finding, source
from dcgan_core.errors import UserError
from dcgan_core.intervals import Measurement, bootstrap
from dcgan_core.readers import fitting
from dcgan_core.readers.fitting import Reader

READ = ("Smiling", "Eyeglasses", "Male")  # what samples are asked for
DATA, SIZE = "faces", 64
STEPS = 1500
JUDGING, SELECTING = 0, 1  # which half of the photographs a classifier learns from


class Attributes(Reader):
    """Reads attributes off a face: a probability for each. All that the labels know are learnt, since all help the others."""

    kind, learning_rate, weight_decay = "attributes", 2e-3, 3e-2

    def __init__(self, names: tuple[str, ...], size: int = SIZE) -> None:
        super().__init__(DATA, size)
        self.names, self.note = names, {"names": names}
        self.layers = fitting.classifier(size, (16, 32, 64, 128), len(names), nn.Dropout(0.3))
        self.weights = torch.empty(0)  # how often each picture that it learns from comes

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels: uint8 or float 0 … 255, N x 3 x size x size. Returns logits, N x len(names)."""
        return self.layers(pixels.float() / 127.5 - 1)

    def vary(self, pixels: Tensor, rng: torch.Generator) -> Tensor:
        """Half of the pictures also mirrored, all shifted by up to 3 pixels in each direction."""
        by = 3
        mirrored = torch.rand(len(pixels), 1, 1, 1, generator=rng) < 0.5
        pixels = torch.where(mirrored, pixels.flip(3), pixels)
        padded, size = F.pad(pixels.float(), (by,) * 4, mode="replicate"), pixels.shape[-1]
        top, left = torch.randint(0, 2 * by + 1, (2, len(pixels)), generator=rng).tolist()
        moved = [p[:, t : t + size, x : x + size] for p, t, x in zip(padded, top, left, strict=True)]
        return super().vary(torch.stack(moved), rng)

    def order(self, count: int, steps: int, rng: torch.Generator) -> Iterator[Tensor]:
        for _ in range(steps):
            yield torch.multinomial(self.weights, self.batch, replacement=True, generator=rng)

    def read(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """uint8 N x 3 x size x size -> for each attribute N probabilities."""
        parts = self.answers(images)
        answers = torch.cat(parts).sigmoid().float().cpu().numpy() if parts else np.empty((0, len(self.names)), np.float32)
        return dict(zip(self.names, answers.T, strict=True))


def load_attributes(half: int = JUDGING, device: torch.device | str = "cpu") -> Attributes:
    """The classifier that learnt from one half of `faces`: shipped, else kept, else trained now (minutes on a CPU).

    Raises UserError where it would have to be trained and there are no photographs.
    """
    file = f"{DATA}-attributes-{SIZE}px-half{half}.safetensors"
    return fitting.load(
        file,
        "a classifier of attributes",
        train=lambda: train_attributes(loading.load_data(DATA, SIZE), half, device),
        build=lambda note: Attributes(tuple(json.loads(note["attributes"])["names"])),
        device=device,
    )


def half_of(data: ImageData, half: int) -> np.ndarray:
    """Indices of every other photograph: half 0 begins with the first, half 1 with the second."""
    if half not in (0, 1):
        raise UserError(f"attributes of faces: there are halves 0 and 1, not {half}")
    return np.arange(half, len(data), 2)


def train_attributes(data: ImageData, half: int, device: torch.device | str = "cpu", *, steps: int = STEPS) -> Attributes:
    """Trains on one half of `data`, mirrored, shifted, blurred and made noisy at random: it is to read imperfect samples.

    READ must be among the labels, with examples of both kinds; the other labels are learnt along. Photographs in which all
    of READ are known (a sixth of `faces`) come as often as the others together. For the one that judges, rare labels count
    for more, so that it misses few glasses; the one that selects rather misses some than takes what is none.
    """
    chosen = half_of(data, half)
    there = np.empty((len(chosen), 0), np.int8) if data.attributes is None else data.attributes[chosen]
    for name in READ:
        column = there[:, _column(data, name)] if there.size else ()
        if 1 not in column or -1 not in column:
            raise UserError(f"{data.name}: {name}: no photographs with it, or none without; a classifier needs both")
    labels = torch.from_numpy(there.astype(np.float32))
    whole = (labels[:, [_column(data, n) for n in READ]] != 0).all(1)
    rarity = ((labels < 0).sum(0) / (labels > 0).sum(0).clamp_min(1)).sqrt().clamp(1, 10)
    emphasis = (rarity if half == JUDGING else torch.ones(len(rarity))).to(device)
    net = Attributes(data.attribute_names, data.size)
    net.weights = torch.where(whole, 0.5 / whole.sum().clamp_min(1), 0.5 / (~whole).sum().clamp_min(1))

    def loss(batch: Tensor, chosen: Tensor) -> Tensor:
        truth = labels[chosen].to(device)
        losses = F.binary_cross_entropy_with_logits(net(batch), truth.clamp_min(0), reduction="none")
        weight = torch.where(truth > 0, emphasis, truth.abs())  # an unknown label (0) teaches nothing
        return (losses * weight).sum() / weight.sum()

    fitting.fit_reader(net, np.array(data.images[chosen]), loss, steps=steps, seed=half, device=device)
    return net


def _column(data: ImageData, name: str) -> int:
    """The column of an attribute. Raises UserError where the labels have none of that name."""
    if name not in data.attribute_names:
        raise UserError(f"{data.name}: no attribute is called {name!r}{did_you_mean(name, data.attribute_names)}")
    return data.attribute_names.index(name)


def unseen(
    half: int, names: tuple[str, ...], count: int | None = None, size: int = SIZE
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Photographs from which the classifier of this half did not learn: the other half, and those that are held out.

    Those of which all `names` are known, the first `count` of both kinds: uint8 N x 3 x size x size, and for each name N times
    1 or 0. Raises UserError where the photographs are not here.
    """
    if not finding.find(DATA):
        raise UserError(f"{DATA}: the photographs are not here")
    images, labels = [], []
    for split in source.SPLITS:
        data = loading.load_data(DATA, size, split)
        rows = half_of(data, 1 - half) if split == "train" else np.arange(len(data))
        assert data.attributes is not None  # or it had no such columns
        table = data.attributes[rows][:, [_column(data, name) for name in names]]
        known = (table != 0).all(1)
        images.append(np.array(data.images[rows[known][:count]]))
        labels.append(table[known][:count] > 0)
    columns = np.concatenate(labels).T.astype(np.float32)
    return np.concatenate(images), dict(zip(names, columns, strict=True))


def attribute_accuracy(net: Attributes, name: str, half: int = JUDGING, count: int | None = None) -> Measurement:
    """How often is it right, on photographs that it did not learn from? The mean of its shares among those with and without.

    The photographs are those of `unseen`. A guess gives 0.5, however rare the attribute is.
    """
    images, truth = unseen(half, (name,), count, net.size)
    there = truth[name] > 0.5
    right = (net.read(images)[name] > 0.5) == there
    with_it, without = right[there], right[~there]

    def balanced(a: np.ndarray, b: np.ndarray) -> float:
        return float(a.mean() + b.mean()) / 2

    details: dict[str, float] = {"with": len(with_it), "without": len(without)}
    details |= {"right_with": float(with_it.mean()), "right_without": float(without.mean())}
    return Measurement(*bootstrap(balanced, with_it, without), len(right), details=details)
