"""Whose mutants are proposed, and by which edits: against slow and plain versions."""

import itertools
import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from cells import TRANSFORMATIONS
from search.procedure.evolution.credit import MOST, PRIOR, Credit
from search.procedure.evolution.parents import FIRST, PARENTS, TOURNAMENT
from search.procedure.population import Member, Origin, Population
from tests.support.instant import config

WORTHS = {"a": 0.1, "b": 0.9, "c": 0.4, "d": 0.8, "e": 0.6, "f": 0.2, "g": 0.7}
"""Cells in the order in which they are complete; the first two are seeds."""

PARENT = {"c": "a", "d": "b", "e": "b", "f": "b", "g": "d"}
SIZE = 5
BEST = ("b", "d", "g", "e", "c")
CHANCES = 6000


class Known(Population):
    """A population whose fitness is said."""

    def fitness_of(self, member: Member) -> float:
        return WORTHS[member.digest]


@pytest.fixture
def population() -> Population:
    known = Known(config().tasks, SIZE, "a")
    for birth, digest in enumerate(WORTHS):
        origin = Origin.SEED if birth < 2 else Origin.MUTANT
        member = Member(digest, digest, origin, birth, parent=PARENT.get(digest, ""))
        known.add(member)
        known.join(member)
    return known


def evenly(cells: tuple[str, ...]) -> dict[str, float]:
    return {cell: 1 / len(cells) for cell in cells}


def tournament(cells: tuple[str, ...]) -> dict[str, float]:
    """Every way in which a tournament may be made up, each as likely."""
    drawn = list(itertools.product(cells, repeat=TOURNAMENT))
    wins = Counter(max(one, key=WORTHS.__getitem__) for one in drawn)
    return {cell: wins[cell] / len(drawn) for cell in wins}


def rare() -> dict[str, float]:
    weights = {cell: 1 / (1 + list(PARENT.values()).count(cell)) for cell in BEST}
    return {cell: weight / sum(weights.values()) for cell, weight in weights.items()}


def best() -> dict[str, float]:
    first = BEST[: len(BEST) // FIRST]
    return {cell: 0.5 / len(BEST) + 0.5 * evenly(first).get(cell, 0) for cell in BEST}


NAIVE: dict[str, Callable[[], dict[str, float]]] = {
    "list": lambda: evenly(BEST),
    "seeds": lambda: evenly(("a", "b")),
    "tournament": lambda: tournament(BEST),
    "aged": lambda: tournament(("c", "d", "e", "f", "g")),
    "rare": rare,
    "best": best,
}
"""The probability of each cell by each rule."""


def test_every_rule_is_tested() -> None:
    assert set(NAIVE) == set(PARENTS)


@pytest.mark.parametrize("rule", NAIVE)
def test_a_rule_draws_each_cell_as_often_as_said(
    rule: str, population: Population
) -> None:
    rng, expected = np.random.default_rng(1), NAIVE[rule]()
    drawn = Counter(PARENTS[rule](population, rng).digest for _ in range(CHANCES))
    assert math.isclose(sum(expected.values()), 1)
    assert set(drawn) == {cell for cell, chance in expected.items() if chance}
    for cell, chance in expected.items():
        error = math.sqrt(chance * (1 - chance) / CHANCES)
        assert abs(drawn[cell] / CHANCES - chance) < 5 * error


def test_weights_are_times_the_rate_of_survivors() -> None:
    rng, credit = np.random.default_rng(0), Credit()
    chances = dict(zip(TRANSFORMATIONS, (0.9, 0.5, 0.5, 0.4, 0.1, 0.1), strict=True))
    history = []
    for _ in range(400):
        rules = tuple(rng.choice(list(TRANSFORMATIONS), size=2))
        kept = bool(rng.random() < chances[rules[0]])
        history.append((rules, kept))
        credit.add(rules, kept)

    # A mutant counts once for each kind of edit that it has.
    pairs = [(name, kept) for rules, kept in history for name in set(rules)]
    rate = (1 + sum(kept for _, kept in pairs)) / (2 + len(pairs))
    found = credit.weights({"insert": 2.0, "remove": 0.0})
    for name in TRANSFORMATIONS:
        own = [kept for other, kept in pairs if other == name]
        factor = (sum(own) + PRIOR * rate) / (len(own) + PRIOR) / rate
        weight = {"insert": 2.0, "remove": 0.0}.get(name, 1.0)
        expected = weight * min(max(factor, 1 / MOST), MOST)
        assert found[name] == pytest.approx(expected)
    assert found["activation"] > 1 > found["combine"]


def test_without_experience_weights_stay() -> None:
    assert Credit().weights({}) == dict.fromkeys(TRANSFORMATIONS, 1.0)
