"""One SQLite file that is open: written in transactions, its errors a line each."""

import contextlib
import json
import shlex
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from search.errors import UserError
from search.store.decode import Columns, all_checked, metadata_value, wrong

RUN_FILE: Final = "search.db"
RESULTS_FILE: Final = "results.db"
"""What a run is kept in, and cells that are scored without one."""

_DISK: Final = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
)
"""What SQLite says when the disk does not take or give what is asked for."""

MOST_S: Final = 20.0
MOST_BYTES: Final = 1 << 26
"""Of a query in a file that is only read: seconds of processor, bytes of a value."""

_BETWEEN: Final = 100_000
"""Steps of SQLite between two looks at the clock."""

_IDS: Final = 10_000
"""Ids that are kept in memory, a table."""


class StorageError(UserError):
    """The disk does not take what is to be written; what was committed is kept."""


class Database:
    """A file that is open, with its mistakes as one line each.

    Args:
        connection: In autocommit mode; it is closed with this.
        path: See below.

    Attributes:
        path: The file; None: memory.
        new: Whether nothing is committed in it as yet.
        execute: As of `sqlite3.Connection`, within `errors` or `transaction`.
        executemany: The same.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path | None) -> None:
        self.path = path
        self.new = False
        self.execute = connection.execute
        self._began = 0.0
        self.executemany = connection.executemany
        self._connection = connection
        self._ids: dict[str, dict[Any, int]] = {}  # by table
        self._values: dict[str, dict[int, str]] = {}  # by table

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is executed inside is committed together, or nothing of it.

        Raises:
            StorageError: It could not be written.
        """
        with self.errors():
            try:
                self.execute("BEGIN IMMEDIATE")
                yield
                self.execute("COMMIT")
            except BaseException:
                # Some of these are ids of rows that are not there now.
                self._ids.clear()
                self._values.clear()
                with contextlib.suppress(sqlite3.Error):
                    self.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Turns what SQLite finds wrong with the file into one line for a person."""
        try:
            yield
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):  # ours
            raise
        except sqlite3.DatabaseError as error:
            raise explained(error, self.path, new=self.new) from None

    def limit(self) -> None:
        """Bounds what a query costs: the file may be a stranger's.

        Seconds are this thread's own on a processor, so that a slow disk is no reason.
        """
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)

        def late() -> bool:
            return time.thread_time() - self._began > MOST_S

        self._began = time.thread_time()
        self._connection.set_progress_handler(late, _BETWEEN)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        self._began = time.thread_time()
        try:
            return self.execute(sql, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise explained(error, self.path) from None

    def checked(
        self, table: str, columns: Columns, sql: str, values: Sequence[Any] = ()
    ) -> list[tuple[Any, ...]]:
        """All rows of a query, of which each value is of the kind that it must be.

        Args:
            table: What the rows are of, as a person may look it up.
            columns: What the query gives, in order.
            sql: The query.
            values: Of its parameters.

        Raises:
            UserError: One is not.
        """
        return all_checked(self.path, table, columns, self.rows(sql, values))

    def number(self, table: str, value: str) -> int:
        """The id of a value in a table of `id` and `value`, where it is put if new."""
        ids = self._ids.get(table, {})
        if value not in ids:
            ids = self.ids(table)
            self.execute(f"INSERT OR IGNORE INTO {table} (value) VALUES (?)", (value,))
            query = f"SELECT id FROM {table} WHERE value = ?"
            ids[value] = self.execute(query, (value,)).fetchone()[0]
        return ids[value]

    def ids(self, table: str) -> dict[Any, int]:
        """Ids of rows of a table that are kept in memory until they are too many."""
        ids = self._ids.setdefault(table, {})
        if len(ids) >= _IDS:
            ids.clear()
        return ids

    def value(self, table: str, number: int) -> str:
        """The reverse of `number`.

        Raises:
            UserError: The table, damaged, has no such id.
        """
        values = self._values.setdefault(table, {})
        if number not in values:
            if len(values) >= _IDS:
                values.clear()
            rows = self.rows(f"SELECT value FROM {table} WHERE id = ?", (number,))
            if not rows or not isinstance(rows[0][0], str):
                raise wrong(self.path, table, f"there is no text {number}")
            values[number] = rows[0][0]
        return values[number]

    def get(self, key: str, default: Any = None) -> Any:
        """A JSON value of `metadata`."""
        rows = self.rows("SELECT value FROM metadata WHERE key = ?", (key,))
        return metadata_value(self.path, key, rows[0][0]) if rows else default

    def set(self, values: Mapping[str, Any]) -> None:
        """Sets JSON values of `metadata`, within a transaction."""
        rows = [(key, json.dumps(value)) for key, value in values.items()]
        self.executemany("INSERT OR REPLACE INTO metadata VALUES (?, ?)", rows)

    def checkpoint(self) -> None:
        """Moves what is committed from the log beside the file into it, if it can.

        Nothing is lost if not: the next commit says what is wrong with the disk.
        """
        with contextlib.suppress(sqlite3.Error):
            self.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()


def explained(
    error: sqlite3.Error, path: Path | None, *, new: bool = False
) -> UserError:
    """What SQLite found wrong, as one line that says what to do."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code == sqlite3.SQLITE_CORRUPT:
        return UserError(damaged(path, str(error)))
    if code == sqlite3.SQLITE_NOTADB:
        return UserError(f"{path} is no file of cellsearch ({error}); name another")
    if code == sqlite3.SQLITE_INTERRUPT:
        return UserError(f"{path} cannot be read: a query took over {MOST_S:.0f} s")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StorageError(f"{path} is in use by another process ({error})")
    if code not in _DISK:
        return UserError(f"cannot use {path} ({error})")
    again = "the same command goes on: what was stored is kept"
    if new:
        again = "the same command begins: nothing is stored yet"
    elif path and path.name == RUN_FILE:
        folder = shlex.quote(str(path.parent))
        again = f"`cellsearch resume {folder}` goes on: what was stored is kept"
    return StorageError(
        f"cannot read or write {path} ({error}); once there is room and permission, "
        f"{again}"
    )


def damaged(path: Path | None, reason: str) -> str:
    """What is said of a file of which pages are missing or wrong."""
    remedy = "name another folder"
    if path and path.name == RUN_FILE:
        remedy = (
            f"`cellsearch run --reuse {shlex.quote(str(path.parent))} --out NEW` saves "
            "what can still be read"
        )
    return f"{path} is damaged ({reason}); {remedy}"
