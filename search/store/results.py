"""Results that are kept, so that no training is made twice; see `tables`."""

import json
import sqlite3
import time
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from cells import to_text
from search.errors import UserError
from search.store.database import RUN_FILE, Database, open_database, read_database
from search.store.tables import RESULTS
from workers import (
    Evaluation,
    Job,
    Point,
    Result,
    Setting,
    Status,
    TaskSpec,
    Training,
)

FILE: Final = "results.db"

FAULTS: Final = (Status.TIMEOUT, Status.CRASHED)
"""Ends that say more of the machine than of the cell: kept, but tried again later."""

COLUMNS: Final = """
budget, evaluation, setting, status, best, test, updates, ended, width, num_params
"""
FIND: Final = f"""
SELECT {COLUMNS}, NULL, run_id FROM runs
WHERE run_id IN (%s) AND budget <= ? ORDER BY run_id, budget
"""
FIND_CURVES: Final = f"SELECT {COLUMNS}, curve FROM runs WHERE run_id = ?"

MADE: Final = """
SELECT digest, text, t.value, a.value, budget, seed, 0.0, 0.0, compiled, n.value,
    m.value, stored_at
FROM evaluations e JOIN cells c ON c.id = cell JOIN tasks t ON t.id = task
    JOIN trainings a ON a.id = training JOIN words n ON n.id = numerics
    JOIN words m ON m.id = machine
WHERE e.id = ?
"""

ADD: Final = """
INSERT INTO evaluations (cell, task, training, budget, seed, compile_s, train_s,
    compiled, numerics, machine, source, stored_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

ADD_RUN: Final = """
INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

SPENT: Final = """
SELECT sum(compile_s), sum(train_s), value FROM evaluations
JOIN words ON words.id = numerics GROUP BY numerics
"""

WORK: Final = """
SELECT json_extract(t.value, '$.name'),
    coalesce(json_extract(a.value, '$.schedule.name'), '') = 'filter', m.value,
    count(*), sum(compile_s), sum(train_s), sum(compiled),
    min(stored_at), max(stored_at)
FROM evaluations e JOIN tasks t ON t.id = task JOIN trainings a ON a.id = training
    JOIN words m ON m.id = machine
WHERE source IS NULL GROUP BY 1, 2, 3 ORDER BY min(e.id)
"""

UNREADABLE: Final = (UserError, sqlite3.Error, ValueError, LookupError, TypeError)
"""What comes of rows on damaged pages."""


class Spent(NamedTuple):
    """What evaluations took, in seconds, and in which numerics classes."""

    compile_s: float
    train_s: float
    numerics: tuple[str, ...]


class Work(NamedTuple):
    """What a machine carried out on a task.

    Attributes:
        task: The task's name.
        filter: Whether it was the filter.
        machine: The machine's name.
        evaluations: Jobs.
        compile_s: Seconds of compilation.
        train_s: Other seconds.
        compiled: Programs.
        first: When the first result was stored, in Unix seconds.
        last: When the last was.
    """

    task: str
    filter: bool
    machine: str
    evaluations: int
    compile_s: float
    train_s: float
    compiled: int
    first: int
    last: int


class Row(NamedTuple):
    """A training as it is stored.

    Attributes:
        budget: Most updates.
        evaluation: Number of the evaluation that it was part of.
        result: What it came to.
    """

    budget: int
    evaluation: int
    result: Result


class Made(NamedTuple):
    """An evaluation apart from its results, in the order of `ADD`."""

    digest: bytes
    text: str | None
    task: str
    training: str
    budget: int
    seed: int
    compile_s: float
    train_s: float
    compiled: int
    numerics: str
    machine: str
    stored_at: int


