"""What is to be scored, checked, and the contests that answer it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cells import ZOO, CellError, canonical, digest, unknown_name
from search.contest.contest import MAX_REPEATS, Contest
from search.errors import UserError, at_least
from search.procedure.config import Named, Plan, Scoring
from search.procedure.reader import make_scoring
from search.procedure.settings import draw
from workers import BLOCKS, PLAIN, TaskSpec, Training, model_width

BASELINE: Final = "gru"
"""What ratios refer to."""


@dataclass(frozen=True)
class Request:
    """What is to be scored, and how.

    Attributes:
        cells: Name and cell; no name twice.
        tasks: What `tasks.resolve_task` takes, each once.
        preset: Sizes, grids, schedules and racing.
        settings: How many settings each cell is given on each task.
        repeats: With how many fresh seeds the best one is scored again.
        seed: Decides settings, weights and synthetic data.
        budget: Most updates of a setting; None: the preset's.
        parameters: Weights of a model; None: the preset's grid.
        baseline: Name and cell that ratios refer to; None: there are no ratios.
        ops: `module:op` of a person's own ops.
        block: What stands around the cell in each layer.
    """

    cells: tuple[Named, ...]
    tasks: tuple[str, ...]
    preset: Scoring
    settings: int
    repeats: int
    seed: int = 0
    budget: int | None = None
    parameters: int | None = None
    baseline: Named | None = (BASELINE, ZOO[BASELINE])
    ops: tuple[str, ...] = ()
    block: str = PLAIN.block


def make_request(
    cells: Sequence[Named],
    tasks: Sequence[str],
    *,
    preset: str = "small",
    settings: int | None = None,
    repeats: int | None = None,
    seed: int = 0,
    budget: int | None = None,
    parameters: int | None = None,
    baseline: bool = True,
    ops: Sequence[str] = (),
    block: str = PLAIN.block,
) -> Request:
    """What a person asks for, checked; see `Request`.

    Args:
        cells: See `Request`.
        tasks: See `Request`.
        preset: Its name.
        settings: See `Request`; None: the preset's number.
        repeats: See `Request`; None: the preset's number.
        seed: See `Request`.
        budget: See `Request`.
        parameters: See `Request`.
        baseline: Whether there are ratios, to the GRU.
        ops: See `Request`; loaded already.
        block: See `Request`.

    Raises:
        UserError: Names the option, what came and what is allowed.
    """
    # A table has a column a task.
    for task in tasks:
        if not task or tasks.count(task) > 1:
            what = f"{task!r} twice" if task else "an empty name"
            raise UserError(f"`tasks` has {what}")

    if block not in BLOCKS:
        raise UserError(unknown_name("block", block, BLOCKS))

    # What is not said is the preset's.
    chosen = make_scoring({"preset": preset})
    settings = chosen.settings if settings is None else settings
    repeats = chosen.repeats if repeats is None else repeats

    for name, value, bound in (
        ("settings", settings, 1),
        ("repeats", repeats, 0),
        ("seed", seed, 0),
        ("budget", budget, 1),
        ("parameters", parameters, 1),
    ):
        at_least(f"`{name}`", value, bound)

    # Seeds of repeats lie between those of one search seed and of the next.
    if repeats > MAX_REPEATS:
        raise UserError(f"`repeats` must be at most {MAX_REPEATS}, got {repeats}")
    return Request(
        cells=tuple(cells),
        tasks=tuple(tasks),
        preset=chosen,
        settings=settings,
        repeats=repeats,
        seed=seed,
        budget=budget,
        parameters=parameters,
        baseline=find_baseline(cells) if baseline else None,
        ops=tuple(ops),
        block=block,
    )


def find_baseline(cells: Sequence[Named]) -> Named:
    """The baseline, under the name that the person gave it, if any."""
    own = digest(ZOO[BASELINE])
    for name, cell in cells:
        if digest(cell) == own:
            return name, cell
    if BASELINE in dict(cells):
        return f"{BASELINE} (zoo)", ZOO[BASELINE]
    return BASELINE, ZOO[BASELINE]


def make_contests(request: Request) -> tuple[Contest, ...]:
    """The contests that answer a request: every cell on every task.

    All cells get the same settings on a task, so that none is luckier than another.

    Raises:
        UserError: More settings than the grid has, or no width fits a budget.
        TaskError: A task is unknown, or its data cannot be found.
    """
    cells = dict([*request.cells, *([request.baseline] if request.baseline else [])])
    plans = {task: _plan(request, task) for task in request.tasks}
    contests = []
    for task, plan in plans.items():
        spec = TaskSpec(task, request.preset.size, plan.overrides)
        spec.task.stream("valid", 0, request.seed)  # a lack of data shows here
        # Fewer settings are the first ones of more: a later command may ask for more.
        rng = np.random.default_rng([request.seed, *task.encode()])
        settings = draw(plan.grid, request.settings, rng)
        for name, cell in cells.items():
            contest = Contest(
                name=name,
                cell=cell,
                task=spec,
                settings=settings,
                budget=plan.budget,
                seed=request.seed,
                repeats=request.repeats,
                training=Training(schedule=plan.schedule, block=request.block),
                racing=request.preset.racing,
                ops=request.ops,
            )
            _check_width(contest)
            contests.append(contest)
    return tuple(contests)


def _plan(request: Request, task: str) -> Plan:
    """The preset's plan with what the person wants otherwise."""
    plan = request.preset.plan(task)
    if request.parameters is not None:
        grid = replace(plan.grid, parameters=(request.parameters,))
        plan = replace(plan, grid=grid)
    if request.budget is not None:
        plan = replace(plan, budget=request.budget)
    if request.settings > len(plan.grid):
        raise UserError(
            f"`settings` must be at most {len(plan.grid):,} for {task} in preset "
            f"{request.preset.name}, got {request.settings:,}: its grid has no more"
        )
    return plan


def _check_width(contest: Contest) -> None:
    cell = canonical(contest.cell)
    for shape in {setting.shape for setting in contest.settings}:
        try:
            model_width(cell, shape, contest.task.task, contest.training.block)
        except CellError as error:
            where = f"{contest.name} on {contest.task.name}"
            raise UserError(f"{where}: {error}; see `parameters`") from None
