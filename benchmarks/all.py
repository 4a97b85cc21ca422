"""Every benchmark, one after the other, each in a process of its own: `make bench`. Nothing is asserted.

The numbers go into _build/benchmarks.json. PART …: these alone (the others' rows stay). --quick: to see that all of it runs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

PARTS = (
    "update",
    "jpegs",
    "svm",
    "neighbours",
    "sampling",
    "long_run",
    "processes",
    "dedup",
    "memory",
    "scenes",
    "ideas",
    "paper",
    "prepare",
)


def main() -> None:
    names = [word for word in sys.argv[1:] if word != "--quick"]
    if unknown := set(names) - set(PARTS):
        raise SystemExit(f"no part is called {', '.join(sorted(unknown))}; there are: {', '.join(PARTS)}")
    quick = ["--quick"] if "--quick" in sys.argv else []
    if os.getloadavg()[0] > 0.5 and not quick:
        print(f"The machine is busy (load {os.getloadavg()[0]:.1f}): times will be longer, and ratios less exact.")
    failed, start = [], time.monotonic()
    for part in names or PARTS:
        print(f"\n{part}", flush=True)
        began = time.monotonic()
        done = subprocess.run([sys.executable, str(Path(__file__).parent / f"{part}.py"), *quick], check=False)
        failed += [part] if done.returncode else []
        print(f"{part}: {time.monotonic() - began:.0f} s, {time.monotonic() - start:.0f} s in all", flush=True)
    if failed:
        raise SystemExit(f"not measured: {', '.join(failed)}")


if __name__ == "__main__":
    main()
