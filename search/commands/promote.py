"""`cellsearch promote`: the best cells with more and more weights, rung by rung."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from cells import Cell, dead, digest
from search.commands.common_runs import add_block, common_runs, told
from search.commands.final import Rival, find_rivals, of_run
from search.commands.own_code import add_own_code
from search.commands.pools import add_pool_arguments, pool_options
from search.commands.stopping import say_stopped
from search.contest.finals import other_tasks
from search.contest.ladder import FIRST_SEED, RATES, Ladder, climb, costs
from search.contest.ledger import Ledger
from search.contest.panel import panel_tasks
from search.contest.rungs import RungTable
from search.errors import UserError, at_least
from search.loop.pools import Workers
from search.loop.runs import open_run
from search.loop.sources import read_cells
from search.output.ladder import Cost, print_costs, print_legend, print_rung
from search.procedure.config import Config, Named
from workers import PLAIN, Pool

FOLDER: Final = "runs/promote"
SIZES: Final = (10_000, 100_000, 1_000_000)
FINALISTS: Final = 10
NONE: Final = "none"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    add = parser.add_argument
    add(
        "what",
        nargs="+",
        metavar="RUN|CELL",
        help="a run's folder; or cells: zoo names, files of cell text, RUN:RANK, or -",
    )
    add("-k", type=int, metavar="K", help=f"best cells of the run ({FINALISTS})")
    add(
        "--beside",
        nargs="+",
        action="extend",
        default=[],
        metavar="CELL",
        help="cells to compare with, beside the run's seeds and references",
    )
    for flag, values, text in (
        ("--sizes", SIZES, "weights of a model, a rung each"),
        ("--rates", RATES, "the rates of a setting, times what is good at its size"),
    ):
        said = ",".join(f"{value:g}" if value < 10 else str(value) for value in values)
        add(flag, default=said, metavar="A,B", help=f"{text} ({said})")
    add("--seeds", type=int, default=4, metavar="N", help="of each setting (4)")
    add(
        "--error",
        type=float,
        default=0.05,
        metavar="P",
        help="of leaving out a cell that is level with the baseline; 0: none is left "
        "out (0.05)",
    )
    add(
        "--fresh",
        metavar="A,B",
        help="tasks that took no part, or none (those of its finals)",
    )
    add("--settings", type=int, metavar="N", help="the first N of its finals (all)")
    add("--budget", type=int, metavar="N", help="updates of a training (its own)")
    for flag, text in (
        ("--tasks", "of the search that cells are from (the preset's)"),
        ("--preset", "whose common runs cells are given (quick)"),
    ):
        add(flag, metavar="A,B" if flag == "--tasks" else "PRESET", help=text)
    add("--seed", type=int, metavar="N", help="what cells' seeds are added to (0)")
    add_block(parser, default=None)
    add("--dry-run", action="store_true", help="say what it takes, and train nothing")
    add(
        "--out",
        type=Path,
        metavar="DIR",
        help=f"where results are kept (the run's folder; of cells {FOLDER})",
    )
    add_pool_arguments(parser)
    add_own_code(parser)
    add("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Climbs the ladder and prints a table a rung; returns the exit status."""
    folder = _run_folder(options)
    if options.dry_run:
        _say_costs(_ladder(folder, options), as_json=options.json)
        return 0
    rungs: list[RungTable] = []

    # Whatever ends it, the same command goes on where it was.
    try:
        with _opened(folder, options) as (ladder, ledger, pool):
            for rung in climb(ladder, ledger, pool, _told):
                rungs.append(rung)
                if not options.json:
                    print_rung(rung, sys.stdout)
                    sys.stdout.flush()
    except KeyboardInterrupt:
        return say_stopped()
    if options.json:
        found = {"sizes": ladder.sizes, "rungs": [rung.to_dict() for rung in rungs]}
        print(json.dumps(found, indent=2))
    else:
        print_legend(rungs, ladder.sizes, ladder.error, sys.stdout)
    return 0


@contextmanager
def _opened(
    folder: Path | None, options: argparse.Namespace
) -> Iterator[tuple[Ladder, Ledger, Callable[[], Pool]]]:
    """The ladder, where its results are kept, and who carries it out."""
    pool = pool_options(options)
    ladder = _ladder(folder, options)  # what cannot be is said before any lock
    if folder is not None and options.out is None:
        with of_run(folder, pool) as (opened, made):
            yield ladder, Ledger(opened.store.results), made
        return
    out = options.out or Path(FOLDER)
    with Workers(pool) as workers, Ledger.open(out) as ledger:
        yield ladder, ledger, workers.pool


def _run_folder(options: argparse.Namespace) -> Path | None:
    """The folder of the run that a person means; None: cells are meant.

    Raises:
        UserError: Both are, or an option is for the other.
    """
    folders = [word for word in options.what if Path(word).is_dir()]
    if folders and len(options.what) > 1:
        raise UserError(
            f"{folders[0]} is a run: it stands alone, and cells beside it in `beside`"
        )
    other = ("tasks", "preset", "seed", "block") if folders else ("k",)
    for name in other:
        if getattr(options, name) is not None:
            said = "are those of the run" if folders else "is for a run"
            raise UserError(f"`{name}` {said}, got {getattr(options, name)}")
    return Path(folders[0]) if folders else None


