"""`cellsearch promote`: the best cells with more and more weights, rung by rung."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from search.commands.common_runs import add_block, split
from search.commands.own_code import add_own_code
from search.commands.pools import add_pool_arguments, pool_options
from search.commands.stopping import say_stopped
from search.contest.ladder import RATES, Ladder, costs
from search.contest.rungs import RungTable
from search.errors import UserError
from search.loop.sources import read_cells
from search.output.ladder import Cost, print_costs, print_legend, print_rung
from search.output.progress import told_rung
from search.procedure.reader import PRESET
from search.scoring.promoting import (
    ERROR,
    FINALISTS,
    FOLDER,
    SEEDS,
    SIZES,
    Promotion,
    promote,
    run_among,
)

NONE: Final = "none"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    add = parser.add_argument
    add(
        "what",
        nargs="+",
        metavar="RUN|CELL",
        help="a run's folder; or cells: zoo names, files of cell text, RUN:RANK, or -",
    )
    add("-k", type=int, metavar="K", help=f"best cells of the run ({FINALISTS})")
    add(
        "--beside",
        nargs="+",
        action="extend",
        default=[],
        metavar="CELL",
        help="cells to compare with, beside the run's seeds and references",
    )
    for flag, values, text in (
        ("--sizes", SIZES, "weights of a model, a rung each"),
        ("--rates", RATES, "the rates of a setting, times what is good at its size"),
    ):
        said = ",".join(f"{value:g}" if value < 10 else str(value) for value in values)
        add(flag, default=said, metavar="A,B", help=f"{text} ({said})")
    add(
        "--seeds",
        type=int,
        default=SEEDS,
        metavar="N",
        help=f"of each setting ({SEEDS})",
    )
    add(
        "--error",
        type=float,
        default=ERROR,
        metavar="P",
        help="of leaving out a cell that is level with the baseline; 0: none is left "
        f"out ({ERROR})",
    )
    add(
        "--fresh",
        metavar="A,B",
        help="tasks that took no part, or none (those of its finals)",
    )
    add("--settings", type=int, metavar="N", help="the first N of its finals (all)")
    add("--budget", type=int, metavar="N", help="updates of a training (its own)")
    for flag, text in (
        ("--tasks", "of the search that cells are from (the preset's)"),
        ("--preset", f"whose common runs cells are given ({PRESET})"),
    ):
        add(flag, metavar="A,B" if flag == "--tasks" else "PRESET", help=text)
    add("--seed", type=int, metavar="N", help="what cells' seeds are added to (0)")
    add_block(parser, default=None)
    add("--dry-run", action="store_true", help="say what it takes, and train nothing")
    add(
        "--out",
        type=Path,
        metavar="DIR",
        help=f"where results are kept (the run's folder; of cells {FOLDER})",
    )
    add_pool_arguments(parser)
    add_own_code(parser)
    add("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Climbs the ladder and prints a table a rung; returns the exit status."""
    asked = _asked(options)
    if options.dry_run:
        _say_costs(asked.ladder(), as_json=options.json)
        return 0
    rungs: list[RungTable] = []

    # Whatever ends it, the same command goes on where it was.
    try:
        for rung in promote(asked, options.out, pool_options(options), told_rung):
            rungs.append(rung)
            if not options.json:
                print_rung(rung, sys.stdout)
                sys.stdout.flush()
    except KeyboardInterrupt:
        return say_stopped()
    if options.json:
        found = {"sizes": asked.sizes, "rungs": [rung.to_dict() for rung in rungs]}
        print(json.dumps(found, indent=2))
    else:
        print_legend(rungs, asked.sizes, asked.error, sys.stdout)
    return 0


def _asked(options: argparse.Namespace) -> Promotion:
    """What a person asks for.

    Raises:
        UserError: It cannot be.
    """
    folder = run_among(options.what)
    return Promotion(
        run=folder,
        cells=read_cells(options.what) if folder is None else (),
        k=options.k,
        beside=read_cells(options.beside),
        sizes=_numbers("sizes", options.sizes, int),
        rates=_numbers("rates", options.rates, float),
        seeds=options.seeds,
        error=options.error,
        fresh=() if options.fresh == NONE else split(options.fresh),
        settings=options.settings,
        budget=options.budget,
        tasks=split(options.tasks or None),
        preset=options.preset,
        seed=options.seed,
        block=options.block,
        ops=options.op,
    )


def _numbers(name: str, text: str, kind: Callable[[str], Any]) -> tuple[Any, ...]:
    try:
        return tuple(map(kind, text.split(",")))
    except ValueError:
        what = "whole numbers" if kind is int else "numbers"
        raise UserError(
            f"`{name}` must be {what} with commas between, got {text!r}"
        ) from None


def _say_costs(ladder: Ladder, *, as_json: bool) -> None:
    found = [Cost(*cost) for cost in costs(ladder)]
    if as_json:
        print(json.dumps({"rungs": [cost._asdict() for cost in found]}, indent=2))
    else:
        print_costs(found, len(ladder.cells), sys.stdout)
