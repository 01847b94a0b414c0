"""What a person sees of a search, or of cells that are scored, while it goes on."""

import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, Self

from search.contest.spectator import Label, Overview, ending
from search.loop.engine import Engine
from search.loop.runs import stored_code
from search.loop.session import Searched
from search.output.leaderboard import Leaderboard
from search.output.screens import make_screen
from search.output.tables import leaderboard_table, print_leaderboard
from search.output.terms import terms_of
from search.output.words import (
    counted,
    duration,
    plain,
    render_counts,
    saved_words,
)
from search.procedure.config import Config
from search.procedure.own_code import own_code
from search.procedure.procedure import Procedure
from search.procedure.writer import to_document
from workers import Evaluation, Status

ROWS: Final = 10
"""Cells of a search that are shown while it goes on."""

EVERY_S: Final = 1.0
"""Seconds between two pictures of a search."""

LINE_EVERY_S: Final = 30.0
"""Seconds between two lines about a search."""


class Stopwatch:
    """Guesses the time that is left from the share that is done; starts when made."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._first: float | None = None

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    def left_s(self, done: float) -> float | None:
        """Seconds that are left; None while nothing is known.

        Args:
            done: Share of the work that is done. What was done at the first call took
                no time of this watch's.
        """
        if self._first is None:
            self._first = done
        gained = done - self._first
        if gained <= 0:
            return None
        return self.elapsed_s / gained * (1 - done)


class _Display:
    """What displays have in common: a screen that they are on while they are used."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._screen = make_screen(stream)

    def __enter__(self) -> Self:
        self._screen.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self._screen.__exit__(*details)

    def note(self, text: str) -> None:
        """Prints a line that a person should see in any case."""
        self._screen.note(text)


class SearchDisplay(_Display):
    """Watches a search: its table, and how far it has come.

    Args:
        stream: None: standard error.
    """

    def __init__(self, stream: IO[str] | None = None) -> None:
        super().__init__(stream)
        self._watch: Stopwatch | None = None
        self._proposed = 0
        self._best = ""
        self._board: Leaderboard | None = None
        self._told = time.monotonic()
        self._drawn = 0.0

    def update(self, engine: Engine) -> None:
        """Prints a line, or draws the table, if it is time for it."""
        now = time.monotonic()
        if not engine.replaying:
            # What earlier processes did tells nothing of this one's speed.
            if self._watch is None:
                self._watch, self._proposed = Stopwatch(), engine.procedure.proposed
            if self._has_news(engine) or now - self._told >= LINE_EVERY_S:
                self._told = now
                self._screen.line(self._summary(engine))
        if now - self._drawn >= EVERY_S:
            self._drawn = now
            self._screen.draw(lambda width: self._picture(engine, width))

    def _has_news(self, engine: Engine) -> bool:
        """Whether another cell is the best."""
        ranked = engine.procedure.population.ranked
        if not ranked or ranked[0].digest == self._best:
            return False
        self._best = ranked[0].digest
        return True

    def _summary(self, engine: Engine) -> str:
        """How far a search has come, in one line."""
        procedure, tally, limit = engine.procedure, engine.tally, engine.limits
        of = f" of {limit.candidates:,}" if limit.candidates is not None else ""
        passed = f"{tally.passed} of {tally.filtered} passed the filter"
        if procedure.config.filter is None:
            passed = f"{_complete(procedure):,} {terms_of(procedure.config).complete}"
        candidates = f"{procedure.proposed:,}{of} candidates"
        parts = [candidates, passed, self._speed(engine)]
        if procedure.opened and procedure.population.ranked:
            best = procedure.population.ranked[0]
            parts.append(f"best {best.name} {best.fitness:.3f}")
        if limit.candidates and self._watch is not None:
            left = self._watch.left_s(procedure.proposed / limit.candidates)
            if left is not None:
                parts.append(f"{duration(left)} left" if left > 0 else "finishing")
        return f"[{duration(engine.elapsed_s)}] " + ", ".join(parts)

    def _speed(self, engine: Engine) -> str:
        """Candidates and trainings a minute, of this process alone."""
        candidates = trainings = 0.0
        if self._watch is not None:
            minutes = max(self._watch.elapsed_s, 1e-9) / 60
            candidates = (engine.procedure.proposed - self._proposed) / minutes
            trainings = engine.tally.new_settings / minutes
        unit = terms_of(engine.procedure.config).trainings
        return f"{candidates:.1f} candidates and {trainings:.0f} {unit} a minute"

    def _picture(self, engine: Engine, width: int) -> Any:
        from rich.console import Group
        from rich.text import Text

        parts: list[Any] = [Text(plain(self._summary(engine)))]
        if engine.procedure.opened:
            self._board = self._board or Leaderboard(engine.procedure)
            parts.append(leaderboard_table(self._board, ROWS, width))
        else:
            visits = engine.procedure.visits
            names = ", ".join(visit.member.name for visit in visits)
            parts.append(Text(plain(f"first the cells to start from: {names}")))
        parts += [Text(plain(line)) for line in tally_lines(engine)]
        return Group(*parts)


