"""`dcgan measure`: claims measured on a run, into its results.json."""

import argparse
from pathlib import Path

from dcgan_core.cli import seed


def add(commands: argparse._SubParsersAction) -> None:
    p = commands.add_parser("measure", help="measure the paper's claims on a run at full size; writes its results.json")
    p.add_argument("source", type=Path, metavar="RUN", help="a run's folder, or the name of one that ships")
    which = "such as walk.smoothness (default: every applicable claim except those that take hours)"
    p.add_argument("ids", nargs="*", metavar="ID", help=which)
    p.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:1, mps")
    p.add_argument("--seed", type=seed, default=0, help="default: 0")
    p.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> None:
    from dcgan_core.claims import ledger
    from dcgan_core.runs import Run

    for row in ledger.measure(Run(args.source), args.ids, device=args.device, seed=args.seed):
        print(ledger.line(row))
