"""What is one update? (Paper §4; order of updates from the authors' code.) No files, no screen, no processes.

`update` is the paper's training step, on a `State`: both nets, their Adams, the random numbers, the counters.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dcgan_core import devices, latent, networks
from dcgan_core.training.config import Config

COUNTERS = ("step", "images", "d_updates", "g_updates")


class State:
    """Everything that training changes. `share`: the part of each batch that this process works on."""

    def __init__(self, config: Config, device: torch.device, *, precision: str = "single", share: slice = slice(None)) -> None:
        self.config, self.device, self.share = config, device, share
        self.generator, self.discriminator = networks.build(config.architecture, config.seed)
        self.g: nn.Module = self.generator  # as an update calls them: of several processes, with gradients averaged
        self.d: nn.Module = self.discriminator
        adam: dict[str, Any] = {
            "lr": config.learning_rate,
            "betas": (config.beta1, config.beta2),
            "weight_decay": config.weight_decay,
            "fused": device.type in ("cpu", "cuda"),
        }
        self.optimizer_g, self.optimizer_d = (
            torch.optim.Adam(net.to(device).to(memory_format=devices.layout(device)).train().parameters(), **adam)
            for net in (self.generator, self.discriminator)
        )
        self.autocast = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
        self.rng = torch.Generator(device).manual_seed(config.seed + 1)  # each process draws for all, and keeps its share
        self.counts: dict[str, int] = dict.fromkeys(COUNTERS, 0)
        # not in the paper (`transfer`): what is added to each net's loss, and what else a checkpoint stores
        self.extra_d: Callable[[], Tensor | float] = lambda: 0.0
        self.extra_g: Callable[[], Tensor | float] = lambda: 0.0
        self.more: dict[str, Any] = {}

    @property
    def parts(self) -> dict[str, Any]:
        """What a checkpoint stores besides the random state and the counters, by name."""
        return {name: getattr(self, name) for name in ("generator", "discriminator", "optimizer_g", "optimizer_d")} | self.more

    def parameters(self) -> list[Tensor]:
        return [*self.generator.parameters(), *self.discriminator.parameters()]


class Stats(NamedTuple):
    """What an update reports: scalars on the device (None for a net that it did not train), and its images."""

    d: Tensor | None  # D's loss, mean D(x), mean D(G(z))
    g: Tensor | None  # G's loss
    pixels: Tensor  # uint8, N x C x S x S
    fake: Tensor  # G's images of this batch


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """-log D(x) - log(1 - D(G(z))), from logits."""
    return F.softplus(-real.float()).mean() + F.softplus(fake.float()).mean()


def generator_loss(fake: Tensor) -> Tensor:
    """-log D(G(z)), from logits: the non-saturating loss."""
    return F.softplus(-fake.float()).mean()


def update(state: State, pixels: Tensor, labels: Tensor | None = None) -> Stats:
    """One minibatch trains D, then G (`updates="both"`), or one of them in turn ("alternate").

    pixels: uint8, N x C x S x S; labels: N classes, for conditional nets. Changes `state`.
    """
    config, a = state.config, state.config.architecture
    g, d = state.g, state.d
    # the authors' order, in turn: G, D, G, D …
    train_g = config.updates == "both" or state.counts["step"] % 2 == 0
    train_d = config.updates == "both" or not train_g
    _set_learning_rate(state)
    stats_d = stats_g = None
    labels = labels if labels is None else labels.to(state.device, non_blocking=True)
    z = latent.sample(a, config.batch, state.rng)[state.share]
    with torch.set_grad_enabled(train_g), state.autocast:
        fake = g(z, labels)

    if train_d:
        real = networks.to_input(pixels.to(state.device, non_blocking=True), a)
        real = real.contiguous(memory_format=devices.layout(real.device))
        with state.autocast:
            d_real = d(as_seen(state, real), labels)
            d_fake = d(as_seen(state, fake.detach()), labels)
        loss = discriminator_loss(d_real, d_fake) + state.extra_d()
        state.optimizer_d.zero_grad()
        loss.backward()
        state.optimizer_d.step()
        answers = d_real.sigmoid().mean(), d_fake.sigmoid().mean()
        stats_d = torch.stack([loss, *answers]).detach()

    if train_g:
        d = getattr(d, "module", d)  # of several processes: without the averaging of gradients, for here it gets none
        d.requires_grad_(False)  # its gradients are not needed, and cost a third of the step
        with state.autocast:
            d_fake = d(as_seen(state, fake), labels)
        loss = generator_loss(d_fake) + state.extra_g()
        state.optimizer_g.zero_grad()
        loss.backward()
        state.optimizer_g.step()
        d.requires_grad_(True)
        stats_g = loss.detach()

    done = {"step": 1, "images": config.batch, "d_updates": train_d, "g_updates": train_g}
    state.counts |= {key: state.counts[key] + more for key, more in done.items()}
    return Stats(stats_d, stats_g, pixels, fake)


def _set_learning_rate(state: State) -> None:
    """The config's; with `decay_images`, it falls linearly to zero over that many images at the end."""
    config = state.config
    if config.decay_images:
        left = (config.images - state.counts["images"]) / config.decay_images
        for group in (*state.optimizer_g.param_groups, *state.optimizer_d.param_groups):
            group["lr"] = config.learning_rate * min(1.0, max(0.0, left))


def as_seen(state: State, images: Tensor) -> Tensor:
    """Images as D sees them, real and generated alike: with the config's tint, shift and noise, if any.

    Each call draws new random numbers, and G's gradients pass through. None of it is in the paper.
    """
    config, rng, device, share = state.config, state.rng, state.device, state.share
    if config.tint:
        by = 2 * torch.rand(config.batch, 3, generator=rng, device=device)[share] - 1
        images = tinted(images, config.tint * by)
    if config.shift:
        places = torch.randint(-config.shift, config.shift + 1, (config.batch, 2), generator=rng, device=device)[share]
        images = moved(images, places)
    if config.noise:
        noise = torch.randn(config.batch, *images.shape[1:], generator=rng, device=device)[share]
        images = images + config.noise * noise
    return images


def moved(images: Tensor, places: Tensor) -> Tensor:
    """N x C x S x S, image n moved by `places[n]` = (down, right) pixels; the edges are mirrored."""
    last = images.shape[-1] - 1
    steps = torch.arange(last + 1, device=images.device)
    # mirrored at 0, then at the last
    rows, columns = (last - (last - (steps - places[:, k, None]).abs()).abs() for k in (0, 1))
    first = torch.arange(len(images), device=images.device)[:, None, None]
    return images[first, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def tinted(images: Tensor, by: Tensor) -> Tensor:
    """N x C x S x S, image n's brightness, saturation and contrast changed by `by[n]`, each in [-1, 1], as DiffAugment does.

    by / 2 is added to every value; the distance from the pixel's grey becomes 1 + by times what it was, that from the image's
    mean 1 + by / 2 times (Zhao et al., 2020).
    """
    brightness, saturation, contrast = by.view(-1, 3, 1, 1, 1).unbind(1)
    images = images + brightness / 2
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * (1 + saturation)
    mean = images.mean((1, 2, 3), keepdim=True)
    return mean + (images - mean) * (1 + contrast / 2)
