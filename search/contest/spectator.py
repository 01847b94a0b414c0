"""Who is told how far contests have come, and what it is told."""

from typing import Final, NamedTuple, Protocol

from workers import Evaluation, Status


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
    """Who is told of the course of events."""

    def note(self, text: str) -> None:
        """Something a person should know."""

    def update(self, overview: Overview) -> None:
        """Where everything stands."""

    def finished(self, label: Label, evaluation: Evaluation) -> None:
        """A job is done."""


EXPLAINED: Final = (Status.CRASHED, Status.OOM, Status.TIMEOUT)
"""Ends of which the cause is told."""


def ending(evaluation: Evaluation) -> str:
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
    causes = {r.ended for r in evaluation.results if r.status in EXPLAINED}
    parts += sorted(causes)
    parts.append(f"{evaluation.compile_s + evaluation.train_s:.1f} s")
    return ", ".join(parts)
