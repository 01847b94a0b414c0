"""A cell without each of its parts, on common runs."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from cells import Ablation, Part, ablations, digest, unknown_name
from search.contest.ablation import AblationTable, ablation_panel, ablation_table
from search.contest.ledger import Ledger
from search.contest.panel import Panel
from search.errors import UserError, at_least
from search.loop.pools import Workers
from search.procedure.config import Named
from search.scoring.common_runs import CommonRuns, check_alive
from workers import PoolOptions, model_width

FOLDER: Final = "runs/ablate"
"""Where results are kept unless a person says otherwise."""

SEEDS: Final = 8


@dataclass(frozen=True)
class AblationPlan:
    """What is trained.

    Attributes:
        cell: Name and cell.
        ablated: What it is without; the dead are not trained.
        panel: The runs.
    """

    cell: Named
    ablated: tuple[Ablation, ...]
    panel: Panel

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        rows = [
            {"words": one.words, "part": str(one.part), "digest": one.digest}
            | ({"dead": one.dead.missing} if one.dead else {})
            for one in self.ablated
        ]
        return {"trainings": len(self.panel), "ablations": rows}


def plan_ablation(
    cell: Named,
    runs: CommonRuns,
    *,
    parts: Sequence[str] | None = None,
    settings: int | None = None,
    budget: int | None = None,
    parameters: int | None = None,
    ops: Sequence[str] = (),
) -> AblationPlan:
    """What a person asks for, checked.

    Args:
        cell: Name and cell.
        runs: What the cell and its ablations are given.
        parts: Kinds of parts that it is to be without; None: all.
        settings: How many of the common settings; None: all.
        budget: Updates of a training; None: the preset's.
        parameters: Weights of a model; None: the preset's.
        ops: `module:op` of a person's own ops; loaded already.

    Raises:
        UserError: There can be no such runs.
        CellError: No width fits the weights.
        TaskError: There is no such task.
    """
    check_alive(*cell)
    wanted = list(map(str, Part)) if parts is None else parts
    for part in wanted:
        if part not in set(Part):
            raise UserError(unknown_name("part", part, list(Part)))
    ablated = tuple(one for one in ablations(cell[1]) if one.part in wanted)

    config, objective = runs.search()
    for name, value in (
        ("settings", settings),
        ("budget", budget),
        ("parameters", parameters),
    ):
        at_least(f"`{name}`", value, 1)
    most = len(objective.panel)
    if settings is not None and settings > most:
        raise UserError(
            f"`settings` must be at most {most}, the settings of the preset's panel, "
            f"got {settings}"
        )
    chosen = objective.panel[:settings]
    panel = ablation_panel(cell, ablated, config, chosen, runs.seeds, ops)
    return AblationPlan(cell, ablated, _sized(panel, budget, parameters))


def _sized(panel: Panel, budget: int | None, parameters: int | None) -> Panel:
    """The panel with other updates and weights, if any are asked for."""
    if budget is not None:
        tasks = tuple(replace(task, budget=budget) for task in panel.tasks)
        panel = replace(panel, tasks=tasks)
    if parameters is not None:
        settings = [replace(one, parameters=parameters) for one in panel.settings]
        panel = replace(panel, settings=tuple(settings))

    # The whole cell comes first, and has most weights of all.
    whole = next(iter(panel.cells.values()))
    for task, setting in itertools.product(panel.tasks, panel.settings):
        model_width(whole, setting.shape, task.task.task, task.training.block)
    return panel


def ablate(
    plan: AblationPlan,
    out: Path | None,
    pool: PoolOptions,
    told: Callable[[int, int], None],
) -> AblationTable:
    """Trains what is not known yet; goes on where it was stopped.

    Args:
        plan: What is trained.
        out: Where results are kept, and looked up; None: nowhere.
        pool: Who trains what is not known yet.
        told: Is told how many trainings are done, and how many there are.

    Raises:
        UserError: `out` is no folder for it.
    """
    panel, (name, cell) = plan.panel, plan.cell
    with Workers(pool) as workers, Ledger.open(out) as ledger:
        panel.play(ledger, workers.pool, told)
        results = panel.results(ledger)
    return ablation_table(
        name,
        digest(cell),
        plan.ablated,
        [task.name for task in panel.tasks],
        panel.scores(results),
        panel.last_losses(results),
    )
