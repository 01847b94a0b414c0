"""What would fail only when a cell is trained, found before anything is."""

import itertools

from cells import CellError
from search.errors import UserError
from search.procedure.config import Config
from workers import model_width


def check_trainable(config: Config) -> None:
    """Looks for data, and for widths of seeds and references.

    Raises:
        TaskError: A task has no data.
        UserError: A seed or reference is too large for a budget of parameters.
    """
    for stage in config.tasks:
        stage.task.task.stream("valid", 0, config.seed)
    check_widths(config)


def check_widths(config: Config) -> None:
    """Looks for widths of seeds and references.

    Raises:
        UserError: One is too large for a budget of parameters.
    """
    for stage in config.tasks:
        task = stage.task.task
        shapes = {setting.shape for setting in stage.plan.grid.settings}
        for (name, cell), shape in itertools.product(
            (*config.seeds, *config.references), sorted(shapes)
        ):
            try:
                model_width(cell, shape, task, stage.training.block)
            except CellError as error:
                raise UserError(
                    f"{name} on {stage.name}: {error}; see plans.{stage.name}.grid"
                ) from None
