"""The table of finals: values, intervals, ties and verdicts, against plain formulas."""

import itertools
import statistics

import numpy as np
import pytest
from scipy import stats

from search.contest.finals import RESAMPLES, FinalRow, final_table

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


def least_of(values: np.ndarray, cell: int, seeds: list[int]) -> float:
    """The least over searched tasks of the mean over settings and some seeds."""
    means = []
    for task in (0, 1):
        pairs = [
            values[task, 0, setting, seed] - values[task, cell, setting, seed]
            for setting, seed in itertools.product(range(3), seeds)
        ]
        means.append(statistics.fmean(pairs))
    return min(means)


@pytest.mark.parametrize("world", range(4))
def test_a_table_is_what_plain_loops_make_of_the_runs(world: int) -> None:
    seeds = (2, 3, 6, 16)[world]
    values = scores(noise=(0.01, 0.1, 0.3, 1.0)[world], seeds=seeds, seed=world)
    losses = np.exp(values)
    losses[0, 1, 0, 0] = np.nan  # that run has failed
    drawn = np.random.default_rng(seeds).integers(seeds, size=(RESAMPLES, seeds))
    again = {
        cell: [least_of(values, cell, list(chosen)) for chosen in drawn]
        for cell in range(4)
    }
    whole = [least_of(values, cell, list(range(seeds))) for cell in range(4)]
    best = whole.index(max(whole))
    rows = final_table(NAMES, TASKS, values, losses, 0)
    assert [r.name for r in rows] == [
        NAMES[cell][0] for cell in sorted(range(4), key=lambda cell: -whole[cell])
    ]
    for row in rows:
        cell = [name for name, _, _ in NAMES].index(row.name)
        low, high = np.quantile(again[cell], (0.025, 0.975))
        assert row.fitness == pytest.approx((whole[cell], low, high))
        gaps = [a - b for a, b in zip(again[best], again[cell], strict=True)]
        assert row.tie == (cell == best or np.quantile(gaps, 0.025) <= 0)
        for task, score in enumerate(row.scores):
            pairs = values[task, 0] - values[task, cell]
            by_seed = [statistics.fmean(pairs[:, seed]) for seed in range(seeds)]
            half = stats.t.ppf(0.975, seeds - 1) * stats.sem(by_seed)
            mean = statistics.fmean(by_seed)
            assert score.difference == pytest.approx((mean, mean - half, mean + half))
            assert score.ahead == sum(pairs[setting].mean() > 0 for setting in range(3))
            assert score.loss == pytest.approx(np.nanmean(losses[task, cell]))
