"""The logical clock: hand-made cases, and a slow clock that looks everything up."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.procedure.clock import Clock, Ticket

COSTS = st.one_of(st.integers(1, 4), st.floats(0.01, 100.0))
"""Few whole numbers: many jobs end at the same time."""

STEPS = st.lists(st.one_of(st.none(), COSTS), max_size=60)
"""None: the first job ends; a number: a job of that cost is issued."""


def test_jobs_end_in_the_order_of_their_ends() -> None:
    clock: Clock[str] = Clock(3)
    for content, end in (("late", 9.0), ("early", 2.0), ("between", 4.5)):
        clock.issue(content, end)
    taken = [clock.take() for _ in range(3)]
    assert [ticket.content for ticket in taken] == ["early", "between", "late"]
    assert len(clock) == 0


def test_of_jobs_that_end_together_the_first_issued_ends_first() -> None:
    clock: Clock[str] = Clock(4)
    for content in "dcba":
        clock.issue(content, 1.5)
    assert [clock.take().content for _ in range(4)] == ["d", "c", "b", "a"]


def test_time_is_the_end_of_the_last_job_that_was_taken() -> None:
    clock: Clock[str] = Clock(2)
    assert clock.now == 0
    clock.issue("first", 3.0)
    assert clock.now == 0
    clock.take()
    assert clock.now == 3
    assert clock.issue("second", 4.0) == Ticket(4.0, 1, 3.0, "second")


def test_to_look_at_the_first_job_changes_nothing() -> None:
    clock: Clock[str] = Clock(2)
    clock.issue("b", 2.0)
    clock.issue("a", 1.0)
    assert clock.first() == clock.first() == Ticket(1.0, 1, 0.0, "a")
    assert (len(clock), clock.now) == (2, 0)
    assert [clock.take().content for _ in range(2)] == ["a", "b"]


def test_a_job_is_refused_while_all_slots_are_taken() -> None:
    clock: Clock[str] = Clock(2)
    clock.issue("a", 1.0)
    assert clock.free
    clock.issue("b", 2.0)
    assert not clock.free
    with pytest.raises(ValueError, match="all 2 slots are taken"):
        clock.issue("c", 3.0)
    clock.take()
    assert clock.issue("c", 3.0).number == 2


@pytest.mark.parametrize("end", [5.0, 4.9, -1.0, math.nan])
def test_a_job_that_takes_no_time_is_refused(end: float) -> None:
    clock: Clock[str] = Clock(2)
    clock.issue("a", 5.0)
    clock.take()
    with pytest.raises(ValueError, match=r"a job ends later than 5\.0, got"):
        clock.issue("b", end)
    assert (len(clock), clock.issued) == (0, 1)


def test_where_nothing_is_in_flight_nothing_ends() -> None:
    clock: Clock[str] = Clock(1)
    with pytest.raises(IndexError):
        clock.first()
    with pytest.raises(IndexError):
        clock.take()


@given(slots=st.integers(1, 8), steps=STEPS)
def test_the_clock_does_what_a_slow_one_does(
    slots: int, steps: list[float | None]
) -> None:
    clock: Clock[int] = Clock(slots)
    flying: list[tuple[float, int, float, int]] = []
    now, number = 0.0, 0
    for step in steps:
        if step is None and flying:
            first = min(flying, key=lambda one: one[:2])
            flying.remove(first)
            now = first[0]
            assert clock.first() == first
            assert clock.take() == first
        elif step is not None and len(flying) < slots:
            flying.append((now + step, number, now, 7 * number))
            assert clock.issue(7 * number, now + step) == flying[-1]
            number += 1
        assert (clock.now, clock.issued, len(clock)) == (now, number, len(flying))
        assert clock.free == (len(flying) < slots)
    for left in sorted(flying):
        assert clock.take() == left


@given(slots=st.integers(1, 8), costs=st.lists(COSTS, max_size=60))
def test_kept_full_it_ends_every_job_once_and_never_goes_back(
    slots: int, costs: list[float]
) -> None:
    clock: Clock[int] = Clock(slots)
    taken: list[Ticket[int]] = []
    left = list(enumerate(costs))
    while left or len(clock):
        while left and clock.free:
            number, cost = left.pop(0)
            clock.issue(number, clock.now + cost)
        taken.append(clock.take())
    assert sorted(ticket.number for ticket in taken) == list(range(len(costs)))
    assert taken == sorted(taken, key=lambda ticket: (ticket.end, ticket.number))
    for ticket in taken:  # each slot has one job at a time
        during = [one for one in taken if one.start <= ticket.start < one.end]
        assert len(during) <= slots
