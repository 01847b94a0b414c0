"""The finals of a report: how the best did on runs that took no part in the search."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from search.contest.finals import FinalRow, FinalTable
from search.contest.variance import Bounds

VERDICTS: Final = {"better": "up", "worse": "down", "tie": ""}
"""Verdict to the class of the text that says it."""


@dataclass(frozen=True)
class FinalEntry:
    """A row of the table.

    Attributes:
        name: Of the cell.
        found: Whether the search has found it.
        values: Text and class, as of `final_titles`.
    """

    name: str
    found: bool
    values: tuple[tuple[str, str], ...]


def final_titles(finals: FinalTable) -> tuple[str, ...]:
    """Titles of the columns beside the name."""
    tasks = [
        title
        for score in finals.rows[0].scores
        for title in (
            score.task if score.searched else f"{score.task} (not searched)",
            "loss",
        )
    ]
    return ("fitness", *tasks, f"beats {finals.baseline}")


def final_entries(finals: FinalTable) -> Iterator[FinalEntry]:
    """The rows, best first."""
    for row in finals.rows:
        yield FinalEntry(row.name, row.found, tuple(_values(row)))


def _values(row: FinalRow) -> Iterator[tuple[str, str]]:
    yield f"{_interval(row.fitness)}{' =' if row.tie else ''}", ""
    for score in row.scores:
        yield _interval(score.difference), VERDICTS[score.verdict]
        yield "-" if math.isnan(score.loss) else f"{score.loss:.3f}", ""
    yield "yes" if row.beats else "no", "up" if row.beats else ""


def _interval(bounds: Bounds) -> str:
    """A value, and what it may be."""
    return f"{bounds.value:+.3f} ({bounds.low:+.3f} to {bounds.high:+.3f})"
