"""A layered drawing of an acyclic graph from left to right, after Sugiyama.

Layers and heights are the two linear programs of Gansner, Koutsofios, North and Vo, "A
Technique for Drawing Directed Graphs" (IEEE TSE 19(3), 1993); between them, sweeps of
barycentres and exchanges of neighbours reduce crossings.
"""

import itertools
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from cells.picture.ordering import reduce_crossings

ROW_GAP: Final = 12.0
"""Least distance between boxes of a layer, in points."""

WIRE_GAP: Final = 10.0
"""Least distance between a wire that passes a layer and what is beside it."""

_COLUMN_GAP: Final = 26.0
_SLOPE: Final = 0.22
_PORT: Final = 5.0


class Link(NamedTuple):
    """A piece of a wire, from one layer to the next.

    Attributes:
        source: Vertex it leaves.
        target: Vertex it enters.
        wire: The wire that ends with it; -1 if it ends at no box.
        port: Height of its end above the centre of the target; below is positive.
    """

    source: int
    target: int
    wire: int
    port: float = 0.0


class Placement(NamedTuple):
    """Where everything is, in points from the upper left corner.

    Vertices are the boxes, then points where a wire passes a layer: one for each value
    and layer, so that a value's wires share their way as far as they can.

    Attributes:
        centres: Of each vertex, (x, y).
        links: The pieces of all wires.
        columns: Of each layer, the left and the right end.
        layers: The layer of each vertex.
        sources: The box whose value each vertex carries.
        width: Of all.
        height: Of all.
    """

    centres: tuple[tuple[float, float], ...]
    links: tuple[Link, ...]
    columns: tuple[tuple[float, float], ...]
    layers: tuple[int, ...]
    sources: tuple[int, ...]
    width: float
    height: float


def place(
    sizes: Sequence[tuple[float, float]],
    wires: Sequence[tuple[int, int]],
    first: Sequence[int],
    last: Sequence[int],
) -> Placement:
    """Places boxes so that every wire goes to the right, and none crosses a box.

    Args:
        sizes: Width and height of each box, in points.
        wires: (source, target) of each wire.
        first: Boxes of the first layer.
        last: Boxes of the last layer.
    """
    # Layers, then the points where wires pass them, then orders, then heights.
    layers = _layers(len(sizes), wires, first, last)
    sources, links = list(range(len(sizes))), list[Link]()
    _route(wires, layers, sources, links)
    order = reduce_crossings(layers, [(link.source, link.target) for link in links])
    links = _with_ports(links, order)
    heights = [size[1] for size in sizes]
    ys = _heights(heights, links, order)

    # A column is as wide as its widest box; the gap behind it grows with the rise of
    # its steepest wire.
    columns, x = [], 0.0
    for layer, members in enumerate(order):
        width = max((sizes[v][0] for v in members if v < len(sizes)), default=0.0)
        rises = [
            abs(ys[link.source] - ys[link.target] - link.port)
            for link in links
            if layers[link.source] == layer
        ]
        columns.append((x, x + width))
        x += width + _COLUMN_GAP + _SLOPE * max(rises, default=0.0)

    # Rounded, since the last bits of a solution may differ between machines.
    centres = tuple(
        (round(sum(columns[layers[v]]) / 2, 2), round(y, 2)) for v, y in enumerate(ys)
    )
    bottoms = [y + (heights[v] / 2 if v < len(sizes) else 0) for v, y in enumerate(ys)]
    ends = tuple((round(left, 2), round(right, 2)) for left, right in columns)
    return Placement(
        centres,
        tuple(links),
        ends,
        tuple(layers),
        tuple(sources),
        ends[-1][1],
        round(max(bottoms), 2),
    )


def _layers(
    count: int,
    wires: Sequence[tuple[int, int]],
    first: Sequence[int],
    last: Sequence[int],
) -> list[int]:
    """The layer of each box: all wires together as short as can be."""
    import numpy as np

    # Minimise the sum of weight * (layer[target] - layer[source]) where each is >= 1.
    # The matrix is totally unimodular: the solution is whole numbers by itself.
    reads = [0] * count
    for _, target in wires:
        reads[target] += 1
    cost, rows = np.zeros(count), []
    for source, target in wires:
        # Boxes of one argument keep to what reads them, not to what they read.
        weight = 3.0 if reads[source] == 1 else 1.0
        cost[target] += weight
        cost[source] -= weight
        rows.append((target, source, 1.0))

    # Boxes of the last layer are on one layer (>= 0 both ways), behind the first.
    for box in last:
        rows += [(box, other, 0.0) for other in last if other != box]
        rows += [(box, other, 1.0) for other in first]
    fixed = [(0.0, 0.0) if box in first else (0.0, None) for box in range(count)]
    return [round(value) for value in _solve(cost, rows, fixed)]


