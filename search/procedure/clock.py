"""The logical clock: which result is applied next does not depend on any worker.

A search has `slots` logical slots. A job issued at logical time t ends at t + its
nominal cost, whoever carries it out and however long that takes:

    slot 1  [--- filter a ---][-- a, settings 1-4 --][--- filter d ---]
    slot 2  [-- filter b --][----- filter c -----][-- a, settings 5-8 --]
            0               ^ time of b's end: b's result is applied, then c is proposed

Results are applied strictly in the order of logical ends (ties: the job issued first).
When one is applied its slot falls free and is filled at once, by a decision that has
seen exactly the results applied so far. Workers carry out what is issued, the earliest
end first; one that is slow or dies delays the next result, and changes nothing.
"""

import heapq
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Ticket(NamedTuple, Generic[T]):
    """A job in flight, in the order in which results are applied.

    Attributes:
        end: Logical time at which it ends.
        number: Jobs are numbered as they are issued, from 0.
        start: Logical time at which it was issued.
        content: What it is.
    """

    end: float
    number: int
    start: float
    content: T


@dataclass
class Clock(Generic[T]):
    """Jobs in flight by logical time, in nominal core-seconds.

    Attributes:
        slots: How many jobs are in flight at most.
        now: Logical time: the end of the last job that was taken.
        issued: How many jobs there were.
        flying: Those in flight, a heap.
    """

    slots: int
    now: float = 0.0
    issued: int = 0
    flying: list[Ticket[T]] = field(default_factory=list)

    def __len__(self) -> int:
        """Jobs in flight."""
        return len(self.flying)

    @property
    def free(self) -> bool:
        """Whether a slot is free."""
        return len(self.flying) < self.slots

    def issue(self, content: T, end: float) -> Ticket[T]:
        """Starts a job now.

        Args:
            content: What it is.
            end: Logical time at which it ends: now and its nominal cost.

        Raises:
            ValueError: No slot is free, or the end is not later than now.
        """
        if not self.free:
            raise ValueError(f"all {self.slots} slots are taken")
        if not end > self.now:
            raise ValueError(f"a job ends later than {self.now}, got {end}")
        ticket = Ticket(end, self.issued, self.now, content)
        self.issued += 1
        heapq.heappush(self.flying, ticket)
        return ticket

    def first(self) -> Ticket[T]:
        """The job that ends next.

        Raises:
            IndexError: None is in flight.
        """
        return self.flying[0]

    def take(self) -> Ticket[T]:
        """Ends that job, and advances time to its end."""
        ticket = heapq.heappop(self.flying)
        self.now = ticket.end
        return ticket
