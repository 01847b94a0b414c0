"""What a check finds: fine, doubtful or wrong, in a line, and what to do about it."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import NamedTuple

from workers import PoolOptions


class Severity(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


class Finding(NamedTuple):
    """One finding of a check.

    Attributes:
        status: How bad it is.
        text: What was found, one line.
        todo: What to do about it, one line; empty: nothing.
    """

    status: Severity
    text: str
    todo: str = ""


Check = Callable[[PoolOptions], Iterator[Finding]]
"""Asks whether a machine suits those who are to carry out jobs."""


def ok(text: str) -> Finding:
    """All is fine."""
    return Finding(Severity.OK, text)


def warning(text: str, todo: str) -> Finding:
    """A search works, but not as well as it could, or not everywhere."""
    return Finding(Severity.WARNING, text, todo)


def error(text: str, todo: str) -> Finding:
    """A search would fail, or its numbers would be wrong."""
    return Finding(Severity.ERROR, text, todo)
