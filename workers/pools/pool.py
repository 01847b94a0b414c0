"""The small interface behind which jobs are carried out."""

import math
from typing import Any, Protocol

from workers.job.evaluation import Evaluation
from workers.job.job import Job
from workers.pools.nodes import PoolNode


class Pool(Protocol):
    """What carries out jobs: submitted in any number, returned as they are done.

    `submit` and `next` do the work, with `len(pool)` jobs between them; `cancel` and
    `close` end it. `capacity`, `workers`, `nodes` and `news` tell about it, each to
    someone else, and decide no result.
    """

    @property
    def capacity(self) -> int:
        """Jobs that can be under way at once, now; it may change."""

    def __len__(self) -> int:
        """Jobs submitted and not yet returned."""

    def submit(
        self,
        job: Job,
        *,
        priority: float = 0.0,
        deadline_s: float = math.inf,
        cost_s: float = 0.0,
    ) -> None:
        """Adds a job.

        Args:
            job: The job.
            priority: The lowest goes first; among equals, the one submitted first.
            deadline_s: Seconds of work after which what is unfinished is `TIMEOUT`.
            cost_s: Its nominal core-seconds, which decide who does it, and nothing
                else; 0: unknown.
        """

    def next(self, timeout_s: float | None = None) -> tuple[Job, Evaluation] | None:
        """Waits for some job to be done; failures are evaluations too.

        Args:
            timeout_s: Seconds to wait at most; 0: what is done already; None: as long
                as it takes.

        Returns:
            The job and its evaluation; None if time is up or there is no job.

        Raises:
            JobError: The machine cannot do what a job asks for, or no worker is left.
            TaskError: A task cannot give its data.
        """

    def cancel(self) -> None:
        """Drops the jobs that nobody has started; the others are returned by `next`."""

    def workers(self) -> list[dict[str, Any]]:
        """What each worker that is ready says of itself; see `Worker.about`."""

    def nodes(self) -> list[PoolNode]:
        """Who works where, and what was lost there since the pool was made."""

    def news(self) -> list[str]:
        """What has happened to workers since this was last asked, a line each."""

    def close(self) -> None:
        """Stops all work; what was not returned is dropped."""
