"""Whose mutants are proposed: against the probability of each cell, written out."""

import math
from collections import Counter

import numpy as np
import pytest

from search.procedure.members import Member, Origin
from search.procedure.parents import PARENTS, any_of
from search.procedure.population import Population
from tests.support.instant import config

WORTHS = {"a": 0.1, "b": 0.9, "c": 0.4, "d": 0.8, "e": 0.6, "f": 0.2, "g": 0.7}
"""Cells in the order in which they are complete; the first two are seeds."""

CHANCES = {
    "list": dict.fromkeys(("b", "d", "g", "e", "c"), 1 / 5),
    "seeds": dict.fromkeys(("a", "b"), 1 / 2),
}
"""The probability of each cell by each rule, with a list of five."""

DRAWS = 6000


class Known(Population):
    """A population whose fitness is said."""

    def fitness_of(self, member: Member) -> float:
        return WORTHS[member.digest]


@pytest.mark.parametrize("rule", PARENTS)
def test_a_rule_draws_each_cell_as_often_as_said(rule: str) -> None:
    known = Known(config().tasks, 5, "a")
    for birth, digest in enumerate(WORTHS):
        origin = Origin.SEED if birth < 2 else Origin.MUTANT
        member = Member(digest, digest, origin, birth)
        known.add(member)
        known.join(member)
    rng = np.random.default_rng(1)
    drawn = Counter(any_of(PARENTS[rule](known), rng).digest for _ in range(DRAWS))
    assert set(drawn) == set(CHANCES[rule])
    for cell, chance in CHANCES[rule].items():
        error = math.sqrt(chance * (1 - chance) / DRAWS)
        assert abs(drawn[cell] / DRAWS - chance) < 5 * error
