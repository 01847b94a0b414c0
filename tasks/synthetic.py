"""Synthetic tasks: examples drawn by a rule, split by content, laid out as rows.

All randomness comes from the raw 64-bit output of NumPy's PCG64, which NumPy keeps
stable for ever (NEP 19), seeded by a SHA-256 of plain text: the data are the same in
every process, on every machine and under every NumPy.
"""

import hashlib
import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.base import (
    SPLITS,
    Bools,
    Integers,
    Split,
    Stream,
    TaskError,
    TokenTask,
    require,
)

BUCKETS = 8  # of examples by content: one is valid, one is test, six are train
HOPELESS = 200_000  # examples drawn without one of the wanted split


class Examples(NamedTuple):
    """E examples of different lengths, one after the other; L tokens in all.

    Attributes:
        tokens: [L].
        scored: bool [L]; true where the token itself is to be predicted.
        lengths: int [E], summing to L.
        keys: uint64 [E]; equal for examples that must lie in the same split.
    """

    tokens: Integers
    scored: Bools
    lengths: NDArray[np.int64]
    keys: NDArray[np.uint64]


@dataclass(frozen=True, kw_only=True)
class DrawnTask(TokenTask):
    """A task whose data are drawn by a rule, as many as its sizes say.

    Attributes:
        train_tokens: tokens of one training epoch; here and below rounded up to
            whole windows of batch_size x num_steps.
        valid_tokens: tokens of the validation split, the same in every epoch.
        test_tokens: tokens of the test split.
        fresh: whether each epoch draws new training data. The default is true: what
            is asked is whether a cell can learn the rule, and examples cost far less
            to draw than to train on. False repeats the data of epoch 0.
    """

    name: ClassVar[str]
    train_tokens: int = 1_050_000
    valid_tokens: int = 140_000
    test_tokens: int = 140_000
    fresh: bool = True

    def __post_init__(self) -> None:
        """Refuses sizes below 1, naming the field."""
        super().__post_init__()
        for split in SPLITS:
            require(self, **{f"{split}_tokens": (1, math.inf)})

    @property
    def repeats(self) -> bool:
        """Whether every epoch reads the same data: the opposite of `fresh`."""
        return not self.fresh


