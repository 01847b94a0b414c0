"""What a report tells of a run, as plain data."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cells import ZOO, Cell, digest, flops, num_params
from search.loop.engine import Engine
from search.loop.runs import OpenRun
from search.output.leaderboard import (
    WIDTH,
    Leaderboard,
    LeaderboardRow,
    LineageStep,
    lineage,
)
from search.output.report.trials import BoxPlot, box_plots
from search.output.status import run_facts
from search.procedure.population import Member
from search.procedure.procedure import Procedure
from search.store.results import Work
from tasks import Metric

LINEAGES: Final = 10
"""Cells whose ancestors are told."""

PUBLISHED_LINES: Final = ("gru", "lstm")
"""Cells of the zoo whose fitness is drawn as a line, if they are seeds."""


@dataclass(frozen=True)
class RankedCell:
    """A cell that has passed all gates.

    Attributes:
        member: The cell.
        fitness: The least of its ratios to the baseline.
        parameters: Weights at width `WIDTH`.
        flops: Of a step forward, at width `WIDTH`.
        metrics: Best validation metric on each task; None: there is none.
        rank: In the list, from 1; 0: below it.
    """

    member: Member
    fitness: float
    parameters: int
    flops: int
    metrics: tuple[float | None, ...]
    rank: int


@dataclass(frozen=True)
class Report:
    """All that a page shows.

    Attributes:
        name: Of the run's folder.
        facts: See `search.output.status.run_facts`.
        tasks: Name and metric of each.
        baseline: Name of the cell that ratios refer to.
        cells: Those that have passed all gates, best first.
        lines: Name and fitness of cells that others are held against.
        record: The best fitness among the first so many candidates, where it rises.
        funnel: What becomes of mutants: label and count.
        rows: The ranked list.
        rest: Seeds and references that are not in it.
        top: How many rows are drawn.
        lineages: Of the best mutants: each from a seed on.
        boxes: What settings came to.
        work: What was carried out, by task and machine.
        document: The configuration.
        gate: Share of the baseline's best that opens the next task.
    """

    name: str
    facts: Mapping[str, Any]
    tasks: tuple[tuple[str, Metric], ...]
    baseline: str
    cells: tuple[RankedCell, ...]
    lines: tuple[tuple[str, float], ...]
    record: tuple[tuple[int, float, str], ...]
    funnel: tuple[tuple[str, int], ...]
    rows: tuple[LeaderboardRow, ...]
    rest: tuple[LeaderboardRow, ...]
    top: int
    lineages: tuple[tuple[LineageStep, ...], ...]
    boxes: tuple[BoxPlot, ...]
    work: tuple[Work, ...]
    document: Mapping[str, Any]
    gate: float


def collect(run: OpenRun, engine: Engine, top: int) -> Report:
    """Collects what there is to tell.

    Args:
        run: The run, open.
        engine: Its search, replayed.
        top: How many cells are to be drawn; there may be fewer.
    """
    procedure, config = engine.procedure, run.config
    board = Leaderboard(procedure)
    rows = board.rows()
    listed = {row.member.digest for row in rows}
    named = board.named()
    cells = tuple(_ranked(procedure))
    return Report(
        name=run.folder.resolve().name,
        facts=run_facts(run, engine),
        tasks=tuple(
            (stage.name, config.metric(task)) for task, stage in enumerate(config.tasks)
        ),
        baseline=config.baseline,
        cells=cells,
        lines=tuple(_lines(named, digest(config.baseline_cell))),
        record=tuple(_record(cells, procedure.proposed)),
        funnel=tuple(_funnel(engine)),
        rows=tuple(rows),
        rest=tuple(row for row in named if row.member.digest not in listed),
        top=min(top, len(rows)),
        lineages=tuple(_lineages(procedure, min(top, LINEAGES))),
        boxes=tuple(box_plots(procedure)),
        work=tuple(run.store.results.work()),
        document=_mapping(run.store.history.get("config")),
        gate=config.rules.gate,
    )


def _ranked(procedure: Procedure) -> Iterator[RankedCell]:
    length = len(procedure.population.best)
    for place, member in enumerate(procedure.population.ranked):
        rank = place + 1 if place < length else 0
        cell = member.cell()
        yield RankedCell(
            member,
            member.fitness,
            *_sizes(cell),
            metrics=tuple(
                None if math.isnan(best := member.trials_on(task).best) else best
                for task in range(len(procedure.config.tasks))
            ),
            rank=rank,
        )


def _sizes(cell: Cell) -> tuple[int, int]:
    return num_params(cell, WIDTH), flops(cell, WIDTH)


def _lines(
    named: Sequence[LeaderboardRow], baseline: str
) -> Iterator[tuple[str, float]]:
    """The baseline, references, and what is GRU or LSTM."""
    drawn = {baseline, *(digest(ZOO[name]) for name in PUBLISHED_LINES)}
    for row in named:
        wanted = row.member.digest in drawn or row.member.origin == "reference"
        if wanted and math.isfinite(row.fitness):
            yield row.member.name, row.fitness


def _record(
    cells: Sequence[RankedCell], proposed: int
) -> Iterator[tuple[int, float, str]]:
    """Where the best rises, by candidate, and where it stands at last."""
    best: RankedCell | None = None
    finite = [cell for cell in cells if math.isfinite(cell.fitness)]
    for cell in sorted(finite, key=lambda cell: (cell.member.number, -cell.fitness)):
        if best is None or cell.fitness > best.fitness:
            best = cell
            yield cell.member.number, cell.fitness, cell.member.name
    # The line goes on to the last candidate, although nothing rises there.
    if best is not None and best.member.number < proposed:
        yield proposed, best.fitness, best.member.name


def _funnel(engine: Engine) -> Iterator[tuple[str, int]]:
    """Mutants that came so far, each stage among those of the one before."""
    tally, procedure = engine.tally, engine.procedure
    drawn = tally.decisions["propose"] + tally.decisions["again"]
    mutants = [
        member
        for member in procedure.population.members.values()
        if member.origin == "mutant"
    ]
    # What was rejected was drawn, too, and never became a member.
    yield "mutants drawn", drawn + sum(tally.rejects.values())
    yield "taken", drawn
    yield "new cells", procedure.proposed
    if procedure.config.filter is not None:
        yield "given the filter", sum(member.attempts > 0 for member in mutants)
        yield "passed the filter", sum(member.filtered for member in mutants)
    for task, stage in enumerate(procedure.config.tasks):
        yield (
            f"reached {stage.name}",
            sum(len(member.trials_on(task)) > 0 for member in mutants),
        )
    yield "passed all gates", sum(member.complete for member in mutants)
    # The list is short: whoever passed may have been overtaken since.
    best = procedure.population.best
    yield "in the list now", sum(member.origin == "mutant" for member in best)


def _lineages(procedure: Procedure, count: int) -> Iterator[tuple[LineageStep, ...]]:
    """Of the best mutants of the list."""
    population = procedure.population
    mutants = (member for member in population.best if member.origin == "mutant")
    for mutant in itertools.islice(mutants, count):
        yield lineage(population, mutant)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
