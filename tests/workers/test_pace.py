"""Slow workers are told from others, and given what they deliver in time."""

import itertools
import math
from collections import deque
from types import SimpleNamespace

import pytest

from cells import ZOO
from tests.support.jobs import job
from workers.job.cost import done_cost, nominal_cost
from workers.pools.nodes import Nodes
from workers.pools.pace import KEPT, KNOWN, SLOW, Pace, Speed
from workers.pools.ray_pool import TWICE_S, RayPool
from workers.pools.seats import QueuedJob, Seat


def speed(seconds, answers=KNOWN):
    """Of a worker that takes so many seconds for a nominal one."""
    made = Speed()
    for _ in range(answers):
        made.note(10.0, 10.0 * seconds)
    return made


def pace_of(*seconds, rises=100, second=2.0):
    """Of workers so fast, where priorities rise by 1 in so many seconds."""
    pace = Pace()
    pace.compare(map(speed, seconds))
    for at in range(rises + 1):
        pace.advance(float(at), second * at)
    return pace


def test_a_node_is_as_slow_as_its_median_worker():
    nodes, pace = Nodes(), Pace()
    speeds = [speed(1.0), speed(1.0), speed(1.0), speed(2.0), speed(3.0, KNOWN - 1)]
    pace.compare(speeds)
    names = ("a", "a", "b", "b", "c")
    abouts = [{"node": n, "machine": n, "address": "", "pid": 0} for n in names]
    for about in abouts:
        nodes.joined(about)
    told = [pace.told(one) for one in speeds]
    rows = nodes.rows(zip(abouts, [False] * 5, told, strict=True))
    assert [row.slowness for row in rows] == [1.0, 1.5, None]


def test_a_worker_is_as_slow_as_its_answers_beside_those_of_others():
    speeds = [speed(one) for one in (3.0, 3.0, 6.0)]
    pace = Pace()
    pace.compare(speeds)
    assert [pace.slowness(one) for one in speeds] == pytest.approx([1.0, 1.0, 2.0])


def test_a_speed_counts_once_there_are_some_answers_of_work_that_was_done():
    assert speed(9.0, KNOWN - 1).seconds is None
    assert Pace().slowness(speed(9.0, KNOWN - 1)) == 1.0
    nothing = Speed()
    for _ in range(9):
        nothing.note(0.0, 5.0)
        nothing.note(5.0, 0.0)
    assert nothing.seconds is None


def test_new_answers_weigh_more_than_old_ones():
    changed = speed(1.0, 100)
    changed.note(1.0, math.e)
    assert changed.seconds == pytest.approx(math.exp(1 - KEPT))
    for _ in range(60):
        changed.note(1.0, math.e)
    assert changed.seconds == pytest.approx(math.e, rel=0.01)


def test_a_job_is_for_those_who_have_done_it_by_its_turn():
    pace = pace_of(1.0, 1.0, 1.0)
    # The first one of all has priority 100: this one's turn is in 2 * 50 seconds.
    assert pace.allowed(150.0, 40.0, 0.0) == pytest.approx(100 / 40)
    assert pace_of(2.0, 2.0).allowed(150.0, 40.0, 0.0) == pytest.approx(100 / 80)
    assert pace.allowed(150.0, 200.0, 0.0) == SLOW  # there are always some for it


def test_a_job_that_waits_is_at_last_for_anybody():
    pace = pace_of(1.0, 1.0)
    assert pace.allowed(101.0, 10.0, 30.0) == pytest.approx(3.0)
    assert pace.allowed(101.0, 10.0, 1e9) > 1e7


def test_nothing_is_kept_from_anybody_before_it_is_known_how_fast_all_goes():
    pace = pace_of(1.0, 1.0, rises=KNOWN)
    assert pace.allowed(1e9, 40.0, 0.0) == math.inf
    assert pace_of(1.0, 1.0).allowed(150.0, 0.0, 0.0) == math.inf  # no cost
    level = Pace()
    for now in range(1000):
        level.advance(0.0, float(now))  # who gives no priorities has no turns
    assert level.allowed(0.0, 40.0, 0.0) == math.inf


