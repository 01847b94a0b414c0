"""What the tasks of the pack share: questions and answers, a state reset at each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.base import SPLITS, Bools, Integers, Split, Stream, TaskError, require
from tasks.synthetic import (
    BUCKETS,
    HOPELESS,
    DrawnTask,
    generator,
    hash_sequences,
    split_of,
    uniform_integers,
)

DRAWN_TOKENS = 4_000_000  # drawn at a time; bounds memory, and decides the data


class Problems(NamedTuple):
    """E examples of L steps each.

    Attributes:
        inputs: [E, L], what is read.
        targets: [E, L], what is to be answered once a step has been read.
        scored: bool [E, L]; elsewhere the target means nothing.
    """

    inputs: Integers
    targets: Integers
    scored: Bools


@dataclass(frozen=True, kw_only=True)
class PackTask(DrawnTask):
    """A task of questions and answers: what is answered is not what is read next.

    A subclass gives `name`, `summary`, `own_symbols`, `num_answers` and `draw`. Each
    example starts from a state of zeros and is one window long in training, so nothing
    is truncated. Equal `vocabulary`, `batch_size`, `num_steps` and sizes of splits let
    all tasks of the pack share one compiled program of a cell; the sizes `small` have
    them in common, and 200 updates an epoch, hence a validation each 200 updates.

    Splits: an example belongs to the bucket that its inputs are hashed to, see
    `SyntheticTask`: none of one split ever occurs in another.

    Attributes:
        vocabulary: the least V; symbols that a task has no use for never occur.
        stretch: how many windows an example of validation and test is long; those of
            training are one. Above 1, lengths are scored that were never trained on,
            with the programs of length 1.
    """

    num_steps: int = 32
    train_tokens: int = 128_000
    valid_tokens: int = 15_360
    test_tokens: int = 15_360
    vocabulary: int = 32
    stretch: int = 1

    def __post_init__(self) -> None:
        """Refuses sizes below 1, naming the field."""
        super().__post_init__()
        require(self, vocabulary=(1, math.inf), stretch=(1, math.inf))

    @property
    def own_symbols(self) -> Sequence[str]:
        """The text of each token that occurs; tokens are numbered from 0."""
        raise NotImplementedError(f"{type(self).__name__} has no own_symbols")

    @property
    def num_answers(self) -> int:
        """How many symbols can be targets."""
        raise NotImplementedError(f"{type(self).__name__} has no num_answers")

    @property
    def symbols(self) -> Sequence[str]:
        """The task's own symbols, then unused ones up to `vocabulary`."""
        own = self.own_symbols
        return [*own, *(f"unused{i}" for i in range(len(own), self.vocabulary))]

    @property
    def guess_loss(self) -> float:
        """Nats of a uniform guess among the symbols that can be targets."""
        return math.log(self.num_answers)

    def draw(self, rng: np.random.Generator, count: int, length: int) -> Problems:
        """Draws `count` independent examples of `length` steps; `rng` is advanced."""
        raise NotImplementedError(f"{type(self).__name__} has no draw")

    def stream(self, split: Split, epoch: int, seed: int) -> Stream:
        """The rows of one epoch: B rows of whole examples, see the class.

        Raises:
            TaskError: the rule knows too few examples to fill this split.
        """
        length = self.num_steps * (1 if split == "train" else self.stretch)
        tokens: int = getattr(self, f"{split}_tokens")
        row_length = -(-tokens // (self.batch_size * length)) * length
        shape = (self.batch_size, row_length)
        count = self.batch_size * row_length // length
        drawn = self.problems(split, epoch, seed, count, length)
        reset = np.zeros(shape, np.bool_)
        reset[:, ::length] = True
        return Stream(
            inputs=drawn.inputs.reshape(shape).astype(np.int32),
            targets=np.where(drawn.scored, drawn.targets, 0)
            .reshape(shape)
            .astype(np.int32),
            scored=drawn.scored.reshape(shape),
            reset=reset,
        )

    def problems(
        self, split: Split, epoch: int, seed: int, count: int, length: int
    ) -> Problems:
        """The first `count` examples of one split.

        Raises:
            TaskError: none of very many examples drawn lies in this split.
        """
        rng = generator(self.name, split, epoch if self.fresh else 0, seed)
        share = BUCKETS - 2 if split == "train" else 1
        most = max(DRAWN_TOKENS // length, 1)
        parts: list[Problems] = []
        drawn, missing = 0, count
        while missing > 0:
            batch = min(64 + missing * 9 * BUCKETS // (8 * share), most)
            part = keep_split(self.draw(rng, batch, length), split)
            drawn += batch
            missing -= len(part.inputs)
            parts.append(part)
            if missing == count and drawn > HOPELESS:
                raise TaskError(
                    f"{self.name}: too few different examples for the {split} split: "
                    f"none among {drawn:,} drawn; allow longer or more varied ones"
                )
        columns = zip(*parts, strict=True)
        return Problems(*(np.concatenate(column)[:count] for column in columns))


def keep_split(problems: Problems, split: Split) -> Problems:
    """Only those examples that belong to a split, in the order they came."""
    count, length = problems.inputs.shape
    keys = hash_sequences(problems.inputs.ravel(), np.full(count, length))
    kept = split_of(keys) == SPLITS.index(split)
    return Problems(*(array[kept] for array in problems))


def choose(
    rng: np.random.Generator, count: int, places: int, chosen: int
) -> NDArray[np.int64]:
    """For each of `count` rows, `chosen` different numbers below `places`."""
    picked = np.empty((count, chosen), np.int64)
    for column in range(chosen):
        value = uniform_integers(rng, 0, places - column, count)
        for earlier in np.sort(picked[:, :column], axis=1).T:  # step over those taken
            value += value >= earlier
        picked[:, column] = value
    return picked


def chance(
    rng: np.random.Generator, probability: float, shape: tuple[int, ...]
) -> Bools:
    """True with a probability, independently; `rng` is advanced."""
    raw = rng.bit_generator.random_raw(int(np.prod(shape)))
    limit = np.uint64(min(int(probability * 2.0**32), 2**32))
    kept: Bools = (np.reshape(raw, shape) >> np.uint64(32)) < limit
    return kept


def last_before(flags: Bools) -> NDArray[np.int64]:
    """For each place [E, L], the last earlier place with a flag, or -1."""
    places = np.where(flags, np.arange(flags.shape[1]), -1)
    last = np.maximum.accumulate(places, axis=1)
    return np.concatenate([np.full((len(flags), 1), -1), last[:, :-1]], axis=1)
