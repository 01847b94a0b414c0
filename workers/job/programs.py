"""Which trainings can share a compiled program."""

from tasks import Task
from workers.job.block import BARE
from workers.job.setting import Shape
from workers.job.spec import Training


def program_kind(task: Task, training: Training) -> tuple[object, ...]:
    """All that a training program depends on beside the cell and the shape.

    Of the task that is vocabulary, batch, readout and uniform loss: tasks that agree in
    them share a cell's program, and what it has compiled where their windows are alike.
    The optimizer of a shape is a runtime value.
    """
    kind = (task.num_inputs, task.num_outputs, task.readout, task.batch_size)
    how = (training.products, training.divergence, training.biases, training.block)
    return (*kind, task.uniform_loss, *how)


def is_plain(settings: int, shape: Shape, training: Training, task: Task) -> bool:
    """Whether a job does no more than train one layer, of the cell alone, on tokens.

    That is what a program of any cell can do, if the cell has room in it.

    Args:
        settings: Of the job; there has to be one alone.
        shape: Of it.
        training: How it is trained: without a schedule, its biases too.
        task: What it is trained on.
    """
    return (
        settings == 1
        and training.schedule.name == "fixed"
        and training.biases
        and training.block == BARE
        and not training.test
        and shape.num_layers == 1
        and not shape.dropout
        and task.readout == "softmax"
    )
