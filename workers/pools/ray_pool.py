"""Ray actors as a pool: they may be slow, hang, die, leave and join at any time."""

import itertools
import json
import math
import time
from bisect import insort
from collections import Counter
from typing import Any, Final, NoReturn

from tasks import TaskError
from workers.errors import JobError, MachineError, one_line
from workers.job.evaluation import DIED as PROCESS_DIED
from workers.job.evaluation import Evaluation, Status, failed
from workers.job.job import Job
from workers.machine.clock import RunningClock
from workers.machine.runtime import check_environment
from workers.pools.nodes import DIED, KILLED, LOST, WORN, Nodes, PoolNode
from workers.pools.options import PoolOptions
from workers.pools.ray_start import start_ray
from workers.pools.seats import (
    ATTEMPTS,
    LOSSES,
    ActorFactory,
    QueuedJob,
    Seat,
    best_for,
    ending,
    last_line,
    lost,
)

GRACE_S: Final = 20.0
"""Seconds past its deadline that a worker is given to answer before it is killed."""

START_S: Final = 120.0
"""Seconds without any worker after which a pool gives up."""

LOOK_S: Final = 5.0
"""Seconds between two looks at the size of the cluster."""

RESTARTS: Final = 2
"""How often a Ray of this machine's own is started again when it has died."""

BAD_STARTS: Final = 3
"""Workers in a row that fail as they begin, on this machine, before a pool gives up."""

TWICE_S: Final = 10.0
"""Seconds that a job must have been under way before an idle worker repeats it."""

Answer = tuple[Job, Evaluation]


