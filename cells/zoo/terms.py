"""A cell as sums of terms and products of factors, in which grouping does not show."""

from collections import Counter
from typing import Final, NamedTuple

from cells.ir import Cell, Node
from cells.ops import get_op

SUM: Final = "sum"
PRODUCT: Final = "product"

STATES: Final = ("first", "state")
"""The op of a part that is a state: the one that is emitted, or another."""

Child = tuple[int, int]
"""A slot, which is the sign in a sum, and what is there."""


class Vertex(NamedTuple):
    """A part of a cell.

    Attributes:
        op: An op's name, `sum`, `product`, `x`, `first` (the state that is emitted) or
            `state`.
        attrs: The op's attributes.
        children: What it is computed from, as (slot, vertex). Slots are 1 and -1 in a
            sum, 1 where arguments may be swapped, else 1, 2, ... A vertex of one
            argument has that argument's terms; a state has those of its update.
        value: The cell's value.
    """

    op: str
    attrs: tuple[float, ...]
    children: tuple[Child, ...]
    value: int

    @property
    def family(self) -> str:
        """Vertices of one family may stand for each other."""
        if self.op in ("x", *STATES):
            return self.op
        if self.op in (SUM, PRODUCT):
            return "many"
        return ("constant", "one", "many")[min(get_op(self.op).arity, 2)]


def make_terms(cell: Cell) -> tuple[Vertex, ...]:
    """The parts of a valid cell: x, the states, then the others in order of value.

    A sum or product that is read once is part of the sum or product that reads it.
    """
    # From the outputs downwards: what a sum takes in is met by nobody else.
    terms = _Terms(cell)
    updates = [terms.terms(output, 1) for output in cell.outputs]
    nodes: dict[int, Vertex] = {}
    pending = [value for update in updates for _, value in update]
    while pending:
        value = pending.pop()
        if value >= cell.num_inputs and value not in nodes:
            nodes[value] = terms.vertex(value)
            pending += [child for _, child in nodes[value].children]

    inputs = [Vertex("x", (), (), 0)]
    for state, update in enumerate(updates):
        inputs.append(Vertex(STATES[state > 0], (), tuple(update), state + 1))

    # Children are values so far, and become places in the list.
    vertices = [*inputs, *(nodes[value] for value in sorted(nodes))]
    place = {vertex.value: i for i, vertex in enumerate(vertices)}
    return tuple(
        vertex._replace(
            children=tuple(sorted((slot, place[v]) for slot, v in vertex.children))
        )
        for vertex in vertices
    )


class _Terms:
    """A cell whose sums and products are taken apart; children are values."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.uses = Counter(arg for node in cell.nodes for arg in node.args)
        self.uses.update(cell.outputs)

    def terms(self, value: int, sign: int) -> list[Child]:
        """The terms of a value that is read here only, else the value itself."""
        node = self._node(value)
        if node and node.op in ("add", "subtract") and self.uses[value] == 1:
            return self._inner(node, sign)
        return [(sign, value)]

    def vertex(self, value: int) -> Vertex:
        """The part that a node's value is."""
        node = self.cell.node(value)
        if node.op in ("add", "subtract"):
            return Vertex(SUM, (), tuple(self._inner(node, 1)), value)
        if node.op == "multiply":
            factors = [f for arg in node.args for f in self._factors(arg)]
            return Vertex(PRODUCT, (), tuple((1, f) for f in factors), value)
        op = get_op(node.op)
        if op.arity == 1:
            terms = tuple(self.terms(node.args[0], 1))
            return Vertex(op.name, node.attrs, terms, value)
        slots = [1 if op.commutative else i for i in range(1, op.arity + 1)]
        children = tuple(zip(slots, node.args, strict=True))
        return Vertex(op.name, node.attrs, children, value)

    def _inner(self, node: Node, sign: int) -> list[Child]:
        """The terms of a sum or difference: s (a - b) = s a - s b."""
        second = -sign if node.op == "subtract" else sign
        return self.terms(node.args[0], sign) + self.terms(node.args[1], second)

    def _factors(self, value: int) -> list[int]:
        node = self._node(value)
        if node and node.op == "multiply" and self.uses[value] == 1:
            return [factor for arg in node.args for factor in self._factors(arg)]
        return [value]

    def _node(self, value: int) -> Node | None:
        return self.cell.node(value) if value >= self.cell.num_inputs else None
