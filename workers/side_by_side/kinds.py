"""Which jobs can be trained by one program."""

from dataclasses import replace
from typing import NamedTuple

from cells import AnyLayer, any_layer
from workers.job.cost import model_width
from workers.job.job import Job
from workers.job.programs import is_plain
from workers.job.spec import Training
from workers.training.data import DataCache


class Kind(NamedTuple):
    """What jobs must have in common to be trained side by side.

    Attributes:
        layer: The room for cells.
        task: Vocabulary in and out, batch, steps, readout and uniform loss.
        epoch: Windows of an epoch, and of the validation split.
        training: How they are trained, but for the optimizer.
    """

    layer: AnyLayer
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
        held,
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


def room(job: Job) -> AnyLayer | None:
    """The layer of the program that can train a job beside others.

    None: it needs a program of its own. That is a job whose cell has an op that no
    table says or is too large, or that does more than train one layer, of the cell
    alone, on tokens for whole epochs.
    """
    task = job.task.task
    if not is_plain(len(job.settings), job.shape, job.training, task):
        return None
    return any_layer(job.cell, model_width(job.cell, job.shape, task))
