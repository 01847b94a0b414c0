"""`cellsearch propose`: hands cells of a person's or program's in to a run."""

import argparse
import json
from pathlib import Path

from search.commands.own_code import add_own_code
from search.loop.sources import read_cells
from search.output.answers import YOU, propose
from search.output.words import plain


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    add = parser.add_argument
    add("run", type=Path, metavar="RUN", help="the run's folder; it may be running")
    add(
        "cells",
        nargs="+",
        metavar="CELL",
        help="a zoo name, a file of cell text, RUN:RANK of a run's table, or -",
    )
    add("--by", default=YOU, metavar="NAME", help=f"who proposes them ({YOU})")
    add_own_code(parser)
    add("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Hands the cells in, and prints what becomes of each; returns the exit status."""
    answers = propose(options.run, read_cells(options.cells), options.by)
    if options.json:
        print(json.dumps([answer.to_dict() for answer in answers], indent=2))
        return 0
    for answer in answers:
        print(plain(str(answer)))
    return 0
