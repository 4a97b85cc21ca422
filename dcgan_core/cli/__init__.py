"""The command line, one file a command: its options, and what it does. Heavy imports wait until a command runs."""

import argparse
import re
import sys

from dcgan_core import __version__
from dcgan_core.cli import ablate, claims, data, export, fid, import_authors, measure, probe, sample, ship, train
from dcgan_core.errors import UserError

# parameters of the library whose options have names of their own
OPTIONS = {"initial": "init", "kind": "features", "labels_each": "per-class", "settings": "set"}


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands and their options."""
    parser = argparse.ArgumentParser("dcgan", description="The DCGAN paper, runnable: train, sample, measure.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (train, sample, probe, data, import_authors, measure, ablate, fid, export, ship, claims):
        command.add(commands)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Runs one command. Returns the exit code: 0, 1 after an error (printed as one line), 130 after an interrupt."""
    args = make_parser().parse_args(arguments)
    try:
        return args.run(args) or 0
    except UserError as error:
        print(f"dcgan {args.command}: {with_dashes(str(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\ndcgan {args.command}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `dcgan claims | head`
        sys.stderr.close()
        return 0


def with_dashes(message: str) -> str:
    """A library's message, its parameters as options: `min_size` as --min-size, the setting `noise=0.1` as --set noise=0.1."""
    message = re.sub(r"`(\w+=[^`]+)`", r"--set \1", message)
    return re.sub(r"`([a-z_]+)`", lambda m: "--" + OPTIONS.get(m[1], m[1]).replace("_", "-"), message)
