"""`dcgan train`: trains on a recipe, a data set, or a zip or folder of images; resumes a run that was stopped."""

import argparse
import inspect
import re
import shlex
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints


def add(commands: argparse._SubParsersAction) -> None:
    p = commands.add_parser("train", help="train on a recipe, a data set, or any zip or folder of images")
    p.usage = "dcgan train RECIPE_OR_DATA [options]"
    p.add_argument("recipe", metavar="RECIPE_OR_DATA", help="such as faces, mnist, or the path of a zip or folder")
    p.add_argument("--profile", default="cpu", help="quick, cpu (default) or paper")
    p.add_argument(
        "--architecture", metavar="NAME", help="such as lsun64 or small32 instead of the recipe's (chapter 3 lists them)"
    )
    budget = p.add_mutually_exclusive_group()
    budget.add_argument("--images", type=int, metavar="N", help="stop after N training images have been seen")
    budget.add_argument("--minutes", type=float, metavar="M", help="stop after M minutes of training, all sessions together")
    p.add_argument(
        "--out", type=Path, metavar="RUN", help="the run's folder (default: in runs, by the name of the recipe or the data)"
    )
    start = p.add_mutually_exclusive_group()
    start.add_argument("--resume", action="store_true", help="continue the run in --out exactly where it stopped, or start it")
    start.add_argument("--init", type=Path, metavar="RUN", help="start from another run's weights")
    p.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:1, mps")
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="such as batch=64: the same as --batch 64")
    p.add_argument("--tensorboard", action="store_true", help="also write the log and the grids for TensorBoard, into the run")
    p.add_argument(
        "--dry-run", action="store_true", help="a few updates on made-up images: say how much memory and time it takes; no run"
    )
    p.set_defaults(run=_run)

    def parse(words: list[str], namespace: argparse.Namespace | None = None) -> tuple[argparse.Namespace, list[str]]:
        _add_settings(p)
        words = [re.sub("^--[^=]+", lambda m: m[0].replace("_", "-"), word) for word in words]
        return argparse.ArgumentParser.parse_known_args(p, words, namespace)

    p.parse_known_args = parse  # to know the settings takes torch: not before they are needed


@cache  # once for a parser
def _add_settings(parser: argparse.ArgumentParser) -> None:
    """A flag for each setting, its comment in the source as help. All are kept in `set`, in the order they are given in."""
    from dcgan_core.networks import Architecture
    from dcgan_core.training.config import Config

    group, forms = parser.add_argument_group("settings", "change those of the recipe"), {int: "N", float: "X", str: "NAME"}
    for config, prefix in ((Config, ""), (Architecture, "architecture.")):
        comments = {}
        with suppress(OSError):  # installed without its source
            comments = dict(re.findall(r"^    (\w+): [^#\n]*# (.*)$", inspect.getsource(config), re.MULTILINE))
        for name, kind in get_type_hints(config).items():
            key, flag, text = prefix + name, (prefix + name).replace("_", "-"), comments.get(name, "").replace("%", "%%")
            if kind is bool:
                for no, value, about in (("", "true", text), ("no-", "false", f"not --{flag}")):
                    group.add_argument(f"--{no}{flag}", dest="set", action="append_const", const=f"{key}={value}", help=about)
            elif key not in ("images", "minutes", "architecture"):  # options with a meaning of their own
                form = "|".join(get_args(kind)) if get_origin(kind) is Literal else forms.get(kind, "N,N,…")
                given = {"type": f"{key}={{}}".format, "metavar": form, "help": text}
                group.add_argument(f"--{flag}", dest="set", action="append", **given)


def _run(args: argparse.Namespace) -> int:
    from dcgan_core import api
    from dcgan_core.cli import dry_run
    from dcgan_core.training import processes

    if args.dry_run:
        return dry_run.report(args)
    settings = {key: value for key, _, value in (text.partition("=") for text in args.set)}
    options = ("profile", "architecture", "images", "minutes", "out", "resume", "device", "tensorboard")
    given = {name: getattr(args, name) for name in options}
    run = api.train(args.recipe, **given, initial=args.init, settings=settings)
    ended = run.info["status"] == "finished"
    if processes.rank() == 0:
        if ended:
            more = f"dcgan sample {shlex.quote(str(run.path))}"
            print(f"{run.path}: finished. Look at {run.path / 'samples'}, or generate more: {more}")
        else:
            print(f"{run.path}: stopped. To continue, run the same command with --resume", file=sys.stderr)
    return 0 if ended else 130
