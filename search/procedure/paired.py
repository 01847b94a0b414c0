"""Cells by common runs: values in pairs with the baseline, their errors, the list."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from search.procedure.config import Stage
from search.procedure.members import Member
from search.procedure.objective import LOG_LOSS, Fitness, Paired
from search.procedure.population import Population


class PairedPopulation(Population):
    """All members, ranked by their values on common runs.

    Args:
        stages: The tasks.
        list_size: How many are in the list at most.
        baseline: Digest of the cell that is the other half of every pair.
        objective: The panel, and how values make a fitness.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        list_size: int,
        baseline: str,
        objective: Paired,
    ) -> None:
        super().__init__(stages, list_size, baseline)
        self._objective = objective
        self._settings = len(objective.panel)
        self._squares = [0.0] * len(stages)  # of deviations between seeds of a cell
        self._degrees = [0] * len(stages)

    def learned(self) -> list[list[Any]]:
        """The scatter between seeds, by task."""
        return [list(self._squares), list(self._degrees)]

    def relearn(self, numbers: Sequence[Sequence[Any]]) -> None:
        """Takes what `learned` said before."""
        squares, degrees = numbers
        self._squares = [float(one) for one in squares]
        self._degrees = [int(one) for one in degrees]

    def observe(
        self, member: Member, task: int, index: int, value: float | None
    ) -> None:
        """Adds a run.

        Args:
            member: The member or reference.
            task: Index of the task.
            index: Number of the run; see `Paired.run`.
            value: Its log loss.
        """
        self.trials(member, task).add(index, value, LOG_LOSS)

    def update(self, member: Member) -> None:
        """A complete member has had more runs on every task: ranks it anew."""
        if member.complete:
            self._move(member)

    def differences(self, member: Member, task: int) -> dict[int, float]:
        """For each run that both have had: how much better than the baseline's."""
        own = member.trials_on(task)
        base = self._baseline_runs(task)
        return {
            run: base[run] - value
            for run, value in zip(own.indices, own.values, strict=True)
            if run in base
        }

    def worth_of(self, member: Member, task: int) -> float:
        """Its value on a task: positive is better than the baseline; NaN without runs.

        The mean over settings of the mean over seeds, so that each setting counts
        alike.
        """
        return self._mean(self.differences(member, task))

    def worth_of_first(self, member: Member, task: int, runs: int) -> float:
        """Its value on a task by its first runs alone."""
        rows = self.differences(member, task).items()
        return self._mean({run: value for run, value in rows if run < runs})

    def error_of(self, member: Member, task: int) -> float:
        """Standard error of its value, over seeds; settings are taken as given.

        The variance between seeds is pooled over all cells that have had two or more,
        since a cell's own two or three say little of it.
        """
        seeds = len(self.by_seed(member, task))
        if not seeds or not self._degrees[task]:
            return math.inf
        variance = self._squares[task] / self._degrees[task]
        return math.sqrt(variance / seeds)

    def by_seed(self, member: Member, task: int) -> dict[int, float]:
        """The mean over settings for each seed that all settings have had."""
        seeds: dict[int, list[float]] = {}
        for run, value in self.differences(member, task).items():
            seeds.setdefault(run // self._settings, []).append(value)
        return {
            seed: math.fsum(values) / len(values)
            for seed, values in seeds.items()
            if len(values) == self._settings
        }

    def fitness_of(self, member: Member) -> float:
        """The least of its values, or their mean; NaN while there is none."""
        values = [self.worth_of(member, task) for task in range(len(self._metrics))]
        return self.combine(values)

    def combine(self, values: Sequence[float]) -> float:
        """One fitness of the values on all tasks."""
        if self._objective.fitness is Fitness.MEAN:
            return math.fsum(values) / len(values)
        return min(values)

    def upper_of(self, member: Member) -> float:
        """What its fitness may well be: every value a standard error higher."""
        tasks = range(len(self._metrics))
        return self.combine(
            [
                self.worth_of(member, task) + self.error_of(member, task)
                for task in tasks
            ]
        )

    @property
    def bar(self) -> float:
        """The fitness that reaches the list: the worst seed's until it is full."""
        if len(self._ranked) >= self._list_size:
            return self._ranked[self._list_size - 1].fitness
        return min((self.fitness_of(seed) for seed in self.seeds), default=-math.inf)

    def bar_for(self, member: Member) -> float:
        """The fitness below which a member would not reach the list."""
        return self.bar

    def undecided(self, free: Sequence[Member]) -> Sequence[Member]:
        """Of members of the list, those of which more seeds decide most.

        The one whose fitness, a standard error higher, is the highest (an upper
        confidence bound); the older of equal ones.
        """
        return [max(free, key=lambda one: (self.upper_of(one), -one.birth))]

    def pool(self, member: Member) -> None:
        """Takes a cell's scatter between seeds into the error of all values."""
        for task in range(len(self._metrics)):
            seeds = np.array(list(self.by_seed(member, task).values()))
            if len(seeds) > 1:
                self._squares[task] += float(((seeds - seeds.mean()) ** 2).sum())
                self._degrees[task] += len(seeds) - 1

    def repeats(self, member: Member) -> int:
        """How many seeds of each setting a member has had on every task."""
        return min(
            len(member.trials_on(task)) // self._settings
            for task in range(len(self._metrics))
        )

    def ratio_of(self, member: Member, task: int) -> float:
        """The loss of the baseline as a multiple of its own: exp of its value."""
        worth = self.worth_of(member, task)
        return 0.0 if math.isnan(worth) else math.exp(worth)

    def _mean(self, differences: dict[int, float]) -> float:
        settings: dict[int, list[float]] = {}
        for run, value in differences.items():
            settings.setdefault(run % self._settings, []).append(value)
        if not settings:
            return math.nan
        means = [math.fsum(values) / len(values) for values in settings.values()]
        return math.fsum(means) / len(means)

    def _baseline_runs(self, task: int) -> dict[int, float]:
        member = self.find(self.baseline)
        if member is None:
            return {}
        trials = member.trials_on(task)
        return dict(zip(trials.indices, trials.values, strict=True))
