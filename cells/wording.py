"""How messages are worded: the nearest valid name, and numbers of things."""

import difflib
from collections.abc import Collection


def unknown_name(kind: str, name: str, valid: Collection[str]) -> str:
    """`unknown op 'tan'; did you mean 'tanh'?`."""
    return f"unknown {kind} {name!r}; {nearest_name(name, valid)}"


def nearest_name(name: str, valid: Collection[str]) -> str:
    """The end of an error message: the nearest valid name, or all of them."""
    close = difflib.get_close_matches(name, valid, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"there are {', '.join(valid)}"


def plural(count: int, noun: str) -> str:
    """`1 argument`, `2 arguments`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
