"""Searches that train by formula, in this process: small, and over in a second."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cells import ZOO
from search.loop.engine import Ending, Engine, Limits
from search.loop.outside import Outside
from search.loop.runs import gone_on
from search.output.leaderboard import Leaderboard
from search.procedure.config import Config, Plan, make_stage
from search.procedure.costed import CostedPopulation
from search.procedure.paired import PairedPopulation
from search.procedure.procedure import Procedure
from search.procedure.reader import make_config
from search.procedure.rules import Rules
from search.procedure.settings import Grid
from search.store.snapshots import Snapshot
from search.store.store import Store
from tests.support.fake_pool import FakePool
from tests.support.fake_search import history, query, share
from workers import (
    BUDGET,
    Evaluation,
    Job,
    Point,
    Result,
    Schedule,
    Setting,
    Status,
    Training,
)
from workers.job.schedule import PASSED

GRID = Grid(
    scale=(1.4, 2.0),
    rate=(0.3, 0.5, 1.0),
    clip=(1.0, 2.5),
    num_layers=(1, 2),
    parameters=(6_000,),
)
"""24 settings of two shapes."""

CONSTANT = Schedule("fixed")

PLANS = {
    "arithmetic": Plan(GRID, 90, CONSTANT),
    "xml": Plan(GRID, 150, CONSTANT),
    "jsb": Plan(GRID, 30, CONSTANT),  # its metric is a loss
}
SIMPLE = (("tanh", ZOO["tanh"]), ("gru", ZOO["gru"]))
"""Their mutants are drawn fast, and are often the same cell again."""

Answer = Callable[[Job, Setting], Result]
Call = Callable[[Engine], object]


def config(
    rules: Rules | None = None,
    *,
    seed: int = 1,
    tasks: Sequence[str] = ("arithmetic", "xml"),
    plans: Mapping[str, Plan] = PLANS,
    **changes: Any,
) -> Config:
    """A small search: a list of 6, 3 settings a round, 6 of each seed.

    Args:
        rules: Instead of these; None: they are changed by `changes`.
        seed: See `Config`.
        tasks: By name.
        plans: Of each task.
        changes: Fields of `Rules` and of `Config`.
    """
    of_rules = {name: changes.pop(name) for name in list(changes) if name in RULES}
    stages = [make_stage(one, "small", seed, plans[one], Training()) for one in tasks]
    return replace(
        make_config({"preset": "tiny"}),
        **{
            "seed": seed,
            "seeds": SIMPLE,
            "tasks": tuple(stages),
            "rules": rules or replace(SMALL, **of_rules),
            **changes,
        },
    )


SMALL = Rules(
    list_size=6,
    settings=3,
    baseline_settings=6,
    settings_per_job=2,
    slots=6,
    in_flight=3,
)
RULES = frozenset(vars(SMALL))


def formula(job: Job, setting: Setting) -> Result:
    """Up to the cell, the setting, the budget and chance; some trainings fail.

    Six in ten attempts pass the filter. Of losses less is better.
    """
    luck = share(job.run_id(setting))
    if job.training.schedule.name == "filter":
        ended = PASSED if luck < 0.6 else BUDGET
        return Result(setting, Status.OK, luck, updates=job.budget, ended=ended)
    if luck < 0.06:
        status = Status.DIVERGED if luck < 0.04 else Status.TIMEOUT
        return Result(setting, status, updates=1, ended="no end")
    best = 0.5 + 0.4 * share(job.digest) + setting.scale / 20 + job.budget / 1e4
    best = round(best + 0.2 * luck, 2)  # rounded: there are ties
    curve = (
        Point(job.budget // 2, 2.0, 3 - best, best / 2),
        Point(job.budget, 1.0, 2.5 - best, best),
    )
    if job.task.name == "jsb":
        best = 2 - best
    return Result(setting, Status.OK, best, job.budget, BUDGET, curve)


class Pool(FakePool):
    """Carries out some jobs at once, the most urgent first; they end in any order.

    Now and then nothing has ended by the time that one asks. What is carried out when
    the pool is cancelled still ends.
    """

    together = True

    def __init__(self, seed: int = 0, capacity: int = 3, answer: Answer = formula):
        super().__init__()
        self.capacity = capacity
        self._rng = random.Random(seed)
        self._answer = answer
        self._waiting: list[tuple[float, int, Job]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._queue) + len(self._waiting)

    def submit(
        self,
        job: Job,
        *,
        priority: float = 0.0,
        deadline_s: float = 0.0,
        cost_s: float = 0.0,
    ) -> None:
        self._waiting.append((priority, self._count, job))
        self._count += 1
        self._start()

    def next(self, timeout_s: float | None = None) -> tuple[Job, Evaluation] | None:
        if self._rng.random() < 0.2:
            return None
        self._rng.shuffle(self._queue)
        found = super().next(timeout_s)
        self._start()
        return found

    def cancel(self) -> None:
        self._waiting.clear()

    def _start(self) -> None:
        while self._waiting and len(self._queue) < self.capacity:
            first = min(self._waiting)
            self._waiting.remove(first)
            self._queue.append(first[-1])

    def _result(self, job: Job, setting: Setting) -> Result:
        return self._answer(job, setting)


class Watcher:
    """Keeps what it is told, and may call something whenever anything changes."""

    def __init__(self, call: Call = lambda _: None):
        self.update = call
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def run(
    folder: Path,
    chosen: Config,
    candidates: int | None = 12,
    *,
    pool: FakePool | None = None,
    call: Call = lambda _: None,
    outside: Outside | None = None,
    **limits: float,
) -> tuple[Ending, Engine]:
    """Begins a search in a folder, or goes on with it; why it ended, and its engine."""
    exists = (folder / "search.db").exists()
    store = Store.open(folder) if exists else Store.create(folder, {})
    with store:
        made = Pool() if pool is None else pool
        watcher = Watcher(call)

        def take(snapshot: Snapshot | None) -> Engine:
            return Engine(
                Procedure(chosen),
                store,
                lambda: made,
                watcher,
                Limits(candidates=candidates, **limits),
                outside=outside,
                snapshot=snapshot,
            )

        engine = gone_on(store, take)
        return engine.run(), engine


def until(reached: Callable[[Engine], bool]) -> Call:
    """Stops a search by hand once something is so."""
    return lambda engine: reached(engine) and engine.stop()


def table(engine: Engine) -> list[dict[str, Any]]:
    """The ranked table, seeds and references."""
    board = Leaderboard(engine.procedure)
    return [row.to_dict() for row in (*board.rows(), *board.named())]


def state(engine: Engine) -> list[Any]:
    """The list and its fitnesses; by common runs errors of the first, and the bar."""
    known = engine.procedure.population
    if not engine.procedure.opened:
        return []
    found: list[Any] = [[m.digest for m in known.best], [m.fitness for m in known.best]]
    if not isinstance(known, PairedPopulation):
        return found
    tasks = range(len(engine.procedure.config.tasks))
    errors = [known.error_of(known.best[0], task) for task in tasks]
    if isinstance(known, CostedPopulation):
        found.append(known.bar_for(known.best[0]))
    return [*found, errors, known.bar_for(known.best[-1])]


class States:
    """Keeps what `state` says after each application."""

    def __init__(self) -> None:
        self._found: dict[int, list[Any]] = {}

    def __call__(self, engine: Engine) -> None:
        applied = engine.clock.issued - len(engine.clock)
        self._found.setdefault(applied, state(engine))

    @property
    def found(self) -> list[list[Any]]:
        """In order."""
        return [self._found[number] for number in range(1, len(self._found))]


def nearly(found: object, expected: object) -> bool:
    """Whether nested values are equal but for the last digits of numbers."""
    if isinstance(expected, dict):
        assert isinstance(found, dict)
        return all(nearly(found[key], value) for key, value in expected.items())
    if isinstance(expected, list | tuple):
        assert isinstance(found, list | tuple)
        pairs = zip(found, expected, strict=True)
        return all(nearly(one, other) for one, other in pairs)
    if isinstance(expected, float):
        return found == pytest.approx(expected, rel=1e-9, abs=1e-12)
    return found == expected


def trained(folder: Path) -> list[tuple[Any, ...]]:
    """What is known of each training, but not in which job it was."""
    return query(
        folder,
        "SELECT run_id, budget, digest, task, setting, status, best, updates, ended "
        "FROM results ORDER BY run_id, budget",
    )


def everything(folder: Path, engine: Engine) -> list[list[Any]]:
    """All that must be the same in two searches that are the same."""
    return [*history(folder), trained(folder), table(engine)]
