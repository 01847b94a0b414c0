"""Rows of a file, in the types that we store: what is wrong is one line.

A file may be damaged, edited or a stranger's, and still be SQLite with our tables:
SQLite stores anything in any column. A row goes into the program through here alone.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from search.errors import UserError
from search.store.json_text import JsonError, read_json

LAST: Final = 253_402_300_799
"""The end of the year 9999, in Unix seconds."""

_LARGE: Final = 1 << 53
_HEX: Final = re.compile(r"[0-9a-f]{32}")
_HEXES: Final = re.compile(r"[0-9a-f]*")


class Kind(NamedTuple):
    """What a column may hold.

    Attributes:
        words: What it is called.
        fits: Whether a value is that.
        quick: Whether many are, in less time; False says nothing. None: there is no
            such way.
    """

    words: str
    fits: Callable[[Any], bool]
    quick: Callable[[Sequence[Any]], bool] | None = None

    def __or__(self, other: "Kind") -> "Kind":
        return Kind(
            f"{self.words} or {other.words}",
            lambda value: self.fits(value) or other.fits(value),
            lambda values: self.all_fit([v for v in values if not other.fits(v)]),
        )

    def all_fit(self, values: Sequence[Any]) -> bool:
        """Whether each of them is that."""
        quick = self.quick is not None and bool(values) and self.quick(values)
        return quick or all(map(self.fits, values))


def _is_int(value: Any) -> bool:
    return type(value) is int and -_LARGE < value < _LARGE


def _is_number(value: Any) -> bool:
    return _is_int(value) or (type(value) is float and math.isfinite(value))


def _are(kind: type, values: Sequence[Any]) -> bool:
    return {kind}.issuperset(map(type, values))


INT: Final = Kind("a whole number", _is_int)
COUNT: Final = Kind(
    "a whole number from 0",
    lambda v: _is_int(v) and v >= 0,
    lambda vs: _are(int, vs) and min(vs) >= 0 and max(vs) < _LARGE,
)
NUMBER: Final = Kind(
    "a number", _is_number, lambda vs: _are(float, vs) and math.isfinite(sum(vs))
)
SECONDS: Final = Kind("seconds from 0", lambda v: _is_number(v) and v >= 0)
FLAG: Final = Kind(
    "0 or 1",
    lambda v: v in (0, 1) and type(v) is int,
    lambda vs: _are(int, vs) and {0, 1}.issuperset(vs),
)
TEXT: Final = Kind("a text", lambda v: isinstance(v, str), lambda vs: _are(str, vs))
DIGEST: Final = Kind(
    "a digest of 16 bytes",
    lambda v: isinstance(v, str) and bool(_HEX.fullmatch(v)),
    lambda vs: (
        _are(str, vs)
        and {32}.issuperset(map(len, vs))
        and bool(_HEXES.fullmatch("".join(vs)))
    ),
)
KEY: Final = Kind("16 bytes", lambda v: isinstance(v, bytes) and len(v) == 16)
TIME: Final = Kind(
    "a time in seconds since 1970", lambda v: _is_int(v) and 0 <= v <= LAST
)
NOTHING: Final = Kind("nothing", lambda v: v is None)
EMPTY: Final = Kind("nothing", lambda v: v == "")


def one_of(*values: str) -> Kind:
    """One of several texts."""
    return Kind(
        f"one of {', '.join(values)}",
        lambda v: v in values,
        lambda vs: _are(str, vs) and set(values).issuperset(vs),
    )


Columns = Mapping[str, Kind]
"""The columns of a table, or of a query on it, in order."""


def checked(
    path: Path | None, table: str, columns: Columns, row: tuple[Any, ...]
) -> tuple[Any, ...]:
    """A row whose values are of the kinds that they must be.

    Raises:
        UserError: Names the file, the table, the column and what to do.
    """
    for (name, kind), value in zip(columns.items(), row, strict=True):
        if not kind.fits(value):
            raise wrong(
                path, table, f"{name} must be {kind.words}, got {_short(value)}"
            )
    return row


def all_checked(
    path: Path | None, table: str, columns: Columns, rows: list[tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """Rows of which each is `checked`, in less time: a column after the other.

    Raises:
        UserError: See `checked`; of the first row that is wrong.
    """
    found = zip(*rows, strict=True)
    if rows and not all(
        kind.all_fit(values)
        for kind, values in zip(columns.values(), found, strict=True)
    ):
        for row in rows:
            checked(path, table, columns, row)
    return rows


def read_stored(path: Path | None, table: str, column: str, text: Any) -> Any:
    """The value of a column of JSON.

    Raises:
        UserError: Names the file, the table, the column and what to do.
    """
    try:
        return read_json(text)
    except JsonError as error:
        raise wrong(path, table, f"{column} cannot be read: {error}") from None


def wrong(path: Path | None, table: str, what: str) -> UserError:
    """What is said of a row that is none of ours."""
    return UserError(
        f"{path}, table {table}: {what}: the file is damaged, was edited or is another "
        "version's; take a copy of it from before, or begin a new run"
    )


def _short(value: Any) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."


# Metadata: what is kept of a run as a whole


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _is_versions(value: Any) -> bool:
    return _is_table(value) and all(isinstance(one, str) for one in value.values())


def _is_numerics(value: Any) -> bool:
    return _is_table(value) and isinstance(value.get("key"), str)


_NODE: Final = {"machine": TEXT, "address": TEXT, "node": TEXT, "busy": COUNT}


def _is_workers(value: Any) -> bool:
    """As `PoolNode.to_dict` has nodes, and when that was noted."""
    if not _is_table(value) or not SECONDS.fits(value.get("at")):
        return False
    nodes = value.get("nodes")
    return isinstance(nodes, list) and all(
        _is_table(node)
        and all(kind.fits(node.get(key)) for key, kind in _NODE.items())
        and isinstance(node.get("pids"), list)
        and _is_table(node.get("losses"))
        and all(COUNT.fits(count) for count in node["losses"].values())
        and (SECONDS | NOTHING).fits(node.get("slowness"))
        for node in nodes
    )


METADATA: Final[Columns] = {
    "config": Kind("a configuration", _is_table),
    "candidates": COUNT,
    "planned": COUNT,
    "versions": Kind("versions by name", _is_versions),
    "version": TEXT,
    "machine": TEXT,
    "numerics": Kind("a numerics class", _is_numerics),
    "mixed": Kind("true or false", lambda v: isinstance(v, bool)),
    "reuse": Kind("a list of folders", _is_list_of_texts),
    "workers": Kind("workers by node", _is_workers),
    "finals": Kind("finals", _is_table),
}
"""What a key of `metadata` has; other keys have anything."""


def metadata_value(path: Path | None, key: str, text: Any) -> Any:
    """The value of a key of `metadata`.

    Raises:
        UserError: Names the file, the key and what to do.
    """
    value = read_stored(path, "metadata", key, text)
    kind = METADATA.get(key)
    if kind is not None and value is not None and not kind.fits(value):
        raise wrong(
            path, "metadata", f"{key} must be {kind.words}, got {_short(value)}"
        )
    return value
