"""`cellsearch evaluate`: named cells or files scored on tasks, without a search."""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any, Final

from search.commands.common_runs import add_block
from search.commands.own_code import add_own_code
from search.commands.pools import add_pool_arguments, pool_options
from search.commands.stopping import say_stopped
from search.contest.evaluation import evaluate, look_up
from search.contest.request import BASELINE, Request, make_request
from search.contest.scoreboard import Scoreboard
from search.loop.pools import Workers
from search.loop.sources import read_cells
from search.output.display import ContestDisplay
from search.output.tables import print_scoreboard
from search.output.words import duration
from search.procedure.presets import preset_names
from search.store.results import Spent
from workers import PLAIN

FOLDER: Final = "runs/evaluate"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    # What is scored ...
    add = parser.add_argument
    add(
        "cells",
        nargs="+",
        metavar="CELL",
        help="a zoo name, a file of cell text, RUN:RANK of a run's table, or -",
    )
    add("--tasks", required=True, metavar="A,B", help="tasks, separated by commas")
    add_own_code(parser)

    # ... how ...
    add("--preset", default="small", help=f"{', '.join(preset_names())} (small)")
    add("--seed", type=int, default=0, metavar="N", help="seed of everything (0)")
    for flag, text in (
        ("--settings", "settings for each cell and task"),
        ("--repeats", "fresh seeds for the best setting of each; 0: none"),
        ("--budget", "most updates of a setting"),
        ("--parameters", "weights of a model"),
    ):
        add(flag, type=int, metavar="N", help=f"{text} (the preset's)")
    add_block(parser)
    add(
        "--no-baseline",
        dest="baseline",
        action="store_false",
        help=f"leave out ratios, and {BASELINE} if it is not named",
    )

    # ... by whom, and where it goes.
    add_pool_arguments(parser)
    add(
        "--out",
        type=Path,
        default=Path(FOLDER),
        metavar="DIR",
        help=f"where results are kept; the same command goes on there ({FOLDER})",
    )
    add("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Scores cells and prints the table; returns the exit status."""
    start = time.monotonic()
    workers, request = Workers(pool_options(options)), _request(options)
    # Whatever ends it, what is known by then is a table.
    try:
        with workers, ContestDisplay() as display:
            board = evaluate(request, options.out, workers.pool, display)
    except KeyboardInterrupt:
        print_scoreboard(look_up(request, options.out), sys.stderr)
        return say_stopped()

    seconds = time.monotonic() - start
    if options.json:
        print(json.dumps(_document(board, seconds), indent=2))
    else:
        print_scoreboard(board, sys.stdout)
        print(_footer(board.spent, seconds))
    return 0


def _request(options: argparse.Namespace) -> Request:
    return make_request(
        read_cells(options.cells),
        options.tasks.split(","),
        preset=options.preset,
        settings=options.settings,
        repeats=options.repeats,
        seed=options.seed,
        budget=options.budget,
        parameters=options.parameters,
        baseline=options.baseline,
        ops=options.op,
        block=options.block,
    )


def _footer(spent: Spent, seconds: float) -> str:
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


def _document(board: Scoreboard, seconds: float) -> dict[str, Any]:
    """What `--json` prints; the request decides all but `seconds` and `machine`."""
    request, spent = board.request, board.spent
    return {
        **board.to_dict(),
        "preset": request.preset.name,
        "settings": request.settings,
        "repeats": request.repeats,
        "seed": request.seed,
        **({"block": request.block} if request.block != PLAIN.block else {}),
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
