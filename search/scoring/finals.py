"""The best cells of a run anew, by runs that took no part in it."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cells import Cell, digest
from search.contest.finals import FinalTable, final_table, finals_panel
from search.contest.ledger import Ledger
from search.errors import UserError, at_least
from search.loop.numerics import admit, class_of
from search.loop.pools import Workers
from search.loop.runs import OpenRun, open_run, replay
from search.loop.standing import finalists
from search.procedure.config import Config, Named
from search.procedure.costs import cell_cost
from search.procedure.objective import NominalCost
from search.store.locks import RunLock
from workers import Pool, PoolOptions

Rival = tuple[str, Cell, bool]
"""Name, cell, and whether a search has found it."""


def final(
    folder: Path,
    pool: PoolOptions,
    told: Callable[[int, int], None],
    *,
    count: int | None = None,
    seeds: int | None = None,
    beside: Sequence[Named] = (),
) -> FinalTable:
    """The finals of the run in a folder; goes on where they were stopped.

    Args:
        folder: The run's; results are stored with its own.
        pool: Who trains what is not known yet.
        told: Is told how many trainings are done, and how many there are.
        count: How many of the best cells; None: as its configuration says.
        seeds: Fresh seeds of each setting; None: as its configuration says.
        beside: Other cells to compare with, that took no part.

    Raises:
        UserError: The search has no finals, or nobody is in its list yet.
    """
    with of_run(folder, pool) as (run, made):
        config = _asked(run.config, count, seeds)
        objective = config.objective
        rivals = find_rivals(run, objective.finals.cells if objective else 0, beside)
        finals = _play(config, rivals, Ledger(run.store.results), made, told)
        run.store.history.set("finals", finals.to_dict())
        return finals


@contextmanager
def of_run(
    folder: Path, pool: PoolOptions
) -> Iterator[tuple[OpenRun, Callable[[], Pool]]]:
    """A run, and what makes a pool of its numerics class when there is need of one."""
    workers = Workers(pool)
    with workers, RunLock(folder), open_run(folder) as run:
        history = run.store.history

        def made() -> Pool:
            own = workers.pool(class_of(history))
            admit(own.workers(), history, mixed=pool.mixed)
            return own

        yield run, made


def _asked(config: Config, count: int | None, seeds: int | None) -> Config:
    """The configuration with finals as a person asks for them."""
    objective = config.objective
    if objective is None:  # `finals_panel` says so
        return config
    chosen = dataclasses.replace(
        objective.finals,
        cells=objective.finals.cells if count is None else count,
        seeds=objective.finals.seeds if seeds is None else seeds,
    )
    at_least("`k`", chosen.cells, 1)
    return dataclasses.replace(
        config, objective=dataclasses.replace(objective, finals=chosen)
    )


def find_rivals(run: OpenRun, count: int, beside: Sequence[Named]) -> dict[str, Rival]:
    """The best and all seeds and references, the baseline among them; by digest.

    Args:
        run: The run.
        count: How many of the best; they may be more than have mutants.
        beside: Other cells, that took no part.

    Raises:
        UserError: The run has no table yet.
    """
    procedure = replay(run).procedure
    if not procedure.opened:
        raise UserError(f"{run.folder} has no table yet: its seeds are being evaluated")
    known = procedure.population
    best = finalists(procedure, count)  # by the search: finals do not choose again
    members = [*best, *known.seeds, *known.references.values()]
    rivals = {one.digest: (one.name, one.cell(), one.is_candidate) for one in members}
    taken = {member.name for member in members}
    for name, cell in beside:  # of other runs, where names may be the same
        own = name if name not in taken else f"{name} (beside)"
        rivals.setdefault(digest(cell), (own, cell, False))
    return rivals


def _play(
    config: Config,
    rivals: dict[str, Rival],
    ledger: Ledger,
    pool: Callable[[], Pool],
    told: Callable[[int, int], None],
) -> FinalTable:
    """Trains what is not known yet, and makes the table."""
    panel = finals_panel(config, {name: cell for name, cell, _ in rivals.values()})
    panel.play(ledger, pool, told)
    results = panel.results(ledger)
    rows = final_table(
        [(name, key, found) for key, (name, _, found) in rivals.items()],
        [
            (task.name, number < len(config.tasks))
            for number, task in enumerate(panel.tasks)
        ],
        panel.scores(results),
        panel.last_losses(results),
        list(rivals).index(digest(config.baseline_cell)),
    )
    objective = config.objective
    if objective is not None and objective.cost is not NominalCost.NONE:
        kind, about = objective.cost, (config.tasks, objective.panel)
        rows = [
            dataclasses.replace(
                row, cost=cell_cost(rivals[row.digest][1], kind, *about)
            )
            for row in rows
        ]
    return FinalTable(
        config.baseline, len(panel.repeats), len(panel.settings), tuple(rows)
    )
