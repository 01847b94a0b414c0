"""Results that are kept, so that no training is made twice; see `tables`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

from search.store.database import RESULTS_FILE, Database
from search.store.decode import (
    COUNT,
    DIGEST,
    FLAG,
    KEY,
    NUMBER,
    SECONDS,
    TEXT,
    TIME,
    Columns,
)
from search.store.opening import open_database
from search.store.reuse import Reused
from search.store.rows import (
    COLUMNS,
    CURVE,
    RESULT,
    TrainingRow,
    find_trainings,
    make_result,
    make_row,
    write,
)
from search.store.tables import RESULTS
from workers import Evaluation, Job, Result

FIND: Final = f"""
SELECT run_id, budget, {COLUMNS}, {{}} FROM runs
WHERE run_id IN ({{}}) AND budget <= ? ORDER BY run_id, budget
"""

SPENT: Final = """
SELECT (SELECT sum(compile_s) FROM evaluations WHERE numerics = words.id),
    (SELECT sum(train_s) FROM evaluations WHERE numerics = words.id), value
FROM words WHERE id IN (SELECT DISTINCT numerics FROM evaluations)
"""

BESTS: Final = """
SELECT lower(hex(c.digest)), coalesce(c.text, ''), json_extract(t.value, '$.name'),
    max(best)
FROM runs r JOIN evaluations e ON e.id = evaluation JOIN cells c ON c.id = cell
    JOIN tasks t ON t.id = task JOIN trainings a ON a.id = training
WHERE status = 'OK' AND best IS NOT NULL
    AND coalesce(json_extract(a.value, '$.schedule.name'), '') != 'filter'
GROUP BY c.id, t.id ORDER BY c.id, t.id
"""

TOOK: Final = """
SELECT compile_s, train_s, value FROM evaluations
JOIN words ON words.id = numerics WHERE evaluations.id = ?
"""

WORK: Final = """
SELECT json_extract(t.value, '$.name'),
    coalesce(json_extract(a.value, '$.schedule.name'), '') = 'filter', m.value,
    sum(jobs), sum(compile_s), sum(train_s), sum(compiled), min(first), max(last)
FROM (
    SELECT task, training, machine, min(id) AS id, count(*) AS jobs,
        sum(compile_s) AS compile_s, sum(train_s) AS train_s,
        sum(compiled) AS compiled, min(stored_at) AS first, max(stored_at) AS last
    FROM evaluations WHERE source IS NULL GROUP BY task, training, machine
) e JOIN tasks t ON t.id = task JOIN trainings a ON a.id = training
    JOIN words m ON m.id = machine
