"""Affine states over time, all steps at once: h_t = a_t * h_(t-1) + b_t.

Two such steps after each other are one, so that T of them are a tree of depth log2 T
(Blelloch, 1990; Martin and Cundy, 2018, arXiv:1709.04057). It does about twice the
work of a loop, and is for machines on which a step costs its launch.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import jax
import jax.numpy as jnp

from cells.ir import Cell, node_name
from cells.scan.hoisted import Carry, Values, compute
from cells.scan.packed import Params
from cells.scan.split import Split, between

Number = jax.Array | float | None
"""An array `[T, B, H]`, or a float where it is the same everywhere; None is zero."""

Pair = tuple[Number, Number]
"""a and b of a value a * state + b."""


def affine_states(
    split: Split, length: int, params: Params, values: Values, carry: Carry
) -> dict[int, jax.Array]:
    """The new states of an affine cell by number, `[T, B, H]`, by parallel scans.

    Args:
        split: The cell, which is affine as it is written.
        length: T.
        params: Its weights.
        values: Those of the frontier, `[T, B, H]`.
        carry: The M states before the first step, each `[B, H]`.
    """
    # One state after the other: those before it are known at all steps by then.
    known, states = dict(values), dict[int, jax.Array]()
    for state in split.carried:
        first = carry[state - 1]
        shape = (length, *first.shape)
        a, b = _update(split.cell, params, known, state, shape)
        new = _full(b, shape, first.dtype)
        if a is not None:
            new = linear_recurrence(_full(a, shape, first.dtype), new, first)
        states[state] = new
        known[state] = before_of(first, new)
        known[split.cell.outputs[state - 1]] = new
    return states


def before_of(first: jax.Array, states: jax.Array) -> jax.Array:
    """The old state of each step: the new one of the step before."""
    return jnp.concatenate([first[None], states[:-1]])


def linear_recurrence(a: jax.Array, b: jax.Array, first: jax.Array) -> jax.Array:
    """h_t = a_t * h_(t-1) + b_t for all t: `[T, B, H]`.

    Computed in float32 at least, since a product of many a loses digits. Where a loop
    overflows, this may have a NaN; a that are so large that only their product over
    many steps overflows may give one, too.

    Args:
        a: `[T, B, H]`.
        b: `[T, B, H]`.
        first: The state before the first step, `[B, H]`.
    """
    wide = jnp.dtype(jnp.float32) if first.dtype.itemsize < 4 else first.dtype
    states = _recurrence(a.astype(wide), b.astype(wide), first.astype(wide))
    return states.astype(first.dtype)


@jax.custom_vjp
def _recurrence(a: jax.Array, b: jax.Array, first: jax.Array) -> jax.Array:
    head = a[:1] * first[None] + b[:1]
    return _from_zero(a, jnp.concatenate([head, b[1:]]))


def _recurrence_forward(
    a: jax.Array, b: jax.Array, first: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, jax.Array, jax.Array]]:
    states = _recurrence(a, b, first)
    return states, (a, first, states)


def _recurrence_backward(
    saved: tuple[jax.Array, jax.Array, jax.Array], cotangent: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    # g_t = dh_t + a_(t+1) g_(t+1) is such a recurrence, too, from the last step on.
    a, first, states = saved
    following = jnp.concatenate([a[1:], jnp.zeros_like(a[:1])])
    total = _from_zero(following, cotangent, reverse=True)
    return total * before_of(first, states), total, a[0] * total[0]


_recurrence.defvjp(_recurrence_forward, _recurrence_backward)


def _from_zero(a: jax.Array, b: jax.Array, reverse: bool = False) -> jax.Array:
    def join(
        one: tuple[jax.Array, jax.Array], two: tuple[jax.Array, jax.Array]
    ) -> tuple[jax.Array, jax.Array]:
        # a2 (a1 h + b1) + b2 = (a1 a2) h + (a2 b1 + b2)
        return one[0] * two[0], two[0] * one[1] + two[1]

    states: jax.Array = jax.lax.associative_scan(join, (a, b), reverse)[1]
    return states


def _update(
    cell: Cell, params: Params, known: Values, state: int, shape: tuple[int, ...]
) -> Pair:
    """a and b of a new state, `[T, B, H]`."""
    output = cell.outputs[state - 1]
    values = dict(known)
    bound: dict[int, Pair] = {state: (1.0, None)}
    for value in between(cell, [output], known):
        node = cell.node(value)
        if not bound.keys() & set(node.args):
            # Free of this state, though maybe not of those before it.
            values = compute(cell, params, values, [value])
            continue
        pairs = [bound[v] if v in bound else (None, values[v]) for v in node.args]
        if node.op == "scale":
            vector = params[node_name(value - cell.num_inputs)]["scale"]
            pairs.append((None, jnp.broadcast_to(vector, shape)))
        bound[value] = _RULES[node.op](*pairs)
    return bound[output] if output in bound else (None, values[output])


def _plus(one: Number, two: Number) -> Number:
    if one is None or two is None:
        return one if two is None else two
    return one + two


def _minus(one: Number) -> Number:
    return None if one is None else -one


def _times(one: Number, two: Number) -> Number:
    return None if one is None or two is None else one * two


def _sum(one: Pair, two: Pair) -> Pair:
    return _plus(one[0], two[0]), _plus(one[1], two[1])


def _product(one: Pair, two: Pair) -> Pair:
    # (a1 h + b1) (a2 h + b2), where a1 or a2 is zero: there is no square.
    a = _plus(_times(one[0], two[1]), _times(two[0], one[1]))
    return a, _times(one[1], two[1])


_RULES: Final[Mapping[str, Callable[[Pair, Pair], Pair]]] = {
    "add": _sum,
    "subtract": lambda one, two: _sum(one, (_minus(two[0]), _minus(two[1]))),
    "multiply": _product,
    "scale": _product,  # by its vector
}
"""a and b of an op's result, from those of its arguments."""


def _full(number: Number, shape: tuple[int, ...], dtype: Any) -> jax.Array:
    return jnp.broadcast_to(
        jnp.asarray(0.0 if number is None else number, dtype), shape
    )
