"""What `import dcgan_core` offers, over the rest of the package."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from PIL.Image import Image

from dcgan_core import config_io, devices, latent, pictures, recipes, runs
from dcgan_core.data import cache
from dcgan_core.data.images import ImageData, Kept, part
from dcgan_core.data.loading import load_data, named
from dcgan_core.errors import UserError, reason
from dcgan_core.figures.tensorboard import Board
from dcgan_core.files import locked, write_atomically
from dcgan_core.networks import ARCHITECTURES, Architecture, Discriminator, Generator, to_pixels  # noqa: F401 offered as they are
from dcgan_core.runs import Run
from dcgan_core.training import loop, processes
from dcgan_core.training.collapse import Collapsed
from dcgan_core.training.config import Config, check_data, check_resumable

if TYPE_CHECKING:
    from dcgan_core.probes.protocols import Result


def load(run: Run | str | os.PathLike[str], *, device: str = "auto") -> Generator:
    """The generator of a run (paper §3): a shipped run by its name, or your own by its folder.

    It is float32 and in eval mode: a z always gives the same image. device: auto (the best there is), cpu, cuda, cuda:1 or mps.
    Raises UserError where there is no such run or device, or the run has no finished generator.
    """
    return _run(run).generator(devices.pick(device))


def _run(run: Run | str | os.PathLike[str]) -> Run:
    return run if isinstance(run, Run) else Run(run)


def walk(
    generator: Generator,
    start: int = 0,
    end: int = 1,
    *,
    steps: int = 16,
    path: Literal["straight", "spherical"] = "straight",
    label: int | None = None,
) -> np.ndarray:
    """The images on the way from one z to another (paper §6.1): uint8, steps x C x S x S.

    start, end: seeds; the first image is that of `generator.sample(1, seed=start)`, the last that of `seed=end`. steps: images,
    both ends included. path: a straight line, or `spherical`, which keeps to the usual length of a z. label: the class, for
    class-conditional nets (default: the first). Raises UserError for a class that the net does not have.
    """
    a = generator.architecture
    z = [latent.sample(a, 1, torch.Generator().manual_seed(seed)) for seed in (start, end)]
    labels = latent.classes(a, steps, None if label is None and not a.num_classes else [label or 0])
    return latent.generate_pixels(generator, latent.walk(z[0], z[1], steps, path)[0], labels)


def features(
    run: Run | str | os.PathLike[str], images: np.ndarray | Kept, *, layers: Sequence[int] | None = None, device: str = "auto"
) -> np.ndarray:
    """What a run's D finds in images (paper §5.1): its conv layers' maps, max-pooled to 4 x 4 each. N x features, float32.

    images: uint8 N x C x S x S in the net's size, as `load_data(…, size).images` are. layers: only these, numbered from 1 at
    the image (default: all). D is in eval mode, so images do not influence each other; `probe` estimates batchnorm's statistics
    on the images anew. Raises UserError for images of another type or size, and for a D that is class-conditional.
    """
    from dcgan_core.probes import features as pooled

    net = _run(run).discriminator(devices.pick(device))
    a = net.architecture
    if images.dtype != np.uint8 or images.shape[1:] != (a.channels, a.size, a.size):
        shape = " x ".join(map(str, images.shape))
        raise UserError(f"`images`: {images.dtype} {shape}; this D sees uint8 N x {a.channels} x {a.size} x {a.size}")
    return pooled.extract(pooled.of_discriminator(net, layers), images).float().numpy()


def show(
    images: torch.Tensor | np.ndarray,
    out: str | os.PathLike[str] | None = None,
    *,
    columns: int | None = None,
    zoom: int = 2,
    output: Literal["tanh", "sigmoid"] | None = None,
) -> Image:
    """A grid of images as a picture, which a notebook displays; also written to `out`, as `picture_bytes` does, if given.

    images: [N x] C x S x S with a C of 1 (grey) or 3 (RGB): uint8, or floats as a generator puts them out, in [-1, 1] (tanh)
    or [0, 1] (sigmoid); they are taken for the latter where none is below 0 and `output` does not say. columns: images in a row
    (default: about as many as rows). zoom: pixels on the screen for each of theirs. Raises UserError where `out` cannot be
    written.
    """
    batch = torch.as_tensor(np.array(images) if isinstance(images, np.ndarray) else images).detach().cpu()  # maps are read-only
    batch = batch if batch.ndim > 3 else batch[None]
    if batch.dtype != torch.uint8:
        output = output or ("tanh" if (batch < 0).any() else "sigmoid")
        batch = to_pixels(batch.float(), Architecture(output=output))
    picture = pictures.show(batch.numpy(), columns, zoom)
    if out is not None:
        write_atomically(Path(out), picture_bytes(np.asarray(picture), Path(out)))
    return picture


def picture_bytes(picture: np.ndarray, path: Path) -> bytes:
    """A picture, uint8 H x W x 3, as PNG, JPEG or WebP, whichever the path's ending asks for. Raises UserError for others."""
    kinds = {"": "png", ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
    if not (kind := kinds.get(path.suffix.lower())):
        raise UserError(f"{path}: pictures are written as .png, .jpg or .webp; choose one of these endings")
    if max(picture.shape) > {"webp": 16_383, "jpeg": 65_500}.get(kind, picture.size):
        raise UserError(f"{path}: {picture.shape[1]} x {picture.shape[0]} pixels are too many for {kind}; write a .png")
    return pictures.encode(picture, kind, **({} if kind == "png" else {"quality": 95}))


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
    tensorboard: bool = False,
) -> Run:
    """Trains a DCGAN by a recipe, or on a data set, zip or folder of images (paper §4). Returns the run: `info["status"]` is
    `finished`, or `training` where Ctrl-C stopped it.

    data: a recipe's or a data set's name, or the path of a zip or folder. minutes, images: when to stop, in place of the
    recipe's own budget: after so much training, all sessions together, or after so many training images have been seen.
    out: the run's folder (default: runs/NAME). resume: goes on exactly where the run there stopped, if any. profile: `quick`,
    `cpu` or `paper`. architecture: a key of ARCHITECTURES. initial: a run whose weights to start from. settings: fields of
    `Config`, such as `{"batch": 64, "architecture.kernel": 5}`. tensorboard: also writes the log and the grids for TensorBoard,
    into the run's folder (an extra: dcgan-core[tensorboard]). Raises UserError for what cannot be trained, and leaves no run
    then; Collapsed where training diverges or collapses.
    """
    _check_torchrun()
    devices.pick(device)
    name = named(data)
    budget = {} if images is None and minutes is None else {"images": images or 0, "minutes": minutes or 0}
    given = budget | ({} if seed is None else {"seed": seed}) | dict(settings or {})
    texts = [f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in given.items()]
    config = config_io.override(recipes.recipe(name, profile, architecture), texts)  # all at once: some only fit together
    out = Path(out or Path("runs") / Path(config.data if os.sep in config.data else name).stem)
    board = Board(out) if tensorboard else None  # raises where it is not installed, before anything is begun
    if resume and initial:
        raise UserError("`initial` starts a new run, `resume` goes on with one: choose one of them")
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
    with _alone(out), no_half_run(config, None if existing else Run(out)), processes.one_line_if_another_ends(out):
        loop.train(config, pictures_of, existing or Run(out), device, initial=start, on_event=board)
        processes.wait_for_all()
    return Run(out)


