"""`cellsearch resume`: goes on with a run where it was."""

import argparse
from pathlib import Path

from search.commands.pools import Workers
from search.commands.run import add_limits, check_limits, search
from search.loop.runs import open_run
from search.store.locks import RunLock


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    add_limits(parser)


def run(options: argparse.Namespace) -> int:
    """Goes on with the run; returns the exit status."""
    check_limits(options)
    open_run(options.run, reading=True).close()  # a mistake before the lock
    with (
        Workers(options) as workers,
        RunLock(options.run),
        open_run(options.run) as run,
    ):
        return search(run, options, workers)
