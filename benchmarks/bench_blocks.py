"""Which cells gain from residual blocks: each in them against itself without, in pairs.

    python -m benchmarks.bench_blocks gru lstm benchmarks/found/cell_822.txt
    python -m benchmarks.bench_blocks gru mut2 --tasks stack,induction --settings 2

Both models of a cell have the same settings, seeds and data, common runs of preset
`quick`, and as many weights: what the block takes, the cell's width lacks. For each
task stands how much lower the mean log loss is with the block, with a 95 % interval
over seeds; and how far the cell is ahead of the first one named, without and with it.
Results are kept in `--out`; the same command goes on there, also with further cells or
seeds.
"""

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from cells import Cell
from search.contest.ledger import Ledger
from search.contest.panel import Array, Panel, panel_tasks
from search.contest.variance import Bounds, mean_interval
from search.errors import UserError, at_least
from search.loop.pools import Workers
from search.loop.sources import read_cells
from search.procedure.reader import make_config
from workers import BLOCKS, INLINE, PoolOptions, model_width

PRESET: Final = "quick"


class Row(NamedTuple):
    """A cell on a task.

    Attributes:
        task: Its name.
        cell: Its name.
        widths: H without the block and with it.
        gain: How much lower the log loss is with it.
        ahead: How much lower than the first cell's, without and with it; None: it is
            that cell.
    """

    task: str
    cell: str
    widths: tuple[int, ...]
    gain: Bounds
    ahead: tuple[Bounds, ...] | None


def panels(
    cells: Mapping[str, Cell], tasks: Sequence[str], settings: int, seeds: int
) -> tuple[Panel, ...]:
    """The runs of all cells, for each of `BLOCKS`.

    Raises:
        UserError: There can be no such runs.
        TaskError: There is no such task.
    """
    found = []
    for block in BLOCKS:
        config = make_config(
            {"preset": PRESET, "tasks": list(tasks), "training": {"block": block}}
        )
        assert config.objective is not None
        chosen = config.objective.panel[:settings]
        found.append(
            Panel(
                cells=cells,
                tasks=panel_tasks(config),
                settings=chosen,
                repeats=tuple(range(seeds)),
                floor=config.objective.floor,
            )
        )
    return tuple(found)


def rows(both: Sequence[Panel], scores: Sequence[Array]) -> list[Row]:
    """The table, task by task.

    Args:
        both: As `panels` has them.
        scores: Log losses of each [tasks, cells, settings, seeds].
    """
    found = []
    for number, about in enumerate(both[0].tasks):
        # Means over settings: seeds are what intervals are over.
        means = [one[number].mean(axis=1) for one in scores]  # [cells, seeds]
        for index, (name, cell) in enumerate(both[0].cells.items()):
            ahead = tuple(mean_interval(one[0] - one[index]) for one in means)
            gain = mean_interval(means[0][index] - means[1][index])
            widths = tuple(_width(cell, one, number) for one in both)
            row = Row(about.name, name, widths, gain, ahead if index else None)
            found.append(row)
    return found


def _width(cell: Cell, panel: Panel, task: int) -> int:
    about, shape = panel.tasks[task], panel.settings[0].shape
    return model_width(cell, shape, about.task.task, about.training.block)


def written(bounds: Bounds) -> str:
    """`+.12 ±.03 +`: with a sign behind where the interval leaves out zero."""
    half = (bounds.high - bounds.low) / 2
    sign = "+" if bounds.low > 0 else "-" if bounds.high < 0 else " "
    numbers = re.sub(r"\b0\.", ".", f"{bounds.value:+.2f} ±{half:.2f}")
    return f"{numbers} {sign}"


def print_rows(table: Sequence[Row], both: Sequence[Panel]) -> None:
    """Prints a line for each task and cell, and what they are."""
    first = next(iter(both[0].cells))
    head = ("task", "cell", "H", "gain", f"ahead of {first}: plain", "residual")
    print("".join(f"{title:<{size}}" for title, size in zip(head, SIZES, strict=True)))
    for row in table:
        words = (row.task, row.cell, " -> ".join(map(str, row.widths)))
        ahead = map(written, row.ahead) if row.ahead else ("", "")
        line = (*words, written(row.gain), *ahead)
        print(
            "".join(f"{text:<{size}}" for text, size in zip(line, SIZES, strict=True))
        )
    panel = both[0]
    weights = panel.settings[0].parameters
    print(
        f"{panel.shape[3]} seeds of {panel.shape[2]} settings, {weights:,} weights, "
        f"{panel.tasks[0].budget} updates; ± 95 % intervals over seeds"
    )


SIZES: Final = (11, 18, 10, 14, 25, 14)
"""Columns' widths."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains what is not known and prints the table; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("cells", nargs="+", metavar="CELL", help="the first is what others are beside")
    add("--tasks", default="stack,induction", metavar="A,B")
    add("--settings", type=int, default=2, metavar="N", help="of the panel (2)")
    add("--seeds", type=int, default=4, metavar="N", help="of each setting (4)")
    add("--budget", type=int, metavar="N", help="updates (the preset's)")
    add("--workers", help="as of `cellsearch evaluate` (this process)")
    add("--out", type=Path, default=Path("runs/blocks"), metavar="DIR")
    options = parser.parse_args(arguments)
    try:
        at_least("`settings`", options.settings, 1)
        at_least("`seeds`", options.seeds, 2)
        cells = dict(read_cells(options.cells))
        both = panels(cells, options.tasks.split(","), options.settings, options.seeds)
    except UserError as error:
        parser.error(str(error))
    if options.budget is not None:
        both = tuple(_for(panel, options.budget) for panel in both)
    pool = PoolOptions(options.workers or INLINE)
    with Workers(pool) as workers, Ledger.open(options.out) as ledger:
        for panel in both:
            panel.play(ledger, workers.pool, lambda done, whole: None)
        scores = [panel.scores(panel.results(ledger)) for panel in both]
        spent = ledger.spent()
    print_rows(rows(both, scores), both)
    print(f"{spent.train_s + spent.compile_s:.0f} s of training and compiling in all")
    return 0


def _for(panel: Panel, budget: int) -> Panel:
    tasks = tuple(replace(task, budget=budget) for task in panel.tasks)
    return replace(panel, tasks=tasks)


if __name__ == "__main__":
    raise SystemExit(main())
