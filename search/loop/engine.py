"""The loop of a search: procedure, logical clock, store and pool, and the only clock.

What comes out is decided by the procedure and the logical clock alone. The engine has
jobs carried out, stores each evaluation before it is applied, and answers what is
stored already from the store: to resume is to run the same search again.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from search.errors import UserError
from search.loop.deadlines import FACTOR, Deadlines
from search.loop.numerics import class_of
from search.loop.orders import Orders
from search.loop.tally import Tally
from search.procedure.clock import Clock, Ticket
from search.procedure.moves import Decision, Issued, Order
from search.procedure.population import Member
from search.procedure.procedure import Procedure
from search.store.store import Store
from workers import Pool, Result, Setting

VERIFIED: Final = 100
"""Of the stored decisions every hundredth and the last hundred are derived again, and
the ends of their jobs."""

BARREN: Final = 10
"""Moves in a row without a new cell, and with nothing under way, that end a search."""

TELL_S: Final = 10.0
"""Seconds between two notes in the store of who works."""

TICK_S: Final = 0.5
"""Seconds after which the engine looks whether it is to stop."""


class Ending(StrEnum):
    """Why a search ended; all but `BARREN` can go on."""

    CANDIDATES = "all candidates are done"
    HOURS = "time is up"
    FITNESS = "the fitness wanted was reached"
    STOPPED = "stopped by hand"
    BARREN = "no cell is left to be proposed"


@dataclass(frozen=True)
class Limits:
    """What ends a search; no part of what is searched.

    Attributes:
        candidates: Mutants, each a cell that was not known; None: no limit.
        hours: Of this process.
        fitness: That the best mutant reaches.
    """

    candidates: int | None = None
    hours: float | None = None
    fitness: float | None = None


@dataclass
class Pending:
    """An order in flight.

    Attributes:
        order: The order.
        again: Whether an earlier process has issued it.
        results: Of each of its settings; None where there is none yet.
    """

    order: Order
    again: bool
    results: list[Result | None] = field(default_factory=list)

    @property
    def missing(self) -> list[Setting]:
        """The settings without a result."""
        pairs = zip(self.order.settings, self.results, strict=True)
        return [setting for setting, result in pairs if result is None]

    def fill(self, found: Iterable[Result]) -> None:
        """Adds the results that were missing."""
        known = {result.setting: result for result in found}
        pairs = zip(self.order.settings, self.results, strict=True)
        self.results = [known[s] if r is None else r for s, r in pairs]


class Watcher(Protocol):
    """Who is told of the course of events."""

    def update(self, engine: "Engine") -> None:
        """Something has changed."""

    def note(self, text: str) -> None:
        """Something a person should know."""


class Engine:
    """One search in one process.

    Attributes:
        procedure: Who is known and under way.
        clock: Jobs in flight by logical time.
        store: The run's file.
        tally: What happened and what it took.
        restored: Decisions taken from the store.
        requeued: Jobs that an earlier process was carrying out.
        draining: Whether a limit has been reached, and only what is under way goes on.
    """

    def __init__(
        self,
        procedure: Procedure,
        store: Store,
        pool: Callable[[], Pool],
        watcher: Watcher,
        limits: Limits,
        *,
        reading: bool = False,
        curves: bool = False,
        deadline_factor: float = FACTOR,
    ) -> None:
        """A search that is started or gone on with by `run`.

        Args:
            procedure: A new one.
            store: Of the run; what it holds is applied first.
            pool: Makes the pool, once a job has to be carried out.
            watcher: Is told.
            limits: What ends the search.
            reading: Whether what the store holds is all there is: nothing is decided,
                trained or written.
            curves: Whether learning curves are stored.
            deadline_factor: How many times the usual time a job is given; 0: for ever.
        """
        self.procedure = procedure
        self.clock: Clock[Pending] = Clock(procedure.config.rules.slots)
        self.store = store
        self.tally = Tally()
        self.draining = False
        self.requeued = 0
        self.restored = 0
        self._orders = Orders(procedure.config)
        self._make_pool = pool
        self._pool: Pool | None = None
        self._watcher = watcher
        self._limits = limits
        self._stop: Ending | None = None
        self._waiting: dict[str, list[Pending]] = {}
        self._costs: dict[str, float] = {}
        self._deadlines = Deadlines(deadline_factor)
        self._told = -math.inf
        self._class: str | None = None
        self._said = False
        self._start = time.monotonic()
        self._barren = 0
        self._reading = reading
        self._curves = curves
        if not reading:
            store.history.drop_drain()
        self._known = store.history.last_decision() + 1
        self._decisions = store.history.decisions()
        self._issued: Iterator[Issued] = store.history.jobs()

    @property
    def elapsed_s(self) -> float:
        """Seconds since this process took up the search."""
        return time.monotonic() - self._start

    @property
    def replaying(self) -> bool:
        """Whether what happens now has happened in an earlier process."""
        return self.procedure.decisions < self._known

    def stop(self, why: Ending = Ending.STOPPED) -> None:
        """Has the search end soon: what workers are doing is finished and stored."""
        self._stop = self._stop or why

    def run(self) -> Ending:
        """Searches until a limit is reached, or until it is stopped.

        Raises:
            UserError: The stored history is not that of this configuration and
                version, the disk is full, or the baseline has learned nothing.
        """
        while True:
            self._look()
            if self._stop is None:
                self._fill()
            self._watcher.update(self)
            if self._stop is not None:
                self._wind_up()
                break
            if not len(self.clock):
                break
            self._apply_next()
        self._say_restored()
        if not self._reading:
            self.store.history.flush()
        if self._pool is not None:
            self._tell_workers(last=True)
        self._watcher.update(self)
        return self._stop or Ending.CANDIDATES

    # One turn

    def _look(self) -> None:
        """Stops at the limits of time and fitness."""
        limits, ranked = self._limits, self.procedure.population.ranked
        if limits.hours is not None and self.elapsed_s >= limits.hours * 3600:
            self.stop(Ending.HOURS)
        if limits.fitness is not None:
            best = next((one for one in ranked if one.origin == "mutant"), None)
            if best is not None and best.fitness >= limits.fitness:
                self.stop(Ending.FITNESS)

    def _fill(self) -> None:
        """Fills free slots: jobs of moves under way first, then new moves."""
        while self.clock.free:
            tickets = list(self._issue_ready())
            self._look_up(tickets)
            if not tickets and not self._move():
                return

    def _issue_ready(self) -> Iterator[Ticket[Pending]]:
        """Fills free slots with the jobs of moves under way."""
        while self.clock.free:
            order = self.procedure.next_order()
            if order is None:
                return
            yield self._issue(order)

    def _move(self) -> bool:
        """Makes the next move; returns whether there may be more to issue."""
        procedure, most = self.procedure, self._limits.candidates
        if not procedure.may_decide:
            return False
        if most is not None and procedure.past_opening and not self.replaying:
            self.draining = self.draining or procedure.proposed >= most
        if self.draining or (self._reading and not self.replaying):
            return False
        decision = self._decision()
        self.tally.decided(decision, procedure)
        procedure.start(decision)
        if decision.kind != "none":
            self._barren = 0
            return True
        self._barren += not procedure.visits
        if self._barren >= BARREN:
            self.stop(Ending.BARREN)
        return not procedure.visits and self._stop is None

    def _decision(self) -> Decision:
        """The next decision: as stored, or drawn now."""
        number, now = self.procedure.decisions, self.clock.now
        if number >= self._known:
            decision = self.procedure.decide(now)
            self.store.history.record(decision)
            return decision
        stored = next(self._decisions)
        self.restored += 1
        if self._verifies(number) or not self.procedure.past_opening:
            derived = self.procedure.decide(now)
            if _essence(derived) != _essence(stored):
                raise _mismatch(
                    f"decision {number}", _essence(stored), _essence(derived)
                )
        elif stored.at != now:
            raise _mismatch(f"the time of decision {number}", stored.at, now)
        elif not self.procedure.possible(stored):
            raise _mismatch(f"decision {number}", _essence(stored), "another")
        return stored

    def _verifies(self, decision: int) -> bool:
        """Whether a stored decision is held against this version and configuration."""
        return decision % VERIFIED == 0 or decision >= self._known - VERIFIED

    def _issue(self, order: Order) -> Ticket[Pending]:
        """Gives an order to the clock."""
        member = self.procedure.member(order)
        stored = next(self._issued, None)
        end = self._end(order, member, stored)
        ticket = self.clock.issue(Pending(order, again=stored is not None), end)
        row = Issued(
            ticket.number,
            order.decision,
            order.digest,
            self._orders.name(order.task),
            order.task,
            len(order.settings),
            ticket.start,
            ticket.end,
            self.draining,
        )
        if stored is None:
            if not self._reading:
                self.store.history.issue(row)
        elif stored != row:
            raise _mismatch(f"job {ticket.number}", stored, row)
        return ticket

    def _end(self, order: Order, member: Member, stored: Issued | None) -> float:
        """When a job ends: as stored, or, where that may be wrong, as it should."""
        now = self.clock.now
        if stored and stored.end > now and not self._verifies(order.decision):
            return stored.end
        return now + self._orders.cost(order, self.procedure.cell(member))

    def _look_up(self, tickets: Sequence[Ticket[Pending]]) -> None:
        """Takes the results that are stored, in few queries; has the others made."""
        names = [self._orders.run_ids(ticket.content.order) for ticket in tickets]
        asked: dict[int, list[str]] = {}
        for ticket, run_ids in zip(tickets, names, strict=True):
            asked.setdefault(ticket.content.order.budget, []).extend(run_ids)
        found = {
            budget: self.store.results.find(run_ids, budget)
            for budget, run_ids in asked.items()
        }
        for ticket, run_ids in zip(tickets, names, strict=True):
            known = found[ticket.content.order.budget]
            ticket.content.results = [known.get(run_id) for run_id in run_ids]
            self._submit(ticket)

    def _submit(self, ticket: Ticket[Pending]) -> None:
        """Gives what is not known of a job to the pool."""
        pending, order = ticket.content, ticket.content.order
        missing = pending.missing
        self.tally.known(len(order.settings) - len(missing), self.replaying)
        if not missing or self._reading:
            return
        self.requeued += pending.again
        cell = self.procedure.cell(self.procedure.member(order))
        job = self._orders.job(order, cell, missing)
        waiting = self._waiting.setdefault(job.id, [])
        waiting.append(pending)
        if len(waiting) == 1:
            cost = ticket.end - ticket.start
            self._costs[job.id] = cost * len(missing) / len(order.settings)
            deadline_s = self._deadlines.seconds_for(cost)
            self.pool.submit(job, priority=ticket.end, deadline_s=deadline_s)

    def _apply_next(self) -> None:
        """Waits for the job that ends first, and applies its results."""
        while self.clock.first().content.missing:
            if self._reading:
                self.stop()
                return
            self._receive()
            self._look()
            if self._stop is not None:
                return
        order, results = _answer(self.clock.take().content)
        self.procedure.tell(order, results)
        self.tally.applied(order, results)

    def _receive(self) -> None:
        """Waits for an evaluation, stores it, and hands it to who waits for it."""
        self._say_restored()
        answer = self.pool.next(TICK_S)
        self._tell_workers()
        if answer is None:
            self._watcher.update(self)
            return
        job, evaluation = answer
        self.store.commit(job, evaluation, curves=self._curves)
        self.tally.trained(job, evaluation)
        self._check_class(evaluation.numerics)
        seconds = evaluation.compile_s + evaluation.train_s
        self._deadlines.observe(self._costs.pop(job.id), seconds)
        for pending in self._waiting.pop(job.id):
            pending.fill(evaluation.results)
        self._watcher.update(self)

    def _say_restored(self) -> None:
        """Says once what an earlier process left, before anything is added to it."""
        if not self.restored or self._said or self._reading:
            return
        self._said = True
        results = self.tally.filtered + self.tally.settings
        self._watcher.note(
            f"restored {self.restored} decisions and {results} results that were "
            f"applied; {self.requeued} jobs that were under way are queued again; "
            "nothing is lost"
        )

    def _tell_workers(self, last: bool = False) -> None:
        """Passes on what happened to workers; stores who they are, now and then."""
        news = self.pool.news()
        for text in news:
            self._watcher.note(text)
        if news or last or self.elapsed_s - self._told >= TELL_S:
            self._told = self.elapsed_s
            nodes = [node.to_dict() for node in self.pool.nodes()]
            self.store.history.set("workers", {"at": time.time(), "nodes": nodes})

    def _check_class(self, key: str) -> None:
        """Marks the run once it has results of several numerics classes."""
        known = class_of(self.store.history) if self._class is None else self._class
        self._class = known
        if key and known and key != known:
            self.store.history.set("mixed", True)

    def _wind_up(self) -> None:
        """Finishes and stores what workers are doing; starts nothing."""
        if self._pool is None:
            return
        self._pool.cancel()
        while len(self._pool):
            self._receive()

    @property
    def pool(self) -> Pool:
        """The pool, made when it is first needed."""
        if self._pool is None:
            self._pool = self._make_pool()
        return self._pool


def _answer(pending: Pending) -> tuple[Order, tuple[Result, ...]]:
    return pending.order, tuple(one for one in pending.results if one is not None)


def _essence(decision: Decision) -> tuple[object, ...]:
    """What two derivations of one decision must agree in."""
    return decision._replace(text="", drain=False)


def _mismatch(what: str, stored: object, derived: object) -> UserError:
    """The stored history is another search's."""
    return UserError(
        f"{what} was stored as {stored}, and is {derived} by this version and "
        "configuration: the run was made by others, or its file was edited. Go on with "
        "the version that made it, start a branch from its table with `cellsearch run "
        "--branch RUN --out NEW`, or start a new run"
    )
