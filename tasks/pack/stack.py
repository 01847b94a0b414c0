"""A stack: kinds are pushed and popped; after a pop, the one now on top is due."""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tasks.base import Value, require
from tasks.pack.base import PackTask, Problems, chance
from tasks.synthetic import uniform_integers

POP = "-"


@dataclass(frozen=True, kw_only=True)
class Stack(PackTask):
    """`a c b - - d -`, answered `c` and `a` and `a` at the pops.

    A step pops with probability 1/2, never when the stack is empty, always when it is
    `depth` high; else it pushes a kind, uniform over `kinds`. After a pop the kind now
    on top is due, unless the stack is empty. These are prefixes of Dyck words of
    bounded depth (Hewitt et al. 2020, arXiv:2010.07515). `paper` has the lengths of
    the Chomsky set (Deletang et al. 2022, arXiv:2207.02098), 40 in training and 480 in
    validation, though with this rule.

    Attributes:
        kinds: how many kinds can be pushed, 2 to 26.
        depth: the highest that the stack grows, 2 or above.
    """

    name: ClassVar[str] = "stack"
    summary: ClassVar[str] = (
        "Kinds are pushed and popped; after a pop, the kind now on top."
    )
    SIZES: ClassVar[Mapping[str, Mapping[str, Value]]] = {
        "paper": {
            "num_steps": 40,
            "batch_size": 128,
            "stretch": 12,
            "depth": 20,
            "train_tokens": 5_120_000,
            "valid_tokens": 614_400,
            "test_tokens": 614_400,
        },
    }

    kinds: int = 4
    depth: int = 8

    def __post_init__(self) -> None:
        """Refuses sizes outside the ranges above, naming the field."""
        super().__post_init__()
        require(self, kinds=(2, 26), depth=(2, 1_000))

    @property
    def own_symbols(self) -> list[str]:
        """The kinds, pushed or answered, and the pop."""
        return [*string.ascii_lowercase[: self.kinds], POP]

    @property
    def num_answers(self) -> int:
        """The kinds."""
        return self.kinds

    def draw(self, rng: np.random.Generator, count: int, length: int) -> Problems:
        """Draws `count` examples of `length` steps; `rng` is advanced."""
        pushed = uniform_integers(rng, 0, self.kinds, (count, length))
        wished = chance(rng, 0.5, (count, length))
        pops = np.zeros((count, length), np.bool_)
        top = np.zeros((count, length), np.int64)
        height = np.zeros((count, length), np.int64)
        stack = np.zeros((count, self.depth + 1), np.int64)  # place 0 stays empty
        now, rows = np.zeros(count, np.int64), np.arange(count)
        for step in range(length):
            pop = (wished[:, step] & (now > 0)) | (now == self.depth)
            now += np.where(pop, -1, 1)
            stack[rows, now] = np.where(pop, stack[rows, now], pushed[:, step])
            pops[:, step], height[:, step] = pop, now
            top[:, step] = stack[rows, now]
        return Problems(
            inputs=np.where(pops, self.kinds, pushed),
            targets=top,
            scored=pops & (height > 0),
        )
