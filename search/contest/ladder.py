"""A ladder of sizes: cells beside a baseline, with more and more weights.

What is better with few weights need not be with many, and a rate that is good for few
is too high for many. So at each size all have the same small grid of rates, with seeds
that no other rung had, and whoever is clearly behind the baseline is left out above.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from cells import Cell, CellError
from search.contest.ledger import Ledger
from search.contest.panel import Panel, PanelTask
from search.contest.rungs import RungTable, judge
from search.errors import UserError, at_least
from search.procedure.objective import Fitness
from workers import Pool, Setting, model_width

ADAPTIVE: Final = frozenset({"adam", "adamw", "rmsprop"})
"""Optimizers that move a weight by about the rate, whatever its gradient."""

RATES: Final = (0.5, 1.0, 2.0)
FIRST_SEED: Final = 1_000
"""Of the first rung: beyond those of a search and of its finals."""

MOST_SEEDS: Final = 100
"""Of a rung, so that no two have one in common, however many each is given."""

Told = Callable[[int, int, int], None]
"""Is told the size, how many trainings of its rung are done, and how many there are."""


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """What is trained.

    Attributes:
        cells: Name to cell, the baseline among them.
        baseline: Name of the cell that all are compared with.
        tasks: First those of the search.
        searched: How many these are; the others took no part.
        settings: With the rates that are good at their own numbers of weights.
        sizes: Weights of a model, rising.
        rates: What the rate of every setting is multiplied by, beside what `sized`
            makes of it; rising.
        seeds: Of each setting.
        error: Probability that a cell that is level with the baseline on every task
            searched is left out after a rung; 0: none is.
        fitness: Whether a cell is as good as its least value, or as their mean.
        seed: What the numbers of seeds are added to.
        first: Number of the first seed of the first rung.
        floor: See `objective.log_loss`.
        ops: `module:op` of a person's own ops.
    """

    cells: Mapping[str, Cell]
    baseline: str
    tasks: tuple[PanelTask, ...]
    searched: int
    settings: tuple[Setting, ...]
    sizes: tuple[int, ...]
    rates: tuple[float, ...] = RATES
    seeds: int = 4
    error: float = 0.05
    fitness: Fitness = Fitness.LEAST
    seed: int = 0
    first: int = FIRST_SEED
    floor: float = 0.01
    ops: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what is no ladder.

        Raises:
            UserError: Names the option, what came and what is allowed.
        """
        for name, values in (("sizes", self.sizes), ("rates", self.rates)):
            rising = values and list(values) == sorted(set(values))
            if not (rising and values[0] > 0 and values[-1] < math.inf):
                said = ",".join(map(str, values))
                raise UserError(f"`{name}` must be rising and above 0, got {said}")
        at_least("`seeds`", self.seeds, 2)
        if self.seeds > MOST_SEEDS:
            raise UserError(f"`seeds` must be at most {MOST_SEEDS}, got {self.seeds}")
        if not 0 <= self.error < 1:
            raise UserError(f"`error` must be at least 0 and below 1, got {self.error}")
        if len(self.cells) < 2:
            raise UserError(f"nobody is there to compare with {self.baseline}")

    def check(self) -> None:
        """Refuses sizes at which a cell has no width.

        Raises:
            UserError: Names the cell, the task and the size.
        """
        panels = (self.panel(rung, self.cells) for rung in range(len(self.sizes)))
        for panel, (name, cell) in itertools.product(panels, self.cells.items()):
            for task, setting in itertools.product(panel.tasks, panel.settings):
                try:
                    model_width(
                        cell, setting.shape, task.task.task, task.training.block
                    )
                except CellError as error:
                    raise UserError(
                        f"{name} on {task.name}: {error}; see `sizes`"
                    ) from None

    def panel(self, rung: int, cells: Mapping[str, Cell]) -> Panel:
        """The runs of some cells on a rung: settings first, their rates within."""
        start = self.first + rung * MOST_SEEDS
        size, optimizer = self.sizes[rung], self.tasks[0].training.optimizer
        return Panel(
            cells=cells,
            tasks=self.tasks,
            settings=tuple(
                sized(one, size, rate, one.optimizer or optimizer)
                for one, rate in itertools.product(self.settings, self.rates)
            ),
            repeats=tuple(range(start, start + self.seeds)),
            seed=self.seed,
            floor=self.floor,
            ops=self.ops,
        )


def sized(setting: Setting, size: int, rate: float, optimizer: str) -> Setting:
    """A setting for another number of weights.

    An adaptive optimizer moves each of the H weights into a unit by about the rate, and
    if they agree, the unit by H times that. So the rate is to fall as 1 / H (Yang et
    al. 2021, Tensor Programs V, table 3), which is as one over the root of the weights.
    How far momentum and plain SGD move a weight depends on gradient and clipping bound,
    and no such rule is taken for granted: their rates stay.

    Args:
        setting: As it is good at its own number of weights.
        size: Weights of a model.
        rate: What the rate is multiplied by beside that.
        optimizer: That of the setting, or else the job's.
    """
    if optimizer in ADAPTIVE:
        rate *= math.sqrt(setting.parameters / size)
    short = float(f"{setting.rate * rate:.3g}")
    return dataclasses.replace(setting, parameters=size, rate=short)


def climb(
    ladder: Ladder, ledger: Ledger, pool: Callable[[], Pool], told: Told
) -> Iterator[RungTable]:
    """Trains what is not known yet, rung by rung, and says what each came to.

    It ends where all are left out but the baseline.

    Args:
        ladder: What is trained.
        ledger: What is known; each result is stored as it arrives.
        pool: Gives the pool, if there is anything to be trained.
        told: See `Told`.
    """
    cells: Mapping[str, Cell] = ladder.cells
    rungs: list[RungTable] = []
    for number, size in enumerate(ladder.sizes):
        if len(cells) == 1:
            return
        panel = ladder.panel(number, cells)
        panel.play(ledger, pool, partial(told, size))
        results = panel.results(ledger)
        rung = judge(
            panel,
            panel.scores(results),
            panel.last_losses(results),
            size=size,
            baseline=ladder.baseline,
            searched=ladder.searched,
            rates=len(ladder.rates),
            error=ladder.error,
            fitness=ladder.fitness,
            below=rungs,
        )
        yield rung
        rungs.append(rung)
        cells = {k: cell for k, cell in cells.items() if k not in rung.behind}


def costs(ladder: Ladder) -> Iterator[tuple[int, int, float]]:
    """Size, trainings and nominal core-seconds of each rung, if nobody is left out."""
    for number, size in enumerate(ladder.sizes):
        panel = ladder.panel(number, ladder.cells)
        yield size, len(panel), panel.nominal_s
