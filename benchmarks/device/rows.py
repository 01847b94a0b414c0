"""What a part has measured: a line for people and values for the file."""

import traceback
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Row(NamedTuple):
    """One measurement, or why there is none.

    Attributes:
        key: What was measured; one of its part.
        text: A line for people.
        values: JSON values.
        failed: The traceback of what went wrong; empty: nothing did.
    """

    key: str
    text: str
    values: Mapping[str, Any] = {}
    failed: str = ""


def attempt(key: str, measure: Callable[[], Row]) -> Row:
    """Measures, or says in a line why not: others are to be measured all the same."""
    try:
        return measure()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
        return failure(key, error)


def failure(key: str, error: Exception) -> Row:
    """What is left of a measurement that failed."""
    reason = f"{type(error).__name__}: {' '.join(str(error).split())[:240]}"
    text = f"{key}: not measured: {reason}"
    return Row(key, text, {"reason": reason}, traceback.format_exc())
