"""Values of a document in the types that they must have, or a mistake that names them.

A path, such as `rules.gate`, is what a person would write after `--set`.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, Final

from cells import unknown_name
from search.errors import UserError
from search.procedure.document import Document
from workers import JobError


def fields(sample: Any, table: Any, path: str, needed: Iterable[str] = ()) -> Any:
    """A dataclass with the fields that a table has, in the types of a sample's.

    Args:
        sample: What has the other fields.
        table: The table.
        path: Where it is.
        needed: What it must have.

    Raises:
        UserError: Names the key, what came and what is allowed.
    """
    check_table(table, path)
    names = [field.name for field in dataclasses.fields(sample)]
    check_keys(table, names, f"{path}.")
    missing = [name for name in needed if name not in table]
    if missing:
        raise UserError(f"{path} needs {', '.join(missing)}")
    changes = {
        name: like(value, getattr(sample, name), f"{path}.{name}")
        for name, value in table.items()
    }
    try:
        return dataclasses.replace(sample, **changes)
    except (ValueError, JobError) as error:
        raise UserError(f"{path}: {error}") from None


def like(value: Any, sample: Any, path: str) -> Any:
    """A value in the type of a sample; that of None is a number."""
    check_number(value, path)
    if isinstance(sample, float) and isinstance(value, int) and not _is_bool(value):
        return float(value)
    if isinstance(sample, tuple):
        if not isinstance(value, list | tuple):
            raise UserError(f"{path} must be a list, got {value!r}")
        part = sample[0] if sample else None
        return tuple(like(one, part, path) for one in value)
    wanted = type(sample) if sample is not None else (int, float)
    if not isinstance(value, wanted) or _is_bool(value) != _is_bool(sample):
        raise UserError(f"{path} must be {_TYPES[type(sample)]}, got {value!r}")
    return value


_TYPES: Final = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "true or false",
    type(None): "a number",
}


def pairs(value: Any, path: str) -> tuple[tuple[float, float], ...]:
    """Pairs of numbers."""
    found = like(value, ((0.0,),), path)
    if any(len(pair) != 2 for pair in found):
        raise UserError(f"{path} must be pairs of numbers, got {value!r}")
    return tuple(found)


def names(document: Document, key: str) -> tuple[str, ...]:
    """A list of texts; none where it is not there."""
    texts: tuple[str, ...] = like(document.get(key, ()), ("",), key)
    return texts


def subtable(document: Document, key: str, path: str = "") -> Document:
    """A table in a table; an empty one where it is not there."""
    table = document.get(key, {})
    check_table(table, f"{path}{key}")
    inner: Document = table
    return inner


def check_table(table: Any, path: str) -> None:
    """Refuses what is no table."""
    if not isinstance(table, dict):
        raise UserError(f"{path} must be a table, got {table!r}")


def check_keys(table: Document, valid: Sequence[str], path: str) -> None:
    """Refuses keys that nobody would read, and names the nearest."""
    for key in table:
        if key not in valid:
            paths = [f"{path}{name}" for name in valid]
            raise UserError(unknown_name("option", f"{path}{key}", paths))


def check_number(value: Any, path: str) -> None:
    """Refuses numbers that no run folder can keep."""
    if isinstance(value, int | float) and not abs(value) < 2**63:
        raise UserError(f"{path} must be a number below 2**63, got {value}")


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)
