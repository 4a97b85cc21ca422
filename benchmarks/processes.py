"""Two processes of one thread each (torchrun, gradients averaged by gloo) against one process of two threads: speed."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import replace

from report import Report, arguments

BATCHES = (64, 128)
ONE = [sys.executable, __file__]
TWO = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", __file__]


def member(seconds: float, batches: list[int]) -> None:
    """One process: prints, if it is the first, seconds of an update at each batch."""
    import torch

    from dcgan_core import networks
    from dcgan_core.networks import ARCHITECTURES
    from dcgan_core.training import processes
    from dcgan_core.training.config import Config
    from dcgan_core.training.update import State, update

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    processes.join_others("cpu")
    config = Config("random", ARCHITECTURES["small64"], batch=2, updates="both", images=1)
    for batch in batches:
        share = processes.share_of(batch)
        state = State(replace(config, batch=batch), torch.device("cpu"), share=share)
        processes.connect(state)
        pixels = torch.randint(0, 256, (batch, 3, 64, 64), dtype=torch.uint8)[share]
        with networks.batch_statistics(state.generator, state.discriminator):
            update(state, pixels)
            times: list[float] = []
            while processes.agree([sum(times) < seconds])[0] or len(times) < 3:
                start = time.perf_counter()
                update(state, pixels)
                times.append(time.perf_counter() - start)
        if processes.rank() == 0:
            print("took", batch, statistics.median(times), flush=True)


def taken(command: list[str], threads: int, seconds: float, batches: list[int]) -> list[float]:
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    words = ["--member", str(seconds), *map(str, batches)]
    done = subprocess.run([*command, *words], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return [float(line.split()[2]) for line in done.stdout.splitlines() if line.startswith("took")]


def main() -> None:
    if "--member" in sys.argv:
        seconds, *batches = sys.argv[sys.argv.index("--member") + 1 :]
        return member(float(seconds), [int(b) for b in batches])
    quick = arguments().quick
    report, batches = Report("processes"), [8] if quick else list(BATCHES)
    pairs = []
    for i in range(1 if quick else 3):
        both = [(ONE, 2), (TWO, 1)][:: 1 if i % 2 else -1]
        found = {threads: taken(command, threads, 0.1 if quick else 3.0, batches) for command, threads in both}
        pairs.append([one / two for one, two in zip(found[2], found[1], strict=True)])
    for batch, ratios in zip(batches, zip(*pairs, strict=True), strict=True):
        facts = {"low": min(ratios), "high": max(ratios), "n": len(ratios), "batch": batch}
        report.show(
            f"two processes of one thread, batch {batch}", statistics.median(ratios), "of one with two threads", **facts
        )
    report.save()


if __name__ == "__main__":
    main()
