"""Jobs go out to the pool; their evaluations are stored, and handed to who waits."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Final

from search.loop.deadlines import Deadlines
from search.loop.numerics import class_of
from search.loop.orders import Pending
from search.loop.tally import Tally
from search.procedure.clock import Ticket
from search.procedure.config import Config
from search.store.snapshots import Snapshot
from search.store.store import Store
from workers import Evaluation, Job, Pool

TICK_S: Final = 0.5
"""Seconds that an evaluation is waited for at a time."""

TELL_S: Final = 10.0
"""Seconds between two notes in the store of who works."""

TOGETHER: Final = 100
"""Evaluations that are stored in one transaction, at most."""


class Dispatch:
    """The workers' side of a search: everything that is not known yet is made here.

    Args:
        store: Of the run; an evaluation is in it before anybody hears of it.
        make_pool: Makes the pool, once a job has to be carried out.
        note: Tells a person what happens to workers.
        tally: Counts what is carried out.
        curves: Whether learning curves are stored.
        deadline_factor: How many times the usual time a job is given; 0: for ever.
        config: The search.
    """

    def __init__(
        self,
        store: Store,
        make_pool: Callable[[], Pool],
        note: Callable[[str], None],
        tally: Tally,
        *,
        curves: bool,
        deadline_factor: float,
        config: Config,
    ) -> None:
        self._store = store
        self._make_pool = make_pool
        self._note = note
        self._tally = tally
        self._curves = curves
        self._deadlines = Deadlines(deadline_factor)
        self._pool: Pool | None = None
        self._waiting: dict[str, list[Pending]] = {}  # by the id of the job
        self._costs: dict[str, float] = {}
        self._told = -math.inf
        self._config = config
        self._said_idle = False
        self._class: str | None = None

    @property
    def pool(self) -> Pool:
        """The pool, made when it is first needed."""
        if self._pool is None:
            self._pool = self._make_pool()
        return self._pool

    def submit(self, job: Job, ticket: Ticket[Pending]) -> None:
        """Has a job carried out, unless the same one is under way for another order.

        Args:
            job: Answers what is missing of the order.
            ticket: Of the order: what ends first is the most urgent.
        """
        waiting = self._waiting.setdefault(job.id, [])
        waiting.append(ticket.content)
        if len(waiting) > 1:
            return
        cost = ticket.end - ticket.start
        self._costs[job.id] = (
            cost * len(job.settings) / len(ticket.content.order.settings)
        )
        self.pool.submit(
            job,
            priority=ticket.end,
            deadline_s=self._deadlines.seconds_for(cost),
            cost_s=self._costs[job.id],
        )

    def receive(self, snapshot: Callable[[], Snapshot | None]) -> None:
        """Waits a moment for an evaluation, and stores it before it is used.

        Those that are there by then, too, are stored with it, in one transaction.

        Args:
            snapshot: Where the search stands, if that is to be stored with it.
        """
        self.tell()
        answers: list[tuple[Job, Evaluation]] = []
        try:
            answer = self.pool.next(TICK_S)
            while answer is not None:
                answers.append(answer)
                answer = self.pool.next(0.0) if len(answers) < TOGETHER else None
        finally:  # what is here is kept, whatever becomes of the pool
            if answers:
                self._keep(answers, snapshot())

    def _keep(
        self, answers: Sequence[tuple[Job, Evaluation]], snapshot: Snapshot | None
    ) -> None:
        """Stores evaluations, and hands them to who waits."""
        self._store.commit(*answers, curves=self._curves, snapshot=snapshot)
        for job, evaluation in answers:
            self._tally.trained(job, evaluation)
            self._check_class(evaluation.numerics)
            seconds = evaluation.compile_s + evaluation.train_s
            self._deadlines.observe(self._costs.pop(job.id), seconds)
            for pending in self._waiting.pop(job.id):
                pending.fill(evaluation.results)

    @property
    def busy(self) -> bool:
        """Whether anything is being carried out, or waits to be."""
        return self._pool is not None and len(self._pool) > 0

    def cancel(self) -> None:
        """Starts nothing more; what workers are doing goes on."""
        if self._pool is not None:
            self._pool.cancel()

    def tell(self, *, last: bool = False) -> None:
        """Passes on what happened to workers; stores who they are, now and then.

        Args:
            last: Whether they are stored in any case.
        """
        if self._pool is None:
            return
        news = self._pool.news()
        for text in news:
            self._note(text)
        if news or last or time.monotonic() - self._told >= TELL_S:
            self._told = time.monotonic()
            nodes = [node.to_dict() for node in self._pool.nodes()]
            self._store.history.set("workers", {"at": time.time(), "nodes": nodes})
            self._store.checkpoint()
            self._say_idle(self._pool.capacity)

    def _say_idle(self, capacity: int) -> None:
        """Says once if there are more workers than this search can keep busy."""
        jobs, candidates = jobs_at_once(self._config), self._config.rules.in_flight
        if self._said_idle or capacity <= jobs:
            return
        self._said_idle, enough = True, candidates * math.ceil(capacity / jobs)
        self._note(
            f"note: {capacity:,} trainings can go on at once here, and a search with "
            f"rules.in_flight={candidates} has about {jobs:,}: one begun with --set "
            f"rules.in_flight={enough} would have enough"
        )

    def _check_class(self, key: str) -> None:
        """Marks the run once it has results of several numerics classes."""
        self._class = self._class or class_of(self._store.history)
        other = key and self._class and key != self._class
        if other and not self._store.history.get("mixed"):
            self._store.history.set("mixed", True)
            self._note(
                "a result is of another numerics class, as where memory ran out: the "
                "table is marked as not reproducible to the bit"
            )


def jobs_at_once(config: Config) -> int:
    """How many jobs a search has to be carried out at once, about."""
    rules, objective = config.rules, config.objective
    if objective is None:
        return rules.in_flight * math.ceil(rules.settings / rules.settings_per_job)
    return rules.in_flight * len(config.tasks) * objective.rungs[0]
