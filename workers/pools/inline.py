"""The pool without workers: jobs are carried out in this process.

On a CPU one after the other; on an accelerator different cells side by side.
"""

import heapq
import itertools
import math
import os
import platform
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workers.job.evaluation import Evaluation
from workers.job.job import Job
from workers.machine.runtime import (
    DEFAULT_BESIDE,
    Numerics,
    numerics_class,
    prepare,
    start_backend,
)
from workers.pools.nodes import PoolNode

if TYPE_CHECKING:
    from workers.side_by_side.queue import SideBySide
    from workers.training.evaluator import Evaluator


class InlinePool:
    """Carries out jobs in this process when `next` is called; see `Pool`.

    The process is prepared when the pool is made, so make it before JAX starts; it
    raises a `RuntimeError` if JAX has started already, and with several threads.

    Args:
        lanes: Settings in one program; None: what the platform has by default.
        platforms: JAX's platforms, as in `JAX_PLATFORMS`.
        beside: Cells that are trained side by side; 0: none; None: as many as the
            platform has by default.
    """

    def __init__(
        self,
        *,
        lanes: int | None = None,
        platforms: str | None = None,
        beside: int | None = None,
    ) -> None:
        prepare(platforms=platforms)
        self._lanes = lanes
        self._beside = beside
        self._evaluator: Evaluator | None = None
        self._shared: SideBySide | None = None
        self._queue: list[tuple[float, int, Job, float]] = []
        self._numbers = itertools.count()

    @property
    def capacity(self) -> int:
        """Jobs that can be under way at once."""
        return max(1, self._cells_beside())

    def __len__(self) -> int:
        """Jobs submitted and not yet returned."""
        return len(self._queue) + (len(self._shared) if self._shared else 0)

    def submit(
        self, job: Job, *, priority: float = 0.0, deadline_s: float = math.inf
    ) -> None:
        """Adds a job; see `Pool.submit`."""
        row = (priority, next(self._numbers), job, deadline_s)
        heapq.heappush(self._queue, row)

    def next(self, timeout_s: float | None = None) -> tuple[Job, Evaluation] | None:
        """Carries out the most urgent job, however long that takes; see `Pool.next`."""
        if not len(self):
            return None
        if self._evaluator is None:
            from workers.side_by_side.queue import SideBySide
            from workers.training.evaluator import Evaluator  # starts JAX

            self._evaluator = Evaluator(lanes=self._lanes)
            if beside := self._cells_beside():
                self._shared = SideBySide(beside, self._numerics().key)
        if self._shared is not None:
            # Whatever shares a program is under way at once; the rest comes after it.
            if not self._shared.ready:
                self._queue = self._shared.take(self._queue)
            if len(self._shared):
                return self._shared.next()
        _, _, job, deadline_s = self._queue[0]
        evaluation = self._evaluator.evaluate(job, deadline_s=deadline_s)
        heapq.heappop(self._queue)
        # Who trains some jobs side by side is of another class in all of them.
        return job, replace(evaluation, numerics=self._numerics().key)

    def cancel(self) -> None:
        """Drops what waits; see `Pool.cancel`."""
        self._queue.clear()

    def _cells_beside(self) -> int:
        """Cells that are trained side by side; starts JAX."""
        if self._beside is None:
            self._beside = DEFAULT_BESIDE[start_backend()]
        return self._beside

    def _numerics(self) -> Numerics:
        return numerics_class(self._lanes, self._cells_beside())

    def workers(self) -> list[dict[str, Any]]:
        """This process, as a worker says it; starts JAX."""
        numerics = self._numerics().to_dict()
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
        self._queue.clear()
        self._evaluator = self._shared = None
