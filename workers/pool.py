"""The small interface behind which jobs are carried out, and Ray actors behind it."""

import heapq
import itertools
import logging
import math
import os
import time
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from tasks import TaskError
from workers.job import Evaluation, Job, JobError, Status, failed
from workers.runtime import available_cores
from workers.worker import Worker

GRACE_S: Final = 20.0
"""Seconds past its deadline that a worker is given to answer before it is killed."""

START_S: Final = 120.0
"""Seconds within which all workers of a new pool have to be ready."""

ATTEMPTS: Final = 2
"""How often a job is tried whose process dies."""


class Pool(Protocol):
    """What carries out jobs: submitted in any number, returned as they are done."""

    @property
    def capacity(self) -> int:
        """Jobs that can be under way at once."""

    def __len__(self) -> int:
        """Jobs submitted and not yet returned."""

    def submit(
        self, job: Job, *, priority: float = 0.0, deadline_s: float = math.inf
    ) -> None:
        """Adds a job.

        Args:
            job: The job.
            priority: The lowest goes first; among equals, the one submitted first.
            deadline_s: Seconds of work after which what is unfinished is `TIMEOUT`.
        """

    def next(self, timeout_s: float | None = None) -> tuple[Job, Evaluation] | None:
        """Waits for some job to be done; failures are evaluations too.

        Args:
            timeout_s: Seconds to wait at most; None: as long as it takes.

        Returns:
            The job and its evaluation; None if time is up or there is no job.

        Raises:
            JobError: The machine cannot do what a job asks for.
            TaskError: A task cannot give its data.
        """

    def close(self) -> None:
        """Stops all work; what was not returned is dropped."""


class Queued(NamedTuple):
    """A job that waits, in the order in which jobs are started."""

    priority: float
    number: int
    job: Job
    deadline_s: float
    attempts: int = 0


@dataclass
class Actor:
    """A Ray actor and what it is doing.

    Attributes:
        handle: The actor.
        place: Its number in the pool, and its core where cores are given out.
        queued: The job under way; None when idle.
        reference: Ray's reference of the answer.
        kill_at: `time.monotonic()` at which it is killed.
        digest: The cell it held last.
    """

    handle: Any
    place: int
    queued: Queued | None = None
    reference: Any = None
    kill_at: float = math.inf
    digest: str = ""