def _ladder(folder: Path | None, options: argparse.Namespace) -> Ladder:
    """What a person asks for, checked.

    Raises:
        UserError: There can be no such ladder.
        CellError: A text is no cell.
        TaskError: There is no such task.
    """
    for name in ("k", "settings", "budget"):
        at_least(f"`{name}`", getattr(options, name), 1)
    beside = read_cells(options.beside)
    config, rivals = (
        _of_cells(options, beside)
        if folder is None
        else (_of_run(folder, options, beside))
    )
    for name, cell, _ in rivals.values():
        reason = dead(cell)
        if reason is not None:
            raise UserError(
                f"{name} ignores the {reason.missing}: it can learn nothing"
            )
    ladder = _sized(config, rivals, options)
    ladder.check()
    return ladder


def _of_run(
    folder: Path, options: argparse.Namespace, beside: Sequence[Named]
) -> tuple[Config, dict[str, Rival]]:
    with open_run(folder, reading=True) as opened:
        if opened.config.objective is None:
            raise UserError(
                f"{folder} is no search by common runs; name its cells instead, such "
                f"as {folder}:1"
            )
        count = FINALISTS if options.k is None else options.k
        return opened.config, find_rivals(opened, count, beside)


def _of_cells(
    options: argparse.Namespace, beside: Sequence[Named]
) -> tuple[Config, dict[str, Rival]]:
    """The preset's search, and cells with its baseline, as if it had found them."""
    chosen = {
        "preset": options.preset or "quick",
        "seed": options.seed or 0,
        "block": options.block or PLAIN.block,
    }
    config, _ = common_runs(argparse.Namespace(**{**vars(options), **chosen}))
    rivals: dict[str, Rival] = {}
    named = read_cells(options.what)
    taken = {name for name, _ in named}
    for name, cell in (*beside, (config.baseline, config.baseline_cell)):
        named += ((name if name not in taken else f"{name} (beside)", cell),)
    for name, cell in named:
        rivals.setdefault(digest(cell), (name, cell, False))
    return config, rivals


def _sized(
    config: Config, rivals: dict[str, Rival], options: argparse.Namespace
) -> Ladder:
    """The ladder of these cells."""
    objective = config.objective
    assert objective is not None
    settings = (objective.finals.panel or objective.panel)[: options.settings]
    searched = panel_tasks(config)
    tasks = [*searched, *other_tasks(config, _fresh(config, options.fresh))]
    if options.budget is not None:
        tasks = [replace(task, budget=options.budget) for task in tasks]
    cells: dict[str, Cell] = {name: cell for name, cell, _ in rivals.values()}
    return Ladder(
        cells=cells,
        baseline=rivals[digest(config.baseline_cell)][0],
        tasks=tuple(tasks),
        searched=len(searched),
        settings=settings,
        sizes=_numbers("sizes", options.sizes, int),
        rates=_numbers("rates", options.rates, float),
        seeds=options.seeds,
        error=options.error,
        fitness=objective.fitness,
        seed=config.seed,
        first=max(FIRST_SEED, objective.most_seeds + objective.finals.seeds),
        floor=objective.floor,
        ops=config.own_ops or tuple(options.op),
    )


def _fresh(config: Config, text: str | None) -> Sequence[str]:
    """Names of the tasks that took no part; a person may want none.

    Raises:
        UserError: Neither it nor the search says, or one did.
    """
    objective = config.objective
    assert objective is not None
    if text == NONE:
        return ()
    names = objective.finals.tasks if text is None else tuple(text.split(","))
    searched = [stage.name for stage in config.tasks]
    took = next((name for name in names if name in searched), None)
    if not names:
        raise UserError(
            "`fresh` must be given, tasks or none: its finals have no task of their own"
        )
    if took is not None:
        raise UserError(f"`fresh` must be tasks that took no part, got {took}")
    return names


def _numbers(name: str, text: str, kind: Callable[[str], Any]) -> tuple[Any, ...]:
    try:
        return tuple(map(kind, text.split(",")))
    except ValueError:
        what = "whole numbers" if kind is int else "numbers"
        raise UserError(
            f"`{name}` must be {what} with commas between, got {text!r}"
        ) from None


def _say_costs(ladder: Ladder, *, as_json: bool) -> None:
    found = [Cost(*cost) for cost in costs(ladder)]
    if as_json:
        print(json.dumps({"rungs": [cost._asdict() for cost in found]}, indent=2))
    else:
        print_costs(found, len(ladder.cells), sys.stdout)


def _told(size: int, done: int, whole: int) -> None:
    told(done, whole, f"{size:,} weights: ")
