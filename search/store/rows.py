"""Trainings and evaluations as they are stored; see `tables`."""

import sqlite3
import time
from collections.abc import Container, Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from cells import to_text
from search.errors import UserError
from search.store.database import Database
from search.store.decode import (
    COUNT,
    INT,
    KEY,
    NOTHING,
    NUMBER,
    SECONDS,
    TEXT,
    TIME,
    Columns,
    one_of,
    read_stored,
    wrong,
)
from search.store.json_text import read_json
from workers import (
    Evaluation,
    Job,
    JobError,
    Point,
    Result,
    Setting,
    Status,
    TaskSpec,
    Training,
    dumps,
)

FAULTS: Final = (Status.TIMEOUT, Status.CRASHED)
"""Ends that say more of the machine than of the cell: kept, but tried again later."""

UNREADABLE: Final = (UserError, sqlite3.Error, ValueError, LookupError, TypeError)
"""What comes of rows on damaged pages."""

COLUMNS: Final = "setting, status, best, test, updates, ended, width, num_params, seal"
"""What `make_result` takes of `runs`, besides key, budget and curve."""

FIND: Final = f"SELECT budget, evaluation, {COLUMNS}, curve FROM runs WHERE run_id = ?"

FIND_EVALUATION: Final = """
SELECT digest, text, t.value, a.value, budget, seed, compile_s, train_s, compiled,
    n.value, m.value, stored_at
FROM evaluations e JOIN cells c ON c.id = cell JOIN tasks t ON t.id = task
    JOIN trainings a ON a.id = training JOIN words n ON n.id = numerics
    JOIN words m ON m.id = machine
WHERE e.id = ?
"""

ADD_EVALUATION: Final = """
INSERT INTO evaluations (cell, task, training, budget, seed, compile_s, train_s,
    compiled, numerics, machine, source, stored_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

ADD_TRAINING: Final = """
INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


RESULT: Final[Columns] = {
    "setting": INT,
    "status": one_of(*Status),
    "best": NUMBER | NOTHING,
    "test": NUMBER | NOTHING,
    "updates": COUNT,
    "ended": INT,
    "width": COUNT,
    "num_params": COUNT,
    "seal": KEY,
}
CURVE: Final[Columns] = {"curve": TEXT | NOTHING}
TRAINING: Final[Columns] = {"budget": COUNT, "evaluation": INT, **RESULT, **CURVE}
EVALUATION: Final[Columns] = {
    "digest": KEY,
    "text": TEXT | NOTHING,
    "task": TEXT,
    "training": TEXT,
    "budget": COUNT,
    "seed": INT,
    "compile_s": SECONDS,
    "train_s": SECONDS,
    "compiled": COUNT,
    "numerics": TEXT,
    "machine": TEXT,
    "stored_at": TIME,
}


class TrainingRow(NamedTuple):
    """A training of a setting as it is stored.

    Attributes:
        budget: Most updates.
        evaluation: Number of the evaluation that it was part of.
        result: What it came to.
    """

    budget: int
    evaluation: int
    result: Result


class EvaluationRow(NamedTuple):
    """An evaluation as it is stored, apart from its results, in plain values.

    Attributes:
        digest: Of the cell.
        text: Of the cell; None: it is stored already, or not known.
        task: JSON of what decides its data.
        training: JSON of what differs from the plain training.
        budget: Most updates.
        seed: Of the job.
        compile_s: Seconds of compilation.
        train_s: Other seconds.
        compiled: Programs.
        numerics: Key of the numerics class.
        machine: Name of the machine.
        stored_at: In Unix seconds.
    """

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


def find_trainings(file: Database, run_id: str) -> list[TrainingRow]:
    """What a file has of a training, smaller budgets first, with curves."""
    key = bytes.fromhex(run_id)
    return [
        TrainingRow(budget, evaluation, make_result(file, key, budget, *columns))
        for budget, evaluation, *columns in file.checked("runs", TRAINING, FIND, (key,))
    ]


def find_evaluation(file: Database, number: int) -> EvaluationRow:
    """An evaluation by its number.

    Raises:
        ValueError: The file, damaged, has no such evaluation.
    """
    [row] = file.checked("evaluations", EVALUATION, FIND_EVALUATION, (number,))
    return EvaluationRow(*row)


