"""A cell as sums of terms and products of factors, in which grouping does not show."""

from collections import Counter
from typing import Final, NamedTuple

from cells.ir import Cell, Node
from cells.ops import get_op

SUM: Final = "sum"
PRODUCT: Final = "product"


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
    children: tuple[tuple[int, int], ...]
    value: int

    @property
    def family(self) -> str:
        """Vertices of one family may stand for each other."""
        if self.op in ("x", "first", "state"):
            return self.op
        if self.op in (SUM, PRODUCT):
            return "many"
        return ("constant", "one", "many")[min(get_op(self.op).arity, 2)]


def make_terms(cell: Cell) -> tuple[Vertex, ...]:
    """The parts of a valid cell: x, the states, then the others in order of value.

    A sum or product that is read once is part of the sum or product that reads it.
    """
    return _Terms(cell).vertices


class _Terms:
    """One cell while its parts are found."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.uses = Counter(arg for node in cell.nodes for arg in node.args)
        self.uses.update(cell.outputs)
        self.found: dict[int, Vertex] = {}
        self.place = dict(enumerate(range(cell.num_inputs)))
        updates = [self.terms(output, 1) for output in cell.outputs]
        pending = [value for update in updates for _, value in update]
        while pending:
            value = pending.pop()
            if value >= cell.num_inputs and value not in self.found:
                self.found[value] = self.vertex(value)
                pending += [child for _, child in self.found[value].children]
        for value in sorted(self.found):
            self.place[value] = len(self.place)
        inputs = [Vertex("x", (), (), 0)]
        for state, update in enumerate(updates):
            op = "state" if state else "first"
            inputs.append(Vertex(op, (), tuple(update), state + 1))
        rest = [self.found[value] for value in sorted(self.found)]
        self.vertices = tuple(
            vertex._replace(
                children=tuple(sorted((s, self.place[v]) for s, v in vertex.children))
            )
            for vertex in (*inputs, *rest)
        )

    def node(self, value: int) -> Node | None:
        first = self.cell.num_inputs
        return self.cell.nodes[value - first] if value >= first else None

    def terms(self, value: int, sign: int) -> list[tuple[int, int]]:
        """The terms of a value that is read here only, else the value itself."""
        node = self.node(value)
        if node and node.op in ("add", "subtract") and self.uses[value] == 1:
            return self.inner(node, sign)
        return [(sign, value)]

    def inner(self, node: Node, sign: int) -> list[tuple[int, int]]:
        """The terms of a sum or difference."""
        second = -sign if node.op == "subtract" else sign
        return self.terms(node.args[0], sign) + self.terms(node.args[1], second)

    def factors(self, value: int) -> list[int]:
        node = self.node(value)
        if node and node.op == "multiply" and self.uses[value] == 1:
            return [factor for arg in node.args for factor in self.factors(arg)]
        return [value]

    def vertex(self, value: int) -> Vertex:
        node = self.node(value)
        assert node is not None
        if node.op in ("add", "subtract"):
            return Vertex(SUM, (), tuple(self.inner(node, 1)), value)
        if node.op == "multiply":
            factors = [f for arg in node.args for f in self.factors(arg)]
            return Vertex(PRODUCT, (), tuple((1, f) for f in factors), value)
        op = get_op(node.op)
        if op.arity == 1:
            terms = tuple(self.terms(node.args[0], 1))
            return Vertex(op.name, node.attrs, terms, value)
        slots = [1 if op.commutative else i for i in range(1, op.arity + 1)]
        children = tuple(zip(slots, node.args, strict=True))
        return Vertex(op.name, node.attrs, children, value)
