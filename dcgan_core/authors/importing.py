"""How do the authors' arrays become a run like any other?"""

import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from dcgan_core import config_io, devices, latent, networks, pictures
from dcgan_core.authors import reading
from dcgan_core.authors.reading import Released
from dcgan_core.data import loading
from dcgan_core.data.images import ImageData
from dcgan_core.errors import UserError
from dcgan_core.files import write_atomically
from dcgan_core.networks import Generator
from dcgan_core.runs import NETS, Run, environment, write_net
from dcgan_core.training.order import batch_indices
from dcgan_core.training.session import BATCHNORM_BATCHES, GRID

BATCH = 128  # what batchnorm's statistics are estimated with (svhn/svhn_semisup_analysis.py: nbatch)
SEED = 0


def nets(released: Released) -> dict[str, Any]:
    """The nets that there are, by name, in eval mode; batchnorm's stored statistics are not yet of any use."""
    built: dict[str, Any] = {}
    for net, arrays in released.arrays.items():
        built[net] = NETS[net](released.architecture)
        state = {key: torch.from_numpy(_as_ours(array)) for key, array in arrays.items()}
        unset = built[net].load_state_dict(state, strict=False)
        assert not unset.unexpected_keys and all("running" in k or "num_batches" in k for k in unset.missing_keys)
        built[net].eval()
    return built


def _as_ours(array: np.ndarray) -> np.ndarray:
    """Theano flips kernels; its dense layers are input x output."""
    if array.ndim == 4:
        array = array[:, :, ::-1, ::-1]
    return np.ascontiguousarray(array.T if array.ndim == 2 else array)


def import_run(folder: str | Path, out: str | Path, statistics: str | None = None, *, device: str = "auto") -> Run:
    """Makes a finished run of the arrays in `folder`: weights, batchnorm statistics for eval mode, a sample grid.

    statistics: the data set whose training images D's batchnorm statistics are estimated on; without it G's own samples
    serve, and where there is no G, nothing is estimated. run.json says which. Everything is computed before
    anything is written. Raises UserError as `read` does, and where `out` is in use.
    """
    out, place = Path(out), devices.pick(device)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out}: already exists; choose another `out`")
    released = reading.read(folder)
    a = released.architecture
    data = loading.load_data(statistics, a.size) if statistics else None
    if data and data.channels != a.channels:
        raise UserError(f"`statistics` {statistics}: images with {data.channels} channel(s); these nets take {a.channels}")
    if data and "discriminator" not in released.arrays:
        raise UserError(f"`statistics` {statistics}: {folder} has no discriminator that needs them; leave it out")
    built = {name: net.to(place) for name, net in nets(released).items()}
    noted, pixels = _estimate(built, data, place)
    temporary = out.parent / f".{out.name}.{secrets.token_hex(4)}.tmp"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        run = Run.create(temporary, _described(released, Path(folder), list(built), noted))
        for name, net in built.items():
            write_net(run.path, name, net)
        if pixels is not None:
            (run.path / "samples").mkdir()
            write_atomically(run.path / "samples" / f"{0:09d}.png", pictures.encode(pictures.grid(pixels)))
            write_atomically(run.path / "two_batches.png", pictures.encode(_two_batches(built["generator"])))
        run.update(status="finished")
        temporary.replace(out)
    except OSError as error:
        raise UserError(f"could not write {out}: {error.strerror or error}; free some space or choose another `out`") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return Run(out)


def _described(released: Released, folder: Path, built: list[str], statistics: dict) -> dict:
    """What run.json says."""
    model = released.model
    return {
        "config": {"data": model.data, "architecture": config_io.to_dict(released.architecture), "crop": "center"},
        "data": {"name": model.data, "fingerprint": None},
        "authors": {
            "model": model.folder,
            "repository": reading.REPOSITORY,
            "licence": "MIT",
            "read_off_names": {"epochs": model.epochs, **model.says},
            "nets": built,
            "statistics": statistics,
            "arrays": released.sha256,
            "missing": released.missing,
            "folder": str(folder.resolve()),
        },
        "lineage": [{"name": model.folder}],
        **environment(),
        "counters": {"images": 0, "d_updates": 0, "g_updates": 0},  # trained here: nothing
        "minutes": 0.0,
    }


def _two_batches(generator: Generator) -> np.ndarray:
    """The same z in two batches with batch statistics: a picture of both rows of images and, below, their difference x 4."""
    a, rng, shown = generator.architecture, torch.Generator().manual_seed(SEED), 8
    z, *others = (latent.sample(a, n, rng) for n in (shown, BATCH - shown, BATCH - shown))
    with networks.batch_statistics(generator):
        first, second = (latent.generate_pixels(generator, torch.cat([z, rest]))[:shown] for rest in others)
    difference = np.abs(first.astype(int) - second).clip(0, 63).astype(np.uint8) * 4
    return pictures.grid(np.stack([first, second, difference]))


def _estimate(built: dict, data: ImageData | None, device: torch.device) -> tuple:
    """Batchnorm statistics for eval mode. Returns what each net's are from (None: not estimated), and a grid's pixels."""
    generator, discriminator = built.get("generator"), built.get("discriminator")
    a = next(iter(built.values())).architecture
    rng = torch.Generator().manual_seed(SEED)
    noted: dict = dict.fromkeys(built)
    how = {"batches": BATCHNORM_BATCHES, "batch": BATCH, "seed": SEED}

    def batches(name: str, batch: Callable[[int], torch.Tensor]) -> Iterator[tuple]:
        for step in tqdm(range(BATCHNORM_BATCHES), desc=f"{name}'s batchnorm statistics", unit=" batches"):
            yield (batch(step).to(device),)

    def images(step: int) -> torch.Tensor:
        if data:
            return networks.to_input(torch.from_numpy(data.images[batch_indices(step, BATCH, len(data), SEED)]), a)
        assert generator is not None
        return latent.generate(generator, latent.sample(a, BATCH, rng))

    pixels = None
    if generator:
        networks.estimate_batchnorm(generator, batches("generator", lambda step: latent.sample(a, BATCH, rng)))
        noted["generator"] = {"from": "random z", **how}
        pixels = latent.generate_pixels(generator, latent.sample(a, GRID, rng))
    if discriminator and (data or generator):
        networks.estimate_batchnorm(discriminator, batches("discriminator", images))
        source = f"training images of {data.name}" if data else "samples of its generator"
        fingerprint = {"fingerprint": data.provenance["fingerprint"]} if data else {}
        noted["discriminator"] = {"from": source, **fingerprint, **how}
    return noted, pixels
