"""The table of finals: values, intervals, ties and verdicts, against plain formulas."""

import statistics

import numpy as np
import pytest
from scipy import stats

from search.contest.finals import FinalRow, final_table

NAMES = [
    ("gru", "g", False),
    ("good", "a", True),
    ("alike", "b", True),
    ("bad", "c", True),
]
TASKS = [("one", True), ("two", True), ("other", False)]
TRUE = np.array([[0.0, 0.3, 0.29, -0.2], [0.0, 0.2, 0.21, 0.4], [0.0, -0.3, 0.0, 0.0]])
"""By task and cell: how much better than the baseline."""


def scores(noise: float = 0.05, seeds: int = 16, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    common = rng.normal(0, 1, (3, 1, 3, seeds))  # what a seed does to all alike
    return common - TRUE[:, :, None, None] + rng.normal(0, noise, (3, 4, 3, seeds))


def table(values: np.ndarray) -> dict[str, FinalRow]:
    rows = final_table(NAMES, TASKS, values, np.exp(values), 0)
    assert [row.fitness.value for row in rows] == sorted(
        (row.fitness.value for row in rows), reverse=True
    )
    return {row.name: row for row in rows}


def test_differences_and_intervals_are_those_of_pairs() -> None:
    values = scores()
    found = table(values)["good"].scores[0]
    pairs = (values[0, 0] - values[0, 1]).mean(axis=0)
    assert found.difference.value == pytest.approx(pairs.mean())
    low, high = stats.t.interval(0.95, 15, pairs.mean(), stats.sem(pairs))
    assert (found.difference.low, found.difference.high) == pytest.approx((low, high))
    assert found.loss == pytest.approx(np.exp(values[0, 1]).mean())


def test_fitness_is_the_least_over_the_tasks_of_the_search() -> None:
    rows = table(scores())
    assert rows["good"].fitness.value == pytest.approx(0.2, abs=0.03)
    assert rows["bad"].fitness.value == pytest.approx(-0.2, abs=0.03)
    assert rows["gru"].fitness.value == 0
    assert all(
        row.fitness.low <= row.fitness.value <= row.fitness.high
        for row in rows.values()
    )


def test_who_beats_the_baseline_beats_it_on_every_task_of_the_search() -> None:
    rows = table(scores())
    assert rows["good"].beats
    assert rows["alike"].beats
    assert not rows["bad"].beats
    assert not rows["gru"].beats
    assert [score.verdict for score in rows["bad"].scores[:2]] == ["worse", "better"]
    assert rows["good"].scores[2].verdict == "worse"  # and yet it beats: not searched
    assert rows["good"].scores[0].ahead == 3


def test_what_cannot_be_told_from_the_best_is_a_tie() -> None:
    rows = table(scores())
    assert rows["good"].tie
    assert rows["alike"].tie
    assert not rows["bad"].tie
    assert not rows["gru"].tie


def test_with_much_noise_nobody_beats_anybody() -> None:
    rows = table(scores(noise=4.0, seeds=4))
    assert not any(row.beats for row in rows.values())


def test_a_row_is_json() -> None:
    values = scores()
    losses = np.full_like(values, np.nan)
    [row] = [
        r for r in final_table(NAMES, TASKS, values, losses, 0) if r.name == "good"
    ]
    found = row.to_dict()
    assert found["beats_baseline"] is True
    assert found["tasks"]["one"]["loss"] is None
    assert found["tasks"]["one"]["verdict"] == "better"
    assert found["tasks"]["other"]["searched"] is False


def by_seed(values: np.ndarray, task: int, cell: int) -> list[float]:
    """How much better than the baseline, for each seed."""
    return [
        statistics.fmean(
            values[task, 0, setting, seed] - values[task, cell, setting, seed]
            for setting in range(3)
        )
        for seed in range(values.shape[-1])
    ]


def interval(pairs: list[float], error: float) -> tuple[float, float, float]:
    mean, error_of = statistics.fmean(pairs), stats.sem(pairs)
    half = stats.t.ppf(1 - error, len(pairs) - 1) * error_of
    return mean, mean - half, mean + half


@pytest.mark.parametrize("world", range(8))
def test_a_table_is_what_plain_loops_make_of_the_runs(world: int) -> None:
    seeds, noise = (2, 3, 6, 16)[world % 4], (0.05, 0.4)[world // 4]
    values = scores(noise=noise, seeds=seeds, seed=world)
    losses = np.exp(values)
    losses[0, 1, 0, 0] = np.nan  # that run has failed
    runs = [[by_seed(values, task, cell) for task in range(3)] for cell in range(4)]
    means = [[statistics.fmean(pairs) for pairs in cell] for cell in runs]
    least = [min(cell[:2]) for cell in means]
    order = sorted(range(4), key=lambda cell: -least[cell])
    rows = final_table(NAMES, TASKS, values, losses, 0)
    assert [row.name for row in rows] == [NAMES[cell][0] for cell in order]
    for row, cell in zip(rows, order, strict=True):
        low = min(interval(pairs, 0.025)[1] for pairs in runs[cell][:2])
        high = min(interval(pairs, 0.0125)[2] for pairs in runs[cell][:2])
        assert row.fitness == pytest.approx((least[cell], low, high))
        worst = runs[cell][means[cell].index(least[cell])]
        gaps = [
            [one - other for one, other in zip(task, worst, strict=True)]
            for task in runs[order[0]][:2]
        ]
        behind = all(interval(gap, 0.0125)[1] > 0 for gap in gaps)
        assert row.tie == (cell == order[0] or not behind)
        for task, score in enumerate(row.scores):
            assert score.difference == pytest.approx(interval(runs[cell][task], 0.025))
            settings = (values[task, 0] - values[task, cell]).tolist()
            assert score.ahead == sum(statistics.fmean(one) > 0 for one in settings)
            assert score.loss == pytest.approx(np.nanmean(losses[task, cell]))
        assert row.beats == (row.fitness.low > 0)


@pytest.mark.parametrize("seeds", [2, 16])
@pytest.mark.parametrize("gap", [0.0, 1.0])
def test_an_interval_of_the_least_has_it_and_no_equal_is_behind(
    seeds: int, gap: float
) -> None:
    rng = np.random.default_rng(seeds)
    found, behind = 0, 0
    for _ in range(200):
        values = rng.normal(0, 0.1, (4, 3, 3, seeds))
        values[1:, 1:] -= gap  # all tasks but the first are better by so much
        rows = final_table(
            NAMES[:3], [(name, True) for name in "abcd"], values, values, 0
        )
        mine = next(row for row in rows if row.name == "good")
        found += mine.fitness.low <= 0 <= mine.fitness.high
        behind += not mine.tie
    assert found / 200 > 0.93
    assert behind / 200 < 0.05
