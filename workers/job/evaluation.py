"""A job's answer: what the training of each of its settings came to."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from workers.errors import JobError
from workers.job.job import Job
from workers.job.json_form import changed, dumps
from workers.job.setting import Point, Setting

BUDGET: Final = "budget"
"""Why training ended when nothing but the budget ended it."""

DIED: Final = "the worker's process died"
"""How the cause begins of a job that ended with its process, and by itself."""


class Cause(StrEnum):
    """Whose doing a failure seems to be; the program's own are never results."""

    CELL = "cell"
    MACHINE = "machine"


class Status(StrEnum):
    """How the training of one setting ended."""

    OK = "OK"
    DIVERGED = "DIVERGED"
    TIMEOUT = "TIMEOUT"
    OOM = "OOM"
    CRASHED = "CRASHED"


@dataclass(frozen=True)
class Result:
    """What training one setting came to.

    Attributes:
        setting: The setting.
        status: How it ended.
        best: Best validation metric; None if there was no validation.
        updates: Updates done.
        ended: Why it ended: `BUDGET`, a schedule's reason, or the failure's cause.
        curve: A point for each validation, the last one where training ended.
        width: H.
        num_params: Number of weights.
        test: The metric on the test split, if asked for.
    """

    setting: Setting
    status: Status
    best: float | None = None
    updates: int = 0
    ended: str = ""
    curve: tuple[Point, ...] = ()
    width: int = 0
    num_params: int = 0
    test: float | None = None

    @property
    def cause(self) -> Cause | None:
        """Whose doing it seems to be; None: it is no failure.

        What takes too long, or kills its process, may do neither on another machine.
        """
        if self.status is Status.OK:
            return None
        machine = self.status is Status.TIMEOUT or self.ended.startswith(DIED)
        return Cause.MACHINE if machine else Cause.CELL

    @property
    def over(self) -> bool:
        """Whether a larger budget would change nothing."""
        return self.ended != BUDGET

    def to_dict(self) -> dict[str, Any]:
        """JSON values; fields at their default are left out."""
        return {**changed(self), "setting": self.setting.to_dict()}

    @staticmethod
    def from_dict(values: dict[str, Any]) -> "Result":
        """The reverse of `to_dict`."""
        return Result(
            **{
                **values,
                "setting": Setting.from_dict(values["setting"]),
                "status": Status(values["status"]),
                "curve": tuple(Point(*point) for point in values.get("curve", ())),
            }
        )


@dataclass(frozen=True)
class Evaluation:
    """A job's answer.

    `results` are the same wherever, whenever and however often the job is carried out
    in one numerics class, unless one of them is a fault of the machine (`TIMEOUT`,
    `CRASHED`). All other fields say what it took and where.

    Attributes:
        job_id: `Job.id`.
        results: In the order of the job's settings.
        compile_s: Seconds of tracing and compiling.
        train_s: Seconds of everything else.
        numerics: Key of the numerics class.
        machine: Name of the machine.
        compiled: Number of programs compiled.
    """

    job_id: str
    results: tuple[Result, ...]
    compile_s: float = 0.0
    train_s: float = 0.0
    numerics: str = ""
    machine: str = ""
    compiled: int = 0

    def to_json(self) -> str:
        """The evaluation as one line of JSON."""
        results = [result.to_dict() for result in self.results]
        return dumps({**changed(self), "results": results})

    @staticmethod
    def from_json(text: str) -> "Evaluation":
        """Reads an evaluation from `to_json`'s form.

        Raises:
            JobError: The text is no evaluation.
        """
        try:
            values = json.loads(text)
            results = tuple(Result.from_dict(row) for row in values["results"])
            return Evaluation(**{**values, "results": results})
        except (KeyError, TypeError, ValueError) as error:
            raise JobError(
                f"not an evaluation: {type(error).__name__}: {error}"
            ) from None


def failed(job: Job, status: Status, cause: str, machine: str = "") -> Evaluation:
    """The evaluation of a job that failed as a whole."""
    results = tuple(Result(s, status, ended=cause) for s in job.settings)
    return Evaluation(job.id, results, machine=machine)
