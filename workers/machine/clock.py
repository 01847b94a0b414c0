"""Time in which the machine ran: what deadlines are measured in."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

TICK_S: Final = 1.0
"""Seconds between two readings of a clock that is read by itself."""

LONGEST_S: Final = 10.0
"""Seconds that count between two readings at most: several ticks, for a machine may be
busy; a machine that stood still was not."""


class RunningClock:
    """Seconds since it was made, less those in which this process stood still.

    A process is suspended with its machine, its container or its shell, and time goes
    on. So the time between two readings counts up to a limit: read it often.

    Args:
        longest_s: What counts between two readings at most.
        now: The clock behind it.
    """

    def __init__(
        self,
        longest_s: float = LONGEST_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._longest_s, self._now = longest_s, now
        self._lock = threading.Lock()
        self._last, self._ran = now(), 0.0

    def read(self) -> float:
        """Seconds so far."""
        with self._lock:
            now = self._now()
            self._ran += min(now - self._last, self._longest_s)
            self._last = now
            return self._ran


@contextlib.contextmanager
def ticking(clock: RunningClock) -> Iterator[None]:
    """Has a clock read now and then, whatever else this process does."""
    over = threading.Event()

    def read() -> None:
        while not over.wait(TICK_S):
            clock.read()

    thread = threading.Thread(target=read, name="clock", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
