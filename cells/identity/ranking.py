"""The canonical rank of each value of a cell: the same however the cell is numbered.

Signs that are a matter of naming (see `signs`) do not count: values are told apart by
what they read and by what reads them, up to sign. Where that is not enough, a graph
decides in which a value and its negative are two vertices, by an exact labelling.
"""

import itertools
from typing import Final

from cells.identity.labelling import canonical_order
from cells.identity.mirror import mirrored_graph
from cells.identity.normal_form import Values
from cells.identity.states import NewStates
from cells.ops import get_op

_MASK: Final = (1 << 64) - 1

Kind = tuple[float | str, ...]


def rank_values(source: NewStates) -> dict[int, int]:
    """The canonical rank of each needed value: by height first, then as written.

    Raises:
        CellError: The cell is too symmetric (see `canonical_order`).
    """
    # The values as a graph: a sum has edges to its terms, labelled by coefficients, an
    # old state one to its update. The ranks are a canonical labelling of it.
    values, needed = source.values, source.needed
    place = {value: i for i, value in enumerate(needed)}
    edges = [
        [(place[read.value], read.part) for read in source.reads[value]]
        for value in needed
    ]
    updates = {place[group.old]: place[group.new] for group in source.groups}

    # Vertices are told apart by height and kind, and by what hashing their surroundings
    # adds to that; mostly that is enough, and the exact labelling has nothing to do.
    heights: list[int] = []
    for reads in edges:
        heights.append(1 + max((heights[i] for i, _ in reads), default=-1))
    first = place[source.groups[0].old]
    kinds = [
        (heights[i], *_kind(values, value, i == first))
        for i, value in enumerate(needed)
    ]
    number = {kind: i for i, kind in enumerate(sorted(set(kinds)))}
    colours = _spread([number[kind] for kind in kinds], edges, updates)
    if len(set(colours)) < len(colours):
        order = _exact(source, colours)
    else:
        order = sorted(range(len(colours)), key=colours.__getitem__)

    # Ranks rise with height, so that arguments come before what reads them. Sorting is
    # stable: what looks alike keeps the order of the labelling.
    rank = [0] * len(order)
    order.sort(key=heights.__getitem__)
    start = 0
    for _, level in itertools.groupby(order, key=heights.__getitem__):
        alike = {i: (sorted(rank[j] for j, _ in edges[i]), kinds[i]) for i in level}
        for offset, i in enumerate(sorted(alike, key=alike.__getitem__)):
            rank[i] = start + offset
        start += len(alike)
    return {value: rank[i] for i, value in enumerate(needed)}


def _exact(source: NewStates, colours: list[int]) -> list[int]:
    """Places of the needed values in canonical order."""
    graph = mirrored_graph(source)
    of = [colours[i] if i >= 0 else -1 for i in graph.places]
    order = canonical_order(of, graph.edges)
    return list(dict.fromkeys(graph.places[v] for v in order if graph.places[v] >= 0))


def _kind(values: Values, value: int, first: bool) -> Kind:
    """What tells values apart at first sight, the same in every program."""
    tag, *rest = values.forms[value]
    if tag == "op":
        return (3, tag, get_op(rest[0]).key, *rest[1])
    return (0 if tag == "input" else 1 if first else 2 if tag == "state" else 3, tag)


def _spread(
    colours: list[int], edges: list[list[tuple[int, int]]], updates: dict[int, int]
) -> list[int]:
    """Finer colours: each value's tells what it is made of and what is made of it.

    Numbers stand for what they were mixed from, so two values that could be told
    apart may keep one colour; the labelling, which is exact, comes after.
    """
    # From below: a value's number mixes those of what it reads; a state's mixes its
    # update's, once, or twice where there are many states that may feed each other.
    made_of = [_mix(colour) for colour in colours]
    for _ in range(2 if len(updates) > 2 else 1):
        made_of = [
            _mix(colour + made_of[updates[i]]) if i in updates else made_of[i]
            for i, colour in enumerate(colours)
        ]
        for i, reads in enumerate(edges):
            if reads:
                total = colours[i]
                for j, label in reads:
                    total += _mix(made_of[j] + label)
                made_of[i] = _mix(total)

    # From above: and those of what reads it.
    read_by = [0] * len(colours)
    for old, new in updates.items():
        read_by[new] += _mix(made_of[old] + 1)
    for i in reversed(range(len(edges))):
        made_of[i] = total = _mix(made_of[i] + read_by[i])
        for j, label in edges[i]:
            read_by[j] += _mix(total + label)

    # The old colour comes first, so that heights stay in order.
    pairs = list(zip(colours, made_of, strict=True))
    finest = {pair: i for i, pair in enumerate(sorted(set(pairs)))}
    return [finest[pair] for pair in pairs]


def _mix(number: int) -> int:
    """A 64-bit number that spreads a small change over all bits (splitmix64)."""
    number = (number + 0x9E3779B97F4A7C15) & _MASK
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & _MASK
    return number ^ (number >> 31)
