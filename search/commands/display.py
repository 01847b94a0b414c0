"""What a person sees of a search while it runs: a live table, or lines in a pipe."""

import sys
import time
from collections import Counter
from typing import IO, TYPE_CHECKING, Any, Final, Self

from search.contest.progress import duration
from search.loop.engine import Engine, Limits
from search.output.leaderboard import Leaderboard, LeaderboardRow

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

ROWS: Final = 10
EVERY_S: Final = 1.0
"""Seconds between two drawings of the table."""

LINE_EVERY_S: Final = 30.0
"""Seconds between two lines in a pipe."""


class PlainWatcher:
    """Lines: one now and then, and one whenever another cell is the best."""

    def __init__(self, stream: IO[str], limits: Limits) -> None:
        """Lines go to the stream."""
        self._stream = stream
        self._limits = limits
        self._last = time.monotonic()
        self._best = ""
        self._rate = Rate()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left to do."""

    def note(self, text: str) -> None:
        """Prints the line."""
        print(text, file=self._stream, flush=True)

    def update(self, engine: Engine) -> None:
        """Prints a line if it is time for one."""
        if engine.replaying:
            return
        self._rate.update(engine)
        now = time.monotonic()
        ranked = engine.procedure.population.ranked
        new = bool(ranked) and ranked[0].digest != self._best
        if new:
            self._best = ranked[0].digest
        if new or now - self._last >= LINE_EVERY_S:
            self._last = now
            self.note(summary(engine, self._limits, self._rate))


class LiveWatcher:
    """A table that is redrawn in place."""

    def __init__(self, stream: IO[str], limits: Limits) -> None:
        """Drawn to the stream, a terminal."""
        from rich.console import Console

        self._console = Console(file=stream)
        self._limits = limits
        self._live: Live | None = None
        self._last = 0.0
        self._board: Leaderboard | None = None
        self._rate = Rate()

    def __enter__(self) -> Self:
        """Starts to draw."""
        from rich.live import Live

        self._live = Live(console=self._console, transient=True, auto_refresh=False)
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Takes the table away."""
        if self._live is not None:
            self._live.stop()

    def note(self, text: str) -> None:
        """Prints the line above the table."""
        self._console.print(text, markup=False, highlight=False)

    def update(self, engine: Engine) -> None:
        """Draws the table, if it is time for it."""
        now = time.monotonic()
        if not engine.replaying:
            self._rate.update(engine)
        if self._live is None or now - self._last < EVERY_S:
            return
        self._last = now
        self._board = self._board or Leaderboard(engine.procedure)
        self._live.update(self._render(engine, self._board), refresh=True)

    def _render(self, engine: Engine, board: Leaderboard) -> Any:
        from rich.console import Group
        from rich.text import Text

        parts: list[Any] = [Text(summary(engine, self._limits, self._rate))]
        if engine.procedure.opened:
            shown = board.rows(ROWS)
            ranks = {row.member.digest for row in shown}
            rest = [row for row in board.named() if row.member.digest not in ranks]
            parts.append(make_table(shown, rest, self._console.width))
        else:
            visits = engine.procedure.visits
            names = ", ".join(visit.member.name for visit in visits)
            parts.append(Text(f"first the cells to start from: {names}"))
        parts += [Text(line) for line in details(engine)]
        return Group(*parts)


def make_watcher(limits: Limits, stream: IO[str] | None = None) -> Any:
    """A live table if the stream (None: standard error) is a terminal, else lines."""
    chosen = sys.stderr if stream is None else stream
    kind = LiveWatcher if chosen.isatty() else PlainWatcher
    return kind(chosen, limits)


class Rate:
    """Candidates and settings a minute, of this process alone."""

    def __init__(self) -> None:
        """Nothing has been seen."""
        self._start: tuple[float, int] | None = None
        self.candidates = 0.0
        self.settings = 0.0

    def update(self, engine: Engine) -> None:
        """Measures; the first call is where counting starts."""
        now, proposed = time.monotonic(), engine.procedure.proposed
        if self._start is None:
            self._start = (now, proposed)
        minutes = max(now - self._start[0], 1e-9) / 60
        self.candidates = (proposed - self._start[1]) / minutes
        self.settings = engine.tally.new_settings / minutes

    def left_s(self, engine: Engine, limits: Limits) -> float | None:
        """Seconds that are left, about; None where nothing tells."""
        if limits.candidates is None or self.candidates <= 0:
            return None
        missing = limits.candidates - engine.procedure.proposed
        return 60 * missing / self.candidates