class RayPool:
    """N long-lived local Ray actors, each single-threaded and on a core of its own.

    A process that dies costs a repeat of its job; the second death makes the job
    `CRASHED`. A job past its deadline is stopped by killing its process.

    Attributes:
        workers: What each actor said of itself when the pool was made; see
            `Worker.about`.
    """

    def __init__(
        self,
        workers: int,
        *,
        lanes: int | None = None,
        platforms: str | None = "cpu",
    ) -> None:
        """Starts Ray, if it is not running, and waits until the actors are ready.

        Args:
            workers: N, at least 1.
            lanes: Settings in one program; None: what the platform has by default.
            platforms: JAX's platforms, as in `JAX_PLATFORMS`; None leaves it to JAX.

        Raises:
            JobError: There would be no worker, or they do not start.
        """
        if workers < 1:
            raise JobError(f"a pool has at least 1 worker, got {workers}")
        self._ray, self._owns_ray = _start_ray(workers)
        self._options = {"platforms": platforms, "lanes": lanes}
        cores = available_cores()
        self._cores = cores if workers <= len(cores) else []
        self._queue: list[Queued] = []
        self._numbers = itertools.count()
        self._actors = [self._start(place) for place in range(workers)]
        self.workers = self._about()

    @property
    def capacity(self) -> int:
        """Jobs that can be under way at once."""
        return len(self._actors)

    def __len__(self) -> int:
        """Jobs submitted and not yet returned."""
        return len(self._queue) + len(self._busy())

    def submit(
        self, job: Job, *, priority: float = 0.0, deadline_s: float = math.inf
    ) -> None:
        """Adds a job; see `Pool.submit`."""
        queued = Queued(priority, next(self._numbers), job, deadline_s)
        heapq.heappush(self._queue, queued)
        self._assign()

    def next(self, timeout_s: float | None = None) -> tuple[Job, Evaluation] | None:
        """Waits for some job to be done; see `Pool.next`."""
        until = math.inf if timeout_s is None else time.monotonic() + timeout_s
        while len(self):
            self._assign()
            busy = self._busy()
            wake = min(until, *(actor.kill_at for actor in busy))
            seconds = max(0.0, wake - time.monotonic())
            references = [actor.reference for actor in busy]
            ready, _ = self._ray.wait(
                references, timeout=None if math.isinf(seconds) else seconds
            )
            done = [actor for actor in busy if actor.reference in ready]
            now = time.monotonic()
            late = [actor for actor in busy if actor.kill_at <= now]
            answer = None
            if done:
                answer = self._collect(done[0])
            elif late:
                answer = self._stop(late[0])
            if answer is not None:
                return answer
            if not ready and now >= until:
                return None
        return None

    def close(self) -> None:
        """Kills the actors, and stops Ray if this pool started it."""
        self._queue.clear()
        for actor in self._actors:
            self._ray.kill(actor.handle, no_restart=True)
        self._actors = []
        if self._owns_ray:
            self._ray.shutdown()

    def _about(self) -> list[dict[str, Any]]:
        """What each actor says of itself, once it is ready."""
        replies = [actor.handle.about.remote() for actor in self._actors]
        _, missing = self._ray.wait(replies, num_returns=len(replies), timeout=START_S)
        if missing:
            free = self._ray.available_resources().get("CPU", 0)
            self.close()
            raise JobError(
                f"{len(missing)} of {len(replies)} workers did not start within "
                f"{START_S:g} s: each needs a CPU, and Ray has {free:g} free"
            )
        facts: list[dict[str, Any]] = self._ray.get(replies)
        return facts

    def _busy(self) -> list[Actor]:
        return [actor for actor in self._actors if actor.queued is not None]

    def _start(self, place: int) -> Actor:
        """A new actor; Ray neither restarts it nor repeats its calls."""
        remote = self._ray.remote(
            num_cpus=1, max_restarts=0, max_task_retries=0, max_concurrency=1
        )
        core = self._cores[place] if self._cores else None
        return Actor(remote(Worker).remote(core=core, **self._options), place)

    def _assign(self) -> None:
        """Gives waiting jobs to idle actors, if possible to one that knows the cell."""
        idle = [actor for actor in self._actors if actor.queued is None]
        while idle and self._queue:
            queued = heapq.heappop(self._queue)
            digest = queued.job.digest
            actor = next((a for a in idle if a.digest == digest), idle[0])
            idle.remove(actor)
            actor.queued, actor.digest = queued, digest
            actor.kill_at = time.monotonic() + queued.deadline_s + GRACE_S
            actor.reference = actor.handle.evaluate.remote(
                queued.job.to_json(), queued.deadline_s
            )

    def _collect(self, actor: Actor) -> tuple[Job, Evaluation] | None:
        """The answer of an actor; None if its process died and the job is repeated."""
        queued = actor.queued
        assert queued is not None
        errors = self._ray.exceptions
        try:
            evaluation = Evaluation.from_json(self._ray.get(actor.reference))
        except errors.RayTaskError as error:
            self._free(actor)
            cause = error.cause if isinstance(error.cause, Exception) else error
            if isinstance(cause, (TaskError, JobError)):
                raise cause from None
            status, reason = Status.CRASHED, f"{type(cause).__name__}: {cause}"
            return queued.job, failed(queued.job, status, reason)
        except errors.RayError as error:
            return self._died(actor, error)
        self._free(actor)
        return queued.job, evaluation

    def _free(self, actor: Actor) -> None:
        actor.queued, actor.reference, actor.kill_at = None, None, math.inf

    def _died(self, actor: Actor, error: Exception) -> tuple[Job, Evaluation] | None:
        """Replaces an actor whose process has died, and repeats its job once."""
        queued = actor.queued
        assert queued is not None
        self._replace(actor)
        if queued.attempts + 1 < ATTEMPTS:
            again = queued._replace(attempts=queued.attempts + 1)
            heapq.heappush(self._queue, again)
            return None
        full = isinstance(error, self._ray.exceptions.OutOfMemoryError)
        status = Status.OOM if full else Status.CRASHED
        cause = f"the worker's process died {ATTEMPTS} times ({type(error).__name__})"
        return queued.job, failed(queued.job, status, cause)

    def _stop(self, actor: Actor) -> tuple[Job, Evaluation]:
        """Kills an actor that is past its deadline."""
        queued = actor.queued
        assert queued is not None
        self._replace(actor)
        cause = f"killed {GRACE_S:g} s after its deadline of {queued.deadline_s:g} s"
        return queued.job, failed(queued.job, Status.TIMEOUT, cause)

    def _replace(self, actor: Actor) -> None:
        self._ray.kill(actor.handle, no_restart=True)
        self._actors[actor.place] = self._start(actor.place)


def _start_ray(workers: int) -> tuple[Any, bool]:
    """Ray, and whether it was started here."""
    # Read when Ray is imported: no second environment under `uv run`, and no warning
    # about accelerators of actors that ask for none.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray
    import ray.exceptions

    owns = not ray.is_initialized()
    if owns:
        ray.init(
            num_cpus=workers,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    return ray, owns
