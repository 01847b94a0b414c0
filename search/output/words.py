"""Wording that several outputs share."""

from collections.abc import Iterable


def render_rows(rows: Iterable[tuple[str, str]]) -> str:
    """Labels and values as lines, the values in a column of their own."""
    return "\n".join(f"{label:<11} {value}" for label, value in rows)
