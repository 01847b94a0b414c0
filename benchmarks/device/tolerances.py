"""How far two right computations of the same thing may lie apart: derived, not guessed.

Two backends do the same operations and round differently: they add in another order,
and their elementary functions are right to some units in the last place (ulp). A sum of
n products in another order is off by about as much as if each factor were off by a
random ulp: both are sqrt(n) ulp of a term, if errors are independent. So the effect of
rounding is measured, on the CPU, by what it does to move every weight by an ulp, up or
down at random: this includes however much cell, steps and updates amplify it. Of
`DRAWS` such moves the largest effect counts.

An update rounds anew, so that after t updates the moves of t updates have added up,
none of which has grown more than the first: t times the largest effect so far is
allowed. Within an update the moved weights are the same at each step, and errors of
rounding are not: there the measured effect is the larger one. `FACTOR` is 4: both
backends round (2), and elementary functions are right to about 2 ulp. Where a loss is
flat, nothing is amplified, and a few ulp of the value itself are allowed as well.

With bfloat16 products an ulp is 2^-7 instead of 2^-23; sums stay float32. The reference
is the CPU's float32: the CPU has no such products. An activation is rounded, too, each
time it is multiplied: `FACTOR` has room for it.
"""

from collections.abc import Sequence
from typing import Any, Final

import jax
import numpy as np
from numpy.typing import NDArray

FACTOR: Final = 4.0
DRAWS: Final = 3
ULP: Final = {"float32": 2.0**-23, "bfloat16": 2.0**-7}
"""Relative distance of neighbouring numbers, by format of products."""

FLAT: Final = 8 * ULP["float32"]
"""What a value may be off, relatively, where nothing is amplified: sums are float32
whatever products are."""

Numbers = NDArray[np.floating[Any]]


def moved(params: Any, ulp: float, draw: int) -> Any:
    """The weights, each moved by an ulp of itself, up or down at random."""
    rng = np.random.default_rng(draw)

    def move(leaf: Any) -> NDArray[np.float32]:
        signs = rng.integers(0, 2, np.shape(leaf)) * 2 - 1
        moved: NDArray[np.float32] = np.asarray(leaf) * (1 + ulp * signs)
        return moved.astype(np.float32)

    return jax.tree.map(move, params)


def curve_tolerance(curve: Numbers, others: Sequence[Numbers]) -> Numbers:
    """What each point of a curve may be off, [updates].

    Args:
        curve: The reference.
        others: The same with moved weights.
    """
    effect = np.maximum.accumulate(np.max([abs(o - curve) for o in others], axis=0))
    times = np.arange(1, len(curve) + 1)
    allowed: Numbers = FACTOR * times * effect + FLAT * abs(curve)
    return allowed


def array_tolerance(others: Sequence[float]) -> float:
    """What an array may be off, relative to its largest entry; see `distance`."""
    return FACTOR * max(others) + FLAT


def distance(one: Any, other: Any) -> float:
    """The largest difference of two arrays, relative to the second's largest entry."""
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    largest = float(abs(other).max(initial=0.0))
    off = float(abs(one - other).max(initial=0.0))
    return off / largest if largest else off
