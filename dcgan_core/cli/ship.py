"""`dcgan ship`: a finished run, copied into the book."""

import argparse
from pathlib import Path


def add(commands: argparse._SubParsersAction) -> None:
    p = commands.add_parser("ship", help="copy a finished run into book/reference_runs")
    p.add_argument("source", type=Path, metavar="RUN", help="a run's folder")
    p.add_argument("--name", help="the shipped run's name (default: its own)")
    p.add_argument("--without-weights", action="store_true", help="for weights that may not be redistributed")
    p.add_argument("--without-discriminator", action="store_true", help="for runs whose D the book does not use")
    p.add_argument("--bits", type=int, choices=(16, 8), default=16, help="of a weight: 16, or 8 for a large net (default: 16)")
    p.add_argument("--results-only", action="store_true", help="its results.json alone, beside a shipped run of another seed")
    p.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> None:
    from dcgan_core.claims import ledger, nets, shipping
    from dcgan_core.runs import Run

    if args.results_only:
        run = Run(args.source)
        print(nets.ship_results(run, ledger.results_of(run)))
        return
    kept = {"weights": not args.without_weights, "discriminator": not args.without_discriminator}
    print(shipping.ship(Run(args.source), args.name, bits=args.bits, **kept))
