"""A cell half of the way from one to another, along the edits that lead there.

After Qiu and Miikkulainen 2023, *Shortest Edit Path Crossover* (NeurIPS): nodes of the
two are aligned so that few edits turn one graph into the other, and a random half of
the edits is made. Here an edit is of a pair of nodes that stand for each other: it
takes what the other does and reads. Nodes of one graph only come with those that read
them.
"""

from typing import Final

import numpy as np

from cells.ir import Cell
from cells.ops import get_op
from cells.zoo.alignment import Parts, align
from cells.zoo.terms import STATES, Vertex

CROSSOVER: Final = "crossover"
"""In the place of the transformations of a mutant."""

_Key = tuple[int, int]
"""A value of the child: which parent it is found in, and its value there; what is in
both is found in the first."""


def crossover(first: Cell, second: Cell, rng: np.random.Generator) -> Cell | None:
    """A cell part of the way from one to another; it may be one of them.

    Args:
        first: A canonical cell.
        second: Another one.
        rng: Source of all randomness; it is advanced.

    Returns:
        A valid cell, not canonical; None: what was drawn closes a cycle.
    """
    one, other = Parts(_vertices(first)), Parts(_vertices(second))
    mapped = align(one, other)
    taken = {
        value: partner
        for value, partner in enumerate(mapped)
        if partner >= 0 and rng.random() < 0.5
    }
    back = {partner: value for value, partner in enumerate(mapped) if partner >= 0}
    return _Child((first, second), taken, back).cell()


def _vertices(cell: Cell) -> tuple[Vertex, ...]:
    """Every value of a cell as a part, by number."""
    inputs = [Vertex("x", (), (), 0)]
    for state, output in enumerate(cell.outputs):
        inputs.append(Vertex(STATES[state > 0], (), ((1, output),), state + 1))
    return (*inputs, *(_vertex(cell, i) for i in range(len(cell.nodes))))


def _vertex(cell: Cell, index: int) -> Vertex:
    node, value = cell.nodes[index], cell.num_inputs + index
    slots = range(1, len(node.args) + 1)
    if get_op(node.op).commutative:
        slots = range(1, 2)
    pairs = ((slots[min(i, len(slots) - 1)], arg) for i, arg in enumerate(node.args))
    return Vertex(node.op, node.attrs, tuple(sorted(pairs)), value)


class _Child:
    """The child, from what it emits downwards: what nothing reads is not there."""

    def __init__(
        self, parents: tuple[Cell, Cell], taken: dict[int, int], back: dict[int, int]
    ) -> None:
        self._parents = parents
        self._taken = taken  # values of the first that are as in the second
        self._back = back
        self._states: list[_Key] = [(0, 1)]
        self._nodes: list[_Key] = []
        self._open: set[_Key] = set()

    def cell(self) -> Cell | None:
        """All of it; None where a value would depend on itself."""
        outputs = []
        for state in self._states:  # grows meanwhile
            (output,) = self._args(state)
            if not self._add(output):
                return None
            outputs.append(output)
        values = {key: i for i, key in enumerate([(0, 0), *self._states, *self._nodes])}
        nodes = []
        for key in self._nodes:
            parent, value = self._source(key)
            args = tuple(values[arg] for arg in self._args(key))
            nodes.append(self._parents[parent].node(value)._replace(args=args))
        return Cell(len(self._states), tuple(nodes), tuple(values[o] for o in outputs))

    def _add(self, key: _Key) -> bool:
        """Adds a value after all that it reads; returns whether there is no cycle."""
        parent, value = key
        if value < self._parents[parent].num_inputs:
            if value and key not in self._states:
                self._states.append(key)
            return True
        if key in self._nodes:
            return True
        if key in self._open:
            return False
        self._open.add(key)
        if not all(self._add(arg) for arg in self._args(key)):
            return False
        self._nodes.append(key)
        return True

    def _args(self, key: _Key) -> list[_Key]:
        """What a value is computed from."""
        parent, value = self._source(key)
        cell = self._parents[parent]
        below = (
            (cell.outputs[value - 1],)
            if value < cell.num_inputs
            else cell.node(value).args
        )
        return [
            (0, self._back[arg]) if parent and arg in self._back else (parent, arg)
            for arg in below
        ]

    def _source(self, key: _Key) -> _Key:
        """The parent whose op and arguments it has, and its value there."""
        parent, value = key
        return key if parent or value not in self._taken else (1, self._taken[value])
