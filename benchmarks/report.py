"""What the benchmarks measured, on the screen and in _build/benchmarks.json; and how they take times: in pairs, with spread."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent.parent / "_build" / "benchmarks.json"
Work = Callable[[], object]


class Report:
    """The rows of one part. `save` puts them in place of all that this part measured before."""

    def __init__(self, part: str) -> None:
        self.part, self.rows = part, []

    def show(self, what: str, value: float, unit: str, **facts: Any) -> None:
        """`facts` go into the file alone, for programs that read it."""
        facts = {k: float(f"{v:.5g}") if isinstance(v, float) else v for k, v in facts.items()}
        self.rows.append({"part": self.part, "what": what, "value": float(f"{value:.5g}"), "unit": unit, **facts})
        spread = f"  ({facts['low']:.4g} to {facts['high']:.4g}, {facts['n']})" if "low" in facts else ""
        print(f"{what:58} {value:10.4g} {unit}{spread}", flush=True)

    def save(self) -> None:
        from dcgan_core import devices
        from dcgan_core.runs import environment

        earlier = json.loads(FILE.read_bytes())["rows"] if FILE.exists() else []
        rows = [row for row in earlier if row.get("part") != self.part] + self.rows
        FILE.parent.mkdir(exist_ok=True)
        results = {"environment": environment(), "device": str(devices.pick()), "rows": rows}
        FILE.write_text(json.dumps(results, indent=1) + "\n")


def arguments() -> argparse.Namespace:
    """--quick: sizes that show that it runs, and nothing else."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it runs; the numbers mean nothing")
    return parser.parse_known_args()[0]


def seconds_of(work: Work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def timed(work: Work, *, within: float = 3.0, least: int = 3, most: int = 15, warm: bool = True) -> dict[str, float]:
    """The median of several times, the least and the most; as many as fit into `within` seconds."""
    if warm:
        work()
    times: list[float] = []
    while len(times) < least or (sum(times) < within and len(times) < most):
        times.append(seconds_of(work))
    return {"seconds": statistics.median(times), "low": min(times), "high": max(times), "n": len(times)}


def paired(
    ours: Work, theirs: Work, *, within: float = 5.0, least: int = 3, most: int = 15, warm: bool = True
) -> dict[str, float]:
    """Both in turn, `warm`: after one of each that does not count.

    `value`: the median of how many times as long theirs takes, pair by pair, from `low` to `high`; `ours`, `theirs`: their
    median seconds.
    """
    if warm:
        ours(), theirs()
    a: list[float] = []
    b: list[float] = []
    while len(a) < least or (sum(a) + sum(b) < within and len(a) < most):
        for work, times in ((ours, a), (theirs, b))[:: 1 if len(a) % 2 else -1]:  # neither is always the first
            times.append(seconds_of(work))
    ratios = [y / x for x, y in zip(a, b, strict=True)]
    found = {"value": statistics.median(ratios), "low": min(ratios), "high": max(ratios), "n": len(ratios)}
    return found | {"ours": statistics.median(a), "theirs": statistics.median(b)}


def slope(x: list[float], y: list[float]) -> float:
    """Of the line through the points on log axes: 1 is linear."""
    import numpy as np

    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def megabytes(work: Work) -> float:
    """The most memory that a call holds beyond what the process held before it. Linux alone says that of a single call."""
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")

    def held(key: str) -> float:
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith(key)) / 1000

    if not status.exists():
        raise SystemExit("memory is measured on Linux alone")
    reset.write_text("5")  # its peak is from now on
    before = held("VmRSS:")
    work()
    return held("VmHWM:") - before


def memory_of(script: str, *words: object) -> float:
    """The most memory, MB, of `script --memory words…` in a process of its own, which prints it as its last line."""
    command = [sys.executable, str(Path(__file__).parent / script), "--memory", *map(str, words)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout.split()[-1])
