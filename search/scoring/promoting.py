"""The best cells with more and more weights: of a run, or cells that are named."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from cells import Cell, digest
from search.contest.finals import other_tasks
from search.contest.ladder import FIRST_SEED, RATES, Ladder, Told, climb
from search.contest.ledger import Ledger
from search.contest.panel import panel_tasks
from search.contest.rungs import RungTable
from search.errors import UserError, at_least
from search.loop.pools import Workers
from search.loop.runs import open_run
from search.procedure.config import Config, Named
from search.procedure.reader import PRESET
from search.scoring.common_runs import CommonRuns, check_alive
from search.scoring.finals import Rival, find_rivals, of_run
from workers import PLAIN, Pool, PoolOptions

FOLDER: Final = "runs/promote"
"""Where results of cells are kept unless a person says otherwise."""

SIZES: Final = (10_000, 100_000, 1_000_000)
FINALISTS: Final = 10
SEEDS: Final = 4
ERROR: Final = 0.05


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """What a person asks for.

    Attributes:
        run: The folder of the run whose best cells are meant; None: `cells` are.
        cells: Name and cell of those that are meant otherwise.
        k: How many of the best of the run; None: `FINALISTS`.
        beside: Name and cell of others to compare with.
        sizes: Weights of a model, a rung each.
        rates: Of each setting, times what is good at its size.
        seeds: Of each setting.
        error: Of leaving out a cell that is level with the baseline; 0: none is.
        fresh: Tasks that took no part; None: those of its finals.
        settings: How many of the settings of its finals; None: all.
        budget: Updates of a training; None: its own.
        tasks: Of the search that cells are from; None: the preset's.
        preset: Whose common runs cells are given; None: `PRESET`.
        seed: What cells' seeds are added to; None: 0.
        block: What stands around cells in each layer; None: the paper's model.
        ops: `module:op` of a person's own ops; loaded already.
    """

    run: Path | None = None
    cells: Sequence[Named] = ()
    k: int | None = None
    beside: Sequence[Named] = ()
    sizes: Sequence[int] = SIZES
    rates: Sequence[float] = RATES
    seeds: int = SEEDS
    error: float = ERROR
    fresh: Sequence[str] | None = None
    settings: int | None = None
    budget: int | None = None
    tasks: Sequence[str] | None = None
    preset: str | None = None
    seed: int | None = None
    block: str | None = None
    ops: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuses what is for a run where there is none, and the reverse.

        Raises:
            UserError: Names the option, what came and what is allowed.
        """
        other = ("k",) if self.run is None else ("tasks", "preset", "seed", "block")
        for name in other:
            value = getattr(self, name)
            if value is not None:
                said = "is for a run" if self.run is None else "are those of the run"
                text = ",".join(value) if name == "tasks" else value
                raise UserError(f"`{name}` {said}, got {text}")
        for name in ("k", "settings", "budget"):
            at_least(f"`{name}`", getattr(self, name), 1)

    def ladder(self) -> Ladder:
        """What is trained, checked.

        Raises:
            UserError: There can be no such ladder.
            TaskError: There is no such task.
        """
        config, rivals = self._of_cells() if self.run is None else self._of_run()
        for name, cell, _ in rivals.values():
            check_alive(name, cell)
        ladder = self._sized(config, rivals)
        ladder.check()
        return ladder

    def _of_run(self) -> tuple[Config, dict[str, Rival]]:
        assert self.run is not None
        with open_run(self.run, reading=True) as opened:
            if opened.config.objective is None:
                raise UserError(
                    f"{self.run} is no search by common runs; name its cells instead, "
                    f"such as {self.run}:1"
                )
            count = FINALISTS if self.k is None else self.k
            return opened.config, find_rivals(opened, count, self.beside)

    def _of_cells(self) -> tuple[Config, dict[str, Rival]]:
        """The preset's search, and cells with its baseline, as if it had found them."""
        runs = CommonRuns(
            seeds=self.seeds,
            preset=self.preset or PRESET,
            tasks=self.tasks,
            seed=self.seed or 0,
            block=self.block or PLAIN.block,
        )
        config, _ = runs.search()
        rivals: dict[str, Rival] = {}
        named, taken = list(self.cells), {name for name, _ in self.cells}
        for name, cell in (*self.beside, (config.baseline, config.baseline_cell)):
            named.append((name if name not in taken else f"{name} (beside)", cell))
        for name, cell in named:
            rivals.setdefault(digest(cell), (name, cell, False))
        return config, rivals

    def _sized(self, config: Config, rivals: dict[str, Rival]) -> Ladder:
        """The ladder of these cells."""
        objective = config.objective
        assert objective is not None
        settings = (objective.finals.panel or objective.panel)[: self.settings]
        searched = panel_tasks(config)
        tasks = [*searched, *other_tasks(config, _fresh(config, self.fresh))]
        if self.budget is not None:
            tasks = [replace(task, budget=self.budget) for task in tasks]
        cells: dict[str, Cell] = {name: cell for name, cell, _ in rivals.values()}
        return Ladder(
            cells=cells,
            baseline=rivals[digest(config.baseline_cell)][0],
            tasks=tuple(tasks),
            searched=len(searched),
            settings=settings,
            sizes=tuple(self.sizes),
            rates=tuple(self.rates),
            seeds=self.seeds,
            error=self.error,
            fitness=objective.fitness,
            seed=config.seed,
            first=max(FIRST_SEED, objective.most_seeds + objective.finals.seeds),
            floor=objective.floor,
            ops=config.own_ops or tuple(self.ops),
        )


