"""How many edits turn one cell into another, by the parts that stand for each other."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np

from cells.zoo.terms import Vertex

MAX_EVALUATIONS: Final = 1500
"""Alignments of 20 parts tried, at most, in the search for a better one."""

_MOST: Final = 3
_ROUNDS: Final = 5

Map = list[int]
"""For each vertex of one graph the vertex of the other that it stands for, or -1."""

Children = Sequence[tuple[int, int]]
"""Slots and children of a vertex, sorted."""


class Parts:
    """The parts of a cell, as `make_terms` finds them, with what comparisons need.

    Attributes:
        vertices: The parts.
        labels: Op and attributes of each.
        families: The family of each.
        counts: How many have each label.
        children: Slots and children of each, in order.
    """

    def __init__(self, vertices: Sequence[Vertex]) -> None:
        self.vertices = vertices
        self.children = [sorted(v.children) for v in vertices]
        self.labels = [(v.op, v.attrs) for v in vertices]
        self.families = [v.family for v in vertices]
        self.counts = Counter(self.labels)

    def __len__(self) -> int:
        return len(self.vertices)

    @cached_property
    def matrix(self) -> np.ndarray:
        """How often the row's vertex reads the column's, less where it is negative."""
        reads = np.zeros((len(self), len(self)))
        for index, vertex in enumerate(self.vertices):
            for slot, child in vertex.children:
                reads[index, child] += 1.0 if slot > 0 else 0.8
        return reads


def bound(a: Parts, b: Parts) -> int:
    """No alignment costs less than this."""
    return max(len(a), len(b)) - (a.counts & b.counts).total()


def cost(a: Parts, b: Parts, mapped: Sequence[int], most: float = math.inf) -> int:
    """The edits that an alignment of a's parts with b's stands for.

    Each counts 1: a part that is in one graph only; a part of another op or with other
    attributes; and, of two parts that stand for each other, a child that does not. A
    part in one graph only has its children take its place, as in the edit distance of
    trees, so that an op between a value and its reader is one edit.

    Args:
        a: One graph.
        b: The other.
        mapped: The alignment.
        most: Where there are so many edits, counting may stop.
    """
    # Parts in one graph only, and the labels of pairs.
    back = _inverse(b, mapped)
    edits = mapped.count(-1) + back.count(-1)
    pairs = [(p, q) for p, q in enumerate(mapped) if q >= 0]
    edits += sum(a.labels[p] != b.labels[q] for p, q in pairs)

    # Of each pair the children, those of lone parts in their place.
    above, below = _Spliced(a, mapped), _Spliced(b, back)
    for p, q in pairs:
        if edits >= most:
            break
        if _same_children(a.children[p], mapped, b.children[q], back):
            continue
        own, other = above.children(p, mapped), below.children(q, None)
        if own != other:
            edits += max(_more(own, other), _more(other, own))
    return edits


def align(a: Parts, b: Parts) -> Map:
    """A good alignment, by assignments of parts with like neighbours."""
    from scipy.optimize import linear_sum_assignment

    # Likeness spreads: parts are alike if they are by themselves and their neighbours
    # are, whose neighbours are, ...
    pairs = [[_likeness(a, b, p, q) for q in range(len(b))] for p in range(len(a))]
    alike = np.array(pairs)
    soft = np.clip(alike, 0.0, None)
    for _ in range(_ROUNDS):
        soft = np.clip(alike, 0, None) * (0.2 + _support(a, b, soft))
        soft /= max(soft.max(), 1e-9)

    # An assignment decides which parts belong together, and so which neighbours agree:
    # the next one goes by that, until nothing changes. The best met is taken.
    best: Map = []
    least = -1
    for _ in range(_ROUNDS):
        gain = np.where(alike < 0, -1.0, 0.5 * np.clip(alike, 0, None) + soft)
        rows, columns = linear_sum_assignment(np.round(gain, 9), maximize=True)
        mapped = [-1] * len(a)
        hard = np.zeros_like(alike)
        for p, q in zip(rows.tolist(), columns.tolist(), strict=True):
            if alike[p, q] >= 0:
                mapped[p] = q
                hard[p, q] = 1.0
        if mapped == best:
            break
        edits = cost(a, b, mapped)
        if least < 0 or edits < least:
            best, least = mapped, edits
        soft = _support(a, b, hard)
    return best


def improve(a: Parts, b: Parts, mapped: Map) -> tuple[int, Map]:
    """Exchanges parts of an alignment while that saves edits; the edits come first.

    Parts that agree with their counterparts, as do all their neighbours, are left.
    """
    # An evaluation takes time in proportion to the size; so many are as much for all.
    best, least = list(mapped), cost(a, b, mapped)
    left, again = MAX_EVALUATIONS * 20 // max(len(a), 20), True

    # One part at a time is put on every other or on none, as long as that helps.
    while again and left > 0:
        again = False
        for p in _doubtful(a, b, best):
            for q in (-1, *range(len(b))):
                tried = _moved(a, b, best, p, q)
                if tried is None:
                    continue
                left -= 1
                edits = cost(a, b, tried, least)
                if edits < least:
                    best, least, again = tried, edits, True
                if left <= 0:
                    return least, best
    return least, best


def _doubtful(a: Parts, b: Parts, mapped: Map) -> list[int]:
    """Parts without a counterpart or that differ from it, and all near them."""
    doubtful = set[int]()
    for p, q in enumerate(mapped):
        # A part that agrees with its counterpart in everything is beyond doubt.
        children = [child for _, child in a.vertices[p].children]
        if q >= 0 and a.labels[p] == b.labels[q]:
            own = sorted((s, mapped[c]) for s, c in a.vertices[p].children)
            if own == sorted(b.vertices[q].children):
                continue

        # Its neighbours may be to blame, and what stands beside it.
        doubtful.update((p, *children))
        for reader, vertex in enumerate(a.vertices):
            if any(child == p for _, child in vertex.children):
                doubtful.add(reader)
                doubtful.update(child for _, child in vertex.children)
    return sorted(doubtful)


def _likeness(a: Parts, b: Parts, p: int, q: int) -> float:
    """From 0 to 1 for parts that may stand for each other, else -1."""
    if a.families[p] != b.families[q]:
        return -1.0
    if a.labels[p] == b.labels[q]:
        return 1.0
    return 0.8 if a.vertices[p].op == b.vertices[q].op else 0.3


def _support(a: Parts, b: Parts, alike: np.ndarray) -> np.ndarray:
    """How well the children and the readers of two parts agree, given all parts do."""
    down = a.matrix @ alike @ b.matrix.T
    up = a.matrix.T @ alike @ b.matrix
    wide = np.maximum.outer(a.matrix.sum(1), b.matrix.sum(1))
    high = np.maximum.outer(a.matrix.sum(0), b.matrix.sum(0))
    shares: np.ndarray = down / np.maximum(wide, 1) + up / np.maximum(high, 1)
    return shares


def _moved(a: Parts, b: Parts, mapped: Map, p: int, q: int) -> Map | None:
    """The alignment with p on q, and what was on q on p's old place if it may be."""
    old = mapped[p]
    if q == old or a.families[p] in ("x", "first"):
        return None
    if q >= 0 and a.families[p] != b.families[q]:
        return None
    tried = list(mapped)
    if q >= 0 and q in mapped:
        tried[mapped.index(q)] = old
    tried[p] = q
    return tried


