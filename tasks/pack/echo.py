"""Echo: what was read some steps ago is said again, at every step."""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tasks.base import Value, require
from tasks.pack.base import PackTask, Problems
from tasks.synthetic import uniform_integers


@dataclass(frozen=True, kw_only=True)
class Echo(PackTask):
    """`a d b c e`, answered `a d b` from the third on with a delay of 2.

    Each letter is uniform; the letter of `delay` steps ago is due at each step but the
    first `delay`. No size was published; `paper` is a larger one.

    Attributes:
        letters: how many letters there are, 2 to 26.
        delay: how many steps ago, 1 to num_steps - 1.
    """

    name: ClassVar[str] = "echo"
    summary: ClassVar[str] = "The letter read some steps ago, at every step."
    SIZES: ClassVar[Mapping[str, Mapping[str, Value]]] = {
        "paper": {
            "num_steps": 128,
            "delay": 20,
            "train_tokens": 1_050_000,
            "valid_tokens": 140_000,
            "test_tokens": 140_000,
        },
    }

    letters: int = 8
    delay: int = 7

    def __post_init__(self) -> None:
        """Refuses sizes outside the ranges above, naming the field."""
        super().__post_init__()
        require(self, letters=(2, 26), delay=(1, self.num_steps - 1))

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
        inputs = uniform_integers(rng, 0, self.letters, (count, length))
        late = np.arange(length) >= self.delay
        return Problems(
            inputs=inputs,
            targets=np.roll(inputs, self.delay, axis=1),
            scored=np.broadcast_to(late, inputs.shape),
        )
