"""The command line: a table of commands, and one line for a person's mistake."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Final, NoReturn

from cells import CellError
from search.errors import UserError
from tasks import TaskError
from workers import JobError

COMMANDS: Final = {
    "run": "search.run",
    "resume": "search.resume",
    "top": "search.top",
    "status": "search.status",
    "report": "search.report",
    "evaluate": "search.evaluate",
    "show": "search.show",
    "tasks": "search.describe",
}
"""Command to module: each has `HELP`, `add_arguments(parser)` and `run(options)`."""


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Prints the message alone and exits with status 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status: 0, 1 or, for a mistake, 2."""
    options = _parser().parse_args(arguments)
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # so that `module:op` finds a file beside you
    module = importlib.import_module(COMMANDS[options.command])
    try:
        status: int = module.run(options)
        sys.stdout.flush()
    except (UserError, CellError, TaskError, JobError) as error:
        message = " ".join(str(error).splitlines())
        print(f"cellsearch {options.command}: {message}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # where a command has nothing to keep
        print(f"cellsearch {options.command}: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of a pipe has gone: nothing left to do
        sys.stderr.close()
        return 0
    return status


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="cellsearch",
        description="Evolutionary search for recurrent cells: one seed, one search.",
    )
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, path in COMMANDS.items():
        module = importlib.import_module(path)
        command = commands.add_parser(name, help=module.HELP, description=module.HELP)
        module.add_arguments(command)
    return parser


def _version() -> str:
    try:
        return f"cellsearch {version('cellsearch')}"
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "cellsearch (not installed)"


if __name__ == "__main__":
    sys.exit(main())
