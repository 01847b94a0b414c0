"""A search without training: its course by the logical clock, and workers in real time.

What a search does is decided by procedure and logical clock, whoever carries out the
jobs: `follow` finds that out, once, as a `Course`. `carry_out` then has any number of
workers do those jobs, as `workers.RayPool` gives them out: each takes the job with the
earliest logical end, a slow one the first that it would not deliver too late; who has
nothing repeats the most urgent job that it would do sooner (the first answer wins, and
the other process is replaced). Speeds are learnt from answers, whose costs are off. A
result is applied in its logical turn, and only then are the jobs issued that depend on
it.
"""

import heapq
from array import array
from bisect import insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

import numpy as np

from benchmarks.durations import Draw
from benchmarks.landscape import World
from search.loop.orders import Orders
from search.procedure.clock import Clock
from search.procedure.filter import passed
from search.procedure.members import Member
from search.procedure.moves import FILTER, Order
from search.procedure.procedure import Procedure
from workers import COMPILE_S, Result
from workers.pools.pace import SLOW, Pace, Speed
from workers.pools.seats import LOOK_AHEAD, LOOK_BACK

RESTART_S: Final = 5.0
"""Until a process that was replaced takes jobs again."""

OFF: Final = 0.3
"""Standard deviation of the logarithm of what costs are off by, from job to job."""


class Answers(Protocol):
    """A world without training."""

    def results(self, order: Order, member: Member) -> tuple[Result, ...]:
        """What the settings of an order come to, for the cell that it is about."""


def _doubles() -> "array[float]":
    return array("d")


def _integers() -> "array[int]":
    return array("q")


@dataclass
class Course:
    """What a search did; jobs are numbered as they are issued.

    Attributes:
        ends: Logical time at which each job ends.
        costs: Nominal cost of each.
        seconds: What each takes a worker of speed 1.
        applied: The jobs in the order in which their results are applied.
        issued: How many jobs are issued before each of these is applied.
        trainings: Settings trained.
        depth: Mean lineage depth of the final list.
        quality: Mean quality of its ten best: fitness without the luck of settings.
    """

    ends: "array[float]" = field(default_factory=_doubles)
    costs: "array[float]" = field(default_factory=_doubles)
    seconds: "array[float]" = field(default_factory=_doubles)
    applied: "array[int]" = field(default_factory=_integers)
    issued: "array[int]" = field(default_factory=_integers)
    trainings: int = 0
    depth: float = 0.0
    quality: float = 0.0


def follow(procedure: Procedure, candidates: int, world: World, share: Draw) -> Course:
    """The course of a search: the engine without store, pool and limits.

    Args:
        procedure: A new one.
        candidates: Mutants that are proposed.
        world: What trainings come to.
        share: How long they take.
    """
    course = Course()
    for event in play(procedure, candidates, world):
        number = event.number
        if event.applied:
            course.applied.append(number)
            course.issued.append(len(course.ends))
            continue
        order, results = event.order, event.results
        course.ends.append(event.end)
        course.costs.append(event.cost)
        course.seconds.append(_seconds(order, results, event.cost, share, number))
        course.trainings += len(order.settings)
    best = procedure.population.best
    course.depth = sum(member.depth for member in best) / len(best)
    first = sorted(map(world.quality, best), reverse=True)[:10]
    course.quality = sum(first) / len(first)
    return course


class Event(NamedTuple):
    """A job is issued, or its results have just been applied.

    Attributes:
        applied: Whether they have been.
        number: Jobs are numbered as they are issued.
        order: What is trained.
        results: What comes of it.
        cost: Its nominal core-seconds.
        end: Logical time at which it ends.
    """

    applied: bool
    number: int
    order: Order
    results: tuple[Result, ...]
    cost: float
    end: float


def play(procedure: Procedure, candidates: int, world: Answers) -> Iterator[Event]:
    """Carries out a search by the logical clock, each job at once.

    Args:
        procedure: A new one.
        candidates: Mutants that are proposed.
        world: What trainings come to.
    """
    orders = Orders(procedure.config)
    clock: Clock[Event] = Clock(procedure.config.rules.slots)
    while True:
        while clock.free:
            order = procedure.next_order()
            if order is not None:
                member = procedure.member(order)
                cost = orders.cost(order, procedure.cell(member))
                results, end = world.results(order, member), clock.now + cost
                event = Event(False, clock.issued, order, results, cost, end)
                clock.issue(event, end)
                yield event
            elif procedure.may_decide and procedure.proposed < candidates:
                procedure.start(procedure.decide(clock.now))
            else:
                break
        if not len(clock):
            break
        event = clock.take().content
        procedure.tell(event.order, event.results)
        yield event._replace(applied=True)


def _seconds(
    order: Order, results: Sequence[Result], cost: float, share: Draw, number: int
) -> float:
    """What a job takes a worker of speed 1: compilation, then each setting its share.

    It is drawn by the job's number, so that it is the same whoever does it.
    """
    rng = np.random.default_rng(number)
    kind = "task"
    if order.task == FILTER:
        kind = "filter passed" if passed(results) else "filter failed"
    shares = sum(share(kind, rng) for _ in order.settings) / len(order.settings)
    return COMPILE_S + (cost - COMPILE_S) * shares


class Work(NamedTuple):
    """What workers did.

    Attributes:
        seconds: Until the last result was applied.
        busy: Share of what all workers could have done in that time that was needed:
            a job counts once, and a fast worker could have done more than a slow one.
        steady: The same between the second and the ninth tenth of the jobs, when the
            seeds are done, the list is full, and the end is not near.
    """

    seconds: float
    busy: float
    steady: float


