"""As many lanes as memory allows: by the account of the compiler, or fewer yet."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.jobs import FIXED, SETTING, job, scratch
from workers import Evaluator, Job, MachineError, Status, Training, numerics_class
from workers.machine import device_memory
from workers.training.fitting import halvings
from workers.training.program import Program
from workers.training.trainer import Trainer

RATES = tuple(dataclasses.replace(SETTING, rate=rate) for rate in (0.1, 0.5, 2.0))
OUT = "RESOURCE_EXHAUSTED: Out of memory allocating 8 bytes"
GIB = 1 << 30


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Has this process compute on a device of so many bytes, as far as it knows."""

    def has(count: int) -> None:
        monkeypatch.setattr(device_memory, "device_bytes", lambda: count)
        numerics_class.cache_clear()

    yield has
    numerics_class.cache_clear()


def vectorized(lanes: int) -> Evaluator:
    """An evaluator whose lanes are computed at once, as on an accelerator."""
    evaluator = Evaluator(lanes=lanes)
    evaluator.vectorized = True
    return evaluator


def needs(lanes: int, one: Job) -> int:
    """Bytes of a job's program of so many lanes, but for the windows."""
    evaluator = vectorized(lanes)
    trainer = Trainer(one, evaluator._program(one, lanes), evaluator._data)
    needed = trainer.needs_bytes()
    low, high = 0, needed
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if trainer.fits(middle) else (middle + 1, high)
    assert 0 < low < needed
    return low


def lanes_of(evaluator: Evaluator) -> list[int]:
    """Lanes of the programs that it has trained with, in order."""
    kept = evaluator._programs.items()
    scored = {"validate"}
    return [
        lanes
        for (_, lanes), program in kept
        if scored & {name for name, _ in program._kept}
    ]


def running_out(
    monkeypatch: pytest.MonkeyPatch, above: int, error: Exception
) -> list[tuple[int, int]]:
    """Has training fail with more lanes than so many; lanes and start of each call."""
    calls: list[tuple[int, int]] = []
    train = Program.train

    def fails(self: Program, state: Any, data: Any, start: int, *rest: Any) -> Any:
        calls.append((self.lanes.count, start))
        if self.lanes.count > above:
            raise error
        return train(self, state, data, start, *rest)

    monkeypatch.setattr(Program, "train", fails)
    return calls


@pytest.mark.parametrize(
    ("most", "tried"),
    [(1, [1]), (2, [2, 1]), (20, [20, 10, 5, 2, 1]), (8, [8, 4, 2, 1])],
)
def test_lanes_are_halved_down_to_one(most: int, tried: list[int]) -> None:
    assert list(halvings(most)) == tried


