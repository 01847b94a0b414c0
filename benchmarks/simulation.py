"""A search without training: its course by the logical clock, and workers in real time.

What a search does is decided by procedure and logical clock, whoever carries out the
jobs: `follow` finds that out, once, as a `Course`. `carry_out` then has any number of
workers do those jobs. Each takes the job with the earliest logical end; an idle one
repeats the most urgent job that somebody else has alone (the first answer wins, and the
other process is replaced, as in `workers.RayPool`); a result is applied in its logical
turn, and only then are the jobs issued that depend on it.
"""

import heapq
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

import numpy as np

from benchmarks.durations import Draw
from benchmarks.landscape import World
from search.loop.orders import Orders
from search.procedure.clock import Clock
from search.procedure.filter import passed
from search.procedure.moves import FILTER, Order
from search.procedure.population import Member
from search.procedure.procedure import Procedure
from workers import COMPILE_S, Result

RESTART_S: Final = 5.0
"""Until a process that was replaced takes jobs again."""


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
        seconds: What each takes a worker of speed 1.
        applied: The jobs in the order in which their results are applied.
        issued: How many jobs are issued before each of these is applied.
        trainings: Settings trained.
        nominal_s: Nominal cost of all jobs.
        depth: Mean lineage depth of the final list.
        quality: Mean quality of its ten best: fitness without the luck of settings.
    """

    ends: "array[float]" = field(default_factory=_doubles)
    seconds: "array[float]" = field(default_factory=_doubles)
    applied: "array[int]" = field(default_factory=_integers)
    issued: "array[int]" = field(default_factory=_integers)
    trainings: int = 0
    nominal_s: float = 0.0
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
        course.seconds.append(_seconds(order, results, event.cost, share, number))
        course.trainings += len(order.settings)
        course.nominal_s += event.cost
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


def carry_out(course: Course, slowness: Sequence[float], *, twice: bool = True) -> Work:
    """Has workers carry out all jobs of a course.

    Args:
        course: What is to be done, and in which order it becomes known.
        slowness: A factor for the seconds of each worker.
        twice: Whether idle workers repeat jobs.
    """
    return _Workers(course, slowness, twice).work()


class _Run(NamedTuple):
    """A job that a worker is carrying out; or, without a job, a process that starts."""

    end: float
    worker: int
    job: int = -1


class _Workers:
    """Workers and time, until all results are applied."""

    def __init__(self, course: Course, slowness: Sequence[float], twice: bool) -> None:
        self._course, self._slowness, self._twice = course, slowness, twice
        self._now = 0.0
        self._idle = sorted(range(len(slowness)), key=lambda w: slowness[w])
        self._waiting: list[tuple[float, int]] = []
        self._alone: list[tuple[float, int]] = []  # started once; some are over
        self._runs: list[_Run] = []
        self._doing: dict[int, list[_Run]] = {}
        self._done = bytearray(len(course.ends))
        self._known = 0

    def work(self) -> Work:
        """Does it all."""
        course, times = self._course, array("d")
        for job, issued in zip(course.applied, course.issued, strict=True):
            while self._known < issued:
                entry = (course.ends[self._known], self._known)
                heapq.heappush(self._waiting, entry)
                self._known += 1
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

    def _assign(self) -> None:
        """Gives jobs to idle workers, and then repeats."""
        while self._idle and self._waiting:
            entry = heapq.heappop(self._waiting)
            self._start(entry[1])
            heapq.heappush(self._alone, entry)
        while self._twice and self._idle and self._alone:
            _, job = heapq.heappop(self._alone)
            if not self._done[job]:
                self._start(job)

    def _start(self, job: int) -> None:
        worker = self._idle.pop(0)
        seconds = self._course.seconds[job] * self._slowness[worker]
        run = _Run(self._now + seconds, worker, job)
        heapq.heappush(self._runs, run)
        self._doing.setdefault(job, []).append(run)

    def _advance(self) -> None:
        """Goes on to the next moment at which a worker is free."""
        run = heapq.heappop(self._runs)
        if run.job >= 0 and run not in self._doing.get(run.job, ()):
            return  # it was stopped: another answer came first
        self._now = run.end
        self._idle.append(run.worker)
        if run.job < 0:
            return
        self._done[run.job] = True
        for other in self._doing.pop(run.job):
            if other is not run:
                heapq.heappush(self._runs, _Run(self._now + RESTART_S, other.worker))