def _inverse(b: Parts, mapped: Sequence[int]) -> Map:
    back = [-1] * len(b)
    for p, q in enumerate(mapped):
        if q >= 0:
            back[q] = p
    return back


def _same_children(
    own: Children, mapped: Sequence[int], other: Children, back: Sequence[int]
) -> bool:
    """Whether all children of two parts stand for each other, as most do."""
    if len(own) != len(other) or any(back[child] < 0 for _, child in other):
        return False
    named = [(slot, mapped[child]) for slot, child in own]
    return named == other or sorted(named) == other


def _more(own: Mapping[Any, int], other: Mapping[Any, int]) -> int:
    """How much one multiset has that the other has not."""
    return sum(max(n - other.get(key, 0), 0) for key, n in own.items())


class _Spliced:
    """Children of the parts of a graph; those of lone parts stand in their place."""

    def __init__(self, graph: Parts, mapped: Sequence[int]) -> None:
        self.vertices = graph.vertices
        self.mapped = mapped
        self.below: dict[int, dict[int, int]] = {}

    def children(
        self, index: int, names: Sequence[int] | None
    ) -> dict[tuple[int, int], int]:
        """(slot, part) of all children; a part is named by the other graph's."""
        counts: dict[tuple[int, int], int] = {}
        for slot, child in self.vertices[index].children:
            lone = self.mapped[child] < 0
            parts = self.below_lone(child) if lone else {child: 1}
            for part, times in parts.items():
                key = slot, names[part] if names else part
                counts[key] = counts.get(key, 0) + times
        return counts

    def below_lone(self, index: int) -> dict[int, int]:
        """The nearest parts below a lone one that are not; many count as three."""
        if index not in self.below:
            counts: dict[int, int] = {}
            state = self.vertices[index].op == "state"  # may depend on itself
            for _, child in () if state else self.vertices[index].children:
                lone = self.mapped[child] < 0
                parts = self.below_lone(child) if lone else {child: 1}
                for part, times in parts.items():
                    counts[part] = counts.get(part, 0) + times
            self.below[index] = {v: min(n, _MOST) for v, n in counts.items()}
        return self.below[index]
