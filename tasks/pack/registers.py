"""Registers: flip-flops are written and read, among writes that are to be ignored."""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from tasks.base import Value, require
from tasks.pack.base import PackTask, Problems, chance
from tasks.synthetic import uniform_integers

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, kw_only=True)
class Registers(PackTask):
    """`w1 a i d w2 c r1 a`, answered `a` at `r1`.

    Every other token is an instruction, followed by a value. With probability `ignore`
    it is `i`, followed by any value; else, in halves, a write `w` or a read `r` of one
    of `registers`, uniform. After a read stands the value that the register has, which
    is due at the read, unless nothing was written yet. The first instruction writes.
    `paper` is the flip-flop language of Liu et al. 2023 (arXiv:2306.00946): one
    register of one bit, 512 tokens, .8 ignored in training.

    Attributes:
        registers: how many there are, 1 to 9.
        values: how many values one can have, 2 to 26.
        ignore: share of instructions to be ignored, 0 to 1.
    """

    name: ClassVar[str] = "registers"
    summary: ClassVar[str] = (
        "Registers are written and read, among writes to be ignored."
    )
    SIZES: ClassVar[Mapping[str, Mapping[str, Value]]] = {
        "paper": {
            "num_steps": 512,
            "batch_size": 16,
            "registers": 1,
            "values": 2,
            "ignore": 0.8,
            "train_tokens": 819_200,
            "valid_tokens": 131_072,
            "test_tokens": 131_072,
        },
    }

    registers: int = 2
    values: int = 8
    ignore: float = 0.2

    def __post_init__(self) -> None:
        """Refuses sizes outside the ranges above, naming the field."""
        super().__post_init__()
        require(self, registers=(1, 9), values=(2, 26), ignore=(0, 1))

    @property
    def own_symbols(self) -> list[str]:
        """The values, the writes, the reads, and what is to be ignored."""
        names = [str(i + 1) for i in range(self.registers)]
        numbers = names if self.registers > 1 else [""]
        orders = [f"{order}{number}" for order in "wr" for number in numbers]
        return [*string.ascii_lowercase[: self.values], *orders, "i"]

    @property
    def num_answers(self) -> int:
        """The values."""
        return self.values

    def draw(self, rng: np.random.Generator, count: int, length: int) -> Problems:
        """Draws `count` examples of `length` steps; `rng` is advanced."""
        # An instruction and its value are one step: decide all steps at once.
        shape = (count, -(-length // 2))
        values = uniform_integers(rng, 0, self.values, shape)
        which = uniform_integers(rng, 0, self.registers, shape)
        reads = chance(rng, 0.5, shape)
        ignored = chance(rng, self.ignore, shape)
        reads[:, 0] = ignored[:, 0] = False

        # Let the registers go through them, to know what each read finds.
        held = np.full((count, self.registers), -1)
        found = np.empty(shape, np.int64)
        rows = np.arange(count)
        for step in range(shape[1]):
            one = which[:, step]
            found[:, step] = held[rows, one]
            writes = ~ignored[:, step] & ~reads[:, step]
            held[rows, one] = np.where(writes, values[:, step], found[:, step])

        # Lay the steps out as tokens; the last value may lie beyond the end.
        scored = reads & ~ignored & (found >= 0)
        orders = self.values + which + self.registers * reads
        orders = np.where(ignored, self.values + 2 * self.registers, orders)
        shown = np.where(scored, found, values)
        return Problems(
            inputs=interleave(orders, shown)[:, :length],
            targets=interleave(found, found)[:, :length],
            scored=interleave(scored, np.zeros_like(scored))[:, :length],
        )


def interleave(first: NDArray[T], second: NDArray[T]) -> NDArray[T]:
    """Columns of two arrays [E, S] in turns: [E, 2 S]."""
    return np.stack([first, second], axis=2).reshape(len(first), -1)
