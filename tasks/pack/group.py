"""Word problems: the running product of elements of a group."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tasks.base import TaskError, Value, require
from tasks.pack.base import PackTask, Problems
from tasks.synthetic import uniform_integers

# Permutations (places of 0, 1, ...) that generate each group.
GROUPS: Mapping[str, tuple[tuple[int, ...], ...]] = {
    "Z2": ((1, 0),),
    "S3": ((1, 0, 2), (1, 2, 0)),
    "A4": ((1, 2, 0, 3), (0, 2, 3, 1)),
    "S4": ((1, 0, 2, 3), (1, 2, 3, 0)),
    "A5": ((1, 2, 0, 3, 4), (1, 2, 3, 4, 0)),
    "S5": ((1, 0, 2, 3, 4), (1, 2, 3, 4, 0)),
}
ANSWERS = ("element", "point")


@dataclass(frozen=True, kw_only=True)
class Group(PackTask):
    """The word problem of a group: after each element, the product of all so far.

    Each element read is uniform, over the whole group or over the first `letters` of a
    fixed order that begins with generators. Every step is scored. What is due is the
    product itself (`answer` element), or only where it takes the first point (`point`:
    the shell game). The word problem of Z2 is parity; those of A5 and S5 are complete
    for NC1, that of S3 is not (Merrill et al. 2024, arXiv:2404.08819), and one layer
    of a recurrent network learns each. `paper` is theirs for A5.

    Attributes:
        group: Z2, S3, A4, S4, A5 or S5: all permutations (S) of so many points, or
            the even ones (A).
        letters: how many elements may be read; 0: all.
        answer: `element` or `point`.
    """

    name: ClassVar[str] = "group"
    summary: ClassVar[str] = (
        "The running product in a permutation group: Z2 (parity), S3, A5, S5."
    )
    SIZES: ClassVar[Mapping[str, Mapping[str, Value]]] = {
        "paper": {
            "group": "A5",
            "letters": 0,
            "answer": "element",
            "batch_size": 64,
            "train_tokens": 4_096_000,
            "valid_tokens": 143_360,
            "test_tokens": 143_360,
        },
    }

    group: str = "S4"
    letters: int = 6
    answer: str = "element"

    def __post_init__(self) -> None:
        """Refuses groups and sizes that do not exist, naming the field."""
        super().__post_init__()
        for field, valid in (("group", GROUPS), ("answer", ANSWERS)):
            if getattr(self, field) not in valid:
                raise TaskError(
                    f"Group: {field} must be one of {', '.join(valid)}, "
                    f"got {getattr(self, field)!r}"
                )
        order = len(elements(self.group))
        require(self, letters=(0, order))
        if self.letters == 1 < order:
            raise TaskError("Group: letters must be 0 or at least 2, got 1")

    @property
    def own_symbols(self) -> list[str]:
        """Elements, as the places of 1, 2, ...; then, where they are due, points."""
        names = ["".join(str(place + 1) for place in row) for row in self._elements]
        if self.answer == "element":
            return names
        return [*names[: self._read], *(str(i + 1) for i in range(self._points))]

    @property
    def num_answers(self) -> int:
        """The elements, or the points."""
        return self._points if self.answer == "point" else len(self._elements)

    def draw(self, rng: np.random.Generator, count: int, length: int) -> Problems:
        """Draws `count` examples of `length` steps; `rng` is advanced."""
        inputs = uniform_integers(rng, 0, self._read, (count, length))
        moves = np.array(self._elements)
        weights = self._points ** np.arange(self._points)
        names = np.zeros(int(weights.sum()) * self._points, np.int64)
        names[moves @ weights] = np.arange(len(moves))
        targets = np.zeros_like(inputs)
        product = np.tile(np.arange(self._points), (count, 1))
        for step in range(length):
            product = np.take_along_axis(moves[inputs[:, step]], product, axis=1)
            if self.answer == "point":
                targets[:, step] = self._read + product[:, 0]
            else:
                targets[:, step] = names[product @ weights]
        return Problems(inputs, targets, np.ones(inputs.shape, np.bool_))

    @property
    def _elements(self) -> tuple[tuple[int, ...], ...]:
        return elements(self.group)

    @property
    def _read(self) -> int:
        return self.letters or len(self._elements)

    @property
    def _points(self) -> int:
        return len(self._elements[0])


@functools.cache
def elements(group: str) -> tuple[tuple[int, ...], ...]:
    """All permutations of a group: its generators, then products as they are found."""
    generators = GROUPS[group]
    found = dict.fromkeys(generators)
    queue = list(generators)
    for row in queue:  # grows as it is read
        for move in generators:
            product = tuple(move[place] for place in row)
            if product not in found:
                found[product] = None
                queue.append(product)
    return tuple(queue)