@pytest.mark.parametrize(
    ("held", "allowed"),
    [
        (0, None),  # unknown, or a CPU
        (2 * GIB, GIB),
        (2 * GIB - 1, GIB // 2),
        (int(0.9 * 40 * GIB), 16 * GIB),
        (int(0.9 * 80 * GIB), 16 * GIB),
        (int(0.9 * 80 * GIB) // 2, 16 * GIB),
        (int(0.9 * 80 * GIB) // 4, 8 * GIB),
    ],
)
def test_half_of_the_device_is_allowed_in_powers_of_two(
    device: Any, held: int, allowed: int | None
) -> None:
    device(held)
    assert device_memory.allowance() == allowed


def test_the_allowance_is_part_of_the_class_where_there_is_one(device: Any) -> None:
    without = numerics_class()
    assert "memory" not in without.flags
    device(int(71.3 * GIB))
    large = numerics_class()
    assert f"lane_memory={16 * GIB}" in large.flags
    assert large.key != without.key
    device(int(71.2 * GIB))  # a driver that keeps more for itself
    assert numerics_class() == large
    device(4 * GIB)
    assert numerics_class().key != large.key


def test_this_machine_has_no_memory_of_an_accelerator() -> None:
    assert device_memory.device_bytes() == 0


def test_a_program_has_as_many_lanes_as_the_account_allows(device: Any) -> None:
    one = job("tanh", *RATES, budget=3)
    need = needs(4, one)
    allowed = 1 << (need - 1).bit_length()  # as an allowance is: a power of two
    assert need <= allowed < needs(8, one)
    device(2 * allowed)
    evaluator = vectorized(8)
    together = evaluator.evaluate(one)
    assert lanes_of(evaluator) == [4]
    # It is by the rule of the class, and so of the class.
    assert together.numerics == evaluator.numerics.key == numerics_class(8).key
    # Whoever is beside a setting decides neither lanes nor bits.
    alone = vectorized(8)
    found = alone.evaluate(job("tanh", RATES[1], budget=3))
    assert lanes_of(alone) == [4]
    assert found.results == together.results[1:2]
    device(2 * allowed - 2)
    evaluator = vectorized(8)
    evaluator.evaluate(one)
    assert lanes_of(evaluator) == [2]


def test_windows_decide_no_lanes() -> None:
    """How many there are depends on what was trained before."""
    one = job("tanh", budget=3)
    long = dataclasses.replace(
        one.task, overrides=(*one.task.overrides[:3], ("train_tokens", 84_000))
    )
    longer = job("tanh", budget=3, task=long)
    assert needs(2, one) == needs(2, longer)


def test_a_limit_of_the_job_has_fewer_lanes_before_it_has_none() -> None:
    def limited(limit: int) -> Job:
        return job(
            "tanh", *RATES, budget=3, training=Training(memory_limit_bytes=limit)
        )

    need, evaluator = needs(2, limited(GIB)) + 80_000, vectorized(4)
    evaluation = evaluator.evaluate(limited(need))
    assert lanes_of(evaluator) == [2]
    assert {one.status for one in evaluation.results} == {Status.OK}
    assert evaluation.numerics == evaluator.numerics.key
    evaluation = vectorized(4).evaluate(limited(100_000))
    assert {one.status for one in evaluation.results} == {Status.OOM}


@pytest.mark.parametrize(
    "error", [RuntimeError(OUT), MemoryError()], ids=["device", "host"]
)
def test_where_memory_runs_out_half_as_many_lanes_go_on(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, evaluator = job("tanh", *RATES, budget=12), Evaluator(lanes=4)
    right = scratch(2).evaluate(one)
    calls = running_out(monkeypatch, above=2, error=error)
    found = evaluator.evaluate(one)
    assert [lanes for lanes, _ in calls] == [4, 2, 2]  # three settings
    # The evaluation is of the class whose bits it has.
    assert found.results == right.results
    assert found.numerics == right.numerics == numerics_class(2).key
    assert found.numerics != evaluator.numerics.key
    # The program keeps its number; others try with all lanes.
    calls.clear()
    again = evaluator.evaluate(job("tanh", RATES[0], budget=12, seed=1))
    assert [lanes for lanes, _ in calls] == [2]
    assert again.numerics == right.numerics
    calls.clear()
    evaluator.evaluate(job("irnn", RATES[0], budget=2))
    assert [lanes for lanes, _ in calls] == [4, 2]


def test_what_was_compiled_and_thrown_away_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running_out(monkeypatch, above=1, error=RuntimeError(OUT))
    evaluator = Evaluator(lanes=2)
    evaluator._allowance = GIB  # so that the first number of lanes is compiled, too
    assert evaluator.evaluate(job(budget=2)).compiled == 3
    assert evaluator.evaluate(job(budget=2, seed=1)).compiled == 0


def test_a_state_of_more_lanes_is_not_continued_with_fewer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    evaluator = Evaluator(lanes=2)
    evaluator.evaluate(job(budget=5, training=FIXED))
    calls = running_out(monkeypatch, above=1, error=RuntimeError(OUT))
    longer = job(budget=10, training=FIXED)
    found = evaluator.evaluate(longer)
    assert calls == [(2, 5), (1, 0)]
    assert found.results == scratch(1).evaluate(longer).results
    # With the same number it is.
    calls.clear()
    evaluator.evaluate(job(budget=12, training=FIXED))
    assert calls == [(1, 10)]


def test_with_one_lane_it_is_the_cells_own(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = running_out(monkeypatch, above=0, error=RuntimeError(OUT))
    found = Evaluator(lanes=4).evaluate(job("tanh", *RATES, budget=2))
    assert [lanes for lanes, _ in calls] == [4, 2, 1]
    assert {one.status for one in found.results} == {Status.OOM}
    assert OUT in found.results[0].ended
    assert found.numerics == numerics_class(1).key


def test_other_failures_halve_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = running_out(monkeypatch, above=0, error=RuntimeError("INTERNAL: no"))
    with pytest.raises(MachineError, match="INTERNAL: no"):
        Evaluator(lanes=4).evaluate(job(budget=2))
    assert {lanes for lanes, _ in calls} == {4}
