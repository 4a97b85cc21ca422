"""`dcgan classify`: what a classifier says of pictures."""

import argparse
import json
import sys
from pathlib import Path


def add(commands: argparse._SubParsersAction) -> None:
    p = commands.add_parser("classify", help="classify pictures with what dcgan finetune made")
    p.add_argument("model", type=Path, metavar="MODEL", help="the classifier's folder")
    p.add_argument("pictures", type=Path, nargs="+", metavar="PICTURE", help="files, or folders of them")
    p.add_argument("--json", action="store_true", help="print JSON: each picture with the probability of every class")
    p.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:1, mps")
    p.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from dcgan_core import devices
    from dcgan_core.transfer import classifiers

    model = classifiers.load_classifier(args.model, devices.pick(args.device))
    found, unread = [], 0
    for path, answer in model.classify(classifiers.pictures_in(args.pictures)):
        if isinstance(answer, str):
            print(f"{path}: {answer}", file=sys.stderr)
            unread += 1
            continue
        best = int(answer.argmax())
        each = {name: round(float(p), 4) for name, p in zip(model.classes, answer, strict=True)}
        found.append({"file": str(path), "class": model.classes[best], "probability": each[model.classes[best]], "all": each})
        if not args.json:
            print(f"{path}\t{model.classes[best]}\t{answer[best]:.1%}", flush=True)
    if args.json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
    return 1 if unread else 0
