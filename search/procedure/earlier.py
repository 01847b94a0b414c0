"""Cells of earlier moves, made of what is kept of them when they are asked for."""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from search.procedure.members import Member
from search.procedure.moves import Decision


class Born(Protocol):
    """Moves that brought new cells, in order.

    Attributes:
        digests: Of the cells.
        kinds: Of the moves.
    """

    digests: Sequence[str]
    kinds: Sequence[str]

    def decision(self, birth: int) -> Decision:
        """The move that brought the cell of this birth."""


class Earlier:
    """Makes the cells of earlier moves, by birth; see `members.Unmade`.

    Args:
        born: The moves that brought them.
        make: Makes the cell of a move: of this birth, which number among candidates,
            and with which parent.
        opening: How many of them the opening brought.
        recall: Is given each as it is made, and tells it what was learned of it.
        under_way: Digests of those that are being evaluated.
    """

    def __init__(
        self,
        born: Born,
        make: Callable[[Decision, int, int, Member | None], Member],
        opening: int,
        recall: Callable[[Member], None],
        under_way: Collection[str],
    ) -> None:
        self._born, self._make, self._opening = born, make, opening
        self._recall, self._under_way = recall, under_way

    def parent(self, place: int) -> str:
        """The digest of its parent; empty: it has none."""
        return self._born.decision(place).parent

    def make(self, place: int, parent: Member | None) -> Member:
        """One of them."""
        decision, number = self._born.decision(place), place - self._opening + 1
        member = self._make(decision, place, number, parent)
        self._recall(member)
        keeps = member.complete or member.digest in self._under_way
        if member.is_candidate and not keeps:
            member.text = ""  # a search forgets it, too
        return member
