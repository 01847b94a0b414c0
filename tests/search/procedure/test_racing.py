"""Races over settings of several shapes, on made-up learning curves."""

import dataclasses

import pytest

from search.procedure.racing import Racing, by_shape, due, ranked, rungs
from tasks import ACCURACY, TOKEN_NLL
from workers import BUDGET, Result, Setting, Status

BASE = Setting(scale=1, rate=1, clip=5, num_layers=1, parameters=1000)
SETTINGS = tuple(
    dataclasses.replace(BASE, rate=1 + i, num_layers=1 + i % 4) for i in range(20)
)


def test_without_racing_every_setting_gets_the_whole_budget():
    assert rungs(None, 20, 900) == ((20, 900),)
    found = due(None, SETTINGS, 900, {}, ACCURACY)
    assert found == tuple((setting, 900) for setting in SETTINGS)
    runs = {(s, 900): Result(s, Status.OK, 0.5, 900, BUDGET) for s in SETTINGS}
    assert due(None, SETTINGS, 900, runs, ACCURACY) == ()


def test_each_rung_keeps_one_in_eta_and_gives_it_eta_times_the_budget():
    assert rungs(Racing(), 20, 900) == ((20, 100), (6, 300), (2, 900))
    assert rungs(Racing(eta=2, first=0.25), 8, 1000) == ((8, 250), (4, 500), (2, 1000))
    assert rungs(Racing(first=1), 8, 1000) == ((8, 1000),)
    assert rungs(Racing(), 2, 9) == ((2, 1), (1, 3), (1, 9))


def race(value, metric=ACCURACY, ended=None):
    """Runs a race in which a setting's metric is `value(index, budget)`."""
    runs, order = {}, []
    while wanted := due(Racing(), SETTINGS, 900, runs, metric):
        order.append(wanted)
        for setting, budget in wanted:
            index = SETTINGS.index(setting)
            best = value(index, budget)
            status = Status.OK if best is not None else Status.DIVERGED
            why = (ended or {}).get(index, BUDGET if best is not None else "loss")
            runs[setting, budget] = Result(setting, status, best, budget, why)
    return runs, order


def test_a_race_over_all_shapes_trains_the_best_to_the_end():
    runs, order = race(lambda index, budget: index / 20 + budget / 1e6)
    assert [len(rung) for rung in order] == [20, 6, 2]
    assert {setting for setting, _ in order[1]} == set(SETTINGS[14:])
    assert order[2] == ((SETTINGS[19], 900), (SETTINGS[18], 900))
    assert sum(budget for _, budget in runs) == 20 * 100 + 6 * 300 + 2 * 900
    assert 20 * 900 / 5600 > 3.2


def test_a_loss_is_raced_downwards():
    _, order = race(lambda index, budget: index / 20, metric=TOKEN_NLL)
    assert order[2] == ((SETTINGS[0], 900), (SETTINGS[1], 900))


def test_failures_never_advance_and_are_not_trained_again():
    _, order = race(lambda index, budget: None if index > 4 else index / 20)
    assert {setting for setting, _ in order[1]} == set(SETTINGS[:5])
    assert {setting for setting, _ in order[2]} == set(SETTINGS[3:5])
    assert race(lambda index, budget: None)[1] == [
        tuple((setting, 100) for setting in SETTINGS)
    ]


def test_what_its_schedule_has_ended_stays_in_the_race_untrained():
    over = {19: "no further improvement"}
    runs, order = race(lambda index, budget: index / 20, ended=over)
    assert SETTINGS[19] not in {setting for setting, _ in order[1]}
    assert order[2] == ((SETTINGS[18], 900),)
    assert (SETTINGS[19], 900) not in runs


def test_the_order_in_which_results_arrive_decides_nothing():
    runs, _ = race(lambda index, budget: index % 3 / 20)  # many ties
    for cut in range(1, len(runs)):
        items = list(runs.items())[:cut]
        forth = due(Racing(), SETTINGS, 900, dict(items), ACCURACY)
        back = due(Racing(), SETTINGS, 900, dict(items[::-1]), ACCURACY)
        assert forth == back


def test_equal_results_are_ranked_by_their_setting():
    results = [Result(s, Status.OK, 0.5) for s in SETTINGS]
    assert ranked(results, ACCURACY) == ranked(results[::-1], ACCURACY)


def test_groups_share_a_shape_and_lose_nothing():
    groups = by_shape(SETTINGS)
    assert len(groups) == 4
    assert all(len({s.shape for s in group}) == 1 for group in groups)
    assert {s for group in groups for s in group} == set(SETTINGS)


@pytest.mark.parametrize(
    ("fields", "words"), [({"eta": 1}, "eta of a race"), ({"first": 0}, "first of a")]
)
def test_what_is_no_race_is_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        Racing(**fields)
