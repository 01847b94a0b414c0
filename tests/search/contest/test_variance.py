import numpy as np
import pytest
from scipy import stats

from search.contest.variance import (
    Variance,
    cheapest,
    interval_of,
    least,
    mean_interval,
    reliability_of_least,
    t_quantile,
    variance,
)

TRUE = Variance(cell=1.0, setting=0.5, seed=0.25)


def drawn(
    part: Variance, cells: int = 400, settings: int = 3, seeds: int = 4, seed: int = 0
) -> np.ndarray:
    rng = np.random.default_rng(seed)
    common = rng.normal(0, 3, (1, settings, seeds))  # of all cells alike
    return (
        common
        + rng.normal(0, part.cell**0.5, (cells, 1, 1))
        + rng.normal(0, part.setting**0.5, (cells, settings, 1))
        + rng.normal(0, part.seed**0.5, (cells, settings, seeds))
    )


def test_components_of_known_variances_are_found() -> None:
    found = variance(drawn(TRUE))
    assert found.cell == pytest.approx(TRUE.cell, rel=0.2)
    assert found.setting == pytest.approx(TRUE.setting, rel=0.2)
    assert found.seed == pytest.approx(TRUE.seed, rel=0.1)
    assert sum(found.shares()) == pytest.approx(1)


def test_what_all_cells_share_changes_nothing() -> None:
    scores = drawn(TRUE, cells=12)
    shift = np.random.default_rng(1).normal(0, 9, (1, 3, 4))
    one, other = variance(scores + shift), variance(scores)
    assert one.cell == pytest.approx(other.cell)
    assert one.seed == pytest.approx(other.seed)


def test_one_setting_agrees_with_one_way_analysis_of_variance() -> None:
    scores = drawn(TRUE, cells=8, settings=1, seeds=6)
    own = scores[:, 0] - scores[:, 0].mean(axis=0)
    # Removing the seeds' means takes a degree of freedom from every seed but one.
    within = ((own - own.mean(axis=1, keepdims=True)) ** 2).sum() / (7 * 5)
    between = 6 * own.mean(axis=1).var(ddof=1)
    found = variance(scores)
    assert found.seed == pytest.approx(within)
    assert found.cell == pytest.approx(max(0, (between - within) / 6))
    assert found.setting == 0
    f = stats.f_oneway(*own).statistic
    assert between / within == pytest.approx(f * (7 * 5) / (8 * 5))


def test_cells_that_do_not_differ_have_no_reliability() -> None:
    alike = variance(drawn(Variance(0.0, 0.0, 1.0), cells=200))
    assert alike.cell < 0.05
    assert Variance(0.0, 0.0, 1.0).reliability(2, 4) == 0.0


def test_reliability_is_the_correlation_of_two_panels() -> None:
    part = Variance(1.0, 0.5, 0.25)
    rng = np.random.default_rng(7)
    worth = rng.normal(0, 1, (4000, 1, 1))
    none = Variance(0.0, 0.5, 0.25)
    one, other = (worth + drawn(none, 4000, 2, 3, seed) for seed in (5, 6))
    found = np.corrcoef(one.mean((1, 2)), other.mean((1, 2)))[0, 1]
    assert part.reliability(2, 3) == pytest.approx(found, abs=0.02)


def test_reliability_of_one_task_is_that_of_its_least() -> None:
    scores = drawn(TRUE, cells=60)[None]
    part = variance(scores[0])
    assert reliability_of_least(scores, 2, 2) == pytest.approx(
        part.reliability(2, 2), abs=0.08
    )


def test_the_least_over_tasks_is_taken_after_the_mean() -> None:
    scores = np.array([[[[1.0, -1.0]]], [[[0.5, 0.5]]]])
    assert least(scores).tolist() == [0.0]


def test_the_cheapest_panel_reaches_what_is_wanted() -> None:
    scores = np.stack([drawn(TRUE, cells=30, seed=seed) for seed in range(3)])
    panel, enough = cheapest(
        scores, 0.7, run_s=1.0, compile_s=2.0, most_settings=4, most_seeds=8
    )
    assert enough
    assert panel.reliability >= 0.7
    assert panel.seconds == 2.0 + panel.settings * panel.seeds  # compiled once
    better, reached = cheapest(
        scores, 0.999, run_s=1.0, compile_s=2.0, most_settings=2, most_seeds=2
    )
    assert not reached
    assert better.settings == 2


def test_intervals_are_students() -> None:
    values = np.random.default_rng(3).normal(2, 1, 9)
    found = mean_interval(values)
    low, high = stats.t.interval(0.95, 8, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert t_quantile(0.975, 8) == pytest.approx(stats.t.ppf(0.975, 8))
    assert mean_interval(values[:1]).high == np.inf


def test_an_interval_by_cells_has_the_value_in_it() -> None:
    scores = drawn(TRUE, cells=14)
    found = interval_of(scores, lambda part: variance(part).reliability(2, 4))
    assert found.low <= found.value <= found.high
    assert found == interval_of(scores, lambda part: variance(part).reliability(2, 4))
