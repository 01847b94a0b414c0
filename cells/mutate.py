"""Mutation: the paper's six transformations of a cell, as rows of one table."""

import bisect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, NamedTuple, TypeVar

import numpy as np

from cells.check import MAX_NODES, check
from cells.ir import Cell, Node
from cells.ops import OPS, CellError, nearest, op_names

_T = TypeVar("_T")

LINEAR_DIAGONALS: Final = (0.0, 1.0, 0.9, 1.1)
"""What a random activation that is linear adds to its matrix: the paper's Linear(a)."""


@dataclass(frozen=True)
class Mutant:
    """A mutated cell, and how it came to be.

    Attributes:
        cell: The mutant, valid; its nodes are in order of evaluation as written.
        rules: Names of the transformations applied, in order.
        magnitude: The probability with which each node was transformed, per round.
        redraws: Why earlier draws were not taken, in order: `cycle` (a value would
            depend on itself), `unchanged` (the parent again) or `too_large`.
    """

    cell: Cell
    rules: tuple[str, ...]
    magnitude: float
    redraws: tuple[str, ...]


def mutate(
    cell: Cell,
    rng: np.random.Generator,
    *,
    ops: str | Sequence[str] = "paper",
    rounds: tuple[int, int] = (1, 3),
    max_nodes: int = 60,
    max_redraws: int = 1000,
    weights: Mapping[str, float] | None = None,
) -> Mutant:
    """Draws a mutant of a cell, as in Jozefowicz et al. (2015), section 3.2.

    A draw takes a magnitude p from U[0, 1] and a number of rounds. In each round each
    node, with probability p, undergoes one of the transformations that apply to it,
    chosen by weight. Nodes that nothing depends on any more are dropped, and so on
    until a draw is a valid cell other than the parent.

    Args:
        cell: The parent, a valid cell; it stays as it is.
        rng: Source of all randomness; it is advanced.
        ops: The ops that new nodes may have: sets, names, or both. Activations are
            those of one argument; `linear` is drawn with each of `LINEAR_DIAGONALS`.
        rounds: The fewest and the most rounds; each number is equally likely.
        max_nodes: Mutants of more nodes are drawn again.
        max_redraws: How often to draw again before giving up.
        weights: Relative frequency of transformations, by name, for those that are to
            differ from `TRANSFORMATIONS`; 0 turns one off.

    Raises:
        CellError: An unknown op or transformation, a bad number, or no valid mutant
            within `max_redraws` redraws.
    """
    table = _weighted(weights or {})
    if not 1 <= rounds[0] <= rounds[1]:
        raise CellError(f"rounds are at least 1 and in order, got {rounds}")
    if not 1 <= max_nodes <= MAX_NODES:
        raise CellError(f"max_nodes is 1 to {MAX_NODES}, got {max_nodes}")
    parent, choices, draws = ordered(cell), _Choices.of(op_names(ops)), _Draws(rng)
    redraws: list[str] = []
    while len(redraws) <= max_redraws:
        magnitude = draws.random()
        graph = _Graph(parent, choices, draws)
        rules: list[str] = []
        for _ in range(rounds[0] + draws.below(rounds[1] - rounds[0] + 1)):
            rules += _round(graph, magnitude, table)
        mutant = graph.cell()
        if mutant is None:
            redraws.append("cycle")
        elif mutant == parent:
            redraws.append("unchanged")
        elif len(mutant.nodes) > max_nodes:
            redraws.append("too_large")
        else:
            check(mutant)
            return Mutant(mutant, tuple(rules), magnitude, tuple(redraws))
    raise CellError(
        f"no valid mutant in {max_redraws} redraws of a cell of {len(cell.nodes)} "
        f"nodes (at most {max_nodes} allowed); last: {redraws[-1]}"
    )


def transform(
    cell: Cell,
    name: str,
    node: int,
    rng: np.random.Generator,
    *,
    ops: str | Sequence[str] = "paper",
) -> Cell | None:
    """Applies one transformation to one node of a cell.

    Args:
        cell: A valid cell; it stays as it is.
        name: A row of `TRANSFORMATIONS`.
        node: Index of the node.
        rng: Source of all randomness; it is advanced.
        ops: The ops that new nodes may have, as for `mutate`.

    Returns:
        The new cell, or None if the transformation does not apply to the node, or if
        a value would depend on itself.
    """
    graph = _Graph(cell, _Choices.of(op_names(ops)), _Draws(rng))
    return graph.cell() if TRANSFORMATIONS[name].function(graph, node) else None


