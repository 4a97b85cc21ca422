"""What would make an update faster, or would not: each idea in pairs with the update as it is; where its time goes.

Only what pays and is the same to the last bit, or nearly, would go into the library; the others stand here with their numbers.
`away`: by how much a loss of the third update differs from the plain one's.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from report import Report, arguments, paired, timed
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.profiler import ProfilerActivity, profile
from update import architecture, random_pixels, sgemm

from dcgan_core import latent, networks
from dcgan_core.training.config import Config
from dcgan_core.training.update import State, discriminator_loss, generator_loss, update

Step = Callable[[State, Tensor], Tensor]  # an update, and D's loss
KINDS = {"convolution": "convolutions", "batch_norm": "batchnorm", "relu": "activations", "threshold": "activations"}
KINDS |= {"clamp_min": "activations", "tanh": "activations", "copy_": "copies", "dam": "Adam", "aten::mm": "dense layers"}


def plain(state: State, pixels: Tensor) -> Tensor:
    return update(state, pixels).d[0]


def in_place(state: State) -> None:
    for module in (*state.generator.modules(), *state.discriminator.modules()):
        if isinstance(module, nn.ReLU | nn.LeakyReLU):
            module.inplace = True


def first_layer_as_pytorch_starts(state: State) -> None:
    """D's first convolution on N x C x H x W in that order; its output goes on in ours."""
    stage = state.discriminator.convs[0]
    stage.layer.to(memory_format=torch.contiguous_format)
    stage.layer.register_forward_pre_hook(lambda _, x: (x[0].contiguous(),))
    stage.layer.register_forward_hook(lambda _, __, y: y.contiguous(memory_format=torch.channels_last))


def narrow_layers_as_products(state: State) -> None:
    """The layers at 4 x 4 pixels as one matrix product each: D's last convolution, G's first transposed one."""
    d, g = state.discriminator.convs[-1].layer, state.generator.convs[0].layer

    def convolve(x: Tensor) -> Tensor:
        side = x.shape[2] // 2
        columns = F.unfold(x, 4, padding=1, stride=2)  # N x (C * 16) x places
        return (d.weight.flatten(1) @ columns).unflatten(2, (side, side)).contiguous(memory_format=torch.channels_last)

    def transposed(x: Tensor) -> Tensor:
        columns = g.weight.flatten(1).T @ x.flatten(2)
        whole = F.fold(columns, 2 * x.shape[2], 4, padding=1, stride=2)
        return whole.contiguous(memory_format=torch.channels_last)

    d.forward, g.forward = convolve, transposed


class _Halves(nn.Module):
    """Batchnorm that takes the statistics of each half of a batch apart."""

    def __init__(self, norm: _BatchNorm) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.norm(half) for half in x.chunk(2)])


def one_pass(state: State, pixels: Tensor) -> Tensor:
    """Real and generated images in one pass of D, statistics apart; without what the update counts and reports."""
    a, g, d = state.config.architecture, state.generator, state.discriminator
    fake = g(latent.sample(a, state.config.batch, state.rng))
    real = networks.to_input(pixels, a).contiguous(memory_format=torch.channels_last)
    norms = [stage.norm for stage in d.convs]
    for stage, norm in zip(d.convs, norms, strict=True):
        stage.norm = _Halves(norm) if isinstance(norm, _BatchNorm) else norm
    loss = discriminator_loss(*d(torch.cat([real, fake.detach()])).chunk(2))
    for stage, norm in zip(d.convs, norms, strict=True):
        stage.norm = norm
    state.optimizer_d.zero_grad()
    loss.backward()
    state.optimizer_d.step()
    d.requires_grad_(False)
    loss_g = generator_loss(d(fake))
    state.optimizer_g.zero_grad()
    loss_g.backward()
    state.optimizer_g.step()
    d.requires_grad_(True)
    return loss.detach()


def nothing(state: State) -> None:
    pass


