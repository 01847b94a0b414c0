"""How well scores tell cells apart: shares of variance, reliability, and what it costs.

A score is y[cell, setting, seed], already a difference to the baseline's run of the
same setting and seed, so that what these do to every cell alike has gone. What is left
is a cell's own worth, its liking for a setting, and luck:

    y[c, p, s] = mean[p, s] + cell[c] + like[c, p] + luck[c, p, s]

The variances of the three are found by analysis of variance (method of moments for the
two-way crossed design, Searle, Casella and McCulloch 1992, chapter 4). Reliability is
the share of the variance of a cell's mean that is the cell's own (Cronbach et al.
1972): the correlation to be expected between two independent panels of that size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
"""[cells, settings, seeds]: positive is better than the baseline."""

RESAMPLES: Final = 500
"""Bootstrap samples of an interval."""

LEVEL: Final = 0.95
"""Of every interval."""


class Bounds(NamedTuple):
    """A value with what it may be."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Variance:
    """Components of the variance of one run's score among cells.

    Attributes:
        cell: Of the cells' own worth.
        setting: Of cell x setting: which settings a cell likes.
        seed: Of luck: seeds within a cell and setting.
    """

    cell: float
    setting: float
    seed: float

    @property
    def total(self) -> float:
        """Variance of one run of one setting."""
        return self.cell + self.setting + self.seed

    def shares(self) -> tuple[float, float, float]:
        """The shares of cell, cell x setting and seed; zeros where nothing varies."""
        total = self.total or 1.0
        return self.cell / total, self.setting / total, self.seed / total

    def reliability(self, settings: int, seeds: int) -> float:
        """Of a cell's mean over so many settings, each with so many seeds."""
        noise = self.setting / settings + self.seed / (settings * seeds)
        return self.cell / (self.cell + noise) if self.cell else 0.0


def variance(scores: Scores) -> Variance:
    """The components; none is below 0.

    Args:
        scores: Of two cells or more. With one setting, cell x setting cannot be told
            from the cell and counts as the cell's; with one seed, luck counts as
            cell x setting.
    """
    cells, settings, seeds = scores.shape
    if cells < 2:
        raise ValueError(f"components of variance need two cells or more, got {cells}")
    # What a setting and seed do to all cells alike is no difference between cells.
    own = scores - scores.mean(axis=0)
    by_setting = own.mean(axis=2)
    by_cell = by_setting.mean(axis=1)
    luck = _mean_square(
        own - by_setting[:, :, None], (cells - 1) * settings * (seeds - 1)
    )
    like = seeds * _mean_square(
        by_setting - by_cell[:, None], (cells - 1) * (settings - 1)
    )
    worth = settings * seeds * _mean_square(by_cell, cells - 1)
    if settings == 1:
        like = luck
    if seeds == 1:
        luck = 0.0
    return Variance(
        cell=max(0.0, (worth - like) / (settings * seeds)),
        setting=max(0.0, (like - luck) / seeds) if settings > 1 else 0.0,
        seed=luck,
    )


def _mean_square(values: NDArray[np.float64], degrees: int) -> float:
    return float((values**2).sum() / degrees) if degrees else 0.0


def interval_of(
    scores: Scores, statistic: Callable[[Scores], float], seed: int = 0
) -> Bounds:
    """A statistic of scores with a percentile interval, by resampling cells.

    Args:
        scores: [cells, settings, seeds], or with tasks before: [tasks, cells, ...].
        statistic: What is wanted; called once a resample.
        seed: Of the resampling.
    """
    rng = np.random.default_rng(seed)
    axis = scores.ndim - 3
    count = scores.shape[axis]
    values = []
    for _ in range(RESAMPLES):
        chosen = rng.integers(count, size=count)
        if np.ptp(chosen):  # of one cell alone nothing can be said
            values.append(statistic(np.take(scores, chosen, axis=axis)))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(values, (tail, 1 - tail))
    return Bounds(statistic(scores), float(low), float(high))


def least(scores: Scores) -> NDArray[np.float64]:
    """Fitness [cells]: the least over tasks of the mean over settings and seeds.

    Args:
        scores: [tasks, cells, settings, seeds].
    """
    found: NDArray[np.float64] = scores.mean(axis=(2, 3)).min(axis=0)
    return found


