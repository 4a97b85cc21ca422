"""Seconds to group random codes of 128 bits, one in ten of them planted a second time. `make bench`.

Nothing here is asserted; the numbers go into _build/benchmarks.json. Linear time is ten times as long for ten times the
codes, and somewhat more where the smaller set fits the processor's cache and the larger one does not.
"""

from __future__ import annotations

import time

import numpy as np
from report import Report, arguments, slope

from dcgan_core.data import duplicates

COUNTS = (10**4, 10**5, 10**6)


def grouping(count: int) -> tuple[float, float]:
    """Seconds, and the share of planted codes found."""
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 256, (count, duplicates.BITS // 8), np.uint8)
    planted = np.arange(count - count // 10, count)
    hashes[planted] = hashes[: len(planted)]
    start = time.perf_counter()
    kept = duplicates.duplicates(hashes)
    return time.perf_counter() - start, float((kept[planted] == np.arange(len(planted))).mean())


def main() -> None:
    report, counts, seconds = Report("dedup"), COUNTS[: 2 if arguments().quick else None], []
    for count in counts:
        took, found = grouping(count)
        seconds.append(took)
        report.show(f"grouping {count:,} codes", took, "s", growth="codes", x=float(count))
        report.show(f"planted codes found among {count:,}", found * 100, "%")
    report.show("codes: grouping them", slope(list(counts), seconds), "slope", growth="codes")
    report.save()


if __name__ == "__main__":
    main()
