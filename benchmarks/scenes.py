"""Seconds to draw 2,000 pictures of each drawn set at 64 px, on one core. `make bench`. Nothing here is asserted."""

from __future__ import annotations

import time

import torch
from report import Report, arguments

from dcgan_core.drawings import scenes

COUNT = 2_000


def main() -> None:
    torch.set_num_threads(1)
    report, total = Report("scenes"), 100 if arguments().quick else COUNT
    for name in scenes.NAMES:
        scenes.draw(name, scenes.BLOCK)
        start = time.perf_counter()
        for first in range(0, total, 1024):  # as much as is held in memory at once
            scenes.draw(name, min(1024, total - first), 64, 0, first)
        report.show(f"drawing {total:,} {name}, 64 px, one core", time.perf_counter() - start, "s")
    report.save()


if __name__ == "__main__":
    main()
