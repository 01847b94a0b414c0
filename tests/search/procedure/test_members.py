"""Members that are made when they are asked for, and their order: against lists."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.procedure.members import Member, Members, Origin, Ranking


class Family:
    """Members with their parents, which counts how often each is made."""

    def __init__(self, parents: Mapping[str, str]) -> None:
        self.parents = dict(parents)
        self.made: list[str] = []

    def parent(self, place: int) -> str:
        return list(self.parents.values())[place]

    def make(self, place: int, parent: Member | None) -> Member:
        name = list(self.parents)[place]
        self.made.append(name)
        depth = 0 if parent is None else parent.depth + 1
        return Member(
            name, name, Origin.MUTANT, place, parent=self.parent(place), depth=depth
        )

    def expected(self) -> Members:
        """Members of whom nobody has been made."""
        members = Members()
        members.expect({name: n for n, name in enumerate(self.parents)}, self)
        return members


FAMILY = {"a": "", "b": "a", "c": "b", "d": "a", "e": "missing"}


def test_a_member_is_made_once_and_its_ancestors_before_it() -> None:
    family = Family(FAMILY)
    members = family.expected()
    assert len(members) == 5
    assert list(members) == list(FAMILY)
    assert "c" in members
    assert "missing" not in members
    assert members.get("missing") is None
    assert family.made == []
    assert members["c"] is members["c"]
    assert family.made == ["a", "b", "c"]
    assert [one.name for one in members.values()] == list(FAMILY)
    assert family.made == ["a", "b", "c", "d", "e"]
    assert [one.depth for one in members.values()] == [0, 1, 2, 1, 0]


def test_all_are_made_before_their_source_goes() -> None:
    family = Family(FAMILY)
    members = family.expected()
    members.make_all()
    family.parents.clear()
    assert [one.name for one in members.values()] == list(FAMILY)


def test_a_lineage_may_be_longer_than_calls_nest() -> None:
    names = [str(number) for number in range(3000)]
    line = Family(dict(zip(names, ["", *names], strict=False)))
    line.parent = lambda place: str(place - 1) if place else ""  # type: ignore[method-assign]
    assert line.expected()["2999"].depth == 2999


def test_who_descends_from_whoever_came_later_has_no_parent() -> None:
    members = Family({"a": "b", "b": "a", "c": "c"}).expected()
    assert members["a"].depth == 0
    assert members["b"].depth == 1
    assert members["c"].depth == 0


def test_nobody_is_born_twice() -> None:
    members = Members()
    members.add(Member("c", "c", Origin.SEED, 0))
    with pytest.raises(ValueError, match="born twice"):
        members.expect({"b": 0, "c": 1}, Family(FAMILY))
    assert list(members) == ["c"]


PLACES = st.integers(0, 9)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), PLACES),
        st.tuples(st.just("delete"), PLACES),
        st.tuples(st.just("get"), PLACES),
        st.tuples(st.just("slice"), st.slices(8)),
        st.tuples(st.just("sort"), st.none()),
    ),
    max_size=12,
)


@given(order=st.permutations(list(FAMILY)), steps=STEPS)
def test_a_ranking_is_a_list(order: list[str], steps: list[tuple[str, Any]]) -> None:
    members = Family(FAMILY).expected()
    ranking, plain = Ranking(members, order), [members[name] for name in order]
    new = Member("new", "new", Origin.MUTANT, 9)
    for step, place in steps:
        if step == "insert":
            ranking.insert(place, new)
            plain.insert(place, new)
        elif step == "delete" and place < len(plain):
            del ranking[place]
            del plain[place]
        elif step == "get" and place < len(plain):
            assert ranking[place] is plain[place]
        elif step == "slice":
            assert ranking[place] == plain[place]
        elif step == "sort":
            ranking[:] = sorted(ranking, key=lambda one: one.name)
            plain.sort(key=lambda one: one.name)
        assert len(ranking) == len(plain)
    assert list(ranking) == plain


def test_what_is_not_looked_at_is_not_made() -> None:
    family = Family(FAMILY)
    ranking = Ranking(family.expected(), ["d", "c", "e"])
    assert ranking[:1][0].name == "d"
    assert family.made == ["a", "d"]
