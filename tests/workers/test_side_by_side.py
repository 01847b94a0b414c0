"""Different cells in lanes of one program, against each with a program of its own."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from cells import ZOO, AnyLayer
from cells.tables.sizes import SIZES
from workers import (
    Evaluation,
    Evaluator,
    InlinePool,
    Job,
    Schedule,
    Setting,
    Status,
    TaskSpec,
    Training,
    make_job,
)
from workers.machine.runtime import numerics_class
from workers.side_by_side.kinds import kind_of, room
from workers.side_by_side.queue import SideBySide
from workers.training.data import DataCache

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


def job(name: str, index: int, budget: int = 8) -> Job:
    """A job of few updates; every other on another task."""
    spec = TaskSpec(("adding", "selcopy")[index % 2], overrides=SHORT)
    setting = SETTINGS[index % len(SETTINGS)]
    return make_job(ZOO[name], spec, (setting,), budget, training=TRAINING, seed=index)


JOBS = [
    job(name, index)
    for index, name in enumerate(("gru", "mut1", "ugrnn", "cfn", "mgu", "star", "gru"))
]


@pytest.fixture(scope="module")
def queue() -> SideBySide:
    """Compiled once for all tests here."""
    return SideBySide(LANES, "class")


def carried_out(queue: SideBySide, jobs: Sequence[Job]) -> dict[str, Evaluation]:
    """Evaluations by the id of their jobs."""
    waiting = [(0.0, index, job, np.inf) for index, job in enumerate(jobs)]
    found = {}
    while waiting or len(queue):
        if not queue.ready:
            waiting = queue.take(waiting)
        job, evaluation = queue.next()
        found[job.id] = evaluation
    return found


def test_a_lane_comes_to_what_the_cell_comes_to_alone(queue: SideBySide) -> None:
    beside = carried_out(queue, JOBS)
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


def test_neither_lane_nor_company_decides_a_bit(queue: SideBySide) -> None:
    first = carried_out(queue, JOBS)
    other = carried_out(queue, [*JOBS[5:], *JOBS[:2]])
    for digest, evaluation in other.items():
        assert evaluation.results == first[digest].results


def test_budgets_may_differ_but_are_whole_epochs(queue: SideBySide) -> None:
    data = DataCache(1 << 24)
    assert kind_of(job("gru", 0), data) == kind_of(job("mgu", 1, 12), data)
    assert kind_of(job("gru", 0, 7), data) is None
    found = carried_out(queue, [job("gru", 0, 4), job("gru", 0, 12)])
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


def test_a_pool_trains_side_by_side_what_can_be_and_the_rest_alone() -> None:
    pool = InlinePool(platforms="cpu", beside=2)
    assert pool.capacity == 2
    jobs = [JOBS[0], JOBS[4], job("indrnn", 0), job("gru", 0, 7)]
    for one in jobs:
        pool.submit(one)
    assert len(pool) == 4
    done = []
    while len(pool):
        answer = pool.next()
        assert answer is not None
        done.append(answer)
    assert {one.id for one, _ in done} == {one.id for one in jobs}
    assert [one.id for one, _ in done[2:]] == [one.id for one in jobs[2:]]
    # All are of the class that the pool says, and of none that compiles each cell.
    (about,) = pool.workers()
    assert {evaluation.numerics for _, evaluation in done} == {about["numerics"]["key"]}
    assert about["numerics"]["key"] != numerics_class().key
    assert all(evaluation.results[0].status is Status.OK for _, evaluation in done)
    pool.close()
