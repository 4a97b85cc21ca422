"""Several processes make one run, under torchrun: each works on its share of every batch, the first writes."""

from __future__ import annotations

import copy
import inspect
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce  # with gradients
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from dcgan_core import devices
from dcgan_core.errors import UserError
from dcgan_core.runs import Run
from dcgan_core.training.config import Config

if TYPE_CHECKING:
    from dcgan_core.training.update import State


def join_others(device: str) -> str:
    """Under torchrun, joins the process group and picks this process's GPU. Returns the device to train on."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return device
    gpu = torch.cuda.is_available() and device != "cpu"
    if gpu:
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(devices.pick(device))
    elif device.startswith("mps"):
        raise UserError(f"`device` {device}: several processes train on CUDA or on the CPU; use cpu")
    else:
        device = "cpu"  # gloo has nothing for MPS, which `auto` would be
    if not dist.is_initialized():  # a script may train twice
        dist.init_process_group("nccl" if gpu else "gloo", timeout=timedelta(hours=12))  # preparing a large set takes long
    return device


def world() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def wait_for_all() -> None:
    if world() > 1:
        dist.barrier()


def agree(decision: list[Any]) -> list[Any]:
    """What process 0 decided, for all."""
    if world() > 1:
        dist.broadcast_object_list(decision, 0)
    return decision


def share_of(batch: int) -> slice:
    """The part of a batch that this process works on. Raises UserError if it cannot be divided evenly."""
    if batch % world():
        raise UserError(f"config: batch {batch} cannot be divided among {world()} processes; use a multiple of {world()}")
    return slice(rank() * batch // world(), (rank() + 1) * batch // world())


def connect(state: State) -> None:
    """From now on, every gradient is the mean over all processes; with `sync_batchnorm`, batchnorm sees the whole batch.

    Only what an update calls changes, `state.g` and `state.d`: process 0 alone draws grids and exports, with the plain nets.
    """
    if world() == 1:
        return
    sync = state.config.sync_batchnorm
    ids = [state.device.index] if state.device.type == "cuda" else None
    # D runs twice before its backward: broadcasting its buffers in between would change what the first pass left
    known = inspect.signature(DistributedDataParallel).parameters  # torch 2.14 gave the option a new name
    quiet: dict[str, Any] = {"forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers": False}
    state.g, state.d = (
        DistributedDataParallel(_with_shared_statistics(net) if sync else net, device_ids=ids, **quiet)
        for net in (state.generator, state.discriminator)
    )
    if rank() == 0 and not sync:
        each = state.config.batch // world()
        whose = f"each of {world()} processes takes the statistics of its own {each} images"
        print(f"batchnorm: {whose}; sync_batchnorm=true takes those of the whole batch", file=sys.stderr)


def _with_shared_statistics(net: nn.Module) -> nn.Module:
    """The same parameters in a net whose batchnorm takes its statistics over the batches of all processes."""
    twin = copy.deepcopy(net, {id(tensor): tensor for tensor in (*net.parameters(), *net.buffers())})
    for parent in list(twin.modules()):
        for name, norm in list(parent.named_children()):
            if isinstance(norm, _BatchNorm):
                setattr(parent, name, _SharedBatchNorm(norm))
    return twin


class _SharedBatchNorm(nn.Module):
    """Batchnorm over the batches of all processes, which are of equal size. (torch's SyncBatchNorm refuses the CPU.)"""

    def __init__(self, norm: _BatchNorm) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps

    def forward(self, x: Tensor) -> Tensor:
        dims = [d for d in range(x.ndim) if d != 1]
        mean = all_reduce(x.float().mean(dims, keepdim=True)) / world()
        centred = x.float() - mean
        variance = all_reduce(centred.square().mean(dims, keepdim=True)) / world()
        out: Tensor = centred * (variance + self.eps).rsqrt()
        if self.weight is not None:
            out = out * self.weight.view_as(mean[0]) + self.bias.view_as(mean[0])
        return out.to(x.dtype)


@contextmanager
def one_line_if_another_ends(path: Path) -> Iterator[None]:
    """Inside `with`, a process that was killed ends the others with a sentence instead of a traceback from gloo or NCCL."""
    try:
        yield
    except RuntimeError as error:
        if world() == 1 or (not isinstance(error, dist.DistError) and not re.search("gloo|NCCL", str(error))):
            raise
        raise UserError(f"{path}: another of the {world()} processes ended; `resume` goes on from the checkpoint") from None


def agree_on_precision(config: Config, run: Run, device: torch.device) -> str:
    """The precision to train in. `auto`: the one that the run was started in, else what process 0 has."""
    taken: str = config.precision
    if taken == "auto":
        here = devices.precision("auto", device)
        taken = run.precision or here
        asked = run.info["config"].get("precision", "single")
        if (taken != here or asked != "auto") and rank() == 0:
            print(f"{run.name}: continues in precision {taken}, in which it was started", file=sys.stderr)
    return str(agree([taken])[0])
