"""`cellsearch run`: a search in a run folder, begun or gone on with."""

import argparse
import json
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from search.commands.dry_run import dry_run
from search.commands.final import end_with_finals
from search.commands.own_code import add_own_code
from search.commands.pools import add_pool_arguments, pool_options
from search.commands.projection import project
from search.errors import UserError
from search.loop.deadlines import FACTOR, LEAST_S
from search.loop.engine import Ending, Limits
from search.loop.session import Searched, Session, search
from search.loop.sources import read_configuration
from search.loop.trainable import check_trainable, check_widths
from search.output.display import SearchDisplay, how_to_go_on, print_end
from search.output.leaderboard import Leaderboard
from search.procedure.presets import search_names
from search.procedure.reader import PRESET, make_config, planned
from search.store.store import holds_run
from workers import MachineError, PoolOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `run`."""
    add = parser.add_argument
    # What is searched ...
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

    # ... what is taken from other runs ...
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

    # ... and how.
    add("--dry-run", action="store_true", help="say what the search would cost")
    add(
        "--device-figures",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="with --dry-run: on a device that FILE has figures of, as `bench_device "
        "--out` writes them; trains nothing; may be repeated",
    )
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
        help="a job that takes X times as long as it should is stopped, but not before "
        f"{LEAST_S:g} s; 0: none at all ({FACTOR:g})",
    )
    add_pool_arguments(parser)
    add_own_code(parser)
    add("--json", action="store_true", help="print the table as JSON")


def run(options: argparse.Namespace) -> int:
    """Begins a search, or goes on with it; returns the exit status."""
    if options.device_figures and not options.dry_run:
        raise UserError("`device_figures` projects a search, and needs `dry_run`")

    # Flags become values: how this process searches, and what is searched.
    own = session_of(options)
    document = read_configuration(
        branch=options.branch,
        file=options.config,
        preset=options.preset,
        seed=options.seed,
        candidates=options.candidates,
        settings=dict(map(read_setting, options.set)),
    )
    if options.device_figures:
        config = make_config(document)
        check_widths(config)
        return project(config, planned(document), own.pool, options.device_figures)
    if options.dry_run:
        config = make_config(document)
        check_trainable(config)
        return dry_run(config, planned(document), own.pool)

    folder = options.out or Path("runs") / str(document.get("preset", PRESET))
    return carry_out(
        lambda display: search(
            folder,
            document,
            own,
            display,
            reuse=options.reuse,
            branch=options.branch,
        ),
        folder,
        own.pool,
        as_json=options.json,
    )


def session_of(options: argparse.Namespace) -> Session:
    """How this process searches, as a person has it with `add_limits`.

    Raises:
        UserError: Names the option, what came and what is allowed.
        JobError: The same, of workers.
    """
    return Session(
        limits=Limits(options.candidates, options.hours, options.fitness),
        pool=pool_options(options),
        curves=options.curves,
        deadline=options.deadline,
    )


def carry_out(
    searching: Callable[[SearchDisplay], Searched],
    folder: Path,
    pool: PoolOptions,
    *,
    as_json: bool,
) -> int:
    """Shows a search while it goes on, and its table in the end; then its finals.

    Args:
        searching: Searches; the display is to be told.
        folder: The run's.
        pool: Who carries out the trainings of finals.
        as_json: Whether the table is printed as JSON.

    Returns:
        The exit status.

    Raises:
        MachineError: The machine failed; says how to go on.
    """
    try:
        with SearchDisplay() as display:
            searched = searching(display)
    except KeyboardInterrupt:
        print(f"stopped at once. {how_to_go_on(folder)}", file=sys.stderr)
        return 130
    except MachineError as error:
        if not holds_run(folder):
            raise
        raise MachineError(f"{error}. {how_to_go_on(folder)}") from None
    if as_json:
        rows = Leaderboard(searched.engine.procedure).rows()
        print(json.dumps([row.to_dict() for row in rows], indent=2))
        config = searched.engine.procedure.config
        print(f"{searched.ending}. {how_to_go_on(folder, config)}", file=sys.stderr)
    else:
        print_end(searched, folder, sys.stdout)
    if searched.ending is Ending.STOPPED:
        return 130
    objective = searched.engine.procedure.config.objective
    if objective is None or not objective.finals.cells:
        return 0
    return end_with_finals(folder, pool, as_json=as_json)


def read_setting(text: str) -> tuple[str, Any]:
    """Key and value of `KEY=VALUE`; the value is TOML, or a word without quotes.

    Raises:
        UserError: There is no `=`.
    """
    key, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"`set` takes KEY=VALUE, such as rules.gate=0.8, got {text!r}")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()
