"""How a run's cells stand: by the search, the first of them by finals."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from search.loop.runs import OpenRun
from search.loop.standing import NO_FINALS, FinalOrder, final_order, standing
from search.procedure.procedure import Procedure


def _procedure(table: str, runs: int = 4) -> Procedure:
    members = [SimpleNamespace(digest=letter, trials=["r" * runs]) for letter in table]
    population = SimpleNamespace(table=members)
    return cast(Procedure, SimpleNamespace(population=population))


@pytest.mark.parametrize(
    ("table", "finals", "stands"),
    [
        ("abcd", "", "abcd"),
        ("abcd", "bxac", "bacd"),  # x, a reference, is not in the table
        ("abcd", "dcba", "dcba"),
        ("nabc", "cba", "nabc"),  # n came since: it was in no finals
        ("anbc", "cba", "anbc"),
        ("", "ab", ""),
    ],
)
def test_the_first_stand_as_in_finals_as_far_as_all_were_in_them(
    table: str, finals: str, stands: str
) -> None:
    found = standing(_procedure(table), FinalOrder(finals, 4))
    assert "".join(member.digest for member in found) == stands


def test_finals_of_fewer_runs_than_the_search_had_decide_nothing() -> None:
    found = standing(_procedure("abc", runs=5), FinalOrder("cba", 4))
    assert "".join(member.digest for member in found) == "abc"


@pytest.mark.parametrize(
    "value", [None, [], {}, {"rows": 3}, {"rows": [1, {}, {"digest": 3}]}]
)
def test_damaged_finals_change_no_order(value: Any) -> None:
    history = SimpleNamespace(get={"finals": value}.get)
    run = SimpleNamespace(store=SimpleNamespace(history=history))
    assert not final_order(cast(OpenRun, run)).digests
    assert standing(_procedure("ab"), final_order(cast(OpenRun, run)))
    assert not standing(_procedure(""), NO_FINALS)
