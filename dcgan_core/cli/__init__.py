"""The command line, one file a command: its options, and what it does. Heavy imports wait until a command runs."""

import argparse
import errno
import os
import re
import sys
from contextlib import suppress
from importlib import import_module

from dcgan_core import __version__
from dcgan_core.errors import UserError, reason

COMMANDS = "train sample probe finetune classify data import_authors measure ablate after fid export ship claims"
# parameters of the library whose options have names of their own
OPTIONS = {"initial": "init", "kind": "features", "labels_each": "per-class", "settings": "set"}


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands and their options."""
    parser = argparse.ArgumentParser("dcgan", description="The DCGAN paper, runnable: train, sample, measure.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS.split():
        import_module(f"dcgan_core.cli.{name}").add(commands)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Runs one command. Returns the exit code: 0, 1 after an error (printed as one line), 130 after an interrupt."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # what a terminal cannot show is no reason to stop
            stream.reconfigure(errors="replace" if stream is sys.stdout else "backslashreplace")
    args = argparse.Namespace(command="")
    try:
        try:
            args = make_parser().parse_args(arguments)
            return args.run(args) or 0
        finally:
            if sys.stdout:  # not closed by `>&-`
                sys.stdout.flush()  # here, not when Python ends, where nobody could catch what goes wrong
    except UserError as error:
        said = with_dashes(str(error))
    except KeyboardInterrupt:
        print(f"\ndcgan {args.command}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `dcgan claims | head`
        _write_no_more()
        return 0
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
        way_out = (
            "free some space, or choose a place that can be written"
            if full
            else "check that it is there, and that you may read and write it"
        )
        said = f"{error.filename or 'the output'}: {error.strerror or error}; {way_out}"
        _write_no_more()
    except (MemoryError, RuntimeError) as error:
        from dcgan_core.api import is_out_of_memory  # here, because torch takes seconds

        if not is_out_of_memory(error):
            raise
        keys = {"sample": "count", "fid": "count", "probe": "images", "data": "size"}.get(args.command, "")
        smaller = f"make --{keys} {getattr(args, keys)} smaller, or " if getattr(args, keys, None) else ""
        said = f"out of memory ({reason(error)}); {smaller}use a net with smaller widths, or --device cpu"
    print(f"dcgan {args.command}: {said}", file=sys.stderr)
    return 1


def _write_no_more() -> None:
    """What is still to be written goes nowhere: nobody reads it, or its disk is full."""
    with suppress(OSError, ValueError):  # a stream that is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def with_dashes(message: str) -> str:
    """A library's message, its parameters as options: `min_size` as --min-size, the setting `noise=0.1` as --set noise=0.1."""
    message = re.sub(r"`(\w+=[^`]+)`", r"--set \1", message)
    return re.sub(r"`([a-z_]+)`", lambda m: "--" + OPTIONS.get(m[1], m[1]).replace("_", "-"), message)


def seed(text: str) -> int:
    """An option's type: what both torch and NumPy take as a seed."""
    if text.isdecimal() and int(text) < 2**62:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text}: a whole number from 0 on")


def numbers(option: str, text: str, kind: type, example: str) -> list:
    """An option's list of numbers. Raises UserError where it is none."""
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        raise UserError(f"{option} {text}: write numbers, such as {example}") from None
