"""On paper: LSUN and ImageNet at the paper's size on one GPU and on eight, from counted operations and stated rates.

Nothing ran there. STATED are the maker's numbers (H100 SXM data sheet): dense bf16 operations a second, bytes a second over
NVLink. What share of the rate such nets reach is not known before it is tried; two are assumed, and the truth may lie outside.
"""

from __future__ import annotations

import torch
from report import Report
from torch.utils.flop_counter import FlopCounterMode

from dcgan_core import networks, recipes
from dcgan_core.training.config import Config
from dcgan_core.training.update import discriminator_loss, generator_loss

STATED = {"operations": 989e12, "bytes": 900e9}
SHARES = (0.1, 0.4)


def counted(config: Config) -> tuple[float, int]:
    """Operations for an image seen, nets in turn; and how many numbers the gradients of the larger net are."""
    a, batch = config.architecture, config.batch
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        g, d = networks.build(a, 0)
        z, real = torch.rand(batch, a.latent), torch.rand(batch, a.channels, a.size, a.size)
        with torch.no_grad():
            fake = g(z)
        discriminator_loss(d(real), d(fake)).backward()
        d.requires_grad_(False)
        generator_loss(d(g(z))).backward()
    numbers = max(sum(p.numel() for p in net.parameters()) for net in (g, d))
    return counter.get_total_flops() / (2 * batch), numbers


def hours(config: Config, gpus: int, share: float) -> float:
    """Each GPU computes its part of a batch, then all add up their gradients in a ring: nothing of it at the same time."""
    operations, numbers = counted(config)
    computing = operations * config.batch / gpus / (STATED["operations"] * share)
    adding = 2 * (gpus - 1) / gpus * 4 * numbers / STATED["bytes"]
    return config.images / config.batch * (computing + adding) / 3600


def main() -> None:
    report = Report("paper")
    for name in ("lsun", "imagenet"):
        config = recipes.recipe(name, "paper")
        operations, numbers = counted(config)
        facts = {"recipe": name, "images": config.images, "numbers": numbers}
        report.show(f"{name}: operations for an image", operations / 1e9, "thousand million", **facts)
        for gpus in (1, 8):
            most, least = (hours(config, gpus, share) for share in SHARES)
            needed = config.images / (least * 3600)
            report.show(f"{name} on {gpus} GPUs", most, "hours", least=least, gpus=gpus, recipe=name, images_per_second=needed)
    report.save()


if __name__ == "__main__":
    main()
