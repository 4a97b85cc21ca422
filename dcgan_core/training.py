"""What exactly happens in training? (Paper §4; update order from the authors' code)

`Config` says what is trained, `train` is the loop. On a GPU or several: the same code, `torchrun -m dcgan_core.cli train …`.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from tqdm.auto import tqdm

from dcgan_core import config_io, devices, latent, networks, pictures
from dcgan_core.data.images import ImageData
from dcgan_core.errors import UserError, reason
from dcgan_core.files import write_atomically
from dcgan_core.instability import Alarm, Collapsed, Watch, diversity
from dcgan_core.networks import Architecture
from dcgan_core.runs import Run

LOG_EVERY = 25  # updates; reading the losses waits for the device
CHECKPOINT_SECONDS = 60.0
GRID = 64  # images in a sample grid
BATCHNORM_BATCHES = 100  # over which batchnorm's statistics are estimated at the end


@dataclass(frozen=True)
class Config:
    """What is trained. The defaults are the paper's §4, the update order the authors' code's."""

    data: str  # a data set's name, or the path of a zip or folder
    architecture: Architecture = field(default_factory=Architecture)
    crop: Literal["center", "exact"] = "center"
    first: int = 0  # learn from the first N training images alone; the rest is for choosing (MNIST: 50,000 of 60,000). 0: all
    flip: bool = False  # every image mirrored half of the times: for sets too small for long runs (not in the paper)
    noise: float = 0.0  # standard deviation of noise on all that D sees, photographs are in [-1, 1] (not in the paper)
    shift: int = 0  # all that D sees is moved by up to so many pixels each way, at random (not in the paper)
    tint: float = (
        0.0  # how far its brightness, saturation and contrast are changed: 0 not, 1 as DiffAugment does (not in the paper)
    )
    batch: int = 128
    updates: Literal["alternate", "both"] = "alternate"  # each batch trains one net, G and D in turn, or both
    learning_rate: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    weight_decay: float = 0.0  # L2, added to the gradient of every parameter (the authors' code: 1e-5 for faces)
    images: int = 0  # stop after drawing this many images from the data; 0: no limit
    minutes: float = 0.0  # stop after this long, all sessions together; 0: no limit
    precision: Literal["auto", "single", "bf16"] = "auto"  # bf16: autocast; auto: where that is faster (`devices.precision`)
    decay_images: int = 0  # the learning rate falls linearly to zero over this many images at the end (MNIST)
    seed: int = 0
    on_collapse: Literal["stop", "warn"] = "stop"  # where the log shows that training leads nowhere (`instability`)

    def __post_init__(self) -> None:
        def need(condition: bool, message: str) -> None:
            if not condition:
                raise UserError(f"config: {message}")

        need(self.architecture.head, "a discriminator without a head cannot be trained; leave architecture.head true")
        need(self.batch >= 2, f"batch must be at least 2 (batchnorm), got {self.batch}")
        need(self.learning_rate > 0, f"learning_rate must be positive, got {self.learning_rate}")
        need(0 <= self.beta1 < 1 and 0 <= self.beta2 < 1, "beta1 and beta2 must be in [0, 1)")
        need(self.weight_decay >= 0, f"weight_decay cannot be negative, got {self.weight_decay}")
        need(self.noise >= 0, f"noise cannot be negative, got {self.noise}")
        need(0 <= self.shift < self.architecture.size, f"shift must be 0 to {self.architecture.size - 1}, got {self.shift}")
        need(0 <= self.tint <= 1, f"tint must be 0 to 1, got {self.tint}")
        need(self.first >= 0, f"first cannot be negative, got {self.first}")
        need(self.images >= 0 and self.minutes >= 0, "images and minutes cannot be negative")
        need(self.images > 0 or self.minutes > 0, "say how long to train: --images or --minutes")
        need(0 <= self.decay_images <= self.images or not self.decay_images, "decay_images needs images of at least as many")
        need(0 <= self.seed < 2**62, f"seed must be a number from 0, got {self.seed}")


# May be changed on --resume: they say when to stop, not what is trained
BUDGET = ("images", "minutes")
FREE = ("on_collapse",)


