"""Which hyperparameters worked: what trained settings came to, value by value."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from search.procedure.members import Member
from search.procedure.procedure import Procedure
from tasks import Metric
from workers import Setting

PANEL: Final = "setting"
"""What boxes of a panel are of."""


@dataclass(frozen=True)
class BoxPlot:
    """All trainings on a task that have one value of one hyperparameter.

    By common runs it is the number of the setting in the panel.

    Attributes:
        task: Index of the task.
        field: Of `Setting`, or `PANEL`.
        value: Its value.
        count: Trainings, failures included.
        failed: Those without a metric.
        quartiles: Least, lower quartile, median, upper quartile and most of the best
            validation metrics; empty: all failed.
        best: The best of them; None: all failed.
        cell: Name of the cell that reached it.
    """

    task: int
    field: str
    value: float
    count: int
    failed: int
    quartiles: tuple[float, ...]
    best: float | None
    cell: str


def box_plots(procedure: Procedure) -> Iterator[BoxPlot]:
    """For each task, those hyperparameters that its grid varies, value by value."""
    population = procedure.population
    members = [*population.members.values(), *population.references.values()]
    config = procedure.config
    for task in range(len(config.tasks)):
        trials = _TaskTrials(members, task)
        settings = config.settings(task)
        rows = _varied(settings) if config.objective is None else _numbered(settings)
        for field, values in rows:
            for value in sorted(set(values) - {None}):
                chosen = np.array([other == value for other in values])
                yield trials.box(field, value, chosen, config.metric(task))


def _varied(settings: Sequence[Setting]) -> Iterator[tuple[str, list[Any]]]:
    """Hyperparameters with several values in a grid, with that of each setting."""
    for field in dataclasses.fields(Setting):
        values = [getattr(setting, field.name) for setting in settings]
        numbers = all(isinstance(value, int | float | None) for value in values)
        if numbers and len(set(values)) > 1:
            yield field.name, values


def _numbered(settings: Sequence[Setting]) -> Iterator[tuple[str, list[Any]]]:
    """A panel is no grid: what one hyperparameter does, the others may have done."""
    if len(settings) > 1:
        yield PANEL, list(range(1, len(settings) + 1))


class _TaskTrials:
    """What all cells came to on a task, as arrays.

    Args:
        members: The cells.
        task: Index of the task.
    """

    def __init__(self, members: Sequence[Member], task: int) -> None:
        self._task = task
        self._members = [member for member in members if task < len(member.trials)]
        trials = [member.trials[task] for member in self._members]
        self._counts = np.array([len(own) for own in trials], dtype=np.int64)
        self._indices: NDArray[np.int64] = _joined([own.indices for own in trials])
        self._values: NDArray[np.float64] = _joined([own.values for own in trials])

    def box(
        self, field: str, value: Any, chosen: NDArray[np.bool_], metric: Metric
    ) -> BoxPlot:
        """Of the settings of a grid that are chosen."""
        # A failed training counts as tried, and has no value to be drawn.
        # By common runs a setting has an index for each seed.
        places = np.flatnonzero(chosen[self._indices.astype(np.int64) % len(chosen)])
        worked = places[np.isfinite(self._values[places])]
        metrics = self._values[worked]
        quartiles: tuple[float, ...] = ()
        best, cell = None, ""
        if len(worked):
            quartiles = tuple(map(float, np.quantile(metrics, (0, 0.25, 0.5, 0.75, 1))))
            pick = np.argmax if metric.higher_is_better else np.argmin
            place = int(pick(metrics))
            best = float(metrics[place])
            # Trials lie member after member: sums of their counts say whose it is.
            owner = np.searchsorted(np.cumsum(self._counts), worked[place], "right")
            cell = self._members[int(owner)].name
        return BoxPlot(
            task=self._task,
            field=field,
            value=float(value),
            count=len(places),
            failed=len(places) - len(worked),
            quartiles=quartiles,
            best=best,
            cell=cell,
        )


def _joined(parts: Sequence[Sequence[float]]) -> NDArray[Any]:
    filled = [np.asarray(part) for part in parts if len(part)]
    return np.concatenate(filled) if filled else np.zeros(0)
