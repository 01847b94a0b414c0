"""The charts of a report, as Vega-Lite specifications over datasets they share."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from search.output.leaderboard import WIDTH
from search.output.measuring import MEASURED, NOMINAL
from search.output.report.data import Report
from search.output.report.datasets import BELOW, LISTED, SEED, grouped
from search.output.report.measured import PUBLISHED, SHOWN

if TYPE_CHECKING:
    import altair as alt

Spec = dict[str, Any]

INK: Final = "#1f2933"
BLUE: Final = "#3b6ea5"
ORANGE: Final = "#c8651b"
GREY: Final = "#8794a1"
PALE: Final = "#b3bcc6"

BOX: Final = "box"
"""In the place of the data of a box plot: those of one hyperparameter look alike."""

CHECKED: Final = False
"""Whether Altair holds each part of a chart to its schema: that takes a second."""

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


def charts(report: Report) -> dict[str, Spec]:
    """Specifications by the id of the element that each is drawn in.

    No text of a run is in them: Vega-Lite makes expressions of titles.
    """
    specs: dict[str, Spec] = {}
    if report.cells:
        specs["chart-fitness"] = _spec(_fitness, report.terms.parity)
        for size, field, title in (
            ("parameters", "weights", f"weights, at width {WIDTH}"),
            ("flops", "flops", f"FLOPs a step, forward, at width {WIDTH}"),
            *([("cost", "cost", report.cost)] if report.cost else []),
        ):
            specs[f"chart-{size}"] = _spec(_sizes, size, field, title)
    if report.cost:
        specs["chart-hypervolume"] = _spec(_hypervolume)
    if report.measured:
        for kind, name in MEASURED.items():
            title = f"{name}, µs a step"
            specs[f"chart-{name}"] = _spec(_times, report.drawn_cost, kind, title)
    if report.lineages:
        specs["chart-descent"] = _spec(_descent_chart)
    for number, group in enumerate(grouped(report.boxes)):
        specs[f"chart-box{number}"] = _of(f"box{number}", _spec(_box, group[0].field))
    return specs


def _fitness(parity: float) -> "alt.LayerChart":
    """Cells by when they were proposed, the best so far, and who they are held to.

    Args:
        parity: The fitness of the baseline.
    """
    import altair as alt

    born = alt.X("born:Q").title("candidate").axis(format=",d", tickMinStep=1)
    fitness = alt.Y("fitness:Q").title(f"fitness (baseline = {parity:g})")
    fitness = fitness.scale(zero=False, padding=8)
    tips = ["name:N", alt.Tooltip("fitness:Q", format=".4f"), "born:Q", "rank:N"]
    # Lines below dots, so that every dot can be pointed at; their names above all.
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
            _zooming(dots.encode(color=_kinds(), tooltip=tips)),
            label.encode(fitness, text="name:N", x=alt.value("width")),
        ),
        330,
    )


def _sizes(size: str, field: str, title: str) -> "alt.LayerChart":
    """Fitness against a size, with those that no cell beats in both."""
    import altair as alt

    fitness = alt.Y("fitness:Q").title("fitness").scale(zero=False, padding=8)
    dots = _base("cells").mark_circle(size=34, opacity=0.55)
    # Costs at one number of weights are near each other, and far from 0.
    scale = alt.Scale(zero=False, padding=8) if size == "cost" else alt.Undefined
    dots = dots.encode(
        alt.X(f"{field}:Q", scale=scale).title(title).axis(format="~s"),
        fitness,
        color=_kinds(),
        tooltip=[
            "name:N",
            alt.Tooltip("fitness:Q", format=".4f"),
            alt.Tooltip(f"{field}:Q", format=","),
            "rank:N",
        ],
    )
    # The front is a data set of its own: a chart could not find it among the cells.
    front = _base(f"front_{size}")
    front_x = alt.X("size:Q", scale=scale).title(title)
    tips = [
        "name:N",
        alt.Tooltip("fitness:Q", format=".4f"),
        alt.Tooltip("size:Q", format=",", title=field),
    ]
    line = front.mark_line(interpolate="step-after", color=INK, strokeWidth=1.2)
    rings = front.mark_point(size=70, color=INK, strokeWidth=1.4)
    return _wide(
        alt.layer(
            _zooming(dots),
            line.encode(front_x, fitness),
            rings.encode(front_x, fitness, tooltip=tips),
        ),
        300,
    )


def _hypervolume() -> "alt.LayerChart":
    """How far the front had come after so many candidates."""
    import altair as alt

    born = alt.X("born:Q").title("candidate").axis(format=",d", tickMinStep=1)
    volume = alt.Y("hypervolume:Q").scale(zero=False, padding=8)
    told = alt.Tooltip("hypervolume:Q", format=".4f")
    base = _base("hypervolume").encode(born, volume, tooltip=["born:Q", told])
    line = base.mark_line(interpolate="step-after", color=INK, strokeWidth=1.5)
    return _wide(alt.layer(line, base.mark_circle(size=30, color=INK)), 300)


def _times(cost: str, kind: str, title: str) -> "alt.LayerChart":
    """What cells take against what they cost by counting."""
    import altair as alt

    scale = alt.Scale(zero=False, padding=12)
    x = alt.X(f"{cost}:Q", scale=scale).title(NOMINAL[cost]).axis(format="~s")
    y = alt.Y(f"{kind}:Q", scale=scale).title(title)
    colours = alt.Scale(domain=[SHOWN, PUBLISHED], range=[BLUE, PALE])
    tips = ["name:N", alt.Tooltip(f"{kind}:Q", title=title), *_counted_tips()]
    dots = _base("measured").mark_circle(size=46, opacity=0.75)
    dots = dots.encode(x, y, alt.Color("kind:N").scale(colours), tooltip=tips)
    return _wide(alt.layer(_zooming(dots)), 300)


def _counted_tips() -> "list[alt.Tooltip]":
    import altair as alt

    return [
        alt.Tooltip(f"{key}:Q", title=name, format=",") for key, name in NOMINAL.items()
    ]


def _descent_chart() -> "alt.LayerChart":
    """The best mutants and all their ancestors, joined parent to child."""
    import altair as alt

    base = _base("descent")
    born = alt.X("born:Q").title("candidate (seeds at 0)").axis(tickMinStep=1)
    fitness = alt.Y("fitness:Q").title("fitness").scale(zero=False, padding=10)
    # A row has its parent's place, so that a link needs no second data set.
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


def _box(field: str) -> "alt.LayerChart":
    """What settings came to, by the value of one hyperparameter."""
    import altair as alt

    base = _base(BOX)
    title = field.replace("_", " ")
    value = alt.X("value:N").sort(None).title(title)
    value = value.axis(labelAngle=0, labelOverlap=True)
    tips = [
        alt.Tooltip("value:N", title=title),
        "trainings:Q",
        "failed:Q",
        alt.Tooltip("median:Q", format=".4f"),
        alt.Tooltip("best:Q", format=".4f"),
        alt.Tooltip("cell:N", title="best by"),
    ]
    # Drawn by hand: Vega's own box plot wants every training, not five numbers of them.
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
        ),
        150,
    )


def _base(data: str) -> "alt.Chart":
    import altair as alt

    return alt.Chart(alt.NamedData(data))


def _wide(chart: Any, height: int) -> "alt.LayerChart":
    wide: alt.LayerChart = chart.properties(width="container", height=height)
    return wide


def _kinds() -> "alt.Color":
    """Colours of seeds, of mutants of the list, and of others."""
    import altair as alt

    scale = alt.Scale(domain=[SEED, LISTED, BELOW], range=[ORANGE, BLUE, PALE])
    return alt.Color("kind:N").scale(scale)


def _zooming(chart: "alt.Chart") -> "alt.Chart":
    """Dragging moves a chart; the wheel, with shift, zooms it."""
    import altair as alt

    zoom = alt.selection_interval(
        name="zoom", bind="scales", zoom="wheel![event.shiftKey]"
    )
    # Without a name Altair counts charts, and a page would differ from the next.
    return chart.properties(name="dots").add_params(zoom)


def _of(data: str, spec: Spec) -> Spec:
    """A chart of `BOX`, which has its own data in the first place, of other data."""
    assert spec["data"] == {"name": BOX}
    return {**spec, "data": {"name": data}}


@cache
def _spec(draw: Callable[..., "alt.LayerChart"], *of: Any) -> Spec:
    """A chart as plain values, the same each time, and without an address.

    It is drawn once: that takes long, and a page is renewed often. Whether it is valid
    is for tests to say.
    """
    from altair.utils.schemapi import debug_mode

    with debug_mode(CHECKED):
        spec: Spec = draw(*of).to_dict(validate=CHECKED)
    spec.pop("$schema", None)
    spec.pop("config", None)
    return spec
