"""Cells by common runs and by cost: the list is the front of the two."""

import math
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

from search.procedure.config import Stage
from search.procedure.costs import cell_cost
from search.procedure.front import Point, crowding, fronts
from search.procedure.members import Member
from search.procedure.objective import Paired
from search.procedure.paired import PairedPopulation

DEAREST: Final = 3.0
"""Cost of the reference point of hypervolumes, in costs of the baseline."""


class CostedPopulation(PairedPopulation):
    """All members; the list is chosen as NSGA-II chooses (Deb et al. 2002).

    A cell is *within reach* if its fitness is not below that of the worst seed and some
    width fits its weights: cheap cells that learn nothing would fill the front. Those
    within reach are sorted into fronts. The list takes whole fronts as long as there is
    room, of the next one those that are least crowded, and only then cells out of
    reach, by fitness (constrained domination, section VI of the paper).

    Fronts go by the values as they are, although values have errors, and costs none. A
    cell that owes its place to luck keeps it until more seeds tell, which is why those
    of the front that have had the fewest are examined first.

    Args:
        stages: The tasks.
        list_size: How many are in the list at most.
        baseline: Digest of the cell that is the other half of every pair.
        objective: The panel, and the cost.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        list_size: int,
        baseline: str,
        objective: Paired,
    ) -> None:
        super().__init__(stages, list_size, baseline, objective)
        self._stages = stages
        self._costs: dict[str, float] = {}
        self._fronts: list[list[Member]] = []  # empty: to be found; so is the list
        self._list: list[Member] = []

    def join(self, member: Member) -> None:
        """A member has had the whole panel."""
        super().join(member)
        self._forget()

    def rank_as(self, digests: Iterable[str]) -> None:
        """Takes complete members with their fitnesses as they were ranked before."""
        super().rank_as(digests)
        self._forget()

    def update(self, member: Member) -> None:
        """A complete member has had more runs on every task: ranks it anew."""
        super().update(member)
        self._forget()

    def cost_of(self, member: Member) -> float:
        """What a member costs; its text must be known."""
        if member.digest not in self._costs:
            kind, panel = self._objective.cost, self._objective.panel
            cost = cell_cost(member.cell(), kind, self._stages, panel)
            self._costs[member.digest] = cost
        return self._costs[member.digest]

    def point_of(self, member: Member) -> Point:
        """Fitness and cost."""
        return Point(member.fitness, self.cost_of(member))

    @property
    def fronts(self) -> Sequence[Sequence[Member]]:
        """Complete members within reach, front by front, each best first."""
        if not self._fronts and self._ranked:
            near = [one for one in self._ranked if self._is_near(one)]
            near.sort(key=lambda one: one.birth)
            found = fronts([self.point_of(one) for one in near])
            self._fronts = [
                sorted((near[index] for index in front), key=lambda one: one.rank)
                for front in found
            ]
        return self._fronts

    @property
    def front(self) -> Sequence[Member]:
        """Those within reach that nobody dominates, the best and dearest first."""
        return self.fronts[0] if self.fronts else ()

    @property
    def best(self) -> Sequence[Member]:
        """The list, front by front, each best first."""
        if not self._list:
            self._list = self.chosen(self._list_size)
        return self._list

    @property
    def order(self) -> Sequence[Member]:
        """The front, the fronts behind it, and those out of reach, each best first."""
        return [*chain.from_iterable(self.fronts), *self._beyond]

    def rank_of(self, member: Member) -> int:
        """Its place in `order`, from 1; 0: it has none."""
        places = (n for n, one in enumerate(self.order, 1) if one is member)
        return next(places, 0)

    def chosen(self, count: int) -> list[Member]:
        """So many, as the list takes them."""
        found: list[Member] = []
        for front in self.fronts:
            left = count - len(found)
            if len(front) > left:
                return found + self._least_crowded(front, left)
            found += front
        return found + self._beyond[: count - len(found)]

    def bar_for(self, member: Member) -> float:
        """The fitness below which a member would not reach the list, at its cost.

        A cell is in no front before those that its dominators are in. So it is out if
        it is dominated within the last front that there is room for, be it in part:
        its bar is the best fitness there of those that cost no more, or where there is
        none, or room for all fronts, the worst seed's. How crowded it would stand is
        not foretold.
        """
        cost = self.cost_of(member)
        if math.isinf(cost):
            return math.inf
        room = self._list_size
        for front in self.fronts:
            room -= len(front)
            if room <= 0:
                cheaper = (one.fitness for one in front if self.cost_of(one) <= cost)
                return max(cheaper, default=self.floor)
        return self.floor

    def undecided(self, free: Sequence[Member]) -> Sequence[Member]:
        """Of members of the list, those of the first front with the fewest seeds."""
        places = {
            one.digest: place
            for place, front in enumerate(self.fronts)
            for one in front
        }
        keys = [
            (places.get(one.digest, len(places)), self.repeats(one)) for one in free
        ]
        return [one for one, key in zip(free, keys, strict=True) if key == min(keys)]

    @property
    def floor(self) -> float:
        """The fitness of the worst seed."""
        return min((seed.fitness for seed in self.seeds), default=-math.inf)

    @property
    def reference(self) -> Point:
        """Of hypervolumes: the worst seed's fitness and `DEAREST`."""
        baseline = self.find(self.baseline)
        cost = math.inf if baseline is None else self.cost_of(baseline)
        return Point(self.floor, DEAREST * cost)

    def _forget(self) -> None:
        self._fronts, self._list = [], []

    @property
    def _beyond(self) -> list[Member]:
        """Complete members out of reach, best first."""
        return [one for one in self._ranked if not self._is_near(one)]

    def _is_near(self, member: Member) -> bool:
        return member.fitness >= self.floor and math.isfinite(self.cost_of(member))

    def _least_crowded(self, front: Sequence[Member], count: int) -> list[Member]:
        """So many of a front, best first; of equally crowded ones the older."""
        up = sorted(front, key=lambda one: (self.cost_of(one), one.birth))
        distances = crowding([self.point_of(one) for one in up])
        pairs = zip(up, distances, strict=True)
        kept = sorted(pairs, key=lambda pair: (-pair[1], pair[0].birth))[:count]
        return sorted((one for one, _ in kept), key=lambda one: one.rank)
