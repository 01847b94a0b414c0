"""A table over time in JAX: any cell that fits, by one program.

Everything is that of one cell; `jax.vmap` over arrays, weights and inputs makes it that
of many different ones: the linear maps of a level are then one batched product, and its
rows one elementwise operation over all cells. What depends on x only is computed for
each row of the embedding, before the scan.

A sum gathers the few values that it reads. Its gradient is not scattered to them:
each value gathers the cotangents of the few sums that read it, so that nothing is
added up in an order that depends on the device.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from cells.scan.hoisted import take_rows
from cells.tables.arrays import (
    LevelArrays,
    Reads,
    SectionArrays,
    TableArrays,
    num_pooled,
    num_values,
    spans,
)
from cells.tables.table import Extent, Size
from cells.tables.weights import Maps, TableWeights
from cells.tanh import tanh

Array = jax.Array


class ByLevel(NamedTuple):
    """The linear maps of a section.

    Attributes:
        kernels: [K, H, H] of each level; a slice would be copied at every step.
        biases: [K, H] of all levels.
    """

    kernels: tuple[Array, ...]
    biases: Array


def scan_tokens(
    room: Size,
    arrays: TableArrays,
    weights: TableWeights,
    mask: Array,
    carry: Sequence[Array],
    table: Array,
    tokens: Array,
) -> tuple[tuple[Array, ...], Array]:
    """See `AnyLayer.scan_tokens`."""
    rows, width = table.shape
    exports = run(room.before, arrays.before, weights.before, mask, table[None])
    packed = exports.swapaxes(0, 1).reshape(rows, -1)
    read = take_rows(packed, tokens).reshape(*tokens.shape, -1, width)
    seen = jnp.moveaxis(read, 2, 1)
    last, outputs = recur(
        room.step, arrays.step, weights.step, mask, jnp.stack(carry), seen
    )
    return tuple(last), outputs


def apart(block: Array) -> Array:
    """Has a block be computed once.

    Fused into all that read it, which is much, it would be computed again and again.
    """
    held: Array = jax.lax.optimization_barrier(block)  # type: ignore[no-untyped-call]
    return held


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def run(
    extent: Extent, arrays: SectionArrays, maps: Maps, mask: Array, inputs: Array
) -> Array:
    """A section from its inputs to its outputs, [n, B, H] both."""
    outputs, _, _ = _run(extent, arrays, _by_level(extent, maps), mask, inputs)
    return outputs


def _run_forward(
    extent: Extent, arrays: SectionArrays, maps: Maps, mask: Array, inputs: Array
) -> tuple[Array, Any]:
    by_level = _by_level(extent, maps)
    outputs, values, args = _run(extent, arrays, by_level, mask, inputs)
    return outputs, (arrays, by_level.kernels, mask, values, args)


def _run_backward(extent: Extent, kept: Any, cotangent: Array) -> Any:
    arrays, kernels, mask, values, args = kept
    back, bound = _pulled(extent, arrays, kernels, mask, values, cotangent)
    grads = jnp.einsum("kbh,kbg->khg", args, bound) * mask[None, :, None]
    return None, Maps(grads, bound.sum(1)), None, back


run.defvjp(_run_forward, _run_backward)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def recur(
    extent: Extent,
    arrays: SectionArrays,
    maps: Maps,
    mask: Array,
    carry: Array,
    seen: Array,
) -> tuple[Array, Array]:
    """The recurrence: from [M, B, H] and [T, K, B, H] to [M, B, H] and [T, B, H]."""
    by_level = _by_level(extent, maps)
    last, (_, _, outputs) = _forward(extent, arrays, by_level, mask, carry, seen)
    return last, outputs


def _forward(
    extent: Extent,
    arrays: SectionArrays,
    maps: ByLevel,
    mask: Array,
    carry: Array,
    seen: Array,
) -> tuple[Array, tuple[Array, Array, Array]]:
    """Also the values of each step and what its linear maps were applied to."""

    def step(states: Array, now: Array) -> Any:
        inputs = jnp.concatenate([states, now])
        new, values, args = _run(extent, arrays, maps, mask, inputs)
        return new, (values, args, new[0])

    return jax.lax.scan(step, carry, seen)


def _recur_forward(
    extent: Extent, arrays: SectionArrays, maps: Maps, mask: Array, *inputs: Array
) -> Any:
    by_level = _by_level(extent, maps)
    last, (values, args, outputs) = _forward(extent, arrays, by_level, mask, *inputs)
    return (last, outputs), (arrays, by_level.kernels, mask, values, args)


def _recur_backward(extent: Extent, kept: Any, cotangents: tuple[Array, Array]) -> Any:
    """The gradient of all kernels is one product over all steps after the scan."""
    arrays, kernels, mask, values, args = kept
    later, emitted = cotangents
    count = len(later)

    def step(later: Array, now: Any) -> Any:
        values, emitted = now
        later = jnp.concatenate([later[:1] + emitted[None], later[1:]])
        back, bound = _pulled(extent, arrays, kernels, mask, values, later)
        return back[:count], (bound, back[count:])

    first, (bound, present) = jax.lax.scan(step, later, (values, emitted), reverse=True)
    grads = jnp.einsum("tkbh,tkbg->khg", args, bound) * mask[None, :, None]
    return None, Maps(grads, bound.sum((0, 2))), None, first, present


recur.defvjp(_recur_forward, _recur_backward)


def _run(
    extent: Extent,
    arrays: SectionArrays,
    maps: ByLevel,
    mask: Array,
    inputs: Array,
) -> tuple[Array, Array, Array]:
    """Outputs, all values, and what linear maps are applied to, [K, B, H]."""
    values, every = _with_room(inputs, num_values(extent)), []
    levels = zip(arrays.levels, spans(extent), maps.kernels, strict=True)
    for level, span, kernel in levels:
        first, second = _factors(level, values)
        rows = _activated(first, second, level)
        values = _put(values, rows, span.rows)
        args = _sums(level.args, values)
        bias = _some(maps.biases, span.linears)
        product = jnp.einsum("kbh,khg->kbg", args, kernel) + bias[:, None, :]
        values = _put(values, product, span.maps)
        every.append(args)
    # Features that are only room are anything within a step, and nothing after it.
    outputs = _sums(arrays.outputs, values) * mask[None, None]
    return outputs, values, jnp.concatenate(every)


def _pulled(
    extent: Extent,
    arrays: SectionArrays,
    kernels: Sequence[Array],
    mask: Array,
    values: Array,
    cotangent: Array,
) -> tuple[Array, Array]:
    """What reaches the inputs of a section, and its linear maps, from its outputs."""
    pool = _with_room(cotangent * mask[None, None], num_pooled(extent))
    bound = []
    levels = zip(arrays.levels, spans(extent), kernels, strict=True)
    for level, span, kernel in reversed([*levels]):
        product = _sums(level.maps, pool)
        args = jnp.einsum("kbg,khg->kbh", product, kernel)
        pool = _put(pool, args, span.args)
        slope = _slope(_some(values, span.rows), level) * _sums(level.rows, pool)
        factors = _factors(level, values)[::-1] * slope[None]
        pool = _put(pool, factors.reshape(-1, *slope.shape[1:]), span.factors)
        bound.append(product)
    back = [_sums(arrays.sources, pool), _sums(arrays.seen, pool)]
    return jnp.concatenate(back), jnp.concatenate(bound[::-1])


def _by_level(extent: Extent, maps: Maps) -> ByLevel:
    kernels = (apart(_some(maps.kernels, span.linears)) for span in spans(extent))
    return ByLevel(tuple(kernels), maps.biases)


def _with_room(known: Array, count: int) -> Array:
    """An array of some places, of which what is known follows the first: [n, B, H]."""
    return jnp.pad(known, ((1, count - 1 - len(known)), (0, 0), (0, 0)))


def _put(block: Array, values: Array, places: range) -> Array:
    """A block with values at some places."""
    if not places:
        return block
    return apart(jax.lax.dynamic_update_slice(block, values, (places.start, 0, 0)))


def _some(block: Array, places: range) -> Array:
    return block[places.start : places.stop]


def _factors(level: LevelArrays, values: Array) -> Array:
    """What the rows of a level multiply, [2, E, B, H]."""
    factors = _sums(level.factors, values)
    return factors.reshape(2, -1, *factors.shape[1:])


def _sums(reads: Reads, block: Array) -> Array:
    """Sums of what is in a block: [R, B, H]."""
    read = block.at[reads.places].get(mode="promise_in_bounds")
    total: Array = (reads.weights[..., None, None] * read).sum(1)
    if reads.constants is not None:
        total = total + reads.constants[:, None, None]
    return total


def _activated(first: Array, second: Array, level: LevelArrays) -> Array:
    """One `tanh` serves both: a sigmoid is half of one at half of the value."""
    value = first * second
    bent = tanh(jnp, jnp.where(level.halved, 0.5 * value, value))
    bent = jnp.where(level.halved, 0.5 * bent + 0.5, bent)
    straight = jnp.where(level.bounded & (value <= 0), 0.0, value)
    return jnp.where(level.curved, bent, straight)


def _slope(rows: Array, level: LevelArrays) -> Array:
    """The derivative of an activation by its result."""
    bent = jnp.where(level.halved, rows, 1.0) - rows * rows
    straight = jnp.where(level.bounded & (rows <= 0), 0.0, 1.0)
    return jnp.where(level.curved, bent, straight)
