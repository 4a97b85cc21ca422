"""From JPEG files to batches, the first time and later ones, against torchvision's ImageFolder and a DataLoader; and memory.

The pictures are made here, of CelebA's size (178 x 218). Their DataLoader has as many processes as there are cores, and decodes
in each epoch; ours decodes once, in threads, and keeps the pixels.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from report import Report, arguments, megabytes, memory_of, slope
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from dcgan_core.data.loading import load_data
from dcgan_core.networks import Architecture
from dcgan_core.training.config import Config
from dcgan_core.training.order import batches
from dcgan_core.training.update import State

BATCH, SIZE = 128, 64
SMALL = Architecture(SIZE, 3, (8, 16, 16, 16), kernel=4)  # a state needs nets; none is used


def make_folder(root: Path, count: int) -> Path:
    """Photographs, more or less: coarse noise, enlarged. 100 different ones, each under many names."""
    rng, folder, kinds = np.random.default_rng(0), root / "photos" / "train" / "one", []
    for _ in range(100):
        coarse = Image.fromarray(rng.integers(0, 256, (27, 22, 3), np.uint8))
        buffer = io.BytesIO()
        coarse.resize((178, 218), Image.Resampling.BICUBIC).save(buffer, "jpeg", quality=85)
        kinds.append(buffer.getvalue())
    folder.mkdir(parents=True)
    for i in range(count):
        (folder / f"{i:06d}.jpg").write_bytes(kinds[i % 100])
    return root / "photos"


def ours(folder: Path):
    """Opens the set (prepares it where that is the first time), and returns a function that goes through it once."""
    data = load_data(folder, SIZE)
    state = State(Config("photos", SMALL, batch=BATCH, images=1), torch.device("cpu"))

    def epoch() -> int:
        seen = sum(len(pixels) for pixels, _ in islice(batches(data, state), len(data) // BATCH))
        state.counts["step"] += len(data) // BATCH
        return seen

    return epoch


def theirs(folder: Path):
    resized = [transforms.Resize(SIZE), transforms.CenterCrop(SIZE), transforms.ToTensor()]
    normal = transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    data = datasets.ImageFolder(str(folder / "train"), transforms.Compose([*resized, normal]))
    loader = DataLoader(data, BATCH, shuffle=True, num_workers=os.cpu_count() or 1, drop_last=True)
    return lambda: sum(len(pixels) for pixels, _ in loader)


def main() -> None:
    quick = arguments().quick
    if "--memory" in sys.argv:
        whose, folder = sys.argv[sys.argv.index("--memory") + 1 :]

        def whole() -> None:
            epoch = {"ours": ours, "theirs": theirs}[whose](Path(folder))
            epoch()

        return print(megabytes(whole))
    report, count = Report("jpegs"), 256 if quick else 4096
    times: dict[str, list[float]] = {f"{whose} {epoch}": [] for whose in ("ours", "theirs") for epoch in ("first", "later")}
    with tempfile.TemporaryDirectory() as root:
        folder = make_folder(Path(root), count)
        os.environ["DCGAN_CACHE"] = f"{root}/cache"
        for repetition in range(1 if quick else 3):
            for whose, make in (("ours", ours), ("theirs", theirs))[:: 1 if repetition % 2 else -1]:
                shutil.rmtree(f"{root}/cache", ignore_errors=True)
                start = time.perf_counter()
                epoch = make(folder)
                assert epoch() == count // BATCH * BATCH
                times[f"{whose} first"].append(time.perf_counter() - start)
                start = time.perf_counter()
                epoch()
                times[f"{whose} later"].append(time.perf_counter() - start)
        for epoch in ("first", "later"):
            a, b = (np.array(times[f"{whose} {epoch}"]) for whose in ("ours", "theirs"))
            facts = {"ours": float(np.median(a)), "theirs": float(np.median(b)), "images": count, "epoch": epoch, "n": len(a)}
            low, high = float((b / a).min()), float((b / a).max())
            report.show(
                f"ImageFolder and DataLoader, {epoch} epoch", float(np.median(b / a)), "times ours", low=low, high=high, **facts
            )
        for whose in ("ours", "theirs"):
            shutil.rmtree(f"{root}/cache", ignore_errors=True)
            report.show(f"memory from JPEG files, {whose}", memory_of("jpegs.py", whose, folder), "MB", whose=whose)
        counts, seconds = (256, 512) if quick else (512, 1024, 2048, 4096), []
        for n in counts:
            shutil.rmtree(f"{root}/cache", ignore_errors=True)
            part = make_folder(Path(root) / str(n), n)
            start = time.perf_counter()
            load_data(part, SIZE)
            seconds.append(time.perf_counter() - start)
            report.show(f"preparing {n:,} JPEG files", seconds[-1], "s", growth="pictures", x=float(n))
        report.show("preparing against pictures", slope(list(counts), seconds), "slope", growth="pictures")
    report.save()


if __name__ == "__main__":
    main()
