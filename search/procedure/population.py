"""Cells and what is known of them; the ranked list of those that reproduce."""

import bisect
import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import numpy as np

from cells import Cell, CellError, parse
from search.errors import UserError
from search.procedure.config import Stage
from tasks import Metric

TABLE: Final = 100
"""Cells that people are shown, if there are so many, however short the list is."""


class Origin(StrEnum):
    """Where a cell comes from.

    Attributes:
        SEED: It is one of those that the list starts with.
        REFERENCE: It is scored, and has no mutants.
        MUTANT: The search has made it.
        OUTSIDE: Somebody outside of the search has proposed it.
    """

    SEED = "seed"
    REFERENCE = "reference"
    MUTANT = "mutant"
    OUTSIDE = "outside"


class Trials:
    """The settings that a cell has been given on a task, and how each did.

    Kept as numbers, since a search of 100,000 candidates has millions of them.
    """

    __slots__ = ("_had", "_indices", "_values", "best", "best_index", "rounds")

    def __init__(self) -> None:
        self._had = 0  # bit i: whether the setting of index i is there
        self._indices = array("H")
        self._values = array("d")
        self.best = math.nan
        self.best_index = -1
        self.rounds = 0

    @staticmethod
    def restored(
        indices: "array[int]", values: "array[float]", best_index: int, rounds: int
    ) -> "Trials":
        """Trials as they were: settings in order, how each did, the best, the rounds.

        Raises:
            ValueError: The best is none of them.
        """
        trials = Trials()
        trials._had = _UNCOUNTED if indices else 0
        trials._indices, trials._values, trials.rounds = indices, values, rounds
        if best_index >= 0:
            trials.best = values[indices.index(best_index)]
            trials.best_index = best_index
        return trials

    def __len__(self) -> int:
        """How many settings were tried."""
        return len(self._indices)

    def add(self, index: int, value: float | None, metric: Metric) -> bool:
        """Adds a result; returns whether it is the best so far.

        Args:
            index: Of the setting in its grid.
            value: Best validation metric; None: it failed.
            metric: The task's.
        """
        number = math.nan if value is None else value
        if self._had == _UNCOUNTED:  # most that are restored have no more
            self._had = sum(1 << one for one in set(self._indices))
        if self._had >> index & 1:  # a race: the same setting with a larger budget
            place = self._indices.index(index)
            old = self._values[place]
            if metric.better(number, old):
                self._values[place] = number
        else:
            self._had |= 1 << index
            self._indices.append(index)
            self._values.append(number)
        if metric.better(number, self.best):
            self.best, self.best_index = number, index
            return True
        return False

    @property
    def indices(self) -> Sequence[int]:
        """The settings that were tried, in order."""
        return self._indices

    @property
    def values(self) -> Sequence[float]:
        """The metric of each; NaN where it failed."""
        return self._values


_UNCOUNTED: Final = -1


def best_first(trials: Sequence[Trials], metric: Metric) -> tuple[int, ...]:
    """Settings of a task that cells have had, by index; failures come last.

    Args:
        trials: Of each cell; a setting that several have had counts where it is best.
        metric: The task's.
    """
    indices = np.concatenate([np.array(one.indices) for one in trials])
    values = np.concatenate([np.array(one.values) for one in trials])
    worse = -values if metric.higher_is_better else values
    order = np.lexsort((indices, np.where(np.isnan(worse), np.inf, worse)))
    return tuple(dict.fromkeys(indices[order].tolist()))


@dataclass(slots=True)
class Member:
    """A cell that was proposed, and all that is known of it.

    Attributes:
        digest: Its identity.
        name: What it is called in tables.
        origin: Where it comes from.
        birth: Members are numbered as they are added.
        number: How many candidates had been proposed with it; 0 for seeds.
        parent: The digest of the cell that it is a mutant of; empty for none.
        rules: The transformations that made it of its parent.
        depth: Mutations between it and a seed.
        text: The canonical cell; empty where it is no longer needed.
        attempts: Times it was given the filter.
        filtered: Whether it has passed the filter, or need not.
        complete: Whether it has passed all gates, and so is in the population.
        under_way: Whether it is being evaluated.
        trials: For each task, once it has been given it.
        fitness: See `Population.fitness_of`; kept up to date for complete members.
        by: Who proposed it; empty: the search.
        mate: The digest of its other parent, if it is between two; empty: it is not.
    """

    digest: str
    name: str
    origin: Origin
    birth: int
    number: int = 0
    parent: str = ""
    rules: tuple[str, ...] = ()
    depth: int = 0
    text: str = ""
    attempts: int = 0
    filtered: bool = False
    complete: bool = False
    under_way: bool = False
    trials: list[Trials] = field(default_factory=list)
    fitness: float = 0.0
    by: str = ""
    mate: str = ""

    @property
    def is_candidate(self) -> bool:
        """Whether it had to make its way: it is no seed and no reference."""
        return self.origin in (Origin.MUTANT, Origin.OUTSIDE)

    def cell(self) -> Cell:
        """The canonical cell, read from its text."""
        try:
            return parse(self.text)
        except CellError as error:
            message = f"the text of cell {self.name} cannot be read: {error}"
            raise UserError(message) from None

    def trials_on(self, task: int) -> Trials:
        """Its trials on a task, none if it was not given it."""
        return self.trials[task] if task < len(self.trials) else Trials()

    @property
    def rank(self) -> tuple[float, int]:
        """Sorts the best first; the older of equal ones."""
        return (-self.fitness, self.birth)


