"""Both pools behind their interface: the same answers, and failures as answers."""

import os
import signal
import time
from dataclasses import replace

import pytest

from cells import load_op, parse
from tasks import TaskError
from tests.support.jobs import FIXED, SETTING, job, lone_runs, settings_of_width
from workers import (
    InlinePool,
    JobError,
    PoolOptions,
    RayPool,
    Status,
    TaskSpec,
    make_pool,
)
from workers.pools.crew import Crew

BAD_OPS = tuple(
    f"tests.support.bad_ops:{name}"
    for name in ("raising", "segfaulting", "hanging", "hoarding", "napping", "stalling")
)


def drain(pool, *jobs):
    """Carries out jobs; by job."""
    for one in jobs:
        pool.submit(one)
    answers = {}
    while len(pool):
        answer = pool.next(timeout_s=300)
        assert answer is not None, "nothing in five minutes"
        answers[answer[0]] = answer[1]
    assert pool.next() is None
    return answers


def bad_job(op, *settings, **changes):
    for spec in BAD_OPS:
        load_op(spec)
    cell = parse(f"def f(x, h):\n    return {op}(linear(x) + linear(h))")
    return job(cell, *settings, ops=BAD_OPS, **changes)


@pytest.fixture(scope="module")
def cluster():
    """Ray with room for four workers, for several pools at once."""
    import ray

    options = {"include_dashboard": False, "log_to_driver": False}
    ray.init("local", num_cpus=4, **options)
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def two_workers(cluster):
    pool = RayPool(PoolOptions(2))
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def one_worker(cluster):
    pool = RayPool(PoolOptions(1))
    yield pool
    pool.close()


def test_the_most_urgent_job_goes_first_and_equals_in_order():
    pool, jobs = InlinePool(), [job(budget=1, seed=seed) for seed in range(4)]
    for one, priority in zip(jobs, (2.0, 1.0, 2.0, 0.0), strict=True):
        pool.submit(one, priority=priority)
    order = [pool.next()[0].seed for _ in range(4)]
    assert order == [3, 1, 0, 2]
    assert pool.next() is None
    assert pool.capacity == 1


def test_a_closed_pool_has_nothing_left_to_do():
    pool = InlinePool()
    pool.submit(job())
    assert len(pool) == 1
    pool.close()
    assert len(pool) == 0
    assert pool.next() is None


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"workers": 0}, "`workers` must be 1 or more, auto or inline, got 0"),
        ({"workers": "two"}, "`workers` must be 1 or more, auto or inline, got 'two'"),
        ({"workers": "inline", "per_gpu": 2}, "no use for `address` and `per_gpu`"),
        ({"per_gpu": -1}, "`per_gpu` must be at least 0, got -1"),
        ({"memory_bytes": 0}, "`memory_bytes` must be at least 500 MB, .* got 0 MB"),
    ],
)
def test_workers_that_there_cannot_be_are_refused(fields, words):
    with pytest.raises(JobError, match=words):
        PoolOptions(**fields)


def test_inline_needs_no_ray():
    assert isinstance(make_pool(PoolOptions("inline")), InlinePool)


def test_workers_are_single_threaded_and_on_no_core_of_another(two_workers):
    facts = two_workers.workers()
    assert len({each["pid"] for each in facts}) == 2
    assert [each["numerics"]["threads"] for each in facts] == [1, 1]
    # Other runs on this machine may have claimed some cores, or all.
    claimed = [each["core"] for each in facts if each["core"] is not None]
    assert len(set(claimed)) == len(claimed)
    everywhere = os.sched_getaffinity(0)
    for each in facts:
        own = everywhere if each["core"] is None else {each["core"]}
        assert os.sched_getaffinity(each["pid"]) == own


