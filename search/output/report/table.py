"""The ranked table of a report: a row a cell, the first of them with pictures."""

import base64
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cells import Cell, digest, draw_svg, equations, state_class
from search.output.leaderboard import LeaderboardRow
from search.output.report.data import Report
from search.output.words import brief
from search.procedure.members import Member


@dataclass(frozen=True)
class TableText:
    """What a table shows in one place.

    Attributes:
        text: As it is shown.
        key: What it is sorted by; empty: last.
    """

    text: str
    key: str = ""


@dataclass(frozen=True)
class Details:
    """What is folded out below a row.

    Attributes:
        picture: An SVG file as a data URI.
        equations: A line each.
        scores: How it did on each task, in words.
        rules: The transformations that made the cell of its parent.
        parent: Name of its parent; empty: it is a seed.
        text: Of the canonical cell.
        kind: Its class: affine, diagonal or dense.
        digest: Its identity.
        by: Who proposed it; empty: the search.
    """

    picture: str
    equations: tuple[str, ...]
    scores: tuple[tuple[str, str], ...]
    rules: str
    parent: str
    text: str
    kind: str
    digest: str
    by: str


@dataclass(frozen=True)
class TableRow:
    """A row of the table.

    Attributes:
        name: Of the cell.
        values: As of `columns`.
        details: What is folded out; None: nothing.
    """

    name: str
    values: tuple[TableText, ...]
    details: Details | None


def columns(report: Report) -> tuple[str, ...]:
    """Titles of the columns, but the picture and the name."""
    tasks = [name for name, _ in report.tasks]
    sizes = (*(("cost",) if report.cost else ()), "nodes", "weights", "FLOPs")
    return ("rank", "fitness", *tasks, report.terms.trials, *sizes, "depth", "born")


def table_rows(report: Report) -> Iterator[TableRow]:
    """The rows, best first; then seeds and references that have no rank."""
    names = {cell.member.digest: cell.member.name for cell in report.cells}
    for place, row in enumerate((*report.rows, *report.rest)):
        cell = row.member.cell()
        details = _details(row, cell, names) if place < report.top else None
        yield TableRow(row.member.name, tuple(_values(row)), details)


def _values(row: LeaderboardRow) -> Iterator[TableText]:
    yield _number(row.rank or None, "d", "-")
    yield TableText(f"{row.fitness:.4f}{'*' if row.pareto else ''}", _key(row.fitness))
    for score in row.scores.values():
        yield TableText(score.text, "" if score.value is None else _key(score.value))
    yield _number(sum(score.trials for score in row.scores.values()), "d", "-")
    if row.cost is not None:
        yield TableText(brief(row.cost), _key(row.cost))
    yield _number(row.nodes, "d", "-")
    yield _number(row.parameters, ",", "-")
    yield _number(row.flops, ",", "-")
    yield _number(row.member.depth, "d", "-")
    if row.member.is_candidate:
        yield _number(row.member.number, "d", "-")
    else:
        yield TableText(row.member.origin, "0")


def _number(value: float | None, form: str, missing: str) -> TableText:
    return (
        TableText(missing)
        if value is None
        else TableText(f"{value:{form}}", _key(value))
    )


def _key(value: float) -> str:
    return repr(value) if math.isfinite(value) else "1e999" if value > 0 else ""


def _details(row: LeaderboardRow, cell: Cell, names: Mapping[str, str]) -> Details:
    member = row.member
    return Details(
        picture=_picture(cell, member.name),
        equations=tuple(equations(cell)),
        scores=tuple((task, score.words) for task, score in row.scores.items()),
        rules=_rules(member, names),
        parent=names.get(member.parent, ""),
        text=member.text.rstrip(),
        kind=state_class(cell).words,
        digest=digest(cell),
        by=member.by,
    )


def _rules(member: Member, names: Mapping[str, str]) -> str:
    """What was done to the parent, and with which other one."""
    mate = f" with {names.get(member.mate, '?')}" if member.mate else ""
    return ", ".join(member.rules) + mate


def _picture(cell: Cell, name: str) -> str:
    """A picture as an image of its own: its ids and styles are no part of the page."""
    content = base64.b64encode(draw_svg(cell, name).encode("utf-8", "replace")).decode()
    return f"data:image/svg+xml;base64,{content}"
