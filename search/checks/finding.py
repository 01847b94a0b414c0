"""What a check finds: fine, doubtful or wrong, in a line, and what to do about it."""

from dataclasses import dataclass
from typing import Final, NamedTuple

OK: Final = "ok"
WARNING: Final = "warning"
ERROR: Final = "error"


class Finding(NamedTuple):
    """One finding of a check.

    Attributes:
        status: `ok`, `warning` or `error`.
        text: What was found, one line.
        todo: What to do about it, one line; empty: nothing.
    """

    status: str
    text: str
    todo: str = ""


def ok(text: str) -> Finding:
    """All is fine."""
    return Finding(OK, text)


def warning(text: str, todo: str) -> Finding:
    """A search works, but not as well as it could, or not everywhere."""
    return Finding(WARNING, text, todo)


def error(text: str, todo: str) -> Finding:
    """A search would fail, or its numbers would be wrong."""
    return Finding(ERROR, text, todo)


@dataclass(frozen=True)
class Asked:
    """What a person wants to be checked.

    Attributes:
        address: Of a Ray cluster; None: Ray on this machine.
        workers: How many processes would work; None: one a core.
        inline: Whether this process would work instead, without Ray.
        quick: Whether Ray is left out.
    """

    address: str | None = None
    workers: int | None = None
    inline: bool = False
    quick: bool = False
