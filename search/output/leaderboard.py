"""The ranked table of a search: who is best, by how much, and of which ancestors."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from cells import num_params
from search.procedure.paired import PairedPopulation
from search.procedure.population import Member, Population
from search.procedure.procedure import Procedure
from workers import Setting

WIDTH: Final = 128
"""Width at which parameters of cells are compared."""


@dataclass(frozen=True)
class TaskScore:
    """How a cell does on a task.

    Attributes:
        metric: Its best validation metric; None: none of its settings succeeded.
        ratio: To the baseline's best; above 1 is better.
        setting: The setting that reached it.
        draws: How many settings it was given: more of them raise a best. By common
            runs: how many runs.
        difference: By common runs: how much lower its mean log loss is than the
            baseline's; None: the objective is another.
        error: Standard error of that; None: unknown.
    """

    metric: float | None
    ratio: float
    setting: Setting | None
    draws: int
    difference: float | None = None
    error: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        found = {
            "metric": self.metric,
            "ratio": self.ratio,
            "setting": self.setting.to_dict() if self.setting else None,
            "draws": self.draws,
        }
        if self.difference is not None:
            found |= {"difference": self.difference, "error": self.error}
        return found


@dataclass(frozen=True)
class LeaderboardRow:
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
    scores: Mapping[str, TaskScore]
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
            "tasks": {task: score.to_dict() for task, score in self.scores.items()},
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


class _Size(NamedTuple):
    nodes: int
    linears: int
    parameters: int


class _Rated(Protocol):
    """Whatever has a fitness."""

    @property
    def fitness(self) -> float: ...


T = TypeVar("T", bound=_Rated)


@dataclass(frozen=True)
class LineageStep:
    """One cell of a lineage.

    Attributes:
        member: The cell; its `rules` made it of the one before.
        fitness: By the best results that are known today.
        gain: Fitness less that of the cell before; None for the first.
    """

    member: Member
    fitness: float
    gain: float | None


class Leaderboard:
    """Makes rows of a search's members; sizes of cells are found once.

    Args:
        procedure: Of the search, which may be in progress.
    """

    def __init__(self, procedure: Procedure) -> None:
        self._procedure = procedure
        self._sizes: dict[str, _Size] = {}

    @property
    def paired(self) -> bool:
        """Whether cells are compared by common runs."""
        return self._procedure.config.objective is not None

    def rows(self, count: int | None = None) -> list[LeaderboardRow]:
        """The best of the list, best first.

        Args:
            count: How many; None: the whole list.
        """
        members = self._procedure.population.best
        unbeaten = {
            member.digest
            for member in pareto(members, lambda member: self._size(member).parameters)
        }
        chosen = members if count is None else members[:count]
        return [
            self._row(rank, member, member.digest in unbeaten)
            for rank, member in enumerate(chosen, 1)
        ]

    def named(self) -> list[LeaderboardRow]:
        """Seeds and references, with their ranks, if they have one."""
        population = self._procedure.population
        if not self._procedure.opened:
            return []
        ranks = {
            member.digest: rank for rank, member in enumerate(population.ranked, 1)
        }
        # A reference may be a cell that the search has found, too: it stays outside.
        seeds = [
            self._row(ranks.get(seed.digest, 0), seed, pareto=False)
            for seed in population.seeds
        ]
        references = population.references.values()
        return seeds + [self._row(0, other, pareto=False) for other in references]

    def _row(self, rank: int, member: Member, pareto: bool) -> LeaderboardRow:
        procedure = self._procedure
        size = self._size(member)
        return LeaderboardRow(
            rank=rank,
            member=member,
            fitness=procedure.population.fitness_of(member),
            scores={
                stage.name: self._score(member, task)
                for task, stage in enumerate(procedure.config.tasks)
            },
            nodes=size.nodes,
            linears=size.linears,
            parameters=size.parameters,
            age=procedure.proposed - member.number,
            pareto=pareto,
        )

    def _score(self, member: Member, task: int) -> TaskScore:
        trials, population = member.trials_on(task), self._procedure.population
        score = TaskScore(
            metric=None if math.isnan(trials.best) else trials.best,
            ratio=population.ratio_of(member, task),
            setting=self._procedure.setting(member, task),
            draws=len(trials),
        )
        if not isinstance(population, PairedPopulation):
            return score
        error = population.error_of(member, task)
        return replace(
            score,
            difference=population.worth_of(member, task),
            error=error if math.isfinite(error) else None,
        )

    def _size(self, member: Member) -> _Size:
        if member.digest not in self._sizes:
            cell = member.cell()
            self._sizes[member.digest] = _Size(
                nodes=len(cell.nodes),
                linears=sum(node.op == "linear" for node in cell.nodes),
                parameters=num_params(cell, WIDTH),
            )
        return self._sizes[member.digest]


def pareto(cells: Iterable[T], size: Callable[[T], int]) -> Iterator[T]:
    """The cells than which no other is both fitter and no larger, smallest first.

    Args:
        cells: Any number.
        size: Of a cell.
    """
    # From the smallest on: whoever is fitter than all before is beaten by none.
    fittest = -math.inf
    for cell in sorted(cells, key=lambda cell: (size(cell), -cell.fitness)):
        if cell.fitness > fittest:
            fittest = cell.fitness
            yield cell


def lineage(population: Population, member: Member) -> tuple[LineageStep, ...]:
    """The ancestors of a cell, a seed first, the cell last."""
    line = [member]
    while line[-1].parent:
        line.append(population.members[line[-1].parent])
    steps: list[LineageStep] = []
    for ancestor in reversed(line):
        fitness = population.fitness_of(ancestor)
        gain = fitness - steps[-1].fitness if steps else None
        steps.append(LineageStep(ancestor, fitness, gain))
    return tuple(steps)
