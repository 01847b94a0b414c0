"""Successive halving over the settings of a round, as rungs of ever larger budgets.

A race belongs to whoever asks for evaluations; a job knows nothing of it. Each rung
is defined as training from scratch with its budget, so that nothing here depends on
who holds which state; a worker that can continue gives the same results sooner.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tasks import Metric
from workers import Result, Setting, Status

Runs = Mapping[tuple[Setting, int], Result]
"""Results so far, by setting and budget in updates."""


@dataclass(frozen=True)
class Racing:
    """How a race is run (Jamieson and Talwalkar 2016, arXiv:1502.07943).

    Attributes:
        eta: One in so many settings reaches the next rung, with `eta` times the budget.
        first: Share of the whole budget that every setting gets.
    """

    eta: float = 3.0
    first: float = 1 / 9

    def __post_init__(self) -> None:
        """Refuses what is no race.

        Raises:
            ValueError: Names the field and what came.
        """
        if not self.eta > 1:
            raise ValueError(f"eta of a race must be above 1, got {self.eta}")
        if not 0 < self.first <= 1:
            raise ValueError(f"first of a race must be in (0, 1], got {self.first}")


class Rung(NamedTuple):
    """One rung: how many settings are trained on how many updates."""

    settings: int
    budget: int


def rungs(racing: Racing | None, settings: int, budget: int) -> tuple[Rung, ...]:
    """All rungs of a race, the last one with the whole budget.

    Args:
        racing: None: all settings get the whole budget, as in the paper.
        settings: How many settings take part.
        budget: The whole budget in updates.
    """
    if racing is None:
        return (Rung(settings, budget),)
    found: list[Rung] = []
    share, left = racing.first, float(settings)
    while share < 1 - 1e-9:
        found.append(Rung(max(1, int(left + 1e-9)), math.ceil(share * budget - 1e-9)))
        share, left = share * racing.eta, left / racing.eta
    return (*found, Rung(max(1, int(left + 1e-9)), budget))


def due(
    racing: Racing | None,
    settings: Sequence[Setting],
    budget: int,
    runs: Runs,
    metric: Metric,
) -> tuple[tuple[Setting, int], ...]:
    """The settings, with their budget, to be trained next; none: the race is over.

    What is over for any budget (its schedule has ended, it has diverged) counts in
    later rungs as it is and is not trained again.

    Args:
        racing: See `rungs`.
        settings: All settings of the round, of any shapes.
        budget: The whole budget in updates.
        runs: Results so far; those of other settings and budgets are ignored.
        metric: The task's.
    """
    running = tuple(dict.fromkeys(settings))

    # Rung after rung: the first that lacks a result says what is to be trained.
    for count, updates in rungs(racing, len(running), budget):
        results = [_result(setting, updates, runs) for setting in running[:count]]
        missing = tuple(
            (setting, updates)
            for setting, result in zip(running, results, strict=False)
            if result is None
        )
        if missing:
            return missing
        known = [result for result in results if result is not None]
        running = tuple(r.setting for r in ranked(known, metric))
    return ()


def ranked(results: Iterable[Result], metric: Metric) -> list[Result]:
    """The results, best first; failures come last, and equal ones in order of text."""

    def rank(result: Result) -> tuple[bool, bool, float, str]:
        text = result.setting.text
        if result.best is None:
            return (True, True, 0.0, text)
        value = -metric.oriented(result.best)
        return (result.status is not Status.OK, False, value, text)

    return sorted(results, key=rank)


def _result(setting: Setting, budget: int, runs: Runs) -> Result | None:
    """The result of a setting at a budget, or one that would be the same there."""
    exact = runs.get((setting, budget))
    if exact is not None:
        return exact
    over = [
        result
        for (other, updates), result in runs.items()
        if other == setting and updates <= budget and result.over
    ]
    return over[0] if over else None


def by_shape(settings: Iterable[Setting]) -> tuple[tuple[Setting, ...], ...]:
    """The settings in groups that share a compiled program, as jobs need them."""
    groups: dict[object, list[Setting]] = {}
    for setting in settings:
        groups.setdefault(setting.shape, []).append(setting)
    return tuple(tuple(group) for group in groups.values())
