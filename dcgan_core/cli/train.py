"""`dcgan train`: trains a recipe, a data set, or a zip or folder of images; goes on with a run that was stopped."""

import argparse
import sys
from pathlib import Path


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
    from dcgan_core import api
    from dcgan_core.training import processes

    settings = {key: value for key, _, value in (text.partition("=") for text in args.set)}
    options = ("profile", "architecture", "images", "minutes", "out", "resume", "seed", "device")
    given = {name: getattr(args, name) for name in options}
    run = api.train(args.recipe, **given, initial=args.init, settings=settings)
    ended = run.info["status"] == "finished"
    if processes.rank() == 0:
        if ended:
            print(f"{run.path}: finished. Look at {run.path / 'samples'}, or draw more: dcgan sample {run.path}")
        else:
            print(f"{run.path}: stopped. Go on with the same command and --resume", file=sys.stderr)
    return 0 if ended else 130
