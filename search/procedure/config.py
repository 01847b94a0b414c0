"""What a search is: cells to start from, tasks, filter and rules, all of it a value."""

import dataclasses
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from cells import ZOO, Cell, CellError, digest
from search.errors import UserError, at_least, unknown
from search.procedure.filter import FILTERS, Filter
from search.procedure.objective import Paired
from search.procedure.presets import Plan, Preset, get_preset
from search.procedure.rules import Rules, default_in_flight, default_slots
from tasks import Metric
from workers import PLAIN, JobError, Setting, TaskSpec, Training, model_width

Named = tuple[str, Cell]


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

    @cached_property
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
        filter_name: A key of `FILTERS`, or `off`.
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
    filter_name: str
    rules: Rules
    training: Training = PLAIN
    own_ops: tuple[str, ...] = ()
    objective: Paired | None = None

    def __post_init__(self) -> None:
        """Refuses what is no search.

        Raises:
            UserError: Names the option and the nearest valid choice.
        """
        at_least("seed", self.seed, 0)
        if not self.seeds:
            raise UserError("seeds needs at least one cell")
        if not self.tasks:
            raise UserError("tasks needs at least one task")
        names = [stage.name for stage in self.tasks]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise UserError(f"tasks has {twice!r} twice")
        known: dict[str, str] = {}
        for name, cell in (*self.seeds, *self.references):
            if name in known.values():
                raise UserError(f"seeds and references: {name!r} is there twice")
            other = known.setdefault(digest(cell), name)
            if other != name:
                raise UserError(f"seeds and references: {name} is the cell {other}")
        if self.baseline not in dict((*self.seeds, *self.references)):
            cells = [name for name, _ in (*self.seeds, *self.references)]
            raise UserError(unknown("baseline", self.baseline, cells))
        for stage in self.tasks:
            _check_stage(stage)
            if self.rules.settings > len(stage.plan.grid):
                raise UserError(
                    f"settings must be at most {len(stage.plan.grid)}, the size of the "
                    f"grid of {stage.name}, got {self.rules.settings}"
                )

    def settings(self, task: int) -> tuple[Setting, ...]:
        """All settings that a cell may be given on a task."""
        if self.objective is not None:
            return self.objective.panel
        return self.tasks[task].plan.grid.settings

    @property
    def baseline_cell(self) -> Cell:
        """The cell that ratios refer to."""
        return dict((*self.seeds, *self.references))[self.baseline]


@dataclass(frozen=True)
class SearchPreset:
    """What a preset adds to sizes, grids and budgets, to make a search of them.

    Attributes:
        tasks: In order.
        rules: The numbers of the procedure, apart from `slots` and `in_flight`.
        candidates: How many there are unless a person says otherwise.
        filter: A key of `FILTERS`.
        share: Of the budget that `cellsearch evaluate` gives a setting: a search has
            to rank cells, not to find out what they are worth in the end.
    """

    tasks: tuple[str, ...]
    rules: Rules
    candidates: int
    filter: str
    share: float = 1.0


SEARCH_PRESETS: Final[Mapping[str, SearchPreset]] = {
    "demo": SearchPreset(
        tasks=("arithmetic", "xml"),
        rules=Rules(
            list_size=10,
            settings=2,
            baseline_settings=4,
            reexamine=0.1,
            settings_per_job=2,
        ),
        candidates=24,
        filter="demo",
    ),
    "small": SearchPreset(
        tasks=("arithmetic", "xml"),
        rules=Rules(
            list_size=20,
            settings=2,
            baseline_settings=8,
            reexamine=0.05,
            settings_per_job=2,
        ),
        candidates=300,
        filter="small",
        share=0.5,
    ),
    "paper": SearchPreset(
        tasks=("arithmetic", "xml", "ptb"),
        rules=Rules(),
        candidates=10_000,
        filter="paper",
    ),
}
"""By name; sizes, grids and budgets are those of `PRESETS`."""

BASELINE: Final = "gru"
SEEDS: Final = ("lstm", "gru")


