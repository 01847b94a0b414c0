"""All cells of a search, and the ranked list of those that reproduce."""

import bisect
import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

from search.errors import UserError
from search.procedure.config import Stage
from search.procedure.members import Member, Members, Origin, Ranking, Trials

TABLE: Final = 100
"""Cells that people are shown, if there are so many, however short the list is."""


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
        self.members = Members()
        self.references: dict[str, Member] = {}
        self.seeds: list[Member] = []
        self._names = [stage.name for stage in stages]
        self._metrics = [stage.metric for stage in stages]
        self._list_size = list_size
        self.baseline = baseline
        self._ranked = Ranking(self.members, ())
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

    def rank_of(self, member: Member) -> int:
        """Its place in `order`, from 1; 0: it has none."""
        return self._place(member) + 1 if member.complete else 0

    def add(self, member: Member) -> None:
        """Adds a member, which is not complete yet; references are kept apart."""
        if member.origin == Origin.REFERENCE:
            self.references[member.digest] = member
        else:
            self.members.add(member)
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

    def rank_as(self, digests: Iterable[str]) -> None:
        """Takes complete members with their fitnesses as they were ranked before."""
        self._ranked = Ranking(self.members, digests)

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
        self._ranked[:] = sorted(self._ranked, key=lambda member: member.rank)

    def _place(self, member: Member) -> int:
        """Of a complete member among them."""
        place = bisect.bisect_left(self._ranked, member.rank, key=lambda one: one.rank)
        assert self._ranked[place] is member
        return place

    def _move(self, member: Member) -> None:
        del self._ranked[self._place(member)]
        member.fitness = self.fitness_of(member)
        bisect.insort(self._ranked, member, key=lambda one: one.rank)
