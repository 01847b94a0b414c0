"""Cells scored without a search, from Python, as the commands of these names do."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cells import Cell
from search.api.pictures import Cells, Picture, named, show
from search.api.runs import Run
from search.contest import evaluation
from search.contest.ablation import AblationTable
from search.contest.calibration import Calibration
from search.contest.ladder import RATES
from search.contest.request import make_request
from search.contest.rungs import RungTable
from search.contest.scoreboard import Scoreboard
from search.loop.pools import Workers
from search.output.display import ContestDisplay
from search.output.progress import told, told_rung
from search.procedure.own_code import OwnCode
from search.procedure.reader import PRESET
from search.scoring import ablating, calibrating, promoting
from search.scoring.common_runs import CommonRuns
from workers import PLAIN, PoolOptions


def evaluate(
    cells: Cells,
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
    out: str | Path | None = "runs/evaluate",
    pool: PoolOptions = PoolOptions(),
) -> Scoreboard:
    """Scores cells on tasks as `cellsearch evaluate` does.

    Args:
        cells: Zoo names, files of cell text, cells, or cells by name.
        tasks: Names of tasks.
        preset: Sizes, grids, schedules and racing.
        settings: How many settings a cell is given on a task; None: the preset's.
        repeats: With how many fresh seeds the best one is scored again; None: the
            preset's.
        seed: Decides settings, weights and synthetic data.
        budget: Most updates of a setting; None: the preset's.
        parameters: Weights of a model; None: the preset's.
        baseline: Whether there are ratios, to the GRU.
        ops: `module:op` of ops of your own.
        block: What stands around the cell in each layer.
        out: Where results are kept; the same call goes on there. None: nowhere.
        pool: Who carries out jobs.

    Returns:
        The table; `to_dict` gives JSON values.

    Raises:
        UserError: Something that cannot be.
        KeyboardInterrupt: It was stopped; what is done is kept.
    """
    OwnCode(tuple(ops), ()).load()  # before a text uses it
    request = make_request(
        tuple(named(cells)),
        tasks,
        preset=preset,
        settings=settings,
        repeats=repeats,
        seed=seed,
        budget=budget,
        parameters=parameters,
        baseline=baseline,
        ops=ops,
        block=block,
    )
    with Workers(pool) as workers, ContestDisplay() as display:
        return evaluation.evaluate(request, _path(out), workers.pool, display)


def ablate(
    cell: str | Cell | Picture,
    *,
    parts: Sequence[str] | None = None,
    tasks: Sequence[str] | None = None,
    preset: str = PRESET,
    settings: int | None = None,
    seeds: int = ablating.SEEDS,
    seed: int = 0,
    budget: int | None = None,
    parameters: int | None = None,
    ops: Sequence[str] = (),
    block: str = PLAIN.block,
    out: str | Path | None = ablating.FOLDER,
    pool: PoolOptions = PoolOptions(),
) -> AblationTable:
    """Scores a cell without each of its parts, as `cellsearch ablate` does.

    Args:
        cell: A zoo name, a file of cell text, or a cell.
        parts: What it is to be without, such as `["gate", "state"]`; None: all kinds.
        tasks: Names of tasks; None: the preset's.
        preset: A search by common runs, whose settings the cell is given.
        settings: How many of them; None: all.
        seeds: Of each setting.
        seed: The first of them.
        budget: Updates of a training; None: the preset's.
        parameters: Weights of a model; None: the preset's.
        ops: `module:op` of ops of your own.
        block: What stands around the cell in each layer.
        out: Where results are kept; the same call goes on there. None: nowhere.
        pool: Who carries out jobs.

    Returns:
        The table; `to_dict` gives JSON values.

    Raises:
        UserError: Something that cannot be.
        CellError: No width fits the weights.
        TaskError: There is no such task.
        KeyboardInterrupt: It was stopped; what is done is kept.
    """
    OwnCode(tuple(ops), ()).load()
    picture = show(cell)
    plan = ablating.plan_ablation(
        (picture.name, picture.cell),
        CommonRuns(seeds=seeds, preset=preset, tasks=tasks, seed=seed, block=block),
        parts=parts,
        settings=settings,
        budget=budget,
        parameters=parameters,
        ops=ops,
    )
    return ablating.ablate(plan, _path(out), pool, told)


def promote(
    what: Run | str | Path | Cell | Picture | Cells,
    *,
    k: int | None = None,
    beside: Cells = (),
    sizes: Sequence[int] = promoting.SIZES,
    rates: Sequence[float] = RATES,
    seeds: int = promoting.SEEDS,
    error: float = promoting.ERROR,
    fresh: Sequence[str] | None = None,
    settings: int | None = None,
    budget: int | None = None,
    tasks: Sequence[str] | None = None,
    preset: str | None = None,
    seed: int | None = None,
    ops: Sequence[str] = (),
    block: str | None = None,
    out: str | Path | None = None,
    pool: PoolOptions = PoolOptions(),
) -> list[RungTable]:
    """Scores cells with more and more weights, as `cellsearch promote` does.

    Args:
        what: A run or its folder, whose best cells are meant; or a cell or cells, as
            `evaluate` takes them.
        k: How many of the best of the run; None: ten.
        beside: Cells to compare with, beside the run's seeds and references.
        sizes: Weights of a model, a rung each.
        rates: Of each setting, times what is good at its size.
        seeds: Of each setting.
        error: Probability of leaving out a cell that is level with the baseline; 0:
            none is left out.
        fresh: Names of tasks that took no part, may be none; None: those of its finals.
        settings: How many of the settings of its finals; None: all.
        budget: Updates of a training; None: its own.
        tasks: For cells: names of the tasks of their search; None: the preset's.
        preset: For cells: a search by common runs, whose settings they are given;
            None: `quick`.
        seed: For cells: what seeds are added to; None: 0.
        ops: `module:op` of ops of your own.
        block: For cells: what stands around the cell in each layer; None: nothing.
        out: Where results are kept; the same call goes on there. None: in the run's
            folder; those of cells in `runs/promote`.
        pool: Who carries out jobs.

    Returns:
        A table a rung, up to where all are left out; `to_dict` gives JSON values.

    Raises:
        UserError: Something that cannot be.
        TaskError: There is no such task.
        KeyboardInterrupt: It was stopped; what is done is kept.
    """
    OwnCode(tuple(ops), ()).load()
    if isinstance(what, Run):
        what = what.folder
    if isinstance(what, Path):
        what = str(what)
    if isinstance(what, str | Cell | Picture):
        what = [what]
    folder = promoting.run_among([] if isinstance(what, Mapping) else what)
    asked = promoting.Promotion(
        run=folder,
        cells=tuple(named(what)) if folder is None else (),
        k=k,
        beside=tuple(named(beside, "beside")),
        sizes=sizes,
        rates=rates,
        seeds=seeds,
        error=error,
        fresh=fresh,
        settings=settings,
        budget=budget,
        tasks=tasks,
        preset=preset,
        seed=seed,
        block=block,
        ops=ops,
    )
    return list(promoting.promote(asked, _path(out), pool, told_rung))


def calibrate(
    cells: Cells = calibrating.CELLS,
    *,
    reliability: float = calibrating.RELIABILITY,
    tasks: Sequence[str] | None = None,
    preset: str = PRESET,
    seeds: int = calibrating.SEEDS,
    seed: int = 0,
    ops: Sequence[str] = (),
    block: str = PLAIN.block,
    out: str | Path | None = calibrating.FOLDER,
    pool: PoolOptions = PoolOptions(),
) -> Calibration:
    """Says whether tasks tell cells apart, as `cellsearch calibrate` does.

    Args:
        cells: Cells as `evaluate` takes them; the preset's baseline is one of them.
        reliability: What the cheapest panel is to reach.
        tasks: Names of tasks; None: the preset's.
        preset: A search by common runs, whose settings they are given.
        seeds: Of each setting.
        seed: The first of them.
        ops: `module:op` of ops of your own.
        block: What stands around the cell in each layer.
        out: Where results are kept; the same call goes on there. None: nowhere.
        pool: Who carries out jobs.

    Returns:
        What the tasks are worth; `to_dict` gives JSON values.

    Raises:
        UserError: Something that cannot be.
        TaskError: There is no such task.
        KeyboardInterrupt: It was stopped; what is done is kept.
    """
    OwnCode(tuple(ops), ()).load()
    plan = calibrating.plan_calibration(
        tuple(named(cells)),
        CommonRuns(seeds=seeds, preset=preset, tasks=tasks, seed=seed, block=block),
        reliability=reliability,
        ops=ops,
    )
    return calibrating.calibrate(plan, _path(out), pool, told)


def _path(out: str | Path | None) -> Path | None:
    return None if out is None else Path(out)
