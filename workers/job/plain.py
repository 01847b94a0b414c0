"""Which trainings a program of any cell can do, as far as it is no matter of cells."""

from tasks import Task
from workers.job.block import BARE
from workers.job.setting import Shape
from workers.job.spec import Training


def is_plain(settings: int, shape: Shape, training: Training, task: Task) -> bool:
    """Whether a job does no more than train one layer, of the cell alone, on tokens.

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
