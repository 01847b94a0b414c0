"""What a cell has gained on its parent, and how sure that is."""

import math
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from search.contest.variance import LEVEL, t_quantile
from search.procedure.members import Member
from search.procedure.objective import Fitness
from search.procedure.paired import PairedPopulation
from search.procedure.procedure import Procedure

_WHERE: Final[Mapping[Fitness, str]] = {
    Fitness.LEAST: "on the task where each is worst, taken as given",
    Fitness.MEAN: "of the mean over tasks",
}


class Gains:
    """Intervals of gains, by the scatter between seeds of all cells and their parents.

    A gain is the fitness of a cell less that of its parent. By common runs both have
    had the same seeds, or the parent more of them, so that what a seed did to both
    alike has gone from the difference.

    Args:
        procedure: Of the search, which may be in progress.
    """

    def __init__(self, procedure: Procedure) -> None:
        population, objective = procedure.population, procedure.config.objective
        self._tasks = range(len(procedure.config.tasks))
        self._mean = objective is not None and objective.fitness is Fitness.MEAN
        self._pairs = population if isinstance(population, PairedPopulation) else None
        self._pooled: tuple[tuple[float, int], ...] | None = None

    @property
    def words(self) -> str:
        """What the interval is; empty by ratios, where there is none."""
        if self._pairs is None:
            return ""
        where = _WHERE[Fitness.MEAN if self._mean else Fitness.LEAST]
        return (
            f"±: {100 * LEVEL:.0f} % interval over seeds {where}; parent and child in "
            "pairs by seed, and the scatter of pairs pooled over all cells"
        )

    def half_of(self, member: Member, parent: Member) -> float | None:
        """Half the width of a gain's interval; None: it cannot be told."""
        pairs = self._pairs
        if pairs is None:
            return None
        tasks, variances = list(self._tasks), list(self._variances(member, parent))
        variance = math.fsum(variances) / len(tasks) ** 2
        if not self._mean:
            own = min(tasks, key=lambda task: pairs.worth_of(member, task))
            other = min(tasks, key=lambda task: pairs.worth_of(parent, task))
            if own == other or parent.digest == pairs.baseline:
                variance = variances[own]
            else:  # two tasks have no luck in common
                errors = pairs.error_of(member, own), pairs.error_of(parent, other)
                variance = math.fsum(error**2 for error in errors)
        if not math.isfinite(variance):
            return None
        degrees = min(degrees for _, degrees in self._scatter)
        return t_quantile((1 + LEVEL) / 2, degrees) * math.sqrt(variance)

    def _variances(self, member: Member, parent: Member) -> Iterator[float]:
        """On each task, of the value of a cell less that of its parent."""
        pairs = self._pairs
        assert pairs is not None
        for task, (scatter, degrees) in zip(self._tasks, self._scatter, strict=True):
            own, other = pairs.by_seed(member, task), pairs.by_seed(parent, task)
            if not (own and other and degrees):
                yield math.inf
            elif parent.digest == pairs.baseline:  # whose own value is 0 by any seeds
                yield scatter / len(own)
            else:
                # var(a - b) = s (1/n + 1/m) - 2 c k / (n m) for means over n and m
                # seeds, k of them common, of variance s and covariance c; for one
                # seed the variance of a - b is 2 s - 2 c, the scatter.
                n, m, k = len(own), len(other), len(own.keys() & other.keys())
                s = pairs.error_of(member, task) ** 2 * n
                yield s * (1 / n + 1 / m) - (2 * s - scatter) * k / (n * m)

    @property
    def _scatter(self) -> tuple[tuple[float, int], ...]:
        """On each task: variance between seeds of differences, degrees of freedom."""
        if self._pooled is None:
            self._pooled = tuple(map(self._pool, self._tasks))
        return self._pooled

    def _pool(self, task: int) -> tuple[float, int]:
        pairs, squares, degrees = self._pairs, 0.0, 0
        assert pairs is not None
        for member in pairs.ranked:
            if member.parent not in pairs.members:
                continue
            own = pairs.by_seed(member, task)
            other = pairs.by_seed(pairs.members[member.parent], task)
            gaps = np.array([own[seed] - other[seed] for seed in own if seed in other])
            if len(gaps) > 1:
                squares += float(((gaps - gaps.mean()) ** 2).sum())
                degrees += len(gaps) - 1
        return (squares / degrees if degrees else math.inf), degrees
