"""The cell: a flat immutable value, and its JSON form."""

import json
from typing import Any, NamedTuple

from cells.ops import CellError, get_op


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


def node_name(index: int) -> str:
    """The name of node `index`, also the key of its weights: `n0`, `n1`, ..."""
    return f"n{index}"


def linear(arg: int, diagonal: float = 0.0, bias: float = 0.0) -> Node:
    """A linear node: W v + b, with `diagonal` added to W's and b starting at `bias`."""
    return Node("linear", (arg,), (float(diagonal), float(bias)))


def to_json(cell: Cell) -> str:
    """The cell as one line of JSON; `from_json` reads it back."""
    nodes = [list(node) if node.attrs else [node.op, node.args] for node in cell.nodes]
    value = {"states": cell.num_states, "nodes": nodes, "outputs": cell.outputs}
    return json.dumps(value, separators=(",", ":"))


def from_json(text: str) -> Cell:
    """Reads a cell from `to_json`'s form.

    Raises:
        CellError: The text is not JSON of that form, or the cell is not valid.
    """
    from cells.check import check

    try:
        cell = _read(json.loads(text))
    except (LookupError, TypeError, ValueError, OverflowError, RecursionError) as error:
        if isinstance(error, CellError):
            raise
        raise CellError(
            "not a cell in JSON: expected an object with states, nodes and outputs "
            f"({type(error).__name__}: {str(error)[:80]})"
        ) from None
    check(cell)
    return cell


def _read(value: Any) -> Cell:
    nodes = tuple(
        Node(_text(row[0]), _integers(row[1]), tuple(_number(a) for a in row[2]))
        if len(row) > 2
        else Node(_text(row[0]), _integers(row[1]))
        for row in value["nodes"]
    )
    return Cell(_integers([value["states"]])[0], nodes, _integers(value["outputs"]))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"an op is a name, got {value!r}")
    get_op(value)
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError(f"an attribute is a number, got {value!r}")
    return float(value)


def _integers(values: Any) -> tuple[int, ...]:
    if not all(type(v) is int for v in values):
        raise TypeError(f"indices are whole numbers, got {values!r}")
    return tuple(values)
