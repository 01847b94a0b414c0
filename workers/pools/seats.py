"""Places of a pool for Ray actors, and what sits there: a process and its jobs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from workers.job.cost import COMPILE_S
from workers.job.job import Job
from workers.machine.device_memory import MEMORY_SHARE
from workers.pools.pace import Speed
from workers.pools.packages import own_packages
from workers.pools.worker import Worker, sent_by_value

ATTEMPTS: Final = 2
"""How often a job is tried whose process dies by itself."""

LOSSES: Final = 20
"""How often a job is repeated that was lost with its machine, or by a kill that Ray
announces; then the run stops, for nothing repeats for ever."""

RECYCLE_JOBS: Final = 3_000
RECYCLE_BYTES: Final = 3 << 30
RECYCLE_MAPS: Final = 40_000
"""A process that has done so many jobs, holds so much memory or so many memory maps
(Linux allows 65,530) gives way to a new one."""

KEPT_CELLS: Final = 8
"""Cells whose programs a worker is believed to keep: two of each; see `Evaluator`."""

LOOK_AHEAD: Final = 200
"""Waiting jobs among which one is chosen that suits a worker."""

LOOK_BACK: Final = 20
"""Jobs under way, the most urgent ones, among which one is found to be repeated."""


class QueuedJob(NamedTuple):
    """A job that waits, in the order in which jobs are started.

    Attributes:
        priority: The lowest first.
        number: In order of submission.
        job: The job.
        deadline_s: Seconds of work that it is given.
        since: When it began to wait, by the pool's clock.
        cost_s: Its nominal core-seconds; 0: unknown.
        attempts: Processes that died with it.
        losses: Times it was lost through no fault of its own.
        own: Whether it is known to need a program of its own.
        suspect: Whether a process has died with it and others side by side.
    """

    priority: float
    number: int
    job: Job
    deadline_s: float
    since: float = 0.0
    cost_s: float = 0.0
    attempts: int = 0
    losses: int = 0
    own: bool = False
    suspect: bool = False


@dataclass
class Seat:
    """An actor and what it is doing.

    Attributes:
        handle: Ray's actor.
        reference: Ray's reference of what it was asked last: about itself until it is
            ready, then an answer; None when nothing was.
        about: What it says of itself; None until it is ready.
        queued: The job that it carries out by itself; None: none.
        beside: Jobs that it has side by side, by number; they wait while it carries out
            another by itself.
        started: When it was given its job, by the pool's clock.
        kill_at: When it is killed, by the same clock.
        cells: Those it has compiled programs of, the last one last.
        done: Jobs it has answered.
        speed: How long it takes.
    """

    handle: Any
    reference: Any
    about: dict[str, Any] | None = None
    queued: QueuedJob | None = None
    beside: dict[int, QueuedJob] = field(default_factory=dict)
    started: float = 0.0
    kill_at: float = math.inf
    cells: list[str] = field(default_factory=list)
    done: int = 0
    speed: Speed = field(default_factory=Speed)

    @property
    def idle(self) -> bool:
        """Whether it waits to be asked."""
        return self.about is not None and self.reference is None

    @property
    def lanes(self) -> int:
        """Jobs that it carries out side by side at most; 0: one after the other."""
        return 0 if self.about is None else int(self.about.get("beside", 0))

    @property
    def jobs(self) -> list[QueuedJob]:
        """All that it has."""
        own = [] if self.queued is None else [self.queued]
        return [*own, *self.beside.values()]

    @property
    def node(self) -> str:
        """Ray's id of its node; empty until it is ready."""
        return "" if self.about is None else str(self.about["node"])

    def give(self, queued: QueuedJob, now: float, grace_s: float) -> None:
        """Has it carry out a job, and be killed so long after the job's deadline."""
        self.queued = queued
        digest = queued.job.digest
        self.cells = [one for one in self.cells if one != digest][-KEPT_CELLS + 1 :]
        self.cells.append(digest)
        self.started = now
        self.kill_at = self.started + queued.deadline_s + grace_s
        self.reference = self.handle.evaluate.remote(
            queued.job.to_json(), queued.deadline_s
        )

    def give_beside(self, jobs: Sequence[QueuedJob], now: float) -> None:
        """Has it go on side by side for a while, these among them.

        Deadlines do not count: all go on together.
        """
        self.beside |= {queued.number: queued for queued in jobs}
        self.started = now
        self.reference = self.handle.evaluate_beside.remote(
            [queued.job.to_json() for queued in jobs]
        )

    def free(self) -> None:
        """Notes that it has answered."""
        self.queued, self.reference, self.kill_at = None, None, math.inf
        self.done += 1

    def taken(self, job_id: str) -> QueuedJob | None:
        """Takes from it a job that it has side by side; None: it is not its own now."""
        numbers = [n for n, queued in self.beside.items() if queued.job.id == job_id]
        return self.beside.pop(numbers[0]) if numbers else None

    def worn(self, facts: dict[str, Any]) -> bool:
        """Whether it should give way to a new process.

        Args:
            facts: Memory and maps, as it said with its last answer.
        """
        return not self.jobs and (
            self.done >= RECYCLE_JOBS
            or facts["rss_bytes"] >= RECYCLE_BYTES
            or facts["maps"] >= RECYCLE_MAPS
        )


