"""`dcgan train … --dry-run`: how much memory will it take, and how long, before any data is there? 256 images, then it ends."""

import argparse
import re
import time
from pathlib import Path

import torch

from dcgan_core import api, config_io, devices, networks, recipes
from dcgan_core.training.config import Config
from dcgan_core.training.update import State, update

IMAGES = 256


def report(args: argparse.Namespace) -> int:
    config = config_io.override(recipes.recipe(args.recipe, args.profile, args.architecture), _settings(args))
    device = devices.pick(args.device)
    with api.no_half_run(config, None):
        seconds, used = measured(config, device)
    print("\n".join(lines(config, device, seconds, used)))
    return 0


def _settings(args: argparse.Namespace) -> list[str]:
    given = {"images": args.images, "minutes": args.minutes}
    budget = [f"{k}={v or 0}" for k, v in given.items()] if args.images is not None or args.minutes is not None else []
    return [*budget, *args.set]


def measured(config: Config, device: torch.device) -> tuple[float, float]:
    """Seconds for an image, and the most memory in bytes: the GPU's, or on the CPU what the process grew by (0: unknown).

    On a GPU once before it counts, for the choice of algorithms. On pictures of random numbers.
    """
    devices.prefer_speed(device)
    a, before = config.architecture, _resident()
    state = State(config, device, precision=devices.precision(config.precision, device))
    rng, shape = torch.Generator().manual_seed(config.seed), (config.batch, a.channels, a.size, a.size)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=rng)
    labels = torch.arange(config.batch) % a.num_classes if a.num_classes else None
    updates = max(2, -(-IMAGES // config.batch))  # two: one of each net where they take turns
    with networks.batch_statistics(state.generator, state.discriminator):
        for _ in range(2 if device.type == "cuda" else 1):
            started = time.perf_counter()
            for _ in range(updates):
                update(state, pixels, labels)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            elif device.type == "mps":
                torch.mps.synchronize()
            seconds = time.perf_counter() - started
    used = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else _resident("VmHWM") - before
    return seconds / (updates * config.batch), max(0.0, used)


def _resident(key: str = "VmRSS") -> float:
    """Bytes that this process holds, or held at most (VmHWM); 0 where the system does not say."""
    status = Path("/proc/self/status")
    found = re.search(rf"{key}:\s+(\d+)", status.read_text()) if status.exists() else None
    return float(found[1]) * 1024 if found else 0.0


def lines(config: Config, device: torch.device, seconds: float, used: float) -> list[str]:
    a = config.architecture
    parameters = [sum(p.numel() for p in net.parameters()) for net in networks.build(a, 0)]
    pixels = a.channels * a.size**2
    precision = devices.precision(config.precision, device)
    at_most = f"about {used / 1e9:.2g} GB beyond the program itself" if used else "not known on this system"
    lines = [
        f"{config.data}: {a.size} px, batch {config.batch}, on {device}, in precision {precision}",
        f"parameters: G {parameters[0]:,}, D {parameters[1]:,}; with gradients and Adam {sum(parameters) * 16 / 1e6:,.0f} MB",
        f"memory: {at_most}; a million images, prepared, take {pixels / 1000:,.1f} GB of disk",
        f"speed: {1 / seconds:,.0f} images a second, over {max(2, -(-IMAGES // config.batch)) * config.batch} images",
    ]
    if config.images:
        lines.append(f"time: {config.images:,} images in {config.images * seconds / 3600:,.1f} hours, if data come as fast")
    if config.minutes:
        lines.append(f"images: {config.minutes * 60 / seconds:,.0f} in {config.minutes:g} minutes, if data come as fast")
    return lines
