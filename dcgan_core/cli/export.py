"""`dcgan export`: a net as an ONNX file."""

import argparse
from pathlib import Path


def add(commands: argparse._SubParsersAction) -> None:
    p = commands.add_parser("export", help="write a run's G or D as an ONNX file")
    p.add_argument("source", type=Path, metavar="RUN", help="a run's folder, or the name of one that ships")
    p.add_argument("--onnx", type=Path, required=True, metavar="FILE", help="the file to write")
    p.add_argument("--net", choices=("generator", "discriminator"), default="generator", help="which (default: generator)")
    p.add_argument("--mask", type=int, metavar="LAYER", help="G takes a mask over the maps of this conv layer (0: next to z)")
    p.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> None:
    from dcgan_core.export.onnx_file import export_net
    from dcgan_core.runs import Run

    done = export_net(Run(args.source), args.onnx, args.net, mask=args.mask)
    unit = "of 255 at any pixel" if args.net == "generator" else "in the logit"
    print(
        f"{args.onnx}: {done.size / 1e6:.1f} MB, weights in {done.precision} precision;"
        f" differs from PyTorch by at most {done.difference:.2g} {unit}"
    )
