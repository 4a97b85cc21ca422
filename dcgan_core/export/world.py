"""What a page needs to let its readers play with a run: both nets, z and directions, and frames where nothing can be drawn."""

from __future__ import annotations

import base64
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dcgan_core import latent, pictures
from dcgan_core.errors import UserError
from dcgan_core.export import directions
from dcgan_core.export.directions import Direction
from dcgan_core.export.onnx_file import Kind, export_net
from dcgan_core.files import write_atomically
from dcgan_core.inside import arithmetic, exemplars, forgetting, marking
from dcgan_core.inside.forgetting import Dropping
from dcgan_core.networks import Generator
from dcgan_core.readers.finder import load_finder
from dcgan_core.runs import Run

SEEDS = 64  # seeds whose z ship: a seed means the picture of `Generator.sample(1, seed=…)`
STEPS, REACH = 9, 3.0  # frames of a slider, and how far it goes to either side; a random z is about 5.8 long
COLUMNS = 16  # of the sheet of frames
START, WALK = 18, (18, 26)  # the seed that is shown at first, and those of the walk's ends
SUMS = {"faces": "faces_smile", "drawn-portraits": "drawn_smile"}  # data -> the arithmetic to start with
FORGETTING = ("drawn-rooms", "window", 0)  # what can be forgotten: data, object, G's layer (paper §6.3.1, the first reading)
ROOMS = 4  # pictures that are there when forgetting starts


@dataclass(frozen=True)
class Forgetting:
    """Maps of a layer in the order in which they are dropped: those with most to do with the object first, or at random."""

    what: str
    layer: int
    width: int  # of the layer, in maps
    found: list[int]  # those with a weight above zero: the paper's rule drops them all
    random: list[int]  # as many
    seeds: list[int]  # whose pictures show the object


def write_world(run: Run, folder: Path, title: str) -> dict:
    """Writes generator.onnx, discriminator.onnx (where the run has one) and frames.webp. Returns JSON values for the page.

    z and directions in it are float32, little-endian, in base64. Raises UserError where the run has no generator.
    """
    generator, a = run.generator(), run.architecture
    z = seeds(generator)
    found, forget, terms = _directions_of(run, generator), forgettable(run, generator, z), _first_terms(run)
    models = {"generator": _written(run, folder, "generator", forget)}
    if run.has_net("discriminator"):
        models["discriminator"] = _written(run, folder, "discriminator")
    groups = _frames(generator, z, found, terms, forget)
    sheet = pictures.grid(np.concatenate(list(groups.values())), COLUMNS, gap=0)
    write_atomically(folder / "frames.webp", pictures.encode(sheet, "webp", quality=88))
    ends = np.cumsum([0, *map(len, groups.values())]).tolist()
    shape = {"size": a.size, "channels": a.channels, "latent": a.latent, "classes": a.num_classes}
    return shape | {
        "name": folder.name,
        "title": title,
        "low": -1 if a.output == "tanh" else 0,
        "normal": a.latent_distribution == "normal",
        "seeds": _coded(z),
        "noise": _coded(arithmetic.nine(torch.zeros(a.latent), torch.Generator().manual_seed(0))),
        "directions": [
            {"name": d.name, "vector": _coded(d.vector), "exemplars": list(d.exemplars) if d.exemplars else None} for d in found
        ],
        "reach": REACH,
        "steps": STEPS,
        "start": START,
        "walk": list(WALK),
        "sum": None if terms is None else terms[0] | {"z": _coded(terms[1])},
        "forget": None if forget is None else vars(forget),
        "columns": COLUMNS,
        "frames": dict(zip(groups, ends, strict=False)),  # where each group begins
        "models": models,
    }


def seeds(generator: Generator) -> Tensor:
    """The z of the first picture of each of the first SEEDS seeds, SEEDS x latent."""
    a = generator.architecture
    return torch.cat([latent.sample(a, 1, torch.Generator().manual_seed(seed)) for seed in range(SEEDS)])


def _directions_of(run: Run, generator: Generator) -> list[Direction]:
    """Named ones where the run's data can be read, else those that change most."""
    try:
        return directions.named_directions(run)
    except UserError:
        return directions.strongest_directions(generator)


