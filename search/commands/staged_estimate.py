"""What a search by common runs costs, by what its parts cost.

Who says that is `StagedCosts`: probes that are trained, or the figures of a device.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, Protocol

from search.commands.probes import BYTES_A_CANDIDATE, BYTES_A_TRAINING
from search.commands.taken import NOTHING, Taken, Unit
from search.output.words import brief, counted, duration
from search.procedure.config import Config
from search.procedure.objective import Paired
from workers import Setting

PASSING: Final = 0.3
"""Share of candidates that is taken to go on from the first rung to the whole panel, a
guess: nearly all do while the list is short, and few when it has come far."""

BYTES_A_POINT: Final = 75
"""Of a learning curve."""


class StagedCosts(Protocol):
    """What parts of the search cost, whoever carries them out."""

    @property
    def points(self) -> float:
        """Of a learning curve; 0: not known."""

    def compiling(self, settings: Sequence[Setting]) -> Taken:
        """Of a cell, for these settings on all tasks."""

    def running(self, settings: Sequence[Setting]) -> Taken:
        """Of a cell with these settings on all tasks, handed out together."""


class StagedEstimate(NamedTuple):
    """What a search costs, about.

    Attributes:
        opening: Of seeds and references.
        first: Of a candidate on the first rung, if it is dropped on no task.
        panel: Of the rest of the panel, for one that goes on.
        again: Of a re-examination.
        candidate: Of a candidate, with its share of all that but opening and finals.
        finals: Of the best, seeds and references in the end.
        bytes: Of a candidate; 0: not known.
    """

    opening: Taken
    first: Taken
    panel: Taken
    again: Taken
    candidate: Taken
    finals: Taken
    bytes: float


def estimate(config: Config, objective: Paired, costs: StagedCosts) -> StagedEstimate:
    """Projects what parts cost on the whole search."""
    panel, rungs = objective.panel, objective.rungs
    compiling, seed = costs.compiling(panel), costs.running(panel)

    def runs(first: int, last: int) -> Taken:
        parts = objective.parts(first, last).values()
        return sum(map(costs.running, parts), NOTHING)

    first = compiling + runs(0, rungs[0])
    rest = sum(map(runs, rungs, rungs[1:]), NOTHING)
    # What is known of a cell's programs is gone when it is examined again.
    again = compiling + seed
    named = len(config.seeds) + len(config.references)
    moves = config.rules.reexamine / (1 - config.rules.reexamine)
    candidate = first + PASSING * rest + moves * again
    row = BYTES_A_TRAINING + BYTES_A_POINT * costs.points
    return StagedEstimate(
        opening=named * (compiling + objective.seeds * seed)
        + (objective.most_seeds - objective.seeds) * seed,
        first=first,
        panel=rest,
        again=again,
        candidate=candidate,
        finals=_finals(config, objective, costs),
        bytes=costs.points and BYTES_A_CANDIDATE + candidate.trainings * row,
    )


def render(
    found: StagedEstimate,
    config: Config,
    objective: Paired,
    candidates: int,
    workers: int,
    unit: Unit,
) -> Iterator[tuple[str, str]]:
    """The estimate as lines for people."""
    tasks = counted(len(config.tasks), "task")
    first, last = objective.rungs[0], objective.rungs[-1]
    yield (
        "opening",
        f"{duration(found.opening.total_s / workers)}: seeds and references, "
        f"{counted(last, 'run')} on each of {tasks}",
    )
    yield (
        "rung 1",
        f"{unit.seconds(found.first, 1)} a candidate, {counted(first, 'run')} on "
        f"each of {tasks}",
    )
    yield (
        "panel",
        f"{unit.seconds(found.panel)} for each of the {PASSING:.0%} that are "
        f"taken to go on to all {counted(last, 'run')} a task",
    )
    yield "again", f"{unit.seconds(found.again)} a re-examination"
    an_hour = 3600 * workers / found.candidate.total_s
    yield "speed", f"{brief(an_hour)} candidates an hour"
    chosen = objective.finals
    if chosen.cells:
        yield (
            "finals",
            f"{duration(found.finals.total_s / workers)}: "
            f"{counted(chosen.cells, 'cell')} "
            f"beside seeds and references, {counted(chosen.seeds, 'seed')} of "
            f"{counted(len(chosen.panel), 'setting')}",
        )
    whole = found.opening + candidates * found.candidate + found.finals
    disk = f", {candidates * found.bytes / 1e6:,.1f} MB of disk with learning curves"
    yield (
        "whole",
        f"{candidates:,} candidates in {whole.total_s / workers / 3600:,.1f} hours "
        f"with {counted(workers, unit.worker)}{disk if found.bytes else ''}",
    )


def _finals(config: Config, objective: Paired, costs: StagedCosts) -> Taken:
    """Of all cells in finals; a task that was not searched takes as long as others.

    Each training is a job of its own.
    """
    chosen = objective.finals
    if not chosen.cells:
        return NOTHING
    cells = chosen.cells + len(config.seeds) + len(config.references)
    runs = chosen.seeds * (1 + len(chosen.tasks) / len(config.tasks))
    one = sum((costs.running((setting,)) for setting in chosen.panel), NOTHING)
    return cells * (costs.compiling(chosen.panel) + runs * one)
