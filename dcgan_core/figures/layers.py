"""Both nets layer by layer: shapes and numbers of parameters (paper, Fig 1)."""

from dataclasses import dataclass

import torch

from dcgan_core import networks
from dcgan_core.networks import Discriminator, Generator


@dataclass(frozen=True)
class Layer:
    """A row of `summary`."""

    name: str
    shape: tuple[int, ...]  # of one output, without the batch
    parameters: int


def summary(net: Generator | Discriminator) -> list[Layer]:
    """Each stage of the net with the shape it puts out and its number of parameters. Computes no numbers (meta device)."""
    a = net.architecture
    with torch.device("meta"):
        twin = type(net)(a).eval()
        rows: list[Layer] = []
        for group in ("dense", "convs") if isinstance(net, Generator) else ("convs", "dense"):
            for i, stage in enumerate(getattr(twin, group)):
                stage.register_forward_hook(
                    lambda module, _, out, name=f"{group}.{i}": rows.append(
                        Layer(name, tuple(out.shape[1:]), sum(p.numel() for p in module.parameters()))
                    )
                )
        x = torch.zeros(1, a.latent) if isinstance(net, Generator) else torch.zeros(1, a.channels, a.size, a.size)
        networks.all_layers(twin)(x, torch.zeros(1, dtype=torch.long) if a.num_classes else None)
    return rows