def test_priorities_that_stand_still_or_fall_pass_the_time():
    pace = pace_of(1.0, 1.0, second=1.0)
    for now in (101.0, 150.0, 199.0):
        pace.advance(100.0 if now < 150 else 3.0, now)
    pace.advance(101.0, 200.0)
    kept = 1 - 1 / 40
    known = (1 - kept**100) / (1 - kept)
    rise, took = kept * known + 1, kept * known + 100
    assert pace.allowed(111.0, 1.0, 0.0) == pytest.approx(10 * took / rise)


def test_what_has_lasted_longer_than_foretold_lasts_as_long_again():
    pace = pace_of(2.0, 2.0)
    slow = speed(6.0)
    assert pace.left_s(slow, 10.0, 20.0) == pytest.approx(40.0)
    assert pace.left_s(slow, 10.0, 70.0) == 70.0
    assert pace.left_s(slow, 0.0, 70.0) == 0.0


def test_what_was_done_costs_what_was_to_be_done_without_compiling():
    whole, twice = job(budget=10), job(budget=20)
    extra = nominal_cost(twice) - nominal_cost(whole)
    updates = 10 * len(whole.settings)
    assert done_cost(whole, updates) == pytest.approx(extra)
    assert done_cost(whole, 0) == 0.0


class _Handle:
    """An actor that is asked, and never answers."""

    @property
    def evaluate(self):
        return self

    def remote(self, *_):
        return object()


def pool_of(*seconds, pace, now):
    """A pool of idle workers so fast, without Ray."""
    seats = [Seat(_Handle(), None, about={"node": ""}, speed=speed(s)) for s in seconds]
    busy = lambda: [(seat, one) for seat in seats for one in seat.jobs]  # noqa: E731
    pool = object.__new__(RayPool)
    clock = SimpleNamespace(read=lambda: now)
    crew = SimpleNamespace(seats=seats, clock=clock, busy=busy)
    numbers = itertools.count()
    pool.__dict__.update(
        _crew=crew, _pace=pace, _queue=[], _over=deque(), _numbers=numbers
    )
    return pool, seats


def given(seats):
    """Priorities of what workers have."""
    return [None if seat.queued is None else seat.queued.priority for seat in seats]


def waiting(*priorities, since, cost_s=10.0):
    return [
        QueuedJob(priority, n, job(name), 1e9, since, cost_s)  # of a cell each
        for n, (priority, name) in enumerate(zip(priorities, ZOO, strict=False))
    ]


def test_the_fast_are_given_what_is_urgent_and_the_slow_what_they_deliver_in_time():
    pool, seats = pool_of(3.0, 1.0, 1.0, pace=pace_of(1.0, 1.0, 3.0), now=200.0)
    pool._queue = waiting(101.0, 102.0, 110.0, 117.0, 118.0, since=200.0)
    pool._assign()
    # Its turn is in 31 s, and it will be done in 30; that of 110 is in 18.
    assert given(seats) == [117.0, 101.0, 102.0]
    assert [one.priority for one in pool._queue] == [110.0, 118.0]


def test_a_slow_worker_waits_until_a_job_has_waited_as_long_as_it_would_take():
    for waited_s, taken in ((29.0, None), (31.0, 102.0)):
        pace = pace_of(1.0, 1.0, 3.0)
        pool, [seat] = pool_of(3.0, pace=pace, now=200.0)
        pool._queue = waiting(102.0, since=200.0 - waited_s)
        pool._assign()
        assert given([seat]) == [taken]


def test_an_idle_worker_repeats_what_it_does_sooner_and_nothing_else():
    for own, other, since_s, repeated in (
        (1.0, 3.0, TWICE_S + 1, True),  # 10 s, where 30 - 11 are left
        (1.0, 3.0, 25.0, False),
        (3.0, 1.0, TWICE_S + 1, False),  # 30 s, where as long again are 11
        (3.0, 1.0, 31.0, True),  # it hangs
        (1.0, 3.0, TWICE_S - 1, False),  # it has just begun
    ):
        pace = pace_of(1.0, 1.0, 3.0)
        pool, seats = pool_of(own, other, pace=pace, now=200.0)
        [queued] = waiting(101.0, since=0.0)
        seats[1].give(queued, 200.0 - since_s, 1.0)
        pool._assign()
        assert given(seats) == [101.0 if repeated else None, 101.0]
