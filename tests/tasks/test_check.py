"""The check of a person's class: one fault at a time, each named."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tasks import (
    Stream,
    TaskError,
    TokenTask,
    check_task,
)


def message_of(caught: pytest.ExceptionInfo[TaskError]) -> str:
    message = str(caught.value)
    assert "\n" not in message
    return message


@dataclass(frozen=True, kw_only=True)
class Sound(TokenTask):
    """A task without fault, whose parts the tests below break."""

    name = "sound"
    summary = "Nothing is wrong with it."

    @property
    def symbols(self) -> str:
        return "abc"

    def stream(self, split: Any, epoch: int, seed: int) -> Stream:
        inputs = np.arange(20 * 70, dtype=np.int32).reshape(20, 70) % 3
        inputs = (inputs + len(split)).astype(np.int32) % 3
        reset = np.zeros(inputs.shape, np.bool_)
        reset[:, 0] = True
        return Stream(inputs, inputs, np.ones_like(reset), reset)


def test_a_sound_task_passes_the_check() -> None:
    check_task(Sound())


MEMBERS: list[tuple[str, Any, str]] = [
    ("name", "", "name must be one line of text, got ''"),
    ("name", 3, "name must be one line of text, got 3"),
    ("summary", "two\nlines", "summary must be one line of text"),
    ("metric", "accuracy", "metric must be a tasks.Metric, got 'accuracy'"),
    ("readout", "linear", "readout must be 'softmax' or 'sigmoid', got 'linear'"),
    ("num_inputs", 0, "num_inputs must be an integer above 0, got 0"),
    ("num_outputs", 2.5, "num_outputs must be an integer above 0, got 2.5"),
    ("num_outputs", 7, "targets need num_outputs equal to num_inputs"),
    ("batch_size", True, "batch_size must be an integer above 0, got True"),
    ("num_steps", -1, "num_steps must be an integer above 0, got -1"),
    ("repeats", None, "repeats must be True or False, got None"),
    ("uniform_loss", 0.0, "uniform_loss must be a number above 0, got 0.0"),
    ("stream", None, "stream is missing or not a method"),
    ("decode", "text", "decode is missing or not a method"),
    ("config", lambda self: [1], "config() must give a dict, got [1]"),
    ("config", lambda self: {"a": {1, 2}}, "config() must be JSON values"),
    ("config", lambda self: {"a": (1, 2)}, "config() must be plain JSON values"),
    ("config", lambda self: {}["x"], "config() raised KeyError: 'x'"),
    ("decode", lambda self, values: ["a"], "decode(values) must give 70 texts"),
    ("score", lambda self, *sums: "high", "score(1, 1.0, 2) must be a number"),
    ("score", lambda self: 1.0, "score(1, 1.0, 2) raised TypeError"),
    ("readout", "sigmoid", "inputs must be frames [B, N, F] for a sigmoid readout"),
    ("name", property(lambda self: 1 / 0), "name raised ZeroDivisionError"),
    ("batch_size", 10, "scored has shape (20, 70), needed is (10, N)"),
]


@pytest.mark.parametrize(("member", "value", "words"), MEMBERS)
def test_each_broken_member_is_named(member: str, value: Any, words: str) -> None:
    broken: Any = type("Broken", (Sound,), {member: value})
    task = broken()
    if member in vars(task):
        object.__setattr__(task, member, value)
    with pytest.raises(TaskError, match=re.escape(words)) as caught:
        check_task(task)
    assert message_of(caught).startswith(f"task {__name__}:Broken: ")


def changed(field: str, value: Any) -> Any:
    def stream(self: Sound, split: Any, epoch: int, seed: int) -> Any:
        sound = Sound.stream(self, split, epoch, seed)
        array = value(getattr(sound, field).copy())
        return sound._replace(**{field: array})

    return stream


def with_reset(column: int) -> Any:
    def change(reset: Any) -> Any:
        reset[3, column] = not reset[3, column]
        return reset

    return changed("reset", change)


calls: list[int] = []


def unsteady(self: Sound, split: Any, epoch: int, seed: int) -> Stream:
    calls.append(0)
    sound = Sound.stream(self, split, epoch, seed)
    return sound._replace(targets=(sound.inputs + len(calls) % 3).astype(np.int32) % 3)


def frames(self: Sound, split: Any, epoch: int, seed: int) -> Stream:
    sound = Sound.stream(self, split, epoch, seed)
    notes = np.repeat(sound.inputs[:, :, None] % 2, 3, axis=2).astype(np.uint8)
    return sound._replace(inputs=notes, targets=notes)


def epochs(self: Sound, split: Any, epoch: int, seed: int) -> Stream:
    sound = Sound.stream(self, split, epoch, seed)
    return sound._replace(targets=(sound.inputs + epoch).astype(np.int32) % 3)


STREAMS: list[tuple[Any, str]] = [
    (lambda *_: (1, 2), "must give a tasks.Stream, got (1, 2)"),
    (lambda *_: [][3], "raised IndexError"),
    (lambda self: None, "raised TypeError"),
    (frames, "inputs must be tokens [B, N] for a softmax readout"),
    (changed("inputs", lambda a: a.astype(np.int64)), "inputs must be a int32 array"),
    (changed("inputs", lambda a: a + np.int32(1)), "inputs must lie within 0 and 2"),
    (changed("targets", lambda a: a - np.int32(1)), "targets must lie within 0 and 2"),
    (changed("targets", lambda a: a[:, :-1]), "targets must be a int32 array of"),
    (changed("inputs", lambda a: a.tolist()), "inputs must be a int32 array of"),
    (changed("scored", lambda a: a & False), "scored is nowhere true"),
    (changed("scored", lambda a: a.astype(int)), "scored must be a bool array"),
    (changed("scored", lambda a: a[0]), "scored has shape (70,)"),
    (changed("scored", lambda a: a[:10]), "scored has shape (10, 70)"),
    (changed("reset", lambda a: a[:, 1:]), "reset must be a bool array of"),
    (with_reset(0), "reset must be true in column 0"),
    (with_reset(36), "reset must be at multiples of num_steps = 35 only"),
    (unsteady, "gives other data when called again"),
    (epochs, "must be the same in every epoch"),
]


@pytest.mark.parametrize(("stream", "words"), STREAMS)
def test_each_fault_of_a_stream_is_named(stream: Any, words: str) -> None:
    broken: Any = type("Broken", (Sound,), {"stream": stream})
    with pytest.raises(TaskError, match=re.escape(words)) as caught:
        check_task(broken())
    assert "Broken: stream('train', " in message_of(caught)


def test_a_reset_at_the_start_of_any_window_is_allowed() -> None:
    fine: Any = type("Fine", (Sound,), {"stream": with_reset(35)})
    check_task(fine())