@dataclass(frozen=True, kw_only=True)
class SyntheticTask(DrawnTask):
    """A task whose every row is an endless concatenation of drawn examples.

    A subclass gives `name`, `summary`, `symbols` and `draw`. Each row begins with the
    first token of an example; the state is carried from one example to the next, so
    a cell also has to learn where examples end. The first token of a row is only read.

    Splits: an example's key is hashed into one of eight buckets; one bucket is valid,
    one test, six train. So no example of one split ever occurs in another, by
    construction, and each split keeps the distribution of `draw`.
    """

    def draw(self, rng: np.random.Generator, count: int) -> Examples:
        """Draws `count` independent examples; `rng` is advanced."""
        raise NotImplementedError(f"{type(self).__name__} has no draw")

    def stream(self, split: Split, epoch: int, seed: int) -> Stream:
        """The rows of one epoch: B rows of whole windows, see the class.

        Raises:
            TaskError: the rule knows too few examples to fill this split.
        """
        # One token more than is predicted: the first of a row is only read.
        per_window = self.batch_size * self.num_steps
        tokens: int = getattr(self, f"{split}_tokens")
        length = -(-tokens // per_window) * self.num_steps
        drawn = self.examples(split, epoch, seed, self.batch_size, length + 1)
        # Rows are cut from one long text; each starts where an example does, since no
        # state could know what came before.
        ends = np.cumsum(drawn.lengths)
        starts = ends - drawn.lengths
        columns = np.arange(length + 1)
        chosen = np.empty((self.batch_size, length + 1), np.int64)
        position = 0
        for row in range(self.batch_size):
            first = starts[np.searchsorted(starts, position)]
            chosen[row] = first + columns
            position = first + length + 1
        # A target is the token after its input.
        rows = drawn.tokens[chosen].astype(np.int32)
        reset = np.zeros((self.batch_size, length), np.bool_)
        reset[:, 0] = True
        scored = drawn.scored[chosen[:, 1:]]
        return Stream(rows[:, :-1].copy(), rows[:, 1:].copy(), scored, reset)

    def examples(
        self, split: Split, epoch: int, seed: int, rows: int, row_length: int
    ) -> Examples:
        """Enough examples of one split for `rows` rows, each starting with a new one.

        Raises:
            TaskError: none of very many examples drawn lies in this split.
        """
        # Up to `longest` tokens of a row may be lost on the way to an example's start.
        rng = generator(self.name, split, epoch if self.fresh else 0, seed)
        parts: list[Examples] = []
        drawn, kept, tokens, longest, count = 0, 0, 0, 0, 256
        while not kept or tokens < rows * (row_length + longest):
            part = keep_split(self.draw(rng, count), split)
            drawn += count
            kept += len(part.lengths)
            tokens += len(part.tokens)
            longest = max(longest, int(part.lengths.max(initial=0)))
            parts.append(part)
            if not kept and drawn > HOPELESS:
                raise TaskError(
                    f"{self.name}: too few different examples for the {split} split: "
                    f"none among {drawn:,} drawn; allow longer or more varied ones"
                )
            # As many as are likely to be enough; but numbers drawn decide the data, so
            # that this line can never change.
            missing = rows * (row_length + longest) - tokens
            wanted = 1.02 * missing * drawn / max(tokens, 1) if kept else drawn
            count = int(min(max(wanted, 256), 50_000))
        columns = zip(*parts, strict=True)
        return Examples(*(np.concatenate(column) for column in columns))


def generator(name: str, split: Split, epoch: int, seed: int) -> np.random.Generator:
    """The random source of one epoch of one split; valid and test have one epoch."""
    epoch = epoch if split == "train" else 0
    text = f"cellsearch task {name} {split} epoch {epoch} seed {seed}"
    entropy = int.from_bytes(hashlib.sha256(text.encode()).digest(), "little")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))


def uniform_integers(
    rng: np.random.Generator,
    low: int | Integers,
    high: int | Integers,
    shape: int | tuple[int, ...],
) -> NDArray[np.int64]:
    """Integers from `low` to `high` - 1, all but exactly uniform; `rng` is advanced.

    The upper 32 bits of each raw output, scaled: a value's probability is off by less
    than 2**-32. `low` and `high` broadcast against `shape`; high - low < 2**31.
    """
    total = int(np.prod(shape))
    raw = np.asarray(rng.bit_generator.random_raw(total), np.uint64).reshape(shape)
    span = np.asarray(np.subtract(high, low), np.uint64)
    scaled = ((raw >> np.uint64(32)) * span) >> np.uint64(32)
    return scaled.astype(np.int64) + low


def mix(values: NDArray[Any]) -> NDArray[np.uint64]:
    """A 64-bit hash of each integer (the finalizer of SplitMix64, Steele 2014)."""
    bits = values.astype(np.uint64)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def hash_sequences(tokens: Integers, lengths: Integers) -> NDArray[np.uint64]:
    """A 64-bit hash of each of E sequences laid end to end; lengths [E] are above 0."""
    starts = np.cumsum(lengths) - lengths
    position = np.arange(len(tokens)) - np.repeat(starts, lengths)
    symbols = mix(tokens.astype(np.uint64) + (position.astype(np.uint64) << 32) + 1)
    return np.add.reduceat(symbols, starts)


def split_of(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The split, as an index into `SPLITS`, to which each key belongs."""
    bucket = (mix(keys + np.uint64(0x9E3779B97F4A7C15)) % np.uint64(BUCKETS)).astype(
        np.int64
    )
    return np.where(bucket < 2, bucket + 1, 0)


def keep_split(examples: Examples, split: Split) -> Examples:
    """Only those examples that belong to a split, in the order they came."""
    kept = split_of(examples.keys) == SPLITS.index(split)
    tokens = np.repeat(kept, examples.lengths)
    return Examples(
        tokens=examples.tokens[tokens],
        scored=examples.scored[tokens],
        lengths=examples.lengths[kept],
        keys=examples.keys[kept],
    )
