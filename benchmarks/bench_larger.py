"""Whether the order of cells holds beyond what a search was made with.

    python -m benchmarks.bench_larger CELL [CELL ...] [--parameters 100000]
        [--seeds 4] [--out runs/larger] [--only pack|paper] [--workers N]

Cells (as `cellsearch show` takes them: names, files, RUN:RANK) and the GRU are trained
with the fresh settings that the finals of preset `quick` have, on its tasks at another
number of weights, and on arithmetic, XML and Penn Treebank with sizes, weights and
updates of preset `small`. Printed is how much lower the logarithm of the loss is than
the GRU's in the same runs, averaged over the curve, with 95 % intervals over seeds.
What is trained is kept in the folder, so that a second call goes on.
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from cells import ZOO, Cell, digest
from search.commands.pools import add_pool_arguments, pool_options
from search.contest.finals import FinalTable, final_table
from search.contest.ledger import Ledger
from search.contest.panel import Panel, PanelTask
from search.loop.pools import Workers
from search.loop.sources import read_cells
from search.output.tables import print_finals
from search.procedure.config import Stage
from search.procedure.reader import make_config

BASELINE: Final = "gru"
FIRST_SEED: Final = 100
"""Of the repeats: beyond those of a search and of its finals."""


class Sized(NamedTuple):
    """A task, and the weights that cells have on it."""

    stage: Stage
    parameters: int


def main() -> None:
    """Trains and prints both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("cells", nargs="+", metavar="CELL")
    parser.add_argument("--parameters", type=int, default=100_000)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--only", choices=("pack", "paper"))
    parser.add_argument("--out", type=Path, default=Path("runs/larger"))
    add_pool_arguments(parser)
    options = parser.parse_args()

    cells = dict(read_cells(options.cells))
    if digest(ZOO[BASELINE]) not in map(digest, cells.values()):
        cells[BASELINE] = ZOO[BASELINE]
    groups = {"pack": pack(options.parameters), "paper": paper()}
    with (
        Workers(pool_options(options)) as workers,
        Ledger.open(options.out) as ledger,
    ):
        for name, tasks in groups.items():
            if options.only in (None, name):
                print(f"\n{name}: " + ", ".join(map(describe, tasks)))
                table = compare(cells, tasks, options.seeds, ledger, workers)
                print_finals(table, sys.stdout)


def pack(parameters: int) -> list[Sized]:
    """The tasks of preset `quick` at another number of weights."""
    config = make_config({"preset": "quick"})
    return [Sized(stage, parameters) for stage in config.tasks]


def paper() -> list[Sized]:
    """Tasks of the paper as preset `small` has them."""
    names = ["arithmetic", "xml", "ptb"]
    config = make_config({"preset": "small", "tasks": names})
    return [Sized(one, one.plan.grid.parameters[0]) for one in config.tasks]


def describe(task: Sized) -> str:
    """A task in words."""
    stage = task.stage
    return f"{stage.name} ({task.parameters:,} weights, {stage.plan.budget:,} updates)"


def compare(
    cells: dict[str, Cell],
    tasks: Sequence[Sized],
    seeds: int,
    ledger: Ledger,
    workers: Workers,
) -> FinalTable:
    """All cells on all tasks, with the GRU as the other half of every pair."""
    scores, losses = [], []
    for sized in tasks:
        panel = make_panel(cells, sized, seeds)
        panel.play(ledger, workers.pool, told)
        results = panel.results(ledger)
        scores.append(panel.scores(results))
        losses.append(panel.last_losses(results))
    digests = {name: digest(cell) for name, cell in cells.items()}
    rows = final_table(
        [(name, key, name not in ZOO) for name, key in digests.items()],
        [(sized.stage.name, True) for sized in tasks],
        np.concatenate(scores),
        np.concatenate(losses),
        list(digests.values()).index(digest(ZOO[BASELINE])),
    )
    return FinalTable(BASELINE, seeds, len(panel.settings), tuple(rows))


def make_panel(cells: dict[str, Cell], sized: Sized, seeds: int) -> Panel:
    """The fresh settings of the finals of `quick`, on one task."""
    objective = make_config({"preset": "quick"}).objective
    assert objective is not None
    stage = sized.stage
    return Panel(
        cells=cells,
        tasks=(PanelTask(stage.name, stage.task, stage.plan.budget, stage.training),),
        settings=tuple(
            dataclasses.replace(setting, parameters=sized.parameters)
            for setting in objective.finals.panel
        ),
        repeats=tuple(range(FIRST_SEED, FIRST_SEED + seeds)),
        floor=objective.floor,
    )


def told(done: int, whole: int) -> None:
    """Says how far a task is."""
    if done % 20 == 0 or done == whole:
        print(f"{done} of {whole} trainings", file=sys.stderr)


if __name__ == "__main__":
    main()
