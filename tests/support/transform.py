"""One transformation of one node of a cell."""

from collections.abc import Sequence

import numpy as np

from cells import TRANSFORMATIONS, Cell, op_names
from cells.graph import Choices, Draws, Graph


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
    graph = Graph(cell, Choices.from_ops(op_names(ops)), Draws(rng))
    return graph.cell() if TRANSFORMATIONS[name].function(graph, node) else None
