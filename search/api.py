"""The engine from Python and notebooks: search, evaluate, show, and runs as values.

from search.api import Run, evaluate, search, show

show("gru")                                  # a picture, where pictures are shown
run = search("demo", out="runs/demo")        # what `cellsearch run` does
run.frame()                                  # its table, with pandas
run.show(1)                                  # its best cell
evaluate(["gru", run.cell(1)], ["arithmetic"]).to_dict()
"""

import argparse
import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cells import Cell, draw_svg
from search.contest.scoreboard import Scoreboard
from search.errors import UserError, unknown

if TYPE_CHECKING:
    import pandas

    from search.loop.engine import Engine
    from search.loop.runs import Run as OpenRun


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
        from search.output.card import safe_name
        from search.output.cell import cell_facts, render_cell
        from search.output.leaderboard import WIDTH

        return render_cell(cell_facts(safe_name(self.name), self.cell, WIDTH))


class Run:
    """A run: what is known of it now, whether or not it is still going on.

    Attributes:
        folder: Where it is.
    """

    def __init__(self, folder: str | Path) -> None:
        """Of a folder that `search` or `cellsearch run` made.

        Raises:
            UserError: There is no run.
        """
        self.folder = Path(folder)
        with self._replayed():
            pass

    def __repr__(self) -> str:
        """One line: where, how far, and who is best."""
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
        from search.output.status import run_facts

        with self._replayed() as (run, engine):
            return run_facts(run, engine)

    def table(self, count: int | None = None) -> list[dict[str, Any]]:
        """The ranked table, best first: what `cellsearch top --json` prints.

        Args:
            count: How many rows; None: all.
        """
        from search.output.leaderboard import Leaderboard

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
            ranked = engine.procedure.population.best
            if not 1 <= rank <= len(ranked):
                raise UserError(f"rank must be 1 to {len(ranked)}, got {rank}")
            member = ranked[rank - 1]
            return Picture(member.name, member.cell())

    def frame(self, count: int | None = None) -> "pandas.DataFrame":
        """The ranked table: a row a cell; of each task metric, ratio and draws.

        Raises:
            UserError: pandas is not installed.
        """
        rows = []
        for row in self.table(count):
            tasks = row.pop("tasks")
            rules = ", ".join(row.pop("rules"))
            for task, score in tasks.items():
                row[task] = score["metric"]
                row[f"{task}_ratio"] = score["ratio"]
                row[f"{task}_draws"] = score["draws"]
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
        from search.loop.runs import open_run

        pandas = _pandas()
        with open_run(self.folder, reading=True) as run:
            columns, rows = run.store.view(name)
        return pandas.DataFrame(rows, columns=columns)

    def export(self, out: str | Path, k: int = 3, *, force: bool = False) -> list[Path]:
        """Writes the best cells as `cellsearch export` does; returns their folders."""
        from search.output.export import export_run

        exports = export_run(self.folder, Path(out), k, force=force)
        return [Path(out) / export.folder for export in exports]

    @contextmanager
    def _replayed(self) -> Iterator[tuple["OpenRun", "Engine"]]:
        from search.loop.runs import open_run, replay

        with open_run(self.folder, reading=True) as run:
            yield run, replay(run)


def search(
    config: str | Path = "small",
    *,
    out: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    **options: Any,
) -> Run:
    """Searches, or goes on with a search, as `cellsearch run` does; prints the same.

    Args:
        config: A preset, or the path of a configuration, such as `mine.toml`.
        out: The run's folder; None: `runs/PRESET`.
        settings: Options of the configuration, such as `{"rules.gate": 0.8}`.
        options: The command's, such as `seed=1, candidates=300, workers=2`.

    Raises:
        UserError: Something that cannot be.
    """
    from search.commands import run
    from search.procedure.presets import search_names

    words = []
    if isinstance(config, str) and not Path(config).suffix:
        if config not in search_names():
            raise UserError(unknown("preset", config, search_names()))
        words = ["--preset", config]
        out = out or Path("runs") / config
    elif out is None:
        raise UserError("out must be given with a configuration: the run's folder")
    else:
        words = [str(config)]
    for key, value in (settings or {}).items():
        words += ["--set", f"{key}={_toml(value)}"]
    parsed = _parse(run, [*words, "--out", str(out), *_flags(options)])
    run.run(parsed)
    return Run(out)


def evaluate(
    cells: Sequence[str | Cell | Picture] | Mapping[str, Cell],
    tasks: Sequence[str],
    **options: Any,
) -> Scoreboard:
    """Scores cells on tasks as `cellsearch evaluate` does.

    Args:
        cells: Zoo names, files of cell text, cells, or cells by name.
        tasks: Names of tasks.
        options: The command's, such as `settings=6, repeats=3, workers="inline"`.

    Returns:
        The table; `to_dict` gives JSON values.

    Raises:
        UserError: Something that cannot be.
    """
    from search.commands import evaluate as command
    from search.commands.pools import check_workers, make_pool
    from search.contest.ledger import Ledger
    from search.contest.progress import make_progress
    from search.contest.request import (
        BASELINE,
        find_baseline,
        make_contests,
        make_request,
    )

    words = [BASELINE, "--tasks", ",".join(tasks), *_flags(options)]
    parsed = _parse(command, words)
    check_workers(parsed)
    named = tuple(_named(cells))
    request = replace(make_request(parsed), cells=named)
    if request.baseline is not None:
        request = replace(request, baseline=find_baseline(named))
    contests = make_contests(request)
    with Ledger.open(parsed.out) as results:
        progress = make_progress()
        with progress:
            pool = functools.partial(make_pool, parsed)
            command.carry_out(contests, results, pool, progress)
        return command.make_board(request, contests, results)


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
    from search.commands.sources import read_cell

    return Picture(*read_cell(cell))


def _named(
    cells: Sequence[str | Cell | Picture] | Mapping[str, Cell],
) -> Iterator[tuple[str, Cell]]:
    """Name and cell of each; no name twice."""
    pairs = (
        cells.items()
        if isinstance(cells, Mapping)
        else [(f"cell_{number}", one) for number, one in enumerate(cells, 1)]
    )
    names: set[str] = set()
    for name, one in pairs:
        found = show(one, name)
        if found.name in names:
            raise UserError(f"cells has {found.name!r} twice")
        names.add(found.name)
        yield found.name, found.cell


class _Parser(argparse.ArgumentParser):
    """An argument parser that raises."""

    def error(self, message: str) -> Any:
        raise UserError(message)


def _parse(command: Any, words: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(allow_abbrev=False)
    command.add_arguments(parser)
    return parser.parse_args(words)


def _flags(options: Mapping[str, Any]) -> list[str]:
    """Keyword arguments as words of a command line."""
    words = []
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(flag)
        elif isinstance(value, list | tuple):
            for one in value:
                words += [flag, str(one)]
        elif value is not None and value is not False:
            words += [flag, str(value)]
    return words


def _toml(value: Any) -> str:
    """A value as `--set` takes it."""
    import tomli_w

    return tomli_w.dumps({"value": value}).strip().removeprefix("value = ")


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        raise UserError("pandas is not installed: pip install pandas") from None
    return pandas
