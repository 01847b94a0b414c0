"""The ranked table of a search: who is best, and by how much."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from cells import flops, matrices, num_params, state_bytes
from search.loop.standing import NO_FINALS, FinalOrder, standing
from search.output.front import course_line
from search.output.score import BestScore, PairedScore, TaskScore
from search.output.terms import Terms, terms_of
from search.procedure.costed import CostedPopulation
from search.procedure.costs import finite
from search.procedure.members import Member
from search.procedure.paired import PairedPopulation
from search.procedure.population import Population
from search.procedure.procedure import Procedure

WIDTH: Final = 128
"""Width at which parameters of cells are compared."""


@dataclass(frozen=True)
class LeaderboardRow:
    """One cell of the table.

    Attributes:
        rank: From 1; 0: a reference, which has no rank.
        member: The cell.
        fitness: See `Terms.fitness`.
        scores: By task.
        nodes: Of the canonical cell.
        linears: Matrices among them.
        parameters: Weights of the cell at width `WIDTH`.
        flops: Of a step forward at width `WIDTH`: the nominal cost.
        state_bytes: Carried from step to step at width `WIDTH`.
        age: Candidates proposed since it was.
        cost: See `CostedPopulation.cost_of`; None: the search has no cost.
        pareto: Whether no other cell is both fitter and no larger, or smaller and as
            fit; with a cost, whether it is in the front.
    """

    rank: int
    member: Member
    fitness: float
    scores: Mapping[str, TaskScore]
    nodes: int
    linears: int
    parameters: int
    flops: int
    state_bytes: int
    age: int
    cost: float | None = None
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
            "flops": self.flops,
            "state_bytes": self.state_bytes,
            "born": self.member.birth,
            "parent": self.member.parent,
            **({"mate": self.member.mate} if self.member.mate else {}),
            "depth": self.member.depth,
            "origin": self.member.origin,
            "rules": list(self.member.rules),
            **({} if self.cost is None else {"cost": finite(self.cost)}),
            "pareto": self.pareto,
            **({"by": self.member.by} if self.member.by else {}),
        }


class _Size(NamedTuple):
    nodes: int
    linears: int
    parameters: int
    flops: int
    state_bytes: int


class _Rated(Protocol):
    """Whatever has a fitness."""

    @property
    def fitness(self) -> float: ...


T = TypeVar("T", bound=_Rated)


class Leaderboard:
    """Makes rows of a search's members; sizes of cells are found once.

    Args:
        procedure: Of the search, which may be in progress.
        finals: The order of its finals; see `standing`.
    """

    def __init__(self, procedure: Procedure, finals: FinalOrder = NO_FINALS) -> None:
        self._procedure = procedure
        self._finals = finals
        self._sizes: dict[str, _Size] = {}

    @property
    def terms(self) -> Terms:
        """What its numbers are called."""
        return terms_of(self._procedure.config)

    def rows(self, count: int | None = None) -> list[LeaderboardRow]:
        """The best of the table, best first.

        Args:
            count: How many; None: the whole table.
        """
        members = standing(self._procedure, self._finals)
        population = self._procedure.population
        unbeaten = {
            member.digest
            for member in (
                population.front
                if isinstance(population, CostedPopulation)
                else pareto(members, lambda member: self._size(member).parameters)
            )
        }
        chosen = members if count is None else members[:count]
        return [
            self._row(rank, member, member.digest in unbeaten)
            for rank, member in enumerate(chosen, 1)
        ]

    @property
    def note(self) -> str:
        """Says which ranks finals have changed; empty: none."""
        first = standing(self._procedure, self._finals)
        moved = [
            rank
            for rank, pair in enumerate(
                zip(first, self._procedure.population.table, strict=True), 1
            )
            if pair[0] is not pair[1]
        ]
        if not moved:
            return ""
        return f"ranks {moved[0]} to {moved[-1]} go by the finals, below"

    @property
    def course(self) -> str:
        """How far the front has come, in a line; empty: the search has no cost."""
        population = self._procedure.population
        if not isinstance(population, CostedPopulation) or not population.ranked:
            return ""
        return course_line(population, self._procedure.proposed)

    def named(self) -> list[LeaderboardRow]:
        """Seeds and references, with their ranks, if they have one."""
        population = self._procedure.population
        if not self._procedure.opened:
            return []
        # A reference may be a cell that the search has found, too: it stays outside.
        seeds = [
            self._row(population.rank_of(seed), seed, pareto=False)
            for seed in population.seeds
        ]
        references = population.references.values()
        return seeds + [self._row(0, other, pareto=False) for other in references]

    def scores(self, member: Member) -> dict[str, TaskScore]:
        """How a cell, ranked or not, does on each task."""
        return {
            stage.name: self._score(member, task)
            for task, stage in enumerate(self._procedure.config.tasks)
        }

    def _row(self, rank: int, member: Member, pareto: bool) -> LeaderboardRow:
        procedure = self._procedure
        size = self._size(member)
        return LeaderboardRow(
            rank=rank,
            member=member,
            fitness=procedure.population.fitness_of(member),
            scores=self.scores(member),
            **size._asdict(),
            age=procedure.proposed - member.number,
            cost=cost_of(procedure.population, member),
            pareto=pareto,
        )

    def _score(self, member: Member, task: int) -> TaskScore:
        trials, population = member.trials_on(task), self._procedure.population
        if isinstance(population, PairedPopulation):
            return PairedScore(
                difference=population.worth_of(member, task),
                error=population.error_of(member, task),
                trials=len(trials),
            )
        return BestScore(
            metric=None if math.isnan(trials.best) else trials.best,
            ratio=population.ratio_of(member, task),
            setting=self._procedure.setting(member, task),
            trials=len(trials),
        )

    def _size(self, member: Member) -> _Size:
        if member.digest not in self._sizes:
            cell = member.cell()
            self._sizes[member.digest] = _Size(
                nodes=len(cell.nodes),
                linears=matrices(cell),
                parameters=num_params(cell, WIDTH),
                flops=flops(cell, WIDTH),
                state_bytes=state_bytes(cell, WIDTH),
            )
        return self._sizes[member.digest]


def cost_of(population: Population, member: Member) -> float | None:
    """What a member costs; None: the search has no cost."""
    if isinstance(population, CostedPopulation):
        return population.cost_of(member)
    return None


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
