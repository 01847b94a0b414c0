"""Wording that several outputs share."""

import pytest

from search.output.words import duration, render_counts


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (60, "1:00"), (187, "3:07"), (7387, "2:03:07")],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_counts_are_told_with_the_most_frequent_first() -> None:
    assert render_counts({"a": 1, "c": 3, "b": 3}) == "3 b, 3 c, 1 a"
    assert render_counts({}) == ""
