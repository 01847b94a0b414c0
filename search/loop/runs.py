"""OpenRun folders: made, opened, and held against the configuration that is wanted."""

import contextlib
import gc
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from cells import CellError, canonical, digest, to_text
from search.errors import UserError
from search.loop.engine import Engine, Limits
from search.loop.numerics import class_of
from search.procedure.config import Config
from search.procedure.document import Document, differences
from search.procedure.own_code import OwnCode, UnnamedCodeError, own_code
from search.procedure.procedure import Procedure
from search.procedure.reader import make_config
from search.procedure.writer import to_document
from search.store.database import RUN_FILE
from search.store.document_file import read_document, write_document
from search.store.reuse import classes_of
from search.store.snapshots import NONE, Snapshot
from search.store.store import Store
from workers import installed, versions

CONFIG_FILE: Final = "config.toml"
CHOICES: Final = (
    "start a branch from its table with `cellsearch run --branch RUN --out NEW`, or a "
    "new run in another folder"
)


Made = TypeVar("Made")


@dataclass(frozen=True)
class OpenRun:
    """A run that is open.

    Attributes:
        folder: Where it is.
        config: What is searched.
        store: Its file.
        candidates: After how many it stops.
        planned: How many were planned when it was begun.
    """

    folder: Path
    config: Config
    store: Store
    candidates: int
    planned: int

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file; what the history has not written is lost."""
        self.store.close()

    def check(self, wanted: Document, what: str) -> None:
        """Holds another configuration against the run's.

        Raises:
            UserError: They differ; says in what, and what can be done.
        """
        facts = differences(to_document(self.config), wanted)
        if facts:
            raise UserError(
                f"{self.folder}: {what} differs from the run's: {'; '.join(facts)}. "
                f"A run keeps the configuration it was begun with: {CHOICES}"
            )

    def add_reused(self, others: Sequence[Path]) -> None:
        """Adds runs to those whose results are taken instead of training again."""
        reused = self.store.history.get("reuse", [])
        new = [path for path in map(os.path.abspath, others) if path not in reused]
        if new:
            self.store.history.set("reuse", [*reused, *new])


def create_run(
    folder: Path, config: Config, candidates: int, reuse: Sequence[Path]
) -> OpenRun:
    """Begins a run: makes its folder, its file and its `config.toml`.

    Args:
        folder: Where; it holds no run.
        config: What is searched.
        candidates: After how many it stops.
        reuse: Runs whose results are taken instead of training again.

    Raises:
        UserError: The folder takes no run.
    """
    # What decides the search is in the store; `config.toml` is for people to read.
    document = to_document(config)
    store = Store.create(
        folder,
        {
            "config": document,
            "candidates": candidates,
            "planned": candidates,
            "versions": {
                "cellsearch": installed("cellsearch") or "checkout",
                **versions(),
            },
            "machine": platform.node(),
        },
    )
    with _closed_on_failure(store):
        try:
            write_document(folder / CONFIG_FILE, document)
        except OSError as error:
            raise UserError(f"{folder}: cannot write ({error.strerror})") from None
        run = _opened(folder, store)
        run.add_reused(reuse)
        store.checkpoint()
    return run


def open_run(folder: Path, *, reading: bool = False) -> OpenRun:
    """Opens a run.

    Args:
        folder: Where it is.
        reading: Whether nothing is to be written; another process may be writing.

    Raises:
        UserError: There is none, it is damaged, or its `config.toml` was edited.
    """
    store = Store.read(folder) if reading else Store.open(folder)
    with _closed_on_failure(store):
        if reading:
            store.freeze()
        run = _opened(folder, store)

        # A person may edit the file, and must hear that a run does not follow it.
        path = folder / CONFIG_FILE
        if not reading and path.is_file():
            edited = {**read_document(path), "candidates": run.planned}
            _check_named(folder, edited)
            with naming(path):
                config = make_config(edited)
            run.check(to_document(config), CONFIG_FILE)
        elif not reading and not path.exists():
            with contextlib.suppress(OSError):
                write_document(path, to_document(run.config))
    return run


def stored_code(folder: Path) -> OwnCode:
    """The code of a person's own that has to be named to go on with a run."""
    try:
        with Store.read(folder) as store:
            return own_code(store.history.get("config") or {})
    except UserError:  # it was stopped before there was a file
        return own_code({})