GROUP BY 1, 2, 3 ORDER BY min(e.id)
"""


FOUND: Final[Columns] = {"run_id": KEY, "budget": COUNT, **RESULT, **CURVE}
SECONDS_OF: Final[Columns] = {"compile_s": SECONDS, "train_s": SECONDS, "value": TEXT}
BEST_OF: Final[Columns] = {
    "digest": DIGEST,
    "text": TEXT,
    "task": TEXT,
    "best": NUMBER,
}
WORK_OF: Final[Columns] = {
    "task": TEXT,
    "filter": FLAG,
    "machine": TEXT,
    "evaluations": COUNT,
    "compile_s": SECONDS,
    "train_s": SECONDS,
    "compiled": COUNT,
    "first": TIME,
    "last": TIME,
}
"""What the queries give."""


class Spent(NamedTuple):
    """What evaluations took, in seconds, and in which numerics classes."""

    compile_s: float
    train_s: float
    numerics: tuple[str, ...]

    @staticmethod
    def total(evaluations: Sequence[tuple[float, float, str]]) -> "Spent":
        """The sum of what some took, and the classes that are known, sorted."""
        return Spent(
            compile_s=sum(row[0] for row in evaluations),
            train_s=sum(row[1] for row in evaluations),
            numerics=tuple(sorted({row[2] for row in evaluations if row[2]})),
        )


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


class Results:
    """The evaluations of a file.

    An evaluation is one transaction: a process that is killed loses nothing but the
    jobs that it was carrying out. Several processes may use a file at once.

    Args:
        file: That is open, with the tables of `RESULTS`.

    Attributes:
        reused: Other files, whose results `find` takes over.
    """

    def __init__(self, file: Database) -> None:
        self.reused = Reused(file)
        self._file = file

    @staticmethod
    def open(folder: Path | None) -> "Results":
        """Opens the file of a folder that is no run, or makes both.

        Args:
            folder: The folder; None: nothing is written to disk.

        Raises:
            UserError: The folder cannot be used.
        """
        path = None if folder is None else folder / RESULTS_FILE
        return Results(open_database(path, RESULTS))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file, and those that it takes results from."""
        self._file.close()
        self.reused.close()

    def find(
        self, run_ids: Sequence[str], budget: int, *, curves: bool = False
    ) -> dict[str, Result]:
        """What is known of trainings with a budget, faults included.

        Args:
            run_ids: Those asked for; the answer has those of them that are known.
            budget: In updates. A result with a smaller one counts if training was over
                by then, so that a larger one would change nothing.
            curves: Whether learning curves are wanted, too.
        """
        found = dict(self._find(run_ids, budget, curves))
        missing = [run_id for run_id in run_ids if run_id not in found]
        if missing and self.reused.take_over(missing):
            found.update(self._find(missing, budget, curves))
        return found

    def trainings(self, run_id: str) -> list[TrainingRow]:
        """All that the file has of a training, smaller budgets first, with curves."""
        return find_trainings(self._file, run_id)

    def add(self, job: Job, evaluation: Evaluation, *, curves: bool = True) -> int:
        """Stores an evaluation in one transaction; returns its number.

        Args:
            job: The job.
            evaluation: Its answer.
            curves: Whether learning curves are stored.

        Raises:
            StorageError: It could not be written.
        """
        with self._file.transaction():
            return self.write(job, evaluation, curves=curves)

    def write(self, job: Job, evaluation: Evaluation, *, curves: bool = True) -> int:
        """As `add`, within a transaction."""
        row = make_row(job, evaluation, known=self._file.ids("cells"))
        results = [(job.run_id(r.setting), job.budget, r) for r in evaluation.results]
        return write(self._file, row, results, curves=curves)

    def took(self, evaluation: int) -> tuple[float, float, str]:
        """Seconds of compilation, other seconds and numerics class of an evaluation."""
        [(compile_s, train_s, numerics)] = self._file.checked(
            "evaluations", SECONDS_OF, TOOK, (evaluation,)
        )
        return compile_s, train_s, numerics

    def spent(self) -> Spent:
        """What all evaluations took."""
        return Spent.total(self._file.checked("evaluations", SECONDS_OF, SPENT))

    def bests(self) -> list[tuple[str, str, str, float]]:
        """Digest and text of each cell, a task, and the best it reached there."""
        return self._file.checked("runs", BEST_OF, BESTS)

    def work(self) -> list[Work]:
        """What was carried out, by task and machine; not what was taken over."""
        rows = self._file.checked("evaluations", WORK_OF, WORK)
        return [Work(name, bool(tried), *rest) for name, tried, *rest in rows]

    def _find(
        self, run_ids: Sequence[str], budget: int, curves: bool
    ) -> Iterator[tuple[str, Result]]:
        keys = {bytes.fromhex(run_id): run_id for run_id in run_ids}
        query = FIND.format("curve" if curves else "NULL", ",".join("?" * len(keys)))
        rows = self._file.checked("runs", FOUND, query, (*keys, budget))
        for key, own, *columns in rows:
            result = make_result(self._file, key, own, *columns, curves=curves)
            if own == budget or result.over:
                yield keys[key], result
