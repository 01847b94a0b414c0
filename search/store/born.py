"""Decisions that brought new cells: of most, a reader wants no more than whose."""

from collections.abc import Sequence
from typing import Final

from search.procedure.moves import Decision
from search.store.history import PAGE, History

BLOCK: Final = 64
"""Decisions that are read with one that is asked for: to read few costs as much. Who
asks for one block after the other is given twice as many each time."""


class Born:
    """Decisions that brought a new cell, read in full when they are asked for.

    Args:
        history: That they are of.
        before: The number of the first that is not wanted.

    Attributes:
        digests: Of the cells.
        kinds: Of the decisions.

    Raises:
        UserError: The history is damaged.
    """

    def __init__(self, history: History, before: int) -> None:
        births = history.births(before)
        self.digests: Sequence[str] = [digest for _, _, digest in births]
        self.kinds: Sequence[str] = [kind for _, kind, _ in births]
        self._numbers = [number for number, _, _ in births]
        self._history = history
        self._read: dict[int, Decision] = {}  # by number
        self._block, self._end = BLOCK, 0

    def decision(self, place: int) -> Decision:
        """One of them."""
        number = self._numbers[place]
        if number not in self._read:
            start = place - place % BLOCK
            self._block = min(2 * self._block, PAGE) if start == self._end else BLOCK
            self._end = start + self._block
            found = self._history.some(self._numbers[start : self._end])
            self._read.update((decision.number, decision) for decision in found)
        return self._read[number]
