"""How every reader learns, and how it is kept in a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import tqdm

from dcgan_core import assets
from dcgan_core.data.sources import source
from dcgan_core.errors import UserError
from dcgan_core.files import write_atomically

PICTURES, EPOCHS, BATCH = 20_000, 4, 64


def shipped_or_kept(file: str) -> Path:
    """Where a small net's weights lie: in the book, else in the cache (where they may yet have to be put).

    Raises UserError where neither has them and the book's cannot be found: one trained in its place would be another net.
    """
    kept = source.cache_root() / "judges" / file
    shipped = (assets.FOLDERS["judges"] if kept.is_file() else assets.folder("judges")) / file
    return shipped if shipped.is_file() else kept


def save(net: nn.Module, path: Path, note: dict[str, str]) -> None:
    """Half precision, batchnorm statistics in single; `note` goes into the file."""
    single = ("running_mean", "running_var", "num_batches_tracked")
    state = {k: v.cpu().contiguous() for k, v in net.state_dict().items()}
    state = {k: v if k.endswith(single) else v.half() for k, v in state.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, safetensors.torch.save(state, note))


def restore(net: nn.Module, path: Path, what: str) -> nn.Module:
    """Puts into `net` what `save` wrote. Raises UserError where the file is damaged or of another net."""
    try:
        state = safetensors.torch.load_file(path)
        net.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})
    except (safetensors.SafetensorError, OSError, RuntimeError) as error:
        raise UserError(f"{path}: not {what} ({str(error).splitlines()[0]}); delete it") from None
    return net.eval()


def fit(
    net: nn.Module,
    images: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    what: str,
    *,
    learning_rate: float,
    epochs: int,
    batch: int,
    seed: int,
    device: torch.device | str,
) -> None:
    """Trains a net from PyTorch's own initial weights on spoiled pictures, in place, with a one-cycle learning rate.

    images: uint8 N x 3 x S x S. loss: of a spoiled batch on `device` and its places among the images. what: for the progress
    bar. learning_rate: its peak.
    """
    rng, steps = torch.Generator().manual_seed(seed), len(images) // batch
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in net.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
    net.to(device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=epochs * steps)
    order = torch.cat([torch.randperm(len(images), generator=rng)[: steps * batch] for _ in range(epochs)])
    for chosen in tqdm(order.split(batch), desc=what, leave=False, delay=2):
        error = loss(spoil(images[chosen], rng).to(device, memory_format=torch.channels_last), chosen)
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        schedule.step()
    net.eval()


def spoil(pixels: Tensor, rng: torch.Generator) -> Tensor:
    """Half of the pictures blurred, all with noise of a random strength: uint8 in, float 0 … 255 out."""
    picture = pixels.float()
    blurred = F.avg_pool2d(F.pad(picture, (1, 1, 1, 1), mode="replicate"), 3, 1)
    strength = torch.rand(len(pixels), 1, 1, 1, generator=rng)
    picture = torch.lerp(picture, blurred, (2 * strength - 1).clamp_min(0))
    amount = torch.rand(len(pixels), 1, 1, 1, generator=rng) * 20
    return picture + amount * torch.randn(picture.shape, generator=rng)