class RayPool:
    """Long-lived Ray actors, each single-threaded and, on CPU, on a core of its own.

    A process that dies by itself costs a repeat of its job, and the second death makes
    the job `CRASHED`; one that is lost with its node, or killed because a node's memory
    ran out, costs a repeat. A job past its deadline is stopped by killing its process;
    time in which this process stood still does not count. Actors are replaced when
    they die or are worn, and follow the cluster as it grows and shrinks. A Ray of this
    machine's own that dies is started again, a few times. A worker that has nothing to
    do carries out the oldest unfinished job a second time: jobs are
    pure, and the first answer wins.

    Making one starts or joins Ray, and waits until a worker is ready; it raises a
    `JobError` if none starts, or none may.

    Args:
        options: How many workers, and where; not `inline`.
        numerics: Key of the numerics class that workers must have; None: that of the
            first one.
        lanes: Settings in one program; None: what the platform has by default.
        platforms: JAX's platforms, as in `JAX_PLATFORMS`; None leaves it to JAX, as
            workers that share a GPU always do.
    """

    def __init__(
        self,
        options: PoolOptions,
        *,
        numerics: str | None = None,
        lanes: int | None = None,
        platforms: str | None = "cpu",
    ) -> None:
        self._count = options.count
        if options.address is None:  # its workers have this process's environment
            check_environment()
        self._running = start_ray(self._count, options.address)
        self._ray = self._running.module
        self._factory = ActorFactory(
            ray=self._ray,
            per_gpu=options.per_gpu,
            lanes=lanes,
            platforms=None if options.per_gpu else platforms,
            memory_bytes=options.memory_bytes,
        )
        self._numerics, self._mixed = numerics, options.mixed
        self._queue: list[QueuedJob] = []
        self._numbers = itertools.count()
        self._seats: list[Seat] = []
        self._refused, self._restarts = 0, 0
        self._bad_starts, self._failure = 0, ""
        self._clock = RunningClock()
        self._gone = False  # a cluster that is not to be asked anything any more
        self._looked = self._last_ready = 0.0
        self._news: list[str] = []
        self._nodes = Nodes()
        # Whatever goes wrong now, no actor and no Ray of ours may be left behind.
        try:
            self._grow()
            self._await_first()
        except BaseException:
            self.close()
            raise

    @property
    def capacity(self) -> int:
        """Jobs that can be under way at once, now."""
        return max(1, sum(seat.about is not None for seat in self._seats))

    def __len__(self) -> int:
        """Jobs submitted and not yet returned."""
        return len(self._queue) + len({queued.number for _, queued in self._busy()})

    def submit(
        self, job: Job, *, priority: float = 0.0, deadline_s: float = math.inf
    ) -> None:
        """Adds a job; see `Pool.submit`."""
        number, now = next(self._numbers), self._clock.read()
        queued = QueuedJob(priority, number, job, deadline_s, now)
        insort(self._queue, queued)
        self._assign()

    def next(self, timeout_s: float | None = None) -> Answer | None:
        """Waits for some job to be done; see `Pool.next`."""
        until = math.inf if timeout_s is None else self._clock.read() + timeout_s
        while len(self):
            self._look()
            self._assign()
            seat = self._wait(until)
            answer = self._turn(seat) if seat is not None else self._late()
            if answer is not None:
                return answer
            if seat is None and self._clock.read() >= until:
                return None
        return None

    def cancel(self) -> None:
        """Drops what waits; see `Pool.cancel`."""
        self._queue.clear()

    def workers(self) -> list[dict[str, Any]]:
        """What each worker that is ready says of itself; see `Worker.about`."""
        return [seat.about for seat in self._seats if seat.about is not None]

    def nodes(self) -> list[PoolNode]:
        """Who works where, and what was lost there; see `Pool.nodes`."""
        ready = [seat for seat in self._seats if seat.about is not None]
        return self._nodes.rows((s.about or {}, s.queued is not None) for s in ready)

    def news(self) -> list[str]:
        """What has happened to workers; see `Pool.news`."""
        news, self._news = self._news, []
        return news

    def close(self) -> None:
        """Kills the actors, and stops Ray if this pool started it."""
        self._queue.clear()
        gone = self._gone or self._running.ended()
        for seat in self._seats:
            if not gone:  # nobody would answer
                self._kill(seat)
        self._seats = []
        self._running.stop(keep_logs=bool(gone))

    # Waiting

    def _wait(self, until: float) -> Seat | None:
        """A seat whose actor has answered, or died; None: time for something else."""
        asked = [seat for seat in self._seats if seat.reference is not None]
        wake = min((until, *(seat.kill_at for seat in asked)), default=until)
        wake = min(wake, self._looked + LOOK_S)
        seconds = max(0.0, wake - self._clock.read())
        if not asked:
            time.sleep(min(seconds, LOOK_S))
            return None
        references = [seat.reference for seat in asked]
        ready, _ = self._ray.wait(references, timeout=seconds)
        return next((seat for seat in asked if seat.reference in ready), None)

    def _turn(self, seat: Seat) -> Answer | None:
        """Takes the answer of an actor, or replaces it."""
        if seat.queued is None:
            self._welcome(seat)
            return None
        errors = self._ray.exceptions
        queued = seat.queued
        try:
            reply = json.loads(self._ray.get(seat.reference))
        except errors.RayTaskError as error:
            self._raised(seat, error)
        except errors.RayError as error:
            return None if self._revived() else self._died(seat, error)
        seat.free()
        if seat.worn(reply["process"]):
            self._replace(seat, WORN)
        return self._answer(queued, Evaluation.from_json(reply["evaluation"]))

    def _answer(self, queued: QueuedJob, evaluation: Evaluation) -> Answer:
        """The answer, for which nobody else need work any more.

        Actors that have the same job are replaced: their answer would be the same.
        """
        for seat, other in self._busy():
            if other.number == queued.number:
                self._replace(seat)
        return queued.job, evaluation

    def _raised(self, seat: Seat, error: Any) -> NoReturn:
        """A job raised an exception past `evaluate`: nobody's cell is at fault."""
        seat.free()
        cause = error.cause if isinstance(error.cause, Exception) else error
        if isinstance(cause, (TaskError, JobError)):
            raise cause from None
        raise MachineError(f"a worker{_where(seat)} failed: {one_line(cause)}")

    def _died(self, seat: Seat, error: Exception) -> Answer | None:
        """Replaces an actor that has died; its job is repeated, or has failed."""
        queued = seat.queued
        assert queued is not None
        gone = lost(self._ray, error)
        self._replace(seat, LOST if gone else DIED)
        # Who repeats the job will answer, or die, too: no death is counted twice.
        if any(other.number == queued.number for _, other in self._busy()):
            self._tell(seat, error, "another has its job, too")
            return None
        # A death may be the job's fault, a loss is not: each has a count of its own.
        queued = queued._replace(
            attempts=queued.attempts + (not gone), losses=queued.losses + gone
        )
        if queued.attempts < ATTEMPTS and queued.losses < LOSSES:
            self._tell(seat, error, "its job is repeated")
            insort(self._queue, queued)
            return None
        # Machines that go are no doing of a cell, and are a person's to look after.
        if queued.attempts < ATTEMPTS:
            raise MachineError(
                f"a job was lost {queued.losses} times with its worker, at last by: "
                f"{last_line(error)}. What is done is kept"
            )
        # It has killed too many: it is the cell's failure, and the search goes on.
        self._tell(seat, error, "its job has failed")
        cause = f"{PROCESS_DIED} {queued.attempts} times ({type(error).__name__})"
        return queued.job, failed(queued.job, Status.CRASHED, cause)

    def _tell(self, seat: Seat, error: Exception, job: str) -> None:
        """Has a person know that a worker is no more, and what that means."""
        how = ending(self._ray, error)
        self._news.append(f"a worker{_where(seat)} {how}; {job}")

    def _late(self) -> Answer | None:
        """Kills an actor that is past its deadline."""
        now = self._clock.read()
        late = [pair for pair in self._busy() if pair[0].kill_at <= now]
        if not late:
            return None
        seat, queued = late[0]
        self._replace(seat, KILLED)
        cause = f"killed {GRACE_S:g} s after its deadline of {queued.deadline_s:g} s"
        self._news.append(f"a worker{_where(seat)} was {cause}; its job has failed")
        return self._answer(queued, failed(queued.job, Status.TIMEOUT, cause))

    # Seats

    def _busy(self) -> list[tuple[Seat, QueuedJob]]:
        """Actors that have a job, and the job."""
        return [(seat, seat.queued) for seat in self._seats if seat.queued is not None]

    def _assign(self) -> None:
        """Gives waiting jobs to idle actors, if possible to one that knows the cell."""
        idle = [seat for seat in self._seats if seat.idle]
        while idle and self._queue:
            seat, now = idle.pop(0), self._clock.read()
            chosen = best_for(seat, self._seats, self._queue, now)
            if chosen is not None:
                seat.give(self._queue.pop(chosen), now, GRACE_S)
        for seat in idle:
            again = self._oldest_alone()
            if again is None:
                return
            seat.give(again, self._clock.read(), GRACE_S)

    def _oldest_alone(self) -> QueuedJob | None:
        """The most urgent job that a single worker has had for a while."""
        busy = self._busy()
        counts = Counter(queued.number for _, queued in busy)
        now = self._clock.read()
        alone = [
            queued
            for seat, queued in busy
            if counts[queued.number] == 1 and now - seat.started >= TWICE_S
        ]
        return min(alone, default=None)

    def _look(self) -> None:
        """Follows the cluster, now and then; gives up when no worker is to be had."""
        self._revived()
        now = self._clock.read()
        answers = True
        if now - self._looked >= LOOK_S:
            self._looked = now
            answers = self._answers()
            if answers:
                self._grow()
        if any(seat.about is not None for seat in self._seats):
            self._last_ready = now
        elif now - self._last_ready >= START_S and answers:
            raise JobError(self._nobody())

    def _answers(self) -> bool:
        """Whether Ray does; if it never will again, the run has to stop."""
        try:
            return self._running.answers()
        except MachineError:
            self._gone = True
            raise

    def _revived(self) -> bool:
        """Whether a Ray that was started here had died, and has been started again."""
        ended = self._running.ended()
        if not ended:
            return False
        if self._restarts == RESTARTS:
            raise MachineError(
                f"Ray has died {RESTARTS + 1} times ({ended} has ended; its logs are "
                f"in {self._running.folder}). What is done is kept"
            )
        self._restarts += 1
        self._news.append(
            f"Ray has died ({ended} has ended; its logs are in {self._running.folder}) "
            "and is started again; what was under way is repeated"
        )
        for queued in {queued.number: queued for _, queued in self._busy()}.values():
            insort(self._queue, queued)
        for seat in self._seats:
            if seat.about is not None:
                self._nodes.left(seat.about, LOST)
        self._seats = []
        self._running.stop(keep_logs=True)
        self._running = start_ray(self._count, None)
        self._grow()
        self._looked = self._last_ready = self._clock.read()
        return True

    def _grow(self) -> None:
        """Makes actors up to the number wanted; in `auto`, no more than have room."""
        wanted = self._count if self._count is not None else self._factory.room()
        wanted -= self._refused
        while len(self._seats) < wanted:
            self._seats.append(self._factory.make())
        if self._count is None:  # the cluster has shrunk: nobody starts there any more
            waiting = [seat for seat in self._seats if seat.about is None]
            for seat in waiting[: max(0, len(self._seats) - wanted)]:
                self._kill(seat)
                self._seats.remove(seat)

    def _welcome(self, seat: Seat) -> None:
        """Takes in an actor that is ready, unless it computes other bits."""
        try:
            about = self._ray.get(seat.reference)
        except self._ray.exceptions.RayError as error:
            if not self._revived():
                self._failed(seat, error)
            return
        self._bad_starts = 0
        # Results of another class would differ in their last bits from those there are.
        key = about["numerics"]["key"]
        self._numerics = self._numerics or key
        if key != self._numerics and not self._mixed:
            self._refused += 1
            self._news.append(
                f"refused a worker on {about['machine']}: it computes other bits "
                f"(numerics class {key}, not {self._numerics}); mixed would admit it"
            )
            self._kill(seat)
            self._seats.remove(seat)
            return
        seat.about, seat.reference = about, None
        self._nodes.joined(about)

    def _failed(self, seat: Seat, error: Exception) -> None:
        """Notes that an actor died before it began; `_grow` makes another."""
        self._failure = last_line(error)
        self._seats.remove(seat)
        self._bad_starts += 1
        # On other machines it may be one of them that is to blame.
        if self._running.local and self._bad_starts >= BAD_STARTS:
            raise MachineError(
                f"{self._bad_starts} workers in a row have failed as they began: "
                f"{self._failure}. What is done is kept"
            )

    def _await_first(self) -> None:
        """Waits until some worker is ready."""
        if self._running.local and not self._factory.room():
            raise MachineError(
                "Ray finds no GPU on this machine: leave `per_gpu` out, and workers "
                "have a core each"
            )
        while not self.workers():
            self._look()
            seat = self._wait(self._clock.read() + 1.0)
            if seat is not None:
                self._welcome(seat)
            if self._refused and not self._seats:
                raise JobError(self._news[-1])
        until = self._clock.read() + 5.0  # those that start together begin together
        while self._clock.read() < until and not all(s.about for s in self._seats):
            seat = self._wait(self._clock.read() + 1.0)
            if seat is not None:
                self._welcome(seat)

    def _nobody(self) -> str:
        if self._failure:
            return (
                f"no worker has been ready for {START_S:g} s; the last one failed as "
                f"it began: {self._failure}. What is done is kept"
            )
        free = self._ray.available_resources().get("CPU", 0)
        return (
            f"no worker has been ready for {START_S:g} s: each needs a CPU"
            f"{' and a share of a GPU' if self._factory.per_gpu else ''}, and Ray has "
            f"{free:g} CPUs free. What is done is kept"
        )

    def _replace(self, seat: Seat, why: str | None = None) -> None:
        """Has another actor take its place; without `why` that is no loss."""
        if seat.about is not None and why is not None:
            self._nodes.left(seat.about, why)
        self._kill(seat)
        place = self._seats.index(seat)
        del self._seats[place]
        wanted = self._count if self._count is not None else self._factory.room()
        if len(self._seats) < wanted - self._refused:
            self._seats.insert(place, self._factory.make())

    def _kill(self, seat: Seat) -> None:
        self._ray.kill(seat.handle, no_restart=True)


def _where(seat: Seat) -> str:
    return "" if seat.about is None else f" on {seat.about['machine']}"
