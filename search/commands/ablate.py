"""`cellsearch ablate`: what each part of a cell is worth."""

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cells import Ablation, ablations, dead, digest
from search.commands.common_runs import add_common_runs, common_runs, told
from search.commands.own_code import add_own_code
from search.commands.pools import add_pool_arguments, pool_options
from search.contest.ablation import ablation_panel, ablation_table
from search.contest.ledger import Ledger
from search.contest.panel import Panel
from search.errors import UserError, at_least
from search.loop.pools import Workers
from search.loop.sources import read_cell
from search.output.ablations import print_ablations, print_plan
from search.procedure.objective import Paired
from workers import Setting

FOLDER: Final = "runs/ablate"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    add = parser.add_argument
    add(
        "cell",
        metavar="CELL",
        help="a zoo name, a file of cell text, RUN:RANK of a run's table, or -",
    )
    add_common_runs(parser, seeds=8)
    add(
        "--settings",
        type=int,
        metavar="N",
        help="the first N of the preset's common settings (all)",
    )
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
    config, objective = common_runs(options)
    settings = _settings(objective, options.settings)
    name, cell = read_cell(options.cell)
    reason = dead(cell)
    if reason is not None:
        raise UserError(f"{name} ignores the {reason.missing}: it can learn nothing")
    found = ablations(cell)
    panel = ablation_panel(
        (name, cell), found, config, settings, options.seeds, options.op
    )
    if options.dry_run:
        _say_plan(name, found, panel, as_json=options.json)
        return 0

    pool = pool_options(options)
    # Whatever ends it, the same command goes on where it was.
    try:
        with Workers(pool) as workers, Ledger.open(options.out) as ledger:
            panel.play(ledger, workers.pool, told)
            results = panel.results(ledger)
    except KeyboardInterrupt:
        command = shlex.join(["cellsearch", *sys.argv[1:]])
        print(f"stopped; what is done is kept. Go on: {command}", file=sys.stderr)
        return 130
    table = ablation_table(
        name,
        digest(cell),
        found,
        [task.name for task in panel.tasks],
        panel.scores(results),
        panel.last_losses(results),
    )
    if options.json:
        print(json.dumps(table.to_dict(), indent=2))
    else:
        print_ablations(table, sys.stdout)
    return 0


def _settings(objective: Paired, count: int | None) -> tuple[Setting, ...]:
    """The first of the common settings."""
    at_least("`settings`", count, 1)
    if count is not None and count > len(objective.panel):
        raise UserError(
            f"`settings` must be at most {len(objective.panel)}, the settings of the "
            f"preset's panel, got {count}"
        )
    return objective.panel[:count]


def _say_plan(
    name: str, found: Sequence[Ablation], panel: Panel, *, as_json: bool
) -> None:
    """Says what would be trained."""
    if not as_json:
        print_plan(name, found, panel.shape, sys.stdout)
        return
    rows = [
        {"words": one.words, "part": str(one.part), "digest": one.digest}
        | ({"dead": one.dead.missing} if one.dead else {})
        for one in found
    ]
    print(json.dumps({"trainings": len(panel), "ablations": rows}, indent=2))
