"""Results that are kept: an SQLite file of evaluations, so that none is made twice.

Two tables, meant to be queried. `evaluations` has a row for each job carried out: what
it was, and what it took. `runs` has a row for each training of a setting: `run_id` says
what was trained on what and how (cell, task, setting, seed and training; not the
budget), and `(run_id, budget)` is unique. `job`, `setting` and `curve` are JSON.

    SELECT task, digest, max(best) FROM runs JOIN evaluations ON evaluation = id
    WHERE status = 'OK' GROUP BY task, digest;
"""

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from search.errors import UserError
from workers import Evaluation, Job, Point, Result, Setting, Status

FILE: Final = "results.db"
APPLICATION: Final = 0x63656C6C  # "cell"; SQLite's application_id
FORMAT: Final = 1

FAULTS: Final = (Status.TIMEOUT, Status.CRASHED)
"""Ends that say more of the machine than of the cell: kept, but tried again later."""

SCHEMA: Final = """
CREATE TABLE evaluations (
    id         INTEGER PRIMARY KEY,
    job_id     TEXT NOT NULL,  -- what the job is: equal ids, equal results
    digest     TEXT NOT NULL,  -- of the cell
    task       TEXT NOT NULL,
    budget     INTEGER NOT NULL,  -- updates
    seed       INTEGER NOT NULL,
    job        TEXT NOT NULL,  -- JSON: the whole job
    numerics   TEXT NOT NULL,  -- key of the numerics class that computed it
    machine    TEXT NOT NULL,
    compile_s  REAL NOT NULL,
    train_s    REAL NOT NULL,
    compiled   INTEGER NOT NULL,  -- programs
    stored_at  TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP  -- UTC
);
CREATE TABLE runs (
    run_id     TEXT NOT NULL,
    budget     INTEGER NOT NULL,  -- updates
    evaluation INTEGER NOT NULL REFERENCES evaluations (id),
    setting    TEXT NOT NULL,  -- JSON
    status     TEXT NOT NULL,  -- OK, DIVERGED, TIMEOUT, OOM or CRASHED
    best       REAL,  -- validation metric
    test       REAL,  -- test metric at the weights of `best`, if asked for
    updates    INTEGER NOT NULL,  -- done
    ended      TEXT NOT NULL,  -- why
    width      INTEGER NOT NULL,
    num_params INTEGER NOT NULL,
    curve      TEXT NOT NULL,  -- JSON: [updates, train_loss, valid_loss, metric], ...
    PRIMARY KEY (run_id, budget)
);
"""

FIND: Final = """
SELECT budget, evaluation, setting, status, best, test, updates, ended, width,
    num_params, curve FROM runs WHERE run_id = ?
"""

ADD: Final = """
INSERT INTO evaluations (job_id, digest, task, budget, seed, job, numerics, machine,
    compile_s, train_s, compiled) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

ADD_RUN: Final = """
INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


class Spent(NamedTuple):
    """What evaluations took, in seconds, and in which numerics classes."""

    compile_s: float
    train_s: float
    numerics: tuple[str, ...]


