"""A search whose trainings somebody else scores: it asks, and is told a value.

It is a search like any other, with a person or a program in place of the workers: what
is told is stored as a result, and is a class of its own, so that it never stands beside
what workers have trained. What is asked next is a function of the record.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from cells import Cell
from search.errors import UserError
from search.loop.engine import Engine, Limits
from search.loop.numerics import TOLD, admit, class_of
from search.loop.outside import Outside, check_name
from search.loop.runs import OpenRun, Silent, gone_on, open_run
from search.procedure.procedure import Procedure
from search.store.inbox import Inbox
from search.store.locks import RunLock
from search.store.snapshots import Snapshot
from workers import (
    BUDGET,
    PASSED,
    Evaluation,
    Job,
    PoolNode,
    Result,
    Setting,
    Status,
)

FAILED: Final = "told to have failed"


@dataclass(frozen=True)
class Asked:
    """A training that a search wants somebody else to score.

    Attributes:
        name: What the cell is called in the run.
        job: All that is asked for; it has one setting.
    """

    name: str
    job: Job

    @property
    def cell(self) -> Cell:
        """The cell, canonical."""
        return self.job.cell

    @property
    def task(self) -> str:
        """The name of the task; `job.task` is all of it."""
        return self.job.task.name

    @property
    def setting(self) -> Setting:
        """With what it is to be trained, if that is how it is scored."""
        return self.job.settings[0]


class _Questions:
    """A pool in which nobody works: it keeps what is wanted first."""

    capacity = 1

    def __init__(self) -> None:
        self.first: Job | None = None
        self.stop: Callable[[], None] = lambda: None
        self._waiting: list[tuple[float, int, Job]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def submit(
        self,
        job: Job,
        *,
        priority: float = 0.0,
        deadline_s: float = math.inf,
        cost_s: float = 0.0,
    ) -> None:
        """Keeps a job."""
        self._waiting.append((priority, len(self._waiting), job))

    def next(self, timeout_s: float | None = None) -> tuple[Job, Evaluation] | None:
        """Somebody waits for the most urgent job: that is the question."""
        if self._waiting:
            self.first = min(self._waiting)[-1]
        self.stop()
        return None

    def cancel(self) -> None:
        """Forgets the others: they are wanted again when their turn comes."""
        self._waiting.clear()

    def workers(self) -> list[dict[str, Any]]:
        """The class of whatever is told."""
        return [{"numerics": {"key": TOLD, "device": "whoever tells"}}]

    def nodes(self) -> list[PoolNode]:
        """None: nobody works."""
        return []

    def news(self) -> list[str]:
        """None: nobody works."""
        return []

    def close(self) -> None:
        """Nothing is open."""


def ask(folder: Path) -> Asked | None:
    """The next training that the search in a folder wants; None: it is done.

    The same until it is told; what others propose is taken up meanwhile.

    Raises:
        UserError: There is no run, it is in use, or it is not to be told anything.
    """
    with RunLock(folder), open_run(folder) as run:
        _check_told(run)
        pool = _Questions()
        admit(pool.workers(), run.store.history, mixed=False)

        def take(snapshot: Snapshot | None) -> Engine:
            return Engine(
                Procedure(run.config),
                run.store,
                lambda: pool,
                Silent(),
                Limits(candidates=run.candidates),
                outside=Outside(Inbox(folder), lambda _: None),
                snapshot=snapshot,
            )

        engine = gone_on(run.store, take)
        pool.stop = engine.stop
        engine.run()
        if pool.first is None:
            return None
        job = replace(pool.first, settings=pool.first.settings[:1])
        member = engine.procedure.population.find(job.digest)
        return Asked(job.digest if member is None else member.name, job)


def tell(folder: Path, asked: Asked, value: float | None, by: str) -> None:
    """Stores what a training was scored with, once and for all.

    Args:
        folder: The run that asked.
        asked: What it asked.
        value: In the metric of the task; None: the training failed.
        by: Who has scored it.

    Raises:
        UserError: It was told already, or one of them is not what it must be.
    """
    check_name(by)
    if value is not None and not math.isfinite(value):
        raise UserError(f"`value` must be a finite number or None, got {value}")
    with RunLock(folder), open_run(folder) as run:
        _check_told(run)
        job, setting = asked.job, asked.setting
        run_id = job.run_id(setting)
        if run.store.results.find([run_id], job.budget):
            raise UserError(f"{folder} was told already of {asked.name}; ask again")
        admit(_Questions().workers(), run.store.history, mixed=False)
        result = _result(run, job, value)
        evaluation = Evaluation(job.id, (result,), numerics=TOLD, machine=by)
        run.store.commit((job, evaluation))


def _result(run: OpenRun, job: Job, value: float | None) -> Result:
    """What a training came to; one of the filter ends as that would have."""
    setting = job.settings[0]
    if value is None:
        return Result(setting, Status.DIVERGED, ended=FAILED)
    target = math.inf
    if run.config.filter is not None and job.training.schedule.name == "filter":
        target = run.config.filter.target
    ended = PASSED if value >= target else BUDGET
    return Result(setting, Status.OK, float(value), job.budget, ended)


def _check_told(run: OpenRun) -> None:
    """Refuses a run in which a value that is told would mean nothing."""
    if run.config.objective is not None:
        raise UserError(
            f"{run.folder} compares learning curves run by run, which are more than a "
            "value: begin a run by ratios to be asked, such as one of the preset small"
        )
    if class_of(run.store.history) not in (None, TOLD):
        raise UserError(
            f"{run.folder} has results that workers have trained: begin a run of its "
            "own to be asked"
        )
