"""All that crosses a process border: jobs, evaluations and what they are made of."""

import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Any, Final, NamedTuple

from cells import Cell, canonical, digest, from_json, load_op, to_json
from tasks import Task, Value, resolve_task
from workers.schedule import SEARCH, Option, Schedule

OPTIMIZERS: Final = ("sgd", "adam", "adamw")
PRODUCTS: Final = ("float32", "bfloat16")


BUDGET: Final = "budget"
"""Why training ended when nothing but the budget ended it."""


class JobError(ValueError):
    """A job that nobody can carry out, or text that is none; the message is a line."""


class Status(StrEnum):
    """How the training of one setting ended."""

    OK = "OK"
    DIVERGED = "DIVERGED"
    TIMEOUT = "TIMEOUT"
    OOM = "OOM"
    CRASHED = "CRASHED"


class Shape(NamedTuple):
    """What settings must have in common to share a compiled program."""

    num_layers: int
    parameters: int
    dropout: float


@dataclass(frozen=True)
class Setting:
    """One point of the hyperparameter grid.

    Attributes:
        scale: Weights start in U[-s, s] with s = scale / sqrt(width).
        rate: Learning rate; for SGD the gradient is divided by the minibatch size.
        clip: Largest global norm of the gradient.
        num_layers: L.
        parameters: Budget of weights, embedding and readout included; decides H.
        dropout: Probability on the non-recurrent connections.
        constant_epochs: Epochs before the rate is lowered (schedule `treebank`).
        decay: What the rate is multiplied by from then on (schedule `treebank`).
    """

    scale: float
    rate: float
    clip: float
    num_layers: int
    parameters: int
    dropout: float = 0.0
    constant_epochs: int | None = None
    decay: float | None = None

    def __post_init__(self) -> None:
        """Makes equal settings equal in text too: 1 becomes 1.0 where a float is due.

        Raises:
            JobError: A value that no training can have.
        """
        for name in ("scale", "rate", "clip", "dropout"):
            object.__setattr__(self, name, float(getattr(self, name)))
        if self.decay is not None:
            object.__setattr__(self, "decay", float(self.decay))
        for name in ("scale", "rate", "clip", "num_layers", "parameters"):
            if not 0 < getattr(self, name) < math.inf:
                value = getattr(self, name)
                raise JobError(f"{name} of a setting must be above 0, got {value}")
        if not 0 <= self.dropout < 1:
            raise JobError(f"dropout must be in [0, 1), got {self.dropout}")

    @property
    def shape(self) -> Shape:
        """What decides the compiled program; the rest are runtime values."""
        return Shape(self.num_layers, self.parameters, self.dropout)

    def to_dict(self) -> dict[str, Any]:
        """JSON values; fields at their default are left out."""
        return _changed(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> "Setting":
        """The reverse of `to_dict`."""
        return Setting(**values)


@dataclass(frozen=True)
class TaskSpec:
    """A task by name, from which every process builds the same data.

    Attributes:
        name: What `tasks.resolve_task` takes: a name of the box, `module:Class`, ...
        size: `small` or `paper`.
        overrides: Fields set otherwise, in order of their names.
        seed: Seed of synthetic data.
    """

    name: str
    size: str = "small"
    overrides: tuple[tuple[str, Value], ...] = ()
    seed: int = 0

    @property
    def task(self) -> Task:
        """The task itself, built once per process.

        Raises:
            TaskError: Nothing has that name, or a value does not fit.
        """
        return _build_task(self.name, self.size, self.overrides)

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the data, and not where they lie: part of a job's id."""
        task = self.task
        return {"name": task.name, "config": task.config(), "seed": self.seed}


@lru_cache(maxsize=64)
def _build_task(name: str, size: str, overrides: tuple[tuple[str, Value], ...]) -> Task:
    return resolve_task(name, size, **dict(overrides))


@dataclass(frozen=True)
class Training:
    """How a job trains, apart from its settings.

    Attributes:
        optimizer: One of `OPTIMIZERS`; the paper's is `sgd`.
        schedule: When the rate changes and training ends, before the budget does.
        products: Number format of matrix products, one of `PRODUCTS`; `bfloat16`
            (sums in float32) is for accelerators.
        divergence: A setting has diverged when the mean training loss of an epoch, as
            far as it has come, exceeds the loss of a uniform prediction times this.
        memory_limit_bytes: A setting that needs more is `OOM` without being tried.
        test: Whether the test split is scored with the weights of the best
            validation.
    """

    optimizer: str = "sgd"
    schedule: Schedule = SEARCH
    products: str = "float32"
    divergence: float = 4.0
    memory_limit_bytes: int | None = None
    test: bool = False

    def __post_init__(self) -> None:
        """Refuses choices that do not exist.

        Raises:
            JobError: Names what came and what there is.
        """
        for field, value, valid in (
            ("optimizer", self.optimizer, OPTIMIZERS),
            ("products", self.products, PRODUCTS),
        ):
            if value not in valid:
                raise JobError(
                    f"{field} must be one of {', '.join(valid)}, got {value!r}"
                )
        object.__setattr__(self, "divergence", float(self.divergence))
        if not self.divergence > 1:
            raise JobError(f"divergence must be above 1, got {self.divergence}")

    def to_dict(self) -> dict[str, Any]:
        """JSON values; fields at their default are left out."""
        changed = _changed(self)
        if "schedule" in changed:
            changed["schedule"] = _changed(self.schedule)
        return changed

    @staticmethod
    def from_dict(values: dict[str, Any]) -> "Training":
        """The reverse of `to_dict`."""
        schedule = values.get("schedule", {})
        options = tuple((n, _option(v)) for n, v in schedule.get("options", ()))
        return Training(
            **{**values, "schedule": Schedule(**{**schedule, "options": options})}
        )


@dataclass(frozen=True)
class Job:
    """One unit of work; `evaluate(job)` is a pure function of it.

    Made by `make_job`, which brings the cell and the settings into their one form.

    Attributes:
        cell: The canonical cell.
        task: What it is trained on.
        settings: Settings of one shape, each trained on its own.
        budget: Most updates of a setting.
        seed: Repeats of a job differ in it.
        training: How it trains.
        ops: `module:op` of a person's own ops that the cell may use.
    """

    cell: Cell
    task: TaskSpec
    settings: tuple[Setting, ...]
    budget: int
    seed: int = 0
    training: Training = Training()
    ops: tuple[str, ...] = ()

    @property
    def shape(self) -> Shape:
        """The shape of all its settings."""
        return self.settings[0].shape

    @cached_property
    def digest(self) -> str:
        """The digest of the cell."""
        text: str = digest(self.cell)
        return text

    @cached_property
    def id(self) -> str:
        """What the job is, as 32 hexadecimal digits: equal ids, equal evaluations."""
        settings = [s.to_dict() for s in self.settings]
        return _hash("job", self._stem, settings, self.budget)

    def run_id(self, setting: Setting) -> str:
        """What the training of one setting is, whatever its budget."""
        return _hash("run", self._stem, setting.to_dict())

    def seed_of(self, setting: Setting, purpose: str) -> int:
        """A seed below 2**63 for one use of randomness in one setting's training.

        It comes from cell, task, setting and the job's seed, and from nothing else:
        neither from the budget nor from when or where the job is carried out.
        """
        task = self.task.identity
        text = _hash(purpose, self.digest, task, setting.to_dict(), self.seed)
        return int(text, 16) >> 65

    @property
    def _stem(self) -> dict[str, Any]:
        return {
            "cell": self.digest,
            "task": self.task.identity,
            "seed": self.seed,
            "training": self.training.to_dict(),
        }

    def to_json(self) -> str:
        """The job as one line of JSON."""
        return _dumps(
            {
                "cell": to_json(self.cell),
                "task": _changed(self.task),
                "settings": [setting.to_dict() for setting in self.settings],
                "budget": self.budget,
                "seed": self.seed,
                "training": self.training.to_dict(),
                "ops": self.ops,
            }
        )

    @staticmethod
    def from_json(text: str) -> "Job":
        """Reads a job from `to_json`'s form, importing the ops that it names.

        Raises:
            CellError: An op cannot be loaded, or the cell is not valid.
            JobError: The text is no job.
        """
        try:
            values = json.loads(text)
            ops = tuple(values["ops"])
            for spec in ops:
                load_op(spec)
            overrides = tuple((k, v) for k, v in values["task"].pop("overrides", ()))
            return Job(
                cell=from_json(values["cell"]),
                task=TaskSpec(**values["task"], overrides=overrides),
                settings=tuple(Setting.from_dict(s) for s in values["settings"]),
                budget=values["budget"],
                seed=values["seed"],
                training=Training.from_dict(values["training"]),
                ops=ops,
            )
        except (AttributeError, KeyError, TypeError, json.JSONDecodeError) as error:
            raise JobError(f"not a job: {type(error).__name__}: {error}") from None


def make_job(
    cell: Cell,
    task: TaskSpec,
    settings: tuple[Setting, ...],
    budget: int,
    *,
    seed: int = 0,
    training: Training = Training(),
    ops: tuple[str, ...] = (),
) -> Job:
    """A job on the canonical form of a cell, settings in order and without repeats.

    Raises:
        JobError: No settings, settings of several shapes, or a budget below 1.
    """
    if not settings:
        raise JobError("a job needs at least one setting")
    shapes = sorted({setting.shape for setting in settings})
    if len(shapes) > 1:
        raise JobError(f"settings of one job share a shape, got {shapes}")
    if budget < 1:
        raise JobError(f"a budget is at least 1 update, got {budget}")
    overrides = tuple(sorted(task.overrides))
    return Job(
        cell=canonical(cell),
        task=dataclasses.replace(task, overrides=overrides),
        settings=tuple(sorted(set(settings), key=lambda s: _dumps(s.to_dict()))),
        budget=budget,
        seed=seed,
        training=training,
        ops=ops,
    )


class Point(NamedTuple):
    """One point of a learning curve, losses in nats per scored position.

    Attributes:
        updates: Updates done when it was taken.
        train_loss: Mean over the epoch so far, as it was trained.
        valid_loss: Mean over the validation split.
        metric: The task's metric on the validation split.
    """

    updates: int
    train_loss: float
    valid_loss: float
    metric: float


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
    def over(self) -> bool:
        """Whether a larger budget would change nothing."""
        return self.ended != BUDGET

    def to_dict(self) -> dict[str, Any]:
        """JSON values; fields at their default are left out."""
        return {**_changed(self), "setting": self.setting.to_dict()}

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
        return _dumps({**_changed(self), "results": results})

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


def _changed(value: Any) -> dict[str, Any]:
    """The fields of a dataclass that are not at their default."""
    return {
        field.name: getattr(value, field.name)
        for field in dataclasses.fields(value)
        if getattr(value, field.name) != field.default
    }


def _option(value: Any) -> Option:
    return tuple((a, b) for a, b in value) if isinstance(value, list) else value


def _dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, allow_nan=False)


def _hash(*parts: Any) -> str:
    return hashlib.sha256(_dumps(parts).encode()).hexdigest()[:32]
