"""`dcgan after`: what chapter 9 rests on, measured anew, part by part."""

import argparse
from importlib import import_module
from pathlib import Path

from dcgan_core.errors import UserError

PARTS = {  # part -> module and function: takes the folder `out`, and `seeds` and `only` where given; returns the table
    "classes": "classes.measure_classes",
    "generator": "inversion.measure_generator",
    "regularisation": "regularisation.measure_regularisation",
    "transfer": "few_labels.measure_transfer",
    "translation": "translating.measure_translation",
}


def add(commands: argparse._SubParsersAction) -> None:
    p = commands.add_parser("after", help="measure a part of the chapter After the paper; continues where it stopped")
    p.add_argument("part", choices=[*PARTS], help="a section of chapter 9")
    p.add_argument("--out", type=Path, default=Path("runs/after"), metavar="FOLDER", help="default: runs/after")
    p.add_argument("--seeds", type=int, help="nets of each kind (default: as in the book's table)")
    p.add_argument("--only", nargs="+", metavar="NAME", help="of transfer: only these studies, such as cifar10_100")
    p.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> None:
    module, function = PARTS[args.part].split(".")
    measure = getattr(import_module(f"dcgan_core.transfer.{module}"), function)
    out = args.out / args.part
    given = {key: getattr(args, key) for key in ("seeds", "only") if getattr(args, key) is not None}
    if args.only and args.part != "transfer":
        raise UserError(f"`only`: {args.part} is measured as a whole; leave it out")
    out.mkdir(parents=True, exist_ok=True)
    for row in measure(out, **given)["rows"]:
        print(f"{row['claim']:32} {row['run']:32} {row['value']:.3g} ({row['low']:.3g} to {row['high']:.3g}), n = {row['n']}")
    print(f"{out}: the table, and pictures; to ship them, copy them into book/after")
