"""What charts of a report are drawn of: column arrays, each number there once."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from search.output.report.data import Point, Report, Step, pareto
from search.output.report.trials import Box

Columns = Mapping[str, Sequence[Any]]

SEED: Final = "seed"
LISTED: Final = "in the list"
BELOW: Final = "below the list"

LABELS: Final = 3
"""Cells whose names are in the chart of lineages, besides the seeds."""


def datasets(report: Report) -> dict[str, Columns]:
    """Column arrays by name: each number is there once, rounded."""
    points = [one for one in report.points if math.isfinite(one.fitness)]
    found: dict[str, Columns] = {
        "cells": {
            "name": [one.member.name for one in points],
            "born": [one.member.number for one in points],
            "fitness": [_round(one.fitness) for one in points],
            "weights": [one.parameters for one in points],
            "flops": [one.flops for one in points],
            "kind": [_kind(one) for one in points],
            "rank": [str(one.rank or "-") for one in points],
        },
        "lines": _columns(("name", "fitness"), _rounded(report.lines)),
        "record": _columns(("born", "fitness", "name"), _rounded(report.record)),
        "descent": _descent(report),
    }
    for size in ("parameters", "flops"):
        front = list(pareto(points, size))
        found[f"front_{size}"] = {
            "name": [one.member.name for one in front],
            "size": [getattr(one, size) for one in front],
            "fitness": [_round(one.fitness) for one in front],
        }
    for number, group in enumerate(grouped(report.boxes)):
        found[f"box{number}"] = _box_columns(group)
    return found


def grouped(boxes: Sequence[Box]) -> list[list[Box]]:
    """Boxes of one task and hyperparameter together, in order."""
    found: dict[tuple[int, str], list[Box]] = {}
    for box in boxes:
        found.setdefault((box.task, box.field), []).append(box)
    return list(found.values())


def _kind(point: Point) -> str:
    if point.member.origin == "seed":
        return SEED
    return LISTED if point.rank else BELOW


def _descent(report: Report) -> Columns:
    """Each cell of the lineages once, with where its parent is."""
    ends = {lineage[-1].point.member.digest for lineage in report.lineages[:LABELS]}
    rows = {
        step.point.member.digest: _link(step, parent, ends)
        for lineage in report.lineages
        for step, parent in zip(lineage, (None, *lineage), strict=False)
    }
    names = ("name", "born", "fitness", "kind", "rules", "label", "gain", "parent")
    return _columns((*names, "from_born", "from_fitness"), rows.values())


def _link(step: Step, parent: Step | None, ends: set[str]) -> tuple[Any, ...]:
    """A row of `_descent`; a seed is linked to itself."""
    member, origin = step.point.member, (parent or step).point
    return (
        *(member.name, member.number, _round(step.point.fitness), _kind(step.point)),
        *(", ".join(member.rules), member.digest in ends or parent is None),
        *(_round(step.gain), "" if parent is None else origin.member.name),
        *(origin.member.number, _round(origin.fitness)),
    )


def _box_columns(group: Iterable[Box]) -> Columns:
    rows = [
        (
            f"{box.value:,.10g}",
            *(box.count, box.failed),
            *(map(_round, box.quartiles or (None,) * 5)),
            *(_round(box.best), box.cell),
        )
        for box in group
    ]
    names = ("value", "trainings", "failed", "low", "lower", "median", "upper", "high")
    return _columns((*names, "best", "cell"), rows)


def _columns(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Columns:
    found = list(rows)
    return {name: [row[i] for row in found] for i, name in enumerate(names)}


def _rounded(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    return [[_round(x) if isinstance(x, float) else x for x in row] for row in rows]


def _round(value: float | None) -> float | None:
    """Five digits; None for what is no number."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.5g}")
