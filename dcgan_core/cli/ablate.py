"""`dcgan ablate`: the paper's guidelines removed one at a time."""

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
        "--stability", action="store_true", help="longer runs instead, at three learning rates: how many fail? (--only, --out)"
    )
    p.add_argument("--ship", action="store_true", help="copy the finished table into book/ablations")
    p.add_argument("--device", default="auto", help="auto (default), cpu, cuda, mps")
    p.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> None:
    from dcgan_core.ablations import running, shipping, stability
    from dcgan_core.errors import UserError

    if args.stability:
        for key in ("seeds", "images", "data"):
            if getattr(args, key) is not None:
                raise UserError(f"`{key}` cannot be chosen with `stability`: its runs were all fixed before the first")
        stability.study(args.out, args.only, args.device)
        if args.ship:
            print(shipping.ship_stability(args.out))
        return
    given = {key: getattr(args, key) for key in ("seeds", "images", "data") if getattr(args, key) is not None}
    table = running.ablate(args.out, args.only, device=args.device, **given)
    for row in table["rows"]:
        print(f"{row['claim']:32} {row['run']:32} {row['value']:.3g} ({row['low']:.3g} to {row['high']:.3g}), n = {row['n']}")
    print(f"{args.out / 'results.json'}: {table['seconds'] / 60:.0f} minutes in all")
    if args.ship:
        print(shipping.ship_ablations(args.out))
