"""Cells that differ by signs alone, made node by node with school algebra.

Nothing here knows the canonical form: signs of fresh linears and of states are drawn,
and each node is rewritten by what it is told of its arguments.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np

from cells import OPS, Cell, Node
from tests.support.interpreter import Params

Relation = Literal["same", "negative", "less"]
"""What a new value is to the old one v: v, -v or 1 - v."""

ODD = ("tanh", "sin", "rms_norm", "scale")
OTHER_EXTREME = {"maximum": "minimum", "minimum": "maximum"}
OTHER_SUM = {"add": "subtract", "subtract": "add"}


class Mirrored(NamedTuple):
    """A cell of other signs.

    Attributes:
        cell: The cell; it may have nodes that nothing depends on.
        signs: For each of its nodes with weights, the node of the original and the sign
            of each weight (kernel and bias) against that node's.
    """

    cell: Cell
    signs: Mapping[int, tuple[int, tuple[int, ...]]]

    def weights(self, params: Params) -> Params:
        """The original's weights as this cell's."""
        found = {}
        for index, (old, signs) in self.signs.items():
            own, names = params[f"n{old}"], OPS[self.cell.nodes[index].op].weights
            turned = zip(names, signs, strict=True)
            found[f"n{index}"] = {name: sign * own[name] for (name, _), sign in turned}
        return found


def mirrored(cell: Cell, rng: np.random.Generator, *, often: float = 0.5) -> Mirrored:
    """An equivalent cell: linears and states turned with this probability.

    Arguments that cannot be other than they were are written out: as `(x - x) - v` or
    as `one() - v`.
    """
    return _Mirror(cell, rng, often).result()


class _Mirror:
    def __init__(self, cell: Cell, rng: np.random.Generator, often: float) -> None:
        self.cell = cell
        self.rng = rng
        self.often = often
        self.nodes: list[Node] = []
        self.signs: dict[int, tuple[int, tuple[int, ...]]] = {}
        # For each value of the original, its counterpart and what that is to it.
        self.of: list[tuple[int, Relation]] = [(0, "same"), (1, "same")]
        self.of += [(s, self.draw()) for s in range(2, cell.num_inputs)]

    def draw(self) -> Relation:
        return "negative" if self.rng.random() < self.often else "same"

    def add(self, op: str, *args: int, attrs: tuple[float, ...] = ()) -> int:
        self.nodes.append(Node(op, args, attrs))
        return self.cell.num_states + len(self.nodes)

    def result(self) -> Mirrored:
        for index, node in enumerate(self.cell.nodes):
            self.of.append(self.rewrite(index, node))
        outputs = []
        for state, output in enumerate(self.cell.outputs):
            outputs.append(self.become(output, self.of[1 + state][1]))
        return Mirrored(
            Cell(self.cell.num_states, tuple(self.nodes), tuple(outputs)), self.signs
        )

    def become(self, value: int, relation: Relation) -> int:
        """The counterpart of a value, with the relation wanted."""
        new, own = self.of[value]
        if own == relation:
            return new
        if own == "less":
            if relation == "negative":
                return self.add("subtract", new, self.add("one"))
            return self.add("subtract", self.add("one"), new)
        return self.add("subtract", self.add("subtract", 0, 0), new)

    def signed(self, value: int) -> tuple[int, int]:
        """The counterpart of a value, and the sign with which it is the value."""
        if self.of[value][1] == "less":
            return self.become(value, "same"), 1
        return self.of[value][0], 1 if self.of[value][1] == "same" else -1

    def rewrite(self, index: int, node: Node) -> tuple[int, Relation]:
        if node.op == "linear":
            return self.linear(index, node)
        if node.op in OTHER_SUM:
            return self.sum(node)
        if node.op == "multiply":
            return self.product(node)
        if node.op in OTHER_EXTREME:
            (a, first), (b, second) = map(self.signed, node.args)
            if first == second == -1:
                return self.add(OTHER_EXTREME[node.op], a, b), "negative"
        if node.op in ODD:
            arg, sign = self.signed(node.args[0])
            new = self.add(node.op, arg, attrs=node.attrs)
            if node.op == "scale":
                self.signs[len(self.nodes) - 1] = (index, (1,))
            return new, "same" if sign > 0 else "negative"
        if node.op == "sigmoid":
            arg, sign = self.signed(node.args[0])
            return self.add("sigmoid", arg), "same" if sign > 0 else "less"
        args = [self.become(arg, "same") for arg in node.args]
        return self.add(node.op, *args, attrs=node.attrs), "same"

    def linear(self, index: int, node: Node) -> tuple[int, Relation]:
        diagonal, bias = node.attrs
        if diagonal and bias:
            arg, inner, outer = self.become(node.args[0], "same"), 1, 1
        else:
            arg, inner = self.signed(node.args[0])
            outer = inner if diagonal else 1
            if not diagonal and not bias and self.draw() == "negative":
                outer = -1
        new = self.add("linear", arg, attrs=node.attrs)
        self.signs[len(self.nodes) - 1] = (index, (inner * outer, outer))
        return new, "same" if outer > 0 else "negative"

    def sum(self, node: Node) -> tuple[int, Relation]:
        (a, first), (b, second) = map(self.signed, node.args)
        if first == second:
            return self.add(node.op, a, b), "same" if first > 0 else "negative"
        if node.op == "subtract":
            return self.add("add", a, b), "same" if first > 0 else "negative"
        # -a + b, as b - a or as -(a - b).
        if self.draw() == "negative":
            return self.add("subtract", a, b), "same" if first > 0 else "negative"
        return self.add("subtract", b, a), "same" if second > 0 else "negative"

    def has_gate(self, value: int) -> bool:
        """Whether a factor of a value is a sigmoid."""
        if value < self.cell.num_inputs:
            return False
        node = self.cell.nodes[value - self.cell.num_inputs]
        if node.op == "multiply":
            return any(self.has_gate(arg) for arg in node.args)
        return node.op == "sigmoid"

    def product(self, node: Node) -> tuple[int, Relation]:
        a, b = node.args
        if self.of[a][1] == "less":
            a, b = b, a
        if self.of[b][1] != "less" or self.has_gate(a):
            (a, first), (b, second) = map(self.signed, node.args)
            return self.add("multiply", a, b), "same" if first == second else "negative"
        # p * (1 - z) is p - p * z; its negative is p * z - p.
        a, sign = self.signed(a)
        product = self.add("multiply", a, self.of[b][0])
        if self.draw() == "negative":
            return self.add("subtract", product, a), "negative" if sign > 0 else "same"
        return self.add("subtract", a, product), "same" if sign > 0 else "negative"