def ordered(cell: Cell) -> Cell:
    """The cell with its nodes in the order of evaluation as written.

    That is: output by output, the arguments of a node before it, left to right, each
    node once. Nodes that no output depends on are dropped.
    """
    ops, args, attrs = zip(*cell.nodes, strict=True) if cell.nodes else ((), (), ())
    found = _in_order(cell.num_states, ops, args, attrs, cell.outputs)
    assert found is not None, "a cell's nodes read only earlier values"
    return found


class _Draws:
    """Random numbers, taken from a generator many at a time."""

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


class _Choices(NamedTuple):
    """What new nodes may be.

    Attributes:
        activations: Op and attributes of each activation.
        elementwise: The elementwise ops.
    """

    activations: tuple[tuple[str, tuple[float, ...]], ...]
    elementwise: tuple[str, ...]

    @classmethod
    def of(cls, names: Sequence[str]) -> "_Choices":
        """The choices that these ops leave."""
        activations: list[tuple[str, tuple[float, ...]]] = []
        for name in names:
            if OPS[name].kind == "linear":
                activations += [(name, (a, 0.0)) for a in LINEAR_DIAGONALS]
            elif OPS[name].kind == "activation":
                activations.append((name, (0.0,) * len(OPS[name].attributes)))
        elementwise = [name for name in names if OPS[name].kind == "elementwise"]
        return cls(tuple(activations), tuple(elementwise))


class _Graph:
    """A cell that can be changed: its nodes may come in any order, or form cycles."""

    def __init__(self, cell: Cell, choices: _Choices, draws: _Draws) -> None:
        self.choices = choices
        self.draws = draws
        self.num_states = cell.num_states
        self.first = cell.num_inputs
        self.ops = [node.op for node in cell.nodes]
        self.args = [list(node.args) for node in cell.nodes]
        self.attrs = [node.attrs for node in cell.nodes]
        self.outputs = list(cell.outputs)
        self.found: dict[int, None] | None = None

    def add(self, op: str, args: list[int], attrs: tuple[float, ...] = ()) -> int:
        """Appends a node; returns its value."""
        self.found = None
        self.ops.append(op)
        self.args.append(args)
        self.attrs.append(attrs)
        return self.first + len(self.ops) - 1

    def replace(self, old: int, new: int) -> None:
        """Lets all that read one value read another."""
        self.found = None
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
        self.found = None
        self.ops[index], self.args[index], self.attrs[index] = op, args, ()

    def live(self) -> Mapping[int, None]:
        """The nodes that outputs depend on, in order: the keys of a mapping."""
        if self.found is None:
            self.found = dict.fromkeys(self.upwards(self.outputs, set()))
        return self.found

    def ancestors(self, index: int) -> list[int]:
        """The values that a node is computed from, near and far, inputs included."""
        inputs = set[int]()
        nodes = self.upwards(self.args[index], inputs)
        own = self.first + index
        return sorted(inputs) + [v for i in nodes if (v := self.first + i) != own]

    def upwards(self, values: Sequence[int], inputs: set[int]) -> list[int]:
        """The nodes among these values and all they depend on; collects the inputs."""
        found = list[int]()
        seen = set(values)
        pending = list(seen)
        first, args = self.first, self.args
        while pending:
            value = pending.pop()
            if value < first:
                inputs.add(value)
                continue
            found.append(value - first)
            for arg in args[value - first]:
                if arg not in seen:
                    seen.add(arg)
                    pending.append(arg)
        found.sort()
        return found

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
    first = num_states + 1
    # 0: not yet met; 1: met, its arguments are under way; 2: done.
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
    place = list(range(first)) + [0] * len(ops)
    for new, old in enumerate(order):
        place[first + old] = first + new
    nodes = [Node(ops[i], tuple([place[a] for a in args[i]]), attrs[i]) for i in order]
    return Cell(num_states, tuple(nodes), tuple([place[o] for o in outputs]))