def best_for(
    seat: Seat,
    seats: Sequence[Seat],
    queue: Sequence[QueuedJob],
    now: float,
    suited: Sequence[int] | None = None,
) -> int | None:
    """Index of the waiting job that an idle actor should have; None: of none yet.

    Compiling a cell takes as long as several trainings. So it is given the most urgent
    job of a cell that it has compiled; else of one that nobody has; else of another,
    once that has waited for as long as compiling takes.

    Args:
        seat: The actor.
        seats: All of them, itself included.
        queue: What waits, the most urgent first; not empty.
        now: By the pool's clock.
        suited: Indices of those of the first `LOOK_AHEAD` that it may have; None: all.
    """
    if suited is None:
        suited = range(min(len(queue), LOOK_AHEAD))
    elif not suited:
        return None
    others = {cell for one in seats if one is not seat for cell in one.cells}

    def rank(index: int) -> int:
        digest = queue[index].job.digest
        return 0 if digest in seat.cells else 1 + (digest in others)

    chosen = min(suited, key=lambda at: (rank(at), at))
    waited = now - queue[chosen].since
    return chosen if rank(chosen) < 2 or waited >= COMPILE_S else None


def share_for(
    seat: Seat, seats: Sequence[Seat], queue: Sequence[QueuedJob]
) -> list[int]:
    """Indices of the waiting jobs that an actor is to begin side by side.

    The most urgent ones, as many as it has lanes for, but no more than its share where
    other actors have lanes, too. A suspect has a process to itself: who dies with it
    alone is to blame.

    Args:
        seat: The actor.
        seats: All of them, itself included.
        queue: What waits, the most urgent first.
    """
    if queue and queue[0].suspect:
        return [] if seat.beside else [0]
    if any(queued.suspect for queued in seat.beside.values()):
        return []
    company = [
        at for at, queued in enumerate(queue) if not (queued.own or queued.suspect)
    ]
    others = [one for one in seats if one.lanes]
    under_way = sum(len(one.beside) for one in others)
    share = math.ceil((len(company) + under_way) / max(1, len(others)))
    return company[: max(0, min(seat.lanes, share) - len(seat.beside))]


class ActorFactory(NamedTuple):
    """Makes actors: Ray neither restarts them nor repeats their calls.

    Attributes:
        ray: The module.
        per_gpu: Actors that share a GPU; 0: each has a CPU instead.
        lanes: See `Worker`.
        beside: See `Worker`.
        platforms: JAX's platforms, as in `JAX_PLATFORMS`; None leaves it to JAX.
        memory_bytes: What a worker may allocate; see `limit_memory`.
    """

    ray: Any
    per_gpu: int
    lanes: int | None
    beside: int | None
    platforms: str | None
    memory_bytes: int | None

    def make(self) -> Seat:
        """A new actor that has been asked what it is."""
        share = MEMORY_SHARE / self.per_gpu if self.per_gpu else None
        gpus = {"num_gpus": 1 / self.per_gpu} if self.per_gpu else {}
        remote = self.ray.remote(
            num_cpus=1, max_restarts=0, max_task_retries=0, max_concurrency=1, **gpus
        )
        sent_by_value(self.ray)
        handle = remote(Worker).remote(
            packages=own_packages(),
            own_core=not self.per_gpu,
            platforms=self.platforms,
            memory_share=share,
            memory_bytes=self.memory_bytes,
            lanes=self.lanes,
            beside=self.beside,
        )
        return Seat(handle, handle.about.remote())

    def room(self) -> int:
        """Actors that the cluster has room for when nothing else runs there."""
        resources = self.ray.cluster_resources()
        cpus = int(resources.get("CPU", 0))
        if self.per_gpu:
            return min(cpus, int(resources.get("GPU", 0)) * self.per_gpu)
        return cpus


def ending(ray: Any, error: Exception) -> str:
    """What became of an actor, in words."""
    if isinstance(error, ray.exceptions.OutOfMemoryError):
        return "was killed, for its node's memory ran out"
    return "was lost with its node" if lost(ray, error) else "died"


def lost(ray: Any, error: Exception) -> bool:
    """Whether an actor went with its node, or was taken away, and not by itself.

    Ray says of a process that ended while its node lives that it has died, and how; a
    node that goes shows first as a connection that is closed. Ray's monitor of memory
    kills whoever it likes when a node runs out: that may be anybody's doing, and a
    worker's own allocations are limited before; see `limit_memory`.
    """
    if isinstance(error, ray.exceptions.OutOfMemoryError):
        return True
    by_itself = "worker process has died" in str(error)
    return bool(getattr(error, "preempted", False)) or not by_itself


def said_by(ray: Any, error: Exception) -> str:
    """What an actor's exception says, below the trace that Ray has put above it."""
    if isinstance(error, ray.exceptions.OutOfMemoryError):  # Ray's own advice is long
        return "whoever has taken it, the machine is low on memory"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else type(error).__name__