IDEAS: dict[str, tuple[Callable[[State], None], Step]] = {
    "activations in place": (in_place, plain),
    "D's first layer in PyTorch's own order": (first_layer_as_pytorch_starts, plain),
    "layers at 4 x 4 pixels as matrix products": (narrow_layers_as_products, plain),
    "real and generated images in one pass of D": (nothing, one_pass),
}


def prepared(size: int, batch: int, change: Callable[[State], None], step: Step) -> Callable[[], Tensor]:
    a = architecture(size, 4)
    state = State(Config("random", a, batch=batch, updates="both", images=1), torch.device("cpu"))
    change(state)
    pixels, statistics = random_pixels(a, batch), networks.batch_statistics(state.generator, state.discriminator)
    statistics.__enter__()
    state.kept = statistics
    return lambda: step(state, pixels)


def ideas(report: Report, quick: bool) -> None:
    for size in (64, 32):
        for name, (change, step) in IDEAS.items():
            without, with_it = prepared(size, 32, nothing, plain), prepared(size, 32, change, step)
            losses = [[float(work()) for _ in range(3)][-1] for work in (without, with_it)]
            found = paired(with_it, without, within=0.2 if quick else 3.0)
            facts = {"idea": name, "size": size, "away": abs(losses[0] - losses[1]), **found}
            report.show(f"{size} px: {name}", facts.pop("value"), "times as fast", **facts)
    torch.set_flush_denormal(True)
    flushed = timed(prepared(64, 32, nothing, plain), within=0.1 if quick else 3.0)["seconds"]
    torch.set_flush_denormal(False)
    as_it_is = timed(prepared(64, 32, nothing, plain), within=0.1 if quick else 3.0)["seconds"]
    name = "numbers too small to matter count as 0"
    report.show(f"64 px: {name}", as_it_is / flushed, "times as fast", idea=name, size=64)


def where_it_goes(report: Report) -> None:
    """The share of each kind of operation in an update, by PyTorch's profiler; and what each layer reaches of sgemm."""
    for size in (64, 32):
        work = prepared(size, 32, nothing, plain)
        work()
        with profile(activities=[ProfilerActivity.CPU]) as recorded:
            work(), work()
        events = recorded.key_averages()
        total, shares = sum(e.self_cpu_time_total for e in events), {}
        for event in events:
            kind = next((kind for word, kind in KINDS.items() if word in event.key), "the rest")
            shares[kind] = shares.get(kind, 0) + event.self_cpu_time_total / total
        for kind, share in sorted(shares.items(), key=lambda item: -item[1]):
            report.show(f"{size} px: {kind}", share * 100, "% of an update", kind=kind, size=size)


def layers(report: Report, quick: bool) -> None:
    """Each layer's convolution, forwards and backwards, as a share of sgemm (counting its products with padding too)."""
    limit, how = sgemm(), {"within": 0.05 if quick else 0.5}
    for net in networks.build(architecture(64, 4), 0):
        x = torch.rand(32, *(net.architecture.base if isinstance(net, networks.Generator) else (3, 64, 64)))
        for number, stage in enumerate(net.to(memory_format=torch.channels_last).convs, 1):
            layer = stage.layer
            x = x.detach().contiguous(memory_format=torch.channels_last).requires_grad_()
            y = layer(x)
            slope, places = torch.rand_like(y), min(x[0, 0].numel(), y[0, 0].numel())
            products = 3 * 2 * 32 * layer.weight.numel() * places
            seconds = timed(lambda: layer(x).backward(slope), **how)["low"]
            name = f"{type(net).__name__[0]}'s layer {number}: {layer.in_channels} to {layer.out_channels} maps"
            report.show(name, products / seconds / limit * 100, "% of sgemm", layer=name, seconds=seconds)
            x = y


def main() -> None:
    report, quick = Report("ideas"), arguments().quick
    ideas(report, quick)
    where_it_goes(report)
    layers(report, quick)
    report.save()


if __name__ == "__main__":
    main()
