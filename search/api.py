"""The engine from Python and notebooks: search, evaluate, show, and runs as values.

from search.api import Limits, PoolOptions, Run, evaluate, resume, search, show

show("gru")                                         # a picture, where they are shown
run = search("demo", "runs/demo")                   # what `cellsearch run` does
resume("runs/demo", limits=Limits(candidates=48))   # the same search, longer
run.frame()                                         # its table, with pandas
run.show(1)                                         # its best cell
evaluate(["gru", run.cell(1)], ["arithmetic"]).to_dict()

They are called from any thread, and from cells of a notebook.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cells import Cell, draw_svg, load_op, unknown_name
from search.contest import evaluation
from search.contest.request import make_request
from search.contest.scoreboard import Scoreboard
from search.errors import UserError
from search.loop import session
from search.loop.asking import Asked, ask, tell
from search.loop.deadlines import FACTOR
from search.loop.engine import Engine, Limits
from search.loop.pools import Workers
from search.loop.runs import OpenRun, open_run, replay
from search.loop.session import Session
from search.loop.sources import read_cell, read_configuration, read_text
from search.output.answers import YOU, Answer, propose
from search.output.cell import cell_facts, render_cell
from search.output.display import ContestDisplay, SearchDisplay, print_end
from search.output.export import export_run
from search.output.leaderboard import WIDTH, Leaderboard
from search.output.lineage import Lineages
from search.output.markdown import safe_name
from search.output.status import run_facts
from search.procedure.document import Document
from search.procedure.own_code import OwnCode
from search.procedure.population import Member
from search.procedure.presets import search_names
from search.procedure.reader import PRESET
from workers import PLAIN, PoolOptions

if TYPE_CHECKING:
    import pandas

__all__ = [
    "Answer",
    "Asked",
    "Limits",
    "Picture",
    "PoolOptions",
    "Run",
    "Scoreboard",
    "UserError",
    "begin",
    "evaluate",
    "resume",
    "search",
    "show",
]


@dataclass(frozen=True)
class Picture:
    """A cell that notebooks draw and terminals print.

    Attributes:
        name: What it is called.
        cell: The cell.
    """

    name: str
    cell: Cell

    def _repr_svg_(self) -> str:
        return draw_svg(self.cell, self.name)

    def __str__(self) -> str:
        """What `cellsearch show` prints."""
        return render_cell(cell_facts(safe_name(self.name), self.cell, WIDTH))


class Run:
    """A run: what is known of it now, whether or not it is still going on.

    Args:
        folder: One that `search` or `cellsearch run` made.
        ops: `module:op` of own ops that it uses and you want imported.
        tasks: `module:Class` of own tasks, the same.

    Attributes:
        folder: Where it is.

    Raises:
        UserError: There is no run.
    """

    def __init__(
        self, folder: str | Path, ops: Sequence[str] = (), tasks: Sequence[str] = ()
    ) -> None:
        OwnCode(tuple(ops), tuple(tasks)).load()
        self.folder = Path(folder)
        open_run(self.folder, reading=True).close()

    def __repr__(self) -> str:
        facts = self.status()
        best = facts["best"]
        said = f"best {best['name']} {best['fitness']:.4f}" if best else "no table yet"
        done = facts["candidates"]
        return (
            f"<Run {self.folder}: {done['proposed']:,} of {done['limit']:,} "
            f"candidates, {said}>"
        )

    def status(self) -> dict[str, Any]:
        """What `cellsearch status --json` prints."""
        with self._replayed() as (run, engine):
            return run_facts(run, engine)

    def table(self, count: int | None = None) -> list[dict[str, Any]]:
        """The ranked table, best first: what `cellsearch top --json` prints.

        Args:
            count: How many rows; None: all.
        """
        with self._replayed() as (_, engine):
            rows = Leaderboard(engine.procedure).rows(count)
            return [row.to_dict() for row in rows]

    def cell(self, rank: int) -> Cell:
        """A cell of the table.

        Args:
            rank: From 1.

        Raises:
            UserError: The table has no such rank.
        """
        return self.show(rank).cell

    def show(self, rank: int) -> Picture:
        """A cell of the table as a picture; see `cell`."""
        with self._replayed() as (_, engine):
            member = self._ranked(engine, rank)
            return Picture(member.name, member.cell())

    def lineage(self, rank: int) -> list[dict[str, Any]]:
        """The way from a seed to a cell: what `cellsearch lineage --json` prints."""
        with self._replayed() as (_, engine):
            member = self._ranked(engine, rank)
            return [step.to_dict() for step in Lineages(engine.procedure).of(member)]

    def frame(self, count: int | None = None) -> "pandas.DataFrame":
        """The ranked table: a row a cell; of each task metric, ratio and draws.

        By common runs it is the difference to the baseline, its error and the runs.

        Raises:
            UserError: pandas is not installed.
        """
        rows = []
        for row in self.table(count):
            tasks = row.pop("tasks")
            rules = ", ".join(row.pop("rules"))
            for task, score in tasks.items():
                score.pop("setting", None)
                first = next(iter(score))  # what the table shows
                row[task] = score.pop(first)
                row |= {f"{task}_{key}": value for key, value in score.items()}
            rows.append({**row, "rules": rules})
        frame = _pandas().DataFrame(rows)
        return frame.set_index("rank") if rows else frame

    def view(self, name: str = "results") -> "pandas.DataFrame":
        """All rows of a view of the run's file.

        Args:
            name: `results`, `candidates`, `rejected` (mutants) or `issued` (jobs); see
                `search.store.tables`.

        Raises:
            UserError: There is no such view, or pandas is not installed.
        """
        pandas = _pandas()
        with open_run(self.folder, reading=True) as run:
            columns, rows = run.store.view(name)
        return pandas.DataFrame(rows, columns=columns)

    def propose(
        self, cell: str | Cell | Picture, name: str = "cell", *, by: str = YOU
    ) -> Answer:
        """Hands a cell in, as `cellsearch propose` does, also while the run goes on.

        Args:
            cell: A text, a cell, a zoo name or a file.
            name: What a cell without a name is called in the answer.
            by: Who proposes it, as the table will say.

        Raises:
            UserError: It is no cell, or cannot be handed in.
        """
        if isinstance(cell, str) and cell.lstrip().startswith(("def ", "#")):
            named = read_text(cell)
        else:
            picture = show(cell, name)
            named = picture.name, picture.cell
        [answer] = propose(self.folder, [named], by)
        return answer

    def ask(self) -> Asked | None:
        """The next training that the search wants scored; None: it is done.

        For a run of `begin`, which nobody trains; the same until it is told. It has
        `cell`, `name`, `task`, `setting`, and in `job` all that a worker would have.

        Raises:
            UserError: The run is trained by workers, or in use.
        """
        return ask(self.folder)

    def tell(self, asked: Asked, value: float | None, *, by: str = YOU) -> None:
        """Answers `ask`: the value is stored as the result of that training.

        Args:
            asked: What was asked.
            value: In the metric of the task; None: the training failed. Fitness is
                made of it as ever: the least ratio to what the baseline was told.
            by: Who has scored it, as the view `results` will say under `machine`.

        Raises:
            UserError: It was told already, or is no number.
        """
        tell(self.folder, asked, value, by)

    def export(self, out: str | Path, k: int = 3, *, force: bool = False) -> list[Path]:
        """Writes the best cells as `cellsearch export` does; returns their folders."""
        exports = export_run(self.folder, Path(out), k, force=force)
        return [Path(out) / export.folder for export in exports]

    def _ranked(self, engine: Engine, rank: int) -> Member:
        ranked = engine.procedure.population.table
        if not 1 <= rank <= len(ranked):
            raise UserError(f"`rank` must be 1 to {len(ranked)}, got {rank}")
        return ranked[rank - 1]

    @contextmanager
    def _replayed(self) -> Iterator[tuple[OpenRun, Engine]]:
        with open_run(self.folder, reading=True) as run:
            yield run, replay(run)


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


def evaluate(
    cells: Sequence[str | Cell | Picture] | Mapping[str, Cell],
    tasks: Sequence[str],
    *,
    preset: str = "small",
    settings: int | None = None,
    repeats: int | None = None,
    seed: int = 0,
    budget: int | None = None,
    parameters: int | None = None,
    baseline: bool = True,
    ops: Sequence[str] = (),
    block: str = PLAIN.block,
    out: str | Path | None = "runs/evaluate",
    pool: PoolOptions = PoolOptions(),
) -> Scoreboard:
    """Scores cells on tasks as `cellsearch evaluate` does.

    Args:
        cells: Zoo names, files of cell text, cells, or cells by name.
        tasks: Names of tasks.
        preset: Sizes, grids, schedules and racing.
        settings: How many settings a cell is given on a task; None: the preset's.
        repeats: With how many fresh seeds the best one is scored again; None: the
            preset's.
        seed: Decides settings, weights and synthetic data.
        budget: Most updates of a setting; None: the preset's.
        parameters: Weights of a model; None: the preset's.
        baseline: Whether there are ratios, to the GRU.
        ops: `module:op` of ops of your own.
        block: What stands around the cell in each layer.
        out: Where results are kept; the same call goes on there. None: nowhere.
        pool: Who carries out jobs.

    Returns:
        The table; `to_dict` gives JSON values.

    Raises:
        UserError: Something that cannot be.
        KeyboardInterrupt: It was stopped; what is done is kept.
    """
    for spec in ops:
        load_op(spec)  # before a text uses it
    request = make_request(
        tuple(_named(cells)),
        tasks,
        preset=preset,
        settings=settings,
        repeats=repeats,
        seed=seed,
        budget=budget,
        parameters=parameters,
        baseline=baseline,
        ops=ops,
        block=block,
    )
    folder = None if out is None else Path(out)
    with Workers(pool) as workers, ContestDisplay() as display:
        return evaluation.evaluate(request, folder, workers.pool, display)


def show(cell: str | Cell | Picture, name: str = "cell") -> Picture:
    """A cell to look at.

    Args:
        cell: A zoo name, a file of cell text, or a cell.
        name: What a cell without a name is called.

    Raises:
        UserError: There is no such cell.
    """
    if isinstance(cell, Picture):
        return cell
    if isinstance(cell, Cell):
        return Picture(name, cell)
    return Picture(*read_cell(cell))


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


def _named(
    cells: Sequence[str | Cell | Picture] | Mapping[str, Cell],
) -> Iterator[tuple[str, Cell]]:
    """Name and cell of each; no name twice."""
    pairs = (
        cells.items()
        if isinstance(cells, Mapping)
        else [(f"cell_{number}", cell) for number, cell in enumerate(cells, 1)]
    )
    names: set[str] = set()
    for name, cell in pairs:
        picture = show(cell, name)
        if picture.name in names:
            raise UserError(f"`cells` has {picture.name!r} twice")
        names.add(picture.name)
        yield picture.name, picture.cell


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        raise UserError("pandas is not installed: pip install pandas") from None
    return pandas
