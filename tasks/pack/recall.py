"""Recall: pairs of keys and values are read, then a value is asked for by its key."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tasks.base import Value, require
from tasks.pack.base import PackTask, Problems, choose
from tasks.synthetic import uniform_integers


@dataclass(frozen=True, kw_only=True)
class Recall(PackTask):
    """`k3 v1 k7 v4 k7 k3`, answered `v4` and `v1` at the keys without a value.

    `pairs` different keys, each followed by a uniform value; then keys of these to the
    end, uniform, where the value of each is due. This is multi-query associative
    recall (Arora et al. 2023, arXiv:2312.04927), though there each key is asked once,
    after a gap of a power law. `paper` has their smallest size.

    Attributes:
        keys: how many different keys there are, at least `pairs`.
        values: how many different values there are, at least 2.
        pairs: how many are shown; their tokens must fit a window, with one to spare.
    """

    name: ClassVar[str] = "recall"
    summary: ClassVar[str] = (
        "Pairs of key and value are read, then values asked for by key."
    )
    SIZES: ClassVar[Mapping[str, Mapping[str, Value]]] = {
        "paper": {
            "num_steps": 64,
            "batch_size": 64,
            "keys": 4_096,
            "values": 4_096,
            "pairs": 4,
            "train_tokens": 6_400_000,
            "valid_tokens": 192_000,
            "test_tokens": 192_000,
        },
    }

    keys: int = 4
    values: int = 3
    pairs: int = 2

    def __post_init__(self) -> None:
        """Refuses sizes outside the ranges above, naming the field."""
        super().__post_init__()
        require(self, pairs=(1, (self.num_steps - 1) // 2), values=(2, 1_000_000))
        require(self, keys=(self.pairs, 1_000_000))

    @property
    def own_symbols(self) -> list[str]:
        """The keys and the values."""
        keys = [f"k{i + 1}" for i in range(self.keys)]
        return [*keys, *(f"v{i + 1}" for i in range(self.values))]

    @property
    def num_answers(self) -> int:
        """The values."""
        return self.values

    def draw(self, rng: np.random.Generator, count: int, length: int) -> Problems:
        """Draws `count` examples of `length` steps; `rng` is advanced."""
        keys = choose(rng, count, self.keys, self.pairs)
        values = self.keys + uniform_integers(rng, 0, self.values, keys.shape)
        shown = np.stack([keys, values], axis=2).reshape(count, 2 * self.pairs)
        rest = length - 2 * self.pairs
        asked = uniform_integers(rng, 0, self.pairs, (count, rest))
        inputs = np.hstack([shown, np.take_along_axis(keys, asked, axis=1)])
        due = np.take_along_axis(values, asked, axis=1)
        scored = np.broadcast_to(np.arange(length) >= length - rest, inputs.shape)
        return Problems(inputs, np.hstack([np.zeros_like(shown), due]), scored)
