"""Nominal costs of a cell at the size at which it is searched: no clock decides.

All cells have the same budget of weights, so that weights tell none from another:
what has few matrices is wider. What differs is what a step computes and carries. Which
of these costs foretells what a step takes is measured by `benchmarks.bench_cost`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from cells import Cell, CellError, flops, matrices, state_bytes
from search.procedure.config import Stage
from search.procedure.objective import NominalCost
from workers import Setting, Shape, model_width, update_cost


class Measure(NamedTuple):
    """One way of counting.

    Attributes:
        words: What is counted, for a person.
        of: Of a cell, in a shape, on a task.
    """

    words: str
    of: Callable[[Cell, Shape, Stage], float]


def cell_cost(
    cell: Cell,
    kind: NominalCost,
    stages: Sequence[Stage],
    panel: Sequence[Setting],
) -> float:
    """The mean over tasks and settings; infinity where no width fits the weights.

    Args:
        cell: Canonical.
        kind: A key of `MEASURES`.
        stages: The tasks.
        panel: The settings.
    """
    measure = MEASURES[kind].of
    try:
        costs = [
            measure(cell, setting.shape, stage) for stage in stages for setting in panel
        ]
    except CellError:
        return math.inf
    return math.fsum(costs) / len(costs)


def finite(cost: float) -> float | None:
    """A cost as JSON has it: None where no width fits."""
    return cost if math.isfinite(cost) else None


def _width(cell: Cell, shape: Shape, stage: Stage) -> int:
    return model_width(cell, shape, stage.task.task, stage.training.block)


def _flops(cell: Cell, shape: Shape, stage: Stage) -> float:
    return shape.num_layers * flops(cell, _width(cell, shape, stage))


def _matrices(cell: Cell, shape: Shape, stage: Stage) -> float:
    _width(cell, shape, stage)  # a cell that does not fit has no cost
    return shape.num_layers * matrices(cell)


def _state_bytes(cell: Cell, shape: Shape, stage: Stage) -> float:
    return shape.num_layers * state_bytes(cell, _width(cell, shape, stage))


def _training(cell: Cell, shape: Shape, stage: Stage) -> float:
    update = update_cost(cell, shape, stage.task.task, stage.training.block)
    return stage.plan.budget * update


MEASURES: Final[Mapping[NominalCost, Measure]] = {
    NominalCost.FLOPS: Measure("FLOPs of a step forward of all layers", _flops),
    NominalCost.MATRICES: Measure("matrices of all layers", _matrices),
    NominalCost.STATE_BYTES: Measure(
        "bytes of state of all layers, for one sequence", _state_bytes
    ),
    NominalCost.TRAINING: Measure("nominal core-seconds of a training", _training),
}
"""How each is counted; `NominalCost.NONE` is not."""
