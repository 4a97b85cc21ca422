"""`dcgan data`: lists, prepares and picks data sets, cleans up, cuts faces out of photos, leaves near duplicates out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dcgan_core.cli import seed

if TYPE_CHECKING:
    from dcgan_core.data.copies import Copy


def add(commands: argparse._SubParsersAction) -> None:
    p = commands.add_parser("data", help="list and prepare data sets")
    data = p.add_subparsers(dest="data_command", required=True, metavar="list | prepare | clean | pick | crop-faces | dedup")
    d = data.add_parser("list", help="list the data sets: which are available; the prepared copies, their size and age")
    d.set_defaults(run=_list)
    d = data.add_parser("clean", help="remove prepared copies whose source is gone or changed; or all of one set")
    d.add_argument("name", nargs="?", metavar="NAME", help="remove all copies of this set")
    d.add_argument("--yes", action="store_true", help="do not ask")
    d.set_defaults(run=_clean)
    d = data.add_parser("prepare", help="decode a data set into the cache")
    d.add_argument("name", help="a data set's name, or the path of a zip or folder")
    d.add_argument("--size", type=int, help="pixels (default: the set's own)")
    d.add_argument("--crop", choices=("center", "exact"), default="center", help="exact: crop without resizing first")
    d.add_argument("--verify", action="store_true", help="read the data and the cache again and compare them")
    d.set_defaults(run=_prepare)
    d = data.add_parser("pick", help="make a set of the book's out of a published one, by its list of names")
    d.add_argument("name", metavar="NAME", help="faces (CelebA), imagenet32 (Tiny-ImageNet) or places-rooms (Places365)")
    d.add_argument("--from", type=Path, dest="source", metavar="PLACE", help="the published set, a zip or folder in any layout")
    d.add_argument("--out", type=Path, metavar="ZIP", help="the new zip (default: NAME.zip under the data root)")
    d.add_argument("--cut", type=int, default=0, metavar="N", help="take the middle N pixels (default: the whole shorter side)")
    d.set_defaults(run=_pick)
    d = data.add_parser("crop-faces", help="cut the faces out of a folder of photos; the new folder can be trained on")
    d.add_argument("folder", type=Path, metavar="FOLDER", help="photos, at any depth")
    d.add_argument("out", type=Path, metavar="OUT", help="a new folder for the crops")
    d.add_argument("--min-size", type=int, default=48, metavar="N", help="smallest width of a face in pixels (default: 48)")
    d.add_argument("--margin", type=float, default=0.3, help="on each side, as a fraction of a face (default: 0.3)")
    d.add_argument("--size", type=int, default=64, help="size of the crops in pixels (default: 64)")
    d.set_defaults(run=_crop_faces)

    d = data.add_parser(
        "dedup",
        help="find near duplicates among the training images and leave them out of later training at this size and crop",
    )
    d.add_argument("name", help="a data set's name, or the path of a zip or folder")
    d.add_argument("--size", type=int, help="pixels (default: the set's own)")
    d.add_argument("--crop", choices=("center", "exact"), default="center", help="exact: crop without resizing first")
    d.add_argument("--seed", type=seed, default=0, help="default: 0")
    d.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:1, mps")
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

    from dcgan_core.data.copies import prepared_copies

    if found := prepared_copies():
        print("\nprepared copies")
        for copy in found:
            print(_line(copy))
    if any(copy.needless for copy in found):
        print("dcgan data clean removes those that are of no use any more")


def _line(copy: Copy) -> str:
    age = f"{copy.days:.0f} days" if copy.days >= 1.5 else f"{copy.days * 24:.0f} hours"
    why = f"  {copy.needless}" if copy.needless else ""
    return f"{copy.name}: {copy.what}, {copy.bytes / 1e6:,.1f} MB, {age} old, {copy.path.name}{why}"


def _copies(some: list) -> str:
    return f"{len(some)} {'copy' if len(some) == 1 else 'copies'}"


def _clean(args: argparse.Namespace) -> int:
    from dcgan_core.data.copies import prepared_copies, remove

    found = [copy for copy in prepared_copies() if (copy.name == args.name if args.name else copy.needless)]
    if not found:
        print(f"{args.name}: no prepared copy" if args.name else "nothing to remove: the source of every copy is there")
        return 0
    for copy in found:
        print(_line(copy))
    question = f"remove {_copies(found)}, {sum(copy.bytes for copy in found) / 1e6:,.1f} MB? [y/N] "
    if not args.yes and not (sys.stdin.isatty() and input(question).strip().lower() in ("y", "yes")):
        print(f"nothing removed; dcgan data clean{f' {args.name}' if args.name else ''} --yes removes them")
        return 1
    gone = [copy for copy in found if remove(copy)]
    print(f"removed {_copies(gone)}, {sum(copy.bytes for copy in gone) / 1e6:,.1f} MB")
    return 0


def _prepare(args: argparse.Namespace) -> None:
    from dcgan_core.data.cache import prepare
    from dcgan_core.files import read_json

    folder = prepare(args.name, args.size, crop=args.crop, verify=args.verify)
    meta = read_json(folder / "meta.json", "a cache")
    counts = ", ".join(f"{count:,} {split}" for split, count in meta["counts"].items())
    more = {"classes": len(meta["classes"]), "attributes": len(meta["attribute_names"]), "left out": meta["left_out"]}
    facts = [f"{meta['size']} px", counts, *(f"{number} {what}" for what, number in more.items() if number)]
    print(f"{meta['name']}: {', '.join(facts)}; in {folder}" + ("; verified" if args.verify else ""))


def _pick(args: argparse.Namespace) -> None:
    from dcgan_core.data import picking

    path, said = picking.pick_set(args.name, args.source, args.out, args.cut)
    print(f"{path}: {'; '.join(said)}")


def _crop_faces(args: argparse.Namespace) -> None:
    from dcgan_core.data import face_detector
    from dcgan_core.data.sources import layout

    report = face_detector.crop_folder(args.folder, args.out, size=args.size, margin=args.margin, min_size=args.min_size)
    for state, count in report.counts.items():
        print(f"{state:12}{count:8,} photos" + (f", {report.faces:,} faces" if state == "found" else ""))
    print(f"{report.out}: {report.faces:,} crops; {report.out / layout.FACES_REPORT} says which came from where")


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