def _first_terms(run: Run) -> tuple[dict, Tensor] | None:
    """The arithmetic that chapter 6.3.2 begins with: names, and three exemplars for each term (9 x latent).

    None where the run's data have none, or its size no judge, or too few of its samples could serve.
    """
    name = SUMS.get(run.info.get("data", {}).get("name"))
    if name is None:
        return None
    try:
        parts, pool, rng = arithmetic.SUMS[name], arithmetic.candidates(run, "cpu"), torch.Generator().manual_seed(0)
        chosen = [exemplars.choose_sets(pool.of(c), c.name, 1, exemplars.FEW, rng)[0] for c in parts.terms]
    except UserError:
        return None
    return {"terms": [c.name for c in parts.terms], "result": parts.result.name}, torch.cat(chosen)


def forgettable(run: Run, generator: Generator, z: Tensor) -> Forgetting | None:
    """The maps that draw windows, by the paper's regression on boxes that the finder marked; None where there are none."""
    data, what, layer = FORGETTING
    if run.info.get("data", {}).get("name") != data:
        return None
    finder = load_finder(data, generator.architecture.size)
    try:
        weights = forgetting.weights(generator, marking.mark(generator, finder, what, forgetting.MARK_SEED), layer)
    except UserError:
        return None
    found = [int(i) for i in np.argsort(-weights) if weights[i] > 0]
    random = np.random.default_rng(forgetting.RANDOM_SEED).permutation(len(weights))[: len(found)]
    boxes = finder.boxes(latent.generate_pixels(generator, z), what)
    return Forgetting(what, layer, len(weights), found, random.tolist(), [i for i, b in enumerate(boxes) if b][:ROOMS])


def _written(run: Run, folder: Path, kind: Kind, forget: Forgetting | None = None) -> dict:
    done = export_net(run, folder / f"{kind}.onnx", kind, mask=forget.layer if forget else None)
    return {"bytes": done.size, "precision": done.precision, "difference": done.difference}


def _frames(
    generator: Generator, z: Tensor, found: list[Direction], terms: tuple[dict, Tensor] | None, forget: Forgetting | None
) -> dict[str, np.ndarray]:
    """What the page shows before anything is drawn, group by group: uint8 N x C x S x S each."""
    a, classes = generator.architecture, max(generator.architecture.num_classes, 1)

    def drawn(places: Tensor, labels: Tensor | int = 0) -> np.ndarray:
        marked = torch.as_tensor(labels).expand(len(places)) if a.num_classes else None
        return latent.generate_pixels(generator, places, marked)

    ways = [z[START] + torch.linspace(-REACH, REACH, STEPS)[:, None] * d.vector for d in found]
    groups = {
        "seeds": drawn(z, torch.arange(SEEDS) % classes),
        "directions": drawn(torch.cat(ways), START % classes),
        "walk": drawn(latent.walk(z[WALK[0]], z[WALK[1]], 2 * STEPS - 1)[0], WALK[0] % classes),
    }
    if a.num_classes:
        groups["classes"] = drawn(z[START].repeat(classes, 1), torch.arange(classes))
    if terms is not None:
        means = [latent.mean(three) for three in terms[1].split(3)]
        nine = arithmetic.nine(latent.combine(means), torch.Generator().manual_seed(0))
        groups["terms"] = drawn(torch.cat([terms[1], torch.stack(means), nine]))
        groups["pixels"] = arithmetic.pixel_sum(generator, [three[None] for three in terms[1].split(3)])
    if forget is not None:
        rooms, steps = z[forget.seeds], np.linspace(0, len(forget.found), STEPS).round().astype(int)
        sets = [order[:count] for order in (forget.found, forget.random) for count in steps]
        groups["forgotten"] = np.concatenate([_without(generator, rooms, Dropping(forget.layer, tuple(s))) for s in sets])
    return groups


def _without(generator: Generator, z: Tensor, dropping: Dropping) -> np.ndarray:
    with forgetting.without(generator, dropping) if dropping.maps else nullcontext():
        return latent.generate_pixels(generator, z)


def _coded(values: Tensor) -> str:
    return base64.b64encode(values.numpy().astype("<f4").tobytes()).decode()
