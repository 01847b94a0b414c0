"""Pictures of cells, as SVG and PNG: values flow from left to right."""

import io
import logging
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cells.ir import Cell
from cells.picture.diagram import LINE, Box, BoxKind, Diagram, make_diagram
from cells.picture.layered import Link, Placement, place

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARGIN: Final = 12.0
"""White around everything, in points."""

_TITLE: Final = 22.0
_RADIUS: Final = 3.6
_ARROW: Final = (6.0, 2.6)
_Point = tuple[float, float]


class _Look(NamedTuple):
    """Colours of a kind of box, and of the wires that leave it."""

    fill: str
    edge: str
    wire: str = "#7a828c"


_LOOKS: Final[dict[BoxKind, _Look]] = {
    "input": _Look("#d3e5fa", "#1f5fa8", "#3b7cc4"),
    "state": _Look("#d5efd9", "#24763a", "#3d9654"),
    "linear": _Look("#f1f2f4", "#6b7280"),
    "activation": _Look("#fdf0c4", "#a07807"),
    "gate": _Look("#fbd9c4", "#c2410c", "#d9703b"),
    "elementwise": _Look("#ffffff", "#374151"),
    "constant": _Look("#ffffff", "#9ca3af"),
    "new": _Look("#2f8446", "#1c5b2e"),
}
_INK: Final = "#1b1f24"


def draw_svg(cell: Cell, name: str = "") -> str:
    """The picture of a cell as an SVG document, on a white card.

    Inputs are at the left, new states (h', c') at the right. W is a linear node, with
    the number its weights have in `equations`; σ in a red box is a gate, a sigmoid that
    multiplies; a minus at a wire's end marks what a difference takes away. Texts are
    text, set in the reader's own sans-serif. It may stand in a page as it is.

    Args:
        cell: The cell.
        name: Written above it; any text.

    Returns:
        The document: the same for the same cell and name.

    Raises:
        CellError: The cell is not valid.
    """
    with _settings():
        file = io.StringIO()
        unstamped = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        _figure(cell, name).savefig(file, format="svg", metadata=unstamped)
    # Within a page, a prologue is no good, and a style sheet would hold for all of it.
    text = file.getvalue()
    sheet = re.compile(r"\s*<defs>\s*<style[^>]*>[^<]*</style>\s*</defs>")
    return sheet.sub("", text[text.index("<svg") :], count=1)


def draw_png(cell: Cell, name: str = "", dpi: float = 144) -> bytes:
    """The same picture as a PNG image.

    Args:
        cell: The cell.
        name: Written above it; any text.
        dpi: Pixels an inch; an inch is 72 points, a letter about 11 points high.

    Returns:
        The file's bytes: the same for the same cell, name and version of matplotlib.

    Raises:
        CellError: The cell is not valid.
    """
    with _settings():
        file = io.BytesIO()
        unstamped: dict[str, Any] = {"Software": None}
        _figure(cell, name).savefig(file, format="png", dpi=dpi, metadata=unstamped)
    return file.getvalue()


@contextmanager
def _settings() -> Iterator[None]:
    """Matplotlib's own defaults, whatever a person's file says, and stable ids."""
    # Without a home to write to, it takes a temporary folder, and would say so.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    from matplotlib import style

    own = {
        "svg.fonttype": "none",
        "svg.hashsalt": "cellsearch",
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],
    }
    with style.context(["default", own]):
        yield


def lay_boxes(diagram: Diagram) -> Placement:
    """Where the boxes of a diagram are, in points from the corner of the first."""
    kinds = [box.kind for box in diagram.boxes]
    return place(
        [(box.width, box.height) for box in diagram.boxes],
        [(wire.source, wire.target) for wire in diagram.wires],
        [i for i, kind in enumerate(kinds) if kind in ("input", "state")],
        [i for i, kind in enumerate(kinds) if kind == "new"],
    )