def _round(
    graph: _Graph, magnitude: float, table: Mapping[str, "Transformation"]
) -> list[str]:
    """Transforms each node with a probability; returns what was applied."""
    applied = []
    for index in range(len(graph.ops)):
        if graph.draws.random() >= magnitude or index not in graph.live():
            continue
        left = dict(table)
        while left:
            name = _drawn(left, graph.draws)
            if left.pop(name).function(graph, index):
                applied.append(name)
                break
    return applied


def _drawn(table: Mapping[str, "Transformation"], draws: _Draws) -> str:
    """A name, drawn by weight."""
    names, ends = list(table), list(accumulate(row.weight for row in table.values()))
    at = bisect.bisect(ends, draws.random() * ends[-1])
    return names[min(at, len(names) - 1)]


def _activation(graph: _Graph, index: int) -> bool:
    """1. An activation becomes a random one."""
    choices = graph.choices.activations
    if OPS[graph.ops[index]].kind not in ("activation", "linear") or not choices:
        return False
    graph.ops[index], graph.attrs[index] = graph.draws.pick(choices)
    return True


def _elementwise(graph: _Graph, index: int) -> bool:
    """2. An elementwise operation becomes a different one."""
    op = graph.ops[index]
    choices = [other for other in graph.choices.elementwise if other != op]
    if OPS[op].kind != "elementwise" or not choices:
        return False
    graph.ops[index] = graph.draws.pick(choices)
    return True


def _insert(graph: _Graph, index: int) -> bool:
    """3. A random activation is inserted between the node and one it reads."""
    args, choices = graph.args[index], graph.choices.activations
    if not args or not choices:
        return False
    position = graph.draws.below(len(args))
    op, attrs = graph.draws.pick(choices)
    args[position] = graph.add(op, [args[position]], attrs)
    return True


def _remove(graph: _Graph, index: int) -> bool:
    """4. The node is removed if it has one input and one output."""
    value, args = graph.first + index, graph.args[index]
    if len(args) != 1 or graph.uses(value) != 1:
        return False
    graph.replace(value, args[0])
    return True


def _ancestor(graph: _Graph, index: int) -> bool:
    """5. The node is replaced by a random one of its ancestors."""
    ancestors = graph.ancestors(index)
    if not ancestors:
        return False
    graph.replace(graph.first + index, graph.draws.pick(ancestors))
    return True


def _combine(graph: _Graph, index: int) -> bool:
    """6. The node becomes an elementwise op of an ancestor of it and one of another."""
    choices, draws = graph.choices.elementwise, graph.draws
    if not choices or not graph.args[index]:
        return False
    other = draws.pick([i for i in graph.live() if graph.args[i]])
    pair = [graph.ancestors(index), graph.ancestors(other)]
    if not all(pair):
        return False
    args = [draws.pick(ancestors) for ancestors in pair]
    graph.become(index, draws.pick(choices), args)
    return True


class Transformation(NamedTuple):
    """A row of `TRANSFORMATIONS`.

    Attributes:
        function: Changes one node of a graph, given its index, and what reads it;
            returns whether it applies. Where it does not, nothing is changed.
        weight: How often it is chosen, relative to the others that apply.
    """

    function: Callable[[_Graph, int], bool]
    weight: float = 1.0


TRANSFORMATIONS: Final[Mapping[str, Transformation]] = {
    "activation": Transformation(_activation),
    "elementwise": Transformation(_elementwise),
    "insert": Transformation(_insert),
    "remove": Transformation(_remove),
    "ancestor": Transformation(_ancestor),
    "combine": Transformation(_combine),
}
"""The transformations by name; the paper chooses each equally often."""


def _weighted(weights: Mapping[str, float]) -> dict[str, Transformation]:
    """The table with a person's weights, without rows that are turned off."""
    for name, weight in weights.items():
        if name not in TRANSFORMATIONS:
            known = list(TRANSFORMATIONS)
            raise CellError(f"unknown transformation {name!r}; {nearest(name, known)}")
        if not 0 <= weight < math.inf:
            raise CellError(f"weight of {name!r}: at least 0 and finite, got {weight}")
    table = {
        name: row._replace(weight=weights.get(name, row.weight))
        for name, row in TRANSFORMATIONS.items()
    }
    table = {name: row for name, row in table.items() if row.weight}
    if not table:
        raise CellError("all transformations have weight 0")
    return table
