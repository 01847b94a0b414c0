"""Ray actors as a pool: they may be slow, hang, die, leave and join at any time."""

import itertools
import json
import math
from bisect import insort
from collections import Counter, deque
from typing import Any, Final, NoReturn

from tasks import TaskError
from workers.errors import JobError, MachineError, one_line
from workers.job.evaluation import DIED as PROCESS_DIED
from workers.job.evaluation import Evaluation, Status, failed
from workers.job.job import Job
from workers.machine.runtime import check_environment
from workers.pools.crew import Crew
from workers.pools.nodes import DIED, KILLED, LOST, WORN, PoolNode
from workers.pools.options import PoolOptions
from workers.pools.pace import SLOW, Pace
from workers.pools.seats import (
    ATTEMPTS,
    LOOK_AHEAD,
    LOOK_BACK,
    LOSSES,
    QueuedJob,
    Seat,
    best_for,
    ending,
    lost,
    said_by,
    share_for,
)

GRACE_S: Final = 20.0
"""Seconds past its deadline that a worker is given to answer before it is killed."""

TWICE_S: Final = 10.0
"""Seconds that a job must have been under way before an idle worker repeats it."""

Answer = tuple[Job, Evaluation]


class RayPool:
    """Long-lived Ray actors, each single-threaded and, on CPU, on a core of its own.

    Where Ray has GPUs that JAX can use, each has one; see `use_of_gpus`. On
    accelerators each trains many cells side by side, where a program can, and the
    others one after the other.

    A process that dies by itself costs a repeat of its job, and the second death makes
    the job `CRASHED`; one that is lost with its node, or killed because a node's memory
    ran out, costs a repeat. A job past its deadline is stopped by killing its process;
    time in which this process stood still does not count. Actors are replaced when
    they die or are worn, and follow the cluster as it grows and shrinks. A Ray of this
    machine's own that dies is started again, a few times. What is urgent is
    kept from slow workers, see `workers.pools.pace`; one that has nothing to do repeats
    the most urgent job that it is expected to finish first: jobs are pure, and the
    first answer wins.

    Making one starts or joins Ray, and waits until a worker is ready; it raises a
    `JobError` if none starts, or none may.

    Args:
        options: How many workers, and where; not `inline`.
        numerics: Key of the numerics class that workers must have; None: that of the
            first one.
        lanes: See `Worker`.
        beside: See `Worker`.
        platforms: JAX's platforms, as in `JAX_PLATFORMS`; None leaves it to JAX, as
            workers that have a GPU, or a share of one, always do.
    """

    def __init__(
        self,
        options: PoolOptions,
        *,
        numerics: str | None = None,
        lanes: int | None = None,
        beside: int | None = None,
        platforms: str | None = "cpu",
    ) -> None:
        if options.address is None:  # its workers have this process's environment
            check_environment()
        self._queue: list[QueuedJob] = []
        self._over: deque[Answer] = deque()  # came with one that was returned
        self._numbers = itertools.count()
        self._pace = Pace()
        self._crew = Crew(
            options,
            numerics=numerics,
            lanes=lanes,
            beside=beside,
            platforms=platforms,
            repeat=self._wait_again,
        )

    @property
    def capacity(self) -> int:
        """Jobs that can be under way at once, now."""
        return max(1, sum(max(1, seat.lanes) for seat in self._crew.ready()))

    def __len__(self) -> int:
        """Jobs submitted and not yet returned."""
        under_way = {queued.number for _, queued in self._crew.busy()}
        return len(self._queue) + len(self._over) + len(under_way)

    def submit(
        self,
        job: Job,
        *,
        priority: float = 0.0,
        deadline_s: float = math.inf,
        cost_s: float = 0.0,
    ) -> None:
        """Adds a job; see `Pool.submit`."""
        number, now = next(self._numbers), self._crew.clock.read()
        queued = QueuedJob(priority, number, job, deadline_s, now, cost_s)
        insort(self._queue, queued)
        if not any(seat.lanes for seat in self._crew.seats):
            self._assign()  # those with lanes begin together what is submitted together

    def next(self, timeout_s: float | None = None) -> Answer | None:
        """Waits for some job to be done; see `Pool.next`."""
        until = math.inf if timeout_s is None else self._crew.clock.read() + timeout_s
        while len(self):
            if self._over:
                return self._over.popleft()
            self._crew.look()
            self._assign()
            seat = self._crew.wait(until)
            answer = self._turn(seat) if seat is not None else self._late()
            if answer is not None:
                return answer
            if seat is None and self._crew.clock.read() >= until:
                return None
        return None

    def cancel(self) -> None:
        """Drops what waits; see `Pool.cancel`."""
        self._queue.clear()

    def workers(self) -> list[dict[str, Any]]:
        """What each worker that is ready says of itself; see `Worker.about`."""
        return self._crew.about()

    def nodes(self) -> list[PoolNode]:
        """Who works where, and what was lost there; see `Pool.nodes`."""
        return self._crew.nodes(self._pace)

    def news(self) -> list[str]:
        """What has happened to workers; see `Pool.news`."""
        return self._crew.news()

    def close(self) -> None:
        """Kills the actors, and stops Ray if this pool started it."""
        self._queue.clear()
        self._crew.close()

    # Answers

    def _turn(self, seat: Seat) -> Answer | None:
        """Takes the answer of an actor, or replaces it."""
        if seat.about is None:
            self._crew.welcome(seat)
            return None
        errors = self._crew.ray.exceptions
        try:
            reply = json.loads(self._crew.ray.get(seat.reference))
        except errors.RayTaskError as error:
            self._raised(seat, error)
        except errors.RayError as error:
            return None if self._crew.revived() else self._died(seat, error)
        own = seat.queued
        seat.free()
        if own is None:
            return self._from_beside(seat, reply)
        evaluation = Evaluation.from_json(reply["evaluation"])
        seat.speed.note(reply["nominal_s"], evaluation.train_s)
        self._pace.compare(one.speed for one in self._crew.seats)
        if seat.worn(reply["process"]):
            self._crew.replace(seat, WORN)
        return self._answer(own, evaluation)

    def _from_beside(self, seat: Seat, reply: dict[str, Any]) -> Answer | None:
        """Takes what has been trained side by side, and what cannot be."""
        for key in reply["own"]:
            if (queued := seat.taken(key)) is not None:
                self._wait_again(queued._replace(own=True))
        for text in reply["evaluations"]:
            evaluation = Evaluation.from_json(text)
            if (queued := seat.taken(evaluation.job_id)) is not None:
                self._over.append(self._answer(queued, evaluation))
        return self._over.popleft() if self._over else None

    def _answer(self, queued: QueuedJob, evaluation: Evaluation) -> Answer:
        """The answer, for which nobody else need work any more.

        Actors that have the same job are replaced, for their answer would be the same;
        one that has it beside others goes on, and nobody looks.
        """
        for seat, other in self._crew.busy():
            if other.number != queued.number:
                continue
            if other.number in seat.beside:
                del seat.beside[other.number]
            else:
                self._take_back(seat)
                self._crew.replace(seat)
        return queued.job, evaluation

    def _take_back(self, seat: Seat, *, suspect: bool = False) -> None:
        """Has jobs wait again that an actor has side by side; it is to end.

        Args:
            seat: The actor's.
            suspect: Whether one of them may be the cause.
        """
        others = {queued.number for one, queued in self._crew.busy() if one is not seat}
        for queued in seat.beside.values():
            if queued.number not in others:
                self._wait_again(queued._replace(suspect=queued.suspect or suspect))
        seat.beside.clear()

    def _raised(self, seat: Seat, error: Any) -> NoReturn:
        """A job raised an exception past `evaluate`: nobody's cell is at fault."""
        seat.free()
        cause = error.cause if isinstance(error.cause, Exception) else error
        if isinstance(cause, (TaskError, JobError)):
            raise cause from None
        raise MachineError(f"a worker{_where(seat)} failed: {one_line(cause)}")

    def _died(self, seat: Seat, error: Exception) -> Answer | None:
        """Replaces an actor that has died; its job is repeated, or has failed."""
        gone = lost(self._crew.ray, error)
        queued = seat.queued
        if queued is None and len(seat.beside) == 1:
            [(_, queued)] = seat.beside.items()
            seat.beside.clear()
        # Which of several it was is found by giving each a process to itself.
        self._take_back(seat, suspect=not gone and queued is None)
        self._crew.replace(seat, LOST if gone else DIED)
        if queued is None:
            self._tell(seat, error, "its jobs are repeated")
            return None
        # Who repeats the job will answer, or die, too: no death is counted twice.
        if any(other.number == queued.number for _, other in self._crew.busy()):
            self._tell(seat, error, "another has its job, too")
            return None
        # A death may be the job's fault, a loss is not: each has a count of its own.
        queued = queued._replace(
            attempts=queued.attempts + (not gone), losses=queued.losses + gone
        )
        if queued.attempts < ATTEMPTS and queued.losses < LOSSES:
            self._tell(seat, error, "its job is repeated")
            self._wait_again(queued)
            return None
        # Machines that go are no doing of a cell, and are a person's to look after.
        if queued.attempts < ATTEMPTS:
            raise MachineError(
                f"a job was lost {queued.losses} times with its worker, at last by: "
                f"{said_by(self._crew.ray, error)}. What is done is kept"
            )
        # It has killed too many: it is the cell's failure, and the search goes on.
        self._tell(seat, error, "its job has failed")
        cause = f"{PROCESS_DIED} {queued.attempts} times ({type(error).__name__})"
        return queued.job, failed(queued.job, Status.CRASHED, cause)

    def _tell(self, seat: Seat, error: Exception, job: str) -> None:
        """Has a person know that a worker is no more, and what that means."""
        how = ending(self._crew.ray, error)
        self._crew.tell(f"a worker{_where(seat)} {how}; {job}")

    def _late(self) -> Answer | None:
        """Kills an actor that is past its deadline."""
        now = self._crew.clock.read()
        late = [
            (seat, queued)
            for seat, queued in self._crew.busy()
            if seat.kill_at <= now and queued is seat.queued
        ]
        if not late:
            return None
        seat, queued = late[0]
        self._take_back(seat)
        self._crew.replace(seat, KILLED)
        cause = f"killed {GRACE_S:g} s after its deadline of {queued.deadline_s:g} s"
        self._crew.tell(f"a worker{_where(seat)} was {cause}; its job has failed")
        return self._answer(queued, failed(queued.job, Status.TIMEOUT, cause))

    # Jobs

    def _wait_again(self, queued: QueuedJob) -> None:
        """Has a job wait for another actor."""
        insort(self._queue, queued)

    def _assign(self) -> None:
        """Gives waiting jobs to idle actors, if possible to one that knows the cell."""
        idle = [seat for seat in self._crew.seats if seat.idle]
        for seat in [seat for seat in idle if seat.lanes]:
            self._assign_beside(seat)
        idle = sorted((seat for seat in idle if seat.idle), key=self._slowness)
        if idle:
            now = self._crew.clock.read()
            self._advance(now)
            self._repeat(self._begin(idle, now), now)

    def _begin(self, idle: list[Seat], now: float) -> list[Seat]:
        """Gives idle actors, the fastest first, what they would not deliver too late.

        Returns:
            Those for whom there is nothing.
        """
        left, allowed = list[Seat](), list[float]()
        for at, seat in enumerate(idle):
            if not self._queue:
                return left + idle[at:]
            slowness, suited = self._slowness(seat), None
            if slowness > SLOW:
                allowed = allowed or self._allowed(now)
                suited = [at for at, most in enumerate(allowed) if most >= slowness]
            chosen = best_for(seat, self._crew.seats, self._queue, now, suited)
            if chosen is not None:
                seat.give(self._queue.pop(chosen), now, GRACE_S)
                del allowed[chosen : chosen + 1]
            elif suited is not None:
                left.append(seat)
        return left

    def _repeat(self, idle: list[Seat], now: float) -> None:
        """Has actors do what another has had for a while, and they would do sooner."""
        busy = self._crew.busy()
        counts = Counter(queued.number for _, queued in busy)
        alone = sorted(
            (queued, seat.speed, now - seat.started)
            for seat, queued in busy
            if counts[queued.number] == 1 and now - seat.started >= TWICE_S
        )
        for seat in idle:
            sooner = (
                at
                for at, (queued, speed, since_s) in enumerate(alone[:LOOK_BACK])
                if self._pace.sooner(seat.speed, speed, queued.cost_s, since_s)
            )
            if (at := next(sooner, None)) is None:
                return  # the others are slower still
            again = alone.pop(at)[0]
            if seat.lanes and not again.own:  # by itself it would have other bits
                seat.give_beside([again], now)
            else:
                seat.give(again, now, GRACE_S)

    def _advance(self, now: float) -> None:
        """Notes how far answers are: the first job that waits or is under way."""
        waiting = [queued.priority for queued in self._queue[:1]]
        under_way = [queued.priority for _, queued in self._crew.busy()]
        if first := [*waiting, *under_way]:
            self._pace.advance(min(first), now)

    def _slowness(self, seat: Seat) -> float:
        return self._pace.slowness(seat.speed)

    def _allowed(self, now: float) -> list[float]:
        """How slow a worker may be to be given each of the first jobs that wait."""
        return [
            self._pace.allowed(queued.priority, queued.cost_s, now - queued.since)
            for queued in self._queue[:LOOK_AHEAD]
        ]

    def _assign_beside(self, seat: Seat) -> None:
        """Has an actor with lanes go on, with further jobs where there is room.

        What needs a program of its own waits until it is the most urgent of all.
        """
        now = self._crew.clock.read()
        if self._queue and self._queue[0].own:
            seat.give(self._queue.pop(0), now, GRACE_S)
            return
        share = share_for(seat, self._crew.seats, self._queue)
        jobs = [self._queue[at] for at in share]
        for at in reversed(share):
            del self._queue[at]
        if jobs or seat.beside:
            seat.give_beside(jobs, now)


def _where(seat: Seat) -> str:
    return "" if seat.about is None else f" on {seat.about['machine']}"
