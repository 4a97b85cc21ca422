"""`dcgan fid`: the usual Inception FID, or the Fréchet distance in EfficientNet-lite0's features."""

import argparse
from pathlib import Path

from dcgan_core.cli import seed
from dcgan_core.errors import UserError


def add(commands: argparse._SubParsersAction) -> None:
    p = commands.add_parser("fid", help="the usual Inception FID of a run, or the same distance in EfficientNet-lite0")
    p.add_argument("source", type=Path, metavar="RUN", help="a run's folder, or the name of one that ships")
    p.add_argument(
        "--features",
        choices=("inception", "efficientnet"),
        default="inception",
        help="whose: inception needs the extra `fid` and downloads its weights; efficientnet the extra `efficientnet` alone",
    )
    p.add_argument("--count", type=int, default=10_000, help="number of samples (default: 10,000; papers mostly use 50,000)")
    p.add_argument("--split", choices=("train", "test"), default="train", help="the real images (default: train)")
    p.add_argument("--weights", type=Path, metavar="FILE", help="Inception's weights (default: they are downloaded)")
    p.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:1, mps")
    p.add_argument("--seed", type=seed, default=0, help="seed of z (default: 0)")
    p.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> None:
    from dcgan_core import devices
    from dcgan_core.data import loading
    from dcgan_core.metrics import fidelity
    from dcgan_core.metrics.efficientnet import efficientnet_distance
    from dcgan_core.runs import Run

    if args.weights and args.features == "efficientnet":
        raise UserError("--weights: they are Inception's; leave out --features efficientnet, or --weights")
    run = Run(args.source)
    config = run.info["config"]
    how = {"crop": config.get("crop", "center"), "grey": run.architecture.channels == 1}
    data = loading.load_data(config["data"], run.architecture.size, args.split, **how)
    generator = run.generator(devices.pick(args.device))
    if args.features == "efficientnet":
        name, m = "EfficientNet-lite0's Fréchet distance", efficientnet_distance(generator, data, args.count, args.seed)
    else:
        name, m = "FID", fidelity.inception(generator, data, args.count, args.seed, args.weights)
    print(f"{name} {m.value:.2f}: {m.n:,} samples, {m.details['real']:,} {args.split} images of {data.name}, {m.seconds:.0f} s")