def make_config(
    preset: str,
    *,
    seed: int = 0,
    candidates: int | None = None,
    rules: Callable[[Rules], Rules] = lambda rules: rules,
    seeds: tuple[Named, ...] | None = None,
    references: tuple[Named, ...] = (),
    baseline: str = BASELINE,
    tasks: tuple[str, ...] | None = None,
    plans: Mapping[str, Plan] | None = None,
    filter_name: str | None = None,
    training: Training = PLAIN,
    own_ops: tuple[str, ...] = (),
) -> Config:
    """The configuration of a preset, with what a person wants otherwise.

    Args:
        preset: A key of `SEARCH_PRESETS`.
        seed: See `Config`.
        candidates: How many are planned: decides `in_flight` and so `slots`, unless
            `rules` sets them. None: the preset's number.
        rules: Given the preset's rules, returns those wanted.
        seeds: None: LSTM and GRU.
        references: See `Config`.
        baseline: See `Config`.
        tasks: Names, in order; None: the preset's.
        plans: Plans of tasks that differ from the preset's.
        filter_name: A key of `FILTERS`, or `off`; None: the preset's.
        training: Optimizer, products, divergence and memory limit.
        own_ops: See `Config`.

    Raises:
        UserError: Something does not exist or does not fit.
        TaskError: A task is unknown.
    """
    if preset not in SEARCH_PRESETS:
        raise UserError(unknown("preset", preset, SEARCH_PRESETS))
    chosen, sizes = SEARCH_PRESETS[preset], get_preset(preset)
    in_flight = default_in_flight(candidates or chosen.candidates)
    clocked = dataclasses.replace(
        chosen.rules, in_flight=in_flight, slots=default_slots(in_flight)
    )
    name = chosen.filter if filter_name is None else filter_name
    if name not in (*FILTERS, "off"):
        raise UserError(unknown("filter", name, (*FILTERS, "off")))
    return Config(
        preset=preset,
        seed=seed,
        seeds=tuple((name, ZOO[name]) for name in SEEDS) if seeds is None else seeds,
        references=references,
        baseline=baseline,
        tasks=tuple(
            make_stage(sizes, task, seed, (plans or {}).get(task), training)
            for task in (chosen.tasks if tasks is None else tasks)
        ),
        filter=None if name == "off" else FILTERS[name],
        filter_name=name,
        rules=rules(clocked),
        training=training,
        own_ops=own_ops,
    )


def search_plan(preset: str, task: str) -> Plan:
    """How a preset's search trains on a task.

    Raises:
        UserError: The preset has no plan for it.
    """
    plan = get_preset(preset).plan(task)
    budget = max(1, round(plan.budget * SEARCH_PRESETS[preset].share))
    return dataclasses.replace(plan, budget=budget)


def make_stage(
    preset: Preset, task: str, seed: int, plan: Plan | None, training: Training
) -> Stage:
    """A task as a preset trains it, or as another plan says."""
    chosen = search_plan(preset.name, task) if plan is None else plan
    overrides = tuple(sorted(chosen.overrides))
    chosen = dataclasses.replace(chosen, overrides=overrides)
    # Of a cell's two forms of randomness the seed decides both: data and weights.
    spec = TaskSpec(task, preset.size, overrides, seed)
    own = dataclasses.replace(training, schedule=chosen.schedule)
    return Stage(spec, chosen, own)


def _check_stage(stage: Stage) -> None:
    """Refuses options that no task and settings that no training can have.

    Raises:
        TaskError: Names the task and its option.
        UserError: Names the task and what is wrong with a setting.
    """
    _ = stage.task.task
    try:
        _ = stage.plan.grid.settings
    except JobError as error:
        raise UserError(f"grid of {stage.name}: {error}") from None


def check_trainable(config: Config) -> None:
    """Finds what would fail only when a cell is trained: missing data, no width.

    Raises:
        TaskError: A task has no data.
        UserError: A seed or reference is too large for a budget of parameters.
    """
    for stage in config.tasks:
        task = stage.task.task
        task.stream("valid", 0, config.seed)
        shapes = {setting.shape for setting in stage.plan.grid.settings}
        for (name, cell), shape in itertools.product(
            (*config.seeds, *config.references), sorted(shapes)
        ):
            try:
                model_width(cell, shape, task)
            except CellError as error:
                raise UserError(
                    f"{name} on {stage.name}: {error}; see plans.{stage.name}.grid"
                ) from None
