"""The loop of a search: procedure, logical clock, store and pool, and the only clock.

What comes out is decided by the procedure and the logical clock alone. The engine has
jobs carried out, stores each evaluation before it is applied, and answers what is
stored already from the store: to resume is to run the same search again. An engine
without a pool reads: it goes as far as what is stored.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from search.errors import at_least
from search.loop import snapshots
from search.loop.deadlines import FACTOR
from search.loop.dispatch import Dispatch
from search.loop.orders import Orders, Pending
from search.loop.outside import Outside
from search.loop.past import Past
from search.loop.tally import Tally
from search.procedure.clock import Clock, Ticket
from search.procedure.moves import Decision, Move, Order
from search.procedure.procedure import Procedure
from search.store.snapshots import Snapshot
from search.store.store import Store
from workers import Pool

BARREN: Final = 10
"""Moves in a row without a new cell, and with nothing under way, that end a search."""


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
        candidates: Mutants, each a cell that was not known; 0: the seeds alone; None:
            no limit.
        hours: Of this process.
        fitness: That the best mutant reaches.
    """

    candidates: int | None = None
    hours: float | None = None
    fitness: float | None = None

    def __post_init__(self) -> None:
        """Refuses what is no limit.

        Raises:
            UserError: Names the option, what came and what is allowed.
        """
        at_least("`candidates`", self.candidates, 0)
        at_least("`hours`", self.hours, 0)
        at_least("`fitness`", self.fitness, 0)


class Watcher(Protocol):
    """Who is told of the course of events."""

    def update(self, engine: "Engine") -> None:
        """Something has changed."""

    def note(self, text: str) -> None:
        """Something a person should know."""


