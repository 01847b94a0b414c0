"""The ranked table of a search: who is best, by how much, and at what size."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cells import num_params
from search.procedure.population import Member
from search.procedure.procedure import Procedure
from workers import Setting

WIDTH: Final = 128
"""Width at which parameters of cells are compared."""


@dataclass(frozen=True)
class Score:
    """How a cell does on a task.

    Attributes:
        metric: Its best validation metric; None: none of its settings succeeded.
        ratio: To the baseline's best; above 1 is better.
        setting: The setting that reached it.
        draws: How many settings it was given: more of them raise a best.
    """

    metric: float | None
    ratio: float
    setting: Setting | None
    draws: int


@dataclass(frozen=True)
class Row:
    """One cell of the table.

    Attributes:
        rank: From 1; 0: a reference, which has no rank.
        member: The cell.
        fitness: The least of its ratios.
        scores: By task.
        nodes: Of the canonical cell.
        linears: Matrices among them.
        parameters: Weights of the cell at width `WIDTH`.
        age: Candidates proposed since it was.
        pareto: Whether no other cell is both fitter and no larger, or smaller and as
            fit.
    """

    rank: int
    member: Member
    fitness: float
    scores: Mapping[str, Score]
    nodes: int
    linears: int
    parameters: int
    age: int
    pareto: bool = False

    def to_dict(self) -> dict[str, Any]:
        """JSON values: the same for the same search."""
        return {
            "rank": self.rank,
            "digest": self.member.digest,
            "name": self.member.name,
            "text": self.member.text,
            "fitness": self.fitness,
            "tasks": {
                task: {
                    "metric": score.metric,
                    "ratio": score.ratio,
                    "setting": score.setting.to_dict() if score.setting else None,
                    "draws": score.draws,
                }
                for task, score in self.scores.items()
            },
            "nodes": self.nodes,
            "linears": self.linears,
            "parameters": self.parameters,
            "born": self.member.birth,
            "parent": self.member.parent,
            "depth": self.member.depth,
            "origin": self.member.origin,
            "rules": list(self.member.rules),
            "pareto": self.pareto,
        }


class Leaderboard:
    """Makes rows of a search's members; sizes of cells are found once."""

    def __init__(self, procedure: Procedure) -> None:
        """Of a search in progress."""
        self._procedure = procedure
        self._sizes: dict[str, tuple[int, int, int]] = {}

    def rows(self, count: int | None = None) -> list[Row]:
        """The best of the list, best first.

        Args:
            count: How many; None: the whole list.
        """
        members = self._procedure.population.best
        marked = self._pareto(members)
        chosen = members if count is None else members[:count]
        return [
            self._row(rank, member, member.digest in marked)
            for rank, member in enumerate(chosen, 1)
        ]

    def named(self) -> list[Row]:
        """Seeds and references, with their ranks, if they have one."""
        population = self._procedure.population
        if not self._procedure.opened:
            return []
        ranks = {one.digest: rank for rank, one in enumerate(population.ranked, 1)}
        members = [*population.seeds, *population.references.values()]
        return [
            self._row(
                ranks.get(one.digest, 0) if one.origin == "seed" else 0, one, False
            )
            for one in members
        ]

    def _row(self, rank: int, member: Member, pareto: bool) -> Row:
        procedure = self._procedure
        nodes, linears, parameters = self._size(member)
        return Row(
            rank=rank,
            member=member,
            fitness=procedure.population.fitness_of(member),
            scores={
                stage.name: self._score(member, task)
                for task, stage in enumerate(procedure.config.tasks)
            },
            nodes=nodes,
            linears=linears,
            parameters=parameters,
            age=procedure.proposed - member.number,
            pareto=pareto,
        )

    def _score(self, member: Member, task: int) -> Score:
        trials = member.trials_on(task)
        return Score(
            metric=None if math.isnan(trials.best) else trials.best,
            ratio=self._procedure.population.ratio_of(member, task),
            setting=self._procedure.setting(member, task),
            draws=len(trials),
        )

    def _size(self, member: Member) -> tuple[int, int, int]:
        if member.digest not in self._sizes:
            cell = member.cell()
            linears = sum(node.op == "linear" for node in cell.nodes)
            sizes = (len(cell.nodes), linears, num_params(cell, WIDTH))
            self._sizes[member.digest] = sizes
        return self._sizes[member.digest]

    def _pareto(self, members: Sequence[Member]) -> set[str]:
        """Those that nobody beats in fitness and size at once."""
        found, smallest = set(), math.inf
        order = sorted(members, key=lambda one: (-one.fitness, self._size(one)[2]))
        for member in order:
            parameters = self._size(member)[2]
            if parameters < smallest:
                smallest = parameters
                found.add(member.digest)
        return found
