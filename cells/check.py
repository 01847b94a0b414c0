"""The one definition of a valid cell."""

import math

from cells.ir import Cell, Node, node_name
from cells.ops import CellError, get_op
from cells.wording import plural

MAX_NODES = 1000
"""No cell may have more nodes: far above what can be trained, it bounds all work."""

MAX_STATES = 64


def check(cell: Cell) -> None:
    """Holds a cell to the definition of valid.

    Valid means: 1 to `MAX_STATES` states and as many outputs; at most `MAX_NODES`
    nodes; each node names a known op, has its number of arguments and finite
    attributes, and reads only inputs and earlier nodes; each node is reachable from
    an output. Whether it can learn anything is another question: see `dead`.

    Raises:
        CellError: The first fault, with the node's name.
    """
    # Sizes first: they bound all that follows.
    if not 1 <= cell.num_states <= MAX_STATES:
        raise CellError(f"a cell has 1 to {MAX_STATES} states, got {cell.num_states}")
    if len(cell.outputs) != cell.num_states:
        raise CellError(
            f"a cell of {plural(cell.num_states, 'state')} returns as many values, "
            f"got {len(cell.outputs)}"
        )
    if len(cell.nodes) > MAX_NODES:
        raise CellError(f"a cell has at most {MAX_NODES} nodes, got {len(cell.nodes)}")

    # Nodes read only what comes before them, so values may be followed without care.
    for index, node in enumerate(cell.nodes):
        _check_node(cell, index, node)
    size = cell.num_inputs + len(cell.nodes)
    for position, output in enumerate(cell.outputs):
        if not 0 <= output < size:
            raise CellError(f"output {position}: no value {output}, there are {size}")

    # A node that nothing depends on would be trained for nothing, and have no text.
    used = reachable(cell)
    for index in range(len(cell.nodes)):
        if cell.num_inputs + index not in used:
            raise CellError(f"node {node_name(index)}: no output depends on it")


def _check_node(cell: Cell, index: int, node: Node) -> None:
    # The op decides how many arguments and attributes are right.
    where = f"node {node_name(index)}"
    try:
        op = get_op(node.op)
    except CellError as error:
        raise CellError(f"{where}: {error}") from None
    if len(node.args) != op.arity:
        raise CellError(
            f"{where}: {op.name} takes {plural(op.arity, 'argument')}, "
            f"got {len(node.args)}"
        )
    if len(node.attrs) != len(op.attributes):
        raise CellError(
            f"{where}: {op.name} has {plural(len(op.attributes), 'attribute')}, "
            f"got {len(node.attrs)}"
        )

    # What is left is right or wrong for any op.
    if not all(math.isfinite(value) for value in node.attrs):
        raise CellError(f"{where}: attributes must be finite, got {node.attrs}")
    for arg in node.args:
        if not 0 <= arg < cell.num_inputs + index:
            raise CellError(f"{where}: argument {arg} is not an input or earlier node")


def reachable(cell: Cell) -> set[int]:
    """The values that some output depends on within one step, outputs included."""
    used = set(cell.outputs)
    for index in reversed(range(len(cell.nodes))):
        if cell.num_inputs + index in used:
            used.update(cell.nodes[index].args)
    return used
