"""From orders of the procedure to jobs: what they are called, cost, and contain."""

import dataclasses
from collections.abc import MutableMapping, Sequence
from typing import Final, NamedTuple

from cachetools import LRUCache

from cells import Cell, CellError
from search.procedure.config import Config
from search.procedure.moves import FILTER, Order
from tasks import Task
from workers import (
    COMPILE_S,
    Job,
    Setting,
    Shape,
    TaskSpec,
    Training,
    make_job,
    run_id,
    study_id,
    update_cost,
)

COSTS: Final = 10_000
"""Costs that are kept: of a list of 100 cells, on 3 tasks with up to 8 shapes each, and
of those under way."""

FILTER_NAME: Final = "filter"


class Kind(NamedTuple):
    """What all orders of a task, or of the filter, have in common."""

    name: str
    task: TaskSpec
    training: Training


class Orders:
    """Everything about orders that does not depend on results."""

    def __init__(self, config: Config) -> None:
        """For the tasks and the filter of a search."""
        self._config = config
        self._kinds = {
            task: Kind(stage.name, stage.task, stage.training)
            for task, stage in enumerate(config.tasks)
        }
        if config.filter is not None:
            spec = dataclasses.replace(config.filter.task, seed=config.seed)
            training = dataclasses.replace(
                config.training, schedule=config.filter.training.schedule
            )
            self._kinds[FILTER] = Kind(FILTER_NAME, spec, training)
        self._costs: MutableMapping[tuple[str, int, Shape], float] = LRUCache(COSTS)

    def name(self, task: int) -> str:
        """What a task is called, or the filter."""
        return self._kinds[task].name

    def run_ids(self, order: Order) -> list[str]:
        """What the training of each setting is called, in order."""
        kind = self._kinds[order.task]
        study = study_id(order.digest, kind.task, self._config.seed, kind.training)
        return [run_id(study, setting) for setting in order.settings]

    def cost(self, order: Order, cell: Cell) -> float:
        """Nominal core-seconds; see `workers.nominal_cost`.

        Args:
            order: The order.
            cell: Its cell.
        """
        shape, kind = order.settings[0].shape, self._kinds[order.task]
        key = (order.digest, order.task, shape)
        if key not in self._costs:
            self._costs[key] = _update_cost(cell, shape, kind.task.task)
        return COMPILE_S + len(order.settings) * order.budget * self._costs[key]

    def job(self, order: Order, cell: Cell, settings: Sequence[Setting]) -> Job:
        """The job that answers an order, or the part of it that is not known.

        Args:
            order: The order.
            cell: Its cell, canonical.
            settings: Those of the order that are to be trained.
        """
        kind = self._kinds[order.task]
        return make_job(
            cell,
            kind.task,
            tuple(settings),
            order.budget,
            seed=self._config.seed,
            training=kind.training,
            ops=self._config.own_ops,
            known=order.digest,
        )


def _update_cost(cell: Cell, shape: Shape, task: Task) -> float:
    try:
        return update_cost(cell, shape, task)
    except CellError:  # no width fits: the job fails, as data
        return 0.0
