"""What `import dcgan_core` offers, over the rest of the package."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from PIL.Image import Image

from dcgan_core import config_io, devices, pictures, recipes, runs
from dcgan_core.data import cache
from dcgan_core.data.images import ImageData, part
from dcgan_core.data.loading import load_data
from dcgan_core.errors import UserError
from dcgan_core.files import write_atomically
from dcgan_core.networks import ARCHITECTURES, Architecture, Discriminator, Generator, to_pixels
from dcgan_core.runs import Run
from dcgan_core.training import loop, processes
from dcgan_core.training.config import Config, check_data, check_resumable

if TYPE_CHECKING:
    from dcgan_core.probes.protocols import Result

__all__ = ["ARCHITECTURES", "Discriminator", "Generator", "Run", "load", "load_data", "probe", "show", "train"]


def load(run: str | os.PathLike[str], *, device: str = "auto") -> Generator:
    """The generator of a shipped run, by its name, or of a run's folder: in eval mode and float32 on the best device.

    Raises UserError where there is no such run, or it has no finished generator.
    """
    return Run(run).generator(devices.pick(device))


def show(
    images: torch.Tensor | np.ndarray,
    out: str | os.PathLike[str] | None = None,
    *,
    columns: int | None = None,
    zoom: int = 2,
    output: Literal["tanh", "sigmoid"] | None = None,
) -> Image:
    """A grid of images as a picture, which a notebook displays; also written to `out`, a PNG file, where that is given.

    images: [N x] C x S x S, uint8, or floats as a generator puts them out: in [-1, 1] (tanh), or in [0, 1] (sigmoid), which
    they are taken for where none is below 0 and `output` does not say. zoom: pixels on the screen for each of theirs.
    """
    batch = torch.as_tensor(images).detach().cpu()
    batch = batch if batch.ndim > 3 else batch[None]
    if batch.dtype != torch.uint8:
        output = output or ("tanh" if (batch < 0).any() else "sigmoid")
        batch = to_pixels(batch.float(), Architecture(output=output))
    picture = pictures.show(batch.numpy(), columns, zoom)
    if out is not None:
        write_atomically(Path(out), pictures.encode(np.asarray(picture)))
    return picture


def train(
    data: str | os.PathLike[str],
    *,
    minutes: float | None = None,
    images: int | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    profile: str = "cpu",
    architecture: str | None = None,
    initial: str | os.PathLike[str] | None = None,
    seed: int | None = None,
    device: str = "auto",
    settings: Mapping[str, Any] | None = None,
) -> Run:
    """Trains a recipe, a data set, or a zip or folder of images. Returns the run: `info["status"]` is `finished`, or
    `training` where Ctrl-C stopped it.

    minutes, images: how long, instead of the recipe's own budget. out: the run's folder (default: runs/NAME). resume: goes on
    with the run there, exactly where it stopped. profile: `quick`, `cpu` or `paper`. architecture: a key of ARCHITECTURES.
    initial: a run whose weights to start from. settings: fields of `Config`, such as {"batch": 64, "architecture.kernel": 5}.
    Raises UserError for what cannot be trained, and leaves no run then; Collapsed where training diverges or collapses.
    """
    devices.pick(device)
    name = str(data.resolve()) if isinstance(data, Path) else os.fspath(data)
    budget = {} if images is None and minutes is None else {"images": images or 0, "minutes": minutes or 0}
    given = budget | ({} if seed is None else {"seed": seed}) | dict(settings or {})
    texts = [f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in given.items()]
    config = config_io.override(recipes.recipe(name, profile, architecture), texts)  # all at once: some only fit together
    out = Path(out or Path("runs") / Path(config.data if os.sep in config.data else name).stem)
    start = Run(initial) if initial else None
    if start and start.architecture != config.architecture:
        raise UserError(f"`initial` {initial}: its architecture differs; use `architecture` or `settings` to match it")
    existing = Run(out) if resume and (out / "run.json").exists() else None
    if existing:
        check_resumable(config, existing)
    device = processes.join_others(device)
    pictures_of = _data(config, existing)
    if existing and not existing.has_checkpoint and existing.info.get("initial"):
        start = Run(existing.info["initial"])
    if processes.rank() == 0 and not existing:
        runs.start(config, pictures_of, out, recipe=name, profile=profile, initial=start)
    processes.wait_for_all()  # until run.json is there
    loop.train(config, pictures_of, existing or Run(out), device, initial=start)
    processes.wait_for_all()
    return Run(out)


def _data(config: Config, existing: Run | None) -> ImageData:
    """The images to train on. Raises UserError where they do not fit the net, or are not those of the run that goes on."""
    if processes.rank() == 0:  # prepares (or downloads) it for all
        cache.prepare(config.data, config.architecture.size, crop=config.crop)
    processes.wait_for_all()
    data = load_data(config.data, config.architecture.size, crop=config.crop)
    if config.first:
        data = part(data, 0, config.first)
    if existing and existing.info["data"].get("fingerprint") != data.provenance["fingerprint"]:
        raise UserError(
            f"{existing.path}: was trained on other pictures called {data.name!r}; give it the same data, or another `out`"
            f" (dcgan data dedup {config.data} changes them, with --undo it changes them back)"
        )
    check_data(config, data)
    return data


def probe(
    run: Run | str | os.PathLike[str],
    dataset: str | os.PathLike[str],
    *,
    images: int | None = None,
    labels_each: int | None = None,
    draws: int = 100,
    seed: int = 0,
    device: str = "auto",
    **more: Any,
) -> Result:
    """How well a linear SVM on the features of a run's D tells the classes of a labelled data set apart (paper §5).

    images: so many training images (default: all). labels_each: so many labels a class, in several `draws` (default: all).
    more: as `probes.tasks.Question` has it, such as kind="random" or layers=[1, 2]. The result's `accuracy` is the share of
    right answers on the test images, `low` to `high` with 95 % confidence. Raises UserError for what cannot be probed.
    """
    from dcgan_core.probes import protocols, tasks  # with scipy.stats, which takes a second

    run = run if isinstance(run, Run) else Run(run)
    search = protocols.Search(protocols.grid_of(str(dataset)), patience=None if labels_each else 3, seed=seed)
    how = {"images": images, "labels_each": labels_each, "device": devices.pick(device), "seed": seed, **more}
    task = tasks.make_task(tasks.Question(run, str(dataset), **how))
    return protocols.per_class(task, labels_each, search, draws=draws) if labels_each else protocols.full(task, search)
