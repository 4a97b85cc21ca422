"""Seconds to group random codes of 128 bits, one in ten of them planted a second time. `make bench`.

Nothing here is asserted; the numbers go into _build/benchmarks_dedup.json. Linear time is ten times as long for ten times the
codes, and somewhat more where the smaller set fits the processor's cache and the larger one does not.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np

from dcgan_core import dedup
from dcgan_core.runs import environment

COUNTS = (10**4, 10**5, 10**6)


def grouping(count: int) -> tuple[float, float]:
    """Seconds, and the share of planted codes found."""
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 256, (count, dedup.BITS // 8), np.uint8)
    planted = np.arange(count - count // 10, count)
    hashes[planted] = hashes[: len(planted)]
    start = time.perf_counter()
    kept = dedup.duplicates(hashes)
    return time.perf_counter() - start, float((kept[planted] == np.arange(len(planted))).mean())


def main() -> None:
    results = {"environment": environment(), "radius": dedup.RADIUS, "rows": []}
    before = 0.0
    for count in COUNTS:
        seconds, found = grouping(count)
        results["rows"].append({"codes": count, "seconds": round(seconds, 3), "found": found})
        ratio = f", {seconds / before:.1f} times as long as a tenth of them" if before else ""
        print(f"grouping {count:9,} codes: {seconds:8.3f} s, {found:.0%} of planted found{ratio}", flush=True)
        before = seconds
    target = Path(__file__).resolve().parent.parent / "_build" / "benchmarks_dedup.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(results, indent=1))
    print(target)


if __name__ == "__main__":
    main()
