"""Schedules against sequences worked out by hand."""

import pytest

from tasks import ACCURACY, TOKEN_NLL
from workers import Point, Schedule, Setting
from workers.job.schedule import GAVE_UP, PASSED, SCHEDULES, State, advance

SETTING = Setting(scale=1, rate=1, clip=5, num_layers=1, parameters=1000)


def follow(schedule, values, setting=SETTING, metric=ACCURACY, losses=None):
    """The factor in force in each epoch, and why training ended (empty: it did not)."""
    state, factors = State(), []
    for epoch, value in enumerate(values):
        assert not state.stop, "epochs after the end"
        factors.append(state.factor)
        loss = losses[epoch] if losses else 1.0
        point = Point(100 * (epoch + 1), loss, loss, value)
        state = advance(schedule, setting, state, point, metric)
    return factors, state.stop


def test_search_halves_four_times_after_three_epochs_without_improvement():
    metrics = [0.1, 0.3, 0.2, 0.4, 0.4, 0.3, 0.4, 0.9, 0.8, 0.95, 0.1]
    factors, stop = follow(Schedule("search"), metrics)
    assert factors == [1, 1, 1, 1, 1, 1, 1, 0.5, 0.25, 0.125, 0.0625]
    assert stop == "no further improvement"


def test_search_goes_on_while_validation_improves():
    factors, stop = follow(Schedule("search"), [i / 50 for i in range(50)])
    assert factors == [1] * 50
    assert stop == ""


def test_search_does_not_end_before_the_fourth_halving():
    metrics = [0.5, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]
    factors, stop = follow(Schedule("search"), metrics)
    assert factors == [1, 1, 1, 1, 0.5, 0.25, 0.125]
    assert stop == ""


def test_direction_of_the_metric_decides_what_an_improvement_is():
    falling = [3.0, 2.0, 1.0, 0.5, 0.4, 0.3]
    assert follow(Schedule("search"), falling, metric=TOKEN_NLL)[0] == [1] * 6
    rising = follow(Schedule("search"), falling)[0]
    assert rising == [1, 1, 1, 1, 0.5, 0.25]


def test_music_lowers_the_rate_after_ten_epochs_and_counts_anew():
    metrics = [5.0] + [6.0] * 10 + [4.0] + [4.0] * 10 + [4.0]
    factors, stop = follow(Schedule("music"), metrics, metric=TOKEN_NLL)
    assert factors == [1.0] * 11 + [0.8] * 11 + [0.8 * 0.8]
    assert stop == ""


def test_music_ends_when_the_rate_itself_is_below_the_lowest():
    setting = Setting(scale=1, rate=2e-3, clip=5, num_layers=1, parameters=1000)
    # 0.8 ** 3 = 0.512 leaves 0.001024, 0.8 ** 4 is below 0.001: four times ten epochs.
    factors, stop = follow(Schedule("music"), [1.0] * 41, setting, TOKEN_NLL)
    assert factors[-1] == pytest.approx(0.8**3)
    assert stop == "lowest rate"


def test_music_ends_after_its_last_epoch():
    schedule = Schedule("music", (("max_epochs", 5),))
    assert follow(schedule, [5, 4, 3, 2, 1], metric=TOKEN_NLL)[1] == "last epoch"


def test_treebank_is_constant_then_decays_each_epoch_for_thirty_epochs():
    factors, stop = follow(Schedule("treebank"), [1.0] * 30, metric=TOKEN_NLL)
    assert factors == [1.0] * 4 + [0.5**i for i in range(1, 27)]
    assert stop == "last epoch"


def test_treebank_takes_epochs_and_decay_from_the_setting():
    setting = Setting(1, 1, 5, 1, 1000, constant_epochs=7, decay=0.8)
    factors, _ = follow(Schedule("treebank"), [1.0] * 10, setting, TOKEN_NLL)
    assert factors[:7] == [1.0] * 7
    assert factors[7:] == pytest.approx([0.8, 0.64, 0.512])


def test_fixed_never_changes_and_never_ends():
    assert follow(Schedule("fixed"), [0.5] * 100) == ([1.0] * 100, "")


def test_filter_ends_as_soon_as_the_target_is_reached():
    factors, stop = follow(Schedule("filter"), [0.1, 0.9, 0.95])
    assert factors == [1.0] * 3
    assert stop == PASSED


def test_filter_gives_up_where_the_loss_is_above_the_bound_of_that_many_updates():
    schedule = Schedule("filter", (("give_up", ((200, 3.0), (400, 2.0))),))
    assert follow(schedule, [0.1] * 2, losses=[3.5, 3.0])[1] == ""
    assert follow(schedule, [0.1] * 2, losses=[3.5, 3.1])[1] == GAVE_UP
    assert follow(schedule, [0.1] * 4, losses=[3.5, 2.5, 2.5, 2.5])[1] == GAVE_UP
    assert follow(schedule, [0.1] * 4, losses=[3.5, 2.5, 2.5, 1.9])[1] == ""


def test_unknown_names_and_options_are_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"unknown schedule 'serach'.*'search'"):
        Schedule("serach")
    with pytest.raises(ValueError, match=r"unknown option 'patiense'.*'patience'"):
        Schedule("search", (("patiense", 3),))


def test_every_option_of_every_schedule_changes_something():
    metrics = [0.5, 0.6, *[0.6] * 60]
    losses = [2.0] * len(metrics)
    other = {
        "give_up": ((100, 1.0),),
        "target": 0.6,
        "lowest_rate": 0.7,
        "max_epochs": 5,
    }
    for name, row in SCHEDULES.items():
        usual = run_out(Schedule(name), metrics, losses)
        for option, default in row.options.items():
            value = other.get(option) or default * 0.5
            changed = run_out(Schedule(name, ((option, value),)), metrics, losses)
            assert changed != usual, (name, option)


def run_out(schedule, metrics, losses):
    for count in range(1, len(metrics) + 1):
        followed = follow(schedule, metrics[:count], losses=losses)
        if followed[1]:
            break
    return followed
