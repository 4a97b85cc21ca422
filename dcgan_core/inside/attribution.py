"""What in a picture makes a feature of D respond, and is it an object? Guided backpropagation (paper §6.2, Fig 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dcgan_core import devices, intervals, networks
from dcgan_core.drawings import scenes
from dcgan_core.drawings.canvas import Drawn
from dcgan_core.errors import UserError
from dcgan_core.intervals import Measurement
from dcgan_core.networks import Architecture, Discriminator, Stage

Leak = Literal["blocked", "passed"]
BATCH = 256  # pictures at once


class _Guided(torch.autograd.Function):
    """LeakyReLU whose backward pass is guided."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: float, leak: Leak) -> Tensor:
        ctx.save_for_backward(x)
        ctx.below = slope if leak == "passed" else 0.0
        return F.leaky_relu(x, slope)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        return gradient.clamp_min(0) * torch.where(x > 0, 1.0, ctx.below), None, None


def _conv_layer(architecture: Architecture, layer: int) -> int:
    """The layer's number from 0 on (-1 is the last). Raises UserError where D has no such conv layer."""
    count = len(architecture.widths)
    if not -count <= layer < count:
        raise UserError(f"layer {layer}: D has {count} conv layers, numbered from 0 to {count - 1} (-1: the last)")
    return layer % count


def _check_features(architecture: Architecture, layer: int, features: Numbers) -> None:
    """Raises UserError where there are none, or the layer does not have them."""
    width = architecture.widths[layer]
    if not len(features):
        raise UserError("no feature is chosen; name at least one")
    odd = next((int(f) for f in features if not 0 <= f < width), None)
    if odd is not None:
        raise UserError(f"feature {odd}: layer {layer} of D has {width} features, numbered from 0 to {width - 1}")


def _inputs(net: Discriminator, pixels: np.ndarray) -> Tensor:
    return networks.to_input(torch.from_numpy(np.array(pixels)).to(next(net.parameters()).device), net.architecture)


Numbers = Sequence[int] | np.ndarray


def guided(
    discriminator: Discriminator, pixels: np.ndarray, units: Sequence[Numbers], *, layer: int = -1, leak: Leak = "blocked"
) -> Tensor:
    """The guided gradient of a unit for each picture. `leak`: what becomes of LeakyReLU's slope below zero on the way back.

    pixels: uint8 N x C x S x S. units: features, rows and columns, N each: where in which map of the layer. Returns float32
    N x C x S x S on the CPU. D should be in eval mode, so that pictures do not influence each other. Raises UserError for a
    feature, layer or place that D does not have.
    """
    a = discriminator.architecture
    layer = _conv_layer(a, layer)
    _check_features(a, layer, units[0])
    if a.num_classes:
        raise UserError("guided backpropagation is for nets without classes")
    device = next(discriminator.parameters()).device
    index = torch.tensor(np.stack(units), device=device, dtype=torch.long)
    parts = []
    stages = [stage for stage in discriminator.convs[: layer + 1] if isinstance(stage, Stage)]
    for start in range(0, len(pixels), BATCH):
        x = h = _inputs(discriminator, pixels[start : start + BATCH]).requires_grad_()
        for stage in stages:
            h = _Guided.apply(stage.norm(stage.layer(h)), a.leak, leak)
        f, r, c = index[:, start : start + BATCH]
        if not bool(((r >= 0) & (r < h.shape[2]) & (c >= 0) & (c < h.shape[3])).all()):
            raise UserError(f"layer {layer} of D has {h.shape[2]} x {h.shape[3]} places, numbered from 0")
        (gradient,) = torch.autograd.grad(h[torch.arange(len(h)), f, r, c].sum(), x)
        parts.append(gradient.float().cpu())
    return torch.cat(parts)


# --- where a feature responds most --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Responses:
    """The strongest responses of K features to a data set, strongest first, at most one a picture."""

    layer: int
    features: np.ndarray  # K
    values: np.ndarray  # K x top
    images: np.ndarray  # K x top: numbers of pictures
    rows: np.ndarray  # K x top: where in the feature map
    columns: np.ndarray  # K x top

    def __getitem__(self, chosen: slice) -> Responses:
        """Those of some of the features."""
        parts = (part[chosen] for part in (self.features, self.values, self.images, self.rows, self.columns))
        return Responses(self.layer, *parts)

    def saliency(self, discriminator: Discriminator, data: np.ndarray, *, leak: Leak = "blocked") -> np.ndarray:
        """The guided gradient of every one of them: float32 K x top x C x S x S. data: the same pictures."""
        units = np.repeat(self.features, self.images.shape[1]), self.rows.ravel(), self.columns.ravel()
        found = guided(discriminator, data[self.images.ravel()], units, layer=self.layer, leak=leak).numpy()
        return found.reshape(*self.images.shape, *found.shape[1:])