def summary(engine: Engine, limits: Limits, rate: Rate) -> str:
    """How far a search has come, in one line."""
    procedure, tally = engine.procedure, engine.tally
    of = f" of {limits.candidates:,}" if limits.candidates is not None else ""
    parts = [
        f"{procedure.proposed:,}{of} candidates",
        f"{tally.passed} of {tally.filtered} passed the filter",
        f"{rate.candidates:.1f} candidates and {rate.settings:.0f} settings a minute",
    ]
    if procedure.opened and procedure.population.ranked:
        best = procedure.population.ranked[0]
        parts.append(f"best {best.name} {best.fitness:.3f}")
    left = rate.left_s(engine, limits)
    if left is not None:
        parts.append(f"{duration(left)} left" if left > 0 else "finishing")
    return f"[{duration(engine.elapsed_s)}] " + ", ".join(parts)


def details(engine: Engine) -> list[str]:
    """Where time went, what was saved and what failed: a line each, where there is."""
    tally = engine.tally
    lines = []
    spent = tally.compile_s + tally.train_s
    if spent:
        share = tally.compile_s / spent
        lines.append(
            f"work    {duration(spent)} in workers, {share:.0%} of it compiling"
        )
    lines.append(
        f"saved   {tally.saved_filters} filter runs and {tally.saved_settings} "
        f"trainings of cells known already, {tally.dead} dead mutants never trained"
        + (f", {tally.reused} stored results used" if tally.reused else "")
    )
    if tally.rejects:
        lines.append(f"rejects {counts(tally.rejects)}")
    if tally.failures:
        lines.append(f"failed  {counts(tally.failures)}")
    return lines


def counts(found: Counter[str]) -> str:
    """`12 ignores input, 3 under way`: the most frequent first."""
    rows = sorted(found.items(), key=lambda row: (-row[1], row[0]))
    return ", ".join(f"{count} {name}" for name, count in rows)


def make_table(
    rows: list[LeaderboardRow], rest: list[LeaderboardRow], width: int
) -> "Table":
    """The ranked table, with seeds and references that are not in it below.

    Args:
        rows: At least one, or one of the rest.
        rest: Those below.
        width: Of the terminal; columns for which there is no room are left out.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    lines = [_columns(row) for row in (*rows, *rest)]
    shown = _fitting(lines, width)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for index in shown:
        name = lines[0][index][0]
        table.add_column(name, justify="left" if name == "cell" else "right")
    for number, line in enumerate(lines):
        if number == len(rows):
            table.add_section()
        style = "dim" if number >= len(rows) else None
        table.add_row(*(line[index][1] for index in shown), style=style)
    return table


LEAST_NEEDED: Final = ("draws", "nodes", "age", "weights")
"""Columns in the order in which they are left out where the terminal is narrow."""


def _fitting(lines: list[list[tuple[str, str]]], width: int) -> list[int]:
    """Indices of the columns for which there is room."""
    names = [name for name, _ in lines[0]]
    widths = [
        max(len(name), *(len(line[index][1]) for line in lines))
        for index, name in enumerate(names)
    ]
    shown = list(range(len(names)))
    for name in LEAST_NEEDED:
        if sum(widths[index] + 3 for index in shown) <= width:
            break
        shown = [index for index in shown if names[index] != name]
    return shown


def _columns(row: LeaderboardRow) -> list[tuple[str, str]]:
    """Name and text of each column of a row."""
    columns = [
        ("rank", str(row.rank) if row.rank else "-"),
        ("cell", row.member.name),
        ("fitness", f"{row.fitness:.3f}{'*' if row.pareto else ' '}"),
    ]
    for task, score in row.scores.items():
        metric = "-" if score.metric is None else f"{score.metric:.4f}"
        columns += [(task, metric), ("draws", str(score.draws))]
    age = "seed" if row.member.origin == "seed" else str(row.age)
    return [
        *columns,
        ("nodes", str(row.nodes)),
        ("weights", f"{row.parameters:,}"),
        ("age", age if row.rank else "ref"),
    ]


LEGEND: Final = (
    "fitness: least ratio to the baseline's best metric; weights: of the cell at width "
    "128; age: candidates since",
    "* none is fitter and no larger. More draws raise a best: score cells anew with "
    "`cellsearch evaluate`",
)
