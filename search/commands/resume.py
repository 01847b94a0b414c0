"""`cellsearch resume`: goes on with a run where it was."""

import argparse
from pathlib import Path

from search.commands.run import add_limits, carry_out, session_of
from search.loop.session import resume


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    add_limits(parser)


def run(options: argparse.Namespace) -> int:
    """Goes on with the run; returns the exit status."""
    own = session_of(options)
    return carry_out(
        lambda display: resume(options.run, own, display),
        options.run,
        own.pool,
        as_json=options.json,
    )
