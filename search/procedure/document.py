"""Documents: configurations as tables, laid over each other, changed and compared."""

import tomllib
from typing import Any, Final

from search.errors import UserError

Document = dict[str, Any]
"""Tables, lists and values of TOML."""

NAMED: Final = ("schedule", "filter", "objective")
"""Tables whose `name` says what their other keys mean."""


def overlay(base: Document, change: Document) -> Document:
    """What a document says, and what another one says where it says nothing.

    Presets, files of a person and `--set` are all laid over each other in this way.
    Tables are merged. A schedule or filter of another name is another one: nothing of
    the base's is left in it.

    Args:
        base: Is left as it is, as is `change`.
        change: What it says counts.
    """
    merged = dict(base)
    for key, value in change.items():
        if isinstance(value, dict):
            value = overlay(_alike(key, merged.get(key), value), value)
        merged[key] = value
    return merged


def _alike(key: str, old: Any, new: Document) -> Document:
    """The table that a new one is laid over: an empty one if the old is another."""
    if not isinstance(old, dict):
        return {}
    if key in NAMED and "name" in new and new["name"] != old.get("name"):
        return {}
    return old


def assign(document: Document, key: str, value: Any) -> None:
    """Sets one option of a document.

    Args:
        document: Is changed.
        key: Such as `rules.gate`; tables that are not there are made.
        value: A value of TOML.

    Raises:
        UserError: It is no key, or a table is expected where a value is.
    """
    try:
        *tables, name = _path(tomllib.loads(f"{key} = 0"))
    except ValueError:
        raise UserError(
            f"a key of a configuration is such as rules.gate, got {key!r}"
        ) from None
    place = document
    for table in tables:
        place = place.setdefault(table, {})
        if not isinstance(place, dict):
            raise UserError(f"{key}: {table} is no table")
    place[name] = list(value) if isinstance(value, tuple) else value


def _path(nested: Any) -> list[str]:
    """The keys of tables of which each has one entry.

    Raises:
        ValueError: There are more, or none.
    """
    if not isinstance(nested, dict):
        return []
    [(name, inner)] = nested.items()
    return [name, *_path(inner)]


def differences(stored: Document, wanted: Document, path: str = "") -> list[str]:
    """What differs between two documents: `rules.gate is 0.8, was 0.9`."""
    found = []
    for key in sorted({*stored, *wanted}):
        old, new = stored.get(key), wanted.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            found += differences(old, new, f"{path}{key}.")
        elif old != new:
            found.append(f"{path}{key} is {new!r}, was {old!r}")
    return found