class Population:
    """All members; the list has the best `list_size` complete ones.

    Args:
        stages: The tasks.
        list_size: How many are in the list at most.
        baseline: Digest of the cell that ratios refer to.

    Attributes:
        members: All but the references, by digest.
        references: By digest.
        seeds: Those of the members that are seeds.
        baseline: Digest of the cell that all are compared with.
    """

    def __init__(self, stages: Sequence[Stage], list_size: int, baseline: str) -> None:
        self.members: dict[str, Member] = {}
        self.references: dict[str, Member] = {}
        self.seeds: list[Member] = []
        self._names = [stage.name for stage in stages]
        self._metrics = [stage.metric for stage in stages]
        self._list_size = list_size
        self.baseline = baseline
        self._ranked: list[Member] = []
        self._bests: list[float] = []  # of the baseline; empty: to be found

    @property
    def ranked(self) -> Sequence[Member]:
        """All complete members, best first."""
        return self._ranked

    @property
    def best(self) -> Sequence[Member]:
        """The list, best first: those that have mutants and are examined again."""
        return self._ranked[: self._list_size]

    @property
    def order(self) -> Sequence[Member]:
        """All complete members as people are shown them."""
        return self._ranked

    @property
    def table(self) -> Sequence[Member]:
        """What people are shown, best first: the list, and more where it is short."""
        return self.order[: max(self._list_size, TABLE)]

    def add(self, member: Member) -> None:
        """Adds a member, which is not complete yet; references are kept apart."""
        place = self.references if member.origin == Origin.REFERENCE else self.members
        place[member.digest] = member
        if member.origin == Origin.SEED:
            self.seeds.append(member)

    def find(self, digest: str) -> Member | None:
        """A reference, or a member that may be the same cell, drawn as a mutant."""
        return self.references.get(digest) or self.members.get(digest)

    def join(self, member: Member) -> None:
        """A member has passed all gates."""
        if member.complete or member.origin == Origin.REFERENCE:
            return
        member.complete = True
        member.fitness = self.fitness_of(member)
        bisect.insort(self._ranked, member, key=lambda one: one.rank)

    def rank_as(self, members: Sequence[Member]) -> None:
        """Takes complete members with their fitnesses as they were ranked before."""
        self._ranked = list(members)

    def learned(self) -> list[list[Any]]:
        """Numbers that are known of all cells together, beside those of each."""
        return []

    def relearn(self, numbers: Sequence[Sequence[Any]]) -> None:
        """Takes what `learned` said before."""

    def trials(self, member: Member, task: int) -> Trials:
        """The trials of a member on a task, to which more are added."""
        while len(member.trials) <= task:
            member.trials.append(Trials())
        return member.trials[task]

    def observe(
        self, member: Member, task: int, index: int, value: float | None
    ) -> None:
        """Adds the result of one setting.

        Args:
            member: The member or reference.
            task: Index of the task.
            index: Of the setting in the task's grid.
            value: Best validation metric; None: it failed.
        """
        trials, metric = self.trials(member, task), self._metrics[task]
        improved = trials.add(index, value, metric)
        if not improved:
            return
        if member is self.find(self.baseline):
            self._rank_again()
        elif member.complete:
            self._move(member)

    def ratio_of(self, member: Member, task: int) -> float:
        """Its best on a task in units of the baseline's; 0 where it has none.

        Raises:
            UserError: The baseline has learned nothing, so there are no ratios.
        """
        if not self._bests:
            self._bests = self._baseline_bests()
        best = member.trials_on(task).best
        return self._metrics[task].ratio(best, self._bests[task])

    def exceeds(self, member: Member, task: int, share: float) -> bool:
        """Whether its best on a task is above a share of the baseline's."""
        return self.ratio_of(member, task) > share

    def fitness_of(self, member: Member) -> float:
        """The least of its ratios to the baseline (Jozefowicz et al. 2015, 3.1)."""
        return min(self.ratio_of(member, task) for task in range(len(self._metrics)))

    def baseline_ready(self) -> bool:
        """Whether the baseline has a result on every task."""
        member = self.find(self.baseline)
        return member is not None and all(
            not math.isnan(member.trials_on(task).best)
            for task in range(len(self._metrics))
        )

    def _baseline_bests(self) -> list[float]:
        """The baseline's best on each task."""
        member = self.find(self.baseline)
        bests = []
        for task, name in enumerate(self._names):
            best = math.nan if member is None else member.trials_on(task).best
            if not best or math.isnan(best):
                said = "nothing but failures" if math.isnan(best) else "0"
                raise UserError(
                    f"the baseline reaches {said} on {name}, so that there are "
                    "no ratios to it: allow more updates or other settings"
                )
            bests.append(best)
        return bests

    def _rank_again(self) -> None:
        self._bests = []
        if not self.baseline_ready():
            return
        for member in self._ranked:
            member.fitness = self.fitness_of(member)
        self._ranked.sort(key=lambda member: member.rank)

    def _move(self, member: Member) -> None:
        place = bisect.bisect_left(self._ranked, member.rank, key=lambda one: one.rank)
        assert self._ranked[place] is member
        del self._ranked[place]
        member.fitness = self.fitness_of(member)
        bisect.insort(self._ranked, member, key=lambda one: one.rank)
