"""Several processes make one run, under torchrun: each works on its share of every batch, the first writes."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist

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
    dist.init_process_group("nccl" if gpu else "gloo", timeout=timedelta(hours=12))  # preparing a large set takes long
    if gpu:
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
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
        raise UserError(f"config: batch {batch} cannot be divided among {world()} processes")
    return slice(rank() * batch // world(), (rank() + 1) * batch // world())


def average_gradients(state: State) -> None:
    """From now on, before a net is updated every gradient becomes the mean over all processes."""

    def average(optimizer: torch.optim.Optimizer, *_: object) -> None:
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        flat = torch.cat([p.grad.reshape(-1) for p in parameters])
        dist.all_reduce(flat)
        flat /= world()
        for p, g in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
            p.grad.copy_(g.view(p.shape))

    if world() > 1:
        for optimizer in (state.optimizer_g, state.optimizer_d):
            optimizer.register_step_pre_hook(average)


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
