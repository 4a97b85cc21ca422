"""Speed and memory on this machine: training, sampling, opening a prepared data set. `make bench`.

Nothing here is asserted; the numbers go into _build/benchmarks.json. On random images, so that it needs no data.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from report import Report

from dcgan_core import devices, latent, networks, runs
from dcgan_core.data import loading
from dcgan_core.data.images import ImageData
from dcgan_core.networks import ARCHITECTURES
from dcgan_core.training import loop
from dcgan_core.training.config import Config

SECONDS = 40  # a setting; at 50 images a second that is two rows of the log, and the first is warm-up


def training_speed(name: str, updates: str, batch: int, precision: str = "single") -> float:
    """Images a second of the whole loop, after a warm-up."""
    a = ARCHITECTURES[name]
    pixels = np.random.default_rng(0).integers(0, 256, (2048, a.channels, a.size, a.size), np.uint8)
    labels = np.arange(2048) % a.num_classes if a.num_classes else None
    data = ImageData("random", "train", pixels, labels, tuple(map(str, range(a.num_classes))), None, (), {})
    config = Config("random", a, batch=batch, updates=updates, precision=precision, minutes=SECONDS / 60)
    with tempfile.TemporaryDirectory() as folder:
        run = runs.start(config, data, Path(folder) / "run")
        loop.train(config, data, run, progress=False)
        rows = run.log()[1:] or run.log()
        slow = run.info["counters"]["images"] / (run.info["minutes"] * 60)  # a machine too slow for one row: warm-up and all
    return float(np.median([row["images_per_second"] for row in rows])) if rows else slow


def main() -> None:
    report = Report()
    show = report.show
    for name in ("small32", "small64", "mnist28"):
        for updates in ("both", "alternate"):
            show(f"training {name}, batch 32, updates={updates}", training_speed(name, updates, 32), "images/s")
    show("training small64, batch 32, precision=bf16", training_speed("small64", "both", 32, "bf16"), "images/s")
    generator, _ = networks.build(ARCHITECTURES["small64"], 0)
    generator.to(devices.pick(), memory_format=torch.channels_last).eval()
    z = latent.sample(ARCHITECTURES["small64"], 1024, torch.Generator().manual_seed(0))
    start = time.perf_counter()
    latent.generate_pixels(generator, z)
    show("sampling small64", len(z) / (time.perf_counter() - start), "images/s")
    loading.load_data("digits", 16)
    start = time.perf_counter()
    loading.load_data("digits", 16)
    show("opening a prepared data set", (time.perf_counter() - start) * 1000, "ms")
    unit = 1 if sys.platform == "darwin" else 1024
    show("peak memory of all of this", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30, "GiB")
    report.save()


if __name__ == "__main__":
    main()
