"""Different cells in lanes of one program, against each with a program of its own."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from cells import ZOO, AnyLayer, parse
from cells.tables.sizes import SIZES
from workers import (
    Evaluation,
    Evaluator,
    InlinePool,
    Job,
    MachineError,
    Pool,
    PoolOptions,
    RayPool,
    Schedule,
    Setting,
    Status,
    TaskSpec,
    Training,
    make_job,
)
from workers.machine.runtime import numerics_class
from workers.side_by_side import queue, trainer
from workers.side_by_side.kinds import kind_of, room
from workers.side_by_side.program import AnyProgram
from workers.side_by_side.trainer import LaneTrainer
from workers.training.data import DataCache, windows_bytes
from workers.training.program import Program

SHORT = (("train_tokens", 20 * 32 * 4), ("valid_tokens", 20 * 32 * 2))
TRAINING = Training(schedule=Schedule("fixed"), divergence=4.0)
SETTINGS = (
    Setting(2.0, 0.005, 2.5, 1, 700, optimizer="rmsprop"),
    Setting(1.4, 0.1, 1.0, 1, 700, optimizer="momentum"),
    Setting(1.4, 0.01, 1.0, 1, 700, optimizer="adam"),
    Setting(1.4, 5000.0, 1e9, 1, 700, optimizer="sgd"),  # diverges
    Setting(1.4, 0.01, 1.0, 1, 700, optimizer="adamw"),
)
LANES = 3


CELLS = {
    **ZOO,
    # Its state is not zero where weights and state are.
    "sigmoid": parse("def f(x, h):\n    return sigmoid(linear(x) + linear(h))"),
}


def job(name: str, index: int, budget: int = 8) -> Job:
    """A job of few updates; every other on another task."""
    spec = TaskSpec(("adding", "selcopy")[index % 2], overrides=SHORT)
    setting = SETTINGS[index % len(SETTINGS)]
    return make_job(
        CELLS[name], spec, (setting,), budget, training=TRAINING, seed=index
    )


JOBS = [
    job(name, index)
    for index, name in enumerate(("gru", "mut1", "ugrnn", "cfn", "sigmoid"))
]


@pytest.fixture(autouse=True, scope="module")
def _made_once() -> Iterator[None]:
    """Programs that are alike are made once for all tests here; they keep no state."""
    made: dict[str, AnyProgram] = {}

    def make(**options: Any) -> AnyProgram:
        return made.setdefault(repr(options), AnyProgram(**options))

    with mock.patch.object(trainer, "AnyProgram", make):
        yield


@pytest.fixture(scope="module")
def pool() -> Iterator[InlinePool]:
    """Compiles one program for all tests here."""
    pool = InlinePool(platforms="cpu", beside=LANES)
    yield pool
    pool.close()


def carried_out(pool: Pool, jobs: Sequence[Job]) -> dict[str, Evaluation]:
    """Evaluations by the id of their jobs, in the order in which they came."""
    for job in jobs:
        pool.submit(job)
    assert len(pool) == len(jobs)
    found = {}
    while len(pool):
        answer = pool.next()
        assert answer is not None
        found[answer[0].id] = answer[1]
    return found


def test_a_lane_comes_to_what_the_cell_comes_to_alone(pool: InlinePool) -> None:
    beside = carried_out(pool, JOBS)
    evaluator = Evaluator()
    statuses = set()
    for job in JOBS:
        (right,) = evaluator.evaluate(job).results
        (mine,) = beside[job.id].results
        statuses.add(right.status)
        same = ("setting", "status", "updates", "ended", "width", "num_params")
        assert [getattr(mine, n) for n in same] == [getattr(right, n) for n in same]
        for one, other in zip(mine.curve, right.curve, strict=True):
            assert one.updates == other.updates
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
        assert mine.best == pytest.approx(right.best, abs=1e-5)
    assert statuses == {Status.OK, Status.DIVERGED}


def test_neither_lane_nor_company_decides_a_bit(pool: InlinePool) -> None:
    first = carried_out(pool, JOBS)
    other = carried_out(pool, [*JOBS[3:], *JOBS[:2]])
    for digest, evaluation in other.items():
        assert evaluation.results == first[digest].results


def test_budgets_may_differ_but_are_whole_epochs(pool: InlinePool) -> None:
    data = DataCache(1 << 24)
    assert kind_of(job("gru", 0), data) == kind_of(job("mgu", 1, 12), data)
    assert kind_of(job("gru", 0, 7), data) is None
    found = carried_out(pool, [job("gru", 0, 4), job("gru", 0, 12)])
    assert sorted(len(one.results[0].curve) for one in found.values()) == [1, 3]


def test_what_needs_a_program_of_its_own_has_no_room() -> None:
    assert room(job("gru", 0)) == AnyLayer(SIZES[0], 16)
    assert room(job("lstm", 0)) == AnyLayer(SIZES[1], 16)
    assert room(job("indrnn", 0)) is None  # an op that no table says
    assert room(job("mogrifier_lstm", 0)) is None  # larger than any size
    for training in (
        Training(schedule=Schedule("fixed"), biases=False),
        Training(schedule=Schedule("fixed"), test=True),
        Training(),
    ):
        alone = make_job(
            ZOO["gru"], JOBS[0].task, SETTINGS[:1], 8, training=training, seed=0
        )
        assert room(alone) is None
    pair = (SETTINGS[0], replace(SETTINGS[0], rate=0.01))
    two = make_job(ZOO["gru"], JOBS[0].task, pair, 8, training=TRAINING)
    assert room(two) is None


def test_a_pool_trains_side_by_side_what_can_be_and_the_rest_alone(
    pool: InlinePool,
) -> None:
    assert pool.capacity == LANES
    jobs = [job("indrnn", 0), JOBS[0], job("gru", 0, 7), JOBS[4]]
    done = carried_out(pool, jobs)
    assert set(done) == {one.id for one in jobs}
    assert [*done][2:] == [jobs[0].id, jobs[2].id]
    # All are of the class that the pool says, and of none that compiles each cell.
    (about,) = pool.workers()
    assert {one.numerics for one in done.values()} == {about["numerics"]["key"]}
    assert about["numerics"]["key"] != numerics_class().key
    assert all(one.results[0].status is Status.OK for one in done.values())


def running_out(
    monkeypatch: pytest.MonkeyPatch, fails: Callable[[int, int], bool]
) -> list[int]:
    """Has memory run out, by the number of lanes and of calls so far; lanes tried."""
    calls: list[int] = []
    train = Program.train

    def fail_or_train(self: Program, *arguments: Any) -> Any:
        calls.append(self.lanes.count)
        if fails(self.lanes.count, len(calls)):
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory")
        return train(self, *arguments)

    monkeypatch.setattr(Program, "train", fail_or_train)
    return calls


def test_lanes_have_room_by_the_account_and_their_number_is_of_the_class(
    pool: InlinePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = JOBS[::2]  # of one kind
    data = DataCache(1 << 24)
    kind = kind_of(beside[0], data)
    assert kind is not None
    lanes = LaneTrainer(kind, LANES, "cpu", data, allowance=10**12)
    lanes.add(beside[:1])
    lanes.step()
    assert lanes.count == LANES
    windows = lanes._train.windows
    needed = lanes.program.needs_bytes(lanes._state, windows, lanes._stacked())
    needed -= windows_bytes(windows)
    for allowed, count in ((needed, LANES), (needed - 1, 1)):
        monkeypatch.setattr(queue, "allowance", lambda allowed=allowed: allowed)
        calls = running_out(monkeypatch, lambda *_: False)
        small = InlinePool(platforms="cpu", beside=LANES)
        found = carried_out(small, beside)
        assert set(calls) == {count}
        assert {one.numerics for one in found.values()} == {
            small.workers()[0]["numerics"]["key"]
        }
        monkeypatch.undo()
    # With one lane they are trained one after the other, to about the same.
    whole = carried_out(pool, beside)
    for key, one in found.items():
        (mine,), (right,) = one.results, whole[key].results
        assert mine.status is right.status
        assert mine.best == pytest.approx(right.best, abs=1e-5)


def test_where_memory_runs_out_jobs_begin_anew_in_half_as_many_lanes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    beside = JOBS[::2]
    one_lane = InlinePool(platforms="cpu", beside=1)
    right = carried_out(one_lane, beside)
    # The second epoch has no room: the first one counts for nothing.
    calls = running_out(monkeypatch, lambda lanes, call: lanes > 1 and call > 1)
    large = InlinePool(platforms="cpu", beside=LANES)
    found = carried_out(large, beside)
    assert calls[:3] == [LANES, LANES, 1]
    assert set(calls[2:]) == {1}
    assert {key: one.results for key, one in found.items()} == {
        key: one.results for key, one in right.items()
    }
    # They are of the class whose bits they have, and not of the pool's.
    assert {one.numerics for one in found.values()} == {
        one_lane.workers()[0]["numerics"]["key"]
    }
    assert large.workers() != one_lane.workers()


def test_a_cell_that_has_no_room_alone_is_out_of_memory_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    beside = JOBS[::2]
    calls = running_out(monkeypatch, lambda _, call: call < 3)
    found = carried_out(InlinePool(platforms="cpu", beside=LANES), beside)
    assert calls[:3] == [LANES, 1, 1]
    results = [one.results[0] for one in found.values()]
    assert [one.status for one in results] == [Status.OOM, Status.OK, Status.OK]
    assert "RESOURCE_EXHAUSTED" in results[0].ended


def test_what_fails_otherwise_is_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> Any:
        raise RuntimeError("INTERNAL: no such fusion")

    monkeypatch.setattr(Program, "train", fails)
    pool = InlinePool(platforms="cpu", beside=LANES)
    with pytest.raises(MachineError, match=r"1 for 3 lanes\) cannot .* INTERNAL"):
        carried_out(pool, JOBS[:1])


@pytest.mark.slow
def test_a_worker_of_ray_trains_side_by_side_what_this_process_does(
    pool: InlinePool,
) -> None:
    beside = JOBS[::2]  # of one task, and so of one program
    jobs = [*beside, job("gru", 0, 7)]
    whole = carried_out(pool, jobs)
    (about,) = pool.workers()
    ray = RayPool(PoolOptions(1), beside=LANES)
    folder = ray._crew._running.folder
    try:
        assert ray.capacity == LANES
        for one in jobs:
            ray.submit(one)

        # A process that dies takes nobody with it: which job it was is not known.
        assert ray.next(timeout_s=0.1) is None
        assert len(ray._crew.busy()) > 1
        os.kill(ray.workers()[0]["pid"], signal.SIGKILL)
        answers = [ray.next(timeout_s=120) for _ in jobs]
        assert "died; its jobs are repeated" in "".join(ray.news())
        assert len(ray) == 0
    finally:
        ray.close()
    assert isinstance(folder, Path)
    assert not folder.exists()
    found = {answer[0].id: answer[1] for answer in answers if answer is not None}
    assert {key: one.results for key, one in found.items()} == {
        key: one.results for key, one in whole.items()
    }
    assert {one.numerics for one in found.values()} == {about["numerics"]["key"]}