def is_out_of_memory(error: BaseException) -> bool:
    """Did memory not suffice, the CPU's or a GPU's? torch says so in many ways."""
    ways = ["out of memory", "allocate memory", "not enough memory", "alloc_failed", "calculation overflowed", "buffer size"]
    ways.append("unable to find an engine")  # cuDNN, where no algorithm fits
    return isinstance(error, MemoryError) or any(isinstance(error, RuntimeError) and way in str(error).lower() for way in ways)


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Holds a run against other processes. Raises UserError where one of them trains it."""
    if processes.rank():
        yield
        return
    with locked(out / ".lock") as free:
        if not free:
            raise UserError(f"{out}: another process trains it; stop that one first, or choose another `out`")
        yield


@contextmanager
def no_half_run(config: Config, new: Run | None) -> Iterator[None]:
    """Where training fails before its first row in the log, the new run goes. Memory that does not suffice is a UserError."""
    try:
        yield
    except BaseException as error:
        if new and processes.world() == 1 and not isinstance(error, Collapsed) and not new.log():
            for path in new.path.iterdir():  # all of it is ours: the folder was empty
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            new.path.rmdir()
        if is_out_of_memory(error):
            net = f"the net's widths smaller, now {','.join(map(str, config.architecture.widths))} (architecture.widths)"
            way_out = f"choose a smaller `batch` than {config.batch}, or make {net}"
            raise UserError(f"out of memory ({reason(error)}); {way_out}") from None
        raise


def _check_torchrun() -> None:
    """Raises UserError where only some of the variables are there by which torchrun's processes find each other."""
    needed = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
    if os.environ.get("WORLD_SIZE", "1") != "1" and (missing := [key for key in needed if not os.environ.get(key)]):
        raise UserError(f"WORLD_SIZE is set, but not {', '.join(missing)}; start this with torchrun, or unset WORLD_SIZE")
    for key in ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_PORT"):
        if not (value := os.environ.get(key, "0")).isdecimal():
            raise UserError(f"{key} is {value!r}, not a number; start this with torchrun, or unset {key}")


def _data(config: Config, existing: Run | None) -> ImageData:
    """The images to train on. Raises UserError where they do not fit the net, or are not those of the run that goes on."""
    if processes.rank() == 0:  # prepares (or downloads) it for all
        cache.prepare(config.data, config.architecture.size, crop=config.crop, grey=config.architecture.channels == 1)
    processes.wait_for_all()
    data = load_data(config.data, config.architecture.size, crop=config.crop, grey=config.architecture.channels == 1)
    if config.first:
        data = part(data, 0, config.first)
    known, found = existing.info["data"] if existing else {}, data.provenance
    if existing and all(known.get(key) != found[key] for key in ("fingerprint", "content")):
        raise UserError(
            f"{existing.path}: was trained on other pictures ({known.get('name')}); give it the same `data`, or another `out`"
            f" (dcgan data dedup {config.data} changes them, with --undo and the same --size and --crop it changes them back)"
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

    dataset: a labelled set's name, or a zip or folder with train/ and test/ folders, and in them one for each class. images:
    how many training images to use (default: all). labels_each: how many labels per class, over `draws` draws (default: all).
    more: other fields of `probes.tasks.Question`, such as `kind="random"` or `layers=[1, 2]`. `accuracy` is the share of right
    answers on the test images (0 to 1), `low` to `high` with 95 % confidence. Raises UserError for what cannot be probed.
    """
    from dcgan_core.probes import protocols, tasks  # with scipy.stats, which takes a second

    search = protocols.Search(protocols.grid_of(named(dataset)), patience=None if labels_each else 3, seed=seed)
    how = {"images": images, "labels_each": labels_each, "device": devices.pick(device), "seed": seed, **more}
    task = tasks.make_task(tasks.Question(_run(run), named(dataset), **how))
    return protocols.per_class(task, labels_each, search, draws=draws) if labels_each else protocols.full(task, search)
