"""How large the output of a cell grows before anything is learned."""

import math
from functools import lru_cache
from typing import Final

import numpy as np

from cells.ir import Cell
from cells.ops import Op
from cells.untrained.start import KEPT, WIDTH, bound, ops_of, start

_ROWS: Final = 8
_STEPS: Final = 32
_DRAWS: Final = 2
_SCALE: Final = 2.0


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
    return _growth(cell, ops_of(cell))


@lru_cache(KEPT)
def _growth(cell: Cell, ops: tuple[Op, ...]) -> float:
    """The same of a cell and what its ops are."""
    with np.errstate(all="ignore"):
        draws = map(np.random.default_rng, range(_DRAWS))
        return max(_largest(cell, ops, rng) for rng in draws)


def _largest(cell: Cell, ops: tuple[Op, ...], rng: np.random.Generator) -> float:
    step = start(cell, ops, _SCALE, rng)
    inputs = rng.uniform(-1, 1, (_STEPS, _ROWS, WIDTH)) * bound(_SCALE) * math.sqrt(3)
    carry = [np.zeros_like(inputs[0])] * cell.num_states
    for x in inputs:
        carry = step(x, carry)
    largest = float(np.abs(carry[0]).max())
    return largest if math.isfinite(largest) else math.inf
