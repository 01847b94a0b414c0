"""`cellsearch` with training by formula: all the rest is the real thing.

As `python -m tests.support.fake_search ARGUMENTS` it is the command; `FAKE` in the
environment has fields of `Fake` as JSON.
"""

import heapq
import importlib
import itertools
import json
import os
import random
import signal
import sqlite3
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from search.commands import cli
from search.loop import pools
from search.store import store
from search.store.database import RUN_FILE
from tests.support.fake_pool import FakePool, noisy
from workers import Evaluation, Job, PoolNode, Result, Setting, Status

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Fake:
    """How a fake search behaves.

    Attributes:
        sleep_s: Seconds that a job takes.
        die_at: Number of the commit in which the process kills itself, when all of it
            but its end is done; 0: in none.
        die_in: `module:function` at whose end it kills itself.
        numerics: Key of the numerics class.
        other_at: Number of the job that is of another class; 0: none.
        limit: Most bytes of a file: the disk is full; 0: no limit.
        marker: A file that is made when somebody first waits for a job.
    """

    sleep_s: float = 0.0
    die_at: int = 0
    die_in: str = ""
    numerics: str = "fake"
    other_at: int = 0
    limit: int = 0
    marker: str = ""

    def environment(self) -> dict[str, str]:
        """Of a process that behaves so."""
        return {**os.environ, "FAKE": json.dumps(asdict(self))}


def share(text: str) -> float:
    """A number in [0, 1) that looks random, of hexadecimal digits."""
    return int(text[-8:], 16) / 16**8


def learned(job: Job, setting: Setting) -> float | None:
    """What a training comes to: up to the cell, the setting and chance."""
    if share(job.run_id(setting)) < 0.05:
        return None
    return 0.7 + 0.3 * share(job.digest) + noisy(job, setting) / 4


class Trained(FakePool):
    """A pool of two whose answers come in an order of their own in every process.

    Some of them come together.

    Two thirds of all cells pass the filter. What is under way outlives `cancel`.
    """

    together = True

    def __init__(self, fake: Fake) -> None:
        super().__init__(learned)
        self._fake = fake
        self._waiting: list[tuple[float, int, Job]] = []
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._queue)

    def workers(self) -> list[dict[str, Any]]:
        key = self._fake.numerics
        numerics = {"key": key, "platform": "cpu", "device": f"{key} abacus"}
        return [{"machine": "fake", "pid": 0, "numerics": numerics}]

    def nodes(self) -> list[PoolNode]:
        return [PoolNode("", "fake", pids=[0], busy=min(1, len(self._queue)))]

    def submit(
        self,
        job: Job,
        *,
        priority: float = 0.0,
        deadline_s: float = 0.0,
        cost_s: float = 0.0,
    ) -> None:
        heapq.heappush(self._waiting, (priority, next(self._numbers), job))
        self._start()

    def next(self, timeout_s: float | None = None) -> tuple[Job, Evaluation] | None:
        if self._fake.marker:
            Path(self._fake.marker).touch()
        if timeout_s == 0 and random.random() < 0.5:
            return None  # what else is there has not ended yet
        if self._fake.sleep_s:  # sleeping for no time takes some, too
            time.sleep(self._fake.sleep_s)
        random.shuffle(self._queue)
        answer = super().next(timeout_s)
        if timeout_s != 0:  # whoever has ended in the same moment has begun nothing yet
            self._start()
        return answer

    def evaluation(self, job: Job) -> Evaluation:
        other = len(self.jobs) == self._fake.other_at
        key = "fewer lanes" if other else self._fake.numerics
        return replace(super().evaluation(job), numerics=key)

    def cancel(self) -> None:
        self._waiting.clear()

    def _start(self) -> None:
        while self._waiting and len(self._queue) < self.capacity:
            self._queue.append(heapq.heappop(self._waiting)[-1])

    def _result(self, job: Job, setting: Setting) -> Result:
        if job.training.schedule.name != "filter":
            return super()._result(job, setting)
        passes = share(job.run_id(setting)) < 2 / 3
        ended, best = ("passed", 0.99) if passes else ("budget", 0.5)
        return Result(setting, Status.OK, best, updates=job.budget, ended=ended)


def make_pool(*_: object) -> Trained:
    """In place of `search.loop.pools.make_pool`."""
    return Trained(Fake(**json.loads(os.environ.get("FAKE", "{}"))))


def main() -> int:
    """The command, as `FAKE` has it."""
    fake = make_pool()._fake
    pools.make_pool = make_pool
    if fake.die_at:
        die_at_end_of(store.Results, "write", fake.die_at)
    if fake.die_in:
        module, _, name = fake.die_in.partition(":")
        die_at_end_of(importlib.import_module(module), name, 1)
    if fake.limit:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (fake.limit, fake.limit))
    return cli.main()


def die_at_end_of(place: Any, name: str, number: int) -> None:
    """Has the process kill itself when a function is called the n-th time."""
    calls, function = itertools.count(1), getattr(place, name)

    def last(*arguments: Any, **options: Any) -> Any:
        found = function(*arguments, **options)
        if next(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    setattr(place, name, last)


# What tests look at

HISTORY = (
    """SELECT number, value, at, c.digest, p.digest, c.text, rules, born, drain
    FROM decisions JOIN words k ON k.id = kind LEFT JOIN cells c ON c.id = cell
    LEFT JOIN cells p ON p.id = parent ORDER BY number""",
    "SELECT * FROM rejected ORDER BY decision, draw",
    "SELECT * FROM issued ORDER BY number",
)
RESULTS = """SELECT run_id, digest, task, budget, setting, seed, status, best, test,
updates, ended, width, num_params, curve, task_identity, training, numerics
FROM results ORDER BY run_id, budget"""


def query(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a run's file."""
    path = (folder / RUN_FILE).absolute()
    file = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        return file.execute(sql).fetchall()
    finally:
        file.close()


def history(folder: Path) -> list[list[tuple[Any, ...]]]:
    """All that a run has decided and issued."""
    return [query(folder, sql) for sql in HISTORY]


def results(folder: Path) -> list[tuple[Any, ...]]:
    """All that a run has found, but times and who found it."""
    return query(folder, RESULTS)


if __name__ == "__main__":
    sys.exit(main())
