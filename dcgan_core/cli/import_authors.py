"""`dcgan import-authors`: imports the weights that the paper's authors released, as a run."""

import argparse
from pathlib import Path


def add(commands: argparse._SubParsersAction) -> None:
    p = commands.add_parser("import-authors", help="import the weights that the paper's authors released, as a run")
    p.add_argument("folder", type=Path, metavar="FOLDER", help="one folder of models/ in github.com/Newmu/dcgan_code")
    p.add_argument("--out", type=Path, metavar="RUN", required=True, help="the new run's folder")
    p.add_argument("--statistics", metavar="DATASET", help="images for D's batchnorm statistics (default: G's samples)")
    p.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:1, mps")
    p.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> None:
    from dcgan_core.authors import importing, reading

    run = importing.import_run(args.folder, args.out, args.statistics, device=args.device)
    noted = run.info["authors"]
    print(f"{run.path}: {' and '.join(noted['nets'])} of {noted['model']}, epoch {noted['read_off_names']['epochs']}")
    if noted["missing"]:
        layers = len(run.architecture.widths)
        print(f"missing: {reading.listed(noted['missing'])}; so D ends at conv {layers}: it has features, but no logit")
    used = (f"{net}'s from {s['from']}" if s else f"{net}'s not estimated" for net, s in noted["statistics"].items())
    print(f"batchnorm statistics: {', '.join(used)}")
