"""Results of other runs, which are taken over instead of training again."""

from collections.abc import Sequence
from pathlib import Path

from search.errors import UserError
from search.store.database import RESULTS_FILE, RUN_FILE, Database
from search.store.opening import read_database
from search.store.rows import (
    FAULTS,
    UNREADABLE,
    TrainingRow,
    find_evaluation,
    find_trainings,
    write,
)
from workers import Result


class Reused:
    """Other files whose results a file takes over.

    They are copied when they are first asked for, so that the file is complete without
    the others, and with no seconds, for they took none here. Faults are not taken over.
    Of a damaged file, rows that can be read are.

    Args:
        file: That takes over; others are added.
    """

    def __init__(self, file: Database) -> None:
        self._file = file
        self._sources: list[tuple[Database, str | None]] = []

    def add(self, path: Path, numerics: str | None = None) -> None:
        """Takes over what another file knows, from now on.

        Args:
            path: A run folder, one of `cellsearch evaluate`, or a file of either.
            numerics: Key of the numerics class whose results are taken; None: of any.

        Raises:
            UserError: There is no such file, or it is of another format.
        """
        self._sources.append((read_database(_file_of(path), partly=True), numerics))

    def take_over(self, run_ids: Sequence[str]) -> bool:
        """Copies what other files know of trainings; returns whether that was any."""
        taken = [
            self._take_over(source, numerics, run_ids)
            for source, numerics in self._sources
        ]
        return any(taken)

    def close(self) -> None:
        """Closes the other files."""
        for source, _ in self._sources:
            source.close()

    def _take_over(
        self, source: Database, numerics: str | None, run_ids: Sequence[str]
    ) -> bool:
        # Trainings of one evaluation stay together, as its seconds are counted once.
        missing: dict[int, list[tuple[str, int, Result]]] = {}
        for run_id in run_ids:
            for row in self._missing(source, run_id):
                trainings = missing.setdefault(row.evaluation, [])
                trainings.append((run_id, row.budget, row.result))

        any_taken = False
        for number, trainings in missing.items():
            try:
                evaluation = find_evaluation(source, number)
            except UNREADABLE:
                continue
            if numerics in (None, evaluation.numerics):
                own = evaluation._replace(compile_s=0.0, train_s=0.0)
                with self._file.transaction():
                    write(self._file, own, trainings, source=str(source.path))
                any_taken = True
        return any_taken

    def _missing(self, source: Database, run_id: str) -> list[TrainingRow]:
        """What another file knows of a training and this one does not."""
        query = "SELECT budget FROM runs WHERE run_id = ?"
        own = {row[0] for row in self._file.rows(query, (bytes.fromhex(run_id),))}
        try:
            rows = find_trainings(source, run_id)
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
        path: See `Reused.add`.

    Raises:
        UserError: There is no such file, or it is of another format.
    """
    file = read_database(_file_of(path), partly=True)
    query = "SELECT DISTINCT value FROM evaluations JOIN words ON words.id = numerics"
    try:
        return {name for (name,) in file.rows(query) if name and isinstance(name, str)}
    except UNREADABLE:
        return set()
    finally:
        file.close()


def _file_of(path: Path) -> Path:
    """The file of results that a path means."""
    if path.is_file():
        return path
    for name in (RUN_FILE, RESULTS_FILE):
        if (path / name).is_file():
            return path / name
    raise UserError(
        f"{path} has no results: neither {RUN_FILE} nor {RESULTS_FILE} is there"
    )
