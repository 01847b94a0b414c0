"""Deadlines count time in which the machine ran."""

import itertools
import math
import threading
import time
from collections import deque
from types import SimpleNamespace

import pytest

from tests.support.jobs import FIXED, job
from workers import Evaluator, JobError, PoolOptions, RayPool, Status
from workers.errors import MachineError
from workers.machine.clock import RunningClock, ticking
from workers.pools.crew import Crew
from workers.pools.seats import LOSSES, QueuedJob, Seat, ending, lost
from workers.training.data import DataCache
from workers.training.progress import Progress
from workers.training.trainer import Trainer


def clock_of(*seconds):
    """A clock behind which time goes on by so much at each reading."""
    times = itertools.accumulate(seconds)
    return RunningClock(now=lambda: next(times))


def test_a_clock_counts_what_goes_by_between_readings():
    clock = clock_of(1000.0, 1.0, 2.5, 0.0, 9.0)
    assert [clock.read() for _ in range(4)] == [1.0, 3.5, 3.5, 12.5]


def test_a_clock_counts_a_standstill_as_a_moment():
    clock = clock_of(0.0, 1.0, 230.0, 1.0, 86_400.0)
    assert [clock.read() for _ in range(4)] == [1.0, 11.0, 12.0, 22.0]


def test_a_ticking_clock_is_read_whatever_else_is_done(monkeypatch):
    monkeypatch.setattr("workers.machine.clock.TICK_S", 0.01)
    threads = threading.active_count()
    reads = itertools.count()
    with ticking(SimpleNamespace(read=lambda: next(reads))):
        time.sleep(0.5)
    assert next(reads) > 3
    assert threading.active_count() == threads


def test_a_training_whose_machine_stood_still_is_not_late():
    """What went by is far more than the deadline: most of it in standstills."""
    one = job(budget=300, training=FIXED)
    seconds = itertools.cycle([0.01, 230.0, 0.01])
    now = itertools.accumulate(seconds)
    clock = RunningClock(longest_s=0.5, now=lambda: next(now))
    program = Evaluator()._program(one, 1)
    ways = {math.inf: Status.OK, 60.0: Status.OK, 0.3: Status.TIMEOUT}
    for deadline_s, status in ways.items():
        lane = Progress(one.settings[0])
        seconds_so_far = clock.read()
        trainer = Trainer(
            one, program, DataCache(1 << 20), seconds_so_far + deadline_s, clock
        )
        ((result,), _) = trainer.train([lane])
        assert result.status is status


class Died(Exception):
    """As Ray's exceptions are, of the kind that the name says."""


class OutOfMemoryError(Died):
    pass


class FakeRay(SimpleNamespace):
    def __init__(self):
        super().__init__(
            exceptions=SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
            kill=lambda handle, no_restart: None,
        )


def pool_with(job_under_way, clock, **fields):
    """A pool as it is while its one worker has a job, and no Ray."""
    pool, crew = object.__new__(RayPool), object.__new__(Crew)
    seat = Seat(None, None, about={"node": "n", "machine": "m"})
    seat.queued, seat.kill_at = job_under_way, job_under_way.deadline_s + 20.0
    pool.__dict__.update(_crew=crew, _queue=[], _over=deque())
    crew.__dict__.update(
        ray=FakeRay(), seats=[seat], clock=clock, _news=[], _count=0, _refused=0,
        _nodes=SimpleNamespace(left=lambda *_: None), _repeat=pool._wait_again,
        **fields,
    )  # fmt: skip
    return pool, seat


def test_a_worker_is_not_killed_for_time_in_which_all_stood_still():
    queued = QueuedJob(0.0, 0, job(), deadline_s=5.0)
    pool, _ = pool_with(queued, clock_of(0.0, 230.0, 1.0, 230.0))
    assert pool._late() is None
    assert pool._late() is None
    assert len(pool) == 1


def test_of_jobs_side_by_side_none_is_to_blame_until_a_process_dies_with_it_alone():
    error = Died("worker process has died")
    both = [QueuedJob(0.0, number, job(seed=number), math.inf) for number in range(2)]

    def dies(*jobs):
        """What is answered, and what waits, when a process dies that has these."""
        pool, seat = pool_with(both[0], clock_of(*range(99)))
        seat.queued, seat.beside = None, {one.number: one for one in jobs}
        return pool._died(seat, error), pool._queue

    suspects = [one._replace(suspect=True) for one in both]
    assert dies(*both) == (None, suspects)
    once = suspects[0]._replace(attempts=1)
    assert dies(suspects[0]) == (None, [once])
    answer, left = dies(once)
    assert answer[1].results[0].status is Status.CRASHED
    assert left == []


def test_a_worker_killed_for_a_neighbours_memory_costs_a_repeat_and_no_result():
    error = OutOfMemoryError("Task was killed due to the node running low on memory")
    queued = QueuedJob(0.0, 0, job(), deadline_s=math.inf)
    pool, seat = pool_with(queued, clock_of(*range(99)))
    assert lost(pool._crew.ray, error)
    assert pool._died(seat, error) is None
    assert pool._queue == [queued._replace(losses=1)]
    assert pool.news() == [
        f"a worker on m {ending(pool._crew.ray, error)}; its job is repeated"
    ]


def test_a_job_that_is_lost_for_ever_stops_the_run_and_is_no_result():
    error = OutOfMemoryError("Task was killed due to the node running low on memory")
    queued = QueuedJob(0.0, 0, job(), deadline_s=math.inf, losses=LOSSES - 1)
    pool, seat = pool_with(queued, clock_of(*range(99)))
    with pytest.raises(MachineError, match=r"lost 20 times .* low on memory\. What is"):
        pool._died(seat, error)


def test_a_worker_that_could_not_hold_jax_is_refused():
    with pytest.raises(JobError, match=r"at least 500 MB, .* got 0\.1 MB"):
        PoolOptions(1, memory_bytes=100_000)


def test_workers_that_cannot_begin_for_a_neighbours_memory_stop_the_run_in_words():
    error = OutOfMemoryError("Refer to the documentation on how to address this")
    running = SimpleNamespace(local=True)
    pool, _ = pool_with(
        QueuedJob(0.0, 0, job(), deadline_s=math.inf),
        clock_of(*range(99)),
        _running=running,
        _bad_starts=0,
    )
    crew = pool._crew
    seats = [Seat(None, None) for _ in range(3)]
    crew.seats += seats
    crew._failed(seats[0], error)
    crew._failed(seats[1], error)
    with pytest.raises(MachineError, match=r"3 workers .* low on memory.* is kept"):
        crew._failed(seats[2], error)
