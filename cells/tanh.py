"""Tanh in single precision as a quotient of polynomials."""

import types
from collections.abc import Callable
from functools import cache
from typing import Any, Final

import numpy as np

Array = Any
"""A NumPy or JAX array."""

LARGEST: Final = np.float32(7.99881172180175781)
"""Beyond it, either way, the quotient stays as it is there: 1 or -1, but for 3e-7."""

NUMERATOR: Final = np.array(
    [
        -2.76076847742355e-16,
        2.00018790482477e-13,
        -8.60467152213735e-11,
        5.12229709037114e-08,
        1.48572235717979e-05,
        6.37261928875436e-04,
        4.89352455891786e-03,
    ],
    np.float32,
)
DENOMINATOR: Final = np.array(
    [
        1.19825839466702e-06,
        1.18534705686654e-04,
        2.26843463243900e-03,
        4.89352518554385e-03,
    ],
    np.float32,
)
"""Of a**2, highest power first; the numerator is multiplied by a.

Eigen's coefficients (`generic_fast_tanh_float`), which XLA has, too. At most 3e-7 from
tanh, absolutely and relatively.
"""


def tanh(xp: types.ModuleType, a: Array) -> Array:
    """Tanh of an array, element by element.

    In single precision under JAX it is written out: as arithmetic it is compiled to
    instructions for vectors, whatever XLA's CPU compiler does with functions. In any
    other type, and for NumPy, it is the library's.

    Args:
        xp: `jax.numpy` or `numpy`.
        a: Floating-point numbers, [...].
    """
    if xp is np or a.dtype != np.float32:
        return xp.tanh(a)
    return _quotient()(a)


@cache
def _quotient() -> Callable[[Array], Array]:
    """For JAX, which is imported here, and not by whoever only reads a cell."""
    import jax
    import jax.numpy as jnp

    @jax.custom_jvp
    def quotient(a: Array) -> Array:
        # In another shape it is not computed in the memory of `a`. In place, XLA's code
        # for CPUs takes one element at a time, four times as long.
        inner = jnp.clip(a[None], -LARGEST, LARGEST)
        square = inner * inner
        y = inner * _polynomial(NUMERATOR, square) / _polynomial(DENOMINATOR, square)
        return y[0]

    @quotient.defjvp
    def derivative(primals: Any, tangents: Any) -> tuple[Array, Array]:
        y = quotient(*primals)
        return y, tangents[0] * (1 - y * y)

    return quotient


def _polynomial(coefficients: Any, argument: Array) -> Array:
    """By Horner's rule."""
    total = argument * coefficients[0] + coefficients[1]
    for coefficient in coefficients[2:]:
        total = total * argument + coefficient
    return total
