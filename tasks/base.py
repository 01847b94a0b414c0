"""The task interface: splits, metrics by name, streams, windows, and what tasks share.

Shape letters: B batch (rows of a stream), N positions of a row, T steps of a window,
W windows, F width of a frame (88 notes), V vocabulary.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")
Readout = Literal["softmax", "sigmoid"]
Value = int | float | str | bool | None  # what one entry of a configuration may be

Integers = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]


class TaskError(ValueError):
    """A person's mistake about a task or its data; the message is one line."""


@dataclass(frozen=True)
class Metric:
    """What a task reports.

    Attributes:
        name: `accuracy` or `nll` in this package; a person's task may use its own.
        unit: for people: `fraction`, `nats per token`, `nats per frame`.
        higher_is_better: the direction.
    """

    name: str
    unit: str
    higher_is_better: bool

    def oriented(self, value: float) -> float:
        """The value so that more is better; NaN, a failure, is worst of all."""
        if math.isnan(value):
            return -math.inf
        return value if self.higher_is_better else -value

    def better(self, value: float, other: float) -> bool:
        """Whether a value is strictly better than another; NaN is worst of all."""
        return self.oriented(value) > self.oriented(other)

    def ratio(self, value: float, base: float) -> float:
        """A value in units of a base: above 1 is better, NaN counts 0.

        Of losses it is the other way round, base / value; a loss of 0 is infinitely
        good.

        Raises:
            ZeroDivisionError: A base of 0, where higher is better.
        """
        if math.isnan(value):
            return 0.0
        if self.higher_is_better:
            return value / base
        return base / value if value else math.inf


ACCURACY = Metric("accuracy", "fraction", higher_is_better=True)
TOKEN_NLL = Metric("nll", "nats per token", higher_is_better=False)
FRAME_NLL = Metric("nll", "nats per frame", higher_is_better=False)


class Stream(NamedTuple):
    """One split of a task as B parallel rows, read from left to right.

    Row b is one long sequence; the state of a cell is carried along the whole row.

    Attributes:
        inputs: int32 tokens [B, N], or uint8 frames [B, N, F] of zeros and ones.
        targets: same shape and dtype as `inputs`: what is to be predicted at each
            position (the input of the next position, where there is one).
        scored: [B, N]; only these positions count in loss and metric.
        reset: [B, N]; the state is zeroed *before* this position. True in column 0,
            elsewhere only in columns that are multiples of the task's `num_steps`.
    """

    inputs: Integers
    targets: Integers
    scored: Bools
    reset: Bools


class Windows(NamedTuple):
    """A stream cut into windows of T steps, time-major: what a training scan consumes.

    The state is carried from window w to w + 1, except in the rows where `reset` of
    window w + 1 is true: there it is zeroed first. `reset[0]` is true everywhere.

    Attributes:
        inputs: int32 [W, T, B] or uint8 [W, T, B, F].
        targets: same shape and dtype as `inputs`.
        scored: bool [W, T, B].
        reset: bool [W, B].
    """

    inputs: Integers
    targets: Integers
    scored: Bools
    reset: Bools


