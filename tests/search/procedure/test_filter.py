"""The memorization filter: its settings, its rule, and the curves behind the rule."""

import dataclasses

import pytest

from benchmarks.calibrate_filter import (
    FILE,
    FRESH,
    SEARCH,
    Curve,
    cells,
    derive,
    line,
    main,
    read,
    record,
    stopped,
)
from cells import ZOO, dead, digest, parse
from search.procedure.filter import Filter, passed
from search.procedure.presets import preset_document, search_names
from search.procedure.proposals import untrained_reason
from search.procedure.reader import preset_filter
from tests.support.jobs import TINY
from workers import Evaluation, Evaluator, InlinePool, Point, Result, Setting, Status

SMALL = preset_filter("small")


FILTERED = [
    name for name in search_names() if preset_document(name)["filter"]["name"] != "off"
]
"""Presets that have a filter."""


@pytest.mark.parametrize("name", FILTERED)
def test_every_attempt_has_another_setting_and_the_first_is_the_same_for_all(name):
    known = preset_filter(name)
    digests = [digest(ZOO[cell]) for cell in ("gru", "lstm", "mut1", "mut2", "mut3")]
    drawn = [[known.setting(d, n) for n in range(known.attempts)] for d in digests]
    for row in drawn:
        assert row[0] == known.first
        assert set(row) == set(known.grid)
    assert len({tuple(setting.text for setting in row) for row in drawn}) > 1
    for each, row in zip(digests, drawn, strict=True):
        assert known.setting(each, known.attempts) == row[0]
        assert known.setting(each, known.attempts + 1) == row[1]


@pytest.mark.parametrize("name", FILTERED)
def test_a_filters_job_has_one_setting_and_the_filters_budget(name):
    known = preset_filter(name)
    job = known.job(ZOO["gru"], seed=3)
    assert job.settings == (known.first,)
    assert (job.budget, job.seed, job.training) == (known.budget, 3, known.training)
    assert job.task.task.name == "memorization"
    assert known.job(ZOO["gru"], attempt=1).settings != job.settings


def test_the_order_of_attempts_depends_on_the_digest_and_the_grid_alone():
    paper = preset_filter("paper")
    for attempt in range(SMALL.attempts):
        setting = SMALL.setting("0" * 32, attempt)
        assert setting == paper.setting("0" * 32, attempt)


def test_a_first_setting_outside_of_the_grid_is_refused():
    with pytest.raises(ValueError, match="first must be a setting of the grid"):
        Filter("mine", SMALL.task, SMALL.grid, Setting(9, 9, 9, 1, 9), 10)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_published_cells_pass_the_tiny_filter_at_every_setting(cell):
    evaluator, tiny = Evaluator(), preset_filter("tiny")
    for attempt in range(tiny.attempts):
        evaluation = evaluator.evaluate(tiny.job(ZOO[cell], attempt))
        assert passed(evaluation.results), evaluation.results


def test_a_cell_that_cannot_learn_does_not_pass_the_tiny_filter():
    still = parse("def f(x, h):\n    return linear(x) + linear(h)")
    evaluation = Evaluator().evaluate(preset_filter("tiny").job(still))
    assert not passed(evaluation.results)


@pytest.mark.parametrize(
    ("ended", "expected"), [("passed", True), ("gave up", False), ("budget", False)]
)
def test_only_a_cell_that_reached_the_target_has_passed(ended, expected):
    result = Result(SMALL.first, Status.OK, 0.94, 100, ended)
    assert passed((result,)) is expected


def curve(name, losses, ended="budget"):
    points = tuple(Point(300 * (i + 1), x, x, 0.5) for i, x in enumerate(losses))
    result = Result(SMALL.first, Status.OK, 0.5, points[-1].updates, ended, points)
    row = line(name, name, name, Evaluation("id", (result,)))
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


def test_recording_goes_on_where_it_stopped(tmp_path, capsys):
    path = tmp_path / "data" / "curves.jsonl"
    tiny = dataclasses.replace(SMALL, task=TINY, budget=24)
    record(path, 1, InlinePool(), tiny)
    with path.open("a") as file:
        file.write('{"name": "cut o')
    assert len(read(path)) == 1
    with path.open("a") as file:
        file.write("\n")
    record(path, 2, InlinePool(), tiny)
    curves = read(path)
    assert len(curves) == 2
    assert [len(each.losses) for each in curves] == [2, 2]
    assert "1 curves are there, 1 to record" in capsys.readouterr().out


def test_deriving_from_nothing_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="run `record` first"):
        main(["derive", "--file", str(tmp_path / "none")])


def test_no_recorded_cell_that_passes_is_refused_untrained_and_many_that_fail_are():
    curves = [*read(FILE), *read(FRESH)]
    refused = [c for c in curves if untrained_reason(SEARCH, parse(c.text))]
    assert not any(each.passed for each in refused)
    assert len(refused) > len(curves) / 3


def test_the_rule_stops_at_most_one_recorded_cell_that_passes():
    curves = [*read(FILE), *read(FRESH)]
    assert len(curves) >= 400
    assert FILE.stat().st_size < 100_000
    passing = [each for each in curves if each.passed]
    assert len(passing) > 20
    rule = SMALL.give_up
    assert rule == derive(curves)
    assert sum(stopped(each, rule) > 0 for each in passing) <= 1
    failing = [each for each in curves if not each.passed]
    assert sum(stopped(each, rule) > 0 for each in failing) > len(failing) / 10
