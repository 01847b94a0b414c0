"""Memorization: letters read in sequence, then reproduced in the same order."""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tasks.base import Value, require
from tasks.synthetic import Examples, SyntheticTask, uniform_integers

PROMPT = "|"


@dataclass(frozen=True, kw_only=True)
class Memorization(SyntheticTask):
    """`abcde|abcde`: the first task every new cell has to pass (paper, section 3.5).

    Distribution: each of `length` letters is uniform over the first `letters` of the
    alphabet, independently. The prompt `|`, one further symbol (ours: the paper names
    none), ends the reading; then the letters are reproduced with teacher forcing: the
    input is always the true previous letter. Only the reproduced letters are scored.
    Two examples are the same, and so in the same split, if their letters are.

    Attributes:
        letters: how many different letters there are, 2 to 26.
        length: how many letters are read and reproduced, 1 to 64.
    """

    name: ClassVar[str] = "memorization"
    summary: ClassVar[str] = "Letters are read in sequence, then reproduced in order."
    SIZES: ClassVar[Mapping[str, Mapping[str, Value]]] = {
        "small": {
            "train_tokens": 210_000,
            "valid_tokens": 35_000,
            "test_tokens": 35_000,
        },
        "paper": {},
    }

    letters: int = 26
    length: int = 5

    def __post_init__(self) -> None:
        """Refuses sizes outside the ranges above, naming the field."""
        super().__post_init__()
        require(self, letters=(2, 26), length=(1, 64))

    @property
    def symbols(self) -> list[str]:
        """The letters, then the prompt."""
        return [*string.ascii_lowercase[: self.letters], PROMPT]

    def draw(self, rng: np.random.Generator, count: int) -> Examples:
        """Draws `count` examples of 2 x length + 1 tokens; `rng` is advanced."""
        letters = uniform_integers(rng, 0, self.letters, (count, self.length))
        prompt = np.full((count, 1), self.letters)
        tokens = np.concatenate([letters, prompt, letters], axis=1)
        scored = np.zeros(tokens.shape, np.bool_)
        scored[:, self.length + 1 :] = True
        keys = np.zeros(count, np.uint64)
        for column in letters.T.astype(np.uint64):
            keys = keys * np.uint64(self.letters) + column
        lengths = np.full(count, tokens.shape[1])
        return Examples(tokens.ravel(), scored.ravel(), lengths, keys)
