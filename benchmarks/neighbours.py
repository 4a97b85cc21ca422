"""1-NN over generated digits: seconds and memory of drawing them and of the exact search. `make bench`.

An untrained MNIST net draws the references: what they look like changes neither time nor memory. Nothing here is asserted.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
import torch
from report import Report

from dcgan_core.data.nearest import NearestLabels
from dcgan_core.metrics import neighbours
from dcgan_core.networks import ARCHITECTURES, Generator

QUERIES, DRAWN, SEARCHED = 10_000, 10_000, 20_000


def gibibytes() -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def main() -> None:
    report = Report()
    queries = np.random.default_rng(0).integers(0, 256, (QUERIES, 1, 28, 28), np.uint8)
    generator = Generator(ARCHITECTURES["mnist28"], torch.Generator().manual_seed(0)).eval()
    block = neighbours.generated(generator)
    start = time.perf_counter()
    drawn = [block(i) for i in range(DRAWN // neighbours.BLOCK)]
    report.show("digits drawn by the MNIST net", DRAWN / (time.perf_counter() - start), "a second")
    search = NearestLabels(queries)
    start = time.perf_counter()
    while search.seen < SEARCHED:
        search.show(*drawn[search.seen // neighbours.BLOCK % len(drawn)])
    seconds = time.perf_counter() - start
    report.show("1-NN: 10,000 queries, references", SEARCHED / seconds, "a second")
    report.show("1-NN: a million references, search alone, from that", 1e6 / SEARCHED * seconds / 60, "minutes")
    report.show("1-NN: most memory in use", gibibytes(), "GiB")
    report.save()


if __name__ == "__main__":
    main()
