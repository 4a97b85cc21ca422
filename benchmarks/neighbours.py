"""The exact nearest neighbour, in pairs with scikit-learn's brute force; and that of generated digits: seconds and memory.

An untrained MNIST net draws the references: what they look like changes neither time nor memory.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
import torch
from report import Report, arguments, megabytes, memory_of, paired, slope

from dcgan_core.data.nearest import NearestLabels
from dcgan_core.metrics import neighbours
from dcgan_core.networks import ARCHITECTURES, Generator

QUERIES, DRAWN, SEARCHED = 10_000, 10_000, 20_000
PAIRED, COUNTS = 1_000, (5_000, 10_000, 20_000, 40_000)  # queries; references


def digits(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 1, 28, 28), np.uint8), rng.integers(0, 10, count)


def ours(queries: np.ndarray, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    search = NearestLabels(queries)
    search.show(images, labels)
    return search.labels.numpy()


def theirs(queries: np.ndarray, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    from sklearn.neighbors import KNeighborsClassifier

    flat = (x.reshape(len(x), -1).astype(np.float32) for x in (images, queries))
    return KNeighborsClassifier(1, algorithm="brute").fit(next(flat), labels).predict(next(flat))


def against_sklearn(report: Report, quick: bool) -> None:
    counts, queries = COUNTS[: 2 if quick else None], digits(100 if quick else PAIRED, 1)[0]
    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    for count in counts:
        known = digits(count, 0)
        found = paired(lambda: ours(queries, *known), lambda: theirs(queries, *known), within=0.1 if quick else 2.0)
        equal = float((ours(queries, *known) == theirs(queries, *known)).mean())
        for whose, times in seconds.items():
            times.append(found[whose])
        facts = {"growth": "references", "x": float(count), "equal": equal}
        report.show(f"scikit-learn's 1-NN, {count:,} references", found.pop("value"), "times ours", **facts, **found)
    for whose, times in seconds.items():
        report.show(f"1-NN against references, {whose}", slope(list(counts), times), "slope", growth="references", whose=whose)
        held = memory_of("neighbours.py", whose, counts[-1])
        report.show(f"memory of 1-NN, {whose}", held, "MB", whose=whose, references=counts[-1])


def generated(report: Report, quick: bool) -> None:
    queries, searched = digits(1000 if quick else QUERIES, 1)[0], 2000 if quick else SEARCHED
    generator = Generator(ARCHITECTURES["mnist28"], torch.Generator().manual_seed(0)).eval()
    block = neighbours.generated(generator)
    start = time.perf_counter()
    drawn = [block(i) for i in range(min(searched, DRAWN) // neighbours.BLOCK)]
    report.show("digits drawn by the MNIST net", min(searched, DRAWN) / (time.perf_counter() - start), "a second")
    search = NearestLabels(queries)
    start = time.perf_counter()
    while search.seen < searched:
        search.show(*drawn[search.seen // neighbours.BLOCK % len(drawn)])
    seconds = time.perf_counter() - start
    report.show(f"1-NN: {len(queries):,} queries, references", searched / seconds, "a second")
    report.show("1-NN: a million references, search alone, from that", 1e6 / searched * seconds / 60, "minutes")
    unit = 1 if sys.platform == "darwin" else 1024
    report.show("1-NN: most memory in use", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30, "GiB")


def main() -> None:
    report, quick = Report("neighbours"), arguments().quick
    if "--memory" in sys.argv:
        whose, count = sys.argv[sys.argv.index("--memory") + 1 :]
        queries, known = digits(PAIRED, 1)[0], digits(int(count), 0)
        theirs(queries[:2], *(x[:10] for x in known))  # its imports do not count
        return print(megabytes(lambda: {"ours": ours, "theirs": theirs}[whose](queries, *known)))
    generated(report, quick)
    against_sklearn(report, quick)
    report.save()


if __name__ == "__main__":
    main()
