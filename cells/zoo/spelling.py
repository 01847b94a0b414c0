"""A cell written in the order and the names of another, so that changes alone show."""

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from cells.identity.canonical import Canonical, canonicalize
from cells.ir import Cell, Node, node_name
from cells.notation.layout import Piece, lay_out, state_names, written
from cells.zoo import PUBLISHED
from cells.zoo.roles import short_names
from cells.zoo.terms import PRODUCT, STATES, SUM, Vertex, make_terms

_BEFORE: Final = 1e-3
"""How far before its reader a part without a place of its own stands."""


class Spelling(NamedTuple):
    """A cell as it is written.

    Attributes:
        parts: The cell as sums of terms and products of factors, in order of writing.
        names: What parts are called: inputs, and those with a statement.
        statements: Each name that a value has, and the text of the value; at last, as
            `return`, the new states.
        numbered: No name from n{numbered} on has been used.
    """

    parts: tuple[Vertex, ...]
    names: Mapping[int, str]
    statements: tuple[tuple[str, str], ...]
    numbered: int

    def text(self, name: str) -> str:
        """The cell's text, as a function of this name."""
        inputs = [self.names[part] for part in range(self._inputs)]
        lines = [f"def {name}({', '.join(inputs)}):"]
        return "\n    ".join([*lines, *map(statement, self.statements)]) + "\n"

    @property
    def _inputs(self) -> int:
        return sum(vertex.op in ("x", *STATES) for vertex in self.parts)


def statement(named: tuple[str, str]) -> str:
    """A statement as it is written."""
    name, text = named
    return f"return {text}" if name == "return" else f"{name} = {text}"


def spell(cell: Cell) -> Spelling:
    """A cell in canonical form, with the names of the published one that equals it.

    Raises:
        CellError: The cell is not valid.
    """
    form = canonicalize(cell)
    parts, first = make_terms(form.cell), form.cell.num_inputs
    for row in PUBLISHED.values():
        published = canonicalize(row.cell)
        if published.digest == form.digest:
            short = short_names(row.text, published, parts)
            order = [_place(published.nodes, vertex.value - first) for vertex in parts]
            return _spelled(form, parts, order, short, len(row.cell.nodes))

    # Any other cell has the names that its text has.
    values = {vertex.value: part for part, vertex in enumerate(parts)}
    short = {
        values[value]: node_name(value - first)
        for value, _ in lay_out(form.cell).statements
        if value in values
    }
    places = list(range(len(parts)))
    return _spelled(form, parts, places, short, len(form.cell.nodes))


def respell(
    old: Spelling, form: Canonical, parts: tuple[Vertex, ...], mapped: Sequence[int]
) -> Spelling:
    """A cell in the order and names of another.

    Args:
        old: The other one.
        form: The cell.
        parts: The cell as sums of terms and products of factors.
        mapped: For each of its parts that of the other that it stands for, or -1.
    """
    order = [float(place) if place >= 0 else None for place in mapped]
    names = {p: old.names[q] for p, q in enumerate(mapped) if q in old.names}
    return _spelled(form, parts, order, names, old.numbered)


def _place(nodes: Sequence[int | None], node: int) -> float | None:
    """Where a canonical node, or an input, stood in the original; None: nowhere."""
    place = node if node < 0 else nodes[node]
    return None if place is None else float(place)


def _spelled(
    form: Canonical,
    parts: tuple[Vertex, ...],
    order: Sequence[float | None],
    names: Mapping[int, str],
    numbered: int,
) -> Spelling:
    """Parts in an order, with a statement for what has a name or is read twice."""
    # Sums that are grouped otherwise may, now and then, be another canonical form.
    cell, moved = _arranged(parts, order)
    if canonicalize(cell).digest != form.digest:
        cell, moved = form.cell, list(range(len(parts)))
    arranged = make_terms(cell)
    called = dict(enumerate(("x", *state_names(cell.num_states))))
    called |= {moved[p]: n for p, n in names.items() if moved[p] >= cell.num_inputs}
    uses = Counter(arg for node in cell.nodes for arg in node.args)
    uses.update(cell.outputs)

    owners = {vertex.value: part for part, vertex in enumerate(arranged)}
    pieces = [Piece(called[value]) for value in range(cell.num_inputs)]
    statements = []
    for value, node in enumerate(cell.nodes, cell.num_inputs):
        piece = written(node, [pieces[arg] for arg in node.args])
        part = owners.get(value, -1)
        if part not in called and uses[value] > 1:
            called[part] = node_name(numbered)
            numbered += 1
        if part in called:
            statements.append((called[part], piece.text))
            piece = Piece(called[part])
        pieces.append(piece)
    statements.append(("return", ", ".join(pieces[o].text for o in cell.outputs)))
    return Spelling(arranged, called, tuple(statements), numbered)


