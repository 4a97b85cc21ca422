"""`dcgan finetune`: a classifier of one's own labelled pictures, from a run's D."""

import argparse
import shlex
from pathlib import Path

from dcgan_core.cli import seed


def add(commands: argparse._SubParsersAction) -> None:
    p = commands.add_parser("finetune", help="make a classifier of labelled pictures from a run's D; goes on where it stopped")
    p.add_argument("source", metavar="RUN", help="a run's folder, or the name of one that ships")
    p.add_argument("--dataset", required=True, metavar="NAME", help="a labelled set, or a zip or folder of folders")
    p.add_argument("--freeze", action="store_true", help="D stays as it is, an SVM on its features (default: all of it learns)")
    p.add_argument("--per-class", type=int, metavar="K", help="K labelled pictures of each class (default: all)")
    p.add_argument("--grey", action="store_true", help="leave out the colours, for a net that sees grey pictures")
    p.add_argument("--trials", type=int, default=16, metavar="N", help="settings tried (default: 16); not with --freeze")
    p.add_argument(
        "--images",
        type=int,
        metavar="N",
        help="images the chosen net sees (default: each 20 times, at least 2,000); not with --freeze",
    )
    p.add_argument("--out", type=Path, metavar="FOLDER", help="default: runs/RUN-DATASET")
    p.add_argument("--seed", type=seed, default=0, help="default: 0")
    p.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:1, mps")
    p.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> None:
    from dcgan_core import devices
    from dcgan_core.errors import UserError
    from dcgan_core.transfer import classifiers

    for name in ("trials", "images"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise UserError(f"`{name}` {getattr(args, name)}: at least 1")
    named = {"run": args.source, "freeze": args.freeze, "labels_each": args.per_class, "grey": args.grey}
    asked = classifiers.Request(**named, **{k: getattr(args, k) for k in ("dataset", "trials", "images", "seed")})
    out = args.out or Path("runs") / f"{Path(args.source).name}-{Path(args.dataset).stem}"
    made = classifiers.make_classifier(asked, out, device=devices.pick(args.device))
    info = made.info
    print(f"{len(made.classes)} classes, {info['labelled']} labelled pictures ({info['held']} of them choose)")
    said = {"frozen": "D frozen, an SVM on its features", "finetuned": f"all of it trained, best of {args.trials} trials"}
    for key, value in info["validation"].items():
        print(f"{said[key]}: {value:.1%} of validation pictures, mean over classes")
    if "test" in info:
        t = info["test"]
        print(f"test: {t['accuracy']:.1%} right (95 %: {t['low']:.1%} to {t['high']:.1%}), {t['n']} pictures")
    print(f"{out}: now dcgan classify {shlex.quote(str(out))} PICTURE …")
