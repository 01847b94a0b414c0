"""The pool without workers: jobs are carried out in this process.

On a CPU one after the other; on an accelerator different cells side by side.
"""

import math
import os
import platform
from typing import TYPE_CHECKING, Any

from workers.job.evaluation import Evaluation
from workers.job.job import Job
from workers.machine.runtime import prepare
from workers.pools.nodes import PoolNode

if TYPE_CHECKING:
    from workers.side_by_side.station import Station


class InlinePool:
    """Carries out jobs in this process when `next` is called; see `Pool`.

    The process is prepared when the pool is made, so make it before JAX starts; it
    raises a `RuntimeError` if JAX has started already, and with several threads.

    Args:
        lanes: See `Station`.
        platforms: JAX's platforms, as in `JAX_PLATFORMS`.
        beside: See `Station`.
    """

    def __init__(
        self,
        *,
        lanes: int | None = None,
        platforms: str | None = None,
        beside: int | None = None,
    ) -> None:
        prepare(platforms=platforms)
        self._lanes, self._beside = lanes, beside
        self._made: Station | None = None

    @property
    def capacity(self) -> int:
        """Jobs that can be under way at once."""
        return max(1, self._station.beside)

    def __len__(self) -> int:
        """Jobs submitted and not yet returned."""
        return 0 if self._made is None else len(self._made)

    def submit(
        self,
        job: Job,
        *,
        priority: float = 0.0,
        deadline_s: float = math.inf,
        cost_s: float = 0.0,
    ) -> None:
        """Adds a job; see `Pool.submit`."""
        self._station.submit(job, priority=priority, deadline_s=deadline_s)

    def next(self, timeout_s: float | None = None) -> tuple[Job, Evaluation] | None:
        """Carries out the most urgent job, however long that takes; see `Pool.next`.

        Nothing is done already: with no time to wait there is no answer.
        """
        return self._station.next() if len(self) and timeout_s != 0 else None

    def cancel(self) -> None:
        """Drops what waits; see `Pool.cancel`."""
        if self._made is not None:
            self._made.cancel()

    def workers(self) -> list[dict[str, Any]]:
        """This process, as a worker says it; starts JAX."""
        numerics = self._station.numerics.to_dict()
        return [{"machine": platform.node(), "pid": os.getpid(), "numerics": numerics}]

    def nodes(self) -> list[PoolNode]:
        """This process; see `Pool.nodes`."""
        busy = min(1, len(self))
        return [PoolNode("", platform.node(), pids=[os.getpid()], busy=busy)]

    def news(self) -> list[str]:
        """Nothing ever happens here; see `Pool.news`."""
        return []

    def close(self) -> None:
        """Drops what was not carried out, and all that was kept."""
        self._made = None

    @property
    def _station(self) -> "Station":
        """What carries out jobs; made when it is first needed, for it starts JAX."""
        if self._made is None:
            from workers.side_by_side.station import Station

            self._made = Station(lanes=self._lanes, beside=self._beside)
        return self._made
