"""Seconds to prepare each data set that is found, into a fresh cache. `make bench`.

Nothing here is asserted; the numbers go into _build/benchmarks.json. Each row has the load of the machine before it began:
where that is not about 0, other work had the cores too. Sets that would have to be downloaded are passed over.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from report import Report, arguments

from dcgan_core.data.sources import finding
from dcgan_core.files import read_json

SIZES = {"digits": 16, "mnist": 28, "lsun": 64, "places-rooms": 64, "faces": 64, "celeba": 64}  # else 32
PREPARE = """
import re, sys
from pathlib import Path
from dcgan_core.data import cache
print(cache.prepare(sys.argv[1], int(sys.argv[2])))
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""


def processor_seconds() -> float:
    """Of all processes that this one has waited for, and theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def preparing(name: str, size: int) -> tuple[float, float, int, int]:
    """Seconds of the whole process, seconds of all processors together, its most memory in MB, and how many images came out."""
    with tempfile.TemporaryDirectory() as cache:
        start, before = time.perf_counter(), processor_seconds()
        command = [sys.executable, "-c", PREPARE, name, str(size)]
        done = subprocess.run(command, env=os.environ | {"DCGAN_CACHE": cache}, stdout=subprocess.PIPE, text=True, check=True)
        seconds, used = time.perf_counter() - start, processor_seconds() - before
        folder, peak = done.stdout.splitlines()[-2:]
        meta = read_json(Path(folder) / "meta.json", "a cache")
    return seconds, used, int(peak), sum(meta["counts"].values())


def main() -> None:
    report, quick = Report("prepare"), arguments().quick
    for name in ["digits"] if quick else finding.names():
        if not finding.find(name):
            print(f"preparing {name}: not found, not measured")
            continue
        size = SIZES.get(name, 64 if name in ("drawn-rooms", "drawn-portraits") else 32)
        load = os.getloadavg()[0]
        seconds, used, peak, images = preparing(name, size)
        facts = {"name": name, "size": size, "images": images, "cpu_seconds": round(used, 1), "load": round(load, 1)}
        facts["peak_mb"] = peak
        report.show(f"preparing {name}, {images:,} images at {size} px", seconds, "s", **facts)
    report.save()


if __name__ == "__main__":
    main()
