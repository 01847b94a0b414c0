"""Searches from Python: begun, gone on with, or left to whoever scores them."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cells import unknown_name
from search.api.runs import Run
from search.errors import UserError
from search.loop import session
from search.loop.deadlines import FACTOR
from search.loop.engine import Limits
from search.loop.session import Session
from search.loop.sources import read_configuration
from search.output.display import SearchDisplay, print_end
from search.procedure.document import Document
from search.procedure.own_code import OwnCode
from search.procedure.presets import search_names
from search.procedure.reader import PRESET
from workers import PoolOptions


def search(
    config: str | Path = PRESET,
    out: str | Path | None = None,
    *,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    limits: Limits = Limits(),
    pool: PoolOptions = PoolOptions(),
    reuse: Sequence[str | Path] = (),
    branch: str | Path | None = None,
    curves: bool = False,
    deadline: float = FACTOR,
) -> Run:
    """Searches, or goes on with a search, as `cellsearch run` does; prints the same.

    Args:
        config: A preset, or the path of a configuration, such as `mine.toml`.
        out: The run's folder; None: `runs/PRESET`.
        seed: Seed of everything; None: the configuration's, or 0.
        settings: Single options of the configuration, such as `{"rules.gate": 0.8}`.
        limits: What ends the search; without a number of candidates it is the
            preset's, or that of the run that is there.
        pool: Who carries out jobs.
        reuse: Runs whose results are taken instead of training again.
        branch: A run from whose table the search starts: its cells are the seeds.
        curves: Whether learning curves are stored, too.
        deadline: A job that takes so many times as long as it should is stopped; 0:
            none is.

    Raises:
        UserError: Something that cannot be.
        KeyboardInterrupt: It was stopped at once; what is done is kept.
    """
    folder, document = _begun(config, out, seed, settings, branch)
    with SearchDisplay() as display:
        searched = session.search(
            folder,
            document,
            Session(limits, pool, curves, deadline),
            display,
            reuse=tuple(map(Path, reuse)),
            branch=None if branch is None else Path(branch),
        )
    print_end(searched, folder, sys.stdout)
    return Run(folder)


def begin(
    config: str | Path = PRESET,
    out: str | Path | None = None,
    *,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    candidates: int | None = None,
) -> Run:
    """Begins a run that nobody trains: `Run.ask` says what to score, and is told.

    One that is there is gone on with. Arguments are those of `search`.

    Args:
        config: A preset by ratios, or the path of a configuration.
        out: The run's folder; None: `runs/PRESET`.
        seed: Seed of everything; None: the configuration's, or 0.
        settings: Single options of the configuration.
        candidates: After how many it ends; None: the preset's, or the run's.

    Raises:
        UserError: Something that cannot be.
    """
    folder, document = _begun(config, out, seed, settings, None)
    session.begin(folder, document, candidates)
    return Run(folder)


def resume(
    out: str | Path,
    *,
    limits: Limits = Limits(),
    pool: PoolOptions = PoolOptions(),
    curves: bool = False,
    deadline: float = FACTOR,
    ops: Sequence[str] = (),
    tasks: Sequence[str] = (),
) -> Run:
    """Goes on with a run, as `cellsearch resume` does; see `search` and `Run`.

    Raises:
        UserError: There is no run, or it cannot be gone on with.
        KeyboardInterrupt: It was stopped at once; what is done is kept.
    """
    OwnCode(tuple(ops), tuple(tasks)).load()
    folder = Path(out)
    with SearchDisplay() as display:
        own = Session(limits, pool, curves, deadline)
        searched = session.resume(folder, own, display)
    print_end(searched, folder, sys.stdout)
    return Run(folder)


def _begun(
    config: str | Path,
    out: str | Path | None,
    seed: int | None,
    settings: Mapping[str, Any] | None,
    branch: str | Path | None,
) -> tuple[Path, Document]:
    """Folder and configuration of a run that is wanted; see `search`."""
    # A configuration has a name of its own, and so no folder by default.
    if Path(config).suffix:
        if out is None:
            raise UserError("`out` must be given with a configuration")
        preset, file = None, Path(config)
    elif str(config) in search_names():
        preset, file = str(config), None
    else:
        raise UserError(unknown_name("preset", str(config), search_names()))
    document = read_configuration(
        branch=None if branch is None else Path(branch),
        file=file,
        preset=preset,
        seed=seed,
        settings=settings,
    )
    return Path("runs") / str(preset) if out is None else Path(out), document
