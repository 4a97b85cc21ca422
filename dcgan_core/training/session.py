"""All of training that is not learning: checkpoint, log, grids of samples, progress, signals, alarms, the end."""

from __future__ import annotations

import io
import json
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import IO, Any

import numpy as np
import torch
from tqdm.auto import tqdm

from dcgan_core import config_io, latent, networks, pictures
from dcgan_core.data.images import ImageData
from dcgan_core.errors import UserError, reason
from dcgan_core.files import write_atomically
from dcgan_core.runs import Run, write_net
from dcgan_core.training import collapse, processes
from dcgan_core.training.collapse import Alarm, Collapsed, Row, Watch
from dcgan_core.training.order import batch_indices
from dcgan_core.training.update import COUNTERS, State, Stats

LOG_EVERY = 25  # updates; reading the losses waits for the device
CHECKPOINT_SECONDS = 60.0
GRID = 64  # images in a sample grid
BATCHNORM_BATCHES = 100  # over which batchnorm's statistics are estimated at the end


@dataclass
class Event:
    """What training reports while it runs: a row of the log, an alarm, or new samples (uint8, N x C x S x S)."""

    images: int
    row: Row | None = None
    samples: np.ndarray | None = None
    alarm: Alarm | None = None
    generator: networks.Generator | None = None  # with a row: G as it is now


