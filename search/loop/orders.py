"""From orders of the procedure to jobs: what they are called, cost, and contain."""

import dataclasses
from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cachetools import LRUCache

from cells import Cell, CellError
from search.procedure.clock import Ticket
from search.procedure.config import Config
from search.procedure.moves import FILTER, Issued, Order
from tasks import Task
from workers import (
    COMPILE_S,
    Job,
    Result,
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

KNOWN_S: Final = 0.1
"""Nominal seconds of a job beside its training, where nothing is compiled for it."""

FILTER_NAME: Final = "filter"


@dataclass
class Pending:
    """An order in flight.

    Attributes:
        order: The order.
        results: Of those of its settings of which there is one.
    """

    order: Order
    results: dict[Setting, Result] = field(default_factory=dict)

    @property
    def missing(self) -> list[Setting]:
        """The settings without a result."""
        return [s for s in self.order.settings if s not in self.results]

    @property
    def answer(self) -> tuple[Result, ...]:
        """The results in the order of the settings, once none is missing."""
        return tuple(self.results[setting] for setting in self.order.settings)

    def fill(self, results: Iterable[Result]) -> None:
        """Adds results of settings that had none."""
        for result in results:
            self.results.setdefault(result.setting, result)


class Orders:
    """Everything about orders that does not depend on results.

    Args:
        config: Of the search: its tasks and its filter.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._trainings: dict[int, tuple[TaskSpec, Training]] = {
            task: (stage.task, stage.training)
            for task, stage in enumerate(config.tasks)
        }
        if config.filter is not None:
            self._trainings[FILTER] = (
                dataclasses.replace(config.filter.task, seed=config.seed),
                dataclasses.replace(
                    config.training, schedule=config.filter.training.schedule
                ),
            )
        self._costs: MutableMapping[tuple[str, int, Shape], float] = LRUCache(COSTS)

    def run_ids(self, order: Order) -> list[str]:
        """What the training of each setting is called, in order."""
        task, training = self._training(order)
        seed = self._config.seed + order.repeat
        study = study_id(order.digest, task, seed, training)
        return [run_id(study, setting) for setting in order.settings]

    def _training(self, order: Order) -> tuple[TaskSpec, Training]:
        """Task and training of an order; a repeat has data of its own."""
        task, training = self._trainings[order.task]
        if order.repeat:
            task = dataclasses.replace(task, seed=task.seed + order.repeat)
        return task, training

    def cost(self, order: Order, cell: Cell) -> float:
        """Nominal core-seconds; see `workers.nominal_cost`.

        Args:
            order: The order.
            cell: Its cell.
        """
        shape, (task, training) = order.settings[0].shape, self._trainings[order.task]
        key = (order.digest, order.task, shape)
        if key not in self._costs:
            self._costs[key] = _update_cost(cell, shape, task.task, training.block)
        first_s = COMPILE_S if self._compiles(order) else KNOWN_S
        return first_s + len(order.settings) * order.budget * self._costs[key]

    def _compiles(self, order: Order) -> bool:
        """Whether its worker has, by estimate, no program for it yet.

        Common runs of a cell are carried out where it is known, and its program serves
        all tasks and optimizers.
        """
        objective = self._config.objective
        if objective is None:
            return True
        return order.task == 0 and objective.panel[0] in order.settings

    def issued(self, ticket: Ticket[Pending], *, drain: bool) -> Issued:
        """An order that the clock has taken, as it is stored.

        Args:
            ticket: The order and its times.
            drain: Whether it was issued only because a limit was reached.
        """
        order = ticket.content.order
        filtering = order.task == FILTER
        return Issued(
            number=ticket.number,
            decision=order.decision,
            digest=order.digest,
            task=FILTER_NAME if filtering else self._config.tasks[order.task].name,
            stage=order.task,
            settings=len(order.settings),
            start=ticket.start,
            end=ticket.end,
            drain=drain,
        )

    def job(self, order: Order, cell: Cell, settings: Sequence[Setting]) -> Job:
        """The job that answers an order, or the part of it that is not known.

        Args:
            order: The order.
            cell: Its cell, canonical.
            settings: Those of the order that are to be trained.
        """
        task, training = self._training(order)
        return make_job(
            cell,
            task,
            tuple(settings),
            order.budget,
            seed=self._config.seed + order.repeat,
            training=training,
            ops=self._config.own_ops,
            known=order.digest,
        )


def _update_cost(cell: Cell, shape: Shape, task: Task, block: str) -> float:
    try:
        return update_cost(cell, shape, task, block)
    except CellError:  # no width fits: the job fails, as data
        return 0.0