def check_resumable(config: Config, run: Run) -> None:
    """Raises UserError unless `run` was started with `config`, up to its budget, by `dcgan train`."""
    run.data_name  # noqa: B018  raises where run.json does not name its data
    if "authors" in run.info:
        raise UserError(f"{run.path}: was imported, not trained here; use --init to start from its weights")
    old = config_io.to_dict(config_io.from_dict(Config, run.info["config"], str(run.path / "run.json")))
    new = config_io.to_dict(config)
    old["precision"] = run.precision or old["precision"]
    if config.precision == "auto":  # goes on in what it was started in
        new["precision"] = old["precision"]
    free = FREE if config.decay_images else (*BUDGET, *FREE)
    for key in sorted(old.keys() | new.keys()):
        if key not in free and old.get(key) != new.get(key):
            raise UserError(
                f"{run.path}: was started with {key} {_short(old.get(key), new.get(key))}, not"
                f" {_short(new.get(key), old.get(key))}; resume it with its own settings, or choose another --out"
            )


def check_data(config: Config, data: ImageData) -> None:
    """Raises UserError unless the architecture makes images like those of `data`."""
    a = config.architecture
    if (data.size, data.channels) != (a.size, a.channels):
        raise UserError(
            f"{data.name}: images of {data.channels} x {data.size} x {data.size}, but the architecture makes"
            f" {a.channels} x {a.size} x {a.size}; choose another --architecture"
        )
    if a.num_classes and (data.labels is None or len(data.classes) != a.num_classes):
        raise UserError(
            f"{data.name}: has {len(data.classes)} classes, the architecture {a.num_classes}; set architecture.num_classes"
        )


def _precision(config: Config, run: Run, device: torch.device, world: int) -> devices.Precision:
    """What the run is trained in. `auto` is what it was started in, on whatever machine; else process 0 decides for all."""
    taken = config.precision
    if taken == "auto":
        here = devices.precision("auto", device)
        taken = run.precision or here
        asked = run.info["config"].get("precision", "single")
        if (taken != here or asked != "auto") and (world == 1 or dist.get_rank() == 0):
            print(f"{run.name}: goes on in precision {taken}, as it was started", file=sys.stderr)
    if world > 1:
        decision = [taken]
        dist.broadcast_object_list(decision, 0)
        taken = decision[0]
    return taken


def _short(value: object, other: object) -> str:
    if isinstance(value, dict) and isinstance(other, dict):
        return ", ".join(f"{k}={v}" for k, v in value.items() if other.get(k) != v)
    return str(value)


# --- one update -------------------------------------------------------------------------------------------------------


