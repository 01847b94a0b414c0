"""`cellsearch final`: the best cells of a run anew, by runs that took no part in it."""

import argparse
import dataclasses
import json
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from cells import Cell, digest
from search.commands.common_runs import told
from search.commands.own_code import add_own_code
from search.commands.pools import add_pool_arguments, pool_options
from search.contest.finals import FinalTable, final_table, finals_panel
from search.contest.ledger import Ledger
from search.errors import UserError, at_least
from search.loop.numerics import admit, class_of
from search.loop.pools import Workers
from search.loop.runs import OpenRun, open_run, replay
from search.loop.sources import read_cells
from search.output.finals import print_finals
from search.procedure.config import Config, Named
from search.store.locks import RunLock
from workers import Pool, PoolOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    add = parser.add_argument
    add("run", type=Path, metavar="RUN", help="the run's folder")
    add(
        "--beside",
        nargs="+",
        action="extend",
        default=[],
        metavar="CELL",
        help="cells to compare with, beside the run's seeds and references",
    )
    add("-k", type=int, metavar="K", help="how many of the best cells (the run's)")
    add(
        "--seeds", type=int, metavar="N", help="fresh seeds of each setting (the run's)"
    )
    add_pool_arguments(parser)
    add_own_code(parser)
    add("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Scores the best cells anew and prints the table; returns the exit status."""
    finals = final(
        options.run,
        pool_options(options),
        count=options.k,
        seeds=options.seeds,
        beside=read_cells(options.beside),
    )
    if options.json:
        print(json.dumps(finals.to_dict(), indent=2))
    else:
        print_finals(finals, sys.stdout)
    return 0


def end_with_finals(folder: Path, pool: PoolOptions, *, as_json: bool) -> int:
    """Scores the best cells anew when a search has ended; returns the exit status."""
    try:
        finals = final(folder, pool)
    except KeyboardInterrupt:
        print(
            f"stopped; go on: cellsearch final {shlex.quote(str(folder))}",
            file=sys.stderr,
        )
        return 130
    print_finals(finals, sys.stderr if as_json else sys.stdout)
    return 0


def final(
    folder: Path,
    pool: PoolOptions,
    *,
    count: int | None = None,
    seeds: int | None = None,
    beside: Sequence[Named] = (),
) -> FinalTable:
    """The finals of the run in a folder; see `play_finals`."""
    with of_run(folder, pool) as (run, made):
        return play_finals(run, made, count, seeds, beside)


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


def play_finals(
    run: OpenRun,
    pool: Callable[[], Pool],
    count: int | None = None,
    seeds: int | None = None,
    beside: Sequence[Named] = (),
) -> FinalTable:
    """Trains what finals need and is not known yet; goes on where it was stopped.

    Args:
        run: The run; results are stored with its own.
        pool: Gives the pool, if there is anything to be trained.
        count: How many of the best cells; None: as its configuration says.
        seeds: Fresh seeds of each setting; None: as its configuration says.
        beside: Other cells to compare with, that took no part.

    Raises:
        UserError: The search has no finals, or nobody is in its list yet.
    """
    config = _asked(run.config, count, seeds)
    objective = config.objective
    rivals = find_rivals(run, objective.finals.cells if objective else 0, beside)
    panel = finals_panel(config, {name: cell for name, cell, _ in rivals.values()})

    ledger = Ledger(run.store.results)
    panel.play(ledger, pool, partial(told, what="finals: "))
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
    finals = FinalTable(
        config.baseline, len(panel.repeats), len(panel.settings), tuple(rows)
    )
    run.store.history.set("finals", finals.to_dict())
    return finals


Rival = tuple[str, Cell, bool]
"""Name, cell, and whether a search has found it."""


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
    members = [*known.table[:count], *known.seeds, *known.references.values()]
    rivals = {one.digest: (one.name, one.cell(), one.is_candidate) for one in members}
    taken = {member.name for member in members}
    for name, cell in beside:  # of other runs, where names may be the same
        own = name if name not in taken else f"{name} (beside)"
        rivals.setdefault(digest(cell), (own, cell, False))
    return rivals
