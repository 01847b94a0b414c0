"""`cellsearch ablate`: what each part of a cell is worth."""

import argparse
import itertools
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from cells import Ablation, Part, ablations, dead, digest, unknown_name
from search.commands.common_runs import add_common_runs, common_runs, told
from search.commands.own_code import add_own_code
from search.commands.pools import add_pool_arguments, pool_options
from search.commands.stopping import say_stopped
from search.contest.ablation import ablation_panel, ablation_table
from search.contest.ledger import Ledger
from search.contest.panel import Panel
from search.errors import UserError, at_least
from search.loop.pools import Workers
from search.loop.sources import read_cell
from search.output.ablations import print_ablations, print_plan
from search.procedure.config import Named
from workers import model_width

FOLDER: Final = "runs/ablate"


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
    add_common_runs(parser, seeds=8)
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
    name, cell = read_cell(options.cell)
    reason = dead(cell)
    if reason is not None:
        raise UserError(f"{name} ignores the {reason.missing}: it can learn nothing")
    parts = _parts(options.parts)
    found = [one for one in ablations(cell) if one.part in parts]
    panel = _panel((name, cell), found, options)
    if options.dry_run:
        _say_plan(name, found, panel, as_json=options.json)
        return 0

    # Whatever ends it, the same command goes on where it was.
    pool = pool_options(options)
    try:
        with Workers(pool) as workers, Ledger.open(options.out) as ledger:
            panel.play(ledger, workers.pool, told)
            results = panel.results(ledger)
    except KeyboardInterrupt:
        return say_stopped()
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


def _parts(text: str | None) -> list[str]:
    """The kinds of parts that a person names; all without a name."""
    parts = list(map(str, Part)) if text is None else text.split(",")
    for part in parts:
        if part not in set(Part):
            raise UserError(unknown_name("part", part, list(Part)))
    return parts


def _panel(
    cell: Named, found: Sequence[Ablation], options: argparse.Namespace
) -> Panel:
    """The runs that a person asks for.

    Raises:
        UserError: There can be no such runs.
        CellError: No width fits the weights.
    """
    config, objective = common_runs(options)
    for option in ("settings", "budget", "parameters"):
        at_least(f"`{option}`", getattr(options, option), 1)
    most = len(objective.panel)
    if options.settings is not None and options.settings > most:
        raise UserError(
            f"`settings` must be at most {most}, the settings of the preset's panel, "
            f"got {options.settings}"
        )
    settings = objective.panel[: options.settings]
    panel = ablation_panel(cell, found, config, settings, options.seeds, options.op)
    return _sized(panel, options.budget, options.parameters)


def _sized(panel: Panel, budget: int | None, parameters: int | None) -> Panel:
    """The panel with other updates and weights, if any are asked for."""
    if budget is not None:
        tasks = tuple(replace(task, budget=budget) for task in panel.tasks)
        panel = replace(panel, tasks=tasks)
    if parameters is not None:
        settings = [replace(one, parameters=parameters) for one in panel.settings]
        panel = replace(panel, settings=tuple(settings))

    # The whole cell comes first, and has most weights of all.
    whole = next(iter(panel.cells.values()))
    for task, setting in itertools.product(panel.tasks, panel.settings):
        model_width(whole, setting.shape, task.task.task, task.training.block)
    return panel


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
