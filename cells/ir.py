"""The cell: a flat immutable value."""

from typing import NamedTuple


class Node(NamedTuple):
    """One operation of a cell.

    Attributes:
        op: Name of a row of the op table.
        args: Indices of the values it reads.
        attrs: Its numeric attributes, in the order of the op's `attributes`.
    """

    op: str
    args: tuple[int, ...]
    attrs: tuple[float, ...] = ()


class Cell(NamedTuple):
    """A recurrent cell of M states: nodes in order of evaluation.

    Values are numbered: 0 is the input x, 1 to M are the old states, M + 1 + i is the
    result of node i. Every value is a vector of the same width H. The first output is
    what the layer emits.

    Attributes:
        num_states: M, at least 1.
        nodes: The nodes; each reads only values with smaller numbers.
        outputs: The values that become the M new states.
    """

    num_states: int
    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]

    @property
    def num_inputs(self) -> int:
        """Number of values that are not nodes: x and the M old states."""
        return self.num_states + 1

    def node(self, value: int) -> Node:
        """The node that computes a value."""
        return self.nodes[value - self.num_inputs]


def node_name(index: int) -> str:
    """The name of node `index`, also the key of its weights: `n0`, `n1`, ..."""
    return f"n{index}"


def linear(arg: int, diagonal: float = 0.0, bias: float = 0.0) -> Node:
    """A linear node: W v + b, with `diagonal` added to W's and b starting at `bias`."""
    return Node("linear", (arg,), (float(diagonal), float(bias)))
