"""The trainings that cells are scored by: kept in a file, and in memory while used."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from search.store.results import Results, Spent
from search.store.rows import FAULTS
from workers import Evaluation, Job, Result


class Ledger:
    """What is known of trainings, each read from the file but once.

    Faults of the machine that an earlier process met are tried again; one that this
    process meets stands.

    Args:
        results: Where all is stored.
    """

    def __init__(self, results: Results) -> None:
        self._results = results
        self._known: dict[str, dict[int, Result]] = {}
        self._took: dict[int, tuple[float, float, str]] = {}

    @staticmethod
    def open(folder: Path | None) -> "Ledger":
        """That of a folder, which is made if need be; None: nothing is written to disk.

        Raises:
            UserError: The folder cannot be used.
        """
        return Ledger(Results.open(folder))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._results.close()

    def trainings(self, run_id: str) -> Mapping[int, Result]:
        """The results of one training, by budget in updates."""
        if run_id not in self._known:
            rows = self._results.trainings(run_id)
            self._known[run_id] = {
                row.budget: row.result
                for row in rows
                if row.result.status not in FAULTS
            }
            for row in rows:
                self._count(row.evaluation)
        return self._known[run_id]

    def add(self, job: Job, evaluation: Evaluation) -> None:
        """Stores an evaluation in one transaction.

        Raises:
            StorageError: It could not be written.
        """
        number = self._results.add(job, evaluation)
        for result in evaluation.results:
            run_id = job.run_id(result.setting)
            self._known[run_id] = {**self.trainings(run_id), job.budget: result}
        self._count(number)

    def spent(self) -> Spent:
        """What the evaluations took whose results were added or asked for."""
        return Spent.total(list(self._took.values()))

    def _count(self, evaluation: int) -> None:
        if evaluation not in self._took:
            self._took[evaluation] = self._results.took(evaluation)
