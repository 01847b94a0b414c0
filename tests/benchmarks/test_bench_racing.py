"""Races on recorded curves: cut as a race would cut them, kept as they were."""

import dataclasses
import json

import pytest

from benchmarks.calibrate_racing import (
    FILE,
    RECORDED,
    cut,
    line,
    losses,
    main,
    race,
    read,
    report,
    share,
)
from tasks import ACCURACY, TOKEN_NLL
from workers import BUDGET, Point, Result, Setting, Status

BASE = Setting(scale=1, rate=1, clip=5, num_layers=1, parameters=30_000)
SETTINGS = tuple(dataclasses.replace(BASE, rate=1 + index) for index in range(20))


def training(setting, *metrics):
    """A training of 900 updates, validated at equal distances."""
    every = 900 // len(metrics)
    points = [Point((i + 1) * every, 0.0, 0.0, m) for i, m in enumerate(metrics)]
    best = max(metrics)
    return Result(setting, Status.OK, best, 900, BUDGET, tuple(points))


def test_a_training_is_cut_to_what_a_smaller_budget_had_shown():
    whole = training(BASE, 0.1, 0.5, 0.4)
    assert cut(whole, 300, ACCURACY).best == 0.1
    assert cut(whole, 899, ACCURACY).best == 0.5
    assert cut(whole, 899, TOKEN_NLL).best == 0.1
    assert cut(whole, 299, ACCURACY).best is None
    assert cut(whole, 900, ACCURACY) == whole


def test_a_race_keeps_a_winner_that_leads_and_drops_one_that_starts_late():
    metrics = [[index / 100] * 9 for index in range(20)]
    results = {s: training(s, *m) for s, m in zip(SETTINGS, metrics, strict=True)}
    assert race(SETTINGS, 900, results).best == 0.19
    results[SETTINGS[0]] = training(SETTINGS[0], *[0.0] * 8, 0.9)
    lost = race(SETTINGS, 900, results)
    assert lost.best == 0.19
    assert lost.from_scratch == 20 * 100 + 6 * 300 + 2 * 900
    assert lost.updates == 14 * 100 + 4 * 300 + 2 * 900
    assert race(SETTINGS, 900, results, racing=None).best == 0.9


def test_recorded_curves_are_read_as_they_were_written(tmp_path, capsys):
    results = [training(setting, 0.1, 0.2, 0.3) for setting in SETTINGS[:-1]]
    results.append(Result(SETTINGS[-1], Status.DIVERGED, updates=7, ended="too high"))
    path = tmp_path / "curves.jsonl"
    rows = [json.dumps(line("arithmetic", "gru", result)) for result in results]
    path.write_text("\n".join([*rows, '{"task": "cut o']))
    (field,) = read(path)
    assert (field.task, field.cell) == ("arithmetic", "gru")
    for result in results:
        found = field.results[result.setting]
        assert (found.status, found.best) == (result.status, result.best)
        assert found.updates == result.updates
        assert [p.metric for p in found.curve] == [p.metric for p in result.curve]
        assert found.over == result.over
    found = losses(field, races=10)
    assert found.metric == (0.0,) * 10
    assert losses(field, races=10) == found
    report([field])
    assert "0%" in capsys.readouterr().out


def test_a_report_of_nothing_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="run `record` first"):
        main(["report", "--file", str(tmp_path / "none")])


def test_what_the_default_race_loses_on_recorded_curves_is_little():
    """Arithmetic, accuracy: a third of the work or less, where rungs continue."""
    fields = read(FILE)
    assert [field.cell for field in fields] == ["gru", "lstm", "tanh"]
    for field in fields:
        assert len(field.results) == RECORDED
        found = losses(field)
        assert sum(found.metric) / len(found.metric) < 0.01
        assert max(found.metric) < 0.05
        assert found.saved > 3.3
        assert found.saved_anew > 2.5


def test_the_default_race_mostly_keeps_the_winner_of_cells_that_learn():
    """Tanh mostly loses its winner: its best six end within .02 of each other."""
    shares = {field.cell: share(losses(field).metric) for field in read(FILE)}
    assert shares["gru"] < 0.35
    assert shares["lstm"] < 0.25
