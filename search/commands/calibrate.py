"""`cellsearch calibrate`: whether tasks tell cells apart, and the cheapest panel."""

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from search.commands.common_runs import add_common_runs, common_runs, told
from search.commands.own_code import add_own_code
from search.commands.pools import add_pool_arguments, pool_options
from search.contest.calibration import calibrate, panel_document
from search.contest.ledger import Ledger
from search.contest.panel import Panel, panel_tasks
from search.errors import UserError
from search.loop.pools import Workers
from search.loop.sources import read_cells
from search.output.tables import print_calibration
from workers import PLAIN

CELLS: Final = (
    "gru",
    "lstm",
    "lstm_b",
    "mut1",
    "mut2",
    "mut3",
    "mgu",
    "ugrnn",
    "janet",
    "tanh",
    "lstm_o",
    "lstm_i",
)
"""Cells that a calibration has unless others are named."""

FOLDER: Final = "runs/calibrate"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    add = parser.add_argument
    add("cells", nargs="*", metavar="CELL", help="cells (a dozen of the zoo)")
    add_common_runs(parser, seeds=3)
    add(
        "--reliability",
        type=float,
        default=0.9,
        metavar="R",
        help="what the cheapest panel is to reach (0.9)",
    )
    add("--out", type=Path, default=Path(FOLDER), metavar="DIR", help=f"({FOLDER})")
    add_pool_arguments(parser)
    add_own_code(parser)
    add("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Trains the panel and prints what it is worth; returns the exit status."""
    if not 0 < options.reliability < 1:
        raise UserError(f"`reliability` must be in (0, 1), got {options.reliability}")
    config, objective = common_runs(options)

    # The baseline is one of the cells, whatever else is named.
    cells = dict(read_cells(options.cells or CELLS))
    cells.setdefault(config.baseline, config.baseline_cell)
    if len(cells) < 3:
        raise UserError(f"`cells` needs two besides the baseline, got {len(cells) - 1}")
    panel = Panel(
        cells=cells,
        tasks=panel_tasks(config),
        settings=objective.panel,
        repeats=tuple(range(options.seeds)),
        seed=config.seed,
        floor=objective.floor,
        ops=tuple(options.op),
    )
    with Workers(pool_options(options)) as workers, Ledger.open(options.out) as ledger:
        panel.play(ledger, workers.pool, told)
        results, spent = panel.results(ledger), ledger.spent()
    found = calibrate(
        panel,
        panel.scores(results),
        panel.last_losses(results),
        list(cells).index(config.baseline),
        size=(len(objective.panel), objective.seeds),
        wanted=options.reliability,
        run_s=spent.train_s / len(panel),
        compile_s=spent.compile_s / (len(cells) * len(objective.panel)),
    )
    if options.json:
        print(json.dumps(found.to_dict(), indent=2))
        return 0
    print_calibration(found, sys.stdout)
    import tomli_w

    print("\n# the cheapest panel, to begin a configuration with:")
    document = panel_document(objective, found.cheapest)
    if options.block != PLAIN.block:  # what was calibrated, and not the paper's model
        document["training"] = {"block": options.block}
    print(tomli_w.dumps(document))
    return 0