def windows(stream: Stream, num_steps: int) -> Windows:
    """Cuts a stream into ceil(N / T) windows of T = `num_steps`, dropping nothing.

    A tail shorter than T is padded with zeros that are not scored, in every split, so
    every scored position of the stream is scored exactly once.

    Raises:
        ValueError: the stream resets a state inside a window.
    """
    batch, length = stream.scored.shape
    count = -(-length // num_steps)

    # Time-major and contiguous, as a scan reads it.
    def cut(array: NDArray[Any]) -> NDArray[Any]:
        rest = array.shape[2:]
        padded = np.zeros((batch, count * num_steps, *rest), array.dtype)
        padded[:, :length] = array
        blocks = padded.reshape(batch, count, num_steps, *rest)
        return np.ascontiguousarray(np.moveaxis(blocks, 0, 2))

    # A state is carried or zeroed between windows, and a scan has no place for more.
    reset = cut(stream.reset)
    if reset[:, 1:].any():
        raise ValueError(f"a reset lies inside a window of {num_steps} steps")
    return Windows(
        inputs=cut(stream.inputs),
        targets=cut(stream.targets),
        scored=cut(stream.scored),
        reset=np.ascontiguousarray(reset[:, 0]),
    )


class Task(Protocol):
    """What a candidate is scored on: data, a readout and a metric.

    Tasks are values: equal `name`, `config()` and seed mean equal data, in every
    process and on every machine. The splits never overlap; each class says what that
    means for it. A person's own class has these members; deriving from `TokenTask` or
    `SyntheticTask` gives most of them.
    """

    @property
    def name(self) -> str:
        """Short name, as listed and as used in tables."""

    @property
    def summary(self) -> str:
        """One sentence for people."""

    @property
    def metric(self) -> Metric:
        """What `score` returns."""

    @property
    def readout(self) -> Readout:
        """`softmax` over `num_outputs` tokens or `sigmoid` for each of them."""

    @property
    def num_inputs(self) -> int:
        """Vocabulary size V of the inputs, or their frame width F."""

    @property
    def num_outputs(self) -> int:
        """Width of the readout: V for softmax, F for sigmoid."""

    @property
    def batch_size(self) -> int:
        """B, the rows of a stream."""

    @property
    def num_steps(self) -> int:
        """T, the steps of a window."""

    @property
    def uniform_loss(self) -> float:
        """Nats per scored position of a uniform prediction."""

    @property
    def repeats(self) -> bool:
        """Whether `stream("train", epoch, seed)` is the same in every epoch."""

    def stream(self, split: Split, epoch: int, seed: int) -> Stream:
        """The data of one epoch of one split.

        Args:
            split: `train`, `valid` or `test`.
            epoch: from 0; matters only in `train`, and only where `repeats` is false.
            seed: from 0; real data sets ignore it.
        """

    def config(self) -> dict[str, Any]:
        """The configuration that decides the data, as JSON values; part of identity."""

    def decode(self, values: Integers) -> list[str]:
        """The text of each token of [N], or of each frame of [N, F], for people."""

    def score(
        self, total_correct: float, total_loss_nats: float, count: float
    ) -> float:
        """The metric, from sums over scored positions.

        Args:
            total_correct: how often the likeliest output was the target (softmax).
            total_loss_nats: summed loss; a frame's loss is summed over its outputs.
            count: number of scored positions, above 0.
        """


@dataclass(frozen=True, kw_only=True)
class TaskBase:
    """The window shape, identity and score that every task in the box shares.

    Attributes:
        batch_size: B, rows read in parallel (20 in the paper).
        num_steps: T, steps of truncated backpropagation (35 in the paper).
    """

    batch_size: int = 20
    num_steps: int = 35

    # Fields set by each named size; a class without an entry has one size.
    SIZES: ClassVar[Mapping[str, Mapping[str, Value]]] = {}

    def __post_init__(self) -> None:
        """Refuses a configuration that no data can have, naming the field."""
        require(self, batch_size=(1, math.inf), num_steps=(1, math.inf))

    @property
    def metric(self) -> Metric:
        """Next-step accuracy over scored positions."""
        return ACCURACY

    @property
    def repeats(self) -> bool:
        """Whether every epoch of training reads the same data: yes, by default."""
        return True

    def config(self) -> dict[str, Any]:
        """All fields but those that only say where data lies (`identity` False)."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.metadata.get("identity", True)
        }

    def score(
        self, total_correct: float, total_loss_nats: float, count: float
    ) -> float:
        """The metric from sums over scored positions: a mean.

        Raises:
            ValueError: nothing was scored.
        """
        if not count > 0:
            raise ValueError("no position was scored")
        total = total_correct if self.metric.name == "accuracy" else total_loss_nats
        return float(total) / float(count)


@dataclass(frozen=True, kw_only=True)
class TokenTask(TaskBase):
    """A task over tokens with a softmax readout: next-token prediction.

    A subclass gives `name`, `summary`, `symbols` and `stream`.
    """

    @property
    def readout(self) -> Readout:
        """Softmax over the vocabulary."""
        return "softmax"

    @property
    def symbols(self) -> Sequence[str]:
        """The text of each token; its length is the vocabulary size V."""
        raise NotImplementedError(f"{type(self).__name__} has no symbols")

    @property
    def num_inputs(self) -> int:
        """V, the vocabulary size."""
        return len(self.symbols)

    @property
    def num_outputs(self) -> int:
        """V, the vocabulary size."""
        return len(self.symbols)

    @property
    def uniform_loss(self) -> float:
        """log V nats."""
        return math.log(self.num_outputs)

    def decode(self, values: Integers) -> list[str]:
        """The text of each token of [N]."""
        return list(map(self.symbols.__getitem__, values.tolist()))


def require(task: object, **bounds: tuple[float, float]) -> None:
    """Checks that the named fields of a task are numbers within bounds, both included.

    Raises:
        TaskError: names the task's class, the field, what is needed and what came.
    """
    for field, (low, high) in bounds.items():
        value = getattr(task, field)
        what = f"{type(task).__name__}: {field} must be"
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TaskError(f"{what} a number, got {value!r}")
        if not low <= value <= high:
            limit = f"at most {high:,}" if value > high else f"at least {low}"
            raise TaskError(f"{what} {limit}, got {value}")


def reason_of(error: BaseException) -> str:
    """What an exception says, as part of a line; its class where it says nothing."""
    return " ".join(str(error).split())[:200] or type(error).__name__