def reliability_of_least(
    scores: Scores, settings: int, seeds: int, *, draws: int = 200, rng_seed: int = 0
) -> float:
    """Correlation between the fitness of two panels drawn from the scores' components.

    The least over tasks has no formula. So worlds are drawn in which cells are worth
    what they were measured to be, shrunk by the reliability of that measurement, and
    two panels of each are compared.

    Args:
        scores: [tasks, cells, settings, seeds].
        settings: Of a panel.
        seeds: Of each setting of a panel.
        draws: How many pairs of panels.
        rng_seed: Of the draws.
    """
    rng = np.random.default_rng(rng_seed)
    tasks, _, p, s = scores.shape
    parts = [variance(task) for task in scores]
    own = scores - scores.mean(axis=1, keepdims=True)
    means = scores.mean(axis=(1, 2, 3))
    worth = np.stack(
        [
            means[task]
            + np.sqrt(parts[task].reliability(p, s)) * own[task].mean((1, 2))
            for task in range(tasks)
        ]
    )
    noise = np.sqrt(
        [part.setting / settings + part.seed / (settings * seeds) for part in parts]
    )[:, None]
    correlations = []
    for _ in range(draws):
        pair = [
            (worth + noise * rng.standard_normal(worth.shape)).min(axis=0)
            for _ in range(2)
        ]
        correlations.append(_correlation(*pair))
    return float(np.mean(correlations))


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


@dataclass(frozen=True)
class PanelSize:
    """How many runs a cell is given, and what that is worth.

    Attributes:
        settings: Settings, each on every task.
        seeds: Seeds of each.
        seconds: Core-seconds of a cell, compilation included.
        reliability: Of the least over tasks.
    """

    settings: int
    seeds: int
    seconds: float
    reliability: float


def cheapest(
    scores: Scores,
    wanted: float,
    *,
    run_s: float,
    compile_s: float,
    most_settings: int,
    most_seeds: int = 16,
) -> tuple[PanelSize, bool]:
    """The cheapest panel that reaches a reliability, or else the best there is.

    Args:
        scores: [tasks, cells, settings, seeds].
        wanted: The reliability of the least over tasks.
        run_s: Core-seconds of a run on all tasks.
        compile_s: Core-seconds of compiling a cell.
        most_settings: Settings that there are.
        most_seeds: Seeds that may be asked for.

    Returns:
        The panel, and whether it reaches what is wanted.
    """
    panels = [
        PanelSize(
            settings,
            seeds,
            compile_s + settings * seeds * run_s,
            reliability_of_least(scores, settings, seeds),
        )
        for settings in range(1, most_settings + 1)
        for seeds in _counts(most_seeds)
    ]
    enough = [panel for panel in panels if panel.reliability >= wanted]
    if enough:
        return min(enough, key=lambda panel: panel.seconds), True
    return max(panels, key=lambda panel: panel.reliability), False


def _counts(most: int) -> Sequence[int]:
    """1, 2, 3, 4, 6, 8, 12, 16, ...: fine enough to choose from."""
    steps = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
    return [count for count in steps if count <= most]


def mean_interval(values: NDArray[np.float64], level: float = LEVEL) -> Bounds:
    """The mean of independent values and its interval by Student's t.

    Args:
        values: [n]; with one value the interval is everything.
        level: Probability that the interval has the true mean in it.
    """
    mean = float(values.mean())
    if len(values) < 2:
        return Bounds(mean, -np.inf, np.inf)
    half = t_quantile((1 + level) / 2, len(values) - 1) * standard_error(values)
    return Bounds(mean, mean - half, mean + half)


def shared_level(count: int) -> float:
    """The level of each of so many intervals if all are to be right (Bonferroni)."""
    return 1 - (1 - LEVEL) / count


def standard_error(values: NDArray[np.float64]) -> float:
    """Of the mean of independent values; infinite for one."""
    if len(values) < 2:
        return float("inf")
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def t_quantile(probability: float, degrees: float) -> float:
    """The quantile of Student's t."""
    from scipy.special import stdtrit

    value: Any = stdtrit(degrees, probability)
    return float(value)
