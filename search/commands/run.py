"""`cellsearch run` and `resume`: a search in a run folder, begun or gone on with."""

import argparse
import contextlib
import math
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final

from search.commands.display import LEGEND, counts, details, make_table, make_watcher
from search.commands.dry_run import dry_run
from search.commands.pools import Workers, add_pool_arguments, check_workers
from search.commands.sources import resolve_cells
from search.contest.progress import duration
from search.errors import UserError
from search.loop.deadlines import FACTOR
from search.loop.engine import Ending, Engine, Limits
from search.loop.numerics import admit, check_reused, class_of
from search.loop.runs import (
    Run,
    branch_document,
    create_run,
    make_folder,
    open_run,
    take_results,
)
from search.loop.trainable import check_trainable
from search.output.leaderboard import Leaderboard
from search.procedure.document import Document, assign, overlay
from search.procedure.presets import search_names
from search.procedure.procedure import Procedure
from search.procedure.reader import PRESET, make_config, planned
from search.procedure.writer import to_document
from search.store.document_file import read_document
from search.store.locks import RunLock
from search.store.store import holds_run
from workers import Pool

ROWS: Final = 10
PIPE_COLUMNS: Final = 120


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `run`."""
    add = parser.add_argument
    add("config", nargs="?", type=Path, metavar="CONFIG.toml", help="a configuration")
    presets = ", ".join(search_names())
    add("--preset", help=f"{presets} (the configuration's, or {PRESET})")
    add("--out", type=Path, metavar="RUN", help="the run's folder (runs/PRESET)")
    add("--seed", type=int, metavar="N", help="seed of everything (0)")
    add(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="one option of the configuration, such as rules.gate=0.8",
    )
    add(
        "--reuse",
        action="append",
        default=[],
        type=Path,
        metavar="RUN",
        help="take results of another run instead of training again; may be repeated",
    )
    add(
        "--branch",
        type=Path,
        metavar="RUN",
        help="start from the table of another run: its cells are the seeds",
    )
    add("--dry-run", action="store_true", help="say what the search would cost")
    add_limits(parser)


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Declares what `run` and `resume` share."""
    add = parser.add_argument
    add("--candidates", type=int, metavar="N", help="stop after N new cells")
    add("--hours", type=float, metavar="H", help="stop after H hours")
    add("--fitness", type=float, metavar="F", help="stop at a mutant of fitness F")
    add("--curves", action="store_true", help="store learning curves, too")
    add(
        "--deadline",
        type=float,
        default=FACTOR,
        metavar="X",
        help="a job that takes X times as long as it should is stopped; 0: none "
        f"({FACTOR:g})",
    )
    add_pool_arguments(parser)
    add("--json", action="store_true", help="print the table as JSON")


def check_limits(options: argparse.Namespace) -> None:
    """Refuses limits and workers that there cannot be.

    Raises:
        UserError: Names the option, what came and what is allowed.
    """
    for name, least in {
        "candidates": 1,
        "hours": 0,
        "fitness": 0,
        "deadline": 0,
    }.items():
        value = getattr(options, name)
        if value is not None and not least <= value < math.inf:
            raise UserError(f"--{name} must be at least {least}, got {value}")
    check_workers(options)


def run(options: argparse.Namespace) -> int:
    """Begins a search, or goes on with it; returns the exit status."""
    check_limits(options)
    document = _document(options)
    preset = document.get("preset", PRESET)
    folder = options.out or Path("runs") / str(preset)
    if options.dry_run:
        config = make_config(document)
        check_trainable(config)
        return dry_run(config, planned(document), options)
    reuse = [*([options.branch] if options.branch else []), *options.reuse]
    with Workers(options) as workers:
        if not holds_run(folder):
            config, limit = make_config(document), planned(document)
            check_trainable(config)
            _check_reuse(options, workers)
            make_folder(folder)
            with RunLock(folder), create_run(folder, config, limit, reuse) as run:
                return search(run, options, workers)
        with RunLock(folder), open_run(folder) as run:
            wanted = make_config({**document, "candidates": run.planned})
            run.check(to_document(wanted), "the configuration asked for")
            _check_reuse(options, workers, class_of(run.store.history))
            run.add_reused(options.reuse)
            return search(run, options, workers)


