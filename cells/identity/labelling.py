"""Exact canonical labelling of small coloured graphs: individualise and refine."""

from collections.abc import Iterable, Sequence

from cells.ops import CellError

MAX_WORK = 1_000_000
"""Vertices visited before a graph is given up as too symmetric (seconds)."""

_Colours = dict[int, int]


def canonical_order(
    colours: Sequence[int], edges: Sequence[Sequence[tuple[int, int]]]
) -> list[int]:
    """The vertices in an order that is the same for all isomorphic graphs.

    Two graphs are isomorphic exactly if they look the same once their vertices are
    renumbered in this order. Colour refinement (over edges in both directions) splits
    the vertices as far as it can; vertices that it tells from all others are set
    aside, and what then falls apart is ordered part by part, so that any number of
    interchangeable parts costs no search. In a part that stays whole, each vertex of
    one class is set apart in turn and the smallest outcome is kept; vertices that an
    automorphism carries to one already tried are passed over (McKay 1981).

    Args:
        colours: A colour of each vertex; only vertices of one colour may be exchanged.
        edges: For each vertex, the edges that leave it: (target, label), label >= 0.

    Raises:
        CellError: The graph is so symmetric that `MAX_WORK` was not enough.
    """
    ranks = {colour: i for i, colour in enumerate(sorted(set(colours)))}
    start = {vertex: ranks[colour] for vertex, colour in enumerate(colours)}
    return _Labelling(edges).order(start, start)


class _Labelling:
    """One graph while it is labelled; counts the work done."""

    def __init__(self, edges: Sequence[Sequence[tuple[int, int]]]) -> None:
        self.edges = edges
        # Colours are ranks, or twice a rank and one, when they meet a label.
        self.span = 2 * len(edges) + 1
        self.work = 0
        # Both ends of each edge: (label and direction as one number, other end).
        self.ends: list[list[tuple[int, int]]] = [[] for _ in edges]
        for vertex, leaving in enumerate(edges):
            for target, label in leaving:
                self.ends[vertex].append((2 * label * self.span, target))
                self.ends[target].append(((2 * label + 1) * self.span, vertex))

    def order(
        self, vertices: Iterable[int], colours: _Colours, search: bool = True
    ) -> list[int]:
        """The canonical order of a part of the graph, or (not `search`) a first one."""
        # What is alone in its class has its place; the rest falls apart without it.
        colours = self.refine(colours)
        classes: dict[int, list[int]] = {}
        for vertex in vertices:
            classes.setdefault(colours[vertex], []).append(vertex)
        single = [classes[c][0] for c in sorted(classes) if len(classes[c]) == 1]
        rest = {v: c for v, c in colours.items() if len(classes[c]) > 1}
        parts = self.parts(rest)
        if len(parts) == 1 and not single:
            return self.branch(classes, colours, search)

        # Parts do not touch: each is ordered by itself, then they are among each other.
        orders = []
        for part in parts:
            orders.append(self.order(part, {v: colours[v] for v in part}, search))
        if len(orders) > 1:
            orders.sort(key=lambda order: self.certificate(order, colours))
        return single + [vertex for order in orders for vertex in order]

    def refine(self, colours: _Colours) -> _Colours:
        """Splits classes until equal colours have equal numbers of equal neighbours."""
        count = len(set(colours.values()))
        while count < len(colours):
            self.work += len(colours)
            if self.work > MAX_WORK:
                raise CellError(
                    "this cell is too symmetric to be put in canonical form"
                )
            # The old colour comes first, so that classes are split but stay in order.
            signatures = {}
            for vertex, colour in colours.items():
                near = [e + colours[u] for e, u in self.ends[vertex] if u in colours]
                near.sort()
                signatures[vertex] = (colour, *near)
            ranks = {s: i for i, s in enumerate(sorted(set(signatures.values())))}
            colours = {vertex: ranks[s] for vertex, s in signatures.items()}
            if len(ranks) == count:
                break
            count = len(ranks)
        return colours

    def parts(self, colours: _Colours) -> list[list[int]]:
        """The connected components of the graph on these vertices."""
        parts, seen = [], set[int]()
        for start in colours:
            if start in seen:
                continue
            seen.add(start)
            part = [start]
            for vertex in part:
                for _, other in self.ends[vertex]:
                    if other in colours and other not in seen:
                        seen.add(other)
                        part.append(other)
            parts.append(part)
        return parts

    def branch(
        self, classes: dict[int, list[int]], colours: _Colours, search: bool
    ) -> list[int]:
        """Sets each vertex of the smallest class apart; the smallest outcome wins."""
        # The choice must not depend on how vertices are numbered: size, then colour.
        target = min(classes.items(), key=lambda item: (len(item[1]), item[0]))[1]

        def apart(vertex: int, search: bool) -> list[int]:
            split = {v: 2 * c + 1 for v, c in colours.items()}
            split[vertex] -= 1
            return self.order(split, split, search)

        # A first order is cheap: two of one certificate show an automorphism.
        first = apart(target[0], False)
        if not search:
            return first
        first_certificate = self.certificate(first, colours)

        # The other vertices are tried in full, too, but those to which an automorphism
        # carries one that was tried: their outcome is the same.
        best = apart(target[0], True)
        best_certificate = self.certificate(best, colours)
        orbits = _Orbits()
        for index, vertex in enumerate(target[1:], 1):
            if any(orbits.joined(vertex, tried) for tried in target[:index]):
                continue
            other = apart(vertex, False)
            if self.certificate(other, colours) == first_certificate:
                orbits.join(first, other)
                continue
            other = apart(vertex, True)
            certificate = self.certificate(other, colours)
            if certificate == best_certificate:
                orbits.join(best, other)
            elif certificate < best_certificate:
                best, best_certificate = other, certificate
        return best

    def certificate(
        self, order: list[int], colours: _Colours
    ) -> list[tuple[int, list[tuple[int, int]]]]:
        """All there is to know of a part in this order: equal means isomorphic."""
        self.work += len(order)
        place = {vertex: i for i, vertex in enumerate(order)}
        return [
            (
                colours[vertex],
                sorted((place[u], lab) for u, lab in self.edges[vertex] if u in place),
            )
            for vertex in order
        ]


class _Orbits:
    """Vertices that the automorphisms found so far carry to each other."""

    def __init__(self) -> None:
        self.parent: dict[int, int] = {}

    def root(self, vertex: int) -> int:
        while (above := self.parent.get(vertex, vertex)) != vertex:
            vertex = above
        return vertex

    def join(self, order: list[int], image: list[int]) -> None:
        for vertex, other in zip(order, image, strict=True):
            self.parent[self.root(vertex)] = self.root(other)

    def joined(self, vertex: int, other: int) -> bool:
        return self.root(vertex) == self.root(other)
