"""The command line: `dcgan train · sample · probe · data · import-authors · measure · ablate · fid · ship · claims`."""

from __future__ import annotations

import argparse
import io
import os
import sys
import zipfile
from pathlib import Path

from dcgan_core.errors import UserError, reason


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0, 1 after an error shown in one line, 130 when interrupted."""
    parser = _parser()
    args = parser.parse_args(arguments)
    try:
        return args.run(args) or 0
    except UserError as error:
        print(f"dcgan {args.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\ndcgan {args.command}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `dcgan claims | head`
        sys.stderr.close()
        return 0


def _parser() -> argparse.ArgumentParser:
    from dcgan_core import __version__

    parser = argparse.ArgumentParser("dcgan", description="The DCGAN paper, runnable: train, sample, measure.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    p = commands.add_parser("train", help="train a recipe, a data set, or any zip or folder of images")
    p.add_argument("recipe", metavar="RECIPE_OR_DATA", help="such as faces, mnist, or the path of a zip or folder")
    p.add_argument("--profile", default="cpu", help="quick, cpu (default) or paper")
    p.add_argument("--architecture", metavar="NAME", help="a named architecture instead of the recipe's")
    budget = p.add_mutually_exclusive_group()
    budget.add_argument("--images", type=int, metavar="N", help="stop after drawing N images from the data")
    budget.add_argument("--minutes", type=float, metavar="M", help="stop after M minutes, all sessions together")
    p.add_argument("--out", type=Path, metavar="RUN", help="the run's folder (default: runs/RECIPE)")
    start = p.add_mutually_exclusive_group()
    start.add_argument("--resume", action="store_true", help="go on with the run in --out, exactly where it stopped")
    start.add_argument("--init", type=Path, metavar="RUN", help="start from another run's weights")
    p.add_argument("--seed", type=int)
    p.add_argument("--device", default="auto", help="auto (default), cpu, cuda, mps")
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting, such as batch=64")
    p.set_defaults(run=_train)

    p = commands.add_parser("sample", help="draw images from a run")
    p.add_argument("source", type=Path, metavar="RUN")
    p.add_argument("--count", type=int, default=64)
    z = p.add_mutually_exclusive_group()
    z.add_argument("--seed", type=int, default=0)
    z.add_argument("--z", type=Path, metavar="Z.npz", help="draw these z (array `z`, N x latent)")
    p.add_argument("--labels", metavar="0,1,…", help="classes, repeated as needed (class-conditional nets)")
    p.add_argument("--out", type=Path, metavar="grid.png", help="default: grid.png, unless --npz is given")
    p.add_argument("--npz", type=Path, metavar="F.npz", help="write z and float32 images in [-1, 1]")
    p.add_argument(
        "--batch-statistics", action="store_true", help="as the authors' code samples: images depend on their batch of 128"
    )
    p.add_argument("--device", default="auto")
    p.set_defaults(run=_sample)

    p = commands.add_parser("probe", help="how well a linear SVM on D's features tells a labelled data set's classes apart")
    p.add_argument("source", type=Path, metavar="RUN", help="finished, or not (then its latest checkpoint is probed)")
    p.add_argument("--dataset", required=True, metavar="NAME", help="such as cifar10, or the path of a zip or folder")
    p.add_argument("--features", default="trained", help="trained (default), random (D untrained), pixels or kmeans")
    p.add_argument("--layers", metavar="1,2,…", help="these conv layers only; 1 is nearest to the image")
    p.add_argument("--per-class", type=int, metavar="K", help="K labels a class over several draws (default: all labels)")
    p.add_argument("--draws", type=int, metavar="N", help="with --per-class (default: 100)")
    p.add_argument("--images", type=int, metavar="N", help="use N training images, a fifth of them to choose C (default: all)")
    p.add_argument("--grid", metavar="C,C,…", help="values of C to choose from (default: those of the book for that data set)")
    p.add_argument("--solver", default="torch", help="torch (default) or liblinear (scikit-learn's LinearSVC)")
    p.add_argument("--precision", default="single", help="single (default), bf16, or auto: bf16 where it is faster")
    p.add_argument("--grey-as-colour", action="store_true", help="show images of one channel to a net that sees three")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--json", type=Path, metavar="F.json", help="write everything that was found")
    p.add_argument("--device", default="auto")
    p.set_defaults(run=_probe)

    p = commands.add_parser("data", help="list and prepare data sets")
    data = p.add_subparsers(dest="data_command", required=True, metavar="list | prepare | crop-faces | dedup")
    d = data.add_parser("list", help="what there is, and what is prepared")
    d.set_defaults(run=_data_list)
    d = data.add_parser("prepare", help="decode a data set into the cache")
    d.add_argument("name", help="a data set's name, or the path of a zip or folder")
    d.add_argument("--size", type=int, help="pixels (default: the set's own)")
    d.add_argument("--crop", choices=("center", "exact"), default="center")
    d.add_argument("--verify", action="store_true", help="read everything again and compare")
    d.set_defaults(run=_data_prepare)
    d = data.add_parser("crop-faces", help="cut the faces out of a folder of photos, into a folder to train on")
    d.add_argument("folder", type=Path, metavar="FOLDER")
    d.add_argument("out", type=Path, metavar="OUT")
    d.add_argument("--min-size", type=int, default=48, metavar="N", help="least width of a face in pixels (default: 48)")
    d.add_argument("--margin", type=float, default=0.3, metavar="M", help="around a face, as a share of it (default: 0.3)")
    d.add_argument("--size", type=int, default=64, help="pixels of a crop (default: 64)")
    d.set_defaults(run=_data_crop_faces)

    d = data.add_parser("dedup", help="find near duplicates among the training images and leave them out from now on")
    d.add_argument("name", help="a data set's name, or the path of a zip or folder")
    d.add_argument("--size", type=int, help="pixels (default: the set's own)")
    d.add_argument("--crop", choices=("center", "exact"), default="center")
    d.add_argument("--seed", type=int, default=0)
    d.add_argument("--device", default="auto")
    d.add_argument("--undo", action="store_true", help="use all images again")
    d.set_defaults(run=_data_dedup)

    p = commands.add_parser("import-authors", help="make a run of the weights that the paper's authors released")
    p.add_argument("folder", type=Path, metavar="FOLDER", help="one folder of models/ in github.com/Newmu/dcgan_code")
    p.add_argument("--out", type=Path, metavar="RUN", required=True, help="the run's folder")
    p.add_argument("--statistics", metavar="DATASET", help="images for D's batchnorm statistics (default: G's samples)")
    p.add_argument("--device", default="auto")
    p.set_defaults(run=_import_authors)

    p = commands.add_parser("measure", help="measure the paper's claims on a run, at full size, into its results.json")
    p.add_argument("source", type=Path, metavar="RUN")
    p.add_argument(
        "ids",
        nargs="*",
        metavar="ID",
        help="such as walk.smoothness (default: all that fit, but those of hours)",
    )
    p.add_argument("--device", default="auto")
    p.add_argument("--seed", type=int, default=0)
    p.set_defaults(run=_measure)

    p = commands.add_parser("ablate", help="train a small DCGAN, one guideline at a time removed; goes on where it stopped")
    p.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="these variants, such as pooling lr-0.001 (default: all)"
    )
    p.add_argument("--seeds", type=int, help="pairs of each (default: as in the book's table)")
    p.add_argument("--images", type=int, metavar="N", help="drawn from the data in each run (default: as in the book's table)")
    p.add_argument("--data", help="a set with classes (default: the book's drawn sprites)")
    p.add_argument("--out", type=Path, default=Path("runs/ablations"), metavar="FOLDER", help="default: runs/ablations")
    p.add_argument("--ship", action="store_true", help="then copy the table into book/ablations")
    p.add_argument("--device", default="auto")
    p.set_defaults(run=_ablate)

    p = commands.add_parser("fid", help="the usual Inception FID of a run (needs the extra `fid` and Inception's weights)")
    p.add_argument("source", type=Path, metavar="RUN")
    p.add_argument("--count", type=int, default=10_000, help="samples (default: 10,000; papers mostly use 50,000)")
    p.add_argument("--split", choices=("train", "test"), default="train", help="the real images (default: train)")
    p.add_argument("--weights", type=Path, metavar="FILE", help="Inception's weights, where they cannot be downloaded")
    p.add_argument("--device", default="auto")
    p.add_argument("--seed", type=int, default=0)
    p.set_defaults(run=_fid)

    p = commands.add_parser("ship", help="copy a finished run into book/reference_runs")
    p.add_argument("source", type=Path, metavar="RUN")
    p.add_argument("--name", help="default: the run's own")
    p.add_argument("--without-weights", action="store_true", help="where the weights are not ours to spread")
    p.add_argument("--without-discriminator", action="store_true", help="where nothing in the book asks D")
    p.set_defaults(run=_ship)

    p = commands.add_parser("claims", help="the paper's claims beside what was measured")
    p.add_argument("--json", action="store_true")
    p.set_defaults(run=_claims)
    return parser


# --- train ------------------------------------------------------------------------------------------------------------


def _train(args: argparse.Namespace) -> int:
    from dcgan_core import config_io, devices, recipes
    from dcgan_core.data import loading
    from dcgan_core.data.cache import prepare
    from dcgan_core.data.images import part
    from dcgan_core.runs import Run, start
    from dcgan_core.training import loop, processes
    from dcgan_core.training.config import check_data, check_resumable

    devices.pick(args.device)
    config = recipes.recipe(args.recipe, args.profile, args.architecture)
    settings = []
    if args.images is not None:
        settings = [f"images={args.images}", "minutes=0"]
    if args.minutes is not None:
        settings = [f"minutes={args.minutes}", "images=0"]
    if args.seed is not None:
        settings.append(f"seed={args.seed}")
    config = config_io.override(config, [*settings, *args.set])  # all at once: some only fit together

    out = args.out or Path("runs") / Path(config.data if os.sep in config.data else args.recipe).stem
    initial = Run(args.init) if args.init else None
    if initial and initial.architecture != config.architecture:
        raise UserError(f"--init {args.init}: its architecture differs; use --architecture or --set to match it")
    existing = Run(out) if args.resume and (out / "run.json").exists() else None
    if existing:
        check_resumable(config, existing)

    device = processes.join(args.device)
    first = processes.rank() == 0
    if first:  # prepares (or downloads) it for all
        prepare(config.data, config.architecture.size, crop=config.crop)
    processes.wait_for_all()
    data = loading.load_data(config.data, config.architecture.size, crop=config.crop)
    if config.first:
        data = part(data, 0, config.first)
    if existing and existing.info["data"].get("fingerprint") != data.provenance["fingerprint"]:
        raise UserError(
            f"{out}: was trained on other pictures called {data.name!r}; give it the same data, or another --out"
            f" (dcgan data dedup {config.data} changes them, with --undo it changes them back)"
        )
    check_data(config, data)
    if existing and not existing.has_checkpoint and existing.info.get("initial"):
        initial = Run(existing.info["initial"])
    if first and not existing:
        start(config, data, out, recipe=args.recipe, profile=args.profile, initial=initial)
    processes.wait_for_all()  # until run.json is there
    run = existing or Run(out)
    ended = loop.train(config, data, run, device, initial=initial)
    processes.wait_for_all()
    if first:
        if ended:
            print(f"{run.path}: finished. Look at {run.path / 'samples'}, or draw more: dcgan sample {run.path}")
        else:
            print(f"{run.path}: stopped. Go on with the same command and --resume", file=sys.stderr)
    return 0 if ended else 130


# --- sample -----------------------------------------------------------------------------------------------------------


def _sample(args: argparse.Namespace) -> None:
    import numpy as np
    import torch

    from dcgan_core import devices, latent, networks, pictures
    from dcgan_core.files import write_atomically
    from dcgan_core.runs import Run

    run = Run(args.source)
    device = devices.pick(args.device)
    generator = run.generator(device)
    a = generator.architecture
    if args.z:
        z = _read_z(args.z, a.latent)
    else:
        if args.count < 1:
            raise UserError(f"--count {args.count}: at least 1")
        z = latent.sample(
            a, args.count, torch.Generator().manual_seed(args.seed)
        )  # on the CPU: a seed means the same z everywhere
    labels = None
    if args.labels is not None or a.num_classes:
        labels = _read_labels(args.labels, a.num_classes, len(z))
    if args.batch_statistics:
        if len(z) < 2:
            raise UserError("--batch-statistics: one image has no batch; draw at least two")
        batches = -(-len(z) // 128)
        with networks.batch_statistics(generator):
            images = latent.draw(generator, z, labels, batch=-(-len(z) // batches))  # even batches of at most 128
    else:
        images = latent.draw(generator, z, labels)
    if args.npz:
        unit = images if a.output == "tanh" else images * 2 - 1
        buffer = io.BytesIO()
        np.savez(buffer, z=z.numpy(), images=unit.cpu().numpy().astype(np.float32))
        write_atomically(args.npz, buffer.getbuffer())
        print(args.npz)
    if args.out or not args.npz:
        out = args.out or Path("grid.png")
        write_atomically(out, pictures.png(pictures.grid(networks.to_pixels(images, a).cpu().numpy())))
        print(out)


def _read_z(path: Path, latent: int):
    import numpy as np
    import torch

    try:
        with np.load(path) as arrays:
            z = np.asarray(arrays["z"], np.float32)
    except (OSError, ValueError, KeyError, TypeError, IndexError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"--z {path}: expected an .npz with an array `z` ({reason(error)})") from None
    if z.ndim != 2 or z.shape[1] != latent or not len(z) or not np.isfinite(z).all():
        raise UserError(f"--z {path}: expected finite numbers, N x {latent}, got an array of {' x '.join(map(str, z.shape))}")
    return torch.from_numpy(z)


def _read_labels(text: str | None, num_classes: int, count: int):
    import torch

    if not num_classes:
        raise UserError("--labels: this run is not class-conditional; leave them out")
    try:
        labels = [int(part) for part in text.split(",")] if text is not None else list(range(num_classes))
    except ValueError:
        raise UserError(f"--labels {text}: write numbers, such as 0,1,2") from None
    if not all(0 <= label < num_classes for label in labels):
        raise UserError(f"--labels {text}: the classes are 0 to {num_classes - 1}")
    return torch.tensor([labels[i % len(labels)] for i in range(count)])


# --- probe ------------------------------------------------------------------------------------------------------------


def _probe(args: argparse.Namespace) -> None:
    from dcgan_core import devices
    from dcgan_core.files import write_json
    from dcgan_core.probes import protocols, svm
    from dcgan_core.runs import Run

    run, device = Run(args.source), devices.pick(args.device)
    layers = _numbers("--layers", args.layers, int, "1,2,3") if args.layers else None
    asked = _numbers("--grid", args.grid, float, "1e-4,1e-3,1e-2") if args.grid else protocols.grid_of(args.dataset)
    grid = protocols.check_grid(asked)
    if args.draws is not None and args.per_class is None:
        raise UserError("--draws: goes with --per-class, the number of labels that each draw has")
    draws = protocols.check_draws(100 if args.draws is None else args.draws)
    svm.solver(args.solver)
    precision = devices.precision(args.precision, device)
    how = {"labels_each": args.per_class, "grey_as_colour": args.grey_as_colour, "precision": precision}
    task = protocols.make_task(run, args.dataset, args.features, layers, device, args.seed, args.images, **how)
    counts = f"{len(task.x):,} training images ({task.held_off:,} of them choose C), {len(task.test_x):,} test images"
    print(f"{args.dataset}: {counts}; {task.features.count:,} {task.features.name} features, {task.seconds:.0f} s")
    if args.per_class is None:
        result = protocols.full(task, grid, args.solver, device, seed=args.seed)
        of = ""
    else:
        result = protocols.per_class(task, args.per_class, draws, grid, args.solver, device, seed=args.seed)
        of = f", spread ±{result.spread:.2%} over {result.n} draws of {args.per_class} labels a class"
    print(
        f"accuracy {result.accuracy:.2%} (95 %: {result.low:.2%} to {result.high:.2%}){of}, error {1 - result.accuracy:.2%};"
        f" C {result.c:g}, {result.seconds:.0f} s"
    )
    for message in result.messages:
        print(f"note: {message}", file=sys.stderr)
    if args.json:
        seen = run.log()[-1]["images"] if run.log() else None  # while it was trained, by the last row of its log
        write_json(args.json, {"run": str(run.path), "seen": seen, "precision": precision, **protocols.report(task, result)})
        print(args.json)


def _numbers(option: str, text: str, kind: type, example: str) -> list:
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        raise UserError(f"{option} {text}: write numbers, such as {example}") from None


# --- data -------------------------------------------------------------------------------------------------------------


def _data_list(args: argparse.Namespace) -> None:
    from dcgan_core.data import loading
    from dcgan_core.data.sources import source

    rows = [("name", "state", "where", "prepared"), *loading.listing()]
    widths = [max(len(str(row[i])) for row in rows) for i in range(3)]
    print(f"data root: {source.data_root()}   cache: {source.cache_root()}\n")
    for row in rows:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)).rstrip())


def _data_prepare(args: argparse.Namespace) -> None:
    from dcgan_core.data.cache import prepare
    from dcgan_core.files import read_json

    folder = prepare(args.name, args.size, crop=args.crop, verify=args.verify)
    meta = read_json(folder / "meta.json", "a cache")
    counts = ", ".join(f"{count:,} {split}" for split, count in meta["counts"].items())
    facts = [f"{meta['size']} px", counts]
    if meta["classes"]:
        facts.append(f"{len(meta['classes'])} classes")
    if meta["attribute_names"]:
        facts.append(f"{len(meta['attribute_names'])} attributes")
    if meta["left_out"]:
        facts.append(f"{meta['left_out']} left out")
    print(f"{meta['name']}: {', '.join(facts)}; in {folder}" + ("; verified" if args.verify else ""))


def _data_crop_faces(args: argparse.Namespace) -> None:
    from dcgan_core.data import face_detector
    from dcgan_core.data.sources import tree

    report = face_detector.crop_folder(args.folder, args.out, size=args.size, margin=args.margin, min_size=args.min_size)
    for state, count in report.counts.items():
        print(f"{state:12}{count:8,} photos" + (f", {report.faces:,} faces" if state == "found" else ""))
    print(f"{report.out}: {report.faces:,} crops; {report.out / tree.FACES_REPORT} says which came from where")


def _data_dedup(args: argparse.Namespace) -> None:
    from dcgan_core.data import duplicates

    if args.undo:
        there = duplicates.undo(args.name, args.size, crop=args.crop)
        print(f"{args.name}: all training images are used again" if there else f"{args.name}: was not deduplicated")
        return
    report = duplicates.deduplicate(args.name, args.size, crop=args.crop, seed=args.seed, device=args.device)
    print(
        f"{args.name}: {report.removed:,} of {report.images:,} training images removed, near duplicates in"
        f" {len(report.groups):,} groups; {report.seconds:.0f} s; the list is {report.path}"
    )
    for kept, removed in list(report.groups.items())[:5]:
        more = f" and {len(removed) - 8} more" if len(removed) > 8 else ""
        print(f"  image {kept} is kept for {', '.join(map(str, removed[:8]))}{more}")


# --- the authors' weights ---------------------------------------------------------------------------------------------


def _import_authors(args: argparse.Namespace) -> None:
    from dcgan_core.authors import importing, reading

    run = importing.import_run(args.folder, args.out, args.statistics, args.device, progress=True)
    noted = run.info["authors"]
    print(f"{run.path}: {' and '.join(noted['nets'])} of {noted['model']}, epoch {noted['read_off_names']['epochs']}")
    if noted["missing"]:
        layers = len(run.architecture.widths)
        print(f"missing: {reading.named(noted['missing'])}; so D ends at conv {layers}: features up to there, and no judgement")
    used = (f"{net}'s from {s['from']}" if s else f"{net}'s not estimated" for net, s in noted["statistics"].items())
    print(f"batchnorm statistics: {', '.join(used)}")


# --- claims -----------------------------------------------------------------------------------------------------------


def _measure(args: argparse.Namespace) -> None:
    from dcgan_core.claims import ledger
    from dcgan_core.runs import Run

    for row in ledger.measure(Run(args.source), args.ids, device=args.device, seed=args.seed):
        print(ledger.line(row))


def _fid(args: argparse.Namespace) -> None:
    from dcgan_core import devices
    from dcgan_core.data import loading
    from dcgan_core.metrics import fidelity
    from dcgan_core.runs import Run

    run = Run(args.source)
    config = run.info["config"]
    data = loading.load_data(config["data"], run.architecture.size, args.split, crop=config.get("crop", "center"))
    m = fidelity.inception(run.generator(devices.pick(args.device)), data, args.count, args.seed, args.weights)
    print(f"FID {m.value:.2f}: {m.n:,} samples, {m.details['real']:,} {args.split} images of {data.name}, {m.seconds:.0f} s")


def _ship(args: argparse.Namespace) -> None:
    from dcgan_core.claims import ledger
    from dcgan_core.runs import Run

    print(ledger.ship(Run(args.source), args.name, not args.without_weights, not args.without_discriminator))


def _ablate(args: argparse.Namespace) -> None:
    from dcgan_core.ablations import running, shipping

    given = {key: getattr(args, key) for key in ("seeds", "images", "data") if getattr(args, key) is not None}
    table = running.ablate(args.out, args.only, device=args.device, **given)
    for row in table["rows"]:
        print(f"{row['claim']:32} {row['run']:32} {row['value']:.3g} ({row['low']:.3g} to {row['high']:.3g}), n = {row['n']}")
    print(f"{args.out / 'results.json'}: {table['seconds'] / 60:.0f} minutes in all")
    if args.ship:
        print(shipping.ship_ablations(args.out))


def _claims(args: argparse.Namespace) -> None:
    import json

    from dcgan_core.claims import ledger

    rows = ledger.ledger_rows()
    if args.json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        for row in rows:
            print(ledger.line(row))


if __name__ == "__main__":
    sys.exit(main())
