"""Published cells on a panel: whether its tasks tell them apart."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from search.contest import calibration
from search.contest.calibration import Calibration, panel_document
from search.contest.ledger import Ledger
from search.contest.panel import Panel, panel_tasks
from search.errors import UserError
from search.loop.pools import Workers
from search.procedure.config import Named
from search.procedure.objective import Paired
from search.scoring.common_runs import CommonRuns
from workers import PLAIN, PoolOptions

CELLS: Final = (
    "gru",
    "lstm",
    "lstm_b",
    "mut1",
    "mut2",
    "mut3",
    "mgu",
    "ugrnn",
    "janet",
    "tanh",
    "lstm_o",
    "lstm_i",
)
"""Cells that a calibration has unless others are named."""

FOLDER: Final = "runs/calibrate"
"""Where results are kept unless a person says otherwise."""

SEEDS: Final = 3
RELIABILITY: Final = 0.9


@dataclass(frozen=True)
class CalibrationPlan:
    """What is trained, and what for.

    Attributes:
        panel: The runs.
        baseline: Name of the cell that all are compared with.
        objective: The search whose panel it is.
        reliability: What the cheapest panel is to reach.
    """

    panel: Panel
    baseline: str
    objective: Paired
    reliability: float

    def document(self, found: Calibration) -> dict[str, Any]:
        """The cheapest panel, to begin a configuration with."""
        document = panel_document(self.objective, found.cheapest)
        block = self.panel.tasks[0].training.block
        if block != PLAIN.block:  # what was calibrated, and not the paper's model
            document["training"] = {"block": block}
        return document


def plan_calibration(
    cells: Sequence[Named],
    runs: CommonRuns,
    *,
    reliability: float = RELIABILITY,
    ops: Sequence[str] = (),
) -> CalibrationPlan:
    """What a person asks for, checked.

    Args:
        cells: Name and cell; the baseline is one of them in any case.
        runs: What they are given.
        reliability: What the cheapest panel is to reach.
        ops: `module:op` of a person's own ops; loaded already.

    Raises:
        UserError: There can be no such runs, or too few cells.
        TaskError: There is no such task.
    """
    if not 0 < reliability < 1:
        raise UserError(f"`reliability` must be in (0, 1), got {reliability}")
    config, objective = runs.search()
    whole = dict(cells)
    whole.setdefault(config.baseline, config.baseline_cell)
    if len(whole) < 3:
        raise UserError(f"`cells` needs two besides the baseline, got {len(whole) - 1}")
    panel = Panel(
        cells=whole,
        tasks=panel_tasks(config),
        settings=objective.panel,
        repeats=tuple(range(runs.seeds)),
        seed=config.seed,
        floor=objective.floor,
        ops=tuple(ops),
    )
    return CalibrationPlan(panel, config.baseline, objective, reliability)


def calibrate(
    plan: CalibrationPlan,
    out: Path | None,
    pool: PoolOptions,
    told: Callable[[int, int], None],
) -> Calibration:
    """Trains what is not known yet; goes on where it was stopped.

    Args:
        plan: What is trained.
        out: Where results are kept, and looked up; None: nowhere.
        pool: Who trains what is not known yet.
        told: Is told how many trainings are done, and how many there are.

    Raises:
        UserError: `out` is no folder for it.
    """
    panel, objective = plan.panel, plan.objective
    with Workers(pool) as workers, Ledger.open(out) as ledger:
        panel.play(ledger, workers.pool, told)
        results, spent = panel.results(ledger), ledger.spent()
    return calibration.calibrate(
        panel,
        panel.scores(results),
        panel.last_losses(results),
        list(panel.cells).index(plan.baseline),
        size=(len(objective.panel), objective.seeds),
        wanted=plan.reliability,
        run_s=spent.train_s / len(panel),
        compile_s=spent.compile_s / len(panel.cells),
    )
