"""A made-up world of cells in which evolution pays: nothing is trained in it.

A cell has a quality on each task, as the logarithm of its metric. A mutant inherits its
parent's qualities, usually with a loss, seldom with a gain. A setting takes something
off the metric. All of it is a function of names: equal searches see equal worlds.
"""

import math
import random
import zlib
from dataclasses import dataclass
from typing import Final

from search.procedure.members import Member
from search.procedure.moves import FILTER, Order
from workers import BUDGET, Result, Setting, Status
from workers.job.schedule import PASSED

SEEDS: Final = 0.4
"""The metric that seeds reach on every task with the best of settings."""

SHARED: Final = (-0.03, 0.04)
OWN: Final = (-0.01, 0.02)
"""Mean and standard deviation of what a mutation adds to all qualities, and to each."""

WORST: Final = 0.3
"""The share of its metric that the worst setting takes off."""


@dataclass(frozen=True)
class Landscape:
    """What trainings come to.

    Attributes:
        tasks: How many there are.
        passing: Share of mutants that pass the filter.
    """

    tasks: int
    passing: float = 0.1

    def qualities(self, digest: str, parent: tuple[float, ...]) -> tuple[float, ...]:
        """Logarithms of what a mutant reaches, as a multiple of the seeds.

        Args:
            digest: Of the mutant.
            parent: Qualities of its parent; empty for a seed.
        """
        if not parent:
            return (0.0,) * self.tasks
        rng = random.Random(f"quality {digest}")
        shared = rng.gauss(*SHARED)
        return tuple(quality + shared + rng.gauss(*OWN) for quality in parent)

    def passes(self, digest: str) -> bool:
        """Whether a mutant passes the filter, tried with whatever setting."""
        return luck(f"filter {digest}") < self.passing

    def result(self, order: Order, setting: Setting, quality: float) -> Result:
        """What a setting comes to; `quality` is that of the cell on the task."""
        if order.task == FILTER:
            passed = self.passes(order.digest)
            ended = PASSED if passed else BUDGET
            return Result(setting, Status.OK, 0.96 if passed else 0.3, 1, ended)
        loss = WORST * luck(f"{order.digest} {order.task} {setting.text}")
        best = SEEDS * math.exp(quality) * (1 - loss)
        return Result(setting, Status.OK, best, order.budget, BUDGET)


class World:
    """The qualities of the cells of one search."""

    def __init__(self, landscape: Landscape) -> None:
        """Nobody lives yet."""
        self._landscape = landscape
        self._qualities: dict[str, tuple[float, ...]] = {}

    def results(self, order: Order, member: Member) -> tuple[Result, ...]:
        """What the settings of an order come to, for the cell that it is about."""
        quality = self._of(member)[order.task]  # the filter's is not looked at
        return tuple(
            self._landscape.result(order, setting, quality)
            for setting in order.settings
        )

    def quality(self, member: Member) -> float:
        """The least of a cell's qualities: its fitness, were there no luck."""
        return min(self._of(member))

    def _of(self, member: Member) -> tuple[float, ...]:
        """A cell's qualities; its parent was there before it."""
        known = self._qualities.get(member.digest)
        if known is None:
            parent = self._qualities[member.parent] if member.parent else ()
            known = self._landscape.qualities(member.digest, parent)
            self._qualities[member.digest] = known
        return known


def luck(text: str) -> float:
    """A number in [0, 1) for a text."""
    return zlib.crc32(text.encode()) / 2**32
