"""From results to a table: means, confidence intervals, ratios to the GRU, ties."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from search.contest.contest import Outcome
from search.errors import UserError
from tasks import Metric
from workers import Setting, Status

CONFIDENCE: Final = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean with a confidence interval.

    Attributes:
        mean: Of the values.
        low: Its lower end; None where one value has no spread to tell it by.
        high: Its upper end.
    """

    mean: float
    low: float | None = None
    high: float | None = None

    def overlaps(self, other: "Interval") -> bool:
        """Whether the two may be equal; False where an interval is missing."""
        ends = (self.low, self.high, other.low, other.high)
        if any(end is None for end in ends):
            return False
        low, high, other_low, other_high = (float(end or 0.0) for end in ends)
        return low <= other_high and other_low <= high


@dataclass(frozen=True)
class Scored:
    """How a cell did on a task, metrics in the task's unit.

    Attributes:
        best: Of the race over settings: the best of many, and so optimistic.
        interval: The best setting with fresh seeds; without any, the same as `best`.
        test: The same on the test split, where it was asked for.
        setting: The best setting.
        trainings: How many there were.
        repeats: How many fresh seeds there were.
        failed: How many of them did not end well.
    """

    best: float
    interval: Interval
    test: Interval | None
    setting: Setting
    trainings: int
    repeats: int = 0
    failed: int = 0


def interval(values: Sequence[float]) -> Interval:
    """Mean and 95 % confidence interval by Student's t; values are independent."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return Interval(mean)
    from scipy.special import stdtrit  # slow to import

    quantile = float(stdtrit(len(values) - 1, (1 + CONFIDENCE) / 2))
    half = quantile * statistics.stdev(values) / math.sqrt(len(values))
    return Interval(mean, mean - half, mean + half)


def score(outcome: Outcome) -> Scored | None:
    """The score of a contest; None while it is not over, or if every setting failed.

    A repeat that fails counts with the best it had reached; one that had reached
    nothing is counted in `failed` alone.
    """
    winner = outcome.winner
    if not outcome.over or winner is None or winner.best is None:
        return None

    # Fresh seeds tell what a setting is worth; the best of many is optimistic.
    values = [run.best for run in outcome.repeats if run.best is not None]
    if outcome.repeats and not values:
        return None
    tests = [run.test for run in outcome.repeats if run.test is not None]
    return Scored(
        best=winner.best,
        interval=interval(values) if values else Interval(winner.best),
        test=interval(tests) if tests else None,
        setting=winner.setting,
        trainings=outcome.trainings,
        repeats=len(outcome.repeats),
        failed=sum(run.status is not Status.OK for run in outcome.repeats),
    )


def ratio(value: float, baseline: float, metric: Metric) -> float:
    """How well a cell does in units of the baseline: above 1 is better.

    Raises:
        UserError: A zero, of which there is no ratio.
    """
    divisor = baseline if metric.higher_is_better else value
    if not baseline or not divisor:
        raise UserError(
            f"no ratio of {value:g} to the baseline's {baseline:g}: allow more updates "
            "with `budget`, or leave ratios out with `baseline=False`"
        )
    return metric.ratio(value, baseline)


def tied(scores: Mapping[str, Scored], metric: Metric) -> frozenset[str]:
    """Who cannot be told from the best of a column: its interval and theirs overlap.

    Returns:
        Their names and the best's; nothing if nobody is tied with it.
    """
    if not scores:
        return frozenset()
    best = max(scores, key=lambda name: metric.oriented(scores[name].interval.mean))
    names = frozenset(
        name
        for name, row in scores.items()
        if name == best or row.interval.overlaps(scores[best].interval)
    )
    return names if len(names) > 1 else frozenset()
