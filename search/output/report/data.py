"""What a report tells of a run, as plain data."""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cells import ZOO, Cell, digest, flops, num_params
from search.loop.engine import Engine
from search.loop.runs import Run
from search.output.leaderboard import WIDTH, Leaderboard, Row
from search.output.report.trials import Box, boxes
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
class Point:
    """A cell that has passed all gates, or that others are held against.

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
class Step:
    """One cell on the way from a seed to a cell of the list.

    Attributes:
        point: The cell.
        gain: Its fitness less that of its parent; None: it has no parent.
    """

    point: Point
    gain: float | None


@dataclass(frozen=True)
class Report:
    """All that a page shows.

    Attributes:
        name: Of the run's folder.
        facts: See `search.output.status.run_facts`.
        tasks: Name and metric of each.
        baseline: Name of the cell that ratios refer to.
        points: Cells that have passed all gates, best first.
        lines: Name and fitness of cells that others are held against.
        record: The best fitness among the first so many candidates, where it rises.
        funnel: What becomes of mutants: label and count.
        rows: The ranked list.
        rest: Seeds and references that are not in it.
        top: How many rows are drawn.
        lineages: Of the best mutants: each from a seed on.
        boxes: What settings came to.
        work: What was carried out, by task and machine.
        workers: Machines and how many workers each had when last heard of.
        document: The configuration.
        gate: Share of the baseline's best that opens the next task.
    """

    name: str
    facts: Mapping[str, Any]
    tasks: tuple[tuple[str, Metric], ...]
    baseline: str
    points: tuple[Point, ...]
    lines: tuple[tuple[str, float], ...]
    record: tuple[tuple[int, float, str], ...]
    funnel: tuple[tuple[str, int], ...]
    rows: tuple[Row, ...]
    rest: tuple[Row, ...]
    top: int
    lineages: tuple[tuple[Step, ...], ...]
    boxes: tuple[Box, ...]
    work: tuple[Work, ...]
    workers: Mapping[str, Any]
    document: Mapping[str, Any]
    gate: float


def collect(run: Run, engine: Engine, top: int) -> Report:
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
    points = tuple(_points(procedure))
    return Report(
        name=run.folder.resolve().name,
        facts=run_facts(run, engine),
        tasks=tuple((stage.name, stage.metric) for stage in config.tasks),
        baseline=config.baseline,
        points=points,
        lines=tuple(_lines(named, digest(config.baseline_cell))),
        record=tuple(_record(points, procedure.proposed)),
        funnel=tuple(_funnel(engine)),
        rows=tuple(rows),
        rest=tuple(row for row in named if row.member.digest not in listed),
        top=min(top, len(rows)),
        lineages=tuple(_lineages(points, min(top, LINEAGES))),
        boxes=tuple(boxes(procedure)),
        work=tuple(run.store.results.work()),
        workers=_mapping(run.store.history.get("workers")),
        document=_mapping(run.store.history.get("config")),
        gate=config.rules.gate,
    )


def pareto(
    points: Iterable[Point], size: str, least: float = -math.inf
) -> Iterator[Point]:
    """The points that no other is both fitter and no larger than, smallest first.

    Args:
        points: Any number.
        size: `parameters` or `flops`.
        least: Fitness that is exceeded.
    """
    order = sorted(points, key=lambda one: (getattr(one, size), -one.fitness))
    for one in order:
        if one.fitness > least:
            least = one.fitness
            yield one


def _points(procedure: Procedure) -> Iterator[Point]:
    length = procedure.population.list_length
    for place, member in enumerate(procedure.population.ranked):
        rank = place + 1 if place < length else 0
        cell = member.cell()
        yield Point(
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


def _lines(named: Sequence[Row], baseline: str) -> Iterator[tuple[str, float]]:
    """The baseline, references, and what is GRU or LSTM."""
    drawn = {baseline, *(digest(ZOO[name]) for name in PUBLISHED_LINES)}
    for row in named:
        known = row.member.digest in drawn or row.member.origin == "reference"
        if known and math.isfinite(row.fitness):
            yield row.member.name, row.fitness


def _record(points: Sequence[Point], proposed: int) -> Iterator[tuple[int, float, str]]:
    """Where the best rises, by candidate, and where it stands at last."""
    best: Point | None = None
    finite = [one for one in points if math.isfinite(one.fitness)]
    for one in sorted(finite, key=lambda one: (one.member.number, -one.fitness)):
        if best is None or one.fitness > best.fitness:
            best = one
            yield one.member.number, one.fitness, one.member.name
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
    yield "mutants drawn", drawn + sum(tally.rejects.values())
    yield "taken", drawn
    yield "new cells", procedure.proposed
    if procedure.config.filter is not None:
        yield "given the filter", sum(member.attempts > 0 for member in mutants)
        yield "passed the filter", sum(member.filtered for member in mutants)
    for task, stage in enumerate(procedure.config.tasks):
        yield (
            f"reached {stage.name}",
            sum(len(one.trials_on(task)) > 0 for one in mutants),
        )
    yield "passed all gates", sum(member.complete for member in mutants)
    best = procedure.population.best
    yield "in the list now", sum(member.origin == "mutant" for member in best)


def _lineages(points: Sequence[Point], count: int) -> Iterator[tuple[Step, ...]]:
    """The best mutants, each with its ancestors, the seed first."""
    known = {one.member.digest: one for one in points}
    mutants = (one for one in points if one.rank and one.member.origin == "mutant")
    for one in itertools.islice(mutants, count):
        chain: list[Step] = []
        point: Point | None = one
        while point is not None:
            parent = known.get(point.member.parent)
            gain = None if parent is None else point.fitness - parent.fitness
            chain.append(Step(point, gain))
            point = parent
        yield tuple(reversed(chain))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