def test_a_pool_begins_with_the_workers_that_there_is_room_for(
    two_workers, one_worker, monkeypatch
):
    monkeypatch.setattr("workers.pools.crew.TOGETHER_S", 0.5)
    full = RayPool(PoolOptions(2))
    try:
        assert full.capacity == 1
        monkeypatch.setattr("workers.pools.crew.START_S", 1.0)
        with pytest.raises(JobError, match=r"no worker has been ready .* 0 CPUs free"):
            RayPool(PoolOptions(2))
    finally:
        full.close()


def test_workers_that_fail_as_they_begin_are_refused_with_the_cause(
    cluster, monkeypatch
):
    failed = Crew._failed

    def given_up(crew, *said):
        monkeypatch.setattr("workers.pools.crew.START_S", 0.0)
        failed(crew, *said)

    monkeypatch.setattr(Crew, "_failed", given_up)
    with pytest.raises(JobError, match=r"failed as it began: .* backend 'nonsense'"):
        RayPool(PoolOptions(1), platforms="nonsense")


def test_nodes_say_who_works_where_and_what_was_lost(one_worker, monkeypatch):
    monkeypatch.setattr("workers.pools.ray_pool.GRACE_S", 1.0)
    pool = one_worker
    [node] = pool.nodes()
    assert node.node == pool.workers()[0]["node"]
    assert (node.pids, node.busy) == ([pool.workers()[0]["pid"]], 0)
    hangs = bad_job("hanging")
    pool.submit(hangs, deadline_s=1.0)
    assert pool.nodes()[0].busy == 1
    drain(pool, job(budget=2))
    [news] = pool.news()
    assert "was killed 1 s after its deadline of 1 s; its job has failed" in news
    # A worn worker gives way to a new one.
    before = pool.workers()[0]["pid"]
    with monkeypatch.context() as patch:
        patch.setattr("workers.pools.seats.RECYCLE_JOBS", 1)
        assert drain(pool, job(budget=2, seed=1))
    assert drain(pool, job(budget=2, seed=2))
    [node] = pool.nodes()
    assert node.losses == {"killed": 1, "worn": 1}
    assert pool.workers()[0]["pid"] != before


def test_a_pool_of_none_is_a_node_of_its_own():
    pool = InlinePool()
    pool.submit(job())
    [node] = pool.nodes()
    assert (node.pids, node.busy, node.losses) == ([os.getpid()], 1, {})


def test_inline_one_and_two_workers_give_the_same_bits(two_workers, one_worker):
    jobs = [
        job("lstm", setting, budget=budget)
        for setting in settings_of_width(48)[:2]
        for budget in (10, 30)
    ]
    inline = drain(InlinePool(), *jobs)
    two = drain(two_workers, *jobs)
    one = drain(one_worker, *jobs)
    for each in jobs:
        (result,) = inline[each].results
        assert two[each].results == one[each].results == (result,)
        if each.budget == 30:
            assert result == lone_runs(result.width)[result.setting]
    assert {e.numerics for e in two.values()} == {e.numerics for e in inline.values()}


def test_a_process_that_dies_twice_is_crashed_and_costs_nothing_else(two_workers):
    dies, lives = bad_job("segfaulting"), job(budget=12)
    answers = drain(two_workers, dies, lives)
    (result,) = answers[dies].results
    assert result.status is Status.CRASHED
    assert "died 2 times" in result.ended
    assert answers[lives].results[0].status is Status.OK


def test_an_exception_in_a_worker_is_an_answer(two_workers):
    (result,) = drain(two_workers, bad_job("raising")).popitem()[1].results
    assert result.status is Status.CRASHED
    assert "ZeroDivisionError" in result.ended


def test_a_worker_killed_from_outside_costs_a_repeat_of_its_job(one_worker):
    one_worker.submit(bad_job("napping", budget=12))  # takes seconds
    assert one_worker.next(timeout_s=0.5) is None
    os.kill(one_worker.workers()[0]["pid"], signal.SIGKILL)
    wanted = job(budget=30)
    one_worker.submit(wanted, priority=1.0)
    answers = [one_worker.next(timeout_s=300), one_worker.next(timeout_s=300)]
    assert [e.results[0].updates for _, e in answers] == [12, 30]
    assert {e.results[0].status for _, e in answers} == {Status.OK}