def _route(
    wires: Sequence[tuple[int, int]],
    layers: list[int],
    sources: list[int],
    links: list[Link],
) -> None:
    """Adds the points where wires pass layers, and all pieces of wires."""
    passing = dict[tuple[int, int], int]()
    for index, (source, target) in enumerate(wires):
        at = source
        for layer in range(layers[source] + 1, layers[target]):
            if (source, layer) not in passing:
                passing[source, layer] = len(layers)
                links.append(Link(at, len(layers), -1))
                layers.append(layer)
                sources.append(source)
            at = passing[source, layer]
        links.append(Link(at, target, index))


def _with_ports(links: Sequence[Link], order: Sequence[Sequence[int]]) -> list[Link]:
    """Wires that enter one box enter it below each other, in the order they come."""
    rank = {vertex: i for members in order for i, vertex in enumerate(members)}
    entering = dict[int, list[int]]()
    for index, link in enumerate(links):
        entering.setdefault(link.target, []).append(index)
    ported = list(links)
    for indices in entering.values():
        indices.sort(key=lambda i: (rank[links[i].source], links[i].wire))
        for position, index in enumerate(indices):
            port = _PORT * (2 * position - len(indices) + 1)
            ported[index] = ported[index]._replace(port=port)
    return ported


def _heights(
    heights: Sequence[float], links: Sequence[Link], order: Sequence[Sequence[int]]
) -> list[float]:
    """The y of each vertex: wires as straight as can be, long ones above all."""
    import numpy as np

    # Minimise the sum of weight * |y[source] - y[target] - port|. The weights are those
    # of the paper: 1 between boxes, 2 at an end of a long wire, 8 within it.
    boxes, vertices = len(heights), sum(map(len, order))
    terms = list[tuple[float, list[tuple[int, float]], float]]()
    entering = dict[int, list[Link]]()
    leaving = dict[int, list[Link]]()
    for link in links:
        inner = (link.source >= boxes) + (link.target >= boxes)
        weight = (1.0, 2.0, 8.0)[inner]
        terms.append((weight, [(link.source, 1.0), (link.target, -1.0)], link.port))
        entering.setdefault(link.target, []).append(link)
        leaving.setdefault(link.source, []).append(link)

    # Of equally straight ones: each in the middle of what it reads, and of its readers.
    for vertex, into in entering.items():
        mean = [(link.source, 1 / len(into)) for link in into]
        terms.append((0.3, [*mean, (vertex, -1.0)], 0.0))
    for vertex, out in leaving.items():
        mean = [(link.target, 1 / len(out)) for link in out]
        terms.append((0.2, [*mean, (vertex, -1.0)], 0.0))

    # Neighbours keep their distance: y[below] - y[above] >= half of each + gap.
    rows = list[tuple[int, int, float]]()
    for members in order:
        for above, below in itertools.pairwise(members):
            both = [heights[v] / 2 for v in (above, below) if v < boxes]
            gap = ROW_GAP if len(both) == 2 else WIRE_GAP
            rows.append((below, above, sum(both) + gap))

    # Nothing is above 0. Each term is bounded by a variable of its own, which costs.
    cost = np.concatenate([np.zeros(vertices), [weight for weight, _, _ in terms]])
    bounds: list[tuple[float, float | None]] = [
        (heights[v] / 2 if v < boxes else 0.0, None) for v in range(vertices)
    ]
    bounds += [(0.0, None)] * len(terms)
    return _solve(cost, rows, bounds, terms)[:vertices]


def _solve(
    cost: Any,
    rows: Sequence[tuple[int, int, float]],
    bounds: Sequence[tuple[float, float | None]],
    terms: Sequence[tuple[float, list[tuple[int, float]], float]] = (),
) -> list[float]:
    """Minimises a linear cost where v[a] - v[b] >= gap for each row (a, b, gap).

    The last variables are bounds of `terms`: |sum of coefficients * v - constant|.
    """
    import numpy as np
    from scipy.optimize import linprog
    from scipy.sparse import csr_array

    # v[a] - v[b] >= gap, as the solver wants it: -v[a] + v[b] <= -gap.
    entries = list[tuple[int, int, float]]()
    limits = list[float]()
    for a, b, gap in rows:
        entries += [(len(limits), a, -1.0), (len(limits), b, 1.0)]
        limits.append(-gap)

    # |s - c| <= t is two rows: s - t <= c and -s - t <= -c.
    start = len(cost) - len(terms)
    for index, (_, coefficients, constant) in enumerate(terms):
        for sign in (1.0, -1.0):
            row = len(limits)
            entries += [(row, v, sign * c) for v, c in coefficients]
            entries.append((row, start + index, -1.0))
            limits.append(sign * constant)

    # The dual simplex is deterministic: the same numbers, the same corner.
    i, j, values = zip(*entries, strict=True)
    shape = (len(limits), len(cost))
    matrix = csr_array((np.array(values), (np.array(i), np.array(j))), shape=shape)
    solution = linprog(cost, matrix, limits, bounds=bounds, method="highs-ds")
    assert solution.status == 0, solution.message
    return [float(value) for value in solution.x]
