"""One SQLite file: how it is opened, written, checked and refused.

Each file says what it is: `application_id` is `APPLICATION`, `user_version` is its
format, and `metadata` holds the version of cellsearch that made it. The table
`metadata` is the same in all formats. A version of cellsearch reads its own format and,
if it can, earlier ones; it refuses any other in one line which says what reads it.
"""

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from search.errors import UserError
from search.store.locks import on_network, read_mounts
from workers import installed

APPLICATION: Final = 0x63656C6C  # "cell"
FORMAT: Final = 2
EARLIER: Final = {1: "only unreleased versions before 0.1.0"}
"""Formats that are not read any more, and what reads them."""

RUN_FILE: Final = "search.db"
RESULTS_FILE: Final = "results.db"
"""What a run is kept in, and cells that are scored without one."""

CACHE_KB: Final = 32_768

BASE: Final = """
CREATE TABLE metadata (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL  -- JSON
) WITHOUT ROWID;
CREATE TABLE words (  -- texts that recur
    id    INTEGER PRIMARY KEY,
    value TEXT NOT NULL UNIQUE
);
"""

_DISK: Final = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
)
"""What SQLite says when the disk does not take or give what is asked for."""

_IDS: Final = 10_000
"""Ids that are kept in memory, a table."""


class StorageError(UserError):
    """The disk does not take what is to be written; what was committed is kept."""


class EmptyError(UserError):
    """There is a file, but nothing was begun in it."""


class Database:
    """A file that is open, with its mistakes as one line each.

    Args:
        connection: In autocommit mode; it is closed with this.
        path: See below.

    Attributes:
        path: The file; None: memory.
        execute: As of `sqlite3.Connection`, within `errors` or `transaction`.
        executemany: The same.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path | None) -> None:
        self.path = path
        self.execute = connection.execute
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
            raise explained(error, self.path) from None

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        try:
            return self.execute(sql, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise explained(error, self.path) from None

    def number(self, table: str, value: str) -> int:
        """The id of a value in a table of `id` and `value`, where it is put if new."""
        ids = self.ids(table)
        if value not in ids:
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
            KeyError: The table, damaged, has no such id.
        """
        values = self._values.setdefault(table, {})
        if number not in values:
            if len(values) >= _IDS:
                values.clear()
            rows = self.rows(f"SELECT value FROM {table} WHERE id = ?", (number,))
            if not rows:
                raise KeyError(f"{table} has no {number}")
            values[number] = rows[0][0]
        return values[number]

    def get(self, key: str, default: Any = None) -> Any:
        """A JSON value of `metadata`."""
        rows = self.rows("SELECT value FROM metadata WHERE key = ?", (key,))
        return json.loads(rows[0][0]) if rows else default

    def set(self, values: Mapping[str, Any]) -> None:
        """Sets JSON values of `metadata`, within a transaction."""
        rows = [(key, json.dumps(value)) for key, value in values.items()]
        self.executemany("INSERT OR REPLACE INTO metadata VALUES (?, ?)", rows)

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()


def open_database(
    path: Path | None, schema: str, metadata: Mapping[str, Any] | None = None
) -> Database:
    """Opens a file to write in, or makes it, and checks all of it.

    Args:
        path: None: memory.
        schema: Statements that make the tables of a new file, besides `BASE`.
        metadata: JSON values that a new file begins with.

    Raises:
        UserError: It is damaged, something else or of another format.
        StorageError: The folder takes no file.
    """
    if path is not None:
        _make_folder(path.parent)
    file = _connect(str(path or ":memory:"), path)
    try:
        # A file without a schema is a new one, or one whose process was killed at once.
        with file.errors():
            if _pragma(file, "schema_version"):
                _check_format(file)
                _check_pages(file)
            _set_journal(file)

        # Another process may have made it meanwhile; to set the format is to write, so
        # that a file that cannot be written is refused here.
        with file.transaction():
            if not _pragma(file, "schema_version"):
                _make(file, schema, metadata or {})
            file.execute(f"PRAGMA user_version = {FORMAT}")
            file.execute(f"PRAGMA cache_size = -{CACHE_KB}")
    except BaseException:
        file.close()
        raise
    return file