class ContestDisplay(_Display):
    """Watches cells that are scored: a bar, what runs, who is best.

    Args:
        stream: None: standard error.
    """

    def __init__(self, stream: IO[str] | None = None) -> None:
        super().__init__(stream)
        self._watch = Stopwatch()
        self._done = 0.0

    def update(self, overview: Overview) -> None:
        """Draws where everything stands."""
        self._done = overview.done
        left = self._watch.left_s(overview.done)
        self._screen.draw(lambda width: self._picture(overview, left))

    def finished(self, label: Label, evaluation: Evaluation) -> None:
        """Prints a line about the job; in a picture only if something failed."""
        left = self._watch.left_s(self._done)
        time_left = f", {duration(left)} left" if left is not None else ""
        text = (
            f"[{duration(self._watch.elapsed_s)}, {self._done:.0%}{time_left}] "
            f"{label}: {ending(evaluation)}"
        )
        if all(result.status is Status.OK for result in evaluation.results):
            self._screen.line(text)
        else:
            self._screen.note(text)

    def _picture(self, overview: Overview, left: float | None) -> Any:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        # How much is done, gone and left ...
        bar = Table.grid(padding=(0, 2))
        bar.add_row(
            ProgressBar(total=1.0, completed=overview.done, width=40),
            f"{overview.done:.0%}",
            f"{duration(self._watch.elapsed_s)} gone",
            f"{duration(left)} left" if left is not None else "",
        )

        # ... and below, a line for whatever runs and for each task's best.
        lines = [Text(plain(f"  runs  {label}")) for label in overview.running]
        for task, cell, metric in overview.best:
            lines.append(Text(plain(f"  best  {task}: {cell} {metric:.4f}")))
        return Group(bar, *lines)


def print_end(searched: Searched, folder: Path, stream: IO[str]) -> None:
    """Prints what a search has come to, and how to go on with it."""
    engine = searched.engine
    print_leaderboard(Leaderboard(engine.procedure), stream, ROWS)
    kinds = render_counts(engine.tally.decisions)
    moves = f"moves   {kinds}; {duration(engine.elapsed_s)} in this process"
    for line in ("", *tally_lines(engine), moves):
        print(plain(line), file=stream)
    config = searched.engine.procedure.config
    print(f"{searched.ending}. {how_to_go_on(folder, config)}", file=stream)


def how_to_go_on(folder: Path, config: Config | None = None) -> str:
    """The command that goes on with a run; names the code of a person's own.

    Args:
        folder: The run's.
        config: Its configuration; None: as it is stored.
    """
    code = own_code(to_document(config)) if config else stored_code(folder)
    words = [shlex.quote(str(folder)), *code.flags, "[--candidates N]"]
    return plain(f"Go on: cellsearch resume {' '.join(words)}")


def tally_lines(engine: Engine) -> Iterator[str]:
    """Where time went, what was saved and what failed: a line each, where there is."""
    tally = engine.tally
    spent = tally.compile_s + tally.train_s
    if spent:
        share = tally.compile_s / spent
        yield f"work    {duration(spent)} in workers, {share:.0%} of it compiling"
    reused = f", {counted(tally.reused, 'stored result')} used" if tally.reused else ""
    filters = tally.saved_filters if engine.procedure.config.filter else None
    saved = saved_words(filters, tally.saved_settings, tally.dead)
    yield f"saved   {saved}{reused}"
    if tally.rejects:
        yield f"rejects {render_counts(tally.rejects)}"
    if tally.failures:
        yield f"failed  {render_counts(tally.failures)}"


def _complete(procedure: Procedure) -> int:
    """How many mutants are ranked."""
    ranked = procedure.population.ranked
    return sum(member.is_candidate for member in ranked)
