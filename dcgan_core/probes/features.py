"""What does D say of an image? Its feature maps, pooled; and how features of many images are made and kept. (Paper §5.1)"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm.auto import tqdm

from dcgan_core import devices, networks
from dcgan_core.errors import UserError, reason
from dcgan_core.networks import Architecture, Discriminator
from dcgan_core.runs import Run

SIDE = 4  # every map is pooled to SIDE x SIDE
BATCH = 128  # svhn/svhn_semisup_analysis.py: nbatch
MEMORY_SHARE = 0.45  # of the free memory that features may fill as float32; beyond that they are stored as float16


@dataclass(frozen=True)
class Features:
    """A way to turn images into numbers. `compute` takes uint8 N x C x S x S on the device, returns float N x `count`."""

    name: str
    count: int
    compute: Callable[[Tensor], Tensor]
    device: torch.device | str = "cpu"
    columns: dict[str, slice] = field(default_factory=dict)  # the part of each layer
    standardise: bool = False  # to mean 0 and deviation 1 over the training images, before the SVM


# --- D's --------------------------------------------------------------------------------------------------------------


def discriminator_of(run: Run, device: torch.device | str = "cpu") -> Discriminator:
    """The D of a run, finished or not (then of its latest checkpoint), in eval mode. Its batchnorm statistics are to be
    estimated anew (`estimate_on`).

    Raises UserError where there is neither.
    """
    finished = run.has_net("discriminator") and run.info.get("status") == "finished"
    if finished or not run.has_checkpoint:
        return run.discriminator(device, will_estimate_batchnorm=True)
    net = Discriminator(run.architecture)
    try:
        net.load_state_dict(run.load_checkpoint()["discriminator"])
    except (KeyError, RuntimeError, TypeError, AttributeError) as error:
        raise UserError(f"{run.path / 'checkpoint.pt'}: not this run's checkpoint ({reason(error)})") from None
    return net.to(device).to(memory_format=devices.layout(device)).eval()


def sides(a: Architecture) -> list[int]:
    """Height and width of each conv layer's feature maps."""
    return [a.size // prod(a.strides[: i + 1]) for i in range(len(a.strides))]


def layer_columns(a: Architecture, layers: Sequence[int] | None = None) -> dict[str, slice]:
    """Which features come from which layer: `conv 1` is nearest to the image. `layers`: only these, numbered from 1.

    Raises UserError where there is no such layer.
    """
    known = range(1, len(a.widths) + 1)
    for layer in layers or ():
        if layer not in known:
            raise UserError(f"`layers` {layer}: this discriminator's conv layers are 1 to {len(a.widths)}")
    columns, start = {}, 0
    for layer in sorted(set(layers)) if layers else known:
        count = a.widths[layer - 1] * min(sides(a)[layer - 1], SIDE) ** 2
        columns[f"conv {layer}"] = slice(start, start + count)
        start += count
    return columns


def of_discriminator(
    net: Discriminator, layers: Sequence[int] | None = None, *, name: str = "discriminator", precision: str = "single"
) -> Features:
    """D's pooled features; its batchnorm must have its statistics already (`estimate_on`).

    Raises UserError for a class-conditional D, which would have to be told the answer, and for one without conv layers.
    """
    a = net.architecture
    if a.num_classes:
        raise UserError("this discriminator is class-conditional: it reads the label itself; probe a net without classes")
    if not a.widths:
        raise UserError("this discriminator has no conv layers, and so no features to probe; use a run with some")
    columns = layer_columns(a, layers)
    chosen = [int(key.split()[1]) - 1 for key in columns]
    device = next(net.parameters()).device

    def compute(pixels: Tensor) -> Tensor:
        x = networks.to_input(pixels, a).contiguous(memory_format=devices.layout(pixels.device))
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            return pooled_features(net, x, chosen)

    return Features(name, max(part.stop for part in columns.values()), compute, device, columns)


def pool_maps(maps: Tensor) -> Tensor:
    """N x C x s x s -> N x (C * 16): the maximum in each cell of a 4 x 4 grid (a map of 4 x 4 or less stays as it is)."""
    side = maps.shape[-1]
    if side > SIDE:
        if side % SIDE == 0:  # the plain pooling is several times as fast
            maps = F.max_pool2d(maps, side // SIDE)
        else:  # on MPS it has been wrong (PyTorch's issue 190064)
            place = torch.device("cpu") if maps.device.type == "mps" else maps.device
            maps = F.adaptive_max_pool2d(maps.to(place), SIDE).to(maps.device)
    return maps.flatten(1)


@torch.no_grad()
def pooled_features(net: Discriminator, images: Tensor, layers: Sequence[int] | None = None) -> Tensor:
    """D's conv layers, pooled: images as G puts them out -> N x features, float32. layers: only these, numbered from 0."""
    found = enumerate(net.features(images))
    return torch.cat([pool_maps(maps) for i, maps in found if layers is None or i in layers], 1).float()


def estimate_on(net: Discriminator, images, *, seed: int = 0, progress: bool = True, precision: str = "single") -> None:
    """D's batchnorm statistics on `images` (uint8 N x C x S x S): random order, whole batches of 128, the rest is unused."""
    device = next(net.parameters()).device
    order = np.random.default_rng(seed).permutation(len(images))
    count = max(len(images) // BATCH, 1)  # a last, smaller batch would weigh as much as a whole one

    def batches() -> Iterator[tuple[Tensor]]:
        for i in tqdm(range(count), desc="batchnorm statistics", unit=" batches", leave=False, delay=2, disable=not progress):
            pixels = torch.from_numpy(np.array(images[np.sort(order[i * BATCH : (i + 1) * BATCH])])).to(device)
            yield (networks.to_input(pixels, net.architecture).contiguous(memory_format=devices.layout(pixels.device)),)

    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        networks.estimate_batchnorm(net, batches())
    net.eval()


# --- storage ----------------------------------------------------------------------------------------------------------


def available_memory() -> int:
    """Bytes that a new array may take: what the system or the container has free; all memory where it does not say."""
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
        with suppress(OSError, ValueError):
            group = Path("/sys/fs/cgroup")
            most, used = (int((group / f"memory.{what}").read_text()) for what in ("max", "current"))
            with suppress(OSError, ValueError):  # copies of files, which make room when it is needed, count as used
                kinds = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
                used -= int(kinds.get("active_file", 0)) + int(kinds.get("inactive_file", 0))
            free = min(free, most - used)
        return free
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 2**62  # not on Windows


def storage(rows: int, count: int) -> Tensor:
    """An empty rows x count array in main memory: float32 where that is at most about half of what is free, else float16.

    Raises UserError where neither would do.
    """
    free = available_memory()
    dtype = torch.float32 if rows * count * 4 <= MEMORY_SHARE * free else torch.float16
    need = rows * count * dtype.itemsize
    if need > 0.8 * free:
        raise UserError(
            f"features of {rows:,} images x {count:,} need {need / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free;"
            " use fewer `layers`, or fewer `images`"
        )
    return torch.empty(rows, count, dtype=dtype)


@torch.no_grad()
def extract(features: Features, images, *, out: Tensor | None = None, progress: bool = True) -> Tensor:
    """The features of all images (uint8 N x C x S x S, memory-mapped or not): N x count in main memory, written batch by batch.

    Raises UserError where a feature is not a finite number, or memory would not do.
    """
    out = storage(len(images), features.count) if out is None else out
    bar = tqdm(total=len(images), desc=f"{features.name} features", unit=" images", leave=False, delay=2, disable=not progress)
    with bar:
        for i in range(0, len(images), BATCH):
            pixels = torch.from_numpy(np.array(images[i : i + BATCH])).to(features.device)
            batch = features.compute(pixels)
            block = out[i : i + BATCH]
            block.copy_(batch)
            if not torch.isfinite(block.sum(dtype=torch.float32)) and not torch.isfinite(block).all():
                where = "beyond float16's range" if torch.isfinite(batch).all() else "not finite numbers"
                raise UserError(
                    f"{features.name}: features of images {i} to {i + len(batch) - 1} are {where}; has training diverged?"
                )
            bar.update(len(batch))
    return out