def read_database(path: Path, *, damaged: bool = False) -> Database:
    """Opens a file to read, while others may write, in a folder that may be read-only.

    Args:
        path: The file.
        damaged: Whether pages may be missing or wrong: what can be read is read, and
            the rest are errors of single rows.

    Raises:
        EmptyError: Nothing was begun in it.
        UserError: It cannot be read, is something else or of another format.
    """
    try:
        return _read(path, "mode=ro", damaged)
    except StorageError:  # WAL needs files beside it, which a read-only folder refuses
        if path.with_name(f"{path.name}-wal").exists():
            raise
        return _read(path, "mode=ro&immutable=1", damaged)


def _read(path: Path, mode: str, damaged: bool) -> Database:
    file = _connect(f"{path.absolute().as_uri()}?{mode}", path)
    try:
        with file.errors():
            if damaged:  # else SQLite refuses every row of a file that is cut off
                file.execute("PRAGMA writable_schema = ON")
            if not _pragma(file, "schema_version"):
                raise EmptyError(f"{path} is empty: nothing was begun there")
            _check_format(file)
    except BaseException:
        file.close()
        raise
    return file


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UserError(f"cannot use {folder} as a folder ({reason})") from None


def _connect(name: str, path: Path | None) -> Database:
    try:
        connection = sqlite3.connect(
            name, timeout=60, isolation_level=None, uri=name.startswith("file:")
        )
        connection.execute("PRAGMA trusted_schema = OFF")  # it may be a stranger's
    except sqlite3.Error as error:
        raise explained(error, path) from None
    return Database(connection, path)


def _make(file: Database, schema: str, metadata: Mapping[str, Any]) -> None:
    """Makes the tables of a new file."""
    for statement in (BASE + schema).split(";\n"):
        file.execute(statement)
    file.execute(f"PRAGMA application_id = {APPLICATION}")
    file.set({**metadata, "version": _version()})


def _check_format(file: Database) -> None:
    """Refuses a file that is something else, or of a format that is not read."""
    if _pragma(file, "application_id") != APPLICATION:
        raise UserError(f"{file.path} was not made by cellsearch; name another folder")
    own = _pragma(file, "user_version")
    if own == FORMAT:
        return
    reads = EARLIER.get(own)
    if reads is None:
        reads = f"cellsearch {file.get('version', 'of a later version')} or later"
    raise UserError(
        f"{file.path} is of format {own}, which {reads} can read; this is cellsearch "
        f"{_version()}, which reads format {FORMAT}"
    )


def _check_pages(file: Database) -> None:
    """Refuses a file of which SQLite finds something wrong, looking at every page."""
    [(verdict,)] = file.execute("PRAGMA quick_check(1)").fetchall()
    if verdict != "ok":
        raise UserError(_damaged(file.path, " ".join(verdict.split())))


def _set_journal(file: Database) -> None:
    """WAL, or a rollback journal where other machines may share the folder."""
    if file.path is None:
        return
    shared = on_network(file.path.parent.resolve(), read_mounts())
    mode = "DELETE" if shared else "WAL"
    [(mode,)] = file.execute(f"PRAGMA journal_mode = {mode}").fetchall()
    file.execute(f"PRAGMA synchronous = {'NORMAL' if mode == 'wal' else 'FULL'}")


def explained(error: sqlite3.Error, path: Path | None) -> UserError:
    """What SQLite found wrong, as one line that says what to do."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code == sqlite3.SQLITE_CORRUPT:
        return UserError(_damaged(path, str(error)))
    if code == sqlite3.SQLITE_NOTADB:
        return UserError(f"{path} is no file of cellsearch ({error}); name another")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StorageError(f"{path} is in use by another process ({error})")
    if code not in _DISK:
        return UserError(f"cannot use {path} ({error})")
    again = "the same command"
    if path and path.name == RUN_FILE:
        again = f"`cellsearch resume {path.parent}`"
    return StorageError(
        f"cannot read or write {path} ({error}); once there is room and permission, "
        f"{again} goes on: what was stored is kept"
    )


def _damaged(path: Path | None, reason: str) -> str:
    remedy = "name another folder"
    if path and path.name == RUN_FILE:
        remedy = (
            f"`cellsearch run --reuse {path.parent} --out NEW` saves what can still be "
            "read"
        )
    return f"{path} is damaged ({reason}); {remedy}"


def _pragma(file: Database, name: str) -> int:
    return int(file.execute(f"PRAGMA {name}").fetchone()[0])


def _version() -> str:
    return installed("cellsearch") or "(not installed)"
