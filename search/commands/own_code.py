"""Code of a person's own, as the command line has it: ops and tasks, by their names."""

import argparse
import os
import sys

from search.output.words import plain
from search.procedure.own_code import OwnCode, UnnamedCodeError


def add_op_argument(parser: argparse.ArgumentParser) -> None:
    """Declares which ops are to be imported."""
    parser.add_argument(
        "--op",
        action="append",
        default=[],
        metavar="MODULE:OP",
        help="import an op of your own that a text or run uses; may be repeated",
    )


def add_own_code(parser: argparse.ArgumentParser) -> None:
    """Declares which ops and tasks that a run names are to be imported."""
    add_op_argument(parser)
    parser.add_argument(
        "--task",
        action="append",
        default=[],
        metavar="MODULE:CLASS",
        help="import a task of your own that a run uses; may be repeated",
    )


def note_missing(error: UnnamedCodeError) -> None:
    """Says what is missing where something is shown all the same."""
    text = str(error).replace("`op`", "--op").replace("`task`", "--task")
    print(f"note: {plain(text)}", file=sys.stderr)


def load_own_code(options: argparse.Namespace, *, beside: bool) -> None:
    """Imports what is named, before a text is read that uses it.

    Args:
        options: Of any command.
        beside: Whether the command takes names of a person's own elsewhere, too, so
            that a module in the current folder is found. Else it is on the path only
            if something is named: what a run says is no reason to look there.

    Raises:
        CellError: There is no such op.
        TaskError: There is no such task.
    """
    ops, tasks = getattr(options, "op", []), getattr(options, "task", [])
    if not isinstance(tasks, list):  # of `cellsearch tasks`, which imports it itself
        tasks = []
    if (beside or ops or tasks) and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    OwnCode(tuple(ops), tuple(tasks)).load()
