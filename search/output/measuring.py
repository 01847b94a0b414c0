"""What many cells take on this device, and which nominal cost foretells it.

Nothing that a search decides depends on it: times differ by machine and by minute.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final

from cells import ZOO, Cell, digest
from search.output.cost import BESIDE, Counted, Spread, count, device, ratios
from workers import Load, Speed

CELLS: Final = 40
"""So many cells are measured together; published ones make up the number."""

NOMINAL: Final[Mapping[str, str]] = {
    "flops": "FLOPs",
    "matrices": "matrices",
    "parameters": "weights",
    "state_bytes": "bytes of state",
}
"""Costs that are counted, and their names for a person."""

MEASURED: Final[Mapping[str, str]] = {
    "training_s": "training",
    "inference_s": "inference",
}
"""Times that are measured: fields of `Speed`, and their names for a person."""


@dataclass(frozen=True)
class MeasuredCell:
    """A cell, and what it takes.

    Attributes:
        name: What it is called.
        counted: Its nominal costs.
        load: At which sizes.
        speed: Of each round.
    """

    name: str
    counted: Counted
    load: Load
    speed: Speed

    def median(self, kind: str) -> float:
        """Seconds of a step, of a key of `MEASURED`."""
        seconds: tuple[float, ...] = getattr(self.speed, kind)
        return statistics.median(seconds)

    def ratio(self, beside: "MeasuredCell", kind: str) -> Spread:
        """How many times the other's it is, round by round."""
        return ratios(getattr(self.speed, kind), getattr(beside.speed, kind))


@dataclass(frozen=True)
class Measurement:
    """Cells that were measured together.

    Attributes:
        device: What they were measured on.
        rounds: How often each was.
        cells: The one that others are held against first.
    """

    device: str
    rounds: int
    cells: tuple[MeasuredCell, ...]

    @property
    def beside(self) -> MeasuredCell:
        """The cell that others are held against."""
        return self.cells[0]

    def correlations(self, kind: str) -> dict[str, float]:
        """Spearman's, of a time with each nominal cost over all cells.

        `itself` is that of the medians of the odd rounds with those of the even ones,
        which nothing can exceed by much.

        Args:
            kind: A key of `MEASURED`.
        """
        times = [cell.median(kind) for cell in self.cells]
        found = {
            cost: spearman([getattr(one.counted, cost) for one in self.cells], times)
            for cost in NOMINAL
        }
        rounds = [getattr(one.speed, kind) for one in self.cells]
        halves = (
            [statistics.median(each[start::2]) for each in rounds] for start in (0, 1)
        )
        return {**found, "itself": spearman(*halves)}


def measure_cells(
    cells: Mapping[str, Cell], loads: Mapping[str, Load], rounds: int
) -> Measurement:
    """Measures cells in turn, on the device that JAX has.

    Args:
        cells: By name, `BESIDE` among them.
        loads: At which sizes each is measured.
        rounds: How often each is, 2 at least.

    Raises:
        JobError: They do not fit into the device's memory, or it does not start.
    """
    from workers import measure_speed  # and so JAX

    speeds = measure_speed(cells, loads, rounds)
    names = sorted(cells, key=lambda name: name != BESIDE)
    return Measurement(
        device(),
        rounds,
        tuple(
            MeasuredCell(
                name, count(cells[name], loads[name]), loads[name], speeds[name]
            )
            for name in names
        ),
    )


def with_published(cells: Mapping[str, Cell], number: int = CELLS) -> dict[str, Cell]:
    """Some cells after the one that others are held against, and published ones.

    Args:
        cells: By name. Names of the zoo are of its cells.
        number: Of all together, if there are so many.
    """
    known = {digest(cell) for cell in cells.values()}
    published = ((name, cell) for name, cell in ZOO.items() if name != BESIDE)
    others = (pair for pair in published if digest(pair[1]) not in known)
    first = {BESIDE: ZOO[BESIDE], **cells}
    more = islice(others, max(0, number - len(first)))
    return dict(chain(first.items(), more))


def spearman(first: Sequence[Any], second: Sequence[Any]) -> float:
    """The rank correlation; NaN where one of them is the same for all cells."""
    from scipy.stats import spearmanr

    if len(set(first)) == 1 or len(set(second)) == 1:
        return math.nan
    return float(spearmanr(first, second).statistic)
