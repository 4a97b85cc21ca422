"""What the names of files and folders say: what is litter, what is a split, what is a class."""

from __future__ import annotations

import posixpath
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from itertools import takewhile

from dcgan_core.data.sources.source import SPLITS, held_out

FACES_REPORT = "faces.jsonl"  # beside the pictures that `dcgan data crop-faces` writes
Parts = tuple[str, ...]  # a file or folder: the names on the way to it

# thumbnails, waste bins and notes of systems and of storage boxes; what begins with a dot is hidden anyway
_LITTER = {
    *("__macosx", "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r", "lost+found", FACES_REPORT),
    *("$recycle.bin", "recycler", "recycled", "system volume information", "network trash folder", "temporary items"),
    *("@eadir", "@tmp", "@recycle", "@recently-snapshot", "@sharebin", "@database", "#recycle", "#snapshot"),
}


def parts_of(file: str) -> Parts:
    """The names on the way to a file, whatever system wrote them: of `./a/b`, `/a/b`, `a\\b` and `C:\\a\\b` a and b.

    In Unicode's composed form, so that names of one look are one name.
    """
    named = unicodedata.normalize("NFC", file).replace("\\", "/")
    *folders, name = posixpath.normpath("/" + re.sub(r"^[A-Za-z]:(?=/)", "", named)).strip("/").split("/")
    return (*map(sys.intern, folders), name)  # a million files lie in few folders


def is_litter(parts: Parts) -> bool:
    return any(p.startswith(".") or p.lower() in _LITTER for p in parts)


_SPLIT_NAMES = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("test", "testing", "tst"), "test"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "development", "eval", "evaluation"), "val"),
}
_CONTAINERS = {"images", "image", "imgs", "img", "pictures", "photos", "jpg", "jpeg", "jpegs", "png", "pngs", "data", "dataset"}
_AROUND_A_SPLITS_NAME = _CONTAINERS | {"set", "sets", "split", "seg", "folder", "ds", "pics"}


def _split_named(folder: str) -> str | None:
    """The split that a folder's name means, train, test or val: `Train`, `training_set`, `val2017`, `images-test`, …"""
    words = [w.removesuffix("set") or w for w in re.split(r"[^a-z]+", folder.lower()) if w]
    kinds = [w for w in words if w not in _AROUND_A_SPLITS_NAME]
    return _SPLIT_NAMES.get(kinds[0]) if len(kinds) == 1 else None


def wrapper_of(folders: Collection[Parts]) -> Parts:
    """The folders that are around all of these, as zips often have."""
    both = zip(min(folders, default=()), max(folders, default=()), strict=False)  # in order, all others lie between these
    return tuple(one for one, _ in takewhile(lambda names: names[0] == names[1], both))


def _split_folders(pictures: Counter[Parts]) -> dict[Parts, str]:
    """The folders that are splits, all at one depth, and which. pictures: how many there are in each folder itself.

    Those nearest to the top that lie beside each other, if only wrappers are around them or most pictures are in them; else one
    that is around everything.
    """
    beside: dict[Parts, dict[Parts, str]] = {}
    for folder in {f[:i] for f in pictures for i in range(1, len(f) + 1)}:
        if kind := _split_named(folder[-1]):
            beside.setdefault(folder[:-1], {})[folder] = kind
    pairs = {parent: kinds for parent, kinds in beside.items() if len(set(kinds.values())) > 1}
    depth = min(map(len, pairs), default=0)
    splits = {f: kind for parent, kinds in pairs.items() if len(parent) == depth for f, kind in kinds.items()}
    inside = sum(n for folder, n in pictures.items() if folder[: depth + 1] in splits)
    wrapper = wrapper_of(pictures)
    if splits and (wrapper in pairs or 2 * inside > pictures.total()):
        return splits
    alone = next((i for i, name in enumerate(wrapper) if _SPLIT_NAMES.get(name.lower()) in SPLITS), None)
    return {} if alone is None else {wrapper[: alone + 1]: _SPLIT_NAMES[wrapper[alone].lower()]}


@dataclass
class Place:
    """Where a picture belongs. `split` None: nowhere, for the reason `kind`. `kind`: its class, empty without one."""

    split: str | None
    kind: str


@dataclass
class Layout:
    """What was understood of a whole set."""

    place: Callable[[Parts], Place]
    classes: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)  # for people: what is not plain to see


OUTSIDE = "outside the folders of the splits"
Labels = Callable[
    [Parts], dict[str, str]
]  # of a split's folder: the classes of its pictures by their names, from a table there


