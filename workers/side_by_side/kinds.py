"""Which jobs can be trained by one program."""

from dataclasses import replace
from typing import NamedTuple

from cells.tables.sizes import room_for
from cells.tables.table import Size
from cells.tables.tabulate import tabular, tabulate
from workers.job.job import Job
from workers.job.spec import Training
from workers.training.data import DataCache
from workers.training.model import make_model


class Kind(NamedTuple):
    """What jobs must have in common to be trained side by side.

    Attributes:
        size: The room for tables.
        width: That for features.
        task: Vocabulary in and out, batch, steps, readout and uniform loss.
        epoch: Windows of an epoch, and of the validation split.
        training: How they are trained, but for the optimizer.
    """

    size: Size
    width: int
    task: tuple[int, int, int, int, str, float]
    epoch: tuple[int, int]
    training: Training


def kind_of(job: Job, data: DataCache) -> Kind | None:
    """With which others a job can be trained; None: it needs a program of its own.

    Raises:
        TaskError: The task cannot give its data.
    """
    held, task = room(job), job.task.task
    if held is None:
        return None
    train = data.get(job.task, "train").length
    if job.budget % train:
        return None
    return Kind(
        *held,
        (
            task.num_inputs,
            task.num_outputs,
            task.batch_size,
            task.num_steps,
            task.readout,
            task.uniform_loss,
        ),
        (train, data.get(job.task, "valid").length),
        replace(job.training, optimizer="sgd", memory_limit_bytes=None),
    )


def room(job: Job) -> tuple[Size, int] | None:
    """The size and width of the program that can train a job beside others.

    None: it needs a program of its own. That is a job whose cell has an op that no
    table says or is too large, or that does more than train one layer on tokens for
    whole epochs.
    """
    training, task = job.training, job.task.task
    plain = (
        len(job.settings) == 1
        and training.schedule.name == "fixed"
        and training.biases
        and not training.test
        and job.shape.num_layers == 1
        and not job.shape.dropout
        and task.readout == "softmax"
        and tabular(job.cell)
    )
    if not plain:
        return None
    return room_for(tabulate(job.cell), make_model(job.cell, job.shape, task).width)
