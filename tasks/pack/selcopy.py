"""Selective copy: letters at random places among blanks, then reproduced in order."""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tasks.base import Value, require
from tasks.pack.base import PackTask, Problems, choose
from tasks.synthetic import uniform_integers

BLANK, PROMPT = "-", "?"


@dataclass(frozen=True, kw_only=True)
class SelectiveCopy(PackTask):
    """`--c-a--f...?????`, answered `caf..`: what to keep depends on what is read.

    Each of `items` letters is uniform over `letters`; their places among the blanks
    are uniform; prompts, one a letter, end the example, and only they are scored.
    `paper` is selective copying as in Gu and Dao 2023 (arXiv:2312.00752): 16 of 16
    letters in 4,096 steps.

    Attributes:
        letters: how many different letters there are, 2 to 26.
        items: how many letters are shown and reproduced; twice as many steps must
            fit a window.
    """

    name: ClassVar[str] = "selcopy"
    summary: ClassVar[str] = (
        "Letters at random places among blanks are reproduced at prompts."
    )
    SIZES: ClassVar[Mapping[str, Mapping[str, Value]]] = {
        "paper": {
            "num_steps": 4_096,
            "batch_size": 64,
            "letters": 16,
            "items": 16,
            "train_tokens": 26_214_400,
            "valid_tokens": 1_048_576,
            "test_tokens": 1_048_576,
        },
    }

    letters: int = 8
    items: int = 5

    def __post_init__(self) -> None:
        """Refuses sizes outside the ranges above, naming the field."""
        super().__post_init__()
        require(self, letters=(2, 26), items=(1, self.num_steps // 2))

    @property
    def own_symbols(self) -> list[str]:
        """The letters, the blank and the prompt."""
        return [*string.ascii_lowercase[: self.letters], BLANK, PROMPT]

    @property
    def num_answers(self) -> int:
        """The letters."""
        return self.letters

    def draw(self, rng: np.random.Generator, count: int, length: int) -> Problems:
        """Draws `count` examples of `length` steps; `rng` is advanced."""
        shown = uniform_integers(rng, 0, self.letters, (count, self.items))
        body = length - self.items
        places = np.sort(choose(rng, count, body, self.items), axis=1)
        inputs = np.full((count, length), self.letters)
        np.put_along_axis(inputs, places, shown, axis=1)
        inputs[:, body:] = self.letters + 1
        targets = np.zeros_like(inputs)
        targets[:, body:] = shown
        scored = np.broadcast_to(np.arange(length) >= body, inputs.shape)
        return Problems(inputs, targets, scored)