class Session:
    """One session of training a run, from its last checkpoint to the next stop or the end.

    Inside `with`, Ctrl-C and SIGTERM save and stop; a second Ctrl-C stops at once.
    """

    def __init__(
        self, state: State, run: Run, *, initial: Run | None, on_event: Callable[[Event], None] | None, progress: bool
    ) -> None:
        self.state, self.run, self.config, self.on_event = state, run, state.config, on_event
        self.main, self.world = processes.rank() == 0, processes.world()
        a, device = self.config.architecture, state.device
        self.fixed_z = latent.sample(a, GRID, torch.Generator().manual_seed(self.config.seed + 2))  # the same on any device
        self.fixed_labels = torch.arange(GRID, device=device) % a.num_classes if a.num_classes else None
        # since the last row of the log, kept on the device: D's loss, D(x), D(G(z)), D updates, G's loss, G updates
        self.sums = torch.zeros(6, device=device)
        self.seconds, self.log_bytes = 0.0, 0
        if processes.agree([run.has_checkpoint])[0]:  # before process 0 writes one
            self._restore()
        elif run.info["status"] != "training":  # it has ended
            raise UserError(
                f"{run.path / 'checkpoint.pt'}: no such file; without it the run cannot be resumed."
                " Use `initial` to start a new run from its weights"
            )
        elif initial is not None:  # a run's exported batchnorm statistics are not used in training
            state.generator.load_state_dict(initial.generator(device).state_dict())
            state.discriminator.load_state_dict(initial.discriminator(device).state_dict())
        if self.main:  # not before everything could be read: a failed start leaves a finished run finished
            precision = "bf16" if state.autocast._enabled else "single"
            run.update(config=config_io.to_dict(self.config), precision=precision, status="training")
        self.log: IO[bytes] = _open_log(run, self.log_bytes) if self.main else io.BytesIO()
        self.watch = Watch(run.log() if self.main else ())
        self.collapsed: Alarm | None = None  # what ends the run
        self.requested = 0  # the signal that asked to stop
        self.started = time.monotonic()
        self.last_row = (self.started, state.counts["images"])
        self.last_save = self.started if run.has_checkpoint else -math.inf
        self.next_grid = _next_grid(state.counts["images"])
        of = {"total": self.config.images or None, "initial": state.counts["images"], "desc": run.name}
        self.bar = tqdm(**of, unit=" images", unit_scale=True, smoothing=0.05, disable=not (progress and self.main))

    def __enter__(self) -> Session:
        numbers = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
        self.handlers = {number: signal.signal(number, self._asked_to_stop) for number in numbers}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        self.bar.close()
        self.log.close()

    def _asked_to_stop(self, number: int, frame: object) -> None:
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = number
        if self.main and (self.world == 1 or number == signal.SIGINT):  # torchrun's SIGTERM may mean that another was killed
            print("\nstopping; writing the checkpoint …", file=sys.stderr)

    @property
    def elapsed(self) -> float:
        """Seconds of training, all sessions together."""
        return self.seconds + time.monotonic() - self.started

    # --- before and after an update ---------------------------------------------------------------------------------------

    def is_over(self) -> bool:
        """Is it time to stop? Saves a checkpoint when one is due. Process 0 decides for all, when a row of the log is due."""
        config, counts = self.config, self.state.counts
        self.ended = bool(config.images and counts["images"] >= config.images)
        stopping, saving = self.ended, False
        deciding = self.world == 1 or counts["step"] % LOG_EVERY == 0
        if deciding:
            self.ended = self.ended or bool(config.minutes and self.elapsed >= config.minutes * 60)
            stopping = self.ended or bool(self.requested)
            saving = time.monotonic() - self.last_save >= CHECKPOINT_SECONDS
        if self.main and (stopping or saving) and not self.collapsed and not self._is_finite():
            self.collapsed = self._report(Alarm("diverged", counts["images"], stop=True))
        if deciding:
            self.ended, stopping, self.collapsed = processes.agree([self.ended, stopping, self.collapsed])
        if self.collapsed:
            return True
        if self.main and (stopping or saving):
            self._save()
            if counts["images"]:
                self._show("latest.png")
            self.last_save = time.monotonic()
        return stopping

    def _is_finite(self) -> bool:
        return all(torch.isfinite(t).all() for t in (self.sums, *self.state.parameters()))

    def after(self, stats: Stats) -> None:
        """Records what an update reported: progress, a row of the log, sample grids."""
        counts = self.state.counts
        if stats.d is not None:
            self.sums[:3] += stats.d
            self.sums[3] += 1
        if stats.g is not None:
            self.sums[4] += stats.g
            self.sums[5] += 1
        self.bar.update(self.config.batch)
        if counts["step"] % LOG_EVERY == 0:
            sums = self.sums.tolist()
            self.sums.zero_()
            if self.main and not math.isfinite(sums[0] + sums[4]):
                self.collapsed = self._report(Alarm("diverged", counts["images"], stop=True))
            elif self.main:
                self._log_row(sums, stats)
        if self.main and counts["images"] >= self.next_grid and not self.collapsed:
            self._show(f"{counts['images']:09d}.png")
            self.next_grid = _next_grid(counts["images"])

    def _log_row(self, sums: list[float], stats: Stats) -> None:
        counts, (loss_d, real_d, fake_d, n_d, loss_g, n_g), now = self.state.counts, sums, time.monotonic()
        real = networks.to_input(stats.pixels.to(self.state.device), self.config.architecture)
        row: Row = {
            **{k: counts[k] for k in ("images", "d_updates", "g_updates")},
            "loss_d": round(loss_d / max(n_d, 1), 5),
            "loss_g": round(loss_g / max(n_g, 1), 5),
            "d_real": round(real_d / max(n_d, 1), 5),
            "d_fake": round(fake_d / max(n_d, 1), 5),
            "diversity": round(collapse.diversity(stats.fake, real), 5),
            "images_per_second": round((counts["images"] - self.last_row[1]) / (now - self.last_row[0]), 1),
            "minutes": round(self.elapsed / 60, 3),
        }
        self.last_row = (now, counts["images"])
        try:
            self.log.write((json.dumps(row) + "\n").encode())
        except OSError as error:
            where = self.run.path / "log.jsonl"
            raise UserError(f"{where}: cannot be written ({error.strerror}); free some space, then use `resume`") from None
        shown = {"D": row["loss_d"], "G": row["loss_g"], "D(x)": row["d_real"], "D(G(z))": row["d_fake"]}
        if self.config.minutes:
            shown["min"] = f"{row['minutes']:.1f}/{self.config.minutes:g}"
        self.bar.set_postfix(shown, refresh=False)
        if self.on_event:
            self.on_event(Event(counts["images"], row=row, generator=self.state.generator))
        alarm = self.watch.add(row)
        if alarm:
            self._report(alarm)
            self.collapsed = alarm if alarm.stop and self.config.on_collapse == "stop" else None

    def _report(self, alarm: Alarm) -> Alarm:
        """Prints an alarm, and records it in run.json."""
        tqdm.write(f"{self.run.name}: {alarm}", file=sys.stderr)
        # later ones are of a run that was cut back
        earlier = [a for a in self.run.info.get("alarms", []) if a["images"] < alarm.images]
        self.run.update(alarms=[*earlier, asdict(alarm)])
        if self.on_event:
            self.on_event(Event(self.state.counts["images"], alarm=alarm))
        return alarm

    def _show(self, file: str) -> None:
        """Writes a grid of samples, always of the same z: with batch statistics, at the end with the stored ones."""
        pixels = latent.generate_pixels(self.state.generator, self.fixed_z, self.fixed_labels, batch=GRID)
        (self.run.path / "samples").mkdir(exist_ok=True)
        write_atomically(self.run.path / "samples" / file, pictures.encode(pictures.grid(pixels)))
        if self.on_event and file != "latest.png":
            self.on_event(Event(self.state.counts["images"], samples=pixels))

    # --- the checkpoint ---------------------------------------------------------------------------------------------------

    def _save(self) -> None:
        os.fsync(self.log.fileno())
        self.log_bytes = self.log.tell()
        if not self.watch.calm:
            self.run.keep_good_checkpoint()
        counts = self.state.counts | {"seconds": self.elapsed, "log_bytes": self.log_bytes}
        self.run.save_checkpoint(
            {name: part.state_dict() for name, part in self.state.parts.items()}
            | {"rng": self.state.rng.get_state(), "device": self.state.device.type, "sums": self.sums, "counts": counts}
        )
        if self.watch.calm:
            self.run.forget_good_checkpoint()

    def _restore(self) -> None:
        saved = self.run.load_checkpoint()
        kind = self.state.device.type
        if (before := saved.get("device", kind)) != kind:  # its random numbers are that device's
            raise UserError(f"{self.run.path}: was trained on {before}; go on there, with `device` {before}")
        try:
            for name, part in self.state.parts.items():
                part.load_state_dict(saved[name])
            self.state.rng.set_state(saved["rng"].cpu())
            self.sums.copy_(saved["sums"])
            self._recount(saved["counts"])
        except (KeyError, ValueError, RuntimeError, TypeError) as error:
            where = self.run.path / "checkpoint.pt"
            raise UserError(f"{where}: not this run's checkpoint ({reason(error)})") from None
        processes.wait_for_all()  # nobody writes a new checkpoint before all have read this one

    def _recount(self, counts: dict[str, Any]) -> None:
        self.state.counts = {key: counts[key] for key in COUNTERS}
        self.seconds, self.log_bytes = counts["seconds"], counts["log_bytes"]

    # --- the end ----------------------------------------------------------------------------------------------------------

    def end(self, data: ImageData) -> bool:
        """Is the budget used up? Then exports the nets; also after a collapse, and then raises Collapsed."""
        self.seconds, run = self.elapsed, self.run
        if self.collapsed and self.main:
            run.restore_good_checkpoint()
            saved = run.load_checkpoint()
            self.state.generator.load_state_dict(saved["generator"])
            self.state.discriminator.load_state_dict(saved["discriminator"])
            self._recount(saved["counts"])
        counts, alarm = self.state.counts, self.collapsed
        if (self.ended or alarm) and self.main:
            _estimate_statistics(self.state, data)
            write_net(run.path, "generator", self.state.generator)
            write_net(run.path, "discriminator", self.state.discriminator)
            self.state.generator.eval()
            self._show(f"{counts['images']:09d}.png")
            seen = {k: counts[k] for k in COUNTERS[1:]}
            run.update(status=alarm.outcome if alarm else "finished", counters=seen, minutes=round(self.seconds / 60, 2))
        if alarm:
            processes.wait_for_all()  # torchrun ends all as soon as one fails
            onwards = ", or continue anyway with `resume` and `on_collapse=warn`" if alarm.outcome == "collapsed" else ""
            raise Collapsed(
                f"{run.path}: training {alarm.outcome}: {alarm}. Its nets from before that, after {counts['images']:,} images,"
                f" are kept: start a new run from them with `initial` {run.path}{onwards}"
            )
        return self.ended


