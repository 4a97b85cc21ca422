"""`dcgan train`: trains a recipe, a data set, or a zip or folder of images; goes on with a run that was stopped."""

import argparse
import os
import sys
from pathlib import Path

from dcgan_core.errors import UserError


def add(commands: argparse._SubParsersAction) -> None:
    p = commands.add_parser("train", help="train a recipe, a data set, or any zip or folder of images")
    p.add_argument("recipe", metavar="RECIPE_OR_DATA", help="such as faces, mnist, or the path of a zip or folder")
    p.add_argument("--profile", default="cpu", help="quick, cpu (default) or paper")
    p.add_argument("--architecture", metavar="NAME", help="a named architecture instead of the recipe's")
    budget = p.add_mutually_exclusive_group()
    budget.add_argument("--images", type=int, metavar="N", help="stop after drawing N images from the data")
    budget.add_argument("--minutes", type=float, metavar="M", help="stop after M minutes, all sessions together")
    p.add_argument("--out", type=Path, metavar="RUN", help="the run's folder (default: runs/RECIPE)")
    start = p.add_mutually_exclusive_group()
    start.add_argument("--resume", action="store_true", help="go on with the run in --out, exactly where it stopped")
    start.add_argument("--init", type=Path, metavar="RUN", help="start from another run's weights")
    p.add_argument("--seed", type=int)
    p.add_argument("--device", default="auto", help="auto (default), cpu, cuda, mps")
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting, such as batch=64")
    p.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from dcgan_core import config_io, devices, recipes
    from dcgan_core.data import loading
    from dcgan_core.data.cache import prepare
    from dcgan_core.data.images import part
    from dcgan_core.runs import Run, start
    from dcgan_core.training import loop, processes
    from dcgan_core.training.config import check_data, check_resumable

    devices.pick(args.device)
    config = recipes.recipe(args.recipe, args.profile, args.architecture)
    settings = []
    if args.images is not None:
        settings = [f"images={args.images}", "minutes=0"]
    if args.minutes is not None:
        settings = [f"minutes={args.minutes}", "images=0"]
    if args.seed is not None:
        settings.append(f"seed={args.seed}")
    config = config_io.override(config, [*settings, *args.set])  # all at once: some only fit together

    out = args.out or Path("runs") / Path(config.data if os.sep in config.data else args.recipe).stem
    initial = Run(args.init) if args.init else None
    if initial and initial.architecture != config.architecture:
        raise UserError(f"--init {args.init}: its architecture differs; use --architecture or --set to match it")
    existing = Run(out) if args.resume and (out / "run.json").exists() else None
    if existing:
        check_resumable(config, existing)

    device = processes.join_others(args.device)
    first = processes.rank() == 0
    if first:  # prepares (or downloads) it for all
        prepare(config.data, config.architecture.size, crop=config.crop)
    processes.wait_for_all()
    data = loading.load_data(config.data, config.architecture.size, crop=config.crop)
    if config.first:
        data = part(data, 0, config.first)
    if existing and existing.info["data"].get("fingerprint") != data.provenance["fingerprint"]:
        raise UserError(
            f"{out}: was trained on other pictures called {data.name!r}; give it the same data, or another --out"
            f" (dcgan data dedup {config.data} changes them, with --undo it changes them back)"
        )
    check_data(config, data)
    if existing and not existing.has_checkpoint and existing.info.get("initial"):
        initial = Run(existing.info["initial"])
    if first and not existing:
        start(config, data, out, recipe=args.recipe, profile=args.profile, initial=initial)
    processes.wait_for_all()  # until run.json is there
    run = existing or Run(out)
    ended = loop.train(config, data, run, device, initial=initial)
    processes.wait_for_all()
    if first:
        if ended:
            print(f"{run.path}: finished. Look at {run.path / 'samples'}, or draw more: dcgan sample {run.path}")
        else:
            print(f"{run.path}: stopped. Go on with the same command and --resume", file=sys.stderr)
    return 0 if ended else 130