def make_row(
    job: Job, evaluation: Evaluation, known: Container[bytes]
) -> EvaluationRow:
    """An evaluation apart from its results.

    Args:
        job: The job.
        evaluation: Its answer.
        known: Digests of cells whose text is stored, and need not be made.
    """
    digest = bytes.fromhex(job.digest)
    return EvaluationRow(
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


def write(
    file: Database,
    row: EvaluationRow,
    trainings: Iterable[tuple[str, int, Result]],
    *,
    source: str | None = None,
    curves: bool = True,
) -> int:
    """Stores an evaluation, within a transaction; returns its number.

    Args:
        file: Where.
        row: The evaluation.
        trainings: Run id, budget and result of each setting.
        source: File that it is taken over from; None: it was made here.
        curves: Whether learning curves are stored.
    """
    # What recurs is a number here, and is put into a table of its own if it is new.
    values = (
        cell_number(file, row.digest, row.text),
        file.number("tasks", row.task),
        file.number("trainings", row.training),
        row.budget,
        row.seed,
        row.compile_s,
        row.train_s,
        row.compiled,
        file.number("words", row.numerics),
        file.number("words", row.machine),
        None if source is None else file.number("words", source),
        row.stored_at,
    )
    number = int(file.execute(ADD_EVALUATION, values).lastrowid or 0)
    rows = [
        _columns(file, bytes.fromhex(run_id), budget, number, result, curves)
        for run_id, budget, result in trainings
    ]
    file.executemany(ADD_TRAINING, rows)
    return number


def cell_number(
    file: Database, digest: str | bytes, text: str | None = None
) -> int | None:
    """The id of a cell, which is put into `cells` if new; None without a digest."""
    if not digest:
        return None
    key = bytes.fromhex(digest) if isinstance(digest, str) else digest
    ids = file.ids("cells")
    if key in ids:
        return ids[key]

    # A cell that was first met as a parent has no text until somebody brings it.
    query = "SELECT id, text FROM cells WHERE digest = ?"
    number, old = file.execute(query, (key,)).fetchone() or (None, None)
    if number is None:
        add = "INSERT INTO cells (digest, text) VALUES (?, ?)"
        number = int(file.execute(add, (key, text)).lastrowid or 0)
    elif old is None and text is not None:
        file.execute("UPDATE cells SET text = ? WHERE id = ?", (text, number))
    if old is not None or text is not None:
        ids[key] = number
    return int(number)


def make_result(
    file: Database,
    key: bytes,
    budget: int,
    setting: int,
    status: str,
    best: float | None,
    test: float | None,
    updates: int,
    ended: int,
    width: int,
    num_params: int,
    seal: bytes,
    curve: str | None,
    *,
    curves: bool = True,
) -> Result:
    """A result from the columns of `runs`; `curves`: whether that of curves was read.

    Raises:
        UserError: The file, damaged, has no such setting or word, or no such curve; or
            what it has is not what was stored.
    """
    words = file.value("words", ended)
    stored = file.value("settings", setting)
    values = (stored, status, best, test, updates, words, width, num_params)
    own = seal_of(key, budget, values, curve)
    sealed = slice(None) if curves else slice(8)  # half of it is the curve's
    if own[sealed] != seal[sealed]:
        raise wrong(file.path, "runs", f"the result of {key.hex()} is not as stored")
    return Result(
        setting=_stored_setting(file, setting, stored),
        status=Status(status),
        best=best,
        updates=updates,
        ended=words,
        curve=_curve(file, curve) if curve else (),
        width=width,
        num_params=num_params,
        test=test,
    )


def _columns(
    file: Database, key: bytes, budget: int, number: int, result: Result, curves: bool
) -> tuple[Any, ...]:
    """A row of `runs`."""
    setting, status, words = result.setting.text, result.status.value, result.ended
    best, test = (None if v is None else float(v) for v in (result.best, result.test))
    sizes = (result.width, result.num_params)
    values = (setting, status, best, test, result.updates, words, *sizes)
    curve = dumps(result.curve) if curves and result.curve else None
    return (
        key,
        budget,
        number,
        file.number("settings", setting),
        status,
        best,
        test,
        result.updates,
        file.number("words", words),
        *sizes,
        curve,
        seal_of(key, budget, values, curve),
    )


def seal_of(
    key: bytes, budget: int, values: tuple[Any, ...], curve: str | None
) -> bytes:
    """A digest of a row of `runs`, half of it of the curve: no edit goes unnoticed."""
    row = repr((key, budget, *values)).encode()
    return _half(row) + (_half(curve.encode()) if curve else _NO_CURVE)


def _half(data: bytes) -> bytes:
    return blake2b(data, digest_size=8).digest()


_NO_CURVE: Final = _half(b"")


@lru_cache(maxsize=64)
def _task_text(task: TaskSpec) -> str:
    return dumps(task.identity)


@lru_cache(maxsize=64)
def _training_text(training: Training) -> str:
    return dumps(training.to_dict())


def _stored_setting(file: Database, number: int, text: str) -> Setting:
    """A setting by its id and text."""
    try:
        return read_setting(text)
    except (JobError, TypeError, ValueError) as error:
        what = f"value of {number} is no setting ({error})"
        raise wrong(file.path, "settings", what) from None


@lru_cache(maxsize=10_000)
def read_setting(text: str) -> Setting:
    """A setting from its text; raises one of several errors if it is none."""
    values = read_json(text)
    if not isinstance(values, dict):
        raise TypeError("it is no table")
    for key, kind in _SETTING.items():
        if key in values and not kind.fits(values[key]):
            raise TypeError(f"{key} must be {kind.words}")
    return Setting.from_dict(values)


_SETTING: Final = {
    "scale": NUMBER,
    "rate": NUMBER,
    "clip": NUMBER,
    "dropout": NUMBER,
    "num_layers": COUNT,
    "parameters": COUNT,
    "constant_epochs": COUNT | NOTHING,
    "decay": NUMBER | NOTHING,
    "optimizer": TEXT,
}


def _curve(file: Database, text: str) -> tuple[Point, ...]:
    points = read_stored(file.path, "runs", "curve", text)
    if not isinstance(points, list) or not all(map(_is_point, points)):
        raise wrong(file.path, "runs", "curve is no list of points")
    return tuple(Point(*point) for point in points)


def _is_point(value: Any) -> bool:
    """Four numbers; a loss may be anything that training makes of it."""
    return (
        isinstance(value, list)
        and len(value) == len(Point._fields)
        and COUNT.fits(value[0])
        and all(type(one) in (int, float) for one in value)
    )
