"""How much of an input a cell still shows some steps later, before it learns."""

import math
from functools import lru_cache
from itertools import product
from typing import Final

import numpy as np

from cells.ir import Cell
from cells.ops import Op
from cells.untrained.start import KEPT, WIDTH, bound, ops_of, start

_ROWS: Final = 8
_LATER: Final = 5
_MOVED: Final = (0.0, 0.1)
_DRAWS: Final = 2


def signal(cell: Cell, scale: float) -> float:
    """Share of a difference between two inputs that the output shows 5 steps later.

    Pairs of sequences that differ in their first input only run through the cell from
    zeros, with untrained weights; of the differences of outputs and of inputs the root
    mean squares are compared. A gradient has to come back by the way on which the
    signal goes: where next to nothing of it arrives, training begins on a plateau that
    it hardly ever leaves (Schoenholz et al. 2017, arXiv:1611.01232, of deep networks;
    Chen et al. 2018, arXiv:1806.05394, of recurrent ones).

    A cell whose biases of zero keep a way shut opens it as they move. So each set of
    weights is tried with its own biases and with some within .1 of them.

    Args:
        cell: A valid cell.
        scale: Of the weights: they are drawn from U[-s, s], s = scale / sqrt(48),
            around the cell's own diagonal. Inputs are drawn from the same range.

    Returns:
        The largest of four tries; infinite if one leaves the range of numbers.
    """
    return _signal(cell, ops_of(cell), scale)


@lru_cache(KEPT)
def _signal(cell: Cell, ops: tuple[Op, ...], scale: float) -> float:
    """The same of a cell and what its ops are."""
    with np.errstate(all="ignore"):
        tries = product(range(_DRAWS), _MOVED)
        return max(_arriving(cell, ops, scale, *each) for each in tries)


def _arriving(
    cell: Cell, ops: tuple[Op, ...], scale: float, seed: int, moved: float
) -> float:
    rng = np.random.default_rng(seed)
    step = start(cell, ops, scale, rng, moved)
    inputs = rng.uniform(-1, 1, (_LATER + 1, 2, _ROWS, WIDTH)) * bound(scale)
    inputs[1:, 1] = inputs[1:, 0]
    carry = [np.zeros_like(inputs[0])] * cell.num_states
    for x in inputs:
        carry = step(x, carry)
    first = inputs[0]
    share = _size(carry[0][0] - carry[0][1]) / _size(first[0] - first[1])
    return share if math.isfinite(share) else math.inf


def _size(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))
