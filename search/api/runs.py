"""A run as a value: its table, cells and finals, and what is asked and told."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cells import Cell
from search.api.pictures import Cells, Picture, named, show
from search.contest.finals import FinalTable
from search.errors import UserError
from search.loop.asking import Asked, ask, tell
from search.loop.engine import Engine
from search.loop.runs import OpenRun, open_run, replay
from search.loop.sources import read_text
from search.loop.standing import final_order, standing
from search.output.answers import YOU, Answer, propose
from search.output.export import export_run
from search.output.leaderboard import Leaderboard
from search.output.lineage import Lineages
from search.output.progress import told_finals
from search.output.status import run_facts
from search.procedure.members import Member
from search.procedure.own_code import OwnCode
from search.scoring import finals
from workers import PoolOptions

if TYPE_CHECKING:
    import pandas


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
        with self._replayed() as (run, engine):
            rows = Leaderboard(engine.procedure, final_order(run)).rows(count)
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
        with self._replayed() as (run, engine):
            member = self._ranked(run, engine, rank)
            return Picture(member.name, member.cell())

    def lineage(self, rank: int) -> list[dict[str, Any]]:
        """The way from a seed to a cell: what `cellsearch lineage --json` prints."""
        with self._replayed() as (run, engine):
            member = self._ranked(run, engine, rank)
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
            pair = read_text(cell)
        else:
            picture = show(cell, name)
            pair = picture.name, picture.cell
        [answer] = propose(self.folder, [pair], by)
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

    def final(
        self,
        k: int | None = None,
        *,
        seeds: int | None = None,
        beside: Cells = (),
        pool: PoolOptions = PoolOptions(),
    ) -> FinalTable:
        """Scores the best cells anew, by runs that took no part in the search.

        What `cellsearch final` does; it goes on where it was stopped.

        Args:
            k: How many of the best cells; None: as the run's configuration says.
            seeds: Fresh seeds of each setting; None: the same.
            beside: Cells to compare with, beside the run's seeds and references.
            pool: Who carries out jobs.

        Returns:
            The table; `to_dict` gives JSON values.

        Raises:
            UserError: The search is not by common runs, has no table yet, or is in use.
            KeyboardInterrupt: It was stopped; what is done is kept.
        """
        others = tuple(named(beside, "beside"))
        return finals.final(
            self.folder, pool, told_finals, count=k, seeds=seeds, beside=others
        )

    def export(self, out: str | Path, k: int = 3, *, force: bool = False) -> list[Path]:
        """Writes the best cells as `cellsearch export` does; returns their folders."""
        exports = export_run(self.folder, Path(out), k, force=force)
        return [Path(out) / export.folder for export in exports]

    def _ranked(self, run: OpenRun, engine: Engine, rank: int) -> Member:
        ranked = standing(engine.procedure, final_order(run))
        if not 1 <= rank <= len(ranked):
            raise UserError(f"`rank` must be 1 to {len(ranked)}, got {rank}")
        return ranked[rank - 1]

    @contextmanager
    def _replayed(self) -> Iterator[tuple[OpenRun, Engine]]:
        with open_run(self.folder, reading=True) as run:
            yield run, replay(run)


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        raise UserError("pandas is not installed: pip install pandas") from None
    return pandas