def understand(pictures: Iterable[Parts], labels: Labels = lambda folder: {}) -> Layout:
    """Splits and classes from the places of pictures alone, and from tables of labels where folders are silent."""
    pictures = list(pictures)
    folders = Counter(p[:-1] for p in pictures)
    splits = _split_folders(folders)
    layout = _with_splits(pictures, folders, splits, labels) if splits else _without_splits(folders)
    kinds = Counter(place.kind for place in map(layout.place, pictures) if place.split)
    without = kinds.pop("", 0)
    if without and len(kinds) > 1 and 20 * without > kinds.total():
        layout.notes.append(f"no classes: {without:,} pictures lie beside the {len(kinds)} folders")
        kinds.clear()
    layout.classes = tuple(sorted(kinds)) if len(kinds) > 1 else ()
    if layout.classes and without:
        place = layout.place
        lost = Place(None, "beside the folders of the classes")
        layout.place = lambda file: lost if (found := place(file)).split and not found.kind else found
    return layout


def _without_splits(folders: Counter[Parts]) -> Layout:
    """One picture in twenty is held out; the last folder is the class, but for one that all of them have (cat/images/1.png)."""
    wrapper = len(wrapper_of(folders))
    inner = [f[wrapper:] for f in folders if f[wrapper:]]
    common = 0
    while inner and len({f[-1] for f in inner}) == 1 and min(map(len, inner)) > 1:
        inner, common = [f[:-1] for f in inner], common + 1

    def place(file: Parts) -> Place:
        inside = file[wrapper:-1]
        kind = inside[len(inside) - 1 - common] if len(inside) > common else ""
        return Place("test" if held_out("/".join(file[wrapper:])) else "train", kind)

    return Layout(place)


def _with_splits(pictures: list[Parts], folders: Counter[Parts], splits: dict[Parts, str], labels: Labels) -> Layout:
    depth, parents = len(next(iter(splits))), {folder[:-1] for folder in splits}
    wrapper = len(wrapper_of(parents))
    start = {kind: depth + _containers(folders, {f for f, k in splits.items() if k == kind}) for kind in set(splits.values())}

    def by_folder(file: Parts, split: str) -> str:
        below = file[start[split] : -1]
        return below[0] if below else file[depth - 2] if len(parents) > 1 else ""  # the latter as in cat/train/1.png

    kinds: dict[str, set[str]] = {kind: set() for kind in start}
    for file in pictures:
        if split := splits.get(file[:depth]):
            kinds[split].add(by_folder(file, split))
    first = "train" if "train" in kinds else "val" if len(kinds) > 1 else next(iter(kinds))  # a lone test is the test set
    known = kinds[first] - {""}
    silent = {k for k in kinds if k != first and len(known) > 1 and not kinds[k] & known and len(kinds[k] - {""}) < 2}
    tables = {folder: table for folder, k in splits.items() if k in silent and known & {*(table := labels(folder)).values()}}
    used, notes = _splits_used(kinds, first, silent - {splits[folder] for folder in tables})
    notes += [f"its labels are from the table in {'/'.join(folder[wrapper:])}" for folder in sorted(tables)]
    held = len(kinds) > 1 and "test" not in used.values()

    def place(file: Parts) -> Place:
        if not (split := splits.get(folder := file[:depth])):
            return Place(None, OUTSIDE)
        if not (use := used[split]):
            return Place(None, f"{split} has no labels")
        if held and held_out("/".join(file[wrapper:])):
            use = "test"
        if folder not in tables:
            return Place(use, by_folder(file, split))
        kind = tables[folder].get(file[-1])
        return Place(use, kind) if kind else Place(None, "not in the table of labels")

    return Layout(place, notes=notes)


def _splits_used(kinds: Collection[str], first: str, unlabelled: set[str]) -> tuple[dict[str, str | None], list[str]]:
    """What each of train, test and val is used as, None: not at all; and what to say of that. first: the one to train on."""
    used: dict[str, str | None] = {first: "test" if first == "test" else "train"}
    notes = []
    for kind in ("test", "val"):
        if kind in kinds and kind != first:
            used[kind] = None if kind in unlabelled else "train" if "test" in used.values() else "test"
            if kind in unlabelled:
                notes.append(f"{kind} is left out: it has no labels")
            elif kind == "val":
                notes.append("val joins train" if used[kind] == "train" else "val is the test set")
    if len(kinds) > 1 and "test" not in used.values():
        notes.append("one in twenty of train is held out instead")
    return used, notes


def _containers(folders: Counter[Parts], of: set[Parts]) -> int:
    """How many folders are around all that is in these splits, and say nothing: 1 in train/images/cat and train/train/cat."""
    depth = len(next(iter(of)))
    below, skipped = {f[depth:] for f in folders if f[:depth] in of}, 0
    while len(first := {f[:1] for f in below}) == 1 and min(map(len, below)) > 1:
        name = next(iter(first))[0]
        if name.lower() not in _CONTAINERS and not _split_named(name):
            break
        below, skipped = {f[1:] for f in below}, skipped + 1
    return skipped
