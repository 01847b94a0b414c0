"""`cellsearch evaluate`: named cells or files scored on tasks, without a search."""

import argparse
import json
import os
import platform
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from cells import dead
from search.commands.pools import (
    add_pool_arguments,
    check_workers,
    make_pool,
    platform_of,
)
from search.contest.contest import Contest
from search.contest.ledger import Ledger
from search.contest.progress import Spectator, duration, make_progress
from search.contest.request import BASELINE, Request, make_contests, make_request
from search.contest.scoreboard import Scoreboard, make_scoreboard, print_scoreboard
from search.contest.tournament import Tournament, settings_per_job
from search.procedure.presets import preset_names
from workers import Pool

FOLDER: Final = "runs/evaluate"
PIPE_COLUMNS: Final = 160


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    add = parser.add_argument
    add(
        "cells",
        nargs="+",
        metavar="CELL",
        help="a zoo name, a file of cell text, RUN:RANK of a run's table, or -",
    )
    add("--tasks", required=True, metavar="A,B", help="tasks, separated by commas")
    add("--preset", default="small", help=f"{', '.join(preset_names())} (small)")
    add("--seed", type=int, default=0, metavar="N", help="seed of everything (0)")
    for flag, text in (
        ("--settings", "settings for each cell and task"),
        ("--repeats", "fresh seeds for the best setting of each; 0: none"),
        ("--budget", "most updates of a setting"),
        ("--parameters", "weights of a model"),
    ):
        add(flag, type=int, metavar="N", help=f"{text} (the preset's)")
    add_pool_arguments(parser)
    add(
        "--out",
        type=Path,
        default=Path(FOLDER),
        metavar="DIR",
        help=f"where results are kept; the same command goes on there ({FOLDER})",
    )
    add(
        "--no-baseline",
        dest="baseline",
        action="store_false",
        help=f"leave out ratios, and {BASELINE} if it is not named",
    )
    add(
        "--op",
        action="append",
        default=[],
        metavar="MODULE:OP",
        help="import an op of your own that a text uses; may be repeated",
    )
    add("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Scores cells and prints the table; returns the exit status."""
    start = time.monotonic()
    check_workers(options)
    request = make_request(options)
    contests = make_contests(request)
    with Ledger.open(options.out) as results:
        progress = make_progress()
        try:
            with progress:
                _warn(request, progress)
                carry_out(contests, results, lambda: make_pool(options), progress)
        except KeyboardInterrupt:
            _show(make_board(request, contests, results), sys.stderr)
            command = shlex.join(["cellsearch", *sys.argv[1:]])
            print(f"stopped; what is done is kept. Go on: {command}", file=sys.stderr)
            return 130
        board = make_board(request, contests, results)
        seconds = time.monotonic() - start
        if options.json:
            print(json.dumps(document(request, board, results, seconds), indent=2))
            return 0
        _show(board, sys.stdout)
        print(_footer(results, seconds))
    return 0


def _warn(request: Request, spectator: Spectator) -> None:
    """Tells of cells that cannot learn, which are scored all the same."""
    for name, cell in request.cells:
        reason = dead(cell)
        if reason is not None:
            spectator.note(f"note: {name} ignores the {reason.missing}, and is scored")


def carry_out(
    contests: Sequence[Contest],
    results: Ledger,
    pool: Callable[[], Pool],
    spectator: Spectator,
) -> None:
    """Trains what is not known yet.

    Args:
        contests: The contests.
        results: What is known; new results are stored as they arrive.
        pool: Makes the pool, if there is anything to be trained.
        spectator: Is told.
    """
    tournament = Tournament(contests, results)
    if tournament.over:
        return
    made = pool()
    try:
        tournament.play(made, spectator, settings_per_job(platform_of(made)))
    finally:
        made.close()


def make_board(
    request: Request, contests: Sequence[Contest], results: Ledger
) -> Scoreboard:
    """The table of what is known of a request."""
    return make_scoreboard(request.cells, request.baseline, contests, results)


def _show(board: Scoreboard, stream: Any) -> None:
    print_scoreboard(board, stream, None if stream.isatty() else PIPE_COLUMNS)


def _footer(results: Ledger, seconds: float) -> str:
    spent = results.spent()
    line = (
        f"{duration(seconds)} now; {duration(spent.train_s)} of training and "
        f"{duration(spent.compile_s)} of compilation in all"
    )
    if len(spent.numerics) > 1:
        line += (
            f"; results of {len(spent.numerics)} numerics classes are mixed here, so "
            "that they do not repeat to the bit"
        )
    return line


def document(
    request: Request, board: Scoreboard, results: Ledger, seconds: float
) -> dict[str, Any]:
    """What `--json` prints; the request decides all but `seconds` and `machine`."""
    spent = results.spent()
    return {
        **board.to_dict(),
        "preset": request.preset.name,
        "settings": request.settings,
        "repeats": request.repeats,
        "seed": request.seed,
        "seconds": {
            "now": seconds,
            "training": spent.train_s,
            "compilation": spent.compile_s,
        },
        "machine": {
            "name": platform.node(),
            "system": platform.platform(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "numerics": list(spent.numerics),
        },
    }
