"""Whose mutants are proposed: one function a rule, one table.

A rule looks at nothing but what is known of cells by the results so far, and one of its
cells is drawn from the generator of the decision: so a search repeats. What a rule is
worth is told by `benchmarks.bench_rules`, which needs no training.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from search.procedure.members import Member
    from search.procedure.population import Population


def any_of(cells: Sequence["Member"], rng: np.random.Generator) -> "Member":
    """One of some cells, each as likely; the generator is advanced."""
    return cells[int(rng.integers(len(cells)))]


def _list(population: "Population") -> Sequence["Member"]:
    """The cells of the list (Jozefowicz et al. 2015, section 3.1)."""
    return population.best


def _seeds(population: "Population") -> Sequence["Member"]:
    """The seeds: random search, by which selection is measured."""
    return population.seeds


PARENTS: Final[Mapping[str, Callable[["Population"], Sequence["Member"]]]] = {
    "list": _list,
    "seeds": _seeds,
}
"""The rules by name; the first is the paper's."""
