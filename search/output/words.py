"""Wording that several outputs share."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

_CONTROLS: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
"""Characters that move a terminal's cursor, colour it or turn the text around."""


def plain(text: str) -> str:
    """Text of a run, which may be a stranger's, as a terminal may have it.

    Lines and tabs stay; other control characters, and those that turn the direction of
    writing, are `?`.
    """
    return _CONTROLS.sub("?", text)


def render_rows(rows: Iterable[tuple[str, str]]) -> str:
    """Labels and values as lines, the values in a column of their own."""
    return plain("\n".join(f"{label:<11} {value}" for label, value in rows))


def duration(seconds: float) -> str:
    """`42 s`, `3:07` (minutes) or `2:03:07`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def brief(value: float) -> str:
    """A number of any unit: `15,260`, `42.5`, `0.503`."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def counted(count: int, noun: str) -> str:
    """`1 dead mutant`, `1,200 dead mutants`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def saved_words(filters: int | None, trainings: int, dead: int) -> str:
    """What a search did not have to train.

    Args:
        filters: Filter runs of cells known already; None: there is no filter.
        trainings: Other trainings of them.
        dead: Mutants that cannot learn.
    """
    runs = "" if filters is None else f"{counted(filters, 'filter run')} and "
    return (
        f"{runs}{counted(trainings, 'training')} of cells known already, "
        f"{counted(dead, 'dead mutant')} never trained"
    )


def render_counts(counts: Mapping[str, int]) -> str:
    """`12 ignores input, 3 under way`: the most frequent first."""
    rows = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
    return ", ".join(f"{count} {name}" for name, count in rows)