def _figure(cell: Cell, name: str) -> "Figure":
    """The picture, in a figure whose unit is the point."""
    from matplotlib.figure import Figure

    # The figure is as large as what is on it, and y grows downwards, as in SVG.
    diagram = make_diagram(cell)
    placement = lay_boxes(diagram)
    title = "".join(c if c.isprintable() else "\ufffd" for c in name)
    top = _TITLE if title else 0.0
    width = max(placement.width, 6.6 * len(title)) + 2 * MARGIN
    height = placement.height + top + 2 * MARGIN
    figure = Figure(figsize=(width / 72, height / 72), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(-MARGIN, width - MARGIN)
    axes.set_ylim(height - top - MARGIN, -top - MARGIN)

    # Boxes cover the ends of wires.
    _draw_wires(axes, diagram, placement)
    for box, centre in zip(diagram.boxes, placement.centres, strict=False):
        _draw_box(axes, box, centre)
    if title:
        _write(axes, (0, -_TITLE / 2), title, size=11, weight="bold", align="left")
    return figure


def _draw_wires(axes: Any, diagram: Diagram, placement: Placement) -> None:
    """All wires of a value as one path, then the ends of all wires."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    # The wires of a value share their way, so together they are one path.
    curves = dict[int, list[tuple[Any, _Point]]]()
    heads = dict[str, list[tuple[Any, _Point]]]()
    for link in placement.links:
        source = placement.sources[link.source]
        colour = _LOOKS[diagram.boxes[source].kind].wire
        points = _points(diagram, placement, link)
        codes = (Path.MOVETO, Path.LINETO, *[Path.CURVE4] * 3, Path.LINETO)
        curves.setdefault(source, []).extend(zip(codes, points, strict=True))
        if link.wire < 0:  # it goes on behind the next layer
            continue
        x, y = points[-1]
        if diagram.wires[link.wire].negative:
            _draw_minus(axes, (x - _RADIUS, y), colour)
        else:
            back, half = _ARROW
            corners = [(x, y), (x - back, y - half), (x - back, y + half), (x, y)]
            triangle = (Path.MOVETO, *[Path.LINETO] * 2, Path.CLOSEPOLY)
            heads.setdefault(colour, []).extend(zip(triangle, corners, strict=True))

    # Ends lie above lines, so that no line of another colour crosses a head.
    for source, steps in curves.items():
        colour = _LOOKS[diagram.boxes[source].kind].wire
        path = Path([p for _, p in steps], [code for code, _ in steps])
        _add(axes, PathPatch(path, fill=False, edgecolor=colour, lw=1.1, zorder=1))
    for colour, steps in heads.items():
        path = Path([p for _, p in steps], [code for code, _ in steps])
        _add(axes, PathPatch(path, facecolor=colour, edgecolor="none", zorder=2))


def _points(diagram: Diagram, placement: Placement, link: Link) -> list[_Point]:
    """A piece of wire: straight within columns, a curve in the gap between them."""
    (x0, y0), (x1, y1) = placement.centres[link.source], placement.centres[link.target]
    left = placement.columns[placement.layers[link.source]][1]
    right = placement.columns[placement.layers[link.target]][0]
    if link.source < len(diagram.boxes):
        x0 += diagram.boxes[link.source].width / 2
    if link.target < len(diagram.boxes):
        box = diagram.boxes[link.target]
        x1 -= _half_width(box, link.port) + 0.6
        y1 += link.port
        right = min(right, x1 - _ARROW[0])
    middle = (left + right) / 2
    return [(x0, y0), (left, y0), (middle, y0), (middle, y1), (right, y1), (x1, y1)]


def _half_width(box: Box, offset: float) -> float:
    """From a box's centre to its left side, at a height beside the centre."""
    if _is_round(box):
        return math.sqrt(max((box.width / 2) ** 2 - offset**2, 0.0))
    return box.width / 2


def _is_round(box: Box) -> bool:
    return box.kind == "elementwise" and box.width == box.height


def _draw_minus(axes: Any, centre: _Point, colour: str) -> None:
    from matplotlib.patches import Circle

    x, y = centre
    _add(axes, Circle(centre, _RADIUS, facecolor="white", edgecolor=colour, zorder=3))
    axes.plot([x - 2, x + 2], [y, y], color=_INK, lw=1.0, zorder=4, clip_on=False)


def _draw_box(axes: Any, box: Box, centre: _Point) -> None:
    from matplotlib.patches import Circle, FancyBboxPatch

    # The kind decides the colours, and with the size the shape.
    look = _LOOKS[box.kind]
    style: dict[str, Any] = {"facecolor": look.fill, "edgecolor": look.edge}
    style["zorder"] = 5
    style["lw"] = 1.6 if box.kind in ("gate", "new") else 1.0
    x, y = centre
    if _is_round(box):
        _add(axes, Circle(centre, box.width / 2, **style))
    else:
        ends = box.kind in ("input", "state", "new")
        rounding = box.height / 2 if ends else 2.0 if box.kind == "linear" else 6.0
        shape = f"round,pad=0,rounding_size={rounding:g}"
        corner = (x - box.width / 2, y - box.height / 2)
        _add(axes, FancyBboxPatch(corner, box.width, box.height, shape, **style))
    ink = "white" if box.kind == "new" else _INK
    _write_lines(axes, centre, box.lines, ink)


def _write_lines(axes: Any, centre: _Point, lines: Sequence[str], ink: str) -> None:
    x, y = centre
    if len(lines) == 1:
        _write(axes, (x, y), lines[0], colour=ink)
        return
    _write(axes, (x, y - LINE / 2 + 1), lines[0], colour=ink)
    _write(axes, (x, y + LINE / 2), lines[1], colour=ink, size=7.5)


def _write(
    axes: Any,
    where: _Point,
    text: str,
    *,
    colour: str = _INK,
    size: float = 11,
    weight: str = "normal",
    align: str = "center",
) -> None:
    axes.text(
        *where,
        text,
        color=colour,
        fontsize=size,
        fontweight=weight,
        ha=align,
        va="center",
        zorder=6,
        parse_math=False,
        clip_on=False,
    )


def _add(axes: Any, patch: Any) -> None:
    axes.add_artist(patch)
    patch.set_clip_on(False)
