"""What a search is: cells to start from, tasks, filter and rules, all of it a value."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cells import Cell, digest, unknown_name
from search.errors import UserError, at_least
from search.procedure.filter import Filter
from search.procedure.objective import LOG_LOSS, Paired
from search.procedure.racing import Racing
from search.procedure.rules import Rules
from search.procedure.settings import Grid
from tasks import Metric, Value
from workers import JobError, Schedule, Setting, TaskSpec, Training

Named = tuple[str, Cell]


@dataclass(frozen=True)
class Plan:
    """How cells are trained on one task.

    Attributes:
        grid: The settings that are allowed.
        budget: Most updates of a setting.
        schedule: What may end training earlier, and when the rate changes.
        overrides: Fields of the task that differ from its size, in order of names.
    """

    grid: Grid
    budget: int
    schedule: Schedule
    overrides: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True)
class Scoring:
    """How cells are scored without a search: what `evaluate` has of a preset.

    Attributes:
        name: The preset's.
        size: Of every task: `small` or `paper`.
        plans: Task name to plan.
        other: The plan of tasks that are not named there; None: they are refused.
        settings: How many settings a cell is given on a task.
        repeats: With how many fresh seeds the best setting is scored again.
        racing: How settings compete; None: all are trained to the end.
    """

    name: str
    size: str
    plans: Mapping[str, Plan]
    other: Plan | None
    settings: int
    repeats: int
    racing: Racing | None

    def plan(self, task: str) -> Plan:
        """The plan of a task.

        Raises:
            UserError: There is none.
        """
        plan = self.plans.get(task, self.other)
        if plan is None:
            raise UserError(no_plan(self.name, self.plans, task))
        return plan


def no_plan(preset: str, plans: Iterable[str], task: str) -> str:
    """What is said of a task that a preset has no plan for."""
    return f"preset {preset} is for {', '.join(plans)}, not for {task!r}"


@dataclass(frozen=True)
class Stage:
    """One task of a search.

    Attributes:
        task: What is trained on, with its seed.
        plan: Grid, budget and schedule.
        training: How each setting is trained.
    """

    task: TaskSpec
    plan: Plan
    training: Training

    @property
    def name(self) -> str:
        """The task's name."""
        return self.task.name

    @property
    def metric(self) -> Metric:
        """The task's metric."""
        return self.task.task.metric


@dataclass(frozen=True)
class Config:
    """Everything that decides a search; limits and workers are no part of it.

    Attributes:
        preset: The name of the preset that it started from.
        seed: Decides every draw, every weight and all synthetic data.
        seeds: Name and cell of those that the list starts with.
        references: Name and cell of those that are scored but have no mutants.
        baseline: The name of the seed or reference that ratios refer to.
        tasks: In the order in which candidates are given them.
        filter: What a new cell must learn first; None: nothing.
        rules: The numbers of the procedure.
        training: What all tasks and the filter have in common of how they are trained.
        own_ops: `module:op` of a person's own ops.
        objective: How cells are compared; None: by the ratio of their bests.
    """

    preset: str
    seed: int
    seeds: tuple[Named, ...]
    references: tuple[Named, ...]
    baseline: str
    tasks: tuple[Stage, ...]
    filter: Filter | None
    rules: Rules
    training: Training
    own_ops: tuple[str, ...] = ()
    objective: Paired | None = None

    def __post_init__(self) -> None:
        """Refuses what is no search.

        Raises:
            UserError: Names the option and the nearest valid choice.
        """
        at_least("seed", self.seed, 0)
        _check_cells(self.seeds, self.references, self.baseline)

        # What is known of a cell is kept by the name of the task.
        if not self.tasks:
            raise UserError("tasks needs at least one task")
        names = [stage.name for stage in self.tasks]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise UserError(f"tasks has {twice!r} twice")

        # What no training can have would only be known when a worker has it.
        for stage in self.tasks:
            _check_settings(stage.name, stage.task, stage.plan.grid)
            if self.objective is None and self.rules.settings > len(stage.plan.grid):
                raise UserError(
                    f"settings must be at most {len(stage.plan.grid)}, the size of the "
                    f"grid of {stage.name}, got {self.rules.settings}"
                )
        if self.filter is not None:
            _check_settings("the filter", self.filter.task, self.filter.grid)

    def settings(self, task: int) -> tuple[Setting, ...]:
        """All settings that a cell may be given on a task."""
        if self.objective is not None:
            return self.objective.panel
        return self.tasks[task].plan.grid.settings

    def metric(self, task: int) -> Metric:
        """What is kept of a training on a task; by common runs it is its log loss."""
        if self.objective is not None:
            return LOG_LOSS
        return self.tasks[task].metric

    @property
    def first(self) -> Setting:
        """The setting that new cells begin with, or one that they may."""
        return self.settings(0)[0] if self.filter is None else self.filter.first

    @property
    def baseline_cell(self) -> Cell:
        """The cell that ratios refer to."""
        return dict((*self.seeds, *self.references))[self.baseline]


def make_stage(
    task: str, size: str, seed: int, plan: Plan, training: Training
) -> Stage:
    """A task as a plan has it, with data and schedule of its own.

    Args:
        task: What `tasks.resolve_task` takes.
        size: `small` or `paper`.
        seed: Of both forms of randomness, data and weights, it decides the data here.
        plan: Grid, budget, schedule and options of the task.
        training: What is common to all tasks.
    """
    spec = TaskSpec(task, size, plan.overrides, seed)
    return Stage(spec, plan, dataclasses.replace(training, schedule=plan.schedule))


def _check_cells(
    seeds: Sequence[Named], references: Sequence[Named], baseline: str
) -> None:
    """Refuses cells that are there twice, and a baseline that is not.

    Raises:
        UserError: Names the cell and the nearest valid choice.
    """
    if not seeds:
        raise UserError("seeds needs at least one cell")
    known: dict[str, str] = {}
    for name, cell in (*seeds, *references):
        if name in known.values():
            raise UserError(f"seeds and references: {name!r} is there twice")
        other = known.setdefault(digest(cell), name)
        if other != name:
            raise UserError(f"seeds and references: {name} is the cell {other}")
    if baseline not in known.values():
        raise UserError(unknown_name("baseline", baseline, known.values()))


def _check_settings(name: str, task: TaskSpec, grid: Grid) -> None:
    """Refuses options that no task and settings that no training can have.

    Raises:
        TaskError: Names the task and its option.
        UserError: Names the task and what is wrong with a setting.
    """
    _ = task.task
    try:
        _ = grid.settings
    except JobError as error:
        raise UserError(f"grid of {name}: {error}") from None
