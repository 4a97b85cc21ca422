"""Which feature maps of G draw a window, and what does G draw without them? (Paper §6.3.1)

The paper's procedure: mark the windows in 150 samples with boxes; take the activations of G's second highest conv layer; fit a
logistic regression that tells places inside a box from random places of the same samples; drop every map with a positive
weight, everywhere.

    marks = forgetting.mark(generator, finder, "window")           # or load_marks(path): your own, from the widget
    dropping = forgetting.paper_rule(generator, marks, layer=0)    # which maps
    with forgetting.without(generator, dropping):
        images = latent.draw(generator, z)                         # G draws, and has forgotten windows

Which layer of G the paper means is not said. Layers are numbered as in `generator.convs`, from z on: in Fig 1's net layer 0
puts out 512 x 8 x 8 and layer 1 256 x 16 x 16. `READINGS` are these two.

On drawn rooms the boxes come from a `Finder`, a small net trained on exact masks. It says where things are in samples;
a judge (`judges`), trained on other drawings, says whether they are still there afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from tqdm.auto import tqdm

from dcgan_core import evaluation, judges, latent, scenes
from dcgan_core.arithmetic import weights_of
from dcgan_core.errors import UserError
from dcgan_core.evaluation import Measurement
from dcgan_core.files import read_json, write_json
from dcgan_core.networks import Generator
from dcgan_core.runs import Run

SAMPLES = 150  # as many as the paper's authors looked at
LEAST = 10  # boxes below which nothing is fitted
READINGS = (0, 1)  # the layers of G that "second highest" may mean: 512 x 8 x 8 and 256 x 16 x 16 in the paper's net
Box = tuple[int, int, int, int]  # left, top, width, height in pixels

# --- marks ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Marks:
    """Boxes around one kind of object in samples: sample i is `latent.sample(architecture, count, seed)[i]`.

    Raises UserError where nothing is marked, or something that is not in the picture.
    """

    boxes: dict[int, tuple[Box, ...]]  # number of the sample -> its boxes; a sample without an entry has none
    what: str = "window"
    seed: int = 0
    count: int = SAMPLES
    size: int = 64  # of a sample, in pixels
    weights: str = ""  # of the G that drew the samples, see `weights_of`
    unsure: tuple[int, ...] = ()  # samples in which it is hard to say

    def __post_init__(self) -> None:
        for i in (*self.boxes, *self.unsure):
            if not 0 <= i < self.count:
                raise UserError(f"marks: there is no sample {i}; they are numbered from 0 to {self.count - 1}")
            for box in self.boxes.get(i, ()):
                check_box(box, self.size, f"sample {i}")
        if not self.number:
            raise UserError(f"marks: no {self.what} is marked in any of {self.count} samples; mark at least {LEAST}")

    @property
    def number(self) -> int:
        return sum(len(boxes) for boxes in self.boxes.values())

    def z(self, generator: Generator) -> Tensor:
        """The z of all samples, count x latent."""
        if generator.architecture.size != self.size:
            raise UserError(f"marks: made in pictures of {self.size} px; this generator draws {generator.architecture.size} px")
        return latent.sample(generator.architecture, self.count, torch.Generator().manual_seed(self.seed))


def check_box(box: Sequence[int], size: int, where: str) -> None:
    """Raises UserError for a box that is empty or not all in the picture."""
    if len(box) != 4 or not all(isinstance(n, int) for n in box):
        raise UserError(f"marks: {where}: a box is four whole numbers (left, top, width, height), got {list(box)}")
    left, top, width, height = box
    if width < 1 or height < 1 or left < 0 or top < 0 or left + width > size or top + height > size:
        raise UserError(f"marks: {where}: the box {list(box)} is empty or reaches outside the picture of {size} x {size} px")


def save_marks(marks: Marks, path: Path | str) -> None:
    """As JSON."""
    boxes = {str(i): [list(box) for box in found] for i, found in sorted(marks.boxes.items())}
    values = {key: getattr(marks, key) for key in (*_NUMBERS, "what", "weights", "unsure")}
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_json(Path(path), values | {"boxes": boxes})


_NUMBERS = ("seed", "count", "size")


def load_marks(path: Path | str, run: Run | None = None) -> Marks:
    """Raises UserError where the file is missing or damaged, marks nothing, or marks what is not in a picture.

    run: whose samples they should be; raises UserError where other weights than its own drew them.
    """
    values = read_json(Path(path), "marked boxes")
    try:
        boxes = {int(i): tuple(tuple(box) for box in found) for i, found in values["boxes"].items()}
        numbers = {key: values[key] for key in _NUMBERS}
        what, weights, unsure = values["what"], values.get("weights", ""), tuple(values.get("unsure", ()))
        whole = all(type(n) is int for n in (*numbers.values(), *unsure))
        if not (whole and isinstance(what, str) and isinstance(weights, str)):
            raise TypeError("numbers and names")
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UserError(f"{path}: not marked boxes; delete it, and save some with widgets.Marker") from None
    if run is not None and weights != weights_of(run):
        raise UserError(f"{path}: marked in samples of other weights than those of {run.path}; mark them again")
    return Marks(boxes, what, **numbers, weights=weights, unsure=unsure)


# --- a finder: where is it? -------------------------------------------------------------------------------------------

FINDER_SEED = 3000  # of the drawings it learns from; judges learn from 1000, 1001 …
PICTURES, EPOCHS, BATCH = 2500, 2, 32
RARE = 4.0  # how much more a place with an object counts than one without: lamps and pictures are small
CELL = 2  # pixels of the picture in a pixel of the finder's answer
SMALLEST = 8  # cells; smaller specks are no object


class Finder(nn.Module):
    """Says for every place of a picture which objects are there. Fully convolutional.

    Raises UserError for an unknown set or a size that is no multiple of 8.
    """

    def __init__(self, name: str, size: int = 64) -> None:
        super().__init__()
        scenes.check(name, size, seed=0)
        if size % 8:
            raise UserError(f"finder of {name}: {size} px; choose a multiple of 8")
        self.name, self.size = name, size
        self.objects = _objects(name)
        self.down = nn.ModuleList(_block(i, o, 4, 2) for i, o in ((3, 16), (16, 32), (32, 64)))
        self.middle = nn.Sequential(_block(64, 64, 3, 1), _block(64, 64, 3, 1))
        self.up = nn.ModuleList(_block(i, o, 3, 1) for i, o in ((64 + 32, 32), (32 + 16, 16)))
        self.head = nn.Conv2d(16, len(self.objects), 1)

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels: uint8 or float 0 … 255, N x 3 x size x size. Returns logits N x objects x size/2 x size/2."""
        h, skips = pixels.float() / 127.5 - 1, []
        for block in self.down:
            h = block(h)
            skips.append(h)
        h = self.middle(h)
        for block, skip in zip(self.up, (skips[1], skips[0]), strict=True):
            h = block(torch.cat([F.interpolate(h, scale_factor=2.0), skip], 1))
        return self.head(h)

    @torch.no_grad()
    def locate(self, images: np.ndarray, what: str, batch: int = 256) -> np.ndarray:
        """uint8 N x 3 x size x size -> bool N x size/2 x size/2: where the object `what` is."""
        if what not in self.objects:
            raise UserError(f"finder of {self.name}: knows no {what!r}, only {', '.join(self.objects)}")
        if images.ndim != 4 or images.shape[1:] != (3, self.size, self.size):
            shape = " x ".join(map(str, images.shape))
            raise UserError(f"finder of {self.name}: reads N x 3 x {self.size} x {self.size} pictures, got {shape}")
        device, k = next(self.parameters()).device, self.objects.index(what)
        parts = [self(torch.from_numpy(np.array(images[i : i + batch])).to(device)) for i in range(0, len(images), batch)]
        return np.concatenate([(part[:, k] > 0).cpu().numpy() for part in parts])

    def boxes(self, images: np.ndarray, what: str) -> list[tuple[Box, ...]]:
        """For each picture a box around every connected patch of the object."""
        return [_boxes(mask) for mask in self.locate(images, what)]

    def read(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """For each object N times 1 or 0: is there any? In the form of a judge's answers."""
        return {what: np.array([float(bool(b)) for b in self.boxes(images, what)]) for what in self.objects}


@cache
def _objects(name: str) -> tuple[str, ...]:
    return tuple(sorted(scenes.draw(name, 1, scenes.MIN_SIZE).masks))


def _block(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, 1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


def _boxes(mask: np.ndarray) -> tuple[Box, ...]:
    patches, _ = ndimage.label(mask)
    found = []
    for i, (rows, columns) in enumerate(ndimage.find_objects(patches), 1):
        if (patches[rows, columns] == i).sum() >= SMALLEST:
            corner = (columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
            found.append(tuple(CELL * n for n in corner))
    return tuple(found)


def load_finder(name: str, size: int = 64, device: torch.device | str = "cpu") -> Finder:
    """The finder of a drawn set: shipped, else kept from an earlier call, else trained now (minutes on a CPU)."""
    finder = Finder(name, size)
    note = {"finder": json.dumps({"set": name, "size": size, "pictures": PICTURES, "epochs": EPOCHS})}
    path = judges.shipped_or_kept(f"finder-{name}-{size}px-v{scenes.VERSION}.safetensors")
    if not path.is_file():
        train_finder(finder, device=device)
        judges.save(finder, path, note)
    return judges.restore(finder, path, "this finder's weights").to(device, memory_format=torch.channels_last)


def train_finder(
    finder: Finder, seed: int = 0, device: torch.device | str = "cpu", pictures: int = PICTURES, epochs: int = EPOCHS
) -> None:
    """Trains on drawings with their exact masks, some of them blurred or noisy, as judges are."""
    drawn = scenes.draw(finder.name, pictures, finder.size, FINDER_SEED + seed)
    images = torch.from_numpy(drawn.images)
    masks = torch.from_numpy(np.stack([drawn.masks[what] for what in finder.objects], 1))
    rng = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):  # PyTorch's own initial weights, from this seed
        torch.manual_seed(seed)
        for module in finder.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
    finder.to(device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(finder.parameters(), 2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=epochs * (pictures // BATCH))
    order = torch.cat([torch.randperm(pictures, generator=rng)[: pictures // BATCH * BATCH] for _ in range(epochs)])
    for chosen in tqdm(order.split(BATCH), desc=f"finder of {finder.name}", leave=False, delay=2):
        batch = judges.spoil(images[chosen], rng).to(device, memory_format=torch.channels_last)
        target = F.avg_pool2d(masks[chosen].float(), CELL).to(device)
        loss = F.binary_cross_entropy_with_logits(finder(batch), target, pos_weight=torch.tensor(RARE, device=batch.device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    finder.eval()


def mark(generator: Generator, finder: Finder, what: str = "window", seed: int = 0, count: int = SAMPLES) -> Marks:
    """The boxes that the finder puts around an object in `count` samples. Raises UserError where it finds none."""
    z = latent.sample(generator.architecture, count, torch.Generator().manual_seed(seed))
    found = finder.boxes(latent.draw_pixels(generator, z), what)
    return Marks({i: b for i, b in enumerate(found) if b}, what, seed, count, generator.architecture.size)


# --- which maps? ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dropping:
    """Feature maps of one layer of G that are to be left out."""

    layer: int
    maps: tuple[int, ...]


def check_layer(generator: Generator, layer: int) -> nn.Module:
    """The layer of G. Raises UserError where there is none, or it is the last, whose maps are the picture's colours."""
    last = len(generator.convs) - 2
    if not 0 <= layer <= last:
        raise UserError(f"layer {layer}: maps can be dropped in G's conv layers 0 (next to z) to {last}")
    return generator.convs[layer]


@torch.no_grad()
def activations(generator: Generator, z: Tensor, layer: int) -> Tensor:
    """A conv layer's maps after its ReLU, N x C x s x s on the CPU."""
    kept: list[Tensor] = []
    handle = check_layer(generator, layer).register_forward_hook(lambda module, inputs, out: kept.append(out.float().cpu()))
    try:
        latent.draw(generator, z)
    finally:
        handle.remove()
    return torch.cat(kept)


def examples(generator: Generator, marks: Marks, layer: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Activations at places inside boxes, and at as many random places outside of them in the same samples.

    Returns M x C activations and M times 1 (inside) or 0. A place of the map is inside where its middle is; a box that holds
    no middle has the one nearest to its own.
    """
    marked = [i for i, boxes in sorted(marks.boxes.items()) if boxes]
    maps = activations(generator, marks.z(generator)[marked], layer).numpy()  # N x C x s x s
    side, rng = maps.shape[-1], np.random.default_rng(seed)
    rows, labels = [], []
    for i, found in zip(marked, maps, strict=True):
        table, inside = found.reshape(len(found), -1).T, _places(marks.boxes[i], side, marks.size)
        outside = rng.permutation(np.flatnonzero(~inside))[: inside.sum()]
        rows += [table[inside], table[outside]]
        labels += [np.ones(inside.sum()), np.zeros(len(outside))]
    return np.concatenate(rows), np.concatenate(labels)


def _places(boxes: Sequence[Box], side: int, size: int) -> np.ndarray:
    inside = np.zeros((side, side), bool)
    for left, top, width, height in boxes:
        inside[np.ix_(_middles(top, height, side, size), _middles(left, width, side, size))] = True
    return inside.ravel()


def _middles(start: int, length: int, side: int, size: int) -> np.ndarray:
    middle = (np.arange(side) + 0.5) * size / side
    inside = np.flatnonzero((middle >= start) & (middle < start + length))
    return inside if len(inside) else np.array([np.abs(middle - start - length / 2).argmin()])


def weights(generator: Generator, marks: Marks, layer: int, seed: int = 0) -> np.ndarray:
    """The weight of each map in a logistic regression that tells inside from outside: scikit-learn's, as it comes.

    Raises UserError where too few boxes are marked.
    """
    if marks.number < LEAST:
        raise UserError(f"{marks.what}: {marks.number} boxes in {marks.count} samples are too few to learn from; mark {LEAST}")
    x, y = examples(generator, marks, layer, seed)
    if y.min() == y.max():
        raise UserError(f"{marks.what}: the boxes leave no place outside of them; mark them more tightly")
    return LogisticRegression(max_iter=5000).fit(x, y).coef_[0]


def paper_rule(generator: Generator, marks: Marks, layer: int, seed: int = 0) -> Dropping:
    """Every map with a weight above zero."""
    return Dropping(layer, tuple(np.flatnonzero(weights(generator, marks, layer, seed) > 0).tolist()))


def at_random(generator: Generator, like: Dropping, seed: int) -> Dropping:
    """As many maps of the same layer, whichever."""
    width = check_layer(generator, like.layer).norm.num_features
    chosen = np.random.default_rng(seed).permutation(width)[: len(like.maps)]
    return Dropping(like.layer, tuple(sorted(chosen.tolist())))


@contextmanager
def without(generator: Generator, dropping: Dropping) -> Iterator[None]:
    """Inside, these maps of G are zero everywhere. Raises UserError for maps or a layer that G does not have, or none."""
    stage = check_layer(generator, dropping.layer)
    width = stage.norm.num_features
    if not dropping.maps:
        raise UserError("no feature map is chosen; name at least one to drop")
    odd = next((m for m in dropping.maps if not 0 <= m < width), None)
    if odd is not None:
        raise UserError(f"map {odd}: layer {dropping.layer} of G has {width} feature maps, numbered from 0 to {width - 1}")
    kept = torch.ones(width, device=next(generator.parameters()).device)
    kept[list(dropping.maps)] = 0
    handle = stage.register_forward_hook(lambda module, inputs, out: out * kept.to(out.dtype)[:, None, None])
    try:
        yield
    finally:
        handle.remove()


# --- what becomes of the rooms? ---------------------------------------------------------------------------------------


class Reader(Protocol):
    """A judge, or a finder: says for every object whether pictures show it (above 0.5)."""

    name: str

    def read(self, images: np.ndarray) -> dict[str, np.ndarray]: ...


@dataclass(frozen=True)
class Shown:
    """Samples that show an object, as they are before anything is dropped."""

    what: str
    z: Tensor  # N x latent
    images: np.ndarray  # uint8 N x C x S x S
    there: dict[str, np.ndarray]  # bool N each: which objects they show
    outside: np.ndarray  # bool N x S x S: the picture without the object's boxes


@dataclass(frozen=True)
class Effect:
    """What dropping maps did to the samples in a `Shown`."""

    gone: np.ndarray  # bool, one for each sample: the object is no longer there
    kept: dict[str, np.ndarray]  # other objects: bool, one for each sample that showed it
    new: dict[str, float]  # other objects: the share of samples without it that now show it
    change: float  # of pixels outside the object's boxes, RMS, 0 to 1
    between: float  # the same between two samples, to compare with

    @property
    def others(self) -> np.ndarray:
        """`kept` of all other objects in one."""
        return np.concatenate(list(self.kept.values()))


def shown(generator: Generator, reader: Reader, finder: Finder, what: str, count: int, seed: int) -> Shown:
    """Draws `count` samples and keeps those of which `reader` says that they show the object. Raises UserError for none."""
    z = latent.sample(generator.architecture, count, torch.Generator().manual_seed(seed))
    images = latent.draw_pixels(generator, z)
    there = _there(reader, images)
    if what not in there:
        raise UserError(f"{reader.name}: has no {what!r} that is there or not, only {', '.join(there)}")
    kept = there[what]
    if kept.sum() < 2:
        raise UserError(f"{what}: {kept.sum()} of {count} samples show one; draw more, or take a generator that knows it")
    outside = np.ones((int(kept.sum()), *images.shape[2:]), bool)
    for mask, boxes in zip(outside, finder.boxes(images[kept], what), strict=True):
        for left, top, width, height in boxes:
            mask[top : top + height, left : left + width] = False
    return Shown(what, z[torch.from_numpy(kept)], images[kept], {k: v[kept] for k, v in there.items()}, outside)


def _there(reader: Reader, images: np.ndarray) -> dict[str, np.ndarray]:
    answers = reader.read(images)
    return {what: answers[what] > 0.5 for what in scenes.yes_no(reader.name) if what in _objects(reader.name)}


def effect(generator: Generator, dropping: Dropping, samples: Shown, reader: Reader) -> Effect:
    """Draws the same z without these maps, and asks the same reader again."""
    with without(generator, dropping):
        images = latent.draw_pixels(generator, samples.z)
    after = _there(reader, images)
    others = [what for what in after if what != samples.what]

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        squares = np.square(a.astype(np.float32) - b).mean(1) / 255**2  # N x S x S
        return float(np.sqrt((squares * samples.outside).sum((1, 2)) / np.maximum(samples.outside.sum((1, 2)), 1)).mean())

    return Effect(
        ~after[samples.what],
        {what: after[what][samples.there[what]] for what in others},
        {what: float(after[what][~samples.there[what]].mean()) if (~samples.there[what]).any() else 0.0 for what in others},
        distance(samples.images, images),
        distance(samples.images, np.roll(samples.images, 1, 0)),
    )


GOAL = (0.8, 0.9)  # of the object gone, of other things kept
SHARES = (0.08, 0.12, 0.15, 0.17, 0.19, 0.2, 0.22, 0.25, 0.3)  # of a layer's maps, tried in turn
MARGIN = 2.0  # a finder's answer that is this far on the right side of zero is right enough


def one_by_one(generator: Generator, finder: Finder, samples: Shown, layer: int, count: int, batch: int = 48) -> list[int]:
    """`count` maps of a layer in an order for dropping: each time the one that takes most of the object and least of all else.

    Most and least by the finder's answers at the places where it saw things before, each thing's mean counting the same. What
    a map contributes is read off the gradient for a factor on each map: the first order of what dropping it would change.
    """
    stage, parts, a = check_layer(generator, layer), range(0, len(samples.z), batch), generator.architecture
    device = next(generator.parameters()).device
    wanted = torch.tensor([-1.0 if what == samples.what else 1.0 for what in finder.objects], device=device)[:, None, None]
    with torch.no_grad():
        there = torch.cat([finder(torch.from_numpy(samples.images[i : i + batch]).to(device)) for i in parts]) > 0
    places = there.sum((0, 2, 3)).clamp_min(1)  # for each thing
    factors, order = torch.ones(stage.norm.num_features, device=device), []
    for _ in range(count):
        now, gain = factors.clone().requires_grad_(), torch.zeros_like(factors)
        handle = stage.register_forward_hook(lambda module, inputs, out, now=now: out * now[:, None, None])
        try:
            for i in parts:
                pictures = generator(samples.z[i : i + batch].to(device)).float()
                answers = finder((pictures + 1) * 127.5 if a.output == "tanh" else pictures * 255)
                wrong = F.relu(MARGIN - wanted * answers) * there[i : i + batch]
                loss = (wrong.sum((0, 2, 3)) / places).sum()
                gain += torch.autograd.grad(loss, now)[0]
        finally:
            handle.remove()
        gain[order] = -torch.inf
        order.append(int(gain.argmax()))
        factors[order[-1]] = 0
    return order


def tune(
    generator: Generator, finder: Finder, samples: Shown, layers: Sequence[int] = READINGS, shares: Sequence[float] = SHARES
) -> tuple[Dropping, dict]:
    """Not the paper's: drops the first k maps of `one_by_one`. Layer and k are chosen on `samples`, by the finder.

    Chosen is what comes nearest to `GOAL`, or passes it furthest, in the worse of its two parts. Returns it and how it was
    chosen.
    """
    best, tried = (-np.inf, None, {}), 0
    for layer in layers:
        counts = sorted({max(1, round(share * check_layer(generator, layer).norm.num_features)) for share in shares})
        order = one_by_one(generator, finder, samples, layer, counts[-1])
        for k in counts:
            dropping = Dropping(layer, tuple(sorted(order[:k])))
            found = effect(generator, dropping, samples, finder)
            gone, kept = float(found.gone.mean()), float(found.others.mean())
            tried += 1
            margin = min(gone - GOAL[0], kept - GOAL[1])
            if margin > best[0]:
                best = (margin, dropping, {"layer": layer, "maps": k, "gone": gone, "kept": kept})
    return best[1], best[2] | {"tried": tried, "samples": len(samples.z)}


# --- measured ---------------------------------------------------------------------------------------------------------

# seeds of z: for marking, for choosing, for scoring; windows_by_hand.json has 600
MARK_SEED, CHOOSE_SEED, SCORE_SEED, RANDOM_SEED = 10_000, 20_000, 30_000, 40_000
TRIALS = Path(__file__).resolve().parent.parent / "book" / "trials"
BY_HAND, BY_EYE = TRIALS / "windows_by_hand.json", TRIALS / "forgotten_by_eye.json"


def looked_at(run: Run, path: Path = BY_HAND) -> bool:
    """Are these the weights whose samples were looked at by eye? What was seen says nothing of another run's samples."""
    return run.has_net("generator") and read_json(path, "what was seen").get("weights") == weights_of(run)


def choose(
    generator: Generator, finder: Finder, what: str, which: str, small: bool = False, seed: int = 0
) -> tuple[Dropping, Marks, dict]:
    """The maps to drop for an object: by the `paper`'s rule, by its `second reading`, or `tuned`. With marks and details."""
    marks = mark(generator, finder, what, MARK_SEED + seed)
    if which == "tuned":
        samples = shown(generator, finder, finder, what, 150 if small else 300, CHOOSE_SEED + seed)
        layers, shares = (READINGS[:1], SHARES[1:7:2]) if small else (READINGS, SHARES)
        dropping, details = tune(generator, finder, samples, layers, shares)
        return dropping, marks, {"chosen": details}
    return paper_rule(generator, marks, READINGS[which == "second reading"], seed), marks, {}


def measure(
    generator: Generator, judge: Reader, finder: Finder, what: str, which: str, small: bool = False, seed: int = 0
) -> dict[str, Measurement]:
    """What becomes of the object and of others in samples of fresh z, and what as many maps dropped at random do.

    `gone`: of the samples that show the object, the share that no longer do. `kept`: of all other objects in these, the share
    that is still there. `random`: `gone` for random maps, with the interval over draws of maps. Boxes and choices are the
    finder's; presence before and after is the judge's, who learnt from other drawings. What the finder says of the same
    samples is in `details`: the two differ where something dim or framed is left in the object's place.
    """
    with evaluation.timed() as seconds:
        dropping, marks, details = choose(generator, finder, what, which, small, seed)
        samples = shown(generator, judge, finder, what, 300 if small else 2500, SCORE_SEED + seed)
        found = effect(generator, dropping, samples, judge)
        again = shown(generator, finder, finder, what, 300 if small else 2500, SCORE_SEED + seed)
        by_finder = effect(generator, dropping, again, finder)
        taken = seconds()
        details |= {
            "layer": dropping.layer,
            "maps": list(dropping.maps),
            "of": check_layer(generator, dropping.layer).norm.num_features,
            "boxes": marks.number,
            "marked_samples": marks.count,
            "kept": {name: round(float(flags.mean()), 4) if len(flags) else None for name, flags in found.kept.items()},
            "new": {name: round(share, 4) for name, share in found.new.items()},
            "finder": {
                "gone": [round(x, 4) for x in evaluation.share(by_finder.gone)],  # with its interval
                "kept": [round(x, 4) for x in evaluation.share(by_finder.others)],
                "samples": len(again.z),
            },
            "change_elsewhere": round(found.change, 4),
            "between_two_samples": round(found.between, 4),
        }
    with evaluation.timed() as seconds:
        few = shown(generator, judge, finder, what, 100 if small else 400, SCORE_SEED + seed)
        draws = [at_random(generator, dropping, RANDOM_SEED + 100 * seed + i) for i in range(3 if small else 12)]
        tries = [effect(generator, drawn, few, judge) for drawn in draws]
        gone = np.array([t.gone.mean() for t in tries])
        kept = np.array([t.others.mean() for t in tries])
        low, high = evaluation.bootstrap(lambda x: float(x.mean()), gone, seed=seed)
        same = effect(generator, dropping, few, judge)
        random = {
            "draws": [round(float(x), 4) for x in gone],
            "kept": round(float(kept.mean()), 4),
            "change_elsewhere": round(float(np.mean([t.change for t in tries])), 4),
            "samples": len(few.z),
            "these_maps": round(float(same.gone.mean()), 4),
        }
        by_chance = Measurement(float(gone.mean()), low, high, len(draws), seconds(), details | {"random": random})
    return {
        "gone": Measurement(*evaluation.share(found.gone), len(found.gone), taken, details),
        "kept": Measurement(*evaluation.share(found.others), len(found.others), taken, details),
        "random": by_chance,
    }


def accuracy(finder: Finder, what: str, count: int = 4000, seed: int = judges.HELD_OUT_SEED) -> Measurement:
    """On drawings that it has not seen: how often is it right that there is one? How well its places are is in `details`."""
    with evaluation.timed() as seconds:
        drawn = scenes.draw(finder.name, count, finder.size, seed)
        there = drawn.factors[what] > 0.5
        right = np.array([bool(b) for b in finder.boxes(drawn.images, what)]) == there
        said = finder.locate(drawn.images, what).repeat(CELL, 1).repeat(CELL, 2)
        both, either = (said & drawn.masks[what]).sum((1, 2)), (said | drawn.masks[what]).sum((1, 2))
        details = {"overlap_with_mask": round(float((both[there] / np.maximum(either[there], 1)).mean()), 4)}
        return Measurement(*evaluation.share(right), count, seconds(), details)


def agreement(generator: Generator, finder: Finder, judge: Reader, marks: Marks) -> Measurement:
    """On samples that were marked by eye: how often do finder and eye agree that there is a window?

    `details`: how often eye and judge agree; the same without samples in which it is hard to say; how well boxes overlap.
    """
    with evaluation.timed() as seconds:
        images = latent.draw_pixels(generator, marks.z(generator))
        by_eye = np.array([bool(marks.boxes.get(i)) for i in range(marks.count)])
        sure = np.ones(marks.count, bool)
        sure[list(marks.unsure)] = False
        boxes = finder.boxes(images, marks.what)
        found = np.array([bool(b) for b in boxes])
        said = judge.read(images)[marks.what] > 0.5
        pairs = [
            max((evaluation.overlap(np.array(mine), np.array(theirs)) for theirs in boxes[i]), default=0.0)
            for i, marked in marks.boxes.items()
            for mine in marked
        ]
        details = {
            "samples_with_one": {"eye": int(by_eye.sum()), "finder": int(found.sum()), "judge": int(said.sum())},
            "sure": int(sure.sum()),
            "agreement_where_sure": round(float((found == by_eye)[sure].mean()), 4),
            "judge_agrees": round(float((said == by_eye).mean()), 4),
            "judge_agrees_where_sure": round(float((said == by_eye)[sure].mean()), 4),
            "boxes": len(pairs),
            "boxes_found": round(float(np.mean(np.array(pairs) >= 0.5)), 4),  # overlap (IoU) of a half or more
            "overlap": round(float(np.mean(pairs)), 4),
            "disagree": np.flatnonzero(found != by_eye).tolist(),
        }
        return Measurement(*evaluation.share(found == by_eye), marks.count, seconds(), details)
