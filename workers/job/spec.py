"""What a job is made of: settings, a task by its name, and how it is trained."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from cells import unknown_name
from tasks import Task, Value, resolve_task
from workers.errors import JobError
from workers.job.block import BARE, BLOCKS
from workers.job.json_form import changed
from workers.job.schedule import SEARCH, Option, Schedule
from workers.job.setting import OPTIMIZERS

PRODUCTS: Final = ("float32", "bfloat16")


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
        biases: Whether the biases of cells are learned; if not, they stay where they
            start.
        block: What stands around the cell in each layer, a key of `BLOCKS`.
    """

    optimizer: str = "sgd"
    schedule: Schedule = SEARCH
    products: str = "float32"
    divergence: float = 4.0
    memory_limit_bytes: int | None = None
    test: bool = False
    biases: bool = True
    block: str = BARE

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
        if self.block not in BLOCKS:
            raise JobError(unknown_name("block", self.block, BLOCKS))
        object.__setattr__(self, "divergence", float(self.divergence))
        if not self.divergence > 1:
            raise JobError(f"divergence must be above 1, got {self.divergence}")

    def to_dict(self) -> dict[str, Any]:
        """JSON values; fields at their default are left out."""
        values = changed(self)
        if "schedule" in values:
            values["schedule"] = changed(self.schedule)
        return values

    @staticmethod
    def from_dict(values: dict[str, Any]) -> "Training":
        """The reverse of `to_dict`."""
        schedule = values.get("schedule", {})
        options = tuple((n, _option(v)) for n, v in schedule.get("options", ()))
        return Training(
            **{**values, "schedule": Schedule(**{**schedule, "options": options})}
        )


PLAIN: Final = Training()
"""Training as in the paper's search."""


def _option(value: Any) -> Option:
    return tuple((a, b) for a, b in value) if isinstance(value, list) else value
