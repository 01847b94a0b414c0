"""How wide a job's model is and what the job is expected to cost."""

from typing import Final

from cells import Cell, flops, width_for
from tasks import Task
from workers.job.block import BARE, BLOCKS
from workers.job.job import Job
from workers.job.setting import Shape

FLOPS_PER_SECOND: Final = 40e9
"""What one core reaches in the products of a recurrent cell, roughly."""

COMPILE_S: Final = 1.8
"""Tracing and compiling a model's programs on one core, roughly."""


def model_width(cell: Cell, shape: Shape, task: Task, block: str = BARE) -> int:
    """H: the largest width whose model fits the budget of parameters.

    Args:
        cell: The cell.
        shape: Layers and budget.
        task: Decides embedding and readout.
        block: A key of `BLOCKS`, whose weights count, too.

    Raises:
        CellError: Not even width 1 fits.
    """
    width: int = width_for(
        cell,
        shape.parameters,
        num_layers=shape.num_layers,
        num_inputs=task.num_inputs,
        num_outputs=task.num_outputs,
        besides=lambda width: BLOCKS[block].num_params(width, shape.num_layers),
    )
    return width


def update_cost(cell: Cell, shape: Shape, task: Task, block: str = BARE) -> float:
    """Nominal core-seconds of one update of one setting.

    Training FLOPs at a fixed speed, those of the block among them: the same number on
    every machine. Arguments are those of `model_width`.

    Raises:
        CellError: No width fits the budget of parameters.
    """
    width = model_width(cell, shape, task, block)
    position = shape.num_layers * flops(cell, width, training=True)
    position += 3 * BLOCKS[block].flops(width, shape.num_layers)
    position += 6 * width * task.num_outputs
    return float(task.batch_size * task.num_steps * position / FLOPS_PER_SECOND)


def done_cost(job: Job, updates: int) -> float:
    """Nominal core-seconds of updates of a job that were done, without compilation.

    Args:
        job: The job.
        updates: Of all its settings together.
    """
    if not updates:
        return 0.0
    shape, training = job.shape, job.training
    return updates * update_cost(job.cell, shape, job.task.task, training.block)


def step_cost(
    cell: Cell, width: int, *, batch_size: int = 1, training: bool = False
) -> float:
    """Nominal core-seconds of a time step of one layer: the same on every machine.

    What it takes on one of them is said by `workers.training.speed`.
    """
    operations = batch_size * flops(cell, width, training=training)
    return float(operations / FLOPS_PER_SECOND)


def nominal_cost(job: Job) -> float:
    """Nominal core-seconds of a job: the same number on every machine.

    All settings over the whole budget, and compilation once. Validation, which adds a
    few percent, and an early end are not counted.

    Raises:
        CellError: No width fits the job's budget of parameters.
    """
    update = update_cost(job.cell, job.shape, job.task.task, job.training.block)
    return COMPILE_S + len(job.settings) * job.budget * update
