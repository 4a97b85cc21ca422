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


def feature_maps(layers: list, architecture):
    """A net's stages as boxes, in the manner of the paper's Fig 1: side = pixels, depth = number of maps. Layers: `summary`."""
    import matplotlib.pyplot as plt
    from matplotlib.patches import Polygon

    figure, axis = plt.subplots(figsize=(9, 3.6))
    boxes = [("z", architecture.latent, None)]
    for layer in layers:
        shape = architecture.base if len(layer.shape) == 1 and layer.name.startswith("dense") else layer.shape
        boxes.append((layer.name, shape[0], shape[1] if len(shape) == 3 else None))
    x = 0.0
    for name, maps, side in boxes:
        if side is None:
            axis.plot([x, x], [-12, 12], color="tab:blue", linewidth=3)
            axis.text(x, -17, f"{name}\n{maps}", ha="center", va="top", fontsize=9)
            x += 16
            continue
        depth, slant = maps**0.5 * 0.55, side * 0.35
        half = side / 2
        front = [(x + depth, -half), (x + depth, half), (x + depth + slant, half + slant), (x + depth + slant, -half + slant)]
        top = [(x, half), (x + depth, half), (x + depth + slant, half + slant), (x + slant, half + slant)]
        near = [(x, -half), (x + depth, -half), (x + depth, half), (x, half)]
        for corners, colour in ((near, "#c6dbef"), (top, "#deebf7"), (front, "#9ecae1")):
            axis.add_patch(Polygon(corners, facecolor=colour, edgecolor="#4a6c8c", linewidth=0.8))
        axis.text(x + depth / 2, -half - 5, f"{maps}\n{side}×{side}", ha="center", va="top", fontsize=9)
        x += depth + slant + 14
    axis.set(xlim=(-8, x), ylim=(-52, 60), aspect="equal")
    axis.axis("off")
    figure.tight_layout(pad=0.2)
    plt.close(figure)
    return figure
