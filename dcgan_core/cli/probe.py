"""`dcgan probe`: what D's features know, by a linear SVM on them."""

import argparse
import sys
from pathlib import Path

from dcgan_core.cli import seed
from dcgan_core.errors import UserError


def add(commands: argparse._SubParsersAction) -> None:
    p = commands.add_parser("probe", help="classify a labelled data set with a linear SVM on D's features")
    p.add_argument(
        "source", type=Path, metavar="RUN", help="a run's folder (unfinished: its latest checkpoint) or shipped name"
    )
    p.add_argument("--dataset", required=True, metavar="NAME", help="such as cifar10, or the path of a zip or folder")
    p.add_argument("--features", default="trained", help="trained (default), random (an untrained D), pixels or kmeans")
    p.add_argument("--layers", metavar="1,2,…", help="only these conv layers; 1 is nearest to the image")
    p.add_argument("--per-class", type=int, metavar="K", help="K labels per class, over several draws (default: all labels)")
    p.add_argument("--draws", type=int, metavar="N", help="number of draws for --per-class (default: 100)")
    p.add_argument("--images", type=int, metavar="N", help="use N training images; a fifth of them chooses C (default: all)")
    p.add_argument("--grid", metavar="C,C,…", help="values of C to choose from (default: the book's for the data set)")
    p.add_argument("--solver", default="torch", help="torch (default) or liblinear (scikit-learn's LinearSVC)")
    p.add_argument("--precision", default="single", help="single (default), bf16, or auto: bf16 where it is faster")
    p.add_argument("--grey-as-colour", action="store_true", help="repeat the channel of grey images for a net that needs three")
    p.add_argument("--seed", type=seed, default=0, help="default: 0")
    p.add_argument("--json", type=Path, metavar="F.json", help="write all results to this file")
    p.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:1, mps")
    p.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> None:
    from dcgan_core import devices
    from dcgan_core.cli import numbers, with_dashes
    from dcgan_core.files import write_json
    from dcgan_core.probes import protocols, tasks
    from dcgan_core.runs import Run

    run, device = Run(args.source), devices.pick(args.device)
    layers = numbers("--layers", args.layers, int, "1,2,3") if args.layers else None
    grid = numbers("--grid", args.grid, float, "1e-4,1e-3,1e-2") if args.grid else protocols.grid_of(args.dataset)
    few = args.per_class is not None
    search = protocols.Search(grid, solver=args.solver, seed=args.seed, patience=None if few else 3)
    if args.draws is not None and not few:
        raise UserError("--draws: only goes with --per-class, the number of labels in each draw")
    draws = protocols.check_draws(100 if args.draws is None else args.draws)
    precision = devices.precision(args.precision, device)
    how = {"layers": layers, "images": args.images, "labels_each": args.per_class, "grey_as_colour": args.grey_as_colour}
    how |= {"precision": precision, "device": device, "seed": args.seed}
    task = tasks.make_task(tasks.Question(run, args.dataset, args.features, **how))
    counts = f"{len(task.x):,} training images ({task.held_out:,} of them choose C), {len(task.test_x):,} test images"
    print(f"{args.dataset}: {counts}; {task.features.count:,} {task.features.name} features, {task.seconds:.0f} s")
    if not few:
        result = protocols.full(task, search)
        of = ""
    else:
        result = protocols.per_class(task, args.per_class, search, draws=draws)
        of = f", spread ±{result.spread:.2%} over {result.n} draws of {args.per_class} labels a class"
    print(
        f"accuracy {result.accuracy:.2%} (95 %: {result.low:.2%} to {result.high:.2%}){of}, error {1 - result.accuracy:.2%};"
        f" C {result.c:g}, {result.seconds:.0f} s"
    )
    for message in result.messages:
        print(f"note: {with_dashes(message)}", file=sys.stderr)
    if args.json:
        seen = run.log()[-1]["images"] if run.log() else None  # while it was trained, by the last row of its log
        write_json(args.json, {"run": str(run.path), "seen": seen, "precision": precision, **protocols.report(task, result)})
        print(args.json)
