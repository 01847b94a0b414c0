"""How large the output of a cell grows before anything is learned."""

import math
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cells.ir import Cell, Node
from cells.ops import Op, get_op

Array = NDArray[np.float64]

_WIDTH: Final = 48
_ROWS: Final = 8
_STEPS: Final = 32
_DRAWS: Final = 2
_SCALE: Final = 2.0

KEPT: Final = 10_000
"""Cells whose growth is remembered: a search that is read again asks for all of its."""


def growth(cell: Cell) -> float:
    """The largest absolute output after 32 steps from zeros, with untrained weights.

    Weights of linears are drawn from U[-s, s], s = 2 / sqrt(48), as the panel of preset
    `quick` draws them, around the cell's own diagonal; biases are its own. Inputs have
    the size of such a linear's output. Of 1,421 mutants by that panel 206 of the 259
    whose first run diverged exceeded 1e5, and none of the others did: see
    `benchmarks.bench_mutants`.

    Args:
        cell: A valid cell.

    Returns:
        The larger of two draws; infinite if it leaves the range of numbers.
    """
    return _growth(cell, tuple(get_op(node.op) for node in cell.nodes))


@lru_cache(KEPT)
def _growth(cell: Cell, ops: tuple[Op, ...]) -> float:
    """The same of a cell and what its ops are: a person's own may be another by now."""
    with np.errstate(all="ignore"):
        draws = map(np.random.default_rng, range(_DRAWS))
        return max(_largest(cell, ops, rng) for rng in draws)


def _largest(cell: Cell, ops: tuple[Op, ...], rng: np.random.Generator) -> float:
    bound = _SCALE / math.sqrt(_WIDTH)
    program = [
        (op.function, _weights(node, op, bound, rng), node.args or (0,))
        for node, op in zip(cell.nodes, ops, strict=True)
    ]
    inputs = rng.uniform(-1, 1, (_STEPS, _ROWS, _WIDTH)) * bound * math.sqrt(3)
    carry: list[Array] = [np.zeros_like(inputs[0])] * cell.num_states
    for x in inputs:
        values = [x, *carry]
        for function, weights, args in program:
            values.append(function(np, *weights, *(values[arg] for arg in args)))
        carry = [values[output] for output in cell.outputs]
    largest = float(np.abs(carry[0]).max())
    return largest if math.isfinite(largest) else math.inf


def _weights(
    node: Node, op: Op, bound: float, rng: np.random.Generator
) -> tuple[dict[str, Any], ...]:
    """The weights of a node as training begins with them; none for most ops."""
    given = dict(zip(op.attributes, node.attrs, strict=True))
    weights: dict[str, Array] = {}
    for name, rank in op.weights:
        if rank == 2:
            drawn = rng.uniform(-bound, bound, (_WIDTH, _WIDTH))
            weights[name] = drawn + given.get("diagonal", 0.0) * np.eye(_WIDTH)
        else:
            weights[name] = np.full(
                _WIDTH, given.get(name, 0.0 if name == "bias" else 1.0)
            )
    return (weights,) if weights else ()
