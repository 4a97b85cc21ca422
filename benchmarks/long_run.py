"""Does training grow, or slow down? 2,000 updates by the whole loop: memory in use at each row of the log, and its speed."""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from report import Report, arguments

from dcgan_core import recipes, runs
from dcgan_core.data.images import ImageData
from dcgan_core.training import loop
from dcgan_core.training.session import Event


def resident() -> float:
    """MB that this process holds; Linux alone says so."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1000


def course(updates: int, batch: int = 16) -> list[tuple[int, float, float, float]]:
    """Update number, MB, updates a second, the processor's seconds so far, at each row of the log.

    On random pictures, with the `quick` net for 32 pixels.
    """
    rows = []
    config = recipes.recipe("cifar10", "quick")
    config = replace(config, batch=batch, images=updates * batch, on_collapse="warn", precision="single")
    a = config.architecture
    pixels = np.random.default_rng(0).integers(0, 256, (2048, a.channels, a.size, a.size), np.uint8)
    data = ImageData("random", "train", pixels, None, (), None, (), {})

    def note(event: Event) -> None:
        if event.row:
            speed = event.row["images_per_second"] / batch
            rows.append((event.row["d_updates"], resident(), speed, time.process_time()))

    with tempfile.TemporaryDirectory() as folder:
        loop.train(config, data, runs.start(config, data, Path(folder) / "run"), "cpu", on_event=note, progress=False)
    return rows


def main() -> None:
    report, rows = Report("long run"), course(200 if arguments().quick else 2000)
    updates, held, speed, _ = (np.array(column) for column in zip(*rows, strict=True))
    later = updates >= len(updates) * 25 / 10  # after a tenth, all that is kept has been allocated
    per_thousand = float(np.polyfit(updates[later], held[later], 1)[0] * 1000)
    quarter = len(speed) // 4
    ratio = statistics.median(speed[-quarter:]) / statistics.median(speed[quarter : 2 * quarter])
    facts = {
        "updates": [int(u) for u in updates],
        "mb": [round(m, 1) for m in held],
        "per_second": [round(s, 1) for s in speed],
    }
    report.show(f"growth of memory over {updates[-1]:,} updates", per_thousand, "MB per thousand", **facts)
    report.show("speed of the last quarter", ratio, "times the second")
    report.save()


if __name__ == "__main__":
    main()