def _fresh(config: Config, names: Sequence[str] | None) -> Sequence[str]:
    """Names of the tasks that took no part; a person may want none.

    Raises:
        UserError: Neither it nor the search says, or one did.
    """
    objective = config.objective
    assert objective is not None
    searched = [stage.name for stage in config.tasks]
    if names is None and not (names := objective.finals.tasks):
        raise UserError(
            "`fresh` must be given, tasks or none: its finals have no task of their own"
        )
    took = next((name for name in names if name in searched), None)
    if took is not None:
        raise UserError(f"`fresh` must be tasks that took no part, got {took}")
    return names


def run_among(sources: Sequence[object]) -> Path | None:
    """The folder of the run that a person means; None: cells are meant.

    Args:
        sources: A folder, or cells and what they are read from.

    Raises:
        UserError: Both are.
    """
    folders = [one for one in sources if isinstance(one, str) and Path(one).is_dir()]
    if folders and len(sources) > 1:
        raise UserError(
            f"{folders[0]} is a run: it stands alone, and cells beside it in `beside`"
        )
    return Path(folders[0]) if folders else None


def promote(
    asked: Promotion, out: Path | None, pool: PoolOptions, told: Told
) -> Iterator[RungTable]:
    """Trains rung by rung what is not known yet, and says what each came to.

    Args:
        asked: What a person asks for.
        out: Where results are kept; None: in the run's folder, or `FOLDER`.
        pool: Who trains what is not known yet.
        told: Is told the size, how many trainings of its rung are done, and how many
            there are.

    Raises:
        UserError: There can be no such ladder, or `out` is no folder for it.
        TaskError: There is no such task.
    """
    ladder = asked.ladder()  # what cannot be is said before any lock
    with _opened(asked.run if out is None else None, out, pool) as (ledger, made):
        yield from climb(ladder, ledger, made, told)


@contextmanager
def _opened(
    run: Path | None, out: Path | None, pool: PoolOptions
) -> Iterator[tuple[Ledger, Callable[[], Pool]]]:
    """Where results are kept, in a run or elsewhere, and who carries trainings out."""
    if run is not None:
        with of_run(run, pool) as (opened, made):
            yield Ledger(opened.store.results), made
        return
    with Workers(pool) as workers, Ledger.open(out or Path(FOLDER)) as ledger:
        yield ledger, workers.pool
