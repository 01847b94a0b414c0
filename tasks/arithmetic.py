"""Arithmetic: a sum or difference among distractor letters, answered digit by digit."""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tasks.base import Bools, Value, require
from tasks.synthetic import Examples, SyntheticTask, uniform_integers

SYMBOLS = string.ascii_lowercase + string.digits + "+-=."  # 40, as in the paper
DIGIT = SYMBOLS.index("0")
PLUS, MINUS, EQUALS, END = (SYMBOLS.index(symbol) for symbol in "+-=.")

Slots = tuple[NDArray[np.uint8], Bools]  # characters [E, P], and which are present


@dataclass(frozen=True, kw_only=True)
class Arithmetic(SyntheticTask):
    """`3e36d9-h1h39f94eeh43keg3c=-13991064.`: section 3.5 of the paper.

    Distributions (ours: the paper gives none). Each of the two numbers has a digit
    count uniform over 1 to `digits`; its value is uniform over the numbers of that
    many digits (0 counts as one digit); it is negative with probability 1/2. The
    operation is + or - with probability 1/2 each. A negative number is written with
    its sign, also after the operation: `-12--7`. After each character of the question
    but the `=` stands a run of distractors: its length is uniform over 0 to
    `distractors`, its letters are uniform over the alphabet. The answer has no
    distractors, a sign only if negative, and ends with `.`.

    The characters of the answer and its `.` are scored, teacher-forced: the input is
    always the true previous character. Two examples are the same, and so in the same
    split, if their numbers and operation are, whatever the distractors.

    Attributes:
        digits: the most digits a number has, 1 to 9.
        distractors: the longest run of distractors, 0 to 26.
    """

    name: ClassVar[str] = "arithmetic"
    summary: ClassVar[str] = (
        "Two numbers among distractor letters are added or subtracted."
    )
    SIZES: ClassVar[Mapping[str, Mapping[str, Value]]] = {
        "small": {
            "digits": 3,
            "distractors": 1,
            "train_tokens": 210_000,
            "valid_tokens": 35_000,
            "test_tokens": 35_000,
        },
        "paper": {},
    }

    digits: int = 8
    distractors: int = 3

    def __post_init__(self) -> None:
        """Refuses sizes outside the ranges above, naming the field."""
        super().__post_init__()
        require(self, digits=(1, 9), distractors=(0, 26))

    @property
    def symbols(self) -> str:
        """26 letters, 10 digits, `+`, `-`, `=` and `.`."""
        return SYMBOLS

    def draw(self, rng: np.random.Generator, count: int) -> Examples:
        """Draws `count` problems with their answers; `rng` is advanced."""
        # The problems, as numbers: what decides which split one belongs to.
        left = draw_numbers(rng, count, self.digits)
        right = draw_numbers(rng, count, self.digits)
        minus = uniform_integers(rng, 0, 2, count).astype(np.bool_)
        answer = np.where(minus, left - right, left + right)
        operation = np.where(minus, MINUS, PLUS).astype(np.uint8)[:, None]
        # All problems have the same slots, of which each fills those that it needs, so
        # that a whole batch is written at once.
        always = np.ones((count, 1), np.bool_)
        question = beside(
            write(left, self.digits),
            (operation, always),
            write(right, self.digits),
        )
        question = distract(rng, question, self.distractors)
        written = beside(
            write(answer, self.digits + 1),
            (np.full((count, 1), END, np.uint8), always),
        )
        equals = (np.full((count, 1), EQUALS, np.uint8), always)
        tokens, present = beside(question, equals, written)
        # The answer can be known, the question cannot.
        scored = np.zeros(tokens.shape, np.bool_)
        scored[:, -written[0].shape[1] :] = True
        # Unlike the text, a key has no distractors: the same problem among other
        # letters is in the same split.
        offset = 10**9
        keys = ((left + offset) << 32) + ((right + offset) << 1) + minus
        return Examples(
            tokens=tokens[present],
            scored=scored[present],
            lengths=present.sum(axis=1),
            keys=keys.astype(np.uint64),
        )


def draw_numbers(
    rng: np.random.Generator, count: int, digits: int
) -> NDArray[np.int64]:
    """Signed numbers [count] of 1 to `digits` digits, see `Arithmetic`."""
    length = uniform_integers(rng, 1, digits + 1, count)
    low = np.where(length == 1, 0, 10 ** (length - 1))
    size = uniform_integers(rng, low, 10**length, count)
    sign = 1 - 2 * uniform_integers(rng, 0, 2, count)
    return size * sign


def write(numbers: NDArray[np.int64], digits: int) -> Slots:
    """Decimal notation, right-aligned in 1 + `digits` slots; the first is the sign."""
    size = np.abs(numbers)[:, None]
    powers = 10 ** np.arange(digits - 1, -1, -1)
    characters = np.full((len(numbers), 1 + digits), MINUS, np.uint8)
    characters[:, 1:] = size // powers % 10 + DIGIT
    present = np.concatenate([numbers[:, None] < 0, size >= powers], axis=1)
    present[:, -1] = True  # a zero is written, too
    return characters, present


def beside(*parts: Slots) -> Slots:
    """Slots of several parts, from left to right."""
    characters, present = zip(*parts, strict=True)
    return np.concatenate(characters, axis=1), np.concatenate(present, axis=1)


def distract(rng: np.random.Generator, question: Slots, longest: int) -> Slots:
    """A run of 0 to `longest` random letters after each character that is present."""
    characters, present = question
    count, places = characters.shape
    letters = uniform_integers(rng, 0, 26, (count, places, longest)).astype(np.uint8)
    run = uniform_integers(rng, 0, longest + 1, (count, places)).astype(np.uint8)
    inside = np.arange(longest, dtype=np.uint8) < run[:, :, None]
    characters = np.concatenate([characters[:, :, None], letters], axis=2)
    shown = np.concatenate([present[:, :, None], inside & present[:, :, None]], axis=2)
    return characters.reshape(count, -1), shown.reshape(count, -1)
