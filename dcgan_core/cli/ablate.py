"""`dcgan ablate`: the paper's guidelines removed one at a time, in short runs or longer ones; G's filters, watched for long."""

import argparse
from pathlib import Path


def add(commands: argparse._SubParsersAction) -> None:
    p = commands.add_parser("ablate", help="train small DCGANs, each without one guideline; continues where it stopped")
    p.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="only these variants, such as pooling lr-0.001 (default: all)"
    )
    p.add_argument("--seeds", type=int, help="pairs of runs per variant (default: as in the book's table)")
    p.add_argument("--images", type=int, metavar="N", help="training images seen by each run (default: as in the book's table)")
    p.add_argument("--data", help="a set with classes (default: the book's drawn sprites)")
    p.add_argument("--out", type=Path, default=Path("runs/ablations"), metavar="FOLDER", help="default: runs/ablations")
    p.add_argument(
        "--study",
        choices=("guidelines", "stability", "filters"),
        default="guidelines",
        help="guidelines removed, short runs (default); stability: how many longer runs fail? filters: one run of 100,000"
        " updates, do single filters of G start to oscillate?",
    )
    p.add_argument("--ship", action="store_true", help="copy the finished table into book/ablations")
    p.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:1, mps")
    p.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> None:
    from dcgan_core.ablations import filters, running, shipping, stability
    from dcgan_core.errors import UserError

    given = {key: getattr(args, key) for key in ("seeds", "images", "data") if getattr(args, key) is not None}
    if args.study != "guidelines":
        for key in (*given, *(["only"] if args.only and args.study == "filters" else [])):
            raise UserError(f"`{key}` cannot be chosen in the study of {args.study}: its runs were fixed before the first")
        if args.study == "stability":
            stability.study(args.out, args.only, args.device)
        else:
            filters.study(args.out, args.device)
        if args.ship:
            print(shipping.ship_study(args.out, args.study))
        return
    table = running.ablate(args.out, args.only, device=args.device, **given)
    for row in table["rows"]:
        print(f"{row['claim']:32} {row['run']:32} {row['value']:.3g} ({row['low']:.3g} to {row['high']:.3g}), n = {row['n']}")
    print(f"{args.out / 'results.json'}: {table['seconds'] / 60:.0f} minutes in all")
    if args.ship:
        print(shipping.ship_ablations(args.out))