def test_a_job_that_hangs_is_killed_and_costs_nothing_else(two_workers, monkeypatch):
    monkeypatch.setattr("workers.pools.ray_pool.GRACE_S", 1.0)
    hangs, lives = bad_job("hanging"), job(budget=30, seed=5)
    two_workers.submit(hangs, deadline_s=1.0)
    answers = drain(two_workers, lives)
    (result,) = answers[hangs].results
    assert result.status is Status.TIMEOUT
    assert "killed" in result.ended
    assert answers[lives].results[0].status is Status.OK


def test_a_job_that_stalls_in_compilation_is_killed(two_workers, monkeypatch):
    monkeypatch.setattr("workers.pools.ray_pool.GRACE_S", 1.0)
    stalls = bad_job("stalling")
    two_workers.submit(stalls, deadline_s=1.5)
    (result,) = drain(two_workers)[stalls].results
    assert result.status is Status.TIMEOUT
    assert "killed" in result.ended


def test_a_job_that_allocates_without_end_is_out_of_memory(cluster):
    hoards, lives = bad_job("hoarding"), job(budget=12, seed=8)
    pool = RayPool(PoolOptions(1, memory_bytes=1 << 30))
    try:
        answers = drain(pool, hoards, lives)
    finally:
        pool.close()
    (result,) = answers[hoards].results
    assert result.status is Status.OOM
    assert "MemoryError" in result.ended
    assert answers[lives].results[0].status is Status.OK


def test_an_idle_worker_repeats_the_oldest_job_and_the_first_answer_wins(
    two_workers, monkeypatch
):
    monkeypatch.setattr("workers.pools.ray_pool.TWICE_S", 0.2)
    one = bad_job("napping")
    two_workers.submit(one)
    assert two_workers.next(timeout_s=0.5) is None
    until = time.monotonic() + 60
    while sum(seat.queued is not None for seat in two_workers._crew.seats) < 2:
        assert time.monotonic() < until
        assert two_workers.next(timeout_s=0.3) is None
    assert len(two_workers) == 1
    assert two_workers.next(timeout_s=300)[0] == one
    assert two_workers.next() is None


def test_workers_that_compute_other_bits_are_refused_unless_mixed(cluster):
    with pytest.raises(JobError, match=r"computes other bits .* mixed would admit"):
        RayPool(PoolOptions(1), numerics="0123456789abcdef")
    pool = RayPool(PoolOptions(1, mixed=True), numerics="0123456789abcdef")
    try:
        assert drain(pool, job(budget=2))
    finally:
        pool.close()


def test_a_deadline_that_the_worker_keeps_itself_needs_no_killing(two_workers):
    long = job(budget=10**8, training=FIXED)
    two_workers.submit(long, deadline_s=2.0)
    _, evaluation = two_workers.next(timeout_s=120)
    (result,) = evaluation.results
    assert (result.status, result.ended) == (Status.TIMEOUT, "deadline")
    assert evaluation.numerics


def test_faults_of_the_task_are_errors_in_both_pools(two_workers):
    """They are the person's to mend, and would fail every candidate alike."""
    broken = job(task=TaskSpec("tests.support.tiny_frames:Broken"))
    for pool in (InlinePool(), two_workers):
        pool.submit(broken)
        with pytest.raises(TaskError, match="the disk is gone"):
            pool.next(timeout_s=120)


def test_waiting_ends_in_time_and_loses_nothing(two_workers):
    one = bad_job("napping", replace(SETTING, parameters=1200))  # compiled by nobody
    two_workers.submit(one)
    start = time.monotonic()
    assert two_workers.next(timeout_s=0.2) is None
    assert time.monotonic() - start < 1.0
    assert len(two_workers) == 1
    assert two_workers.next(timeout_s=120)[0] == one