class Results:
    """The evaluations of a file.

    An evaluation is one transaction: a process that is killed loses nothing but the
    jobs that it was carrying out. Several processes may use a file at once.
    """

    def __init__(self, folder: Path | Database | None, *, cache: bool = True) -> None:
        """Opens the file of a folder, or makes both.

        Args:
            folder: Or a file that is open; None: nothing is written to disk.
            cache: Whether what was added or asked for stays in memory.

        Raises:
            UserError: The folder cannot be used.
        """
        if not isinstance(folder, Database):
            folder = open_database(folder / FILE if folder else None, RESULTS)
        self._file = folder
        self._cache = cache
        self._kept: dict[str, dict[int, Result]] = {}
        self._used: dict[int, tuple[float, float, str]] = {}
        self._sources: list[tuple[Database, str | None]] = []

    def __enter__(self) -> "Results":
        """Itself; leaving closes the file."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the file."""
        self.close()

    def close(self) -> None:
        """Closes the file, and those that it takes results from."""
        for file in (self._file, *(source for source, _ in self._sources)):
            file.close()

    def reuse(self, path: Path, numerics: str | None = None) -> None:
        """Has `trainings` and `find` take over results of another file, if it has them.

        They are copied into this file when they are first asked for, so that it is
        complete without the other, and with no seconds, for they took none here.
        Faults are not taken over. Of a damaged file, rows that can be read are.

        Args:
            path: A run folder, one of `cellsearch evaluate`, or a file of either.
            numerics: Key of the numerics class whose results are taken; None: of any.

        Raises:
            UserError: There is no such file, or it is of another format.
        """
        self._sources.append((read_database(_file_of(path), damaged=True), numerics))

    def trainings(self, run_id: str) -> Mapping[int, Result]:
        """The results of one training, by budget in updates; without `FAULTS`."""
        if run_id in self._kept:
            return self._kept[run_id]
        self._take_over([run_id])
        rows = list(_rows(self._file, FIND_CURVES, run_id))
        found = {row.budget: row.result for row in rows}
        found = {
            b: result for b, result in found.items() if result.status not in FAULTS
        }
        if self._cache:
            self._kept[run_id] = found
            for evaluation in {row.evaluation for row in rows}:
                self._count(evaluation)
        return found

    def find(self, run_ids: Sequence[str], budget: int) -> dict[str, Result]:
        """What is known of trainings with a budget, faults included, without curves.

        Args:
            run_ids: Those asked for; the answer has those of them that are known.
            budget: In updates. A result with a smaller one counts if training was over
                by then, so that a larger one would change nothing.
        """
        found = dict(self._find(run_ids, budget))
        missing = [run_id for run_id in run_ids if run_id not in found]
        if missing and self._take_over(missing):
            found.update(self._find(missing, budget))
        return found

    def add(self, job: Job, evaluation: Evaluation, *, curves: bool = True) -> None:
        """Stores an evaluation in one transaction, with or without learning curves.

        Raises:
            StorageError: It could not be written.
        """
        with self._file.transaction():
            number = self.write(job, evaluation, curves=curves)
        if self._cache:
            for result in evaluation.results:
                run_id = job.run_id(result.setting)
                self._kept[run_id] = {**self.trainings(run_id), job.budget: result}
            self._count(number)

    def write(self, job: Job, evaluation: Evaluation, *, curves: bool = True) -> int:
        """As `add`, within a transaction and past the cache; returns a row's number."""
        runs = [(job.run_id(r.setting), job.budget, r) for r in evaluation.results]
        made = _made(job, evaluation, known=self._file.known("cells"))
        return self._write(made, runs, None, curves)

    def spent(self) -> Spent:
        """What the evaluations took of which results were added or asked for.

        Without a cache: what all evaluations of the file took.
        """
        used = list(self._used.values()) if self._cache else self._file.rows(SPENT)
        return Spent(
            compile_s=sum(row[0] for row in used),
            train_s=sum(row[1] for row in used),
            numerics=tuple(sorted({row[2] for row in used if row[2]})),
        )

    def work(self) -> list[Work]:
        """What was carried out, by task and machine; not what was taken over."""
        rows = self._file.rows(WORK)
        return [Work(name, bool(tried), *rest) for name, tried, *rest in rows]

    def _count(self, evaluation: int) -> None:
        query = "SELECT compile_s, train_s, numerics FROM evaluations WHERE id = ?"
        [(compile_s, train_s, numerics)] = self._file.rows(query, (evaluation,))
        name = self._file.value("words", numerics)
        self._used[evaluation] = (compile_s, train_s, name)

    def _find(
        self, run_ids: Sequence[str], budget: int
    ) -> Iterator[tuple[str, Result]]:
        keys = {bytes.fromhex(run_id): run_id for run_id in run_ids}
        query = FIND % ",".join("?" * len(keys))
        for row in self._file.rows(query, (*keys, budget)):
            result = _result(self._file, *row[2:-1])
            if row[0] == budget or result.over:
                yield keys[row[-1]], result

    def _write(
        self,
        made: Made,
        runs: Iterable[tuple[str, int, Result]],
        source: str | None,
        curves: bool = True,
    ) -> int:
        file, words = self._file, partial(self._file.number, "words")
        values = (
            cell_number(file, made.digest, made.text),
            file.number("tasks", made.task),
            file.number("trainings", made.training),
            *made[4:9],
            words(made.numerics),
            words(made.machine),
            None if source is None else words(source),
            made.stored_at,
        )
        number = int(file.execute(ADD, values).lastrowid or 0)
        rows = [
            (bytes.fromhex(run_id), budget, number, *_columns(file, result, curves))
            for run_id, budget, result in runs
        ]
        file.executemany(ADD_RUN, rows)
        return number

    def _take_over(self, run_ids: Sequence[str]) -> bool:
        """Copies what other files know of trainings; returns whether that was any."""
        any_taken = False
        for source, numerics in self._sources:
            taken: dict[int, list[tuple[str, int, Result]]] = {}
            for run_id in run_ids:
                for row in self._missing(source, run_id):
                    runs = taken.setdefault(row.evaluation, [])
                    runs.append((run_id, row.budget, row.result))
            for evaluation, runs in taken.items():
                made = _made_elsewhere(source, evaluation)
                if made is not None and numerics in (None, made.numerics):
                    with self._file.transaction():
                        self._write(made, runs, str(source.path))
                    any_taken = True
        return any_taken

    def _missing(self, source: Database, run_id: str) -> list[Row]:
        """What another file knows of a training and this one does not."""
        query = "SELECT budget FROM runs WHERE run_id = ?"
        own = {row[0] for row in self._file.rows(query, (bytes.fromhex(run_id),))}
        try:
            rows = list(_rows(source, FIND_CURVES, run_id))
        except UNREADABLE:
            return []
        return [
            row
            for row in rows
            if row.budget not in own and row.result.status not in FAULTS
        ]


