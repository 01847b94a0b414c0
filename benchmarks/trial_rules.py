"""Rules of evolution on trial: simulated searches alone have them.

Each draws from the generator of the decision and looks at nothing but the population,
so such a search repeats as any other. What pays moves to `search.procedure.parents`.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.crossover import between
from cells import Mutant, canonicalize, parse
from search.procedure.config import Config
from search.procedure.course import Course
from search.procedure.parents import PARENTS, Choice
from search.procedure.population import Member, Population
from search.procedure.proposals import Proposals

ISLANDS: Final = 3
LIST: Final = 5
"""Cells that have mutants, of an island or of the time since a restart."""

MIGRATION: Final = 0.1
"""Probability that the parent is the best of the next island."""

EXTINCTION: Final = 60
"""Mutants after which the worst island begins anew from the best cell of the best."""

PATIENCE: Final = 60
"""Mutants without a new one in the list after which it begins anew from the seeds."""

CROSSOVER: Final = 0.5
"""Probability that a proposal lies between two cells of the list."""


@dataclass(frozen=True)
class Trial:
    """A rule.

    Attributes:
        parent: Whose mutant is proposed.
        crossover: Probability that the proposal lies between the parent and another
            cell of the list.
    """

    parent: Choice
    crossover: float = 0.0


class TrialProposals(Proposals):
    """Draws the decisions of a search by such a rule."""

    def __init__(
        self, trial: Trial, config: Config, population: Population, course: Course
    ) -> None:
        super().__init__(config, population, course)
        self._trial = trial

    def _parent(self, rng: np.random.Generator) -> Member:
        return self._trial.parent(self._population, rng)

    def _mutant(self, parent: Member, rng: np.random.Generator) -> Mutant | None:
        crossover = self._trial.crossover
        if crossover and rng.random() < crossover:
            others = [one for one in self._population.best if one is not parent]
            child = self._between(parent, _any(others, rng), rng) if others else None
            if child is not None:
                return child
        return super()._mutant(parent, rng)

    def _between(
        self, parent: Member, other: Member, rng: np.random.Generator
    ) -> Mutant | None:
        """A cell between two; None: there is none, or it is one of them."""
        cell = between(self.cell(parent), self.cell(other), rng)
        if cell is None or len(cell.nodes) > self._config.rules.max_nodes:
            return None
        if canonicalize(cell).digest in (parent.digest, other.digest):
            return None
        return Mutant(cell, ("crossover",), 0.0, ())


def islands(population: Population) -> list[list[Member]]:
    """The cells of each island, best first, by all that is known of them today.

    A mutant lives where its number says. Every so many the worst island is left with
    the best cell of the best one.
    """
    now, found = _proposed(population), [list(population.seeds) for _ in range(ISLANDS)]
    end = EXTINCTION
    for mutant in [*_by_age(population), None]:
        while end <= now and (mutant is None or mutant.number > end):
            order = sorted(range(ISLANDS), key=lambda i: min(m.rank for m in found[i]))
            found[order[-1]] = [min(found[order[0]], key=lambda one: one.rank)]
            end += EXTINCTION
        if mutant is not None:
            found[mutant.number % ISLANDS].append(mutant)
    return [sorted(one, key=lambda member: member.rank) for one in found]


def _of_island(population: Population, rng: np.random.Generator) -> Member:
    """Any of the best of the next mutant's island, or the best of its neighbour."""
    found, own = islands(population), (_proposed(population) + 1) % ISLANDS
    if rng.random() < MIGRATION:
        return found[(own + 1) % ISLANDS][0]
    return _any(found[own][:LIST], rng)


def elites(population: Population) -> list[Member]:
    """The best cell for each number of matrices and states (MAP-Elites)."""
    best: dict[tuple[int, int], Member] = {}
    for member in population.ranked:
        best.setdefault(_niche(member.text), member)
    return list(best.values())


@functools.lru_cache(maxsize=10_000)
def _niche(text: str) -> tuple[int, int]:
    cell = parse(text)
    return sum(node.op == "linear" for node in cell.nodes), cell.num_states


def since_restart(population: Population) -> list[Member]:
    """The best of those that came since the last restart, with the seeds.

    A restart is where the best had been the same for `PATIENCE` mutants.
    """
    alive, last = list(population.seeds), 0
    for mutant in _by_age(population):
        if mutant.number - last > PATIENCE:
            alive, last = list(population.seeds), mutant.number
        alive.append(mutant)
        if mutant in _first(alive):
            last = mutant.number
    stale = _proposed(population) - last > PATIENCE
    return _first(population.seeds if stale else alive)


def _first(members: Sequence[Member]) -> list[Member]:
    return sorted(members, key=lambda one: one.rank)[:LIST]


def _by_age(population: Population) -> list[Member]:
    """The complete mutants, in the order in which they were proposed."""
    mutants = (one for one in population.ranked if one.is_candidate)
    return sorted(mutants, key=lambda one: one.number)


def _proposed(population: Population) -> int:
    return len(population.members) - len(population.seeds)


def _any(members: Sequence[Member], rng: np.random.Generator) -> Member:
    return members[int(rng.integers(len(members)))]


TRIALS: Final[Mapping[str, Trial]] = {
    "islands": Trial(_of_island),
    "elites": Trial(lambda population, rng: _any(elites(population), rng)),
    "crossover, list of 5": Trial(PARENTS["list"], CROSSOVER),
    "restarts, list of 5": Trial(
        lambda population, rng: _any(since_restart(population), rng)
    ),
}
"""The rules by the names that `benchmarks.bench_rules` has for them."""