def carry_out(
    course: Course,
    slowness: Sequence[float],
    *,
    twice: bool = True,
    aware: bool = True,
) -> Work:
    """Has workers carry out all jobs of a course.

    Args:
        course: What is to be done, and in which order it becomes known.
        slowness: A factor for the seconds of each worker.
        twice: Whether idle workers repeat jobs.
        aware: Whether it counts who is slow.
    """
    return _Workers(course, slowness, twice, aware).work()


class _Run(NamedTuple):
    """A job that a worker is carrying out; or, without a job, a process that starts."""

    end: float
    worker: int
    job: int = -1
    start: float = 0.0


class _Workers:
    """Workers and time, until all results are applied."""

    def __init__(
        self, course: Course, slowness: Sequence[float], twice: bool, aware: bool
    ) -> None:
        self._course, self._slowness = course, slowness
        self._twice, self._aware = twice, aware
        self._now = 0.0
        self._pace, self._speeds = Pace(), [Speed() for _ in slowness]
        self._idle = list(range(len(slowness)))
        self._waiting: list[tuple[float, int]] = []
        self._since = array("d")  # of each job that is known
        self._alone: list[tuple[float, int]] = []  # started once; some are over
        self._runs: list[_Run] = []
        self._doing: dict[int, list[_Run]] = {}
        self._done = bytearray(len(course.ends))
        self._off = np.exp(
            OFF * np.random.default_rng(1).standard_normal(len(course.ends))
        )

    def work(self) -> Work:
        """Does it all."""
        course, times = self._course, array("d")
        for job, issued in zip(course.applied, course.issued, strict=True):
            for known in range(len(self._since), issued):
                insort(self._waiting, (course.ends[known], known))
                self._since.append(self._now)
            self._pace.advance(course.ends[job], self._now)
            self._assign()
            while not self._done[job]:
                self._advance()
                self._assign()
            times.append(self._now)
        first, last = len(times) // 5, len(times) * 9 // 10
        return Work(
            self._now, self._busy(times, 0, len(times)), self._busy(times, first, last)
        )

    def _busy(self, times: "array[float]", first: int, last: int) -> float:
        """Busy share while the results of some jobs were applied, in their order."""
        took = times[last - 1] - (times[first - 1] if first else 0.0)
        seconds = sum(
            self._course.seconds[job] for job in self._course.applied[first:last]
        )
        speed = sum(1 / slowness for slowness in self._slowness)
        return seconds / (took * speed) if took else 1.0

    def _seems(self, worker: int) -> float:
        """How slow a worker seems."""
        return self._pace.slowness(self._speeds[worker]) if self._aware else 1.0

    def _assign(self) -> None:
        """Gives jobs to idle workers, the fastest first, and then repeats."""
        at, allowed = 0, list[float]()
        while at < len(self._idle) and self._waiting:
            slowness, chosen = self._seems(self._idle[at]), 0
            if slowness > SLOW:
                allowed = allowed or self._allowed()
                if slowness > max(allowed, default=0.0):
                    break  # the others are slower still
                chosen = next(i for i, most in enumerate(allowed) if most >= slowness)
                del allowed[chosen]
            entry = self._waiting.pop(chosen)
            self._start(self._idle.pop(at), entry[1])
            insort(self._alone, entry)
        while self._twice and self._idle and self._alone:
            job = self._sooner(self._idle[0])
            if job is None:
                break
            self._start(self._idle.pop(0), job)

    def _allowed(self) -> list[float]:
        """How slow a worker may be to be given each of the first jobs that wait."""
        costs = self._course.costs
        return [
            self._pace.allowed(end, costs[job], self._now - self._since[job])
            for end, job in self._waiting[:LOOK_AHEAD]
        ]

    def _sooner(self, worker: int) -> int | None:
        """The most urgent job that one has alone, and this one would do sooner."""
        at = 0
        while at < min(len(self._alone), LOOK_BACK):
            job = self._alone[at][1]
            if self._done[job]:
                del self._alone[at]
                continue
            [run] = self._doing[job]
            cost, since_s = self._course.costs[job], self._now - run.start
            own, other = self._speeds[worker], self._speeds[run.worker]
            if not self._aware or self._pace.sooner(own, other, cost, since_s):
                del self._alone[at]
                return job
            at += 1
        return None

    def _start(self, worker: int, job: int) -> None:
        seconds = self._course.seconds[job] * self._slowness[worker]
        run = _Run(self._now + seconds, worker, job, self._now)
        heapq.heappush(self._runs, run)
        self._doing.setdefault(job, []).append(run)

    def _advance(self) -> None:
        """Goes on to the next moment at which a worker is free."""
        run = heapq.heappop(self._runs)
        if run.job >= 0 and run not in self._doing.get(run.job, ()):
            return  # it was stopped: another answer came first
        self._now = run.end
        if run.job >= 0:
            self._done[run.job] = True
            for other in self._doing.pop(run.job):
                if other is not run:
                    again = _Run(self._now + RESTART_S, other.worker)
                    heapq.heappush(self._runs, again)
            nominal_s = self._course.seconds[run.job] * self._off[run.job]
            self._speeds[run.worker].note(nominal_s, run.end - run.start)
            self._pace.compare(self._speeds)
        insort(self._idle, run.worker, key=self._seems)
