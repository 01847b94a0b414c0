"""What tasks and panels are worth: do they tell cells apart, and for how much work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from search.contest.panel import Array, Panel
from search.contest.variance import (
    Bounds,
    PanelSize,
    Variance,
    cheapest,
    interval_of,
    reliability_of_least,
    variance,
)
from search.procedure.objective import Paired
from tasks import Task

SATURATED: Final = 0.1
UNLEARNED: Final = 0.7
"""Shares of the uniform loss between which the baseline should end: below, the
logarithm is luck; above, hardly anything has been learned."""


@dataclass(frozen=True)
class TaskWorth:
    """What a task says of cells.

    Attributes:
        task: Its name.
        variance: Of one run, in parts.
        reliability: Of the panel asked about, with an interval over cells.
        end: The baseline's mean last loss, as a share of the uniform loss.
    """

    task: str
    variance: Variance
    reliability: Bounds
    end: float

    @property
    def warning(self) -> str:
        """What is wrong with the task's size for this budget; empty: nothing."""
        if self.end < SATURATED:
            return "the baseline solves it: make it harder, or the budget smaller"
        if self.end > UNLEARNED:
            return "the baseline learns little: make it easier, or the budget larger"
        return ""


@dataclass(frozen=True)
class Calibration:
    """What tasks are worth together.

    Attributes:
        tasks: One by one.
        panel: The size of panel that reliability is stated for.
        least: Reliability of the least over tasks, by that panel.
        run_s: Core-seconds of a training.
        compile_s: Core-seconds of compiling a cell.
        wanted: The reliability that was asked for.
        cheapest: The cheapest panel that reaches it, or else the best.
        reached: Whether it does.
        cells: How much lower the log loss of each cell is than the baseline's, task by
            task, mean over all runs; the best by the least of them first.
    """

    tasks: tuple[TaskWorth, ...]
    panel: tuple[int, int]
    least: float
    run_s: float
    compile_s: float
    wanted: float
    cheapest: PanelSize
    reached: bool
    cells: Mapping[str, tuple[float, ...]]

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "tasks": {
                one.task: {
                    "cell": one.variance.cell,
                    "setting": one.variance.setting,
                    "seed": one.variance.seed,
                    "reliability": one.reliability._asdict(),
                    "baseline_end": one.end,
                    "warning": one.warning,
                }
                for one in self.tasks
            },
            "panel": {"settings": self.panel[0], "seeds": self.panel[1]},
            "least_reliability": self.least,
            "run_s": self.run_s,
            "compile_s": self.compile_s,
            "wanted": self.wanted,
            "reached": self.reached,
            "cheapest": vars(self.cheapest),
            "cells": {name: list(values) for name, values in self.cells.items()},
        }


def calibrate(
    panel: Panel,
    scores: Array,
    losses: Array,
    baseline: int,
    *,
    size: tuple[int, int],
    wanted: float,
    run_s: float,
    compile_s: float,
) -> Calibration:
    """What the scores of many cells on common runs say of the tasks.

    Args:
        panel: What was trained.
        scores: Log losses [tasks, cells, settings, seeds], none missing.
        losses: Last losses, of the same shape.
        baseline: Index of the cell that all are compared with.
        size: Settings and seeds of the panel that reliability is stated for.
        wanted: Reliability of the least over tasks that is to be reached.
        run_s: Core-seconds of a training.
        compile_s: Core-seconds of compiling a cell.
    """
    # The baseline is 0 everywhere by definition: it says nothing of the others.
    differences = np.delete(
        scores[:, baseline : baseline + 1] - scores, baseline, axis=1
    )
    settings, seeds = size
    worths = []
    for number, about in enumerate(panel.tasks):
        own = differences[number]
        worths.append(
            TaskWorth(
                task=about.name,
                variance=variance(own),
                reliability=interval_of(
                    own, lambda part: variance(part).reliability(settings, seeds)
                ),
                end=_end(losses[number, baseline], about.task.task),
            )
        )
    best, reached = cheapest(
        differences,
        wanted,
        run_s=run_s * len(panel.tasks),
        compile_s=compile_s,
        most_settings=len(panel.settings),
    )
    return Calibration(
        tasks=tuple(worths),
        panel=size,
        least=reliability_of_least(differences, settings, seeds),
        run_s=run_s,
        compile_s=compile_s,
        wanted=wanted,
        cheapest=best,
        reached=reached,
        cells=_values(panel, scores[:, baseline : baseline + 1] - scores),
    )


def _values(panel: Panel, differences: Array) -> dict[str, tuple[float, ...]]:
    means = differences.mean(axis=(2, 3)).T
    rows = zip(panel.cells, (tuple(map(float, row)) for row in means), strict=True)
    return dict(sorted(rows, key=lambda row: -min(row[1])))


def _end(losses: Array, task: Task) -> float:
    """Mean last loss in uniform losses; of a run that failed it is 1."""
    return float(np.nan_to_num(losses / task.uniform_loss, nan=1.0).mean())


def panel_document(objective: Paired, size: PanelSize) -> dict[str, Any]:
    """The table of a panel of a size, to begin a configuration with."""
    settings = objective.panel[: size.settings]
    whole = size.settings * size.seeds
    rungs: Sequence[int] = sorted({1, size.settings, whole})
    return {
        "objective": {
            "name": "paired",
            "panel": [setting.to_dict() for setting in settings],
            "rungs": list(rungs),
            "most_seeds": max(objective.most_seeds, size.seeds),
        }
    }
