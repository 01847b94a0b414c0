"""`cellsearch ablate`: what each part of a cell is worth."""

import argparse
import json
import sys
from pathlib import Path

from cells import Part
from search.commands.common_runs import add_common_runs, common_runs, split
from search.commands.own_code import add_own_code
from search.commands.pools import add_pool_arguments, pool_options
from search.commands.stopping import say_stopped
from search.loop.sources import read_cell
from search.output.ablations import print_ablations, print_plan
from search.output.progress import told
from search.scoring.ablating import FOLDER, SEEDS, AblationPlan, ablate, plan_ablation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    add = parser.add_argument
    add(
        "cell",
        metavar="CELL",
        help="a zoo name, a file of cell text, RUN:RANK of a run's table, or -",
    )
    add(
        "--parts",
        metavar="A,B",
        help=f"what it is to be without: some of {', '.join(Part)} (all)",
    )
    add_common_runs(parser, seeds=SEEDS)
    for flag, text in (
        ("--settings", "the first N of the preset's common settings (all)"),
        ("--budget", "updates of a training (the preset's)"),
        ("--parameters", "weights of a model (the preset's)"),
    ):
        add(flag, type=int, metavar="N", help=text)
    add(
        "--dry-run",
        action="store_true",
        help="list what the cell can be without, and train nothing",
    )
    add(
        "--out",
        type=Path,
        default=Path(FOLDER),
        metavar="DIR",
        help=f"where results are kept; the same command goes on there ({FOLDER})",
    )
    add_pool_arguments(parser)
    add_own_code(parser)
    add("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Trains the cell without each of its parts; returns the exit status."""
    plan = plan_ablation(
        read_cell(options.cell),
        common_runs(options),
        parts=split(options.parts),
        settings=options.settings,
        budget=options.budget,
        parameters=options.parameters,
        ops=options.op,
    )
    if options.dry_run:
        _say_plan(plan, as_json=options.json)
        return 0

    # Whatever ends it, the same command goes on where it was.
    pool = pool_options(options)
    try:
        table = ablate(plan, options.out, pool, told)
    except KeyboardInterrupt:
        return say_stopped()
    if options.json:
        print(json.dumps(table.to_dict(), indent=2))
    else:
        print_ablations(table, sys.stdout)
    return 0


def _say_plan(plan: AblationPlan, *, as_json: bool) -> None:
    """Says what would be trained."""
    if as_json:
        print(json.dumps(plan.to_dict(), indent=2))
    else:
        print_plan(plan.cell[0], plan.ablated, plan.panel.shape, sys.stdout)