def discriminator_loss(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """-log D(x) - log(1 - D(G(z))), from logits."""
    return F.softplus(-real.float()).mean() + F.softplus(fake.float()).mean()


def generator_loss(fake: torch.Tensor) -> torch.Tensor:
    """-log D(G(z)), from logits: the non-saturating loss."""
    return F.softplus(-fake.float()).mean()


def average_gradients(net: torch.nn.Module, world: int) -> None:
    """Several processes: every gradient becomes the mean over all of them."""
    if world > 1:
        flat = torch.cat([p.grad.reshape(-1) for p in net.parameters()])
        dist.all_reduce(flat)
        flat /= world
        for p, g in zip(net.parameters(), flat.split([p.numel() for p in net.parameters()]), strict=True):
            p.grad.copy_(g.view(p.shape))


# --- data order -------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=2)
def permutation(count: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(count)


def batch_indices(step: int, batch: int, count: int, seed: int) -> np.ndarray:
    """Which images make batch number `step`: all images in random order, then all again in another order, and so on.

    It depends on nothing else, so a resumed run needs no memory of where it was.
    """
    start, end = step * batch, (step + 1) * batch
    epochs = range(start // count, (end - 1) // count + 1)
    order = np.concatenate([permutation(count, seed, epoch) for epoch in epochs])
    return order[start - epochs[0] * count :][:batch]


def mirrored(step: int, batch: int, seed: int) -> np.ndarray:
    """Which images of batch number `step` are shown mirrored, where the config says `flip`: half of them, by chance."""
    return np.random.default_rng([seed, step, 1]).random(batch) < 0.5


# --- what D sees ------------------------------------------------------------------------------------------------------


def moved(images: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """N x C x S x S, image n moved by `places[n]` = (down, right) pixels; at the edges the image goes on mirrored."""
    last = images.shape[-1] - 1
    steps = torch.arange(last + 1, device=images.device)
    rows, columns = (
        last - (last - (steps - places[:, k, None]).abs()).abs() for k in (0, 1)
    )  # mirrored at 0, then at the last
    first = torch.arange(len(images), device=images.device)[:, None, None]
    return images[first, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def tinted(images: torch.Tensor, by: torch.Tensor) -> torch.Tensor:
    """N x C x S x S, image n's brightness, saturation and contrast changed by `by[n]`, each in [-1, 1], as DiffAugment does.

    by / 2 is added to every value; the distance from the pixel's grey becomes 1 + by times what it was, that from the image's
    mean 1 + by / 2 times (Zhao et al., 2020).
    """
    brightness, saturation, contrast = by.view(-1, 3, 1, 1, 1).unbind(1)
    images = images + brightness / 2
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * (1 + saturation)
    mean = images.mean((1, 2, 3), keepdim=True)
    return mean + (images - mean) * (1 + contrast / 2)


# --- the loop ---------------------------------------------------------------------------------------------------------


@dataclass
class Event:
    """What `train` tells while it runs: a row of the log, a sign of instability, or fresh samples (uint8, N x C x S x S)."""

    images: int
    row: dict | None = None
    samples: np.ndarray | None = None
    alarm: Alarm | None = None
    generator: torch.nn.Module | None = None  # with a row: G as it is now


def train(
    config: Config,
    data: ImageData,
    run: Run,
    device: str = "auto",
    initial: Run | None = None,
    on_event: Callable[[Event], None] | None = None,
    progress: bool = True,
) -> bool:
    """Trains until the budget of `config` is used up, going on from the run's checkpoint where there is one.

    initial: a run whose weights to start from. Returns True when the run ended, False when Ctrl-C or SIGTERM stopped it (the
    checkpoint is written either way). Raises UserError where data and architecture do not fit, Collapsed where training
    diverges or collapses; the checkpoint and the nets are then from before that.
    """
    check_data(config, data)
    a = config.architecture
    rank, world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    main = rank == 0
    if config.batch % world:
        raise UserError(f"config: batch {config.batch} cannot be shared by {world} processes")
    device = devices.pick(device)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")

    generator, discriminator = networks.build(a, config.seed)
    generator.to(device, memory_format=torch.channels_last)
    discriminator.to(device, memory_format=torch.channels_last)
    adam = {"lr": config.learning_rate, "betas": (config.beta1, config.beta2), "weight_decay": config.weight_decay}
    fused = device.type in ("cpu", "cuda")
    optimizer_g = torch.optim.Adam(generator.parameters(), fused=fused, **adam)
    optimizer_d = torch.optim.Adam(discriminator.parameters(), fused=fused, **adam)
    precision = _precision(config, run, device, world)
    half = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
    rng = torch.Generator(device).manual_seed(config.seed + 1)  # draws every z; each process draws all, and keeps its share
    fixed_z = latent.sample(a, GRID, torch.Generator(device).manual_seed(config.seed + 2))
    fixed_labels = torch.arange(GRID, device=device) % a.num_classes if a.num_classes else None
    nets = {"generator": generator, "discriminator": discriminator}
    optimizers = {"optimizer_g": optimizer_g, "optimizer_d": optimizer_d}

    # sums since the last row of the log, kept on the device: D's loss, D(x), D(G(z)), D updates, G's loss, G updates
    sums = torch.zeros(6, device=device)
    counts = {"step": 0, "images": 0, "d_updates": 0, "g_updates": 0, "seconds": 0.0, "log_bytes": 0}
    if run.info["status"] == "finished" and not run.has_checkpoint:
        raise UserError(
            f"{run.path / 'checkpoint.pt'}: no such file; without it the run cannot go on. Use --init to start from its weights"
        )
    if run.has_checkpoint:
        saved = run.load_checkpoint(device)
        try:
            for name, part in {**nets, **optimizers}.items():
                part.load_state_dict(saved[name])
            rng.set_state(saved["rng"].cpu())
            sums.copy_(saved["sums"])
            counts |= saved["counts"]
        except (KeyError, ValueError, RuntimeError, TypeError) as error:
            raise UserError(f"{run.path / 'checkpoint.pt'}: not this run's checkpoint ({reason(error)})") from None
        if world > 1:
            dist.barrier()  # nobody writes a new checkpoint before all have read this one
    elif initial is not None:
        generator.load_state_dict(initial.generator(device).state_dict())
        discriminator.load_state_dict(initial.discriminator(device).state_dict())
        # a run's exported batchnorm statistics are not used in training
    if main:  # not before everything could be read: a failed start leaves a finished run finished
        run.update(config=config_io.to_dict(config), precision=precision, status="training")
    log = _open_log(run, counts["log_bytes"]) if main else None
    watch = Watch(run.log() if main else ())
    collapsed: Alarm | None = None  # where the run should stop
    stop = _Stop()

    def save() -> None:
        os.fsync(log.fileno())
        counts["log_bytes"] = log.tell()
        if not watch.calm:
            run.keep_good_checkpoint()
        run.save_checkpoint(
            {name: part.state_dict() for name, part in {**nets, **optimizers}.items()}
            | {"rng": rng.get_state(), "sums": sums, "counts": counts | {"seconds": elapsed()}}
        )
        if watch.calm:
            run.forget_good_checkpoint()

    def show(file: str, statistics: Literal["batch", "stored"] = "batch") -> None:
        if statistics == "batch":
            with networks.batch_statistics(generator):
                pixels = latent.draw_pixels(generator, fixed_z, fixed_labels, batch=GRID)
        else:
            pixels = latent.draw_pixels(generator.eval(), fixed_z, fixed_labels, batch=GRID)
            generator.train()
        (run.path / "samples").mkdir(exist_ok=True)
        write_atomically(run.path / "samples" / file, pictures.png(pictures.grid(pixels)))
        if on_event and file != "latest.png":
            on_event(Event(counts["images"], samples=pixels))

    def report(alarm: Alarm) -> Alarm:
        """Tells of a sign of instability, and notes it in run.json."""
        tqdm.write(f"{run.name}: {alarm}", file=sys.stderr)
        # later ones are of a run that was cut back
        earlier = [a for a in run.info.get("alarms", []) if a["images"] < alarm.images]
        run.update(alarms=[*earlier, alarm.to_dict()])
        if on_event:
            on_event(Event(counts["images"], alarm=alarm))
        return alarm

    share = slice(rank * config.batch // world, (rank + 1) * config.batch // world)

    def fetch(step: int) -> tuple[torch.Tensor, torch.Tensor | None]:
        chosen = batch_indices(step, config.batch, len(data), config.seed)[share]
        pixels = torch.from_numpy(data.images[chosen])
        if config.flip:
            turned = torch.from_numpy(mirrored(step, config.batch, config.seed)[share])
            pixels[turned] = pixels[turned].flip(-1)
        labels = torch.from_numpy(data.labels[chosen]) if a.num_classes else None
        if device.type == "cuda":
            pixels, labels = pixels.pin_memory(), labels.pin_memory() if labels is not None else None
        return pixels, labels

    def disguised(images: torch.Tensor) -> torch.Tensor:
        """As D sees them, photographs and samples alike: each call draws anew, and G's gradients pass through."""
        if config.tint:
            by = 2 * torch.rand(config.batch, 3, generator=rng, device=device)[share] - 1
            images = tinted(images, config.tint * by)
        if config.shift:
            shape = (config.batch, 2)
            places = torch.randint(-config.shift, config.shift + 1, shape, generator=rng, device=device)[share]
            images = moved(images, places)
        if config.noise:
            noise = torch.randn(config.batch, *images.shape[1:], generator=rng, device=device)[share]
            images = images + config.noise * noise
        return images

    started = time.monotonic()

    def elapsed() -> float:
        return counts["seconds"] + time.monotonic() - started

    bar = tqdm(
        total=config.images or None,
        initial=counts["images"],
        unit=" images",
        unit_scale=True,
        desc=run.name,
        disable=not (progress and main),
        smoothing=0.05,
    )
    last_row = (time.monotonic(), counts["images"])
    last_save = -math.inf if not run.has_checkpoint else time.monotonic()
    next_grid = _next_grid(counts["images"])
    generator.train()
    discriminator.train()
    ended = False
    try:
        with stop, ThreadPoolExecutor(1) as pool, networks.batch_statistics(generator, discriminator):
            ahead = pool.submit(fetch, counts["step"])
            while True:
                # --- is it time to stop, or to save? Process 0 decides for all, between rows of the log where there are several
                ended = bool(config.images and counts["images"] >= config.images)
                stopping, saving = ended, False
                deciding = world == 1 or counts["step"] % LOG_EVERY == 0
                if deciding:
                    ended = ended or bool(config.minutes and elapsed() >= config.minutes * 60)
                    stopping = ended or bool(stop.requested)
                    saving = time.monotonic() - last_save >= CHECKPOINT_SECONDS
                if main and (stopping or saving) and not collapsed:
                    numbers = (sums, *generator.parameters(), *discriminator.parameters())
                    if not all(torch.isfinite(t).all() for t in numbers):
                        collapsed = report(Alarm("diverged", counts["images"], stop=True))
                if deciding and world > 1:
                    decision = [ended, stopping, collapsed]
                    dist.broadcast_object_list(decision, 0)
                    ended, stopping, collapsed = decision
                if collapsed:
                    break
                if main and (stopping or saving):
                    save()
                    if counts["images"]:
                        show("latest.png")
                    last_save = time.monotonic()
                if stopping:
                    break

                # --- the batch
                pixels, labels = ahead.result()
                ahead = pool.submit(fetch, counts["step"] + 1)
                train_g = config.updates == "both" or counts["step"] % 2 == 0
                train_d = config.updates == "both" or not train_g
                labels = labels.to(device, non_blocking=True) if labels is not None else None
                if config.decay_images:
                    left = (config.images - counts["images"]) / config.decay_images
                    for group in (*optimizer_g.param_groups, *optimizer_d.param_groups):
                        group["lr"] = config.learning_rate * min(1.0, max(0.0, left))
                z = latent.sample(a, config.batch, rng)[share]
                with torch.set_grad_enabled(train_g), half:
                    fake = generator(z, labels)

                if train_d:
                    real = networks.to_input(pixels.to(device, non_blocking=True), a)
                    real = real.contiguous(memory_format=torch.channels_last)
                    with half:
                        d_real, d_fake = discriminator(disguised(real), labels), discriminator(disguised(fake.detach()), labels)
                    loss = discriminator_loss(d_real, d_fake)
                    optimizer_d.zero_grad()
                    loss.backward()
                    average_gradients(discriminator, world)
                    optimizer_d.step()
                    counts["d_updates"] += 1
                    with torch.no_grad():
                        one = torch.ones_like(loss)
                        sums[:4] += torch.stack([loss, d_real.sigmoid().mean(), d_fake.sigmoid().mean(), one])
                if train_g:
                    discriminator.requires_grad_(False)  # its gradients are not needed, and cost a third of the step
                    with half:
                        d_fake = discriminator(disguised(fake), labels)
                    loss = generator_loss(d_fake)
                    optimizer_g.zero_grad()
                    loss.backward()
                    average_gradients(generator, world)
                    optimizer_g.step()
                    discriminator.requires_grad_(True)
                    counts["g_updates"] += 1
                    with torch.no_grad():
                        sums[4:] += torch.stack([loss, torch.ones_like(loss)])

                counts["step"] += 1
                counts["images"] += config.batch
                bar.update(config.batch)

                # --- the log and the samples
                if counts["step"] % LOG_EVERY == 0:
                    loss_d, real_d, fake_d, n_d, loss_g, n_g = sums.tolist()
                    sums.zero_()
                    if main and not math.isfinite(loss_d + loss_g):
                        collapsed = report(Alarm("diverged", counts["images"], stop=True))
                    elif main:
                        now = time.monotonic()
                        row = {
                            **{k: counts[k] for k in ("images", "d_updates", "g_updates")},
                            "loss_d": round(loss_d / max(n_d, 1), 5),
                            "loss_g": round(loss_g / max(n_g, 1), 5),
                            "d_real": round(real_d / max(n_d, 1), 5),
                            "d_fake": round(fake_d / max(n_d, 1), 5),
                            "diversity": round(diversity(fake, networks.to_input(pixels.to(device), a)), 5),
                            "images_per_second": round((counts["images"] - last_row[1]) / (now - last_row[0]), 1),
                            "minutes": round(elapsed() / 60, 3),
                        }
                        last_row = (now, counts["images"])
                        try:
                            log.write((json.dumps(row) + "\n").encode())
                        except OSError as error:
                            where = run.path / "log.jsonl"
                            raise UserError(
                                f"{where}: cannot be written ({error.strerror}); make space, then --resume"
                            ) from None
                        shown = {"D": row["loss_d"], "G": row["loss_g"], "D(x)": row["d_real"], "D(G(z))": row["d_fake"]}
                        if config.minutes:
                            shown["min"] = f"{row['minutes']:.1f}/{config.minutes:g}"
                        bar.set_postfix(shown, refresh=False)
                        if on_event:
                            on_event(Event(counts["images"], row=row, generator=generator))
                        alarm = watch.add(row)
                        if alarm:
                            report(alarm)
                            collapsed = alarm if alarm.stop and config.on_collapse == "stop" else None
                if main and counts["images"] >= next_grid and not collapsed:
                    show(f"{counts['images']:09d}.png")
                    next_grid = _next_grid(counts["images"])
        counts["seconds"] = elapsed()
        if collapsed and main:
            run.restore_good_checkpoint()
            saved = run.load_checkpoint(device)
            generator.load_state_dict(saved["generator"])
            discriminator.load_state_dict(saved["discriminator"])
            counts |= saved["counts"]
        if (ended or collapsed) and main:
            status = collapsed.outcome if collapsed else "finished"
            _finish(config, data, run, generator, discriminator, counts, device, show, status)
    finally:
        bar.close()
        if log:
            log.close()
    if collapsed:
        raise Collapsed(_collapsed(run, collapsed, counts["images"]))
    return ended


def _finish(config, data, run, generator, discriminator, counts, device, show, status) -> None:
    """Estimates batchnorm's statistics, exports the weights, notes how the run has ended."""
    a = config.architecture
    rng = torch.Generator(device).manual_seed(config.seed + 3)
    batches = []
    for step in range(BATCHNORM_BATCHES):
        chosen = batch_indices(step, config.batch, len(data), config.seed)
        labels = torch.from_numpy(data.labels[chosen]).to(device) if a.num_classes else None
        batches.append((latent.sample(a, config.batch, rng), labels))
    networks.estimate_batchnorm(generator, batches)

    def real_batches():
        for step, (_, labels) in enumerate(batches):
            pixels = torch.from_numpy(data.images[batch_indices(step, config.batch, len(data), config.seed)]).to(device)
            yield networks.to_input(pixels, a), labels

    networks.estimate_batchnorm(discriminator, real_batches())
    run.save_net("generator", generator)
    run.save_net("discriminator", discriminator)
    show(f"{counts['images']:09d}.png", "stored")
    run.update(
        status=status,
        counters={k: counts[k] for k in ("images", "d_updates", "g_updates")},
        minutes=round(counts["seconds"] / 60, 2),
    )


def _open_log(run: Run, length: int):
    """The log, cut back to what it was at the last checkpoint."""
    path = run.path / "log.jsonl"
    try:
        log = open(path, "r+b" if path.exists() else "w+b", buffering=0)
        log.truncate(length)
        log.seek(length)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None
    return log


def _next_grid(images: int) -> int:
    """Sample grids after about 1,000, 2,000, 4,000 … images."""
    return 1000 * 2 ** max(0, math.floor(math.log2(images / 1000)) + 1) if images >= 1000 else 1000


def _collapsed(run: Run, alarm: Alarm, good: int) -> str:
    onwards = ", or go on all the same with --resume --set on_collapse=warn" if alarm.outcome == "collapsed" else ""
    return (
        f"{run.path}: training {alarm.outcome}: {alarm}. Its nets are those of {good:,} images, before that: a new run of the"
        f" same architecture starts from them with --init {run.path}{onwards}"
    )


class _Stop:
    """Inside, Ctrl-C and SIGTERM ask the loop to save and stop; a second Ctrl-C stops at once."""

    requested = 0

    def __enter__(self) -> _Stop:
        self.saved = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self.saved[number] = signal.signal(number, self.handle)
        return self

    def handle(self, number: int, frame: object) -> None:
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = number
        print("\nstopping; the checkpoint is being written …", file=sys.stderr)

    def __exit__(self, *_: object) -> None:
        for number, handler in self.saved.items():
            signal.signal(number, handler)
