"""Tables as a terminal or a pipe shows them."""

import io

import pytest

from search.contest.scoreboard import Scoreboard
from search.output.tables import describe_setting, print_scoreboard
from tests.support.contests import board, by_cell
from workers import Setting


def printed(made_board: Scoreboard) -> str:
    stream = io.StringIO()
    print_scoreboard(made_board, stream)
    return stream.getvalue()


def line_of(text: str, cell: str) -> str:
    return next(line for line in text.splitlines() if line.split()[:1] == [cell])


def test_the_printed_table_marks_ties_and_explains_itself() -> None:
    text = printed(board(by_cell, "tanh", "lstm_b", "gru", "lstm"))
    assert line_of(text, "lstm_b").count("=") == 1  # best on xml, with GRU; not below
    assert line_of(text, "gru").count("=") == 1
    assert line_of(text, "tanh").count("=") == 0
    assert line_of(text, "lstm").split() == ["lstm", "-", "-", "-", "-", "-"]
    assert "3 fresh seeds: mean ± 95 % confidence interval" in text
    assert "lower is better: nottingham" in text
    assert "ratio: to gru" in text
    assert "scale 1 rate 0.5 clip 1, 1 x 900" in text


def test_a_table_without_repeats_says_that_it_is_optimistic() -> None:
    text = printed(board(by_cell, "tanh", "gru", repeats=0))
    assert "optimistic" in text
    assert "±" not in text


def test_a_table_of_nothing_is_printed_too() -> None:
    text = printed(board(lambda job, setting: None, "tanh", "gru"))
    assert "nothing is complete yet" in text


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        (Setting(0.3, 5, 20, 2, 250_000), "scale 0.3 rate 5 clip 20, 2 x 250K"),
        (
            Setting(1, 1, 1, 1, 10_000_000, 0.5, 7, 0.65),
            "scale 1 rate 1 clip 1, 1 x 10M, dropout 0.5, after 7 epochs x 0.65",
        ),
    ],
)
def test_settings_are_described_shortly(setting: Setting, text: str) -> None:
    assert describe_setting(setting) == text
