"""Adding: digits are read, some of them marked; at a mark, the last ones are summed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tasks.base import Value, require
from tasks.pack.base import PackTask, Problems, chance, last_before
from tasks.synthetic import uniform_integers

MARK = "'"


@dataclass(frozen=True, kw_only=True)
class Adding(PackTask):
    """`3 7' 0 4 5' 1`, answered `12` at the second mark, if two are summed.

    Each digit is uniform below `base` and marked with probability 1 / `every`. At each
    mark the sum of the last `terms` marked digits, its own included, is due, once so
    many were marked. After the adding problem of Hochreiter and Schmidhuber 1997, with
    digits for real numbers, as the readout is a softmax. `paper` has the 600 steps of
    Bai et al. 2018 (arXiv:1803.01271), and two marks in an example on average.

    Attributes:
        base: digits are those from 0 to `base` - 1, 2 to 10.
        terms: how many marked digits are summed, 1 or above.
        every: one digit of how many is marked, 1 or above.
    """

    name: ClassVar[str] = "adding"
    summary: ClassVar[str] = (
        "Digits, some marked; at a mark, the sum of the last marked ones."
    )
    SIZES: ClassVar[Mapping[str, Mapping[str, Value]]] = {
        "paper": {
            "num_steps": 600,
            "batch_size": 32,
            "base": 10,
            "terms": 2,
            "every": 300,
            "train_tokens": 3_840_000,
            "valid_tokens": 576_000,
            "test_tokens": 576_000,
        },
    }

    base: int = 8
    terms: int = 3
    every: int = 10

    def __post_init__(self) -> None:
        """Refuses sizes outside the ranges above, naming the field."""
        super().__post_init__()
        require(self, base=(2, 10), terms=(1, self.num_steps), every=(1, math.inf))

    @property
    def own_symbols(self) -> list[str]:
        """Digits, or sums; marked digits."""
        sums = [str(value) for value in range(self.num_answers)]
        return [*sums, *(f"{value}{MARK}" for value in range(self.base))]

    @property
    def num_answers(self) -> int:
        """The sums."""
        return self.terms * (self.base - 1) + 1

    def draw(self, rng: np.random.Generator, count: int, length: int) -> Problems:
        """Draws `count` examples of `length` steps; `rng` is advanced."""
        digits = uniform_integers(rng, 0, self.base, (count, length))
        marked = chance(rng, 1 / self.every, (count, length))
        before = last_before(marked)
        total = digits.copy()
        last = np.tile(np.arange(length), (count, 1))
        for _ in range(self.terms - 1):  # from one mark back to the one before
            last = np.where(last < 0, -1, np.take_along_axis(before, last, axis=1))
            total += np.take_along_axis(digits, last, axis=1)
        return Problems(
            inputs=np.where(marked, self.num_answers + digits, digits),
            targets=total,
            scored=marked & (last >= 0),
        )
