"""What a step takes: what is measured is what a person waits for, in turn."""

import jax
import pytest

from cells import ZOO
from workers import JobError, Load, measure_speed
from workers.training import speed


def test_seconds_are_of_a_step_and_programs_take_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran = []

    def run(program: object, repeats: int) -> float:
        ran.append(program)
        return 0.5

    monkeypatch.setattr(speed, "_seconds", run)
    load = Load(width=3, num_steps=5, batch_size=2)
    taken = measure_speed(
        {name: ZOO[name] for name in ("gru", "tanh")}, {"gru": load, "tanh": load}, 4
    )
    assert list(taken) == ["gru", "tanh"]
    for one in taken.values():
        assert one.training_s == (0.5 / 5,) * 4
        assert one.inference_s == (0.5 / speed.INFERENCE_STEPS,) * 4
    rounds = ran[-16:]
    assert len(set(rounds)) == 4  # two cells, in training and in inference
    assert rounds == rounds[:4] * 4


def test_too_little_memory_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(program: object, repeats: int) -> float:
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")

    monkeypatch.setattr(speed, "_seconds", run)
    load = Load(width=3, num_steps=5, batch_size=2)
    with pytest.raises(JobError, match="not enough memory for width 3, 5 steps"):
        measure_speed({"tanh": ZOO["tanh"]}, {"tanh": load}, 4)
