"""Who is slow, and what a slow worker would deliver too late: no result depends on it.

What is submitted with a lower priority is needed sooner, and until it is there others
wait for it. A worker that takes twice as long as the rest therefore costs more than it
does, where it is given what is urgent. It is given the first job that it can deliver by
the time it is needed, as foretold by how fast priorities have risen so far:

    priorities   first one that is not answered -------> that of a waiting job
    seconds      now ----------------------------------> its turn
                 now -- what a slow worker would take ------> too late: not for it
"""

import math
import statistics
from collections.abc import Iterable
from typing import Final

SLOW: Final = 1.25
"""How many times the usual time a worker takes that counts as slow: what costs are off
by from cell to cell is less, averaged over some jobs."""

KNOWN: Final = 3
"""Answers of a worker until its speed counts."""

KEPT: Final = 0.9
"""Weight of what was known of a worker's speed beside its newest answer."""

ROUNDS: Final = 20
"""Answers of each worker over which the rise of priorities is averaged."""


class Speed:
    """How many seconds a worker takes for a nominal one, by its last answers."""

    def __init__(self) -> None:
        self._log = 0.0
        self._answers = 0

    @property
    def seconds(self) -> float | None:
        """For each nominal one; None: not known yet."""
        return math.exp(self._log) if self._answers >= KNOWN else None

    def note(self, cost_s: float, took_s: float) -> None:
        """Takes in what an answer took.

        Args:
            cost_s: Nominal seconds of what was done for it; 0: unknown.
            took_s: Seconds that it took.
        """
        if cost_s <= 0 or took_s <= 0:
            return
        kept = KEPT if self._answers else 0.0
        self._log = kept * self._log + (1 - kept) * math.log(took_s / cost_s)
        self._answers += 1


class Pace:
    """How slow workers are beside each other, and when the turn of a job comes."""

    def __init__(self) -> None:
        self._usual = 1.0
        self._workers = 2
        self._until = 0
        self._first = self._at = -math.inf
        self._rise = self._took = 0.0
        self._rises = 0

    def compare(self, speeds: Iterable[Speed]) -> None:
        """Finds what is usual; to be told after each answer.

        Args:
            speeds: Of all workers; looked at once for each worker that there is.
        """
        self._until -= 1
        if self._until > 0:
            return
        known = [one.seconds for one in speeds]
        self._workers = self._until = max(2, len(known))
        if told := [seconds for seconds in known if seconds is not None]:
            self._usual = statistics.median(told)

    def slowness(self, speed: Speed) -> float:
        """How many times the usual time a worker takes; 1: not known yet."""
        return 1.0 if (told := self.told(speed)) is None else told

    def told(self, speed: Speed) -> float | None:
        """How many times the usual time a worker takes; None: not known yet."""
        return None if (seconds := speed.seconds) is None else seconds / self._usual

    def advance(self, first: float, now: float) -> None:
        """Takes in how far answers are.

        Args:
            first: Priority of the first job that is not answered yet.
            now: Seconds, of any clock.
        """
        if first <= self._first:
            return
        if self._first > -math.inf:
            kept = 1 - 1 / (ROUNDS * self._workers)
            self._rise = kept * self._rise + first - self._first
            self._took = kept * self._took + now - self._at
            self._rises += 1
        self._first, self._at = first, now

    def allowed(self, priority: float, cost_s: float, waited_s: float) -> float:
        """The slowness that a worker may have to be given a job now.

        What has waited for as long as a worker takes is not kept from it, so that an
        error in what is foretold costs no more than that.

        Args:
            priority: Of the job.
            cost_s: Its nominal seconds; 0: unknown.
            waited_s: For how long it has waited.
        """
        if not cost_s or self._rises < KNOWN * self._workers:
            return math.inf
        turn_s = (priority - self._first) * self._took / self._rise
        return max(SLOW, max(turn_s, waited_s) / (cost_s * self._usual))

    def sooner(
        self, own: Speed, other: Speed, cost_s: float, under_way_s: float
    ) -> bool:
        """Whether a worker who begins a job now has done it before one who has it.

        Args:
            own: Speed of who would begin.
            other: Of who has it.
            cost_s: Nominal seconds of the job; 0: unknown, and so it may be.
            under_way_s: For how long it has been under way.
        """
        left_s = self.left_s(other, cost_s, under_way_s)
        return self.left_s(own, cost_s, 0.0) <= left_s

    def left_s(self, speed: Speed, cost_s: float, under_way_s: float) -> float:
        """Seconds until a worker has done a job; 0 where its cost is unknown.

        Args:
            speed: Of the worker.
            cost_s: Nominal seconds of the job.
            under_way_s: For how long; if that is more than was foretold, it is taken
                to last as long again.
        """
        if not cost_s:
            return 0.0
        left_s = cost_s * self._usual * self.slowness(speed) - under_way_s
        return left_s if left_s > 0 else under_way_s
