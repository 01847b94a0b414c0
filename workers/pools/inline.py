"""The pool without workers: jobs are carried out in this process, one at a time."""

import heapq
import itertools
import math
import os
import platform
from typing import TYPE_CHECKING, Any

from workers.job.evaluation import Evaluation
from workers.job.job import Job
from workers.machine.runtime import numerics_class, prepare
from workers.pools.nodes import PoolNode

if TYPE_CHECKING:
    from workers.training.evaluator import Evaluator


class InlinePool:
    """Carries out jobs in this process when `next` is called; see `Pool`.

    The process is prepared when the pool is made, so make it before JAX starts; it
    raises a `RuntimeError` if JAX has started already, and with several threads.

    Args:
        lanes: Settings in one program; None: what the platform has by default.
        platforms: JAX's platforms, as in `JAX_PLATFORMS`.
    """

    def __init__(
        self,
        *,
        lanes: int | None = None,
        platforms: str | None = None,
    ) -> None:
        prepare(platforms=platforms)
        self._lanes = lanes
        self._evaluator: Evaluator | None = None
        self._queue: list[tuple[float, int, Job, float]] = []
        self._numbers = itertools.count()

    @property
    def capacity(self) -> int:
        """Jobs that can be under way at once."""
        return 1

    def __len__(self) -> int:
        """Jobs submitted and not yet returned."""
        return len(self._queue)

    def submit(
        self, job: Job, *, priority: float = 0.0, deadline_s: float = math.inf
    ) -> None:
        """Adds a job; see `Pool.submit`."""
        row = (priority, next(self._numbers), job, deadline_s)
        heapq.heappush(self._queue, row)

    def next(self, timeout_s: float | None = None) -> tuple[Job, Evaluation] | None:
        """Carries out the most urgent job, however long that takes; see `Pool.next`."""
        if not self._queue:
            return None
        if self._evaluator is None:
            from workers.training.evaluator import Evaluator  # starts JAX

            self._evaluator = Evaluator(lanes=self._lanes)
        _, _, job, deadline_s = self._queue[0]
        evaluation = self._evaluator.evaluate(job, deadline_s=deadline_s)
        heapq.heappop(self._queue)
        return job, evaluation

    def cancel(self) -> None:
        """Drops what waits; see `Pool.cancel`."""
        self._queue.clear()

    def workers(self) -> list[dict[str, Any]]:
        """This process, as a worker says it; starts JAX."""
        numerics = numerics_class(self._lanes).to_dict()
        return [{"machine": platform.node(), "pid": os.getpid(), "numerics": numerics}]

    def nodes(self) -> list[PoolNode]:
        """This process; see `Pool.nodes`."""
        busy = min(1, len(self._queue))
        return [PoolNode("", platform.node(), pids=[os.getpid()], busy=busy)]

    def news(self) -> list[str]:
        """Nothing ever happens here; see `Pool.news`."""
        return []

    def close(self) -> None:
        """Drops what was not carried out, and all that was kept."""
        self._queue.clear()
        self._evaluator = None
