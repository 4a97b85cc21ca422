"""`dcgan sample`: generates images, as a picture or as numbers."""

from __future__ import annotations

import argparse
import io
import os
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dcgan_core.cli import seed
from dcgan_core.errors import UserError, reason

if TYPE_CHECKING:
    from dcgan_core.networks import Architecture


def add(commands: argparse._SubParsersAction) -> None:
    p = commands.add_parser("sample", help="generate images with a run's G")
    p.add_argument("source", type=Path, metavar="RUN", help="a run's folder, or the name of one that ships")
    p.add_argument("--count", type=int, help="number of images (default: 64)")
    z = p.add_mutually_exclusive_group()
    z.add_argument("--seed", type=seed, default=0, help="seed of z (default: 0)")
    z.add_argument("--z", type=Path, metavar="Z.npz", help="generate the images of these z (array `z`, N x latent)")
    p.add_argument("--labels", metavar="0,1,…", help="classes, repeated as needed (for class-conditional nets)")
    p.add_argument(
        "--out", type=Path, metavar="grid.png", help="a PNG, JPEG or WebP (default: grid.png, unless --npz is given)"
    )
    p.add_argument("--npz", type=Path, metavar="F.npz", help="write z and the images, float32 in [-1, 1], to this file")
    p.add_argument("--batch-statistics", action="store_true", help="as the authors' code: an image depends on its batch of 128")
    p.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:1, mps")
    p.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> None:
    import numpy as np
    import torch

    from dcgan_core import api, devices, latent, networks, pictures
    from dcgan_core.cli import numbers
    from dcgan_core.files import write_atomically
    from dcgan_core.runs import Run

    run = Run(args.source)
    device = devices.pick(args.device)
    api.picture_bytes(np.zeros((1, 1, 3), np.uint8), args.out or Path("grid.png"))  # refused before an hour's work
    if args.npz and args.npz.suffix.lower() != ".npz":
        raise UserError(f"--npz {args.npz}: is written as .npz, so let its name end like that")
    if args.z and args.count is not None:
        raise UserError("--count: an image for each of --z is generated; leave one of the two out")
    count = 64 if args.count is None else args.count
    if not args.z:
        _check_count(count, run.architecture)
    generator = run.generator(device)
    a = generator.architecture
    # on the CPU: a seed means the same z everywhere
    z = _read_z(args.z, a.latent) if args.z else latent.sample(a, count, torch.Generator().manual_seed(args.seed))
    labels = latent.classes(a, len(z), None if args.labels is None else numbers("--labels", args.labels, int, "0,1,2"))
    if args.batch_statistics:
        if len(z) < 2:
            raise UserError("--batch-statistics: one image has no batch; generate at least two")
        even = -(-len(z) // -(-len(z) // 128))  # batches of at most 128, and none of a single image
        batch = next(size for size in range(even, 1, -1) if len(z) % size != 1)
        with networks.batch_statistics(generator):
            images = latent.generate(generator, z, labels, batch=batch)
    else:
        images = latent.generate(generator, z, labels)
    if args.npz:
        unit = images if a.output == "tanh" else images * 2 - 1
        buffer = io.BytesIO()
        np.savez(buffer, z=z.numpy(), images=unit.cpu().numpy().astype(np.float32))
        write_atomically(args.npz, buffer.getbuffer())
        print(args.npz)
    if args.out or not args.npz:
        out = args.out or Path("grid.png")
        write_atomically(out, api.picture_bytes(pictures.grid(networks.to_pixels(images, a).cpu().numpy()), out))
        print(out)


def _check_count(count: int, a: Architecture) -> None:
    """Raises UserError where z and images would not fit into the machine's memory, which may end it without a word."""
    needed = 4 * count * (a.latent + 3 * a.channels * a.size**2)
    with suppress(ValueError, OSError, AttributeError):  # not a system that says
        there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if needed > there:
            gb = f"{needed / 1e9:,.0f} GB of memory, and there are {there / 1e9:,.0f}"
            raise UserError(f"`count` {count}: so many images need about {gb}; generate fewer at a time, with other seeds")


def _read_z(path: Path, latent: int):
    import numpy as np
    import torch

    try:
        with np.load(path) as arrays:
            z = np.asarray(arrays["z"], np.float32)
    except (OSError, ValueError, KeyError, TypeError, IndexError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"--z {path}: expected an .npz with an array named z ({reason(error)})") from None
    if z.ndim != 2 or z.shape[1] != latent or not len(z) or not np.isfinite(z).all():
        raise UserError(f"--z {path}: expected finite numbers, N x {latent}, got an array of {' x '.join(map(str, z.shape))}")
    return torch.from_numpy(z)
