"""Sampling from the shipped generators, as the library does and as a notebook would; importing; opening a prepared set."""

from __future__ import annotations

import subprocess
import sys

import torch
from report import Report, arguments, paired, seconds_of, timed

import dcgan_core as dcgan
from dcgan_core import latent
from dcgan_core.data import loading
from dcgan_core.networks import Generator

RUNS = ("faces", "drawn-rooms", "imagenet32", "mnist-small")


def plain(run: str) -> Generator:
    """The same net in the memory format that PyTorch starts in."""
    shipped = dcgan.load(run, device="cpu")
    net = Generator(shipped.architecture)
    net.load_state_dict(shipped.state_dict())
    return net.eval()


def sampling(report: Report, quick: bool) -> None:
    count = 32 if quick else 256
    for run in RUNS:
        ours, theirs = dcgan.load(run, device="cpu"), plain(run)
        a = ours.architecture
        z, labels = latent.sample(a, count, torch.Generator().manual_seed(0)), latent.classes(a, count)
        with torch.no_grad():
            found = paired(lambda: latent.generate(ours, z, labels), lambda: theirs(z, labels), within=0.2 if quick else 1.5)
        facts = {"run": run, "images_per_second": count / found["ours"]}
        report.show(f"sampling {run} as PyTorch starts", found.pop("value"), "times ours", **facts, **found)


def importing(report: Report, quick: bool) -> None:
    """Seconds of whole processes, with Python's own start."""
    programs = {
        "Python alone": "",
        "import dcgan_core": "import dcgan_core",
        "dcgan --help": "from dcgan_core import cli; cli.make_parser()",
        "import torch": "import torch",
        "and a net loaded": "import dcgan_core as dcgan; dcgan.load('mnist-small')",
    }
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(2 if quick else 5):
        for name, code in programs.items():
            times[name].append(seconds_of(lambda: subprocess.run([sys.executable, "-c", code], check=True)))
    for name, taken in times.items():
        facts = {"low": min(taken), "high": max(taken), "n": len(taken), "importing": name}
        report.show(f"a process: {name}", sorted(taken)[len(taken) // 2], "s", **facts)


def main() -> None:
    report, quick = Report("sampling"), arguments().quick
    sampling(report, quick)
    importing(report, quick)
    loading.load_data("digits", 16)
    found = timed(lambda: loading.load_data("digits", 16), within=0.5)
    facts = {key: found[key] * 1000 for key in ("low", "high")} | {"n": found["n"]}
    report.show("opening a prepared data set", found["seconds"] * 1000, "ms", **facts)
    report.save()


if __name__ == "__main__":
    main()
