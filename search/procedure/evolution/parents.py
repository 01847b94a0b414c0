"""Whose mutant is proposed next: one function a rule, one table.

A rule draws from the generator of the decision, and looks at nothing but what is known
of cells by the results so far: so a search repeats.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from search.procedure.population import Member, Population

TOURNAMENT: Final = 3
"""Cells of a tournament."""

FIRST: Final = 4
"""The best are one in so many of the list."""


def _list(population: "Population", rng: np.random.Generator) -> "Member":
    """Any cell of the list (Jozefowicz et al. 2015, section 3.1)."""
    return _any(population.best, rng)


def _seeds(population: "Population", rng: np.random.Generator) -> "Member":
    """Any seed: random search, by which selection is measured."""
    return _any(population.seeds, rng)


def _tournament(population: "Population", rng: np.random.Generator) -> "Member":
    """The best of some cells of the list (Goldberg and Deb 1991)."""
    return _best_of(population.best, rng)


def _aged(population: "Population", rng: np.random.Generator) -> "Member":
    """The best of some of the youngest complete cells, as many as the list has.

    Regularized evolution (Real et al. 2019): the old die, however good.
    """
    return _best_of(population.youngest, rng)


def _rare(population: "Population", rng: np.random.Generator) -> "Member":
    """A cell of the list, the likelier the fewer mutants it has had."""
    cells, children = population.best, population.children
    weights = np.array([1 / (1 + children[one.digest]) for one in cells])
    ends = np.cumsum(weights)
    return cells[int(np.searchsorted(ends, rng.random() * ends[-1], side="right"))]


def _best(population: "Population", rng: np.random.Generator) -> "Member":
    """In half of all draws one of the first quarter of the list."""
    cells = population.best
    few = rng.random() < 0.5
    return _any(cells[: max(1, len(cells) // FIRST)] if few else cells, rng)


def _any(cells: Sequence["Member"], rng: np.random.Generator) -> "Member":
    return cells[int(rng.integers(len(cells)))]


def _best_of(cells: Sequence["Member"], rng: np.random.Generator) -> "Member":
    return min((_any(cells, rng) for _ in range(TOURNAMENT)), key=lambda one: one.rank)


Choice = Callable[["Population", np.random.Generator], "Member"]

PARENTS: Final[Mapping[str, Choice]] = {
    "list": _list,
    "seeds": _seeds,
    "tournament": _tournament,
    "aged": _aged,
    "rare": _rare,
    "best": _best,
}
"""The rules by name; the first is the paper's."""
