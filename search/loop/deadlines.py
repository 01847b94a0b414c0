"""How long a job may take before it counts as hanging: a fault, never a result."""

import math
from collections import deque
from typing import Final

FACTOR: Final = 3.0
REMEMBERED: Final = 200
ENOUGH: Final = 20
"""Jobs that have to be done before their times say anything, and anything new."""

LEAST_S: Final = 120.0
UNKNOWN: Final = 50.0
"""Seconds a nominal second until enough is known: only what hangs takes as long."""

QUANTILE: Final = 0.95
"""Most jobs end early, by a filter or a divergence: the slow ones set the measure."""


class Deadlines:
    """Learns from the jobs that are done how long a nominal second takes here.

    Args:
        factor: How many times the usual time a job is given; 0: no deadline.
    """

    def __init__(self, factor: float = FACTOR) -> None:
        self._factor = factor
        self._ratios: deque[float] = deque(maxlen=REMEMBERED)
        self._usual: float | None = None
        self._unseen = 0

    def observe(self, cost: float, seconds: float) -> None:
        """A job of a nominal cost has taken so many seconds."""
        self._ratios.append(seconds / cost)
        self._unseen += 1
        if self._unseen == ENOUGH:
            rank = int(QUANTILE * (len(self._ratios) - 1))
            self._usual, self._unseen = sorted(self._ratios)[rank], 0

    def seconds_for(self, cost: float) -> float:
        """Seconds that a job of a nominal cost is given."""
        if not self._factor:
            return math.inf
        if self._usual is None:
            return max(LEAST_S, UNKNOWN * cost)
        return max(LEAST_S, self._factor * self._usual * cost)
