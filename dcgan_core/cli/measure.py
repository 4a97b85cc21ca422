"""`dcgan measure`: claims measured on a run, into its results.json."""

import argparse
from pathlib import Path


def add(commands: argparse._SubParsersAction) -> None:
    p = commands.add_parser("measure", help="measure the paper's claims on a run, at full size, into its results.json")
    p.add_argument("source", type=Path, metavar="RUN")
    p.add_argument("ids", nargs="*", metavar="ID", help="such as walk.smoothness (default: all that fit, but those of hours)")
    p.add_argument("--device", default="auto")
    p.add_argument("--seed", type=int, default=0)
    p.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> None:
    from dcgan_core.claims import ledger
    from dcgan_core.runs import Run

    for row in ledger.measure(Run(args.source), args.ids, device=args.device, seed=args.seed):
        print(ledger.line(row))
