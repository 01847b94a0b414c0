"""A cell with the weights with which training begins."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cells.ir import Cell, Node
from cells.ops import Op, get_op

Array = NDArray[np.float64]
Step = Callable[[Array, Sequence[Array]], list[Array]]
"""From an input and the states to the states, of which the first is the output."""

WIDTH: Final = 48

KEPT: Final = 10_000
"""Cells whose numbers are remembered: a search that is read again asks for all."""


def ops_of(cell: Cell) -> tuple[Op, ...]:
    """What its nodes are now: a person's own op may be another by the next call."""
    return tuple(get_op(node.op) for node in cell.nodes)


def bound(scale: float) -> float:
    """The largest weight, as models draw them: scale / sqrt(H)."""
    return scale / math.sqrt(WIDTH)


def start(
    cell: Cell,
    ops: Sequence[Op],
    scale: float,
    rng: np.random.Generator,
    moved: float = 0.0,
) -> Step:
    """One step with weights of linears drawn from U[-s, s], s = scale / sqrt(48).

    They are drawn around the cell's own diagonal; biases and scale vectors are its own.

    Args:
        cell: A valid cell.
        ops: See `ops_of`.
        scale: See above.
        rng: Advanced.
        moved: How far biases and scale vectors are from their own, U[-moved, moved].
    """
    most = bound(scale)
    program = [
        (op.function, _weights(node, op, most, rng, moved), node.args or (0,))
        for node, op in zip(cell.nodes, ops, strict=True)
    ]

    def step(x: Array, states: Sequence[Array]) -> list[Array]:
        values = [x, *states]
        for function, weights, args in program:
            values.append(function(np, *weights, *(values[arg] for arg in args)))
        return [values[output] for output in cell.outputs]

    return step


def _weights(
    node: Node,
    op: Op,
    most: float,
    rng: np.random.Generator,
    moved: float,
) -> tuple[dict[str, Any], ...]:
    """The weights of a node; none for most ops."""
    given = dict(zip(op.attributes, node.attrs, strict=True))
    weights: dict[str, Array] = {}
    for name, rank in op.weights:
        if rank == 2:
            drawn = rng.uniform(-most, most, (WIDTH, WIDTH))
            weights[name] = drawn + given.get("diagonal", 0.0) * np.eye(WIDTH)
        else:
            usual = 0.0 if name == "bias" else 1.0
            weights[name] = np.full(WIDTH, given.get(name, usual))
            if moved:
                weights[name] += rng.uniform(-moved, moved, WIDTH)
    return (weights,) if weights else ()
