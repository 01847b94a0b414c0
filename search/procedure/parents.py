"""Whose mutant is proposed next: one function a rule, one table.

A rule draws from the generator of the decision, and looks at nothing but what is known
of cells by the results so far: so a search repeats. What a rule is worth is told by
`benchmarks.bench_rules`, which needs no training.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from search.procedure.population import Member, Population


def _list(population: "Population", rng: np.random.Generator) -> "Member":
    """Any cell of the list (Jozefowicz et al. 2015, section 3.1)."""
    return _any(population.best, rng)


def _seeds(population: "Population", rng: np.random.Generator) -> "Member":
    """Any seed: random search, by which selection is measured."""
    return _any(population.seeds, rng)


def _any(cells: Sequence["Member"], rng: np.random.Generator) -> "Member":
    return cells[int(rng.integers(len(cells)))]


Choice = Callable[["Population", np.random.Generator], "Member"]

PARENTS: Final[Mapping[str, Choice]] = {
    "list": _list,
    "seeds": _seeds,
}
"""The rules by name; the first is the paper's."""
