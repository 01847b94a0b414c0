"""`cellsearch final`: the best cells of a run anew, by runs that took no part in it."""

import argparse
import json
import shlex
import sys
from pathlib import Path

from search.commands.own_code import add_own_code
from search.commands.pools import add_pool_arguments, pool_options
from search.loop.sources import read_cells
from search.output.finals import print_finals
from search.output.progress import told_finals
from search.scoring.finals import final
from workers import PoolOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    add = parser.add_argument
    add("run", type=Path, metavar="RUN", help="the run's folder")
    add(
        "--beside",
        nargs="+",
        action="extend",
        default=[],
        metavar="CELL",
        help="cells to compare with, beside the run's seeds and references",
    )
    add("-k", type=int, metavar="K", help="how many of the best cells (the run's)")
    add(
        "--seeds", type=int, metavar="N", help="fresh seeds of each setting (the run's)"
    )
    add_pool_arguments(parser)
    add_own_code(parser)
    add("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Scores the best cells anew and prints the table; returns the exit status."""
    finals = final(
        options.run,
        pool_options(options),
        told_finals,
        count=options.k,
        seeds=options.seeds,
        beside=read_cells(options.beside),
    )
    if options.json:
        print(json.dumps(finals.to_dict(), indent=2))
    else:
        print_finals(finals, sys.stdout)
    return 0


def end_with_finals(folder: Path, pool: PoolOptions, *, as_json: bool) -> int:
    """Scores the best cells anew when a search has ended; returns the exit status."""
    try:
        finals = final(folder, pool, told_finals)
    except KeyboardInterrupt:
        print(
            f"stopped; go on: cellsearch final {shlex.quote(str(folder))}",
            file=sys.stderr,
        )
        return 130
    print_finals(finals, sys.stderr if as_json else sys.stdout)
    return 0
