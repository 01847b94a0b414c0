"""The command line: a table of commands, and one line for a person's mistake."""

import argparse
import importlib
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, NoReturn

from search.commands.streams import lasting_streams


class Command(NamedTuple):
    """A command: its module, which is imported when it is used, and what it does.

    `beside`: whether it takes `module:name` of a person, from the current folder.

    The module has `add_arguments(parser)` and `run(options)`.
    """

    module: str
    help: str
    beside: bool = False


COMMANDS: Final[Mapping[str, Command]] = {
    "run": Command(
        "search.commands.run",
        "search for cells, or go on with a search, and print the ranked table",
        beside=True,
    ),
    "resume": Command(
        "search.commands.resume",
        "go on with a run: the same search, and what it has is not trained again",
        beside=True,
    ),
    "top": Command(
        "search.commands.top",
        "print the ranked table of a run, finished, running or stopped",
    ),
    "status": Command(
        "search.commands.status",
        "say how far a run is, what it spent and saved, and what failed",
    ),
    "propose": Command(
        "search.commands.propose",
        "hand cells of your own in to a run, also while it is running",
        beside=True,
    ),
    "final": Command(
        "search.commands.final",
        "score a run's best cells anew, by seeds, settings and a task it has not seen",
        beside=True,
    ),
    "promote": Command(
        "search.commands.promote",
        "score a run's best cells with more and more weights, and say who stays ahead",
        beside=True,
    ),
    "evaluate": Command(
        "search.commands.evaluate",
        "score cells on tasks, and print the table of the 2015 paper for them",
        beside=True,
    ),
    "ablate": Command(
        "search.commands.ablate",
        "score a cell without each of its gates, biases, further states and linears",
        beside=True,
    ),
    "calibrate": Command(
        "search.commands.calibrate",
        "say whether tasks tell cells apart, and which panel of runs does it cheapest",
        beside=True,
    ),
    "show": Command(
        "search.commands.show",
        "print a cell: text, equations, size and nearest published cell; draw it",
    ),
    "lineage": Command(
        "search.commands.lineage",
        "print the way from a seed to a cell of a run: each edit, and what it gained",
    ),
    "report": Command(
        "search.commands.report",
        "write one HTML page about a run, finished, running or stopped",
    ),
    "export": Command(
        "search.commands.export",
        "write cells as stand-alone Flax and PyTorch code that proves itself",
    ),
    "presets": Command(
        "search.commands.presets",
        "list the presets, or print one as TOML, to begin a configuration from",
    ),
    "tasks": Command(
        "search.commands.tasks",
        "list the tasks, or print one with three examples",
        beside=True,
    ),
    "doctor": Command(
        "search.commands.doctor",
        "say what is wrong with this machine or cluster, and what to do",
    ),
}


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, and who knows how flags are typed.

    Attributes:
        flags: Name of an option to its flag: `per_gpu` to `--per-gpu`, `k` to `-k`.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.flags: dict[str, str] = {}
        super().__init__(*arguments, **options)

    def add_argument(self, *names: Any, **options: Any) -> argparse.Action:
        """Declares an argument, as its base class does."""
        action = super().add_argument(*names, **options)
        if action.option_strings:
            self.flags[action.dest] = max(action.option_strings, key=len)
        return action

    def error(self, message: str) -> NoReturn:
        """Prints the message alone and exits with status 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


class _Version(argparse.Action):
    """Prints the version; it is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        print(_version())
        parser.exit()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status: 0, 1 or, for a mistake, 2."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    name = next((word for word in words if not word.startswith("-")), "")
    prefix = f"cellsearch {name}" if name in COMMANDS else "cellsearch"
    with lasting_streams() as lost:
        try:
            status = _run(words, name)
        except (
            KeyboardInterrupt
        ):  # where a command has nothing to keep, or has not begun
            print(f"{prefix}: stopped", file=sys.stderr)
            status = 130
        except SystemExit:  # help or the version was printed, or a mistake
            if not lost():
                raise
            status = 1
        if lost():
            print(f"{prefix}: cannot write its output ({lost()})", file=sys.stderr)
            status = status or 1
    return status


def _run(words: Sequence[str], name: str) -> int:
    """Imports the command that is named, and no other, and carries it out."""
    parser = _Parser(
        prog="cellsearch",
        description="Evolutionary search for recurrent cells: one seed, one search.",
    )
    parser.add_argument(
        "--version", action=_Version, nargs=0, help="print the version, and exit"
    )

    # Every command has a line of help; the one that is named has arguments, too.
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    parsers = {
        key: commands.add_parser(key, help=row.help, description=row.help)
        for key, row in COMMANDS.items()
    }
    if name not in COMMANDS:
        parser.parse_args(words)  # --help, --version or a mistake: it exits
    module = importlib.import_module(COMMANDS[name].module)
    module.add_arguments(parsers[name])
    options = parser.parse_args(words)

    # Whatever a person mistakes is one line.
    try:
        _load_own_code(options, beside=COMMANDS[name].beside)
        status: int = module.run(options)
    except Exception as error:
        if not isinstance(error, _mistakes()):
            raise
        from search.output.words import plain

        message = _as_typed(" ".join(str(error).splitlines()), parsers[name].flags)
        print(f"{parsers[name].prog}: {plain(message)}", file=sys.stderr)
        return 2
    return status


def _load_own_code(options: argparse.Namespace, *, beside: bool) -> None:
    from search.commands.own_code import load_own_code

    load_own_code(options, beside=beside)


def _as_typed(message: str, flags: Mapping[str, str]) -> str:
    """A message with the options in it as they are typed on the command line.

    Whatever raises it knows no command line, and has the name of an option in
    backticks, as Python has it: `per_gpu`, `mixed=True`.
    """

    def flag(match: re.Match[str]) -> str:
        return flags.get(match[1], match[0])

    return re.sub(r"`(\w+)(?:=(?:True|False))?`", flag, message)


def _mistakes() -> tuple[type[Exception], ...]:
    """What a person's mistake raises; asked for when something has been raised."""
    from cells import CellError
    from search.errors import UserError
    from tasks import TaskError
    from workers import JobError

    return UserError, CellError, TaskError, JobError


def _version() -> str:
    from workers import installed

    return f"cellsearch {installed('cellsearch') or '(not installed)'}"


if __name__ == "__main__":
    sys.exit(main())
