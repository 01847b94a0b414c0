"""What a report tells of a run, as plain data."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cells import ZOO, Cell, digest, flops, num_params
from search.contest.finals import FinalTable
from search.loop.engine import Engine
from search.loop.runs import OpenRun
from search.loop.standing import final_order, standing
from search.output.front import hypervolumes
from search.output.leaderboard import (
    WIDTH,
    Leaderboard,
    LeaderboardRow,
    cost_of,
)
from search.output.lineage import Lineages, LineageStep
from search.output.measuring import Measurement
from search.output.report.captions import Captions, captions_of
from search.output.report.measured import drawn_cost, measure_rows
from search.output.report.tree import TreeLine, tree_lines
from search.output.report.trials import BoxPlot, box_plots
from search.output.stages import stages
from search.output.status import run_facts
from search.output.stored import stored_finals
from search.output.tables import describe_setting
from search.output.terms import Terms
from search.procedure.costed import CostedPopulation
from search.procedure.costs import MEASURES
from search.procedure.members import Member
from search.procedure.moves import CANDIDATES, Move
from search.procedure.procedure import Procedure
from search.store.results import Work
from tasks import Metric

LINEAGES: Final = 10
"""Cells whose ancestors are told."""

PUBLISHED_LINES: Final = ("gru", "lstm")
"""Cells of the zoo whose fitness is drawn as a line, if they are seeds."""


@dataclass(frozen=True)
class RankedCell:
    """A cell that is ranked: see `Terms.complete`.

    Attributes:
        member: The cell.
        fitness: See `Terms.fitness`.
        parameters: Weights at width `WIDTH`.
        flops: Of a step forward, at width `WIDTH`.
        rank: In the list, from 1; 0: below it.
        cost: See `CostedPopulation.cost_of`; None: the search has no cost.
        front: Whether it is in the front of fitness and cost.
    """

    member: Member
    fitness: float
    parameters: int
    flops: int
    rank: int
    cost: float | None = None
    front: bool = False


@dataclass(frozen=True)
class FunnelStep:
    """What became of mutants.

    Attributes:
        label: What those that are counted have done.
        count: How many there are, among those of the step before.
        dropped: How many of them came no further; None: it is not told.
    """

    label: str
    count: int
    dropped: int | None = None


@dataclass(frozen=True)
class Report:
    """All that a page shows.

    Attributes:
        name: Of the run's folder.
        facts: See `search.output.status.run_facts`.
        terms: What its numbers are called.
        captions: What it says of them.
        tasks: Name and metric of each.
        cells: Those that are ranked, best first.
        lines: Name and fitness of cells that others are held against.
        record: The best fitness among the first so many candidates, where it rises.
        funnel: What becomes of mutants.
        rows: The ranked list.
        rest: Seeds and references that are not in it.
        top: How many rows are drawn.
        lineages: Of the best mutants: each from a seed on.
        interval: What the interval of a gain is; empty: there is none.
        tree: All ranked cells, each after its parent.
        boxes: What settings came to.
        panel: The common settings in words, in order; none by ratios.
        work: What was carried out, by task and machine.
        document: The configuration.
        finals: How the best did anew; None: nobody has tried.
        finalists: How many of the best finals are to have; 0: there are none.
        cost: What the search keeps low, in words; empty: nothing.
        course: See `Leaderboard.course`.
        hypervolumes: See `search.output.front.hypervolumes`.
        measured: What the first cells and published ones take here; None: nobody asked.
        drawn_cost: The nominal cost against which times are drawn.
    """

    name: str
    facts: Mapping[str, Any]
    terms: Terms
    captions: Captions
    tasks: tuple[tuple[str, Metric], ...]
    cells: tuple[RankedCell, ...]
    lines: tuple[tuple[str, float], ...]
    record: tuple[tuple[int, float, str], ...]
    funnel: tuple[FunnelStep, ...]
    rows: tuple[LeaderboardRow, ...]
    rest: tuple[LeaderboardRow, ...]
    top: int
    lineages: tuple[tuple[LineageStep, ...], ...]
    interval: str
    tree: tuple[TreeLine, ...]
    boxes: tuple[BoxPlot, ...]
    panel: tuple[str, ...]
    work: tuple[Work, ...]
    document: Mapping[str, Any]
    finals: FinalTable | None
    finalists: int
    cost: str
    course: str
    hypervolumes: Mapping[int, float]
    measured: Measurement | None
    drawn_cost: str


def collect(run: OpenRun, engine: Engine, top: int, *, measure: bool = False) -> Report:
    """Collects what there is to tell.

    Args:
        run: The run, open.
        engine: Its search, replayed.
        top: How many cells are to be drawn; there may be fewer.
        measure: Whether what they take on this device is measured.

    Raises:
        JobError: It cannot be measured here.
    """
    procedure, config = engine.procedure, run.config
    procedure.population.members.make_all()  # of each there is something to tell
    objective = config.objective
    order = final_order(run)
    ranks = {one.digest: rank for rank, one in enumerate(standing(procedure, order), 1)}
    board = Leaderboard(procedure, order)
    rows = board.rows()
    listed = {row.member.digest for row in rows}
    named = board.named()
    cells = tuple(_ranked(procedure, ranks))
    lineages = Lineages(procedure)
    return Report(
        name=run.folder.resolve().name,
        facts=run_facts(run, engine),
        terms=board.terms,
        captions=captions_of(config),
        tasks=tuple(
            (stage.name, config.metric(task)) for task, stage in enumerate(config.tasks)
        ),
        cells=cells,
        lines=tuple(_lines(named, digest(config.baseline_cell))),
        record=tuple(_record(cells, procedure.proposed)),
        funnel=tuple(_funnel(engine, board.terms)),
        rows=tuple(rows),
        rest=tuple(row for row in named if row.member.digest not in listed),
        top=min(top, len(rows)),
        lineages=tuple(map(lineages.of, _best(rows, min(top, LINEAGES)))),
        interval=lineages.gains.words,
        tree=tuple(tree_lines(procedure, lineages, ranks)),
        boxes=tuple(box_plots(procedure)),
        panel=tuple(map(describe_setting, objective.panel if objective else ())),
        work=tuple(run.store.results.work()),
        document=_mapping(run.store.history.get("config")),
        finals=stored_finals(run),
        finalists=objective.finals.cells if objective else 0,
        cost=MEASURES[objective.cost].words if objective and board.course else "",
        course=board.course,
        hypervolumes=_hypervolumes(procedure),
        measured=measure_rows(rows[:top], config) if measure else None,
        drawn_cost=drawn_cost(objective.cost if objective else None),
    )


def _ranked(procedure: Procedure, ranks: Mapping[str, int]) -> Iterator[RankedCell]:
    population = procedure.population
    front = set()
    if isinstance(population, CostedPopulation):
        front = {one.digest for one in population.front}
    for member in population.ranked:
        yield RankedCell(
            member,
            member.fitness,
            *_sizes(member.cell()),
            rank=ranks.get(member.digest, 0),
            cost=cost_of(population, member),
            front=member.digest in front,
        )


def _hypervolumes(procedure: Procedure) -> dict[int, float]:
    """Of the front by candidates, to the last of them; none without a cost."""
    population = procedure.population
    if not isinstance(population, CostedPopulation) or not procedure.opened:
        return {}
    found = hypervolumes(population)
    return {**found, procedure.proposed: max(found.values(), default=0.0)}


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


def _funnel(engine: Engine, terms: Terms) -> Iterator[FunnelStep]:
    """Mutants that came so far, each step among those of the one before."""
    tally, procedure = engine.tally, engine.procedure
    drawn = sum(tally.decisions[kind] for kind in (*CANDIDATES, Move.AGAIN))
    members = procedure.population.members.values()
    mutants = [member for member in members if member.is_candidate]
    # What was rejected was drawn, too, and never became a member.
    yield FunnelStep("mutants drawn", drawn + sum(tally.rejects.values()))
    yield FunnelStep("taken", drawn)
    yield FunnelStep("new cells", procedure.proposed)
    common = stages(procedure)
    for stage in common:
        yield FunnelStep(stage.label, stage.reached, stage.dropped)
    if not common:
        yield from _gates(procedure, mutants)
    yield FunnelStep(terms.complete, sum(member.complete for member in mutants))
    # The list is short: whoever came so far may have been overtaken since.
    best = procedure.population.best
    listed = sum(member.is_candidate for member in best)
    yield FunnelStep("in the list now", listed)


def _gates(procedure: Procedure, mutants: Sequence[Member]) -> Iterator[FunnelStep]:
    """What a search by ratios gives a cell: the filter, then task after task."""
    if procedure.config.filter is not None:
        given = sum(member.attempts > 0 for member in mutants)
        yield FunnelStep("given the filter", given)
        passed = sum(member.filtered for member in mutants)
        yield FunnelStep("passed the filter", passed)
    for task, stage in enumerate(procedure.config.tasks):
        those = (member.trials[task] for member in mutants if task < len(member.trials))
        count = sum(len(trials) > 0 for trials in those)
        yield FunnelStep(f"reached {stage.name}", count)


def _best(rows: Sequence[LeaderboardRow], count: int) -> Iterator[Member]:
    """The best mutants of the table."""
    members = (row.member for row in rows)
    return itertools.islice((m for m in members if m.is_candidate), count)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