class Results:
    """The evaluations of a folder.

    An evaluation is one transaction: a process that is killed loses nothing but the
    jobs that it was carrying out. Several processes may use a folder at once.
    """

    def __init__(self, folder: Path | None) -> None:
        """Opens the file of a folder, or makes both.

        Args:
            folder: None: nothing is written to disk.

        Raises:
            UserError: The folder cannot be used.
        """
        self._kept: dict[str, dict[int, Result]] = {}
        self._used: dict[int, tuple[float, float, str]] = {}
        self._file = _open(folder)

    def __enter__(self) -> "Results":
        """Itself; leaving closes the file."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the file."""
        self._file.close()

    def of(self, run_id: str) -> Mapping[int, Result]:
        """The results of one training, by budget in updates; without `FAULTS`."""
        if run_id not in self._kept:
            rows = self._file.execute(FIND, (run_id,)).fetchall()
            found = {row["budget"]: _result(row) for row in rows}
            self._kept[run_id] = {
                budget: result
                for budget, result in found.items()
                if result.status not in FAULTS
            }
            for evaluation in {row["evaluation"] for row in rows}:
                self._count(evaluation)
        return self._kept[run_id]

    def add(self, job: Job, evaluation: Evaluation) -> None:
        """Stores an evaluation, in one transaction."""
        with self._file:
            number = self._file.execute(
                ADD,
                (
                    evaluation.job_id,
                    job.digest,
                    job.task.name,
                    job.budget,
                    job.seed,
                    job.to_json(),
                    evaluation.numerics,
                    evaluation.machine,
                    evaluation.compile_s,
                    evaluation.train_s,
                    evaluation.compiled,
                ),
            ).lastrowid
            self._file.executemany(
                ADD_RUN,
                [
                    (job.run_id(result.setting), job.budget, number, *_row(result))
                    for result in evaluation.results
                ],
            )
        for result in evaluation.results:
            run_id = job.run_id(result.setting)
            self._kept[run_id] = {**self.of(run_id), job.budget: result}
        self._count(int(number or 0))

    def spent(self) -> Spent:
        """What the evaluations took of which results were added or asked for."""
        used = list(self._used.values())
        return Spent(
            compile_s=sum(row[0] for row in used),
            train_s=sum(row[1] for row in used),
            numerics=tuple(sorted({row[2] for row in used if row[2]})),
        )

    def _count(self, evaluation: int) -> None:
        row = self._file.execute(
            "SELECT compile_s, train_s, numerics FROM evaluations WHERE id = ?",
            (evaluation,),
        ).fetchone()
        self._used[evaluation] = tuple(row)


def _open(folder: Path | None) -> sqlite3.Connection:
    """The file, with its tables."""
    name = ":memory:"
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise UserError(f"cannot use {folder} as a folder ({reason})") from None
        name = str(folder / FILE)
    try:
        return _connect(name)
    except sqlite3.Error as error:
        raise UserError(f"cannot use {name} for results ({error})") from None


def _connect(name: str) -> sqlite3.Connection:
    file = sqlite3.connect(name, timeout=60, isolation_level="IMMEDIATE")
    file.row_factory = sqlite3.Row
    try:
        _prepare(file, name)
    except (UserError, sqlite3.Error):
        file.close()
        raise
    return file


def _prepare(file: sqlite3.Connection, name: str) -> None:
    """Refuses a file that is something else; makes the tables of a new one."""
    marks = [_pragma(file, "application_id"), _pragma(file, "user_version")]
    if _pragma(file, "schema_version") and marks != [APPLICATION, FORMAT]:
        raise UserError(
            f"{name} is no file of results of this version (format {FORMAT}); "
            "name another folder"
        )
    file.execute("PRAGMA journal_mode = WAL")
    file.execute("PRAGMA synchronous = NORMAL")
    with file:
        file.execute("BEGIN IMMEDIATE")
        if not _pragma(file, "schema_version"):
            for statement in SCHEMA.split(";\n"):
                file.execute(statement)
            file.execute(f"PRAGMA application_id = {APPLICATION}")
            file.execute(f"PRAGMA user_version = {FORMAT}")


def _pragma(file: sqlite3.Connection, name: str) -> int:
    return int(file.execute(f"PRAGMA {name}").fetchone()[0])


def _row(result: Result) -> tuple[Any, ...]:
    """The columns of `runs` from `setting` on."""
    return (
        json.dumps(result.setting.to_dict(), sort_keys=True),
        result.status.value,
        result.best,
        result.test,
        result.updates,
        result.ended,
        result.width,
        result.num_params,
        json.dumps(result.curve, allow_nan=False),
    )


def _result(row: sqlite3.Row) -> Result:
    """A row of `runs` as a result."""
    return Result(
        setting=Setting.from_dict(json.loads(row["setting"])),
        status=Status(row["status"]),
        best=row["best"],
        test=row["test"],
        updates=row["updates"],
        ended=row["ended"],
        width=row["width"],
        num_params=row["num_params"],
        curve=tuple(Point(*point) for point in json.loads(row["curve"])),
    )
