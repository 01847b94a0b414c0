"""Who is to blame for a training that raised an error: the cell, or something else."""

import traceback
from dataclasses import replace
from typing import Final

from cells import OPS, ZOO, CellError
from workers.errors import MachineError, one_line
from workers.job.evaluation import Status
from workers.job.job import Job, make_job
from workers.job.schedule import Schedule
from workers.machine.device_memory import out_of_memory

KNOWN: Final = 3
"""Updates of a cell that is known to be fine: enough to compile and to go round."""


def classify(job: Job, error: Exception) -> tuple[Status, str]:
    """The status and the cause, in one line, of a training that raised an error.

    Args:
        job: Whose training it was.
        error: What it raised.

    Raises:
        MachineError: It is no doing of the job's cell, and would fail others too.
    """
    cause = one_line(error)
    if out_of_memory(error):
        return Status.OOM, cause
    if isinstance(error, CellError) or _by_own_op(job, error):
        return Status.CRASHED, cause
    raise MachineError(f"a training failed, and not by its cell: {cause}") from error


def known_good(job: Job) -> Job:
    """The job of a few updates of a cell of the zoo, where all else is as it was."""
    training = replace(
        job.training, schedule=Schedule("fixed"), memory_limit_bytes=None, test=False
    )
    return make_job(ZOO["gru"], job.task, job.settings[:1], KNOWN, training=training)


def blamed(job: Job, error: Exception) -> tuple[Status, str]:
    """As `classify`, of a cell that fails where another does not."""
    try:
        return classify(job, error)
    except MachineError:
        return Status.CRASHED, f"{one_line(error)}; twice, while a GRU trains"


def _by_own_op(job: Job, error: Exception) -> bool:
    """Whether an op of a person's own has raised it, or gave what cannot be traced."""
    used = {OPS[node.op].origin for node in job.cell.nodes} & set(job.ops)
    if not used:
        return False
    modules = {origin.partition(":")[0] for origin in used}
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    theirs = any(frame.f_globals.get("__name__") in modules for frame in frames)
    return theirs or isinstance(error, (TypeError, ValueError))
