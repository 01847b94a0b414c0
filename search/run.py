"""`cellsearch run` and `resume`: a search in a run folder, begun or gone on with."""

import argparse
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final

from search.config import SEARCH_PRESETS, Config
from search.config_file import (
    Document,
    assign,
    from_document,
    read_document,
    to_document,
)
from search.deadlines import FACTOR
from search.dry_run import dry_run
from search.engine import Ending, Engine, Limits
from search.errors import UserError
from search.leaderboard import Leaderboard
from search.live import LEGEND, counts, details, make_table, make_watcher
from search.locks import RunLock
from search.numerics import admit, class_of
from search.pools import add_pool_arguments, check_workers, make_pool
from search.procedure import Procedure
from search.progress import duration
from search.runs import (
    Run,
    branch_document,
    create_run,
    holds_run,
    make_folder,
    open_run,
)
from workers import Pool

HELP = "search for cells, or go on with a search, and print the ranked table"

ROWS: Final = 10
PIPE_COLUMNS: Final = 120


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `run`."""
    add = parser.add_argument
    add("config", nargs="?", type=Path, metavar="CONFIG.toml", help="a configuration")
    add("--preset", help=f"{', '.join(SEARCH_PRESETS)} (the configuration's, or small)")
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


def run(options: argparse.Namespace) -> int:
    """Begins a search, or goes on with it; returns the exit status."""
    check_workers(options)
    document = _document(options)
    preset = document.get("preset", "small")
    folder = options.out or Path("runs") / str(preset)
    planned = _at_least(options.candidates, "--candidates", 1)
    if options.dry_run:
        config = from_document(document, candidates=planned)
        return dry_run(config, _candidates(planned, config), options)
    if not holds_run(folder):
        config = from_document(document, candidates=planned)
        make_folder(folder)
        with RunLock(folder):
            limit = _candidates(planned, config)
            with create_run(folder, config, limit, options.reuse) as found:
                return search(found, options)
    with RunLock(folder), open_run(folder) as found:
        wanted = from_document(document, candidates=found.planned)
        found.check(to_document(wanted), "the configuration asked for")
        return search(found, options)


def search(found: Run, options: argparse.Namespace) -> int:
    """Goes on with an open run until a limit; prints the table."""
    limits = _limits(found, options)
    watcher = make_watcher(limits)
    procedure = Procedure(found.config)

    def pool() -> Pool:
        made = make_pool(options, class_of(found.store.history))
        pools.append(made)
        admit(made.workers(), found.store.history, mixed=options.mixed)
        return made

    pools: list[Pool] = []
    engine = Engine(
        procedure,
        found.store,
        pool,
        watcher,
        limits,
        curves=options.curves,
        deadline_factor=_at_least(options.deadline, "--deadline", 0),
    )
    try:
        with watcher, stopping(engine, watcher.note):
            ending = engine.run()
    except KeyboardInterrupt:
        print(f"stopped at once. {_go_on(found.folder)}", file=sys.stderr)
        return 130
    finally:
        for each in pools:
            each.close()
    _say_end(found, engine, ending, options)
    return 130 if ending is Ending.STOPPED else 0


@contextlib.contextmanager
def stopping(engine: Engine, note: Callable[[str], None]) -> Iterator[None]:
    """The first Ctrl-C (or SIGTERM) drains and saves, the second stops at once."""

    def first(number: int, frame: FrameType | None) -> None:
        engine.stop()
        note("finishing what is being trained; Ctrl-C again stops at once")
        signal.signal(number, signal.default_int_handler)

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
        options.reuse = [options.branch, *options.reuse]
    if options.config is not None:
        document.update(read_document(options.config))
    if options.preset is not None:
        document["preset"] = options.preset
    if options.seed is not None:
        document["seed"] = options.seed
    for assignment in options.set:
        assign(document, assignment)
    return document


def _candidates(wanted: int | None, config: Config) -> int:
    return wanted or SEARCH_PRESETS[config.preset].candidates


def _limits(found: Run, options: argparse.Namespace) -> Limits:
    """Limits of this process; the number of candidates is kept for the next one."""
    candidates = _at_least(options.candidates, "--candidates", 1)
    if candidates is None:
        candidates = found.candidates
    done = found.store.history.counts().get("propose", 0)
    if candidates < done:
        raise UserError(
            f"--candidates must be at least {done}, which {found.folder} has, "
            f"got {candidates}"
        )
    found.store.history.set("candidates", candidates)
    return Limits(
        candidates=candidates,
        hours=_at_least(options.hours, "--hours", 0),
        fitness=_at_least(options.fitness, "--fitness", 0),
    )


def _at_least(value: Any, name: str, least: float) -> Any:
    if value is not None and not value >= least:
        raise UserError(f"{name} must be at least {least}, got {value}")
    return value


def _say_end(
    found: Run, engine: Engine, ending: Ending, options: argparse.Namespace
) -> None:
    board = Leaderboard(engine.procedure)
    if options.json:
        import json

        print(json.dumps([row.to_dict() for row in board.rows()], indent=2))
        return
    print_table(board, sys.stdout, ROWS)
    for line in (*LEGEND, "", *details(engine)):
        print(line)
    kinds = counts(engine.tally.decisions)
    print(f"moves   {kinds}; {duration(engine.elapsed_s)} in this process")
    print(f"{ending}. {_go_on(found.folder)}")


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
    Console(file=stream, width=width).print(make_table(rows, rest))


def _go_on(folder: Path) -> str:
    return f"Go on: cellsearch resume {folder} [--candidates N]"
