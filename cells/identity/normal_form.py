"""Values in normal form: hash-consed sums, products and ops, with exact identities."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

import numpy as np

from cells.ir import Node
from cells.ops import get_op

Form = tuple[Any, ...]
"""A value's normal form; its arguments are smaller indices of the same table:

- `("input",)`: x; `("state", c)`: the old states of class c;
- `("sum", ((value, coefficient), ...))`: integers times values that are not sums; the
  empty sum is zero;
- `("product", ((value, exponent), ...))`: powers of values that are not products;
- `("maximum", values)`, `("minimum", values)`: of distinct values of another form;
- `("op", name, attrs, args, owner)`: any other op. `owner` is the index of the node if
  it has weights, so that no two such nodes are one value, and -1 if it has none.
"""

KEEPS_SIGN: Final = frozenset({"tanh", "silu", "rms_norm", "leaky_relu"})
"""Ops that take values that are never negative to such values."""


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


class Values:
    """A table of values in normal form: equal values have equal indices.

    Attributes:
        max_terms: No sum, product or extreme is given more.
        forms: The normal form of each value.
        nonnegative: For each value, whether it is known never to be below zero.
        index: The value of each form.
        x: The input's value.
        zero: The empty sum.
    """

    def __init__(self, max_terms: int) -> None:
        self.max_terms = max_terms
        self.forms: list[Form] = []
        self.nonnegative: list[bool] = []
        self.index: dict[Form, int] = {}
        self.x = self.intern(("input",), False)
        self.zero = self.intern(("sum", ()), True)

    def intern(self, form: Form, nonnegative: bool) -> int:
        """The index of the value of this form, which is added if it is new."""
        value = self.index.get(form)
        if value is None:
            value = self.index[form] = len(self.forms)
            self.forms.append(form)
            self.nonnegative.append(nonnegative)
        return value

    def state(self, group: int, nonnegative: bool) -> int:
        """The value of the old states of one class."""
        return self.intern(("state", group), nonnegative)

    def apply(self, index: int, node: Node, args: Sequence[int]) -> int:
        """The value of a node, the cell's `index`-th, applied to these values."""
        rule = _RULES.get(node.op)
        if rule is not None:
            return rule(self, *args)
        op = get_op(node.op)
        if op.arity == 1 and args[0] == self.zero and keeps_zero(node.op):
            return self.zero
        if op.weights:
            # Adding zero turns -0.0 into 0.0: the same number, written in one way.
            attrs = tuple(float(a) + 0.0 for a in node.attrs)
            return self.intern(("op", node.op, attrs, tuple(args), index), False)
        sign = node.op in KEEPS_SIGN and self.nonnegative[args[0]]
        return self.op(node.op, args, op.commutative, op.nonnegative or sign)

    def op(
        self, name: str, args: Sequence[int], commutative: bool, nonnegative: bool
    ) -> int:
        """The value of an op without weights that no identity changes."""
        ordered = tuple(sorted(args) if commutative else args)
        return self.intern(("op", name, (), ordered, -1), nonnegative)

    def add(self, a: int, b: int) -> int:
        """a + b."""
        return self._sum(a, b, 1)

    def subtract(self, a: int, b: int) -> int:
        """a - b."""
        return self._sum(a, b, -1)

    def _sum(self, a: int, b: int, sign: int) -> int:
        # (2 u + v) - (u - w) = u + v + w; what cancels is gone: a + (b - a) = b.
        terms = dict(self._parts("sum", a))
        for value, coefficient in self._parts("sum", b):
            total = terms.pop(value, 0) + sign * coefficient
            if total:
                terms[value] = total

        # Too long a sum keeps its two arguments; a sum of one term is that term.
        nonnegative = all(c > 0 and self.nonnegative[v] for v, c in terms.items())
        if sum(map(abs, terms.values())) > self.max_terms:
            name = "add" if sign > 0 else "subtract"
            return self.op(name, (a, b), sign > 0, nonnegative)
        if list(terms.values()) == [1]:
            return next(iter(terms))
        return self.intern(("sum", tuple(sorted(terms.items()))), nonnegative)

    def multiply(self, a: int, b: int) -> int:
        """a * b."""
        if self.zero in (a, b):
            return self.zero
        # u v * u w = u^2 v w, and u * 1 = u.
        factors = dict(self._parts("product", a))
        for value, exponent in self._parts("product", b):
            factors[value] = factors.get(value, 0) + exponent
        factors = {v: e for v, e in factors.items() if self.forms[v][1:2] != ("one",)}

        # u^2 v is never negative if v is not; 1 * 1 is whichever of the two.
        nonnegative = all(e % 2 == 0 or self.nonnegative[v] for v, e in factors.items())
        if sum(factors.values()) > self.max_terms:
            return self.op("multiply", (a, b), True, nonnegative)
        if not factors:
            return a
        if list(factors.values()) == [1]:
            return next(iter(factors))
        return self.intern(("product", tuple(sorted(factors.items()))), nonnegative)

    def maximum(self, a: int, b: int) -> int:
        """The larger of a and b."""
        return self._extreme("maximum", a, b, any)

    def minimum(self, a: int, b: int) -> int:
        """The smaller of a and b."""
        return self._extreme("minimum", a, b, all)

    def _extreme(self, name: str, a: int, b: int, some: Callable[..., bool]) -> int:
        # max(max(a, b), a) = max(a, b), and max(a, a) = a.
        members: set[int] = set()
        for value in (a, b):
            form = self.forms[value]
            members.update(form[1] if form[0] == name else (value,))
        nonnegative = some(self.nonnegative[value] for value in members)
        if len(members) == 1:
            return a
        if len(members) > self.max_terms:
            return self.op(name, (a, b), True, nonnegative)
        return self.intern((name, tuple(sorted(members))), nonnegative)

    def relu(self, a: int) -> int:
        """relu(a): a itself where a is never negative; a leaky one below is cut off."""
        while self.forms[a][:2] == ("op", "leaky_relu"):
            a = self.forms[a][3][0]
        return a if self.nonnegative[a] else self.op("relu", (a,), False, True)

    def leaky_relu(self, a: int) -> int:
        """leaky_relu(a): a itself where a is never negative."""
        return a if self.nonnegative[a] else self.op("leaky_relu", (a,), False, False)

    def _parts(self, kind: str, value: int) -> tuple[tuple[int, int], ...]:
        form = self.forms[value]
        parts: tuple[tuple[int, int], ...] = form[1] if form[0] == kind else ()
        return parts if form[0] == kind else ((value, 1),)

    def args(self, value: int) -> tuple[int, ...]:
        """The values that a value is computed from within one step."""
        form = self.forms[value]
        if form[0] == "op":
            args: tuple[int, ...] = form[3]
            return args
        if form[0] in ("sum", "product"):
            return tuple(part for part, _ in form[1])
        return form[1] if form[0] in ("maximum", "minimum") else ()


_RULES: Final[dict[str, Callable[..., int]]] = {
    "add": Values.add,
    "subtract": Values.subtract,
    "multiply": Values.multiply,
    "maximum": Values.maximum,
    "minimum": Values.minimum,
    "relu": Values.relu,
    "leaky_relu": Values.leaky_relu,
}
"""Ops with identities beyond equality of arguments: op to its rule."""
