"""The check of a person's own task: every member once, each complaint by name."""

import functools
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tasks.base import SPLITS, Metric, Split, Stream, Task, TaskError, reason_of

# What a mistake in somebody's class raises; it becomes one line that names the member.
PERSONS_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)

Test = Callable[[Any], bool]


def is_count(value: Any) -> bool:
    """Whether a value is an integer above 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def is_text(value: Any) -> bool:
    """Whether a value is text of one line, not empty."""
    return isinstance(value, str) and bool(value.strip()) and "\n" not in value


# Member, what it must be in words, and as a test.
MEMBERS: tuple[tuple[str, str, Test], ...] = (
    ("name", "one line of text", is_text),
    ("summary", "one line of text", is_text),
    ("metric", "a tasks.Metric", lambda value: isinstance(value, Metric)),
    ("readout", "'softmax' or 'sigmoid'", lambda v: v in ("softmax", "sigmoid")),
    ("num_inputs", "an integer above 0", is_count),
    ("num_outputs", "an integer above 0", is_count),
    ("batch_size", "an integer above 0", is_count),
    ("num_steps", "an integer above 0", is_count),
    ("repeats", "True or False", lambda value: isinstance(value, bool)),
    (
        "uniform_loss",
        "a number above 0",
        lambda value: isinstance(value, int | float) and value > 0,
    ),
)
METHODS = ("stream", "config", "decode", "score")


def check_task(task: Task) -> None:
    """Checks that an object is a task: members, methods, and the streams they give.

    Every split is read twice, so this takes as long as six epochs of data.

    Raises:
        TaskError: the first complaint, naming the class and the member.
    """
    for member, words, test in MEMBERS:
        if not hasattr(type(task), member) and member not in getattr(
            task, "__dict__", {}
        ):
            raise complaint(task, member, f"is missing; it must be {words}")
        value = attempt(task, member, functools.partial(getattr, task, member))
        if not test(value):
            raise complaint(task, member, f"must be {words}, got {value!r}")
    for method in METHODS:
        if not callable(getattr(task, method, None)):
            raise complaint(task, method, "is missing or not a method")
    check_config(task)
    streams = {split: check_stream(task, split) for split in SPLITS}
    check_decode(task, streams["valid"])
    check_score(task)


def complaint(task: Task, member: str, words: str) -> TaskError:
    """The error for one member of a task's class."""
    kind = type(task)
    return TaskError(f"task {kind.__module__}:{kind.__qualname__}: {member} {words}")


def attempt(task: Task, member: str, call: Callable[[], Any]) -> Any:
    """Calls a person's code; what it raises becomes a complaint."""
    try:
        return call()
    except TaskError:
        raise
    except PERSONS_ERRORS as error:
        words = f"raised {type(error).__name__}: {reason_of(error)}"
        raise complaint(task, member, words) from error


def check_config(task: Task) -> None:
    """`config()` is a dict that survives JSON and is the same twice."""
    config = attempt(task, "config()", task.config)
    if not isinstance(config, dict):
        raise complaint(task, "config()", f"must give a dict, got {config!r}")
    try:
        same = json.loads(json.dumps(config)) == config
    except (TypeError, ValueError) as error:
        raise complaint(task, "config()", f"must be JSON values: {error}") from error
    if not same or attempt(task, "config()", task.config) != config:
        raise complaint(task, "config()", "must be plain JSON values, always the same")


def check_decode(task: Task, stream: Stream) -> None:
    """`decode` gives one text per token or frame."""
    row = stream.inputs[0]
    texts = attempt(task, "decode(values)", lambda: task.decode(row))
    if len(texts) != len(row) or not all(isinstance(text, str) for text in texts):
        raise complaint(task, "decode(values)", f"must give {len(row)} texts")


def check_score(task: Task) -> None:
    """`score` gives a number."""
    score = attempt(task, "score(1, 1.0, 2)", lambda: task.score(1, 1.0, 2))
    if not isinstance(score, int | float):
        raise complaint(task, "score(1, 1.0, 2)", f"must be a number, got {score!r}")


def check_stream(task: Task, split: Split) -> Stream:
    """A stream has the promised shapes and values, and is the same when asked again.

    Returns:
        The stream of epoch 0 and seed 0.
    """
    member = f"stream({split!r}, 0, 0)"
    stream = attempt(task, member, lambda: task.stream(split, 0, 0))
    if not isinstance(stream, Stream):
        raise complaint(task, member, f"must give a tasks.Stream, got {stream!r:.60}")
    for field, words in stream_faults(task, stream):
        raise complaint(task, member, f"{field} {words}")
    # Every worker draws the data for itself, and all of them have to agree.
    again = attempt(task, member, lambda: task.stream(split, 0, 0))
    if not all(map(np.array_equal, stream, again)):
        raise complaint(task, member, "gives other data when called again")
    if split == "train" and not task.repeats:
        return stream
    later = attempt(task, member, lambda: task.stream(split, 1, 0))
    if not all(map(np.array_equal, stream, later)):
        words = "must be the same in every epoch (train: unless repeats is False)"
        raise complaint(task, f"stream({split!r}, ...)", words)
    return stream


def stream_faults(task: Task, stream: Stream) -> Iterator[tuple[str, str]]:
    """What is wrong with the arrays of a stream: the field and the words for it."""
    # Shapes and types first: all that follows counts on them.
    frames = np.ndim(stream.inputs) == 3
    dtype, highest = (np.uint8, 1) if frames else (np.int32, task.num_inputs - 1)
    rows = np.shape(stream.scored)
    if len(rows) != 2 or rows[0] != task.batch_size or rows[1] < 1:
        yield "scored", f"has shape {rows}, needed is ({task.batch_size}, N)"
        return
    for field in ("scored", "reset"):
        array = getattr(stream, field)
        if getattr(array, "dtype", None) != np.bool_ or array.shape != rows:
            yield field, f"must be a bool array of shape {rows}"
            return
    shape = (*rows, task.num_inputs) if frames else rows
    for field in ("inputs", "targets"):
        array = getattr(stream, field)
        if getattr(array, "dtype", None) != dtype or array.shape != shape:
            yield field, f"must be a {np.dtype(dtype)} array of shape {shape}"
            return
        if array.min() < 0 or array.max() > highest:
            yield field, f"must lie within 0 and {highest}"
    # What goes in comes out: a target is the input of the next position.
    if task.readout == "sigmoid" and not frames:
        yield "inputs", "must be frames [B, N, F] for a sigmoid readout"
    if task.readout == "softmax" and frames:
        yield "inputs", "must be tokens [B, N] for a softmax readout"
    if task.num_outputs != task.num_inputs:
        yield "targets", "need num_outputs equal to num_inputs"
    # Without a scored position there is no metric, and a state that nobody zeroes at
    # the beginning would be that of another epoch.
    if not stream.scored.any():
        yield "scored", "is nowhere true"
    if not stream.reset[:, 0].all():
        yield "reset", "must be true in column 0"
    columns = np.flatnonzero(stream.reset.any(axis=0))
    if (columns % task.num_steps).any():
        yield "reset", f"must be at multiples of num_steps = {task.num_steps} only"