def _arranged(
    parts: Sequence[Vertex], order: Sequence[float | None]
) -> tuple[Cell, list[int]]:
    """A cell with its parts in an order, and where each part has come in it.

    Args:
        parts: Of the cell, inputs first.
        order: Where each would stand; None: right before what reads it.
    """
    writer = _Writer(parts)
    wanted = _wanted(parts, order, writer.num_inputs)

    # The first in order of those whose children are all there.
    inner = range(writer.num_inputs, len(parts))
    below = {part: {child for _, child in parts[part].children} for part in inner}
    waits = {part: len(below[part].intersection(inner)) for part in inner}
    free = [(wanted[part], part) for part in inner if not waits[part]]
    heapq.heapify(free)
    while free:
        _, part = heapq.heappop(free)
        writer.write(part)
        for reader in inner:
            if part in below[reader]:
                waits[reader] -= 1
                if not waits[reader]:
                    heapq.heappush(free, (wanted[reader], reader))
    return writer.cell(), writer.moved


def _wanted(
    parts: Sequence[Vertex], order: Sequence[float | None], num_inputs: int
) -> list[float]:
    """Where parts would stand; those without a place right before what reads them."""
    end = float(len(parts) + max(place or 0.0 for place in order))
    wanted = [end if place is None else place for place in order]
    for part in reversed(range(num_inputs, len(parts))):
        for _, child in parts[part].children:
            if child >= num_inputs and order[child] is None:
                wanted[child] = min(wanted[child], wanted[part] - _BEFORE)
    return wanted


class _Writer:
    """Writes parts as nodes.

    Attributes:
        num_inputs: How many parts are x and states.
        moved: Where each part has come; -1: it is not written yet.
        values: The value of each part, in the order in which they came.
        nodes: What is written.
    """

    def __init__(self, parts: Sequence[Vertex]) -> None:
        self.parts = parts
        self.num_inputs = sum(vertex.op in ("x", *STATES) for vertex in parts)
        self.values = list(range(self.num_inputs))
        self.moved = self.values + [-1] * (len(parts) - self.num_inputs)
        self.nodes: list[Node] = []

    def write(self, part: int) -> None:
        """Appends a part, all of whose children are there."""
        vertex = self.parts[part]
        children = sorted((slot, self.moved[child]) for slot, child in vertex.children)
        if vertex.op == SUM:
            value = self.sum(vertex)
        elif vertex.op == PRODUCT:
            value, *rest = (self.values[child] for _, child in children)
            for factor in rest:
                value = self.add("multiply", value, factor)
        elif vertex.family == "one":
            value = self.add(vertex.op, self.sum(vertex), attrs=vertex.attrs)
        else:
            args = (self.values[child] for _, child in children)
            value = self.add(vertex.op, *args, attrs=vertex.attrs)
        self.moved[part] = len(self.values)
        self.values.append(value)

    def sum(self, vertex: Vertex) -> int:
        """Appends the sum of a part's children; what is added comes first."""
        terms = sorted((-slot, self.moved[child]) for slot, child in vertex.children)
        (_, first), *rest = terms
        value = self.values[first]
        for sign, term in rest:
            op = "add" if sign < 0 else "subtract"
            value = self.add(op, value, self.values[term])
        return value

    def add(self, op: str, *args: int, attrs: tuple[float, ...] = ()) -> int:
        """Appends a node; returns its value."""
        self.nodes.append(Node(op, args, attrs))
        return self.num_inputs + len(self.nodes) - 1

    def cell(self) -> Cell:
        """The cell, once all parts are there."""
        states = self.parts[1 : self.num_inputs]
        outputs = tuple(self.sum(state) for state in states)
        return Cell(len(states), tuple(self.nodes), outputs)
