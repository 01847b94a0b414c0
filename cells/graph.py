"""A cell as a graph that can be changed, and back in order of evaluation."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

import numpy as np

from cells.ir import Cell, Node
from cells.ops import OPS

_T = TypeVar("_T")

LINEAR_DIAGONALS: Final = (0.0, 1.0, 0.9, 1.1)
"""What a random activation that is linear adds to its matrix: the paper's Linear(a)."""


def ordered(cell: Cell) -> Cell:
    """The cell with its nodes in the order of evaluation as written.

    That is: output by output, the arguments of a node before it, left to right, each
    node once. Nodes that no output depends on are dropped.
    """
    ops, args, attrs = zip(*cell.nodes, strict=True) if cell.nodes else ((), (), ())
    in_order = _in_order(cell.num_states, ops, args, attrs, cell.outputs)
    assert in_order is not None, "a cell's nodes read only earlier values"
    return in_order


class Draws:
    """Random numbers, taken from a generator 64 at a time, which is faster."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.block: list[float] = []

    def random(self) -> float:
        """A number from U[0, 1]."""
        if not self.block:
            self.block = self.rng.random(64).tolist()
        return self.block.pop()

    def below(self, bound: int) -> int:
        """A whole number from 0 to `bound` - 1."""
        return int(self.random() * bound)

    def pick(self, choices: Sequence[_T]) -> _T:
        """One of these, each equally likely."""
        return choices[int(self.random() * len(choices))]


class Choices(NamedTuple):
    """What new nodes may be.

    Attributes:
        activations: Op and attributes of each activation.
        elementwise: The elementwise ops.
    """

    activations: tuple[tuple[str, tuple[float, ...]], ...]
    elementwise: tuple[str, ...]

    @classmethod
    def from_ops(cls, names: Sequence[str]) -> "Choices":
        """The choices that these ops leave."""
        activations: list[tuple[str, tuple[float, ...]]] = []
        for name in names:
            if OPS[name].kind == "linear":
                activations += [(name, (a, 0.0)) for a in LINEAR_DIAGONALS]
            elif OPS[name].kind == "activation":
                activations.append((name, (0.0,) * len(OPS[name].attributes)))
        elementwise = [name for name in names if OPS[name].kind == "elementwise"]
        return cls(tuple(activations), tuple(elementwise))


class Graph:
    """A cell that can be changed: its nodes may come in any order, or form cycles.

    Attributes:
        choices: What new nodes may be.
        draws: Source of all randomness.
        first: The value of node 0; smaller ones are inputs.
        ops: The op of each node; nodes that nothing reads any more stay in the lists.
        args: The values that each node reads.
        attrs: The attributes of each node.
        outputs: The values that become the new states.
    """

    def __init__(self, cell: Cell, choices: Choices, draws: Draws) -> None:
        self.choices = choices
        self.draws = draws
        self.num_states = cell.num_states
        self.first = cell.num_inputs
        self.ops = [node.op for node in cell.nodes]
        self.args = [list(node.args) for node in cell.nodes]
        self.attrs = [node.attrs for node in cell.nodes]
        self.outputs = list(cell.outputs)
        self.reached: dict[int, None] | None = None

    def add(self, op: str, args: list[int], attrs: tuple[float, ...] = ()) -> int:
        """Appends a node; returns its value."""
        self.reached = None
        self.ops.append(op)
        self.args.append(args)
        self.attrs.append(attrs)
        return self.first + len(self.ops) - 1

    def replace(self, old: int, new: int) -> None:
        """Lets all that read one value read another."""
        self.reached = None
        for args in self.args:
            for i, arg in enumerate(args):
                if arg == old:
                    args[i] = new
        self.outputs = [new if value == old else value for value in self.outputs]

    def uses(self, value: int) -> int:
        """How often a value is read, by nodes that are used, or is an output."""
        live = self.live()
        reads = sum(self.args[i].count(value) for i in live)
        return reads + self.outputs.count(value)

    def become(self, index: int, op: str, args: list[int]) -> None:
        """Makes another op of a node, one without attributes."""
        self.reached = None
        self.ops[index], self.args[index], self.attrs[index] = op, args, ()

    def live(self) -> Mapping[int, None]:
        """The nodes that outputs depend on, in order: the keys of a mapping."""
        if self.reached is None:
            self.reached = dict.fromkeys(self.closure(self.outputs, set()))
        return self.reached

    def ancestors(self, index: int) -> list[int]:
        """The values that a node is computed from, near and far, inputs included."""
        inputs = set[int]()
        nodes = self.closure(self.args[index], inputs)
        own = self.first + index
        return sorted(inputs) + [v for i in nodes if (v := self.first + i) != own]

    def closure(self, values: Sequence[int], inputs: set[int]) -> list[int]:
        """The nodes among these values and all they depend on; collects the inputs."""
        # A walk, in any order; sorted, so that draws from it depend on nothing else.
        nodes = list[int]()
        seen = set(values)
        pending = list(seen)
        first, args = self.first, self.args
        while pending:
            value = pending.pop()
            if value < first:
                inputs.add(value)
                continue
            nodes.append(value - first)
            for arg in args[value - first]:
                if arg not in seen:
                    seen.add(arg)
                    pending.append(arg)
        nodes.sort()
        return nodes

    def cell(self) -> Cell | None:
        """The graph as a cell in order of evaluation, or None if it has a cycle."""
        return _in_order(self.num_states, self.ops, self.args, self.attrs, self.outputs)


def _in_order(
    num_states: int,
    ops: Sequence[str],
    args: Sequence[Sequence[int]],
    attrs: Sequence[tuple[float, ...]],
    outputs: Sequence[int],
) -> Cell | None:
    # Depth first, with a stack. 0: not yet met; 1: met, its arguments are under way;
    # 2: done. What is met again while it is under way depends on itself.
    first = num_states + 1
    mark, order = [0] * len(ops), list[int]()
    stack = [output - first for output in reversed(outputs)]
    while stack:
        index = stack[-1]
        if index < 0 or mark[index]:
            stack.pop()
            if index >= 0 and mark[index] == 1:
                mark[index] = 2
                order.append(index)
            continue
        mark[index] = 1
        for arg in reversed(args[index]):
            if arg >= first and mark[arg - first] != 2:
                if mark[arg - first] == 1:
                    return None
                stack.append(arg - first)

    # What was not met is dropped, and the rest numbered as it was met.
    place = list(range(first)) + [0] * len(ops)
    for new, old in enumerate(order):
        place[first + old] = first + new
    nodes = [Node(ops[i], tuple([place[a] for a in args[i]]), attrs[i]) for i in order]
    return Cell(num_states, tuple(nodes), tuple([place[o] for o in outputs]))