@torch.no_grad()
def _estimate_statistics(state: State, data: ImageData) -> None:
    """Estimates both nets' batchnorm statistics over samples and data, so that a z gives the same image in any batch."""
    config, device, a = state.config, state.device, state.config.architecture
    rng = torch.Generator(device).manual_seed(config.seed + 3)
    chosen = [batch_indices(step, config.batch, len(data), config.seed) for step in range(BATCHNORM_BATCHES)]
    known = data.labels if a.num_classes else None
    labels = [None if known is None else torch.from_numpy(known[places]).to(device) for places in chosen]
    networks.estimate_batchnorm(state.generator, [(latent.sample(a, config.batch, rng), y) for y in labels])
    real = (networks.to_input(torch.from_numpy(data.images[places]).to(device), a) for places in chosen)
    networks.estimate_batchnorm(state.discriminator, zip(real, labels, strict=True))


def _open_log(run: Run, length: int) -> IO[bytes]:
    """The log, truncated to what it was at the last checkpoint."""
    path = run.path / "log.jsonl"
    try:
        log = open(path, "r+b" if path.exists() else "w+b", buffering=0)
        log.truncate(length := min(length, path.stat().st_size))  # it may have been lost
        log.seek(length)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None
    return log


def _next_grid(images: int) -> int:
    """When to write the next sample grid: after about 1,000, 2,000, 4,000 … images."""
    return 1000 * 2 ** max(0, math.floor(math.log2(images / 1000)) + 1) if images >= 1000 else 1000
