"""What a value is in normal form, and what can be said of it at a glance."""

from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np

from cells.ops import get_op

Form = tuple[Any, ...]
"""A value's normal form; its arguments are smaller indices of the same table:

- `("input",)`: x; `("state", c)`: the old states of class c;
- `("sum", ((value, coefficient), ...))`: multiples of values; the empty sum is zero.
  Coefficients are whole numbers and, by swings, halves of halves of them;
- `("product", ((value, exponent), ...))`: powers of values that are not products;
- `("swing", a)`: 2 * sigmoid(a) - 1; `("gated", t, p)`: a swing t times a value p,
  which has no swing as a factor: `sigmoid(a) * p` is the sum p / 2 + t * p / 2;
- `("maximum", values)`, `("minimum", values)`: of distinct values of another form;
- `("op", name, attrs, args, owner)`: any other op. `owner` is the index of the node if
  it has weights, so that no two such nodes are one value, and -1 if it has none.

Arguments have the sign that `Values.split` calls positive, but for those of sums (which
are no sums), of ops that are not odd, and of extremes.
"""

SWINGS: Final = ("swing", "gated")
"""Tags of the odd parts of sigmoids, and of products with one."""

EXTREMES: Final = ("maximum", "minimum")
"""Tags of what is computed from a set."""

ZERO: Final = 2
"""The index of zero in every table of values."""

ABOVE: Final = 1
BELOW: Final = 2
"""Bounds of a value, as bits: it is never below zero, it is never above."""

TIMES: Final = {
    (a, b): (0, a, 3 - a, 3)[b] if a in (1, 2) else (3 if a and b else 0)
    for a in range(4)
    for b in range(4)
}
"""The bounds of a product, by those of its factors."""


def mirrored(bounds: int) -> int:
    """The bounds of the negative of a value with these."""
    return TIMES[BELOW, bounds]


class Read(NamedTuple):
    """One value that another is computed from.

    Attributes:
        value: It, or its negative: the one of them that `Values.split` calls positive.
        sign: 1 or -1.
        part: What it is in the other: a number, 0 or more.
    """

    value: int
    sign: int
    part: int


@cache
def keeps_zero(name: str) -> bool:
    """Whether an op of one argument is zero where its argument is, for all weights."""
    op = get_op(name)
    if op.kind != "activation":
        return False
    zeros, weights = np.zeros((1, 3)), {w: np.ones(3) for w, _ in op.weights}
    args = (weights, zeros) if weights else (zeros,)
    with np.errstate(all="ignore"):
        return bool(np.all(op.function(np, *args) == 0))


def is_fresh(form: Form) -> bool:
    """Whether a value is a linear that is as likely to be drawn as its negative."""
    return is_blind(form) and not form[2][1]


def is_blind(form: Form) -> bool:
    """Whether it is a linear as likely to be drawn for an argument of another sign."""
    if form[0] != "op" or form[1] != "linear":
        return False
    return not form[2][0] or form[3] == (ZERO,)


def is_odd(form: Form) -> bool:
    """Whether it is of one argument and has its sign."""
    if form[0] != "op":
        return bool(form[0] == "swing")
    if form[1] == "linear":
        return not form[2][1] and not is_blind(form)
    return get_op(form[1]).odd