class Engine:
    """One search in one process.

    Args:
        procedure: A new one.
        store: Of the run; what it holds is applied first.
        pool: Makes the pool, once a job has to be carried out; None: what the store
            holds is all there is, and nothing is decided, trained or written.
        watcher: Is told.
        limits: What ends the search.
        curves: Whether learning curves are stored.
        deadline_factor: How many times the usual time a job is given; 0: for ever.
        outside: What others propose; None: nobody is heard.
        snapshot: Of this search: where it is taken up, instead of at its beginning.

    Attributes:
        procedure: Who is known and under way.
        clock: Jobs in flight by logical time.
        store: The run's file.
        past: What earlier processes did.
        tally: What happened and what it took.
        limits: What ends the search.
        barren: Moves in a row that found no cell, and nothing under way.
        draining: Whether a limit has been reached, and only what is under way goes on.
        fruitless: Whether the last move found no cell, and nothing was applied since.
    """

    def __init__(
        self,
        procedure: Procedure,
        store: Store,
        pool: Callable[[], Pool] | None,
        watcher: Watcher,
        limits: Limits,
        *,
        curves: bool = False,
        deadline_factor: float = FACTOR,
        outside: Outside | None = None,
        snapshot: Snapshot | None = None,
    ) -> None:
        self.procedure = procedure
        self.clock: Clock[Pending] = Clock(procedure.config.rules.slots)
        self.store = store
        self.tally = Tally()
        self.draining = False
        self._orders = Orders(procedure.config)
        self._by_curves = procedure.config.objective is not None
        self._watcher = watcher
        self._outside = outside
        self.limits = limits
        self._stop: Ending | None = None
        self._start = time.monotonic()
        self.barren, self.fruitless = 0, False
        self._dispatch: Dispatch | None = None
        if pool is not None:
            self._dispatch = Dispatch(
                store,
                pool,
                watcher.note,
                self.tally,
                curves=curves or self._by_curves,
                deadline_factor=deadline_factor,
                config=procedure.config,
            )
        taken = (0, 0)
        if snapshot is not None:
            stand = snapshots.restore(procedure, store, snapshot)
            self.clock, self.tally, taken = stand.clock, stand.tally, stand.taken
            self.barren, self.draining = stand.barren, stand.draining
            self.fruitless = stand.fruitless
        self.past = Past(store.history, taken)
        self._kept = self.past.restored

    @property
    def elapsed_s(self) -> float:
        """Seconds since this process took up the search."""
        return time.monotonic() - self._start

    @property
    def replaying(self) -> bool:
        """Whether what happens now has happened in an earlier process."""
        return self.procedure.decisions < self.past.decisions

    def stop(self, why: Ending = Ending.STOPPED) -> None:
        """Has the search end soon: what workers are doing is finished and stored."""
        self._stop = self._stop or why

    def run(self) -> Ending:
        """Searches until a limit is reached, or until it is stopped.

        Raises:
            UserError: The stored history is not that of this configuration and
                version, the disk is full, or the baseline has learned nothing.
        """
        for ticket in sorted(self.clock.flying):  # of a snapshot
            self._submit(ticket)
        while self._turn():
            pass
        if self._dispatch is not None:
            self._wind_up(self._dispatch)
        self._watcher.update(self)
        return self._stop or Ending.CANDIDATES

    def _turn(self) -> bool:
        """Fills free slots, and applies what ends first; returns whether to go on."""
        self._look()
        if self._stop is None:
            self._fill()
        self._watcher.update(self)
        if self._stop is not None or not len(self.clock):
            return False
        self._apply_next()
        return True

    def _look(self) -> None:
        """Stops at the limits of time and fitness."""
        limits, ranked = self.limits, self.procedure.population.ranked
        if limits.hours is not None and self.elapsed_s >= limits.hours * 3600:
            self.stop(Ending.HOURS)
        if limits.fitness is not None:
            mutants = (member for member in ranked if member.is_candidate)
            best = next(mutants, None)
            if best is not None and best.fitness >= limits.fitness:
                self.stop(Ending.FITNESS)

    # Slots are filled

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
        procedure, most = self.procedure, self.limits.candidates
        if self.fruitless or not procedure.may_decide:
            return False

        # A limit holds nothing back that was decided before it was set.
        if most is not None and procedure.past_opening and not self.replaying:
            self.draining = self.draining or procedure.proposed >= most
        decision = None if self.draining else self._decide()
        if decision is None:
            return False
        self.tally.decided(decision, procedure)
        procedure.start(decision)
        if decision.kind is not Move.NONE:
            self.barren = 0
            return True

        # Nothing was drawn: another result may change that, or else another draw.
        self.barren += not procedure.visits
        if self.barren >= BARREN:
            self.stop(Ending.BARREN)
        self.fruitless = bool(procedure.visits)
        return not self.fruitless and self._stop is None

    def _decide(self) -> Decision | None:
        """The next decision: as stored, or drawn now; None: a reader knows no other."""
        stored = self.past.next_decision(self.procedure, self.clock.now)
        if stored is not None or self._dispatch is None:
            return stored
        return self._give_way() or self._draw()

    def _draw(self) -> Decision:
        """The procedure's own next decision; it is stored with the next evaluation."""
        decision = self.procedure.decide(self.clock.now)
        self.store.history.record(decision)
        return decision

    def _give_way(self) -> Decision | None:
        """A decision for what somebody else proposes; None: nobody does.

        When it came is known to nobody afterwards: it is stored before it is made.
        """
        if self._outside is None or not self.procedure.past_opening:
            return None
        decision = self._outside.next(self.procedure, self.clock.now)
        if decision is not None:
            self.store.history.record(decision)
            self.store.history.flush()
            self._outside.recorded()
        return decision

    def _issue(self, order: Order) -> Ticket[Pending]:
        """Gives an order to the clock."""
        now, stored = self.clock.now, self.past.next_job()

        # Its end is now and its cost, which for most stored jobs is not found again.
        if stored is not None and self.past.believes(stored, order.decision, now):
            end = stored.end
        else:
            cell = self.procedure.cell(self.procedure.member(order))
            end = now + self._orders.cost(order, cell)
        ticket = self.clock.issue(Pending(order), end)

        # A stored job must be this one; another is stored with the next evaluation.
        issued = self._orders.issued(ticket, drain=self.draining)
        if stored is not None:
            self.past.check_job(stored, issued)
        elif self._dispatch is not None:
            self.store.history.issue(issued)
        return ticket

    def _look_up(self, tickets: Sequence[Ticket[Pending]]) -> None:
        """Takes the results that are stored, in few queries; has the others made."""
        run_ids = [self._orders.run_ids(ticket.content.order) for ticket in tickets]

        # One query a budget: tickets that are issued together mostly share theirs.
        asked: dict[int, list[str]] = {}
        for ticket, names in zip(tickets, run_ids, strict=True):
            asked.setdefault(ticket.content.order.budget, []).extend(names)
        stored = {
            budget: self.store.results.find(names, budget, curves=self._by_curves)
            for budget, names in asked.items()
        }
        for ticket, names in zip(tickets, run_ids, strict=True):
            order, results = ticket.content.order, stored[ticket.content.order.budget]
            ticket.content.results = {
                setting: results[name]
                for setting, name in zip(order.settings, names, strict=True)
                if name in results
            }
            self._submit(ticket)

    def _submit(self, ticket: Ticket[Pending]) -> None:
        """Gives what is not known of a job to the pool, if there is one."""
        order, missing = ticket.content.order, ticket.content.missing
        self.tally.looked_up(len(order.settings) - len(missing), self.replaying)
        if not missing or self._dispatch is None:
            return
        self.past.requeued += ticket.number < self.past.issued
        cell = self.procedure.cell(self.procedure.member(order))
        self._dispatch.submit(self._orders.job(order, cell, missing), ticket)

    # Results arrive, and are applied in the order of the clock

    def _apply_next(self) -> None:
        """Waits for the job that ends first, and applies its results."""
        while self.clock.first().content.missing:
            if self._dispatch is None:  # nobody makes them: the past is used up
                self.stop()
                return
            self._receive(self._dispatch)
            self._look()
            if self._stop is not None:
                return
        pending = self.clock.take().content
        self.procedure.tell(pending.order, pending.answer)
        self.tally.applied(pending.order, pending.answer)
        self.fruitless = False

    def _receive(self, dispatch: Dispatch) -> None:
        """Waits a moment for an evaluation, whichever job it is of."""
        self._say_restored()
        dispatch.receive(self._snapshot)
        self._watcher.update(self)

    def _wind_up(self, dispatch: Dispatch) -> None:
        """Finishes and stores what workers are doing; starts nothing."""
        if self._stop is not None:
            dispatch.cancel()
            while dispatch.busy:
                self._receive(dispatch)
        self._say_restored()
        snapshot = self._snapshot(last=True)
        if snapshot is None:
            self.store.history.flush()
        else:
            self.store.keep(snapshot)
        dispatch.tell(last=True)

    def _snapshot(self, *, last: bool = False) -> Snapshot | None:
        """Where this search stands, if that is to be stored now.

        What is past is taken up first: before that, there is more than this.
        """
        decisions, before = self.procedure.decisions, 0 if last else self._kept
        if self.replaying or not snapshots.due(decisions, before):
            return None
        self._kept = decisions
        try:
            return snapshots.take(self)
        except (ValueError, OverflowError):  # readers replay the history instead
            return None

    def _say_restored(self) -> None:
        self.past.say(
            self._watcher.note, results=self.tally.filtered + self.tally.settings
        )
