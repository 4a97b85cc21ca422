"""One update against the tutorials' loop, in pairs, and how it grows with batch, width and size; memory; the share of sgemm.

On random pictures: what they show changes neither time nor memory.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import torch
from report import Report, arguments, megabytes, memory_of, paired, slope, timed
from torch.utils.flop_counter import FlopCounterMode
from tutorial import Tutorial

from dcgan_core import networks
from dcgan_core.networks import ARCHITECTURES, Architecture
from dcgan_core.training.config import Config
from dcgan_core.training.update import State, update

BATCHES = {4: (16, 32, 64, 128, 256), 5: (16, 64, 256)}  # by kernel


def architecture(size: int, kernel: int) -> Architecture:
    return replace(ARCHITECTURES[f"small{size}"], kernel=kernel)


def random_pixels(a: Architecture, batch: int) -> torch.Tensor:
    return torch.randint(
        0, 256, (batch, a.channels, a.size, a.size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )


def ours(a: Architecture, batch: int, precision: str = "single"):
    """A function that makes one update of both nets."""
    state = State(Config("random", a, batch=batch, updates="both", images=1), torch.device("cpu"), precision=precision)
    pixels, statistics = random_pixels(a, batch), networks.batch_statistics(state.generator, state.discriminator)
    statistics.__enter__()  # as in the loop; it lasts as long as the nets
    state.kept = statistics
    return lambda: update(state, pixels)


def theirs(a: Architecture, batch: int):
    loop, pixels = Tutorial(a), random_pixels(a, batch)
    return lambda: loop.update(networks.to_input(pixels, a))


def sgemm(side: int = 2048) -> float:
    """Operations a second in a product of two large matrices: the limit of what a convolution can reach."""
    x, y = torch.rand(side, side), torch.rand(side, side)
    return 2 * side**3 / timed(lambda: x @ y, within=1.0)["low"]


def operations(work) -> int:
    """Of all convolutions and matrix products of a call, forwards and backwards."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def against_the_tutorial(report: Report, quick: bool) -> None:
    for size, kernel in ((64, 4), (64, 5), (32, 4), (32, 5)):
        a, limit = architecture(size, kernel), sgemm()
        for batch in BATCHES[kernel][: 2 if quick else None]:
            one, other = ours(a, batch), theirs(a, batch)
            found = paired(one, other, within=0.2 if quick else 4.0)
            share = operations(one) / found["ours"] / limit
            facts = {
                "size": size,
                "kernel": kernel,
                "batch": batch,
                "of_sgemm": share,
                "images_per_second": batch / found["ours"],
            }
            report.show(
                f"the tutorials' update, {size} px, kernel {kernel}, batch {batch}",
                found.pop("value"),
                "times ours",
                **facts,
                **found,
            )
        report.show(f"sgemm, before {size} px, kernel {kernel}", limit / 1e9, "GFLOP/s")


def growth(report: Report, quick: bool) -> None:
    """Seconds of an update at batch 32 against width (32 px) and size (the default net of each size)."""
    small = ARCHITECTURES["small32"]
    grown = {
        "width": [(f, replace(small, widths=tuple(int(w * f) for w in small.widths))) for f in (0.25, 0.5, 1, 2, 4)],
        "size": [(size, Architecture.for_images(size)) for size in (16, 32, 64, 128)],
    }
    for what, points in grown.items():
        seconds, x = [], [float(value) for value, _ in points[: 3 if quick else None]]
        for (value, a), _ in zip(points, x, strict=False):
            work = ours(a, 32)
            found = timed(work, within=0.1 if quick else 2.0)
            seconds.append(found["seconds"])
            facts = {"growth": what, "x": float(value), "operations": operations(work), **found}
            report.show(f"an update, {what} {value:g}, batch 32", facts.pop("seconds"), "s", **facts)
        report.show(f"an update against {what}", slope(x, seconds), "slope", growth=what)


def memory(report: Report, quick: bool) -> None:
    for batch in (16,) if quick else (16, 64):
        for whose in ("ours", "theirs"):
            held = memory_of("update.py", whose, 64, 4, batch)
            report.show(f"memory of an update, {whose}, 64 px, batch {batch}", held, "MB", whose=whose, batch=batch)


def main() -> None:
    if "--memory" in sys.argv:
        whose, *numbers = sys.argv[sys.argv.index("--memory") + 1 :]
        size, kernel, batch = map(int, numbers)

        def three() -> None:
            work = {"ours": ours, "theirs": theirs}[whose](architecture(size, kernel), batch)
            work(), work(), work()

        return print(megabytes(three))
    report, quick = Report("update"), arguments().quick
    against_the_tutorial(report, quick)
    growth(report, quick)
    memory(report, quick)
    report.save()


if __name__ == "__main__":
    main()
