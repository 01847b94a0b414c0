"""Rules on trial: whom they draw, and cells between two others."""

from collections import Counter

import numpy as np
import pytest

from benchmarks.bench_rules import RULES, simulate
from benchmarks.crossover import between
from benchmarks.paired_world import Pieces
from benchmarks.trial_rules import (
    EXTINCTION,
    ISLANDS,
    LIST,
    PATIENCE,
    TRIALS,
    elites,
    islands,
    since_restart,
)
from cells import PUBLISHED, ZOO, Cell, canonical, check, digest, parse, to_text
from search.procedure.population import Member, Origin, Population
from tests.support.instant import config


class Known(Population):
    """A population whose fitness is said."""

    def __init__(self) -> None:
        super().__init__(config().tasks, 5, "gru")
        self.worths: dict[str, float] = {}
        for name in ("gru", "lstm"):
            self.put(name, 0.0, Origin.SEED, 0, to_text(canonical(ZOO[name])))

    def put(
        self, name: str, worth: float, origin: Origin, number: int, text: str = ""
    ) -> None:
        self.worths[name] = worth
        member = Member(name, name, origin, len(self.members), number, text=text)
        self.add(member)
        self.join(member)

    def more(self, count: int, worth: float) -> None:
        """So many mutants, each worth as much."""
        for _ in range(count):
            number = len(self.members) - 1
            self.put(f"m{number}", worth, Origin.MUTANT, number)

    def fitness_of(self, member: Member) -> float:
        return self.worths[member.digest]


def names(members: list[Member]) -> list[str]:
    return [member.name for member in members]


def test_a_mutant_lives_on_the_island_of_its_number() -> None:
    known = Known()
    known.more(7, -1.0)
    found = islands(known)
    assert names(found[0]) == ["gru", "lstm", "m3", "m6"]
    assert names(found[1]) == ["gru", "lstm", "m1", "m4", "m7"]
    assert names(found[2]) == ["gru", "lstm", "m2", "m5"]


def test_the_worst_island_begins_anew_from_the_best_cell_of_the_best() -> None:
    known = Known()
    known.put("m1", 0.5, Origin.MUTANT, 1)
    known.put("m2", 0.9, Origin.MUTANT, 2)
    known.more(EXTINCTION - 3, -1.0)
    assert len(islands(known)[0]) > 10
    known.more(1 + ISLANDS, -1.0)
    found = islands(known)
    assert names(found[0]) == ["m2", f"m{EXTINCTION + 3}"]
    assert [one[0].name for one in found[1:]] == ["m1", "m2"]
    assert min(map(len, found[1:])) > 10


def test_elites_are_the_best_for_their_matrices_and_states() -> None:
    known = Known()
    rows = {
        "one": "def cell(x, h): return tanh(linear(x) + h)",
        "two": "def cell(x, h): return tanh(linear(x) + linear(h))",
        "best": "def cell(x, h): return sigmoid(linear(x) + linear(h))",
        "more": "def cell(x, h, c): return tanh(linear(x) + linear(c)), h + c",
    }
    for number, (name, text) in enumerate(rows.items(), 1):
        known.put(name, number / 10 - 1, Origin.MUTANT, number, to_text(parse(text)))
    assert names(elites(known)) == ["gru", "lstm", "more", "best", "one"]


def test_a_list_that_stays_the_same_begins_anew_from_the_seeds() -> None:
    known = Known()
    known.more(LIST, 1.0)
    assert names(since_restart(known)) == ["m1", "m2", "m3", "m4", "m5"]
    known.more(PATIENCE, 0.9)
    assert names(since_restart(known)) == ["m1", "m2", "m3", "m4", "m5"]
    known.more(1, 0.9)
    fresh = f"m{LIST + PATIENCE + 1}"
    assert names(since_restart(known)) == [fresh, "gru", "lstm"]
    known.more(1, 0.95)
    assert names(since_restart(known))[1:] == [fresh, "gru", "lstm"]


def test_a_stale_search_draws_seeds_before_another_mutant_is_done() -> None:
    known = Known()
    known.more(LIST, 1.0)
    for number in range(LIST + 1, LIST + PATIENCE + 2):
        dropped = Member(f"m{number}", "", Origin.MUTANT, number + 1, number)
        known.add(dropped)
    assert names(since_restart(known)) == ["gru", "lstm"]


GRU = to_text(canonical(ZOO["gru"]))


def edited(*edits: tuple[str, str]) -> Cell:
    text = GRU
    for old, new in edits:
        assert text.count(old) >= 1
        text = text.replace(old, new, 1)
    return canonical(parse(text))


def test_between_two_cells_that_differ_in_two_places_there_are_four() -> None:
    outer, inner = ("h + n3", "x + n3"), ("tanh", "relu")
    first, second = edited(), edited(outer, inner)
    wanted = {
        digest(edited(*some)) for some in ((), (outer,), (inner,), (outer, inner))
    }
    rng = np.random.default_rng(0)
    drawn = Counter[str]()
    for _ in range(80):
        child = between(first, second, rng)
        assert child is not None
        drawn[digest(child)] += 1
    assert set(drawn) == wanted
    assert min(drawn.values()) > 5


def test_between_a_cell_and_itself_is_that_cell() -> None:
    rng = np.random.default_rng(0)
    for row in PUBLISHED.values():
        form = canonical(row.cell)
        child = between(form, form, rng)
        assert child is not None
        assert digest(child) == digest(form)


def test_between_published_cells_are_valid_ones_with_parts_of_both() -> None:
    rng = np.random.default_rng(0)
    met = set()
    for name in ("lstm", "mgu", "mut1", "intersection_rnn"):
        parents = [canonical(ZOO[one]) for one in ("gru", name)]
        for _ in range(10):
            child = between(*parents, rng)
            if child is None:
                continue
            check(child)
            kinds = {node.op for parent in parents for node in parent.nodes}
            assert {node.op for node in child.nodes} <= kinds
            met.add(digest(child))
    assert len(met) > 15


@pytest.mark.parametrize("rule", TRIALS)
def test_a_search_by_a_rule_on_trial_repeats_and_is_another(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.trial_rules.PATIENCE", 5)
    one, again = (simulate(Pieces(0), rule, 0, 40) for _ in range(2))
    assert one == again
    plain = next(name for name, row in RULES.items() if row == RULES[rule])
    assert simulate(Pieces(0), plain, 0, 40).mean != one.mean
