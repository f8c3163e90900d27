"""The command line's frame: one table of commands, each loaded only when it is named."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from featurecast import __version__
from featurecast.refusal import EXTRAS, Refusal

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "serve": "broadcast a match; the player is at /",
    "encode": "write a video with the features inside, as an ordinary MP4",
    "view": "run heads on a file or a live stream, without a window",
    "heads": "list the heads, begin, check or measure one",
    "record": "write a dataset of decoded features to train heads on",
    "train": "train the core network or a head",
    "export": "turn a checkpoint into what is shipped",
    "evaluate": "datasets, metrics, split inference and rivals",
    "bench": "measure the figures of docs/results.md",
    "doctor": "check this machine and this installation",
}

_EXIT_REFUSED = 2


class _Parser(argparse.ArgumentParser):
    """An argument parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(_EXIT_REFUSED, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _parser(named: str | None) -> argparse.ArgumentParser:
    parser = _Parser(prog="featurecast", description="One encode, every task.")
    parser.add_argument("--version", action="version", version=f"featurecast {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == named:
            module = importlib.import_module(f"featurecast.commands.{name}")
            module.configure(command)
            command.set_defaults(run=module.run)
    return parser


def _missing_extra(error: ModuleNotFoundError) -> str | None:
    package = (error.name or "").partition(".")[0]
    if package not in EXTRAS:
        return None
    return (
        f"this command needs {package}, which is not installed: pip install 'featurecast[{EXTRAS[package]}]'"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 1 for a failed check, 2 for what the user got wrong."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    named = next((argument for argument in arguments if not argument.startswith("-")), None)
    try:
        parsed = _parser(named).parse_args(arguments)
        status: int = parsed.run(parsed)
        sys.stdout.flush()
        return status
    except Refusal as refusal:
        print(f"featurecast: {refusal}", file=sys.stderr)
        return _EXIT_REFUSED
    except ModuleNotFoundError as error:
        message = _missing_extra(error)
        if message is None:
            raise
        print(f"featurecast: {message}", file=sys.stderr)
        return _EXIT_REFUSED
    except BrokenPipeError:
        # The reader of our output went away (`| head`): not an error, and nothing left to flush to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
