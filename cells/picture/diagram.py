"""What a picture of a cell shows: boxes with labels, and the wires between them."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from cells.check import check
from cells.ir import Cell, node_name
from cells.notation.layout import lay_out, state_names
from cells.notation.symbols import find_gates, symbol
from cells.ops import get_op

BoxKind = Literal[
    "input", "state", "linear", "activation", "gate", "elementwise", "constant", "new"
]

LINE: Final = 13.0
"""Height of a line of a label, in points."""

_LETTER: Final = 7.0
_NOTE_LETTER: Final = 5.2
_CIRCLE: Final = 24.0
_WITH_ONE: Final = {
    ("add", 0): "1+",
    ("add", 1): "1+",
    ("subtract", 0): "1−",  # noqa: RUF001
    ("subtract", 1): "−1",  # noqa: RUF001
}
"""Sums and differences with the constant 1, by op and the constant's place."""


class Box(NamedTuple):
    """One value of a cell, or one of its new states.

    Attributes:
        label: The op, or the name of the input or state.
        note: What stands below it in small type; may be empty.
        kind: What it is, which decides its colour and shape. A gate is a sigmoid that
            multiplies something.
        width: In points.
        height: In points.
    """

    label: str
    note: str
    kind: BoxKind
    width: float
    height: float

    @property
    def lines(self) -> tuple[str, ...]:
        """The label, and the note if there is one."""
        return (self.label, self.note) if self.note else (self.label,)


class Wire(NamedTuple):
    """A value that a box reads.

    Attributes:
        source: The box it comes from.
        target: The box that reads it.
        negative: Whether it is what a difference takes away.
    """

    source: int
    target: int
    negative: bool = False


class Diagram(NamedTuple):
    """All boxes of a cell, and its wires."""

    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]


def make_diagram(cell: Cell) -> Diagram:
    """The boxes of a cell: x, old states, nodes in order, then new states.

    Linear nodes carry the numbers that their weights have in `equations`, and values
    the names that they have there. A constant 1 that is added to a value, or from which
    one is taken away, is part of the sum's label.

    Raises:
        CellError: The cell is not valid.
    """
    check(cell)
    # A value has a name here if it has one in the equations, and every gate has.
    states = state_names(cell.num_states)
    ones = {
        cell.num_inputs + i for i, node in enumerate(cell.nodes) if node.op == "one"
    }
    gates = find_gates(cell)
    named = {value for value, _ in lay_out(cell).statements}

    # x and the old states, then a box for each node, with the wires that enter it.
    boxes = [_box("x", "", "input"), *(_box(name, "", "state") for name in states)]
    wires = list[Wire]()
    for index, node in enumerate(cell.nodes):
        value = cell.num_inputs + index
        # 1 - z is one box that z enters, not two that a box of the constant feeds.
        places = [i for i, arg in enumerate(node.args) if arg in ones]
        label, kind = symbol(cell, value), _kind(node.op, value in gates)
        args = list(enumerate(node.args))
        if len(places) == 1 and (node.op, places[0]) in _WITH_ONE:
            label = _WITH_ONE[node.op, places[0]]
            del args[places[0]]
        note = _numbers(node.op, node.attrs)
        if value in named | gates and value not in cell.outputs and kind != "linear":
            note = ", ".join(filter(None, (node_name(index), note)))
        boxes.append(_box(label, note, kind))
        for place, arg in args:
            negative = node.op == "subtract" and place == 1 and len(args) == 2
            wires.append(Wire(arg, value, negative))

    # A new state is a box of its own, since one value may be several.
    for state, output in zip(states, cell.outputs, strict=True):
        wires.append(Wire(output, len(boxes)))
        boxes.append(_box(f"{state}'", "", "new"))
    return _without_unread(boxes, wires)


def _kind(name: str, is_gate: bool) -> BoxKind:
    return "gate" if is_gate else get_op(name).kind


def _numbers(name: str, attrs: Sequence[float]) -> str:
    """What differs from zero among a node's attributes: `+0.9 I`, `b=1`."""
    words = []
    for attribute, value in zip(get_op(name).attributes, attrs, strict=True):
        number = f"{value:g}"
        if value and (name, attribute) == ("linear", "diagonal"):
            times = {"1": "+I", "-1": "-I"}
            sign = "+" if value > 0 else ""
            words.append(times.get(number, f"{sign}{number} I"))
        elif value:
            words.append(f"{'b' if name == 'linear' else attribute}={number}")
    return " ".join(words)


def _box(label: str, note: str, kind: BoxKind) -> Box:
    width = max(len(label) * _LETTER, len(note) * _NOTE_LETTER)
    if kind == "elementwise" and width <= 2 * _LETTER:
        return Box(label, note, kind, _CIRCLE, _CIRCLE + (10 if note else 0))
    return Box(label, note, kind, max(width + 12, 28.0), 32.0 if note else 22.0)


def _without_unread(boxes: Sequence[Box], wires: Sequence[Wire]) -> Diagram:
    """Without constants that are part of labels."""
    read = {wire.source for wire in wires}
    kept = [i for i, box in enumerate(boxes) if box.kind != "constant" or i in read]
    place = {old: new for new, old in enumerate(kept)}
    moved = (Wire(place[w.source], place[w.target], w.negative) for w in wires)
    return Diagram(tuple(boxes[i] for i in kept), tuple(moved))
