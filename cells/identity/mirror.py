"""A cell as a graph in which a value and its negative are two vertices.

The graphs of two cells are isomorphic exactly if the cells are equal but for numbering
and for the signs of what may as well be its negative: fresh linears and states.
"""

import itertools
from collections import Counter
from typing import Final, NamedTuple

from cells.identity.forms import Form, is_blind, is_fresh, is_odd
from cells.identity.states import NewStates
from cells.ops import CellError

MAX_FACTORS: Final = 6
"""A product of more factors that all have a sign is not looked into."""


class MirroredGraph(NamedTuple):
    """The graph.

    Attributes:
        places: For each vertex, the place of its value among those needed, or -1.
        edges: For each vertex, the edges that leave it: (target, label).
    """

    places: list[int]
    edges: list[list[tuple[int, int]]]


def mirrored_graph(source: NewStates) -> MirroredGraph:
    """The graph of a cell.

    Most values have one vertex: those whose negative is another value, like x, and
    those that can change sign with nothing else changed, like a linear that is read
    once. Of the others, both signs read the same, each with its sign.

    Raises:
        CellError: There is a product with too many factors.
    """
    return _Builder(source).graph()


class _Builder:
    """One graph while it is built; its vertices are numbered as they come."""

    def __init__(self, source: NewStates) -> None:
        self.source = source
        self.reads = source.reads
        self.readers = Counter(r.value for row in self.reads.values() for r in row)
        self.readers.update(group.new for group in source.groups)
        self.signed: set[int] = set()
        self.free: set[int] = set()
        self.vertices: dict[tuple[int, int], int] = {}
        self.places: list[int] = []
        self.edges: list[list[tuple[int, int]]] = []

    def graph(self) -> MirroredGraph:
        """The graph of all values, once for each sign they may have."""
        # Signs go from what is read to what reads it, so this comes first.
        for value in self.source.needed:
            self.look(value)
        for place, value in enumerate(self.source.needed):
            for sign in self.signs(value):
                self.vertices[value, sign] = len(self.places)
                self.places.append(place)
                self.edges.append([])

        # An old state, as it is and mirrored, reads its update.
        for value in self.source.needed:
            for sign in self.signs(value):
                self.connect(value, sign)
        for group in self.source.groups:
            for sign in self.signs(group.old):
                self.edge(group.old, sign, group.new, sign * group.sign, 0)
        return MirroredGraph(self.places, self.edges)

    def look(self, value: int) -> None:
        """Whether a value has a sign and can change it, by what it is computed from."""
        form = self.source.values.forms[value]
        parts = _odd_parts(form, [read.value for read in self.reads[value]])
        turned = form[0] == "state" and value != self.source.groups[0].old
        terms = form[0] == "sum" and bool(form[1])
        if (
            is_fresh(form)
            or any(part in self.signed for part in parts)
            or turned
            or terms
        ):
            self.signed.add(value)
        loose = [self.loose(part) for part in parts]
        enough = all if form[0] == "sum" else any
        if is_fresh(form) or (loose and enough(loose)):
            self.free.add(value)

    def loose(self, value: int) -> bool:
        """Whether a value can change sign with nothing else changed but its reader."""
        return value in self.free and self.readers[value] == 1

    def signs(self, value: int) -> tuple[int, ...]:
        """The signs of a value that have a vertex of their own."""
        return (1, -1) if value in self.signed and not self.loose(value) else (1,)

    def edge(self, reader: int, sign: int, value: int, other: int, part: int) -> None:
        """Lets a vertex read a value with a sign; 0: it reads both signs alike."""
        source = self.vertices[reader, sign]
        label = 4 * part
        if value not in self.signed:
            # The value's own sign is that of the edge.
            self.edges[source].append((self.vertices[value, 1], label + (other < 0)))
            return
        for own in self.signs(value):
            if other in (0, own) or self.loose(value):
                self.edges[source].append((self.vertices[value, own], label))

    def connect(self, value: int, sign: int) -> None:
        """The edges of one vertex."""
        form = self.source.values.forms[value]
        if sign < 0:
            self.edges[self.vertices[value, -1]].append((self.vertices[value, 1], 2))
        if form[0] in ("product", "gated"):
            self.multiply(value, sign)
            return
        for read in self.reads[value]:
            outer = sign if _odd_parts(form, [read.value]) else 1
            other = 0 if is_blind(form) else outer * read.sign
            if form[0] == "sum" and self.loose(value):
                other = 0
            self.edge(value, sign, read.value, other, read.part)

    def multiply(self, value: int, sign: int) -> None:
        """A product has the product of its factors' signs: one gadget for each way."""
        # Even powers have no sign, nor has what is one of x or an op that is not odd.
        form = self.source.values.forms[value]
        signed = []
        for read in self.reads[value]:
            odd = form[0] == "gated" or read.part % 2
            if odd and read.value in self.signed:
                signed.append(read)
            else:
                self.edge(value, sign, read.value, 0, read.part)

        # With a factor that may change its sign, the product reads both of the others.
        if value in self.free or len(signed) < 2:
            for read in signed:
                other = 0 if value in self.free else sign
                self.edge(value, sign, read.value, other, read.part)
            return

        # p q is p times q, and also -p times -q; its negative is the two other ways.
        if len(signed) > MAX_FACTORS:
            raise CellError(f"a product of {len(signed)} factors that all have a sign")
        for ways in itertools.product((1, -1), repeat=len(signed)):
            if ways.count(-1) % 2 == (sign < 0):
                gadget = len(self.places)
                self.places.append(-1)
                self.edges.append([])
                self.vertices[-1, 1] = gadget
                self.edges[self.vertices[value, sign]].append((gadget, 3))
                for read, way in zip(signed, ways, strict=True):
                    self.edge(-1, 1, read.value, way, read.part)


def _odd_parts(form: Form, parts: list[int]) -> list[int]:
    """Of what a value is computed from, that which its sign changes with."""
    if form[0] == "product":
        return [v for v, exponent in form[1] if exponent % 2]
    return parts if form[0] in ("sum", "gated") or is_odd(form) else []