def classes_of(path: Path) -> set[str]:
    """Keys of the numerics classes that results of a file are of, if it can be read.

    Args:
        path: See `Results.reuse`.

    Raises:
        UserError: There is no such file, or it is of another format.
    """
    with Results(read_database(_file_of(path), damaged=True), cache=False) as other:
        try:
            return set(other.spent().numerics)
        except UNREADABLE:
            return set()


def cell_number(
    file: Database, digest: str | bytes, text: str | None = None
) -> int | None:
    """The id of a cell, which is put into `cells` if new; None without a digest."""
    if not digest:
        return None
    key = bytes.fromhex(digest) if isinstance(digest, str) else digest
    known = file.known("cells")
    if key in known:
        return known[key]
    query = "SELECT id, text FROM cells WHERE digest = ?"
    number, old = file.execute(query, (key,)).fetchone() or (None, None)
    if number is None:
        add = "INSERT INTO cells (digest, text) VALUES (?, ?)"
        number = int(file.execute(add, (key, text)).lastrowid or 0)
    elif old is None and text is not None:
        file.execute("UPDATE cells SET text = ? WHERE id = ?", (text, number))
    if old is not None or text is not None:
        known[key] = number
    return int(number)


def _file_of(path: Path) -> Path:
    """The file of results that a path means."""
    if path.is_file():
        return path
    for name in (RUN_FILE, FILE):
        if (path / name).is_file():
            return path / name
    raise UserError(f"{path} has no results: neither {RUN_FILE} nor {FILE} is there")


def _made(job: Job, evaluation: Evaluation, known: Container[bytes]) -> Made:
    """An evaluation apart from its results; without the text of a cell that is known.

    Args:
        job: The job.
        evaluation: Its answer.
        known: Digests of cells whose text is stored.
    """
    digest = bytes.fromhex(job.digest)
    return Made(
        digest=digest,
        text=None if digest in known else to_text(job.cell),
        task=_task_text(job.task),
        training=_training_text(job.training),
        budget=job.budget,
        seed=job.seed,
        compile_s=evaluation.compile_s,
        train_s=evaluation.train_s,
        compiled=evaluation.compiled,
        numerics=evaluation.numerics,
        machine=evaluation.machine,
        stored_at=int(time.time()),
    )


@lru_cache(maxsize=64)
def _task_text(task: TaskSpec) -> str:
    return _dumps(task.identity)


@lru_cache(maxsize=64)
def _training_text(training: Training) -> str:
    return _dumps(training.to_dict())


def _made_elsewhere(source: Database, evaluation: int) -> Made | None:
    """An evaluation of another file, without seconds; None if it cannot be read."""
    try:
        [row] = source.rows(MADE, (evaluation,))
        return Made(*row)
    except UNREADABLE:
        return None


def _columns(file: Database, result: Result, curves: bool) -> tuple[Any, ...]:
    """The columns of `runs` from `setting` on."""
    return (
        file.number("settings", result.setting.text),
        result.status.value,
        result.best,
        result.test,
        result.updates,
        file.number("words", result.ended),
        result.width,
        result.num_params,
        _dumps(result.curve) if curves and result.curve else None,
    )


def _rows(file: Database, query: str, run_id: str, *values: int) -> Iterator[Row]:
    """What a file has of a training, smaller budgets first."""
    for row in file.rows(query, (bytes.fromhex(run_id), *values)):
        yield Row(row[0], row[1], _result(file, *row[2:]))


def _result(
    file: Database,
    setting: int,
    status: str,
    best: float | None,
    test: float | None,
    updates: int,
    ended: int,
    width: int,
    num_params: int,
    curve: str | None,
) -> Result:
    return Result(
        setting=_setting(file.value("settings", setting)),
        status=Status(status),
        best=best,
        updates=updates,
        ended=file.value("words", ended),
        curve=tuple(Point(*point) for point in json.loads(curve)) if curve else (),
        width=width,
        num_params=num_params,
        test=test,
    )


@lru_cache(maxsize=10_000)
def _setting(text: str) -> Setting:
    return Setting.from_dict(json.loads(text))


def _dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, allow_nan=False)
