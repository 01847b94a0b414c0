"""The charts of a report, as Vega-Lite specifications over datasets they share."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from search.leaderboard import WIDTH
from search.report.data import Point, Report, Step, pareto
from search.report.trials import Box

if TYPE_CHECKING:
    import altair as alt

Columns = Mapping[str, Sequence[Any]]
Spec = dict[str, Any]

INK: Final = "#1f2933"
BLUE: Final = "#3b6ea5"
ORANGE: Final = "#c8651b"
GREY: Final = "#8794a1"

CONFIG: Final = {
    "font": "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif",
    "background": None,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "#52606d",
        "titleColor": "#52606d",
        "titleFontWeight": "normal",
        "gridColor": "#e4e7eb",
        "domainColor": "#9aa5b1",
        "tickColor": "#9aa5b1",
        "labelFontSize": 11,
        "titleFontSize": 12,
    },
    "legend": {"labelFontSize": 11, "orient": "top", "title": None},
    "title": {"fontSize": 12, "fontWeight": "normal", "anchor": "start", "color": INK},
}
"""How all charts look."""


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
            "rank": [one.rank or None for one in points],
        },
        "lines": _columns(("name", "fitness"), report.lines),
        "record": _columns(("born", "fitness", "name"), report.record),
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


def charts(report: Report) -> dict[str, Spec]:
    """Specifications by the id of the element that each is drawn in."""
    found: dict[str, Spec] = {}
    if report.points:
        found["chart-fitness"] = _spec(_fitness(report))
        for size, field in (("parameters", "weights"), ("flops", "flops")):
            found[f"chart-{size}"] = _spec(_sizes(size, field))
    if report.lineages:
        found["chart-descent"] = _spec(_descent_chart())
    for number, group in enumerate(grouped(report.boxes)):
        name, metric, _ = report.tasks[group[0].task]
        title = f"best {metric} on {name}"
        found[f"chart-box{number}"] = _spec(_box(f"box{number}", group, title))
    return found


def grouped(boxes: Sequence[Box]) -> list[list[Box]]:
    """Boxes of one task and hyperparameter together, in order."""
    found: dict[tuple[int, str], list[Box]] = {}
    for box in boxes:
        found.setdefault((box.task, box.field), []).append(box)
    return list(found.values())


def _fitness(report: Report) -> "alt.LayerChart":
    """Cells by when they were proposed, the best so far, and who they are held to."""
    import altair as alt

    born = alt.X("born:Q").title("candidate").axis(format=",d", tickMinStep=1)
    fitness = alt.Y("fitness:Q").title(f"fitness ({report.baseline} = 1)")
    fitness = fitness.scale(zero=False, padding=8)
    tips = ["name:N", alt.Tooltip("fitness:Q", format=".4f"), "born:Q", "rank:Q"]
    dots = _base("cells").mark_circle(size=34, opacity=0.65).encode(born, fitness)
    record = _base("record").mark_line(
        interpolate="step-after", color=INK, strokeWidth=1.5
    )
    held = _base("lines").mark_rule(strokeDash=[5, 4], color=ORANGE, strokeWidth=1.3)
    label = _base("lines").mark_text(
        align="right", baseline="bottom", dx=-4, dy=-2, color=ORANGE, fontSize=11
    )
    line_tips = ["name:N", alt.Tooltip("fitness:Q", format=".4f")]
    return _wide(
        alt.layer(
            held.encode(fitness, tooltip=line_tips),
            record.encode(born, fitness, tooltip=line_tips),
            dots.encode(color=_kinds(), tooltip=tips),
            label.encode(fitness, text="name:N", x=alt.value("width")),
        ),
        330,
    ).add_params(_zoom())


def _sizes(size: str, field: str) -> "alt.LayerChart":
    """Fitness against a size, with those that no cell beats in both."""
    import altair as alt

    title = "weights" if size == "parameters" else "FLOPs a step, forward"
    fitness = alt.Y("fitness:Q").title("fitness").scale(zero=False, padding=8)
    axis = {"format": "~s"}
    title = f"{title}, at width {WIDTH}"
    scale = alt.Scale(zero=False, padding=8)
    dots = _base("cells").mark_circle(size=34, opacity=0.55)
    dots = dots.encode(
        alt.X(f"{field}:Q").title(title).axis(**axis).scale(scale),
        fitness,
        color=_kinds(),
        tooltip=[
            "name:N",
            alt.Tooltip("fitness:Q", format=".4f"),
            alt.Tooltip(f"{field}:Q", format=","),
            "rank:Q",
        ],
    )
    front = _base(f"front_{size}")
    front_x = alt.X("size:Q").title(title)
    tips = [
        "name:N",
        alt.Tooltip("fitness:Q", format=".4f"),
        alt.Tooltip("size:Q", format=",", title=field),
    ]
    line = front.mark_line(interpolate="step-after", color=INK, strokeWidth=1.2)
    rings = front.mark_point(size=70, color=INK, strokeWidth=1.4)
    return _wide(
        alt.layer(
            dots,
            line.encode(front_x, fitness),
            rings.encode(front_x, fitness, tooltip=tips),
        ),
        300,
    ).add_params(_zoom())


def _descent_chart() -> "alt.LayerChart":
    """The best mutants and all their ancestors, joined parent to child."""
    import altair as alt

    base = _base("descent")
    born = alt.X("born:Q").title("candidate (seeds at 0)").axis(tickMinStep=1)
    fitness = alt.Y("fitness:Q").title("fitness").scale(zero=False, padding=10)
    links = base.mark_rule(color=GREY, strokeWidth=1.2).encode(
        born, fitness, x2="from_born:Q", y2="from_fitness:Q"
    )
    tips = [
        "name:N",
        alt.Tooltip("fitness:Q", format=".4f"),
        alt.Tooltip("gain:Q", format="+.4f"),
        alt.Tooltip("parent:N"),
        alt.Tooltip("rules:N", title="made by"),
    ]
    dots = base.mark_circle(size=80, opacity=1).encode(
        born, fitness, color=_kinds(), tooltip=tips
    )
    label = base.transform_filter("datum.label").mark_text(
        align="left", dx=7, dy=-6, fontSize=11, color=INK
    )
    return _wide(
        alt.layer(links, dots, label.encode(born, fitness, text="name:N")), 300
    )


def _box(data: str, group: Sequence[Box], title: str) -> "alt.LayerChart":
    """What settings came to, by the value of one hyperparameter."""
    import altair as alt

    base = _base(data)
    value = alt.X("value:N").sort(None).title(group[0].field.replace("_", " "))
    value = value.axis(labelAngle=0, labelOverlap=True)
    tips = [
        alt.Tooltip("value:N", title=group[0].field.replace("_", " ")),
        "trainings:Q",
        "failed:Q",
        alt.Tooltip("median:Q", format=".4f"),
        alt.Tooltip("best:Q", format=".4f"),
        alt.Tooltip("cell:N", title="best by"),
    ]
    metric = alt.Y("low:Q").title(None).scale(zero=False, padding=4)
    return _wide(
        alt.layer(
            base.mark_rule(color=GREY).encode(value, metric, y2="high:Q", tooltip=tips),
            base.mark_bar(color="#b7cbe0", size=16).encode(
                value, alt.Y("lower:Q"), y2="upper:Q", tooltip=tips
            ),
            base.mark_tick(color=INK, thickness=1.6, size=16).encode(
                value, alt.Y("median:Q"), tooltip=tips
            ),
            base.mark_circle(color=ORANGE, size=36, opacity=1).encode(
                value, alt.Y("best:Q"), tooltip=tips
            ),
        ).properties(title=title),
        150,
    )


def _base(data: str) -> "alt.Chart":
    import altair as alt

    return alt.Chart(alt.NamedData(data))


def _wide(chart: "alt.LayerChart", height: int) -> "alt.LayerChart":
    return chart.properties(width="container", height=height)


def _kinds() -> "alt.Color":
    """Colours of seeds, of mutants of the list, and of others."""
    import altair as alt

    scale = alt.Scale(domain=list(KINDS), range=list(KINDS.values()))
    return alt.Color("kind:N").scale(scale)


KINDS: Final = {"seed": ORANGE, "in the list": BLUE, "below the list": "#b3bcc6"}


def _kind(point: Point) -> str:
    if point.member.origin == "seed":
        return "seed"
    return "in the list" if point.rank else "below the list"


def _zoom() -> "alt.Parameter":
    """Dragging moves a chart; the wheel, with shift, zooms it."""
    import altair as alt

    return alt.selection_interval(
        name="zoom", bind="scales", zoom="wheel![event.shiftKey]"
    )


def _spec(chart: "alt.LayerChart") -> Spec:
    """Plain values, the same each time, and without an address."""
    spec: Spec = chart.to_dict()
    spec.pop("$schema", None)
    spec.pop("config", None)
    return spec


def _descent(report: Report) -> Columns:
    """Each cell of the lineages once, with where its parent is."""
    ends = {lineage[-1].point.member.digest for lineage in report.lineages}
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
            f"{box.value:g}",
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


def _round(value: float | None) -> float | None:
    """Five digits; None for what is no number."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.5g}")
