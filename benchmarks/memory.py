"""Does preparing a data set need more memory where it has more pictures? `make bench`. Linux only.

Peak anonymous memory (RssAnon) of the process while it prepares 1,000 and 30,000 pictures, of an LSUN lmdb and of a zip that it
makes itself from a few distinct JPEGs.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import lmdb
import numpy as np
from PIL import Image
from report import Report, arguments

COUNTS = (1_000, 30_000)
PREPARE = "import sys; from dcgan_core.data import cache; cache.prepare(sys.argv[1], 64)"


def jpegs(count: int = 64, side: int = 96) -> list[bytes]:
    """Different small photographs, more or less."""
    rng, encoded = np.random.default_rng(0), []
    for _ in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8))
        buffer = io.BytesIO()
        coarse.resize((side, side), Image.Resampling.BICUBIC).save(buffer, "jpeg", quality=75)
        encoded.append(buffer.getvalue())
    return encoded


def make_lmdb(root: Path, count: int) -> str:
    """LSUN's layout; returns the data set's name."""
    pictures = jpegs()
    folder = root / "bedroom_train_lmdb"
    folder.mkdir()
    with lmdb.open(str(folder), map_size=1 << 34, sync=False) as database, database.begin(write=True) as transaction:
        for i in range(count):
            transaction.put(f"{i:040x}".encode(), pictures[i % len(pictures)], append=True)
    return "lsun"


def make_zip(root: Path, count: int) -> str:
    pictures = jpegs()
    with zipfile.ZipFile(root / "pictures.zip", "w") as archive:
        for i in range(count):
            archive.writestr(f"train/class{i % 1000:04d}/picture{i:08d}.jpg", pictures[i % len(pictures)])
    return "pictures"


def anonymous_memory(process: int) -> float:
    """MB; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1000


def peak_of_preparing(name: str, root: Path) -> float:
    """MB, looked at fifty times a second, in a process of its own."""
    places = {"DCGAN_DATA": str(root), "DCGAN_CACHE": str(root / "cache")}
    peak = 0.0
    with subprocess.Popen([sys.executable, "-c", PREPARE, name], env=os.environ | places) as process:
        while process.poll() is None:
            peak = max(peak, anonymous_memory(process.pid))
            time.sleep(0.02)
    if process.returncode:
        raise SystemExit(process.returncode)
    return peak


def main() -> None:
    if not Path("/proc/self/status").exists():
        print("benchmarks/memory.py: needs Linux's /proc; nothing measured")
        return
    report, counts = Report("memory"), (300, 1_000) if arguments().quick else COUNTS
    for kind, make in (("LSUN's lmdb", make_lmdb), ("a zip", make_zip)):
        peaks = []
        for count in counts:
            with tempfile.TemporaryDirectory() as folder:
                peaks.append(peak_of_preparing(make(Path(folder), count), Path(folder)))
            report.show(f"peak RssAnon, preparing {count:,} images of {kind}", peaks[-1], "MB", memory=kind)
        report.show(f"growth from {counts[0]:,} to {counts[1]:,} images of {kind}", peaks[1] - peaks[0], "MB", memory=kind)
    report.save()


if __name__ == "__main__":
    main()
