"""What charts of a report are drawn of: column arrays, each number there once."""

import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from search.output.leaderboard import pareto
from search.output.report.data import RankedCell, Report
from search.output.report.measured import measured_columns
from search.output.report.trials import BoxPlot

Columns = Mapping[str, Sequence[Any]]

SEED: Final = "seed"
LISTED: Final = "in the list"
BELOW: Final = "below the list"

QUARTILES: Final = ("low", "lower", "median", "upper", "high")

LABELS: Final = 3
"""Cells whose names are in the chart of lineages, besides the seeds."""


def datasets(report: Report) -> dict[str, Columns]:
    """Column arrays by name: each number is there once, rounded."""
    # What is infinite or no number has no place on an axis.
    cells = [cell for cell in report.cells if math.isfinite(cell.fitness)]
    columns: dict[str, Columns] = {
        "cells": {
            "name": [cell.member.name for cell in cells],
            "born": [cell.member.number for cell in cells],
            "fitness": [_round(cell.fitness) for cell in cells],
            "weights": [cell.parameters for cell in cells],
            "flops": [cell.flops for cell in cells],
            "kind": [_kind(cell) for cell in cells],
            "rank": [str(cell.rank or "-") for cell in cells],
        },
        "lines": _columns(("name", "fitness"), _rounded(report.lines)),
        "record": _columns(("born", "fitness", "name"), _rounded(report.record)),
        "descent": _descent(report),
    }
    # Fronts are lines of their own, in the order in which they are drawn.
    for size in ("parameters", "flops"):
        columns |= _front(size, pareto(cells, operator.attrgetter(size)))
    if report.cost:
        costs = [_round(cell.cost) for cell in cells]
        columns["cells"] = {**columns["cells"], "cost": costs}
        up = sorted((one for one in cells if one.front), key=lambda one: one.fitness)
        columns |= _front("cost", up)
        columns["hypervolume"] = _columns(
            ("born", "hypervolume"), _rounded(report.hypervolumes.items())
        )
    if report.measured:
        columns["measured"] = measured_columns(
            report.measured, report.rows[: report.top]
        )
    for number, group in enumerate(grouped(report.boxes)):
        columns[f"box{number}"] = _box_columns(group)
    return columns


def _front(size: str, cells: Iterable[RankedCell]) -> dict[str, Columns]:
    """The data set of a front, the smallest first."""
    front = list(cells)
    return {
        f"front_{size}": {
            "name": [cell.member.name for cell in front],
            "size": [_round(getattr(cell, size)) for cell in front],
            "fitness": [_round(cell.fitness) for cell in front],
        }
    }


def grouped(boxes: Sequence[BoxPlot]) -> list[list[BoxPlot]]:
    """Boxes of one task and hyperparameter together, in order."""
    groups: dict[tuple[int, str], list[BoxPlot]] = {}
    for box in boxes:
        groups.setdefault((box.task, box.field), []).append(box)
    return list(groups.values())


def _kind(cell: RankedCell) -> str:
    if cell.member.origin == "seed":
        return SEED
    return LISTED if cell.rank else BELOW


def _descent(report: Report) -> Columns:
    """Each cell of the lineages once, with where its parent is."""
    kinds = {cell.member.digest: _kind(cell) for cell in report.cells}
    labelled = {steps[-1].member.digest for steps in report.lineages[:LABELS]}
    # Lineages share ancestors. A seed has no parent, and is linked to itself.
    links = {
        step.member.digest: (step, parent)
        for steps in report.lineages
        for step, parent in zip(steps, (None, *steps), strict=False)
    }
    steps = [step for step, _ in links.values()]
    parents = [parent for _, parent in links.values()]
    origins = [parent or step for step, parent in links.values()]
    return {
        "name": [step.member.name for step in steps],
        "born": [step.member.number for step in steps],
        "fitness": [_round(step.fitness) for step in steps],
        "kind": [kinds[digest] for digest in links],
        "rules": [", ".join(step.member.rules) for step in steps],
        "label": [
            digest in labelled or parent is None
            for digest, (_, parent) in links.items()
        ],
        "gain": [_round(step.gain) for step in steps],
        "parent": ["" if parent is None else parent.member.name for parent in parents],
        "from_born": [origin.member.number for origin in origins],
        "from_fitness": [_round(origin.fitness) for origin in origins],
    }


def _box_columns(group: Sequence[BoxPlot]) -> Columns:
    spreads = [box.quartiles or (None,) * len(QUARTILES) for box in group]
    quartiles = {
        name: [_round(spread[i]) for spread in spreads]
        for i, name in enumerate(QUARTILES)
    }
    return {
        "value": [f"{box.value:,.10g}" for box in group],
        "trainings": [box.count for box in group],
        "failed": [box.failed for box in group],
        **quartiles,
        "best": [_round(box.best) for box in group],
        "cell": [box.cell for box in group],
    }


def _columns(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Columns:
    listed = list(rows)
    return {name: [row[i] for row in listed] for i, name in enumerate(names)}


def _rounded(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    return [[_round(x) if isinstance(x, float) else x for x in row] for row in rows]


def _round(value: float | None) -> float | None:
    """Five digits; None for what is no number."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.5g}")
