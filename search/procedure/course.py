"""How far cells are taken, and what of their results counts: the interface."""

from collections.abc import Sequence
from typing import Protocol

from search.procedure.members import Member
from search.procedure.moves import Order
from search.procedure.visits import Visit
from workers import Result


class Course(Protocol):
    """What a search does with a cell once it has been chosen.

    `Gated` is the paper's, for the objective `ratio`; `Staged` is that of `paired`.
    """

    def begin(self, visit: Visit) -> None:
        """Gives the cell of a new move its first rounds."""

    def observe(self, member: Member, order: Order, results: Sequence[Result]) -> None:
        """Takes down what a job came to."""

    def go_on(self, visit: Visit) -> None:
        """After results: gives the cell what comes next, or lets it join the list."""

    def opened(self) -> None:
        """All seeds and references have been evaluated."""

    def learned(self) -> list[list[float]]:
        """Numbers that it goes by, beside what is known of cells."""

    def relearn(self, numbers: Sequence[Sequence[float]]) -> None:
        """Takes what `learned` said before."""

    def examinable(self) -> Sequence[Member]:
        """Members of the list of which one may be examined again."""

    def reason_against(self, known: Member) -> str:
        """Why a known cell that is drawn as a mutant is not taken; empty if it is."""