@torch.no_grad()
def top_responses(
    discriminator: Discriminator, data: np.ndarray, features: Numbers | None = None, *, layer: int = -1, top: int = 9
) -> Responses:
    """Finds them in one pass over `data` (uint8 N x C x S x S, a memory map too); memory does not grow with N.

    features: None for all of the layer. Raises UserError for features or a layer that D does not have, or too few pictures.
    """
    a = discriminator.architecture
    layer = _conv_layer(a, layer)
    chosen = np.arange(a.widths[layer]) if features is None else np.asarray(features)
    _check_features(a, layer, chosen)
    if len(data) < top or top < 1:
        raise UserError(f"the {top} strongest responses cannot be found in {len(data)} pictures")
    device = next(discriminator.parameters()).device
    best = torch.empty(len(chosen), 0, device=device)
    where = torch.empty(len(chosen), 0, 2, dtype=torch.long, device=device)  # picture, place
    for start in range(0, len(data), BATCH):
        maps = discriminator.features(_inputs(discriminator, data[start : start + BATCH]))[layer][:, chosen]  # n x K x s x s
        side = maps.shape[-1]
        values, place = maps.flatten(2).max(2)  # one place a picture: n x K
        number = torch.arange(start, start + len(maps), device=device)[:, None].expand_as(place)
        best = torch.cat([best, values.T], 1)
        where = torch.cat([where, torch.stack([number, place], 2).transpose(0, 1)], 1)
        best, order = best.topk(min(top, best.shape[1]), dim=1)
        where = where.gather(1, order[:, :, None].expand(-1, -1, 2))
    numbers, places = where.cpu().numpy().transpose(2, 0, 1)
    return Responses(layer, chosen, best.cpu().numpy(), numbers, places // side, places % side)


def receptive_field(architecture: Architecture, layer: int = -1) -> tuple[int, int, int]:
    """(size, step, start): the unit at row r of D's conv layer sees the `size` pixels from row start + r * step on.

    `start` is negative: units at the edge see beyond the picture, where there are zeros.
    """
    size, step, start = 1, 1, 0
    for stride in architecture.strides[: _conv_layer(architecture, layer) + 1]:
        size += (architecture.kernel - 1) * step
        start -= architecture.padding * step
        step *= stride
    return size, step, start


# --- does a feature look at an object? ----------------------------------------------------------------------------------

CHOOSE_SEED, SCORE_SEED = 2000, 2001  # of drawings; those that nets are trained on have 0, judges 1000 and on


@dataclass(frozen=True)
class Looks:
    """How strong responses look at objects, whichever is looked for: K features x top responses x O objects each."""

    inside: np.ndarray  # share of saliency inside the object's mask
    pointing: np.ndarray  # does the most salient pixel lie in the mask?
    centre: np.ndarray  # does the picture's centre?
    even: np.ndarray  # `inside` if saliency were spread evenly over the picture
    even_in_field: np.ndarray  # … evenly over what the unit sees of the picture


@dataclass(frozen=True)
class Focus:
    """How K features look at objects. The object of a feature is chosen on one set of drawings, all else is of another."""

    names: np.ndarray  # O: all objects
    chosen_by: np.ndarray  # K x O: mean share of saliency inside each object, on the drawings for choosing
    looks: Looks  # on the others

    @property
    def objects(self) -> np.ndarray:
        """K: the name of each feature's object."""
        return self.names[self.chosen_by.argmax(1)]

    def own(self, what: str) -> np.ndarray:
        """K: one of `Looks` for each feature's own object, the mean over its strongest responses."""
        return getattr(self.looks, what).mean(1)[np.arange(len(self.chosen_by)), self.chosen_by.argmax(1)]

    def any(self, what: str) -> np.ndarray:
        """K: the same for any object, which needs no choice (masks do not overlap)."""
        return getattr(self.looks, what).sum(2).mean(1)

    def best(self) -> tuple[np.ndarray, np.ndarray]:
        """For each object the feature that looked at it most on the drawings for choosing: O, and its shares: O x top."""
        features = self.chosen_by.argmax(0)
        return features, self.looks.inside[features, :, np.arange(len(self.names))]


def _focus(
    discriminator: Discriminator, choose: Drawn, score: Drawn, found: tuple[Responses, Responses], *, leak: Leak = "blocked"
) -> Focus:
    """Gives each feature the object in whose mask most of its saliency lies on `choose`, and scores it on `score`.

    found: the strongest responses on both. Saliency is the sum of the absolute guided gradient over colours. Where an object
    is not in the picture, its share is 0.
    """
    chosen_by = _look(discriminator, choose, found[0], leak).inside.mean(1)
    return Focus(np.array(list(choose.masks)), chosen_by, _look(discriminator, score, found[1], leak))


def _look(discriminator: Discriminator, drawn: Drawn, found: Responses, leak: Leak) -> Looks:
    some = range(0, len(found.features), 32)  # features at a time, for memory's sake
    parts = [_look_at_once(discriminator, drawn, found[k : k + 32], leak) for k in some]
    shape = *found.images.shape, len(drawn.masks)
    return Looks(*(np.concatenate(columns).astype(np.float64).reshape(shape) for columns in zip(*parts, strict=True)))


def _look_at_once(discriminator: Discriminator, drawn: Drawn, found: Responses, leak: Leak) -> tuple[np.ndarray, ...]:
    """The columns of `Looks`, n x O each: all responses in one row."""
    side = drawn.images.shape[-1]
    each, pixel, half = np.arange(found.images.size), np.arange(side), side // 2
    amount = np.abs(found.saliency(discriminator, drawn.images, leak=leak)).sum(2).reshape(-1, side, side)  # n x S x S
    masks = np.stack([mask[found.images.ravel()] for mask in drawn.masks.values()], 1)  # n x O x S x S
    total = np.maximum(amount.sum((1, 2)), 1e-12)
    top, left = np.unravel_index(amount.reshape(len(amount), -1).argmax(1), (side, side))
    size, step, start = receptive_field(discriminator.architecture, found.layer)
    edges = [start + step * place.reshape(-1, 1) for place in (found.rows, found.columns)]
    seen_rows, seen_columns = ((pixel >= edge) & (pixel < edge + size) for edge in edges)  # n x S each
    field = seen_rows[:, :, None] & seen_columns[:, None, :]  # n x S x S
    return (
        np.einsum("nyx,noyx->no", amount, masks, optimize=True) / total[:, None],
        masks[each, :, top, left],
        masks[:, :, half - 1 : half + 1, half - 1 : half + 1].mean((2, 3)),
        masks.mean((2, 3)),
        (masks & field[:, None]).sum((2, 3)) / field.sum((1, 2))[:, None],
    )


def untrained(discriminator: Discriminator, data: np.ndarray, seed: int) -> Discriminator:
    """A D of the same architecture with random weights; its batchnorm statistics are those of `data`, as D's own are."""
    _, net = networks.build(discriminator.architecture, seed)
    device = next(discriminator.parameters()).device
    net = net.to(device).to(memory_format=devices.layout(device)).eval()
    rng = np.random.default_rng(seed)
    chosen = (np.sort(rng.choice(len(data), min(32, len(data)), replace=False)) for _ in range(40))
    networks.estimate_batchnorm(net, ((_inputs(net, data[numbers]),) for numbers in chosen))
    return net


def measure_focus(
    discriminator: Discriminator, *, count: int = 2000, top: int = 5, features: int | None = None, seed: int = 0, nets: int = 3
) -> dict[tuple[str, str], Measurement]:
    """How D's features, and those of `nets` random Ds, look at the objects of drawn rooms: (what, which).

    which: "trained", "random" (the mean of all random nets), or "gain", trained minus random. `inside`, `any`, `pointing` and
    `centre` are means over all features of the last conv layer (the first `features` of them), `looking` is the share of them
    with at least half of their saliency inside their object. `inside_best` is the mean over
    objects of the one feature that looks at the object most on the drawings for choosing. Bootstrap intervals draw features
    (`inside_best`: responses) and random nets anew. The procedure is the same for all nets.
    """
    a = discriminator.architecture
    choosing, scoring = (scenes.draw("drawn-rooms", count, a.size, s) for s in (CHOOSE_SEED, SCORE_SEED))
    drawings = (choosing, scoring)
    used = None if features is None else range(min(features, a.widths[-1]))
    with intervals.timed() as seconds:
        found = {"trained": [_focus_of(discriminator, drawings, used, top)]}
        taken = {"trained": seconds()}
    with intervals.timed() as seconds:
        random = [untrained(discriminator, drawings[0].images, seed + i) for i in range(nets)]
        found["random"] = [_focus_of(net, drawings, used, top) for net in random]
        taken["random"] = seconds()
    results = {}
    for what, samples in _SAMPLES.items():
        values = {which: [samples(f) for f, _ in looked] for which, looked in found.items()}
        means = {which: [round(float(np.mean(net)), 4) for net in nets] for which, nets in values.items()}
        for which, looked in found.items():
            n = sum(len(f.names if what == "inside_best" else f.chosen_by) for f, _ in looked)
            details = {"nets": means[which], **looked[0][1]}
            results[what, which] = Measurement(*_mean_and_interval(values[which], seed), n, taken[which], details)
        gain = _mean_and_interval(values["trained"], seed, minus=values["random"])
        results[what, "gain"] = Measurement(*gain, results[what, "trained"].n, sum(taken.values()), means)
    return results


_SAMPLES = {  # of which a measurement is the mean
    "inside": lambda found: [found.own("inside")],
    "looking": lambda found: [(found.own("inside") >= 0.5).astype(float)],  # more into the object than at the rest
    "any": lambda found: [found.any("inside")],
    "pointing": lambda found: [found.own("pointing")],
    "centre": lambda found: [found.own("centre")],
    "inside_best": lambda found: list(found.best()[1]),
}


def _focus_of(net: Discriminator, drawings: tuple[Drawn, Drawn], features: Numbers | None, top: int) -> tuple[Focus, dict]:
    """With what helps to read it. drawings: to choose objects on, and to score on."""
    choosing, scoring = (top_responses(net, drawn.images, features, top=top) for drawn in drawings)
    found = _focus(net, *drawings, (choosing, scoring))
    some = slice(min(len(found.chosen_by), 32))  # enough to compare the two choices about the leak
    passed = _focus(net, *drawings, (choosing[some], scoring[some]), leak="passed")
    inside, best = found.own("inside"), zip(found.names, *found.best(), strict=True)
    return found, {
        "drawings": len(drawings[0].images),
        "responses_per_feature": top,
        "feature_and_share_by_object": {str(n): [int(f), round(float(shares.mean()), 4)] for n, f, shares in best},
        "even": float(found.own("even").mean()),
        "even_in_what_the_unit_sees": float(found.own("even_in_field").mean()),
        "any_object_even_in_what_the_unit_sees": float(found.any("even_in_field").mean()),
        "leak": {
            "features": some.stop,
            "blocked": {key: float(found.own(key)[some].mean()) for key in ("inside", "pointing")},
            "passed": {key: float(passed.own(key).mean()) for key in ("inside", "pointing")},
        },
        "share_of_features_above_half": float((inside >= 0.5).mean()),
    }


def _mean_and_interval(
    nets: list[list[np.ndarray]], seed: int, minus: list[list[np.ndarray]] | None = None
) -> tuple[float, float, float]:
    """The mean over nets of the mean over each net's samples, less that of `minus`, with its bootstrap interval."""
    rng = np.random.default_rng([seed, 1])
    split = len(nets), len(nets[0])
    flat = [part for net in [*nets, *(minus or [])] for part in net]

    def statistic(*parts: np.ndarray, draw: bool = True) -> float:
        means = np.array([part.mean() for part in parts]).reshape(-1, split[1]).mean(1)
        groups = [g for g in (means[: split[0]], means[split[0] :]) if len(g)]
        drawn = [g[rng.integers(0, len(g), len(g))] if draw else g for g in groups]
        return float(drawn[0].mean() - (drawn[1].mean() if minus else 0))

    value = statistic(*flat, draw=False)
    return value, *intervals.bootstrap(statistic, *flat, seed=seed)[1:]
