"""One process's part in a search: a run is begun or gone on with, until a limit."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple

from search.errors import UserError, at_least
from search.loop.deadlines import FACTOR
from search.loop.engine import Ending, Engine, Limits, Watcher
from search.loop.numerics import TOLD, admit, check_reused, class_of
from search.loop.outside import Outside
from search.loop.pools import Workers
from search.loop.runs import (
    OpenRun,
    create_run,
    gone_on,
    make_folder,
    open_run,
    take_results,
)
from search.loop.trainable import check_trainable
from search.procedure.document import Document
from search.procedure.moves import CANDIDATES
from search.procedure.procedure import Procedure
from search.procedure.reader import make_config, planned
from search.procedure.writer import to_document
from search.store.inbox import Inbox
from search.store.locks import RunLock
from search.store.snapshots import Snapshot
from search.store.store import holds_run
from workers import Pool, PoolOptions

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Session:
    """How this process searches; nothing of it decides what comes out.

    Attributes:
        limits: What ends it.
        pool: Who carries out jobs.
        curves: Whether learning curves are stored, too.
        deadline: A job that takes so many times as long as it should is stopped; 0:
            none is.
    """

    limits: Limits = Limits()
    pool: PoolOptions = PoolOptions()
    curves: bool = False
    deadline: float = FACTOR

    def __post_init__(self) -> None:
        """Refuses what there cannot be.

        Raises:
            UserError: Names the option, what came and what is allowed.
        """
        at_least("`candidates`", self.limits.candidates, 1)
        at_least("`deadline`", self.deadline, 0)


class Searched(NamedTuple):
    """A search as this process leaves it.

    Attributes:
        engine: What it came to; its run is closed.
        ending: Why it ended.
    """

    engine: Engine
    ending: Ending


def search(
    folder: Path,
    document: Document,
    session: Session,
    watcher: Watcher,
    *,
    reuse: Sequence[Path] = (),
    branch: Path | None = None,
) -> Searched:
    """Begins a search in a folder, or goes on with the one that is there.

    Args:
        folder: The run's; it is made if need be.
        document: What is searched; see `search.procedure.document`.
        session: How this process searches.
        watcher: Is told.
        reuse: Runs whose results are taken instead of training again.
        branch: The run that the document's seeds are of, if any: of its results those
            that fit are taken.

    Raises:
        UserError: Something that cannot be; a run that is there is another search.
        KeyboardInterrupt: It was stopped at once; what is stored can be gone on with.
    """
    with Workers(session.pool) as workers:
        if not holds_run(folder):
            # All that can be refused is refused before anything is made.
            limit = session.limits.candidates or planned(document)
            config = make_config({**document, "candidates": limit})
            check_trainable(config)
            _check_reuse(reuse, session, workers, None)
            make_folder(folder)
            others = [*([branch] if branch else []), *reuse]
            with RunLock(folder), create_run(folder, config, limit, others) as run:
                return _go_on(run, session, workers, watcher)
        with RunLock(folder), open_run(folder) as run:
            wanted = make_config({**document, "candidates": run.planned})
            run.check(to_document(wanted), "the configuration asked for")
            _check_reuse(reuse, session, workers, class_of(run.store.history))
            run.add_reused(reuse)
            return _go_on(run, session, workers, watcher)


def begin(folder: Path, document: Document, candidates: int | None) -> None:
    """Begins a search and trains nothing; of one that is there only the limit changes.

    Args:
        folder: The run's; it is made if need be.
        document: What is searched.
        candidates: After how many it ends; None: what the document or the run has.

    Raises:
        UserError: Something that cannot be; a run that is there is another search.
    """
    limits = Session(Limits(candidates)).limits
    if not holds_run(folder):
        limit = candidates or planned(document)
        config = make_config({**document, "candidates": limit})
        make_folder(folder)
        with RunLock(folder), create_run(folder, config, limit, ()):
            return
    with RunLock(folder), open_run(folder) as run:
        wanted = make_config({**document, "candidates": run.planned})
        run.check(to_document(wanted), "the configuration asked for")
        _limits(run, limits)


def resume(folder: Path, session: Session, watcher: Watcher) -> Searched:
    """Goes on with the run in a folder, whatever it searches.

    Raises:
        UserError: There is no run, or it cannot be gone on with.
        KeyboardInterrupt: It was stopped at once; what is stored can be gone on with.
    """
    open_run(folder, reading=True).close()  # a mistake before the lock
    with Workers(session.pool) as workers, RunLock(folder), open_run(folder) as run:
        return _go_on(run, session, workers, watcher)


def _go_on(
    run: OpenRun, session: Session, workers: Workers, watcher: Watcher
) -> Searched:
    """Goes on with an open run until a limit."""
    history = run.store.history
    if class_of(history) == TOLD:
        raise UserError(
            f"{run.folder} is told its results, with `Run.ask` and `Run.tell` in "
            "Python: workers would add others that are not comparable"
        )
    limits = _limits(run, session.limits)

    def pool() -> Pool:
        made = workers.pool(class_of(history))
        admit(made.workers(), history, mixed=session.pool.mixed)
        return made

    # Whose results may be taken is decided by the class that the workers have.
    if history.get("reuse"):
        pool()
        for note in take_results(run, mixed=session.pool.mixed):
            watcher.note(note)

    def take(snapshot: Snapshot | None) -> Engine:
        return Engine(
            Procedure(run.config),
            run.store,
            pool,
            watcher,
            limits,
            curves=session.curves,
            deadline_factor=session.deadline,
            outside=Outside(Inbox(run.folder), watcher.note),
            snapshot=snapshot,
        )

    engine = gone_on(run.store, take)
    with _stopping(engine, watcher.note):
        ending = engine.run()
    engine.procedure.population.members.make_all()  # the file is closed before the end
    return Searched(engine, ending)


def _limits(run: OpenRun, wanted: Limits) -> Limits:
    """Limits of this process; the number of candidates is kept for the next one."""
    candidates = wanted.candidates or run.candidates
    counts = run.store.history.counts()
    proposed = sum(counts.get(kind, 0) for kind in CANDIDATES)
    if candidates < proposed:
        raise UserError(
            f"`candidates` must be at least {proposed}, which {run.folder} has, "
            f"got {candidates}"
        )
    run.store.history.set("candidates", candidates)
    return replace(wanted, candidates=candidates)


def _check_reuse(
    reuse: Sequence[Path], session: Session, workers: Workers, numerics: str | None
) -> None:
    """Refuses results of another numerics class before anything is made or changed."""
    if reuse:
        about = workers.pool(numerics).workers()
        check_reused(reuse, about, mixed=session.pool.mixed)


@contextlib.contextmanager
def _stopping(engine: Engine, note: Callable[[str], None]) -> Iterator[None]:
    """The first Ctrl-C (or SIGTERM) drains and saves, the second stops at once.

    Only a process's main thread can be told of signals: in any other, they are left to
    whoever has that one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    # What is interrupted may be in the middle of a line, and none can begin within it.
    text = "finishing what is being trained; Ctrl-C again stops at once"
    saying = threading.Thread(target=note, args=[text])

    def first(number: int, frame: FrameType | None) -> None:
        _handle(signal.default_int_handler)
        engine.stop()
        saying.start()

    # Whoever had the signals before has them again.
    before = {each: signal.signal(each, first) for each in _SIGNALS}
    try:
        yield
        if saying.ident is not None:
            saying.join()
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _handle(handler: Callable[[int, FrameType | None], Any]) -> None:
    for each in _SIGNALS:
        signal.signal(each, handler)
