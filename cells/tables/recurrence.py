"""A table over time in JAX: any cell that fits, by one program.

Everything is that of one cell; `jax.vmap` over arrays, weights and inputs makes it that
of many different ones: the linear maps of a level are then one batched product, and its
rows one elementwise operation over all cells. What depends on x only is computed for
each row of the embedding, before the scan.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from cells.scan.hoisted import take_rows
from cells.tables.arrays import (
    LevelArrays,
    Maps,
    SectionArrays,
    TableArrays,
    TableWeights,
)

Array = jax.Array

Values = tuple[Array, ...]
"""All values so far, in order, as blocks [n, B, H]."""


def scan_tokens(
    arrays: TableArrays,
    weights: TableWeights,
    mask: Array,
    carry: Sequence[Array],
    table: Array,
    tokens: Array,
) -> tuple[tuple[Array, ...], Array]:
    """See `AnyLayer.scan_tokens`."""
    rows, width = table.shape
    exports = run(arrays.before, weights.before, mask, table[None])
    packed = exports.swapaxes(0, 1).reshape(rows, -1)
    read = take_rows(packed, tokens).reshape(*tokens.shape, -1, width)
    seen = jnp.moveaxis(read, 2, 1)
    last, outputs = recur(arrays.step, weights.step, mask, jnp.stack(carry), seen)
    return tuple(last), outputs


def apart(blocks: Any) -> Any:
    """Has blocks be computed once.

    Fused into all that read them, which are many, they would be computed again and
    again, and compile for minutes.
    """
    return jax.lax.optimization_barrier(blocks)  # type: ignore[no-untyped-call]


@jax.custom_vjp
def run(arrays: SectionArrays, maps: Maps, mask: Array, inputs: Array) -> Array:
    """A section from its inputs to its outputs, [n, B, H] both."""
    outputs, _ = _run(arrays, maps, mask, inputs)
    return outputs


def _run_forward(
    arrays: SectionArrays, maps: Maps, mask: Array, inputs: Array
) -> tuple[Array, Any]:
    outputs, products = _run(arrays, maps, mask, inputs)
    return outputs, (arrays, maps, mask, inputs, products)


def _run_backward(kept: Any, cotangent: Array) -> Any:
    arrays, maps, mask, inputs, products = kept
    back, args, bound = _pulled(arrays, maps, mask, inputs, products, cotangent)
    kernels = tuple(
        jnp.einsum("kbh,kbg->khg", *pair) for pair in zip(args, bound, strict=True)
    )
    biases = tuple(one.sum(1) for one in bound)
    return _nothing(arrays), Maps(kernels, biases), _nothing(mask), back


run.defvjp(_run_forward, _run_backward)


@jax.custom_vjp
def recur(
    arrays: SectionArrays, maps: Maps, mask: Array, carry: Array, seen: Array
) -> tuple[Array, Array]:
    """The recurrence: from [M, B, H] and [T, K, B, H] to [M, B, H] and [T, B, H]."""
    last, (_, _, outputs) = _forward(arrays, maps, mask, carry, seen)
    return last, outputs


def _forward(
    arrays: SectionArrays, maps: Maps, mask: Array, carry: Array, seen: Array
) -> tuple[Array, tuple[Array, Values, Array]]:
    """Also the states before each step and the products of each level, over time."""

    def step(states: Array, now: Array) -> Any:
        inputs = jnp.concatenate([states, now])
        new, products = _run(arrays, maps, mask, inputs)
        return new, (states, products, new[0])

    return jax.lax.scan(step, carry, seen)


def _recur_forward(
    arrays: SectionArrays, maps: Maps, mask: Array, carry: Array, seen: Array
) -> Any:
    last, (states, products, outputs) = _forward(arrays, maps, mask, carry, seen)
    return (last, outputs), (arrays, maps, mask, states, products, seen)


def _recur_backward(kept: Any, cotangents: tuple[Array, Array]) -> Any:
    """Rows are computed again, from states and products, rather than kept.

    The gradient of a kernel is one product over all steps after the scan.
    """
    arrays, maps, mask, states, products, seen = kept
    later, emitted = cotangents
    count = later.shape[0]

    def step(later: Array, now: Any) -> Any:
        states, products, seen, emitted = now
        inputs = jnp.concatenate([states, seen])
        later = jnp.concatenate([later[:1] + emitted[None], later[1:]])
        back, args, bound = _pulled(arrays, maps, mask, inputs, products, later)
        return back[:count], (args, bound, back[count:])

    over_time = (states, products, seen, emitted)
    first, (args, bound, present) = jax.lax.scan(step, later, over_time, reverse=True)
    kernels = tuple(
        jnp.einsum("tkbh,tkbg->khg", *pair) for pair in zip(args, bound, strict=True)
    )
    biases = tuple(one.sum((0, 2)) for one in bound)
    return _nothing(arrays), Maps(kernels, biases), _nothing(mask), first, present


recur.defvjp(_recur_forward, _recur_backward)


def _run(
    arrays: SectionArrays, maps: Maps, mask: Array, inputs: Array
) -> tuple[Array, Values]:
    """The outputs of a section, and the products of each level."""
    values: Values = (inputs,)
    products: Values = ()
    for level, kernel, bias in zip(arrays.levels, *maps, strict=True):
        rows = apart(_activated(*_factors(level, values), level.codes))
        values += (rows,)
        args = _combined(level.args, values) * mask[None, None]
        product = apart(jnp.einsum("kbh,khg->kbg", args, kernel) + bias[:, None, :])
        products += (product,)
        values += (product,)
    return _combined(arrays.outputs, values), products


def _pulled(
    arrays: SectionArrays,
    maps: Maps,
    mask: Array,
    inputs: Array,
    products: Values,
    cotangent: Array,
) -> tuple[Array, Values, Values]:
    """What reaches the inputs of a section from its outputs.

    Returns:
        The cotangent of the inputs; and level by level the arguments of the linear
        maps, and the cotangents of their results.
    """
    values: Values = (inputs,)
    factors: list[tuple[Array, Array]] = []
    counts = []
    for level, product in zip(arrays.levels, products, strict=True):
        counts.append(sum(map(len, values)))
        first, second = apart(_factors(level, values))
        factors.append((first, second))
        values += (apart(_activated(first, second, level.codes)), product)
    reached = apart(_spread(arrays.outputs, cotangent, values))
    every: list[Array] = []
    bound: list[Array] = []
    for index in reversed(range(len(arrays.levels))):
        level, count = arrays.levels[index], counts[index]
        first, second = factors[index]
        rows = len(first)
        product = reached[count + rows :]
        waiting = jnp.einsum("kbg,khg->kbh", product, maps.kernels[index])
        waiting = waiting * mask[None, None]
        read = values[: 2 * index + 2]
        every.append(_combined(level.args, read) * mask[None, None])
        bound.append(product)
        reached = reached[: count + rows] + _spread(level.args, waiting, read)
        slope = _slope(values[2 * index + 1], level.codes) * reached[count:]
        both = apart((slope * second, slope * first))
        before = values[: 2 * index + 1]
        reached = apart(
            reached[:count]
            + _spread(level.first, both[0], before)
            + _spread(level.second, both[1], before)
        )
    return reached, tuple(reversed(every)), tuple(reversed(bound))


def _factors(level: LevelArrays, values: Values) -> tuple[Array, Array]:
    """What the rows of a level multiply, [E, B, H] each."""
    return _combined(level.first, values), _combined(level.second, values)


def _combined(coefficients: Array, values: Values) -> Array:
    """Coefficients [R, 1 + J] times J values, and the constants: [R, B, H]."""
    shape = (coefficients.shape[0], *values[0].shape[1:])
    total = jnp.broadcast_to(coefficients[:, 0, None, None], shape)
    column = 1
    for block in values:
        for index in range(block.shape[0]):
            total = total + coefficients[:, column, None, None] * block[None, index]
            column += 1
    return total


def _spread(coefficients: Array, cotangent: Array, values: Values) -> Array:
    """What reaches J values from R combinations of them: [J, B, H]."""
    count = sum(map(len, values))
    total = jnp.zeros((count, *values[0].shape[1:]), values[0].dtype)
    for index in range(coefficients.shape[0]):
        total = total + coefficients[index, 1:, None, None] * cotangent[None, index]
    return total


def _activated(first: Array, second: Array, codes: Array) -> Array:
    """One `tanh` serves two codes: a sigmoid is half of one at half of the value."""
    value, code = first * second, codes[:, None, None]
    half = code == 2
    bent = jnp.tanh(jnp.where(half, 0.5 * value, value))
    bent = jnp.where(half, 0.5 * bent + 0.5, bent)
    straight = jnp.where((code == 3) & (value <= 0), 0.0, value)
    return jnp.where((code == 1) | half, bent, straight)


def _slope(rows: Array, codes: Array) -> Array:
    """The derivative of an activation by its result."""
    code = codes[:, None, None]
    bent = jnp.where(code == 2, rows, 1.0) - rows * rows
    straight = jnp.where((code == 3) & (rows <= 0), 0.0, 1.0)
    return jnp.where((code == 1) | (code == 2), bent, straight)


def _nothing(tree: Any) -> Any:
    return jax.tree.map(jnp.zeros_like, tree)
