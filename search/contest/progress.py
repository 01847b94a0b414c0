"""What is shown while jobs are carried out: a live display, or lines in a pipe."""

import sys
import time
from collections.abc import Iterable
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Protocol, Self

from workers import Evaluation, Status

if TYPE_CHECKING:
    from rich.live import Live


class Label(NamedTuple):
    """What a job is, for people.

    Attributes:
        task: The task's name.
        cell: The cell's name.
        stage: `rung 1 of 3`, `repeats`, ...
        settings: How many settings it trains.
        budget: On how many updates each.
    """

    task: str
    cell: str
    stage: str
    settings: int
    budget: int

    def __str__(self) -> str:
        """One line."""
        plural = "" if self.settings == 1 else "s"
        return (
            f"{self.task} {self.cell}: {self.stage}, {self.settings} setting{plural} "
            f"on {self.budget:,} updates"
        )


class Overview(NamedTuple):
    """How far everything has come.

    Attributes:
        done: Share of the work that is done, 0 to 1, about.
        running: The jobs under way, the oldest first.
        best: For each task, who is best so far and the metric.
    """

    done: float
    running: tuple[Label, ...]
    best: tuple[tuple[str, str, float], ...]


class Spectator(Protocol):
    """What is told of the course of events; used as a context."""

    def __enter__(self) -> Self:
        """Starts to show."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stops."""

    def note(self, text: str) -> None:
        """Something a person should know."""

    def update(self, overview: Overview) -> None:
        """Where everything stands."""

    def finished(self, label: Label, evaluation: Evaluation) -> None:
        """A job is done."""


def make_progress(stream: IO[str] | None = None) -> Spectator:
    """A live display if the stream is a terminal, else plain lines.

    Args:
        stream: None: standard error.
    """
    chosen = sys.stderr if stream is None else stream
    return LiveProgress(chosen) if chosen.isatty() else PlainProgress(chosen)


class Stopwatch:
    """Guesses the time that is left from the share that is done."""

    def __init__(self) -> None:
        """Starts now."""
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
                no time of this clock's.
        """
        if self._first is None:
            self._first = done
        gained = done - self._first
        if gained <= 0:
            return None
        return self.elapsed_s / gained * (1 - done)


class Notes:
    """Notes only: for who tells the course of events in other words."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        """Lines go to the stream; None: to standard error."""
        self._stream = sys.stderr if stream is None else stream

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left to do."""

    def note(self, text: str) -> None:
        """Prints the line."""
        print(text, file=self._stream, flush=True)

    def update(self, overview: Overview) -> None:
        """Nothing."""

    def finished(self, label: Label, evaluation: Evaluation) -> None:
        """Nothing."""


class PlainProgress(Notes):
    """A line for each job that is done."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        """Lines go to the stream; None: to standard error."""
        super().__init__(stream)
        self._clock = Stopwatch()
        self._done = 0.0

    def update(self, overview: Overview) -> None:
        """Remembers how far everything has come."""
        self._clock.left_s(overview.done)
        self._done = overview.done

    def finished(self, label: Label, evaluation: Evaluation) -> None:
        """Prints a line about the job."""
        left = self._clock.left_s(self._done)
        time_left = f", {duration(left)} left" if left is not None else ""
        self.note(
            f"[{duration(self._clock.elapsed_s)}, {self._done:.0%}{time_left}] "
            f"{label}: {outcome(evaluation)}"
        )


class LiveProgress:
    """A display that is redrawn in place: a bar, what runs, who is best."""

    def __init__(self, stream: IO[str]) -> None:
        """The display is drawn to the stream, a terminal."""
        from rich.console import Console

        self._console = Console(file=stream)
        self._clock = Stopwatch()
        self._overview = Overview(0.0, (), ())
        self._live: Live | None = None

    def __enter__(self) -> Self:
        """Starts to draw."""
        from rich.live import Live

        self._live = Live(
            console=self._console,
            get_renderable=self._render,
            refresh_per_second=4,
            transient=True,
        )
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Takes the display away."""
        if self._live is not None:
            self._live.stop()

    def note(self, text: str) -> None:
        """Prints the line above the display."""
        self._console.print(text, markup=False, highlight=False)

    def update(self, overview: Overview) -> None:
        """Draws the new overview at the next occasion."""
        self._clock.left_s(overview.done)
        self._overview = overview

    def finished(self, label: Label, evaluation: Evaluation) -> None:
        """Prints a line if something failed; the display shows the rest."""
        failures = [r for r in evaluation.results if r.status is not Status.OK]
        if failures:
            self.note(f"{label}: {outcome(evaluation)}")

    def _render(self) -> Any:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        overview = self._overview
        left = self._clock.left_s(overview.done)
        bar = Table.grid(padding=(0, 2))
        bar.add_row(
            ProgressBar(total=1.0, completed=overview.done, width=40),
            f"{overview.done:.0%}",
            f"{duration(self._clock.elapsed_s)} gone",
            f"{duration(left)} left" if left is not None else "",
        )
        lines = [Text(f"  runs  {label}") for label in overview.running]
        lines += [Text(f"  best  {task}: {b}") for task, b in _bests(overview.best)]
        return Group(bar, *lines)


def _bests(rows: Iterable[tuple[str, str, float]]) -> list[tuple[str, str]]:
    return [(task, f"{cell} {metric:.4f}") for task, cell, metric in rows]


def outcome(evaluation: Evaluation) -> str:
    """How a job ended, in a few words."""
    values = [r.best for r in evaluation.results if r.best is not None]
    parts = []
    if len(values) == 1:
        parts.append(f"{values[0]:.4f}")
    elif values:
        parts.append(f"{min(values):.4f} to {max(values):.4f}")
    for status in Status:
        count = sum(r.status is status for r in evaluation.results)
        if count and status is not Status.OK:
            parts.append(f"{count} {status}")
    causes = {r.ended for r in evaluation.results if r.status in _EXPLAINED}
    parts += sorted(causes)
    parts.append(f"{evaluation.compile_s + evaluation.train_s:.1f} s")
    return ", ".join(parts)


_EXPLAINED = (Status.CRASHED, Status.OOM, Status.TIMEOUT)


def duration(seconds: float) -> str:
    """`42 s`, `3:07` (minutes) or `2:03:07`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
