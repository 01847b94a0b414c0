"""Wording that several outputs share."""

import pytest

from search.output.words import counted, duration, plain, render_counts, render_rows


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (60, "1:00"), (187, "3:07"), (7387, "2:03:07")],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_counts_are_told_with_the_most_frequent_first() -> None:
    assert render_counts({"a": 1, "c": 3, "b": 3}) == "3 b, 3 c, 1 a"
    assert render_counts({}) == ""


def test_a_strangers_text_moves_no_cursor_and_turns_no_line() -> None:
    assert plain("a\x1b[2Jb\x07\x9b1mc\u202ed\u2066\x7f") == "a?[2Jb??1mc?d??"
    assert plain("ü é\tlines\nstay") == "ü é\tlines\nstay"
    assert render_rows([("run", "\x1b]0;x\x07")]) == "run         ?]0;x?"


def test_one_is_no_plural() -> None:
    assert counted(1, "dead mutant") == "1 dead mutant"
    assert counted(1200, "run") == "1,200 runs"
