"""What the nodes of a cell are in normal form: a rule for each op with identities."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from cells.identity.forms import ABOVE, BELOW, keeps_zero
from cells.identity.normal_form import Values
from cells.ir import Node
from cells.ops import get_op

KEEPS_SIGN: Final = frozenset({"tanh", "silu", "rms_norm", "leaky_relu"})
"""Ops whose value is nowhere of the other sign than their argument."""

USES_BOUNDS: Final = frozenset({"relu", "leaky_relu"})
"""Ops with identities that depend on the sign of their argument."""


def value_of(values: Values, index: int, node: Node, args: Sequence[int]) -> int:
    """The value of a node, the cell's `index`-th, applied to these values."""
    rule = _RULES.get(node.op)
    if rule is not None:
        return rule(values, *args)
    op = get_op(node.op)
    if op.arity == 1 and args[0] == values.zero and keeps_zero(node.op):
        return values.zero
    if node.op == "linear":
        return _linear(values, index, node.attrs, args[0])

    # f(-a) = -f(a), with the same weights.
    bounds, sign = ABOVE if op.nonnegative else 0, 1
    if op.odd:
        sign, arg = values.split(args[0])
        args = (arg,)
    if op.weights:
        values.flips[index] = (sign, sign)
    elif node.op in KEEPS_SIGN:
        bounds |= values.bounds[args[0]]
    value = values.op(node.op, args, bounds, index if op.weights else -1)
    return value if sign > 0 else values.negative(value)


def _add(values: Values, a: int, b: int) -> int:
    return _sum(values, a, b, 1)


def _subtract(values: Values, a: int, b: int) -> int:
    return _sum(values, a, b, -1)


def _sum(values: Values, a: int, b: int, sign: int) -> int:
    # (2 u + v) - (u - w) = u + v + w; what cancels is gone: a + (b - a) = b.
    terms = dict(_addends(values, a))
    for value, coefficient in _addends(values, b):
        total = terms.pop(value, 0.0) + sign * coefficient
        if total:
            terms[value] = total

    # Too long a sum has its two arguments as terms.
    if values.merges and sum(map(abs, terms.values())) > values.max_terms:
        own, first = values.split(a)
        other, second = values.split(b)
        terms = {first: float(own)}
        terms[second] = terms.get(second, 0.0) + sign * other
    return values.sum_of(terms)


def _addends(values: Values, value: int) -> Iterable[tuple[int, float]]:
    """The terms by which a value enters a sum: itself, or a sum's if it is open."""
    form = values.forms[value]
    if form[0] != "sum":
        return ((value, 1.0),)
    terms: tuple[tuple[int, float], ...] = form[1]
    if not terms or (len(terms) == 1 and abs(terms[0][1]) == 1):
        return terms
    sign, base = values.split(value)
    if base in values.odd_parts:
        return terms
    if values.merges:
        values.note_merged(base)
        return terms
    # Sums stay as grouped, but a gate is no sum to whoever wrote it.
    return terms if values.is_gated(base) else ((base, float(sign)),)


def _multiply(values: Values, a: int, b: int) -> int:
    if values.zero in (a, b):
        return values.zero
    # u v * -u w = -(u^2 v w), and u * 1 = u.
    sign, first = values.factors_of(a)
    other, second = values.factors_of(b)
    factors = dict(first)
    for value, exponent in second:
        factors[value] = factors.get(value, 0) + exponent

    # Too long a product has its two arguments as factors.
    if values.merges and sum(factors.values()) > values.max_terms:
        (_, left), (_, right) = values.split(a), values.split(b)
        factors = {left: 1}
        factors[right] = factors.get(right, 0) + 1
    product = values.product_of(factors)
    return product if sign == other else values.negative(product)


def _sigmoid(values: Values, a: int) -> int:
    """sigmoid(a) = 1 / 2 + t / 2, and sigmoid(-a) = 1 / 2 - t / 2."""
    if not values.signed:
        return values.op("sigmoid", (a,), ABOVE)
    sign, base = values.split(a)
    swing = values.intern(("swing", base), values.bounds[base])
    return values.gate(swing, sign)


def _linear(values: Values, index: int, attrs: Sequence[float], a: int) -> int:
    """A kernel that starts symmetric takes a sign, and so does such a bias.

    W (-v) + b = (-W) v + b; and, if b starts at 0, W (-v) + b = -(W v + (-b)).
    """
    # Adding zero turns -0.0 into 0.0: the same number, written in one way.
    diagonal, bias = attrs[0] + 0.0, attrs[1] + 0.0
    sign, arg = values.split(a) if not diagonal or not bias else (1, a)
    outer = sign if diagonal else 1
    values.flips[index] = (sign, outer)
    value = values.op("linear", (arg,), 0, index, (diagonal, bias))
    return value if outer > 0 else values.negative(value)


def _maximum(values: Values, a: int, b: int) -> int:
    return _extreme(values, "maximum", a, b)


def _minimum(values: Values, a: int, b: int) -> int:
    """min(a, b) is -max(-a, -b), and written so where signs are taken out."""
    if not values.signed:
        return _extreme(values, "minimum", a, b)
    return values.negative(_maximum(values, values.negative(a), values.negative(b)))


def _extreme(values: Values, name: str, a: int, b: int) -> int:
    # max(max(a, b), a) = max(a, b), and max(a, a) = a.
    members: set[int] = set()
    for value in (a, b):
        form = values.forms[value]
        if form[0] == name and values.merges:
            values.note_merged(value)
            members.update(form[1])
        else:
            members.add(value)
    if len(members) == 1:
        return a
    if 1 < values.max_terms < len(members):
        members = {a, b}

    # The larger of two is never negative if one of them is not, the smaller if both.
    bounds = [values.bounds[value] for value in members]
    above, below = (any, all) if name == "maximum" else (all, any)
    found = ABOVE if above(b & ABOVE for b in bounds) else 0
    found |= BELOW if below(b & BELOW for b in bounds) else 0
    return values.intern((name, tuple(sorted(members))), found)


def _relu(values: Values, a: int) -> int:
    """relu(a): a itself where a is never negative; a leaky one below is cut off."""
    while values.forms[a][:2] == ("op", "leaky_relu"):
        a = values.forms[a][3][0]
    return a if values.bounds[a] & ABOVE else values.op("relu", (a,), ABOVE)


def _leaky_relu(values: Values, a: int) -> int:
    """leaky_relu(a): a itself where a is never negative."""
    bounds = values.bounds[a]
    return a if bounds & ABOVE else values.op("leaky_relu", (a,), bounds)


_RULES: Final[dict[str, Callable[..., int]]] = {
    "add": _add,
    "subtract": _subtract,
    "multiply": _multiply,
    "sigmoid": _sigmoid,
    "maximum": _maximum,
    "minimum": _minimum,
    "relu": _relu,
    "leaky_relu": _leaky_relu,
}
"""Ops with identities beyond equality of arguments: op to its rule."""
