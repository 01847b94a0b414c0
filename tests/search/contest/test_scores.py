"""Means, intervals, ratios and ties, by hand; and the table that is made of them."""

import json

import pytest

from cells import ZOO, digest, parse
from search.contest.contest import Outcome
from search.contest.scores import Interval, Scored, interval, ratio, score, tied
from search.errors import UserError
from tasks import ACCURACY, TOKEN_NLL, Metric
from tests.support.contests import SETTING, board, by_cell
from workers import Result, Status


def made(mean: float, half: float | None = None) -> Scored:
    ends = (None, None) if half is None else (mean - half, mean + half)
    return Scored(mean, Interval(mean, *ends), None, SETTING, trainings=1)


def test_an_interval_is_students() -> None:
    # t(0.975) of 4 degrees of freedom is 2.776; the standard deviation is sqrt(2.5).
    found = interval([1.0, 2.0, 3.0, 4.0, 5.0])
    half = 2.776445 * (2.5 / 5) ** 0.5
    assert found.mean == 3
    assert found.low == pytest.approx(3 - half, rel=1e-6)
    assert found.high == pytest.approx(3 + half, rel=1e-6)


def test_one_value_has_no_interval_and_equal_ones_a_point() -> None:
    assert interval([0.5]) == Interval(0.5, None, None)
    assert interval([0.5, 0.5, 0.5]) == Interval(0.5, 0.5, 0.5)


def test_the_score_is_that_of_fresh_seeds_and_the_best_is_beside_it() -> None:
    repeats = tuple(
        Result(SETTING, Status.OK, best=best, test=best - 0.1)
        for best in (0.5, 0.6, 0.7)
    )
    winner = Result(SETTING, Status.OK, best=0.9)
    found = score(Outcome(winner, repeats, 20, over=True))
    assert found is not None
    assert found.best == 0.9
    assert found.interval.mean == pytest.approx(0.6)
    assert found.test is not None
    assert found.test.mean == pytest.approx(0.5)
    assert (found.trainings, found.repeats, found.failed) == (20, 3, 0)


def test_a_failed_repeat_counts_with_what_it_had_reached() -> None:
    repeats = (
        Result(SETTING, Status.OK, best=0.5),
        Result(SETTING, Status.DIVERGED, best=0.1),
        Result(SETTING, Status.DIVERGED),
    )
    winner = Result(SETTING, Status.OK, best=0.9)
    found = score(Outcome(winner, repeats, 20, over=True))
    assert found is not None
    assert found.interval.mean == pytest.approx(0.3)
    assert (found.repeats, found.failed) == (3, 2)


def test_what_is_not_over_or_failed_has_no_score() -> None:
    winner = Result(SETTING, Status.OK, best=0.9)
    assert score(Outcome(winner, (), 20, over=False)) is None
    assert score(Outcome(None, (), 20, over=True)) is None
    lost = (Result(SETTING, Status.DIVERGED),)
    assert score(Outcome(winner, lost, 20, over=True)) is None


def test_ratios_are_oriented_so_that_more_is_better() -> None:
    assert ratio(0.6, 0.5, ACCURACY) == pytest.approx(1.2)
    assert ratio(6.0, 5.0, TOKEN_NLL) == pytest.approx(5 / 6)
    assert ratio(0.0, 0.5, ACCURACY) == 0


@pytest.mark.parametrize(
    ("value", "baseline", "metric"),
    [(0.5, 0.0, ACCURACY), (0.5, 0.0, TOKEN_NLL), (0.0, 0.5, TOKEN_NLL)],
)
def test_a_zero_baseline_is_an_error(
    value: float, baseline: float, metric: Metric
) -> None:
    with pytest.raises(UserError, match="no ratio"):
        ratio(value, baseline, metric)


def test_ties_are_those_whose_intervals_overlap_with_the_best() -> None:
    scores = {"a": made(0.9, 0.1), "b": made(0.75, 0.06), "c": made(0.7, 0.05)}
    assert tied(scores, ACCURACY) == {"a", "b"}
    assert tied(scores, TOKEN_NLL) == {"b", "c"}


def test_nobody_ties_alone_or_without_intervals() -> None:
    assert tied({"a": made(0.9, 0.1)}, ACCURACY) == frozenset()
    apart = {"a": made(0.9, 0.01), "b": made(0.8, 0.01)}
    assert tied(apart, ACCURACY) == frozenset()
    single = {"a": made(0.9), "b": made(0.9)}
    assert tied(single, ACCURACY) == frozenset()
    assert tied({}, ACCURACY) == frozenset()


def test_the_table_has_the_cells_as_named_and_the_baseline_below() -> None:
    made_board = board(by_cell, "tanh", "lstm_b", "lstm")
    found = made_board.to_dict()
    assert [row["name"] for row in found["cells"]] == ["tanh", "lstm_b", "lstm"]
    assert found["baseline"]["name"] == "gru"
    tanh, lstm_b, lstm = found["cells"]
    assert tanh["tasks"]["xml"]["ratio"] == pytest.approx(0.41 / 0.51)
    assert tanh["tasks"]["nottingham"]["ratio"] == pytest.approx(0.51 / 0.41)
    assert tanh["min_ratio"] == pytest.approx(0.41 / 0.51)
    assert lstm["min_ratio"] is None
    assert lstm["tasks"]["xml"]["best"] is None
    assert lstm["tasks"]["xml"]["runs"] == 1
    assert lstm_b["tasks"]["xml"]["runs"] == 1 + 3
    assert parse(tanh["text"]) == ZOO["tanh"]
    assert tanh["digest"] == digest(ZOO["tanh"])
    json.dumps(found, allow_nan=False)


def test_a_named_baseline_is_no_extra_row() -> None:
    found = board(by_cell, "gru", "tanh").to_dict()
    assert "baseline" not in found
    assert found["cells"][0]["tasks"]["xml"]["ratio"] == 1
    assert found["cells"][0]["min_ratio"] == 1


def test_without_a_baseline_there_are_no_ratios() -> None:
    found = board(by_cell, "tanh", base=False).to_dict()
    assert "baseline" not in found
    assert found["cells"][0]["tasks"]["xml"]["ratio"] is None
    assert found["cells"][0]["min_ratio"] is None
