"""`dcgan data`: lists and prepares data sets, cuts faces out of photos, leaves near duplicates out."""

import argparse
from pathlib import Path


def add(commands: argparse._SubParsersAction) -> None:
    p = commands.add_parser("data", help="list and prepare data sets")
    data = p.add_subparsers(dest="data_command", required=True, metavar="list | prepare | crop-faces | dedup")
    d = data.add_parser("list", help="list the data sets: which are available, which are prepared")
    d.set_defaults(run=_list)
    d = data.add_parser("prepare", help="decode a data set into the cache")
    d.add_argument("name", help="a data set's name, or the path of a zip or folder")
    d.add_argument("--size", type=int, help="pixels (default: the set's own)")
    d.add_argument("--crop", choices=("center", "exact"), default="center", help="exact: crop without resizing first")
    d.add_argument("--verify", action="store_true", help="read the data and the cache again and compare them")
    d.set_defaults(run=_prepare)
    d = data.add_parser("crop-faces", help="cut the faces out of a folder of photos; the new folder can be trained on")
    d.add_argument("folder", type=Path, metavar="FOLDER", help="photos, at any depth")
    d.add_argument("out", type=Path, metavar="OUT", help="a new folder for the crops")
    d.add_argument("--min-size", type=int, default=48, metavar="N", help="smallest width of a face in pixels (default: 48)")
    d.add_argument("--margin", type=float, default=0.3, help="on each side, as a fraction of a face (default: 0.3)")
    d.add_argument("--size", type=int, default=64, help="size of the crops in pixels (default: 64)")
    d.set_defaults(run=_crop_faces)

    d = data.add_parser("dedup", help="find near duplicates among the training images and leave them out of all later training")
    d.add_argument("name", help="a data set's name, or the path of a zip or folder")
    d.add_argument("--size", type=int, help="pixels (default: the set's own)")
    d.add_argument("--crop", choices=("center", "exact"), default="center", help="exact: crop without resizing first")
    d.add_argument("--seed", type=int, default=0, help="default: 0")
    d.add_argument("--device", default="auto", help="auto (default), cpu, cuda, mps")
    d.add_argument("--undo", action="store_true", help="use all training images again")
    d.set_defaults(run=_dedup)


def _list(args: argparse.Namespace) -> None:
    from dcgan_core.data import loading
    from dcgan_core.data.sources import source

    rows = [("name", "state", "where", "prepared"), *loading.listing()]
    widths = [max(len(str(row[i])) for row in rows) for i in range(3)]
    print(f"data root: {source.data_root()}   cache: {source.cache_root()}\n")
    for row in rows:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)).rstrip())


def _prepare(args: argparse.Namespace) -> None:
    from dcgan_core.data.cache import prepare
    from dcgan_core.files import read_json

    folder = prepare(args.name, args.size, crop=args.crop, verify=args.verify)
    meta = read_json(folder / "meta.json", "a cache")
    counts = ", ".join(f"{count:,} {split}" for split, count in meta["counts"].items())
    more = {"classes": len(meta["classes"]), "attributes": len(meta["attribute_names"]), "left out": meta["left_out"]}
    facts = [f"{meta['size']} px", counts, *(f"{number} {what}" for what, number in more.items() if number)]
    print(f"{meta['name']}: {', '.join(facts)}; in {folder}" + ("; verified" if args.verify else ""))


def _crop_faces(args: argparse.Namespace) -> None:
    from dcgan_core.data import face_detector
    from dcgan_core.data.sources import tree

    report = face_detector.crop_folder(args.folder, args.out, size=args.size, margin=args.margin, min_size=args.min_size)
    for state, count in report.counts.items():
        print(f"{state:12}{count:8,} photos" + (f", {report.faces:,} faces" if state == "found" else ""))
    print(f"{report.out}: {report.faces:,} crops; {report.out / tree.FACES_REPORT} says which came from where")


def _dedup(args: argparse.Namespace) -> None:
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