def search(run: Run, options: argparse.Namespace, workers: Workers) -> int:
    """Goes on with an open run until a limit; prints the table."""
    limits = _limits(run, options)
    watcher = make_watcher(limits)
    procedure, history = Procedure(run.config), run.store.history

    def pool() -> Pool:
        made = workers.pool(class_of(history))
        admit(made.workers(), history, mixed=options.mixed)
        return made

    if history.get("reuse"):
        pool()  # decides whose results may be taken
        for note in take_results(run, mixed=options.mixed):
            print(note, file=sys.stderr)
    engine = Engine(
        procedure,
        run.store,
        pool,
        watcher,
        limits,
        curves=options.curves,
        deadline_factor=options.deadline,
    )
    try:
        with watcher, stopping(engine, watcher.note):
            ending = engine.run()
    except KeyboardInterrupt:
        print(f"stopped at once. {_go_on(run.folder)}", file=sys.stderr)
        return 130
    _say_end(run, engine, ending, options)
    return 130 if ending is Ending.STOPPED else 0


@contextlib.contextmanager
def stopping(engine: Engine, note: Callable[[str], None]) -> Iterator[None]:
    """The first Ctrl-C (or SIGTERM) drains and saves, the second stops at once."""

    def first(number: int, frame: FrameType | None) -> None:
        engine.stop()
        for each in _SIGNALS:
            signal.signal(each, signal.default_int_handler)
        note("finishing what is being trained; Ctrl-C again stops at once")

    before = {each: signal.signal(each, first) for each in _SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def _document(options: argparse.Namespace) -> Document:
    """What a person wants: file, branch, flags, in this order."""
    document: Document = {}
    if options.branch is not None:
        document = branch_document(options.branch)
    if options.config is not None:
        document = overlay(document, read_document(options.config))
    for key in ("preset", "seed", "candidates"):
        value = getattr(options, key)
        if value is not None:
            document[key] = value
    for assignment in options.set:
        assign(document, assignment)
    return resolve_cells(document)


def _check_reuse(
    options: argparse.Namespace, workers: Workers, numerics: str | None = None
) -> None:
    """Refuses results of another numerics class before anything is made or changed."""
    if options.reuse:
        about = workers.pool(numerics).workers()
        check_reused(options.reuse, about, mixed=options.mixed)


def _limits(run: Run, options: argparse.Namespace) -> Limits:
    """Limits of this process; the number of candidates is kept for the next one."""
    candidates = options.candidates or run.candidates
    done = run.store.history.counts().get("propose", 0)
    if candidates < done:
        raise UserError(
            f"--candidates must be at least {done}, which {run.folder} has, "
            f"got {candidates}"
        )
    run.store.history.set("candidates", candidates)
    return Limits(candidates, options.hours, options.fitness)


def _say_end(
    run: Run, engine: Engine, ending: Ending, options: argparse.Namespace
) -> None:
    board = Leaderboard(engine.procedure)
    if options.json:
        import json

        print(json.dumps([row.to_dict() for row in board.rows()], indent=2))
        print(f"{ending}. {_go_on(run.folder)}", file=sys.stderr)
        return
    print_table(board, sys.stdout, ROWS)
    for line in (*LEGEND, "", *details(engine)):
        print(line)
    kinds = counts(engine.tally.decisions)
    print(f"moves   {kinds}; {duration(engine.elapsed_s)} in this process")
    print(f"{ending}. {_go_on(run.folder)}")


def print_table(board: Leaderboard, stream: Any, count: int) -> None:
    """Prints the best rows, and seeds and references below."""
    from rich.console import Console

    rows = board.rows(count)
    shown = {row.member.digest for row in rows}
    rest = [row for row in board.named() if row.member.digest not in shown]
    if not rows and not rest:
        print("no cell has been evaluated yet", file=stream)
        return
    width = None if stream.isatty() else PIPE_COLUMNS
    console = Console(file=stream, width=width)
    console.print(make_table(rows, rest, console.width))


def _go_on(folder: Path) -> str:
    return f"Go on: cellsearch resume {folder} [--candidates N]"
