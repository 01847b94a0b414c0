"""How the SQLite file of a run is opened, made, checked and refused.

Each file says what it is: `application_id` is `APPLICATION`, `user_version` is its
format, and `metadata` holds the version of cellsearch that made it. The table
`metadata` is the same in all formats. A version of cellsearch reads its own format and,
if it can, earlier ones; it refuses any other in one line which says what reads it.
"""

import contextlib
import functools
import re
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from search.errors import UserError
from search.store.database import Database, StorageError, damaged, explained
from search.store.decode import wrong
from search.store.locks import on_network, read_mounts
from search.store.tables import MATES, PROPOSERS, RUN, SNAPSHOTS
from workers import installed

APPLICATION: Final = 0x63656C6C  # "cell"
FORMAT: Final = 3
EARLIER: Final = dict.fromkeys((1, 2), "only unreleased versions before 0.1.0")
"""Formats that are not read any more, and what reads them."""

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


class EmptyError(UserError):
    """There is a file, but nothing was begun in it."""


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
        if path.is_symlink():  # it may lead to a file of somebody else's
            raise UserError(
                f"{path} is a link, which is only read: open the folder it leads to, "
                "or name another folder"
            )
    file = _connect(str(path or ":memory:"), path)
    file.new = path is not None and not (path.exists() and path.stat().st_size)
    try:
        # A file without a schema is a new one, or one whose process was killed at once.
        with file.errors():
            file.new = not _pragma(file, "schema_version")
            if not file.new:
                _check_format(file)
                _check_schema(file)
                _check_pages(file)
            _set_journal(file)

        # Another process may have made it meanwhile; to set the format is to write, so
        # that a file that cannot be written is refused here.
        with file.transaction():
            if not _pragma(file, "schema_version"):
                _make(file, schema, metadata or {})
            file.execute(f"PRAGMA user_version = {FORMAT}")
            file.execute(f"PRAGMA cache_size = -{CACHE_KB}")
        file.new = False
    except BaseException:
        file.close()
        raise
    return file


def read_database(path: Path, *, partly: bool = False) -> Database:
    """Opens a file to read, while others may write, in a folder that may be read-only.

    Args:
        path: The file.
        partly: Whether pages may be missing or wrong: what can be read is read, and the
            rest are errors of single rows.

    Raises:
        EmptyError: Nothing was begun in it.
        UserError: It cannot be read, is something else or of another format.
    """
    try:
        return _read(path, "mode=ro", partly)
    except StorageError:  # WAL needs files beside it, which a read-only folder refuses
        if path.with_name(f"{path.name}-wal").exists():
            raise
        return _read(path, "mode=ro&immutable=1", partly)


def _read(path: Path, mode: str, partly: bool) -> Database:
    file = _connect(f"{path.absolute().as_uri()}?{mode}", path)
    file.limit()
    try:
        with file.errors():
            if partly:  # else SQLite refuses every row of a file that is cut off
                file.execute("PRAGMA writable_schema = ON")
            if not _pragma(file, "schema_version"):
                raise EmptyError(f"{path} is empty: nothing was begun there")
            _check_format(file)
            try:
                _check_schema(file)
            except sqlite3.DatabaseError:
                if not partly:
                    raise
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


def _check_schema(file: Database) -> None:
    """Refuses a file that is more than tables as we make them.

    A stranger's triggers would act, views and computed columns in place of tables may
    never end, and an index may say other things than the table that it is of. Views of
    other names are nobody's business: nothing here reads them.
    """
    own = _own_schema()
    # In the order in which SQLite takes them, as far as they can be read.
    for kind, name, table, sql in file.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY rowid"
    ):
        if kind == "trigger" or (name in own and (kind, _bare(sql)) != own[name]):
            raise wrong(file.path, str(name), f"it is a {kind} that is none of ours")
        if kind == "index" and table in own and sql is not None:
            raise wrong(file.path, str(table), f"its index {name} is none of ours")


@functools.cache
def _own_schema() -> Mapping[str, tuple[str, str]]:
    """Name to kind and statement of all that a file of ours has, views apart."""
    connection = sqlite3.connect(":memory:")
    with contextlib.closing(connection):
        connection.executescript(BASE + RUN + PROPOSERS + MATES + SNAPSHOTS)
        query = "SELECT type, name, sql FROM sqlite_master"
        rows = connection.execute(query).fetchall()
    return {name: (kind, _bare(sql)) for kind, name, sql in rows if kind == "table"}


def _bare(sql: object) -> str:
    """A statement without comments and spaces, which may differ between versions."""
    return re.sub(r"--[^\n]*|\s+", "", str(sql))


def _check_pages(file: Database) -> None:
    """Refuses a file of which SQLite finds something wrong, looking at every page."""
    [(verdict,)] = file.execute("PRAGMA quick_check(1)").fetchall()
    if verdict != "ok":
        raise UserError(damaged(file.path, " ".join(verdict.split())))


def _set_journal(file: Database) -> None:
    """WAL, or a rollback journal where other machines may share the folder."""
    if file.path is None:
        return
    shared = on_network(file.path.parent.resolve(), read_mounts())
    mode = "DELETE" if shared else "WAL"
    [(mode,)] = file.execute(f"PRAGMA journal_mode = {mode}").fetchall()
    file.execute(f"PRAGMA synchronous = {'NORMAL' if mode == 'wal' else 'FULL'}")


def _pragma(file: Database, name: str) -> int:
    return int(file.execute(f"PRAGMA {name}").fetchone()[0])


def _version() -> str:
    return installed("cellsearch") or "(not installed)"
