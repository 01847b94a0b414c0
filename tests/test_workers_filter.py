"""The memorization filter: its settings, its rule, and the curves behind the rule."""

import pytest

from benchmarks.calibrate_filter import (
    FILE,
    Curve,
    cells,
    derive,
    line,
    main,
    read,
    record,
    stopped,
)
from cells import ZOO, dead, digest
from tests.jobs import TINY
from workers import (
    FILTER_BUDGETS,
    FILTER_GRID,
    Evaluation,
    InlinePool,
    Point,
    Result,
    Status,
    filter_job,
    filter_setting,
    passed,
)
from workers.filter import FIRST_SETTING, GIVE_UP


def test_every_attempt_has_another_setting_and_the_first_is_the_same_for_all():
    for cell in (ZOO["gru"], ZOO["mut1"]):
        drawn = [filter_setting(cell, attempt) for attempt in range(len(FILTER_GRID))]
        assert drawn[0] == FIRST_SETTING
        assert set(drawn) == set(FILTER_GRID)
        assert drawn == [filter_setting(cell, attempt) for attempt in range(27)]
    orders = {
        tuple(filter_setting(ZOO[name], attempt).scale for attempt in range(27))
        for name in ("gru", "lstm", "mut1")
    }
    assert len(orders) == 3


@pytest.mark.parametrize("preset", FILTER_BUDGETS)
def test_a_filters_job_has_one_setting_and_the_presets_budget(preset):
    job = filter_job(ZOO["gru"], preset=preset)
    assert job.settings == (FIRST_SETTING,)
    assert job.budget == FILTER_BUDGETS[preset]
    assert job.task.task.name == "memorization"
    assert filter_job(ZOO["gru"], preset=preset, attempt=1).settings != job.settings


@pytest.mark.parametrize(
    ("ended", "expected"), [("passed", True), ("gave up", False), ("budget", False)]
)
def test_only_a_cell_that_reached_the_target_has_passed(ended, expected):
    result = Result(FIRST_SETTING, Status.OK, 0.94, 100, ended)
    assert passed(Evaluation("id", (result,))) is expected


def curve(name, losses, ended="budget"):
    points = tuple(Point(300 * (i + 1), x, x, 0.5) for i, x in enumerate(losses))
    result = Result(FIRST_SETTING, Status.OK, 0.5, points[-1].updates, ended, points)
    row = line(name, name, Evaluation("id", (result,)))
    lists = {key: tuple(row[key]) for key in ("losses", "metrics")}
    return Curve(**{**row, **lists})


def test_bounds_lie_above_every_curve_that_passes_and_stop_what_stays_higher():
    quick = curve("quick", [3.0, 2.0, 1.0, 0.5, 0.2], "passed")
    late = curve("late", [3.2] * 6 + [2.5, 1.5, 1.0, 0.5, 0.1], "passed")
    chance = curve("chance", [3.26] * 20)
    wild = curve("wild", [5.0] * 20)
    bounds = derive([quick, late, chance, wild])
    assert stopped(quick, bounds) == stopped(late, bounds) == 0
    assert stopped(wild, bounds) == 1200
    assert 1200 < stopped(chance, bounds) < 3600
    losses = [bound for _, bound in bounds]
    assert losses == sorted(losses, reverse=True)


def test_the_recorded_cells_are_distinct_and_alive_and_always_the_same():
    found = list(cells(60))
    assert found == list(cells(60))
    assert len({digest(cell) for _, cell in found}) == 60
    assert not any(dead(cell) for _, cell in found)
    assert {name for name, _ in found[:5]} <= set(ZOO)


def test_recording_goes_on_where_it_stopped(tmp_path, monkeypatch, capsys):
    path = tmp_path / "data" / "curves.jsonl"
    monkeypatch.setattr("workers.filter.FILTER_TASK", TINY)
    monkeypatch.setitem(FILTER_BUDGETS, "small", 24)
    record(path, 1, InlinePool())
    with path.open("a") as file:
        file.write('{"name": "cut o')
    assert len(read(path)) == 1
    with path.open("a") as file:
        file.write("\n")
    record(path, 2, InlinePool())
    curves = read(path)
    assert len(curves) == 2
    assert [len(each.losses) for each in curves] == [2, 2]
    assert "1 curves are there, 1 to record" in capsys.readouterr().out


def test_deriving_from_nothing_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="run `record` first"):
        main(["derive", "--file", str(tmp_path / "none")])


@pytest.mark.skipif(not FILE.exists(), reason="no curves have been recorded")
def test_the_rule_stops_at_most_one_recorded_cell_that_passes():
    curves = read(FILE)
    assert len(curves) >= 200
    assert FILE.stat().st_size < 200_000
    passing = [each for each in curves if each.passed]
    assert len(passing) > 20
    rule = GIVE_UP["small"]
    assert sum(stopped(each, rule) > 0 for each in passing) <= 1
    failing = [each for each in curves if not each.passed]
    assert sum(stopped(each, rule) > 0 for each in failing) > len(failing) / 10
