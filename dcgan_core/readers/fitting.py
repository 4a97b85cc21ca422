"""What is a reader? How it asks its net, how it learns, and how it is kept in a file: the same for all of them."""

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import tqdm

from dcgan_core import assets, devices
from dcgan_core.data.images import Kept
from dcgan_core.data.sources import source
from dcgan_core.errors import UserError, reason
from dcgan_core.files import write_atomically

Loss = Callable[[Tensor, Tensor], Tensor]  # of a varied batch, on its device, and its places among the images


class Reader(nn.Module):
    """A small net that reads something off pictures of one set and size."""

    kind: str  # "judge"
    note: dict  # what its file says of it
    learning_rate: float  # the highest
    weight_decay: float = 1e-2
    batch: int = 64
    multiple: int = 1  # of which sizes it reads
    at_once = 512  # pictures that it looks at
    memory_format = torch.channels_last  # in which it learns

    def __init__(self, name: str, size: int, channels: int = 3) -> None:
        super().__init__()
        self.name, self.size, self.channels, self.title = name, size, channels, f"{self.kind} of {name}"
        if size % self.multiple:
            raise UserError(f"{self.title}: {size} px; choose a multiple of {self.multiple}")

    def order(self, count: int, steps: int, rng: torch.Generator) -> Iterator[Tensor]:
        """The places of the pictures of each step: each comes once before any comes again."""
        whole = count // self.batch * self.batch
        epochs = range(steps * self.batch // whole)
        yield from torch.cat([torch.randperm(count, generator=rng)[:whole] for _ in epochs]).split(self.batch)

    def vary(self, pixels: Tensor, rng: torch.Generator) -> Tensor:
        """What happens to pictures it learns from, 0 to 255: half of them blurred, all with noise of a random strength."""
        picture = pixels.float()
        blurred = F.avg_pool2d(F.pad(picture, (1, 1, 1, 1), mode="replicate"), 3, 1)
        strength = torch.rand(len(pixels), 1, 1, 1, generator=rng)
        picture = torch.lerp(picture, blurred, (2 * strength - 1).clamp_min(0))
        amount = torch.rand(len(pixels), 1, 1, 1, generator=rng) * 20
        return picture + amount * torch.randn(picture.shape, generator=rng)

    @torch.no_grad()
    def answers(self, images: np.ndarray, ask: Callable[[Tensor], Any] | None = None) -> list:
        """What the net, or `ask`, says of uint8 N x C x size x size, batch by batch. Raises UserError for other shapes."""
        if images.ndim != 4 or images.shape[1:] != (self.channels, self.size, self.size):
            shape = " x ".join(map(str, images.shape))
            raise UserError(f"{self.title}: reads N x {self.channels} x {self.size} x {self.size} pictures, got {shape}")
        device = next(self.parameters()).device
        parts = (images[i : i + self.at_once] for i in range(0, len(images), self.at_once))
        return [(ask or self)(torch.from_numpy(np.array(part)).to(device)) for part in parts]


R = TypeVar("R", bound=Reader)


def move(images: Tensor, rng: torch.Generator) -> Tensor:
    """Each picture (N x C x S x S) moved by up to 6 of 64 pixels either way and scaled by 0.85 to 1.15, its edge drawn out."""
    scale, *shifts = (torch.rand(3, len(images), generator=rng) * 2 - 1).to(images.device)
    theta = torch.eye(2, 3, device=images.device) / (1 + 0.15 * scale)[:, None, None]
    theta[:, :, 2] = torch.stack(shifts, 1) * (2 * 6 / 64)  # a picture's side is 2 long here
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def block(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, 1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


def classifier(
    size: int, widths: tuple[int, ...], outputs: int, *between: nn.Module, channels: int = 3, kernel: int = 4, hidden: int = 0
) -> nn.Sequential:
    """Conv layers that halve the picture each, `between`, a dense layer or two: N x channels x size x size -> N x outputs."""
    conv = [layer for inputs, width in pairwise((channels, *widths)) for layer in block(inputs, width, kernel, 2)]
    units = widths[-1] * (-(-size // 2 ** len(widths))) ** 2
    dense = [nn.Linear(units, hidden), nn.ReLU(), nn.Linear(hidden, outputs)] if hidden else [nn.Linear(units, outputs)]
    return nn.Sequential(*conv, *between, nn.Flatten(), *dense)


def shipped_or_kept(file: str) -> Path:
    """Where a reader's weights lie: in the book, else in the cache (where they may yet have to be put).

    Raises UserError where neither has them and the book's cannot be found: one trained in its place would be another net.
    """
    kept = source.cache_root() / "judges" / file
    shipped = (assets.FOLDERS["judges"] if kept.is_file() else assets.folder("judges")) / file
    return shipped if shipped.is_file() else kept


def load(file: str, what: str, train: Callable[[], R], build: Callable[[dict], R], device: torch.device | str) -> R:
    """A reader as `file` has it: shipped, else kept from an earlier call, else trained now (minutes on a CPU).

    build: makes the net from the file's note. Raises UserError where the file is damaged or of another net, so not `what`.
    """
    path = shipped_or_kept(file)
    if not path.is_file():
        _save(train(), path)
    try:
        content = path.read_bytes()  # by Python, so that the book's builder knows that it was read
        state = safetensors.torch.load(content)
        net = build(json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"])
        net.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})
    except (safetensors.SafetensorError, OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not {what} ({reason(error)}); delete it") from None
    return net.eval().to(device).to(memory_format=devices.layout(device))


def _save(net: Reader, path: Path) -> None:
    """Half precision, batchnorm statistics in single; the reader's note goes into the file."""
    single = ("running_mean", "running_var", "num_batches_tracked")
    state = {k: v.cpu().contiguous() for k, v in net.state_dict().items()}
    state = {k: v if k.endswith(single) else v.half() for k, v in state.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, safetensors.torch.save(state, {net.kind: json.dumps(net.note)}))


def fit_reader(
    net: Reader, images: np.ndarray | Kept, loss: Loss, *, steps: int, seed: int, device: torch.device | str
) -> None:
    """Trains a net in place from PyTorch's own initial weights, with a one-cycle learning rate. images: uint8 N x C x S x S."""
    rng = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[device] if torch.device(device).type == "cuda" else []):
        torch.manual_seed(seed)
        for module in net.modules():
            if callable(reset := getattr(module, "reset_parameters", None)):
                reset()
        form = net.memory_format if devices.layout(device) == torch.channels_last else torch.contiguous_format
        net.to(device).to(memory_format=form).train()
        optimizer = torch.optim.AdamW(net.parameters(), weight_decay=net.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, net.learning_rate, total_steps=max(2, steps))
        for chosen in tqdm(net.order(len(images), steps, rng), total=steps, desc=net.title, leave=False, delay=2):
            pixels = net.vary(torch.from_numpy(images[chosen.numpy()]), rng)
            error = loss(pixels.to(device, memory_format=form), chosen)
            optimizer.zero_grad()
            error.backward()
            optimizer.step()
            schedule.step()
    net.eval()
