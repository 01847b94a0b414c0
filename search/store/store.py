"""All that a run keeps, in one file of its folder."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from cells import unknown_name
from search.errors import UserError
from search.store.database import RUN_FILE, Database
from search.store.history import History
from search.store.opening import EmptyError, open_database, read_database
from search.store.results import Results
from search.store.snapshots import Snapshot, Snapshots
from search.store.tables import RUN, VIEWS
from workers import Evaluation, Job


class Store:
    """All that a run keeps: `results` and `history`, in one file of its folder.

    One process writes at a time, which holds `RunLock`; any number read meanwhile.

    Args:
        file: That `create`, `open` or `read` opened; it is closed with this.

    Attributes:
        results: What was trained.
        history: What was decided and issued.
        snapshots: Where the search stood.
    """

    def __init__(self, file: Database) -> None:
        self.results = Results(file)
        self.history = History(file)
        self.snapshots = Snapshots(file)
        self._file = file

    @staticmethod
    def create(folder: Path, metadata: Mapping[str, Any]) -> "Store":
        """Makes the file of a new run, and its folder.

        Args:
            folder: The run.
            metadata: JSON values that are there from the beginning.

        Raises:
            UserError: There is a run already, or the folder takes no file.
        """
        if holds_run(folder):
            raise UserError(
                f"{folder} holds a run already; `cellsearch resume "
                f"{shlex.quote(str(folder))}` goes on with it, or name another folder"
            )
        return Store(open_database(folder / RUN_FILE, RUN, metadata))

    @staticmethod
    def open(folder: Path) -> "Store":
        """Opens a run to go on with it, and checks all of its file.

        Raises:
            UserError: There is no run, or it is damaged or of another format.
        """
        return Store(open_database(_run_file(folder), RUN))

    @staticmethod
    def read(folder: Path) -> "Store":
        """Opens a run to read in it, whether or not another process goes on with it.

        Raises:
            UserError: There is no run, or it is damaged or of another format.
        """
        return Store(read_database(_run_file(folder)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file; what the history has not written is lost."""
        self.results.close()

    def freeze(self) -> None:
        """Has all that is read from now on be of one moment, whoever writes."""
        self._file.execute("BEGIN")

    def checkpoint(self) -> None:
        """Has a copy of the file alone hold what is committed, as far as it can be."""
        self._file.checkpoint()

    def view(self, name: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Columns and rows of a view.

        Args:
            name: One of `search.store.tables.VIEWS`.

        Raises:
            UserError: There is no such view.
        """
        if name not in VIEWS:
            raise UserError(unknown_name("view", name, VIEWS))
        with self._file.errors():
            cursor = self._file.execute(VIEWS[name])  # the file's may be anything
            return [column[0] for column in cursor.description], cursor.fetchall()

    def commit(
        self,
        *answers: tuple[Job, Evaluation],
        curves: bool = False,
        snapshot: Snapshot | None = None,
    ) -> None:
        """Stores evaluations and what the history waits to write, together.

        Args:
            answers: Jobs, and what they came to; see `Results.add`.
            curves: The same.
            snapshot: Of the search before it hears of the evaluations, if it is time.

        Raises:
            StorageError: Nothing of it was written, and the history still waits.
        """
        with self._file.transaction():
            self.history.write()
            for job, evaluation in answers:
                self.results.write(job, evaluation, curves=curves)
            if snapshot is not None:
                self.snapshots.write(snapshot)
        self.history.written()

    def keep(self, snapshot: Snapshot) -> None:
        """Stores a snapshot and what the history waits to write, together."""
        with self._file.transaction():
            self.history.write()
            self.snapshots.write(snapshot)
        self.history.written()


def holds_run(folder: Path) -> bool:
    """Whether a folder holds a run, though perhaps a damaged one."""
    path = folder / RUN_FILE
    try:
        if not path.is_file() or not path.stat().st_size:
            return False
        read_database(path).close()
    except EmptyError:  # a process was killed as it began
        return False
    except UserError:
        return True
    except OSError as error:
        raise UserError(f"cannot look into {folder} ({error.strerror})") from None
    return True


def _run_file(folder: Path) -> Path:
    path = folder / RUN_FILE
    try:
        there = path.is_file()
        if there and path.stat().st_size:
            return path
    except OSError as error:
        raise UserError(f"cannot look into {folder} ({error.strerror})") from None
    begin = f"`cellsearch run --out {shlex.quote(str(folder))}` begins one"
    if there:
        raise UserError(f"{path} is empty: no run was begun there; {begin}")
    beside = folder.absolute().parent.glob(f"*/{RUN_FILE}")
    near = sorted(
        file.parent.name for file in beside if file.parent.name != folder.name
    )
    if near:
        raise UserError(unknown_name("run", folder.name, near) + f" in {folder.parent}")
    what = "holds no run" if folder.is_dir() else "is no folder"
    raise UserError(f"{folder} {what}; {begin}")
