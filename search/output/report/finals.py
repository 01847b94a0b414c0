"""The finals of a report: how the best did on runs that took no part in the search."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from search.contest.finals import FinalRow, FinalTable
from search.contest.variance import Bounds
from search.output.words import brief

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
    costs = ("cost",) if finals.front else ()
    return ("fitness", *costs, *tasks, f"beats {finals.baseline}")


def final_entries(finals: FinalTable) -> Iterator[FinalEntry]:
    """The rows, best first."""
    front = finals.front
    for row in finals.rows:
        values = tuple(_values(row, star=row.digest in front))
        yield FinalEntry(row.name, row.found, values)


def _values(row: FinalRow, *, star: bool) -> Iterator[tuple[str, str]]:
    marks = f"{' =' if row.tie else ''}{' *' if star else ''}"
    yield f"{_interval(row.fitness)}{marks}", ""
    if row.cost is not None:
        yield brief(row.cost), ""
    for score in row.scores:
        yield _interval(score.difference), VERDICTS[score.verdict]
        yield "-" if math.isnan(score.loss) else f"{score.loss:.3f}", ""
    yield "yes" if row.beats else "no", "up" if row.beats else ""


def _interval(bounds: Bounds) -> str:
    """A value, and what it may be."""
    return f"{bounds.value:+.3f} ({bounds.low:+.3f} to {bounds.high:+.3f})"
