"""Memorization as a filter: a job that ends as soon as its cell has shown enough.

The paper (section 3.5) has every new cell memorize first, on one setting, and discards
it below 95 % accuracy under teacher forcing. `presets/small.toml` says where its
numbers come from.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass

from cells import Cell, digest
from search.procedure.settings import Grid
from workers import PASSED, Job, Result, Schedule, Setting, TaskSpec, Training, make_job


@dataclass(frozen=True)
class Filter:
    """What a new cell has to learn before anything else is spent on it.

    Attributes:
        name: The preset that it is of; its other numbers may differ from that one's.
        task: What is to be learned; its epochs are how often one looks.
        grid: What a cell that is tried again may draw from.
        first: The setting of every cell's first attempt; one of the grid.
        budget: Most updates.
        target: The metric at which a cell has passed.
        give_up: Updates, and the validation loss above which a cell is given up from
            then on.
    """

    name: str
    task: TaskSpec
    grid: Grid
    first: Setting
    budget: int
    target: float = 0.95
    give_up: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        """Refuses a first setting that is not of the grid.

        Raises:
            ValueError: Names the setting.
        """
        if self.first not in self.grid:
            raise ValueError(f"first must be a setting of the grid, got {self.first}")

    @property
    def attempts(self) -> int:
        """How many different settings there are for a cell."""
        return len(self.grid)

    @property
    def training(self) -> Training:
        """Trains until a cell has passed or is given up."""
        options = (("target", self.target), ("give_up", self.give_up))
        return Training(schedule=Schedule("filter", options))

    def setting(self, digest: str, attempt: int) -> Setting:
        """The setting of a cell's n-th attempt, without repeats in a whole grid.

        Args:
            digest: Of the cell; equivalent cells get the same settings.
            attempt: From 0, which gets `first`; the others follow in an order that
                depends on the digest alone.
        """
        others = [setting for setting in self.grid if setting != self.first]
        random.Random(f"cellsearch filter {digest}").shuffle(others)
        order = [self.first, *others]
        return order[attempt % len(order)]

    def job(
        self, cell: Cell, attempt: int = 0, seed: int = 0, ops: tuple[str, ...] = ()
    ) -> Job:
        """The job that decides whether a cell is worth more than this; see `passed`.

        Args:
            cell: The cell.
            attempt: See `setting`.
            seed: Repeats differ in it.
            ops: `module:op` of a person's own ops that the cell may use.
        """
        return make_job(
            cell,
            self.task,
            (self.setting(digest(cell), attempt),),
            self.budget,
            seed=seed,
            training=self.training,
            ops=ops,
        )


def passed(results: Iterable[Result]) -> bool:
    """Whether the cell of a filter's job has reached the target."""
    return all(result.ended == PASSED for result in results)
