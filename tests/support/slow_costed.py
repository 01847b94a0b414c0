"""The search by common runs and a cost once more, in the plainest and slowest way.

Who dominates whom, fronts and crowding are found from their definitions, for all cells
anew whenever they are asked for.
"""

import math
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

from cells import CellError
from cells.size import flops
from search.procedure.config import Config
from tests.support.slow_paired import SlowPaired
from tests.support.slow_search import Known, SlowSearch
from workers import model_width, update_cost

Pair = tuple[float, float]
"""Fitness and cost."""


def beats(one: Pair, other: Pair) -> bool:
    """Whether one dominates another."""
    worse = one[0] < other[0] or one[1] > other[1]
    better = one[0] > other[0] or one[1] < other[1]
    return better and not worse


def peeled(pairs: Sequence[Pair]) -> list[list[int]]:
    """Fronts: those that none of the rest beats, again and again."""
    rest, found = list(range(len(pairs))), []
    while rest:
        front = [i for i in rest if not any(beats(pairs[j], pairs[i]) for j in rest)]
        found.append(front)
        rest = [i for i in rest if i not in front]
    return found


def crowd(pairs: Sequence[Pair]) -> list[float]:
    """The crowding distances of a front, as Deb et al. 2002 write them down.

    Of equal points the one that comes first is taken for the cheaper and worse one.
    """
    distances = [0.0] * len(pairs)
    for end in (0, 1):
        order = sorted(range(len(pairs)), key=lambda i: (pairs[i][end], i))
        low, high = pairs[order[0]][end], pairs[order[-1]][end]
        distances[order[0]] = distances[order[-1]] = math.inf
        for before, i, after in zip(order, order[1:], order[2:], strict=False):
            if high > low:
                gap = pairs[after][end] - pairs[before][end]
                distances[i] += gap / (high - low)
    return distances


def area(pairs: Sequence[Pair], worst: Pair) -> float:
    """The hypervolume: all cells of the grid that the pairs span, one by one."""
    fits = sorted({worst[0], *(pair[0] for pair in pairs)})
    costs = sorted({worst[1], *(pair[1] for pair in pairs)})
    total = 0.0
    for low, high in pairwise(fits):
        for cheap, dear in pairwise(costs):
            counts = low >= worst[0] and dear <= worst[1]
            if counts and any(f >= high and c <= cheap for f, c in pairs):
                total += (high - low) * (dear - cheap)
    return total


class SlowCosted(SlowPaired):
    """A whole search by common runs and a cost."""

    def cost_of(self, known: Known) -> float:
        if known not in self.costs:  # the one thing that is kept, and takes seconds
            self.costs[known] = self._cost(known)
        return self.costs[known]

    @cached_property
    def costs(self) -> dict[Known, float]:
        return {}

    def _cost(self, known: Known) -> float:
        costs = []
        for stage in self.config.tasks:
            for setting in self.panel:
                shape, task, block = (
                    setting.shape,
                    stage.task.task,
                    stage.training.block,
                )
                try:
                    width = model_width(known.cell, shape, task, block)
                    update = update_cost(known.cell, shape, task, block)
                except CellError:
                    return math.inf
                states = known.cell.num_states
                costs.append(
                    {
                        "flops": shape.num_layers * flops(known.cell, width),
                        "matrices": shape.num_layers
                        * sum(node.op == "linear" for node in known.cell.nodes),
                        "state_bytes": shape.num_layers * states * width * 4,
                        "training": stage.plan.budget * update,
                    }[self.objective.cost]
                )
        return sum(costs) / len(costs)

    def pair(self, known: Known) -> Pair:
        return self.fitness(known), self.cost_of(known)

    @property
    def floor(self) -> float:
        """The worst seed's fitness."""
        return min(self.fitness(one) for one in self.known if one.origin == "seed")

    @property
    def near(self) -> list[Known]:
        """Those that are no worse than the worst seed, the oldest first."""
        floor = self.floor
        return [
            one
            for one in self.known
            if one.complete
            and self.fitness(one) >= floor
            and self.cost_of(one) < math.inf
        ]

    def by_fitness(self, cells: Sequence[Known]) -> list[Known]:
        """Best first; of equal ones the older is first."""
        return sorted(
            cells, key=lambda one: (-self.fitness(one), self.known.index(one))
        )

    @property
    def fronts(self) -> list[list[Known]]:
        near = self.near
        pairs = [self.pair(one) for one in near]
        return [self.by_fitness([near[i] for i in front]) for front in peeled(pairs)]

    @property
    def beyond(self) -> list[Known]:
        near = self.near
        return self.by_fitness(
            [one for one in self.known if one.complete and one not in near]
        )

    @property
    def best(self) -> list[Known]:
        """Whole fronts, then the least crowded, then those that are out of reach."""
        found: list[Known] = []
        for front in self.fronts:
            left = self.rules.list_size - len(found)
            if len(front) > left:
                old = sorted(front, key=self.known.index)
                far = dict(
                    zip(old, crowd([self.pair(one) for one in old]), strict=True)
                )
                kept = sorted(old, key=lambda one: -far[one])[:left]
                return found + self.by_fitness(kept)
            found += front
        return (found + self.beyond)[: self.rules.list_size]

    def bar_of(self, known: Known) -> float:
        """The least fitness above which it is not surely outside of the list.

        Tried just above each fitness that there is: it is outside if the fronts before
        its own take all the room.
        """
        own = self.cost_of(known)
        if own == math.inf:
            return math.inf
        others = [self.pair(one) for front in self.fronts for one in front]
        for fitness in sorted({self.floor, *(pair[0] for pair in others)}):
            pairs = [*others, (math.nextafter(fitness, math.inf), own)]
            ahead = 0
            for front in peeled(pairs):
                if len(others) in front:
                    break
                ahead += len(front)
            if ahead < self.rules.list_size:
                return fitness
        raise AssertionError("the fittest of all is in the first front")

    def is_dropped(self, known: Known, rung: int, tasks: Sequence[int]) -> bool:
        self.judged = known
        return super().is_dropped(known, rung, tasks)

    @property
    def bar(self) -> float:
        return self.bar_of(self.judged)

    def examinable(self) -> list[Known]:
        """Of the first front of which any may have more seeds, those with fewest."""
        free = [
            one
            for one in self.best
            if not self.is_under_way(one)
            and self.seeds_had(one) < self.objective.most_seeds
        ]
        for group in (*self.fronts, self.beyond):
            own = [one for one in free if one in group]
            least = min(map(self.seeds_had, own), default=0)
            if own:
                return [one for one in own if self.seeds_had(one) == least]
        return []

    def state(self) -> list[Any]:
        """With the bars of the first and the last, were they to come again."""
        if not self.opened:
            return []
        self.judged = self.best[-1]
        digests, fitnesses, errors, last = super().state()
        return [digests, fitnesses, self.bar_of(self.best[0]), errors, last]

    def table(self) -> list[dict[str, Any]]:
        """All fronts, and those that are out of reach, with the cost of each."""
        cells = [one for group in (*self.fronts, self.beyond) for one in group]
        front = self.fronts[0]
        return [
            {
                **self.row(rank, one),
                "cost": self.cost_of(one),
                "pareto": one in front,
            }
            for rank, one in enumerate(cells, 1)
        ]


def slow_search(config: Config) -> type[SlowSearch]:
    """The slow kind of search of a configuration."""
    if config.objective is None:
        return SlowSearch
    return SlowPaired if config.objective.cost == "none" else SlowCosted
