"""`dcgan ship`: a finished run, copied into the book."""

import argparse
from pathlib import Path


def add(commands: argparse._SubParsersAction) -> None:
    p = commands.add_parser("ship", help="copy a finished run into book/reference_runs")
    p.add_argument("source", type=Path, metavar="RUN")
    p.add_argument("--name", help="default: the run's own")
    p.add_argument("--without-weights", action="store_true", help="where the weights are not ours to spread")
    p.add_argument("--without-discriminator", action="store_true", help="where nothing in the book asks D")
    p.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> None:
    from dcgan_core.claims import shipping
    from dcgan_core.runs import Run

    nets = {"weights": not args.without_weights, "discriminator": not args.without_discriminator}
    print(shipping.ship(Run(args.source), args.name, **nets))