def make_folder(folder: Path) -> None:
    """Makes the folder of a run.

    Raises:
        UserError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make {folder} ({error.strerror})") from None


def take_results(run: OpenRun, *, mixed: bool) -> list[str]:
    """Has a run take results of the runs that it reuses, once its class is known.

    Args:
        run: The run.
        mixed: Whether results of another numerics class are allowed; it is marked then.

    Returns:
        A line for each run of which something is not taken.
    """
    history, notes = run.store.history, []
    own = class_of(history)
    for other in map(Path, history.get("reuse", [])):
        # A run that has been moved or damaged since costs trainings, and no search.
        try:
            run.store.results.reused.add(other, None if mixed else own)
            others = classes_of(other) - {own}
        except UserError as error:
            notes.append(f"note: {error}; what it had is trained again")
            continue

        # Results of another class have other bits.
        if others and mixed:
            history.set("mixed", True)
        elif others:
            notes.append(
                f"note: {other} has results of another numerics class, which are "
                "trained again"
            )
    return notes


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Puts the name of a file before what is found wrong in it."""
    try:
        yield
    except (UserError, CellError) as error:
        if str(path) in str(error):
            raise
        raise UserError(f"{path}: {error}") from None


@contextlib.contextmanager
def _closed_on_failure(store: Store) -> Iterator[None]:
    try:
        yield
    except BaseException:
        store.close()
        raise


def _opened(folder: Path, store: Store) -> OpenRun:
    document, planned, candidates = (
        store.history.get(key) for key in ("config", "planned", "candidates")
    )
    if not isinstance(document, dict) or None in (planned, candidates):
        raise UserError(f"{folder} holds results, but no run of `cellsearch run`")
    _check_named(folder, document)
    with naming(folder / RUN_FILE):
        config = make_config({**document, "candidates": int(planned)})
    return OpenRun(folder, config, store, int(candidates), int(planned))


def _check_named(folder: Path, document: Document) -> None:
    """Refuses to import what only a stored configuration names.

    Raises:
        UnnamedCodeError: It needs code that nobody has named in this process.
    """
    missing = own_code(document).missing()
    if any(missing):
        raise UnnamedCodeError(
            f"{folder} uses code of its maker's own, which is imported only if you "
            f"name it: {missing.options}"
        )


class Silent:
    """A watcher that is told, and says nothing."""

    def update(self, engine: Engine) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""


def replay(run: OpenRun) -> Engine:
    """The search as far as the store knows it, without deciding or training anything.

    It is taken up at the run's snapshot, if it has one that fits.

    Raises:
        UserError: The stored history is not that of this version.
    """

    def read(snapshot: Snapshot | None) -> Engine:
        engine = Engine(
            Procedure(run.config),
            run.store,
            None,
            Silent(),
            Limits(candidates=run.candidates),
            snapshot=snapshot,
        )
        engine.run()
        return engine

    with naming(run.folder / RUN_FILE):
        return taken_up(run.store, read)


def gone_on(store: Store, take: Callable[[Snapshot | None], Made]) -> Made:
    """The same as `taken_up` for who goes on with a search.

    What a limit alone brought about is no part of a longer search.
    """
    store.history.drop_drain()
    return taken_up(store, take)


def taken_up(store: Store, take: Callable[[Snapshot | None], Made]) -> Made:
    """What is made of a search's snapshot, or of its whole history.

    Args:
        store: Of the run.
        take: Makes it from a snapshot, or without one.
    """
    snapshot = store.snapshots.read()
    if snapshot is not None:
        # The whole history says what is wrong.
        with contextlib.suppress(*NONE), all_kept():
            return take(snapshot)
    return take(None)


@contextlib.contextmanager
def all_kept() -> Iterator[None]:
    """Has Python not look for garbage among a hundred thousand cells that are read."""
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()


def branch_document(folder: Path) -> Document:
    """The configuration of a run, with the best cells of its table as seeds.

    Raises:
        UserError: There is no such run, or its table is empty.
    """
    with open_run(folder, reading=True) as run:
        best = replay(run).procedure.population.best
        if not best:
            raise UserError(f"{folder} has no table yet to branch from")
        document = to_document(run.config)
        cells = {member.name: to_text(member.cell(), member.name) for member in best}
        seeds = list(cells)

        # Ratios go on to refer to the cell they did, whether or not it is in the table.
        own = digest(canonical(run.config.baseline_cell))
        names = {member.digest: member.name for member in best}
        baseline = names.get(own, run.config.baseline)
        references = [name for name in document["references"] if name not in seeds]
        if own not in names and baseline not in references:
            references.append(baseline)
        document.update(seeds=seeds, references=references, baseline=baseline)
        document["cells"] = {**document["cells"], **cells}
        return document


def metadata(run: OpenRun) -> dict[str, Any]:
    """What a run says of itself: versions, numerics class, machine."""
    keys = ("versions", "numerics", "machine", "reuse", "mixed")
    return {key: run.store.history.get(key) for key in keys}
