"""What a rung of a ladder came to: who is ahead, who is left out, and what to doubt."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from cells import digest, published_name
from search.contest.finals import FinalRow, final_table
from search.contest.panel import Array, Panel
from search.contest.variance import mean_interval
from search.procedure.objective import Fitness
from workers import Setting


class Edge(NamedTuple):
    """The baseline is best at the first or last of the rates that there are.

    Then a better rate may lie beyond, and cells be ahead for want of it.

    Attributes:
        task: Name of the task.
        setting: With that rate.
        lowest: Whether it is the lowest; otherwise the highest.
        told: Whether it is better than the rate beside it beyond the 95 % interval.
    """

    task: str
    setting: Setting
    lowest: bool
    told: bool


class Agreement(NamedTuple):
    """Whether two rungs order cells alike.

    Attributes:
        size: Of the lower rung.
        cells: How many were on both, the baseline among them.
        fitness: Spearman's rank correlation of their fitness; None: too few cells.
        tasks: For each task, that of their values there.
    """

    size: int
    cells: int
    fitness: float | None
    tasks: dict[str, float | None]


@dataclass(frozen=True)
class RungTable:
    """What a rung came to.

    Attributes:
        size: Weights of a model.
        baseline: Name of the cell that all are compared with.
        settings: How many each cell had, rates included.
        seeds: Of each setting.
        rows: The cells, best first.
        own_rates: For each cell its fitness if it and the baseline have, of each
            setting, the rate that was best for them.
        behind: Those that are clearly behind the baseline, in order of the rows.
        edges: Where the baseline is best at an end of the rates.
        agreements: With each rung below.
    """

    size: int
    baseline: str
    settings: int
    seeds: int
    rows: tuple[FinalRow, ...]
    own_rates: dict[str, float]
    behind: tuple[str, ...]
    edges: tuple[Edge, ...]
    agreements: tuple[Agreement, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "size": self.size,
            "baseline": self.baseline,
            "settings": self.settings,
            "seeds": self.seeds,
            "rows": [
                {**row.to_dict(), "own_rates": self.own_rates[row.name]}
                for row in self.rows
            ],
            "behind": list(self.behind),
            "edges": [
                {**edge._asdict(), "setting": edge.setting.to_dict()}
                for edge in self.edges
            ],
            "agreements": [one._asdict() for one in self.agreements],
        }


def judge(
    panel: Panel,
    scores: Array,
    losses: Array,
    *,
    size: int,
    baseline: str,
    searched: int,
    rates: int,
    error: float,
    fitness: Fitness,
    below: Sequence[RungTable],
) -> RungTable:
    """What a rung came to; arguments are those of `Ladder`, unless said here.

    Args:
        panel: What was trained.
        scores: Log losses [tasks, cells, settings, seeds], none missing.
        losses: Last losses, of the same shape.
        size: Weights of a model.
        baseline: See `Ladder`.
        searched: See `Ladder`.
        rates: How many there are of each setting.
        error: See `Ladder`.
        fitness: See `Ladder`.
        below: The rungs below.
    """
    names, tasks = list(panel.cells), [task.name for task in panel.tasks]
    base = names.index(baseline)
    keys = [(name, digest(cell)) for name, cell in panel.cells.items()]
    rows = final_table(
        [(name, key, published_name(key) is None) for name, key in keys],
        [(task, number < searched) for number, task in enumerate(tasks)],
        scores,
        losses,
        base,
    )
    own = (scores[:, base : base + 1] - scores)[:searched]
    late = {
        name
        for cell, name in enumerate(names)
        if cell != base and is_behind(own[:, cell], error, fitness)
    }
    by_rate = scores.reshape(*scores.shape[:2], -1, rates, scores.shape[-1])
    tuned = (
        by_rate[:searched].mean(axis=-1).min(axis=-1).mean(axis=-1)
    )  # [tasks, cells]
    combine = np.mean if fitness is Fitness.MEAN else np.min
    values = combine(tuned[:, base : base + 1] - tuned, axis=0)
    return RungTable(
        size=size,
        baseline=baseline,
        settings=scores.shape[2],
        seeds=scores.shape[3],
        rows=tuple(rows),
        own_rates=dict(zip(names, map(float, values), strict=True)),
        behind=tuple(row.name for row in rows if row.name in late),
        edges=tuple(_edges(panel, by_rate[:, base])),
        agreements=tuple(_agreement(rows, other) for other in below),
    )


def is_behind(differences: Array, error: float, fitness: Fitness) -> bool:
    """Whether a cell is clearly behind the baseline, one-sided, by Student's t.

    By the least over tasks it is if it is so on one of them, and tasks share the
    probability of error (Bonferroni); by the mean, if their mean is.

    Args:
        differences: [tasks, settings, seeds]: positive is better than the baseline.
        error: Probability that one is said to be behind that is level on all tasks.
        fitness: How values on tasks are combined.
    """
    if not error:
        return False
    by_seed = differences.mean(axis=1)
    if fitness is Fitness.MEAN:
        by_seed = by_seed.mean(axis=0, keepdims=True)
    # Both tails of the interval together: twice the one that counts.
    level = 1 - 2 * error / len(by_seed)
    return any(mean_interval(values, level).high < 0 for values in by_seed)


def _edges(panel: Panel, scores: Array) -> Iterator[Edge]:
    """Of the baseline: log losses [tasks, settings, rates, seeds], rates rising."""
    *_, rates, _ = scores.shape
    if rates == 1:
        return
    for task, about in enumerate(panel.tasks):
        for number, by_rate in enumerate(scores[task]):
            best = int(by_rate.mean(axis=1).argmin())
            if 0 < best < rates - 1:
                continue
            beside = by_rate[1 if best == 0 else best - 1]
            setting = panel.settings[number * rates + best]
            told = mean_interval(beside - by_rate[best]).low > 0
            yield Edge(about.name, setting, best == 0, told)


def _agreement(rows: Sequence[FinalRow], below: RungTable) -> Agreement:
    known = {row.name: row for row in below.rows}
    pairs = [(row, known[row.name]) for row in rows if row.name in known]
    return Agreement(
        size=below.size,
        cells=len(pairs),
        fitness=_correlation([(a.fitness.value, b.fitness.value) for a, b in pairs]),
        tasks={
            score.task: _correlation(
                [
                    (a.scores[task].difference.value, b.scores[task].difference.value)
                    for a, b in pairs
                ]
            )
            for task, score in enumerate(rows[0].scores)
        },
    )


def _correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Spearman's; of ties each has the mean of their ranks."""
    if len(pairs) < 3:
        return None
    values = np.array(pairs).T
    more = values[:, :, None] > values[:, None, :]
    same = values[:, :, None] == values[:, None, :]
    ranks = more.sum(axis=2) + same.sum(axis=2) / 2
    if not np.ptp(ranks, axis=1).all():
        return None
    found = float(np.corrcoef(ranks)[0, 1])
    return None if math.isnan(found) else found
