"""Induction: a hidden map of letters is shown by a noisy walk and has to be found."""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tasks.base import Value, require
from tasks.pack.base import PackTask, Problems, chance
from tasks.synthetic import uniform_integers


@dataclass(frozen=True, kw_only=True)
class Induction(PackTask):
    """`a d b c e d b`, answered `b` at the second `d`: it was followed by `b` before.

    Each example has its own map: for each letter the next one, uniform. The first
    letter is uniform; each next one is the map's value, or with probability `noise` a
    uniform letter. The map's value of the letter just read is due, wherever it was
    shown before. So weights cannot know the map, only how to find it: what Olsson et
    al. 2022 (arXiv:2209.11895) call an induction head. No size was published; `paper`
    is a larger one.

    Attributes:
        letters: how many letters there are, 2 to 26.
        noise: how often the walk leaves the map, 0 to 1.
    """

    name: ClassVar[str] = "induction"
    summary: ClassVar[str] = (
        "A hidden map of letters, shown by a noisy walk, has to be followed."
    )
    SIZES: ClassVar[Mapping[str, Mapping[str, Value]]] = {
        "paper": {
            "num_steps": 256,
            "letters": 16,
            "train_tokens": 1_050_000,
            "valid_tokens": 140_000,
            "test_tokens": 140_000,
        },
    }

    letters: int = 6
    noise: float = 0.3

    def __post_init__(self) -> None:
        """Refuses sizes outside the ranges above, naming the field."""
        super().__post_init__()
        require(self, letters=(2, 26), noise=(0, 1))

    @property
    def own_symbols(self) -> str:
        """The letters."""
        return string.ascii_lowercase[: self.letters]

    @property
    def num_answers(self) -> int:
        """The letters."""
        return self.letters

    def draw(self, rng: np.random.Generator, count: int, length: int) -> Problems:
        """Draws `count` examples of `length` steps; `rng` is advanced."""
        following = uniform_integers(rng, 0, self.letters, (count, self.letters))
        inputs = uniform_integers(rng, 0, self.letters, (count, length))
        leaves = chance(rng, self.noise, (count, length))
        targets = np.zeros_like(inputs)
        scored = np.zeros(inputs.shape, np.bool_)
        shown = np.zeros(following.shape, np.bool_)
        rows = np.arange(count)
        for step in range(length):
            if step:
                due = targets[:, step - 1]
                inputs[:, step] = np.where(leaves[:, step], inputs[:, step], due)
                shown[rows, inputs[:, step - 1]] |= inputs[:, step] == due
            targets[:, step] = following[rows, inputs[:, step]]
            scored[:, step] = shown[rows, inputs[:, step]]
        return Problems(inputs, targets, scored)
