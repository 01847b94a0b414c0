"""Before a scan: x-only values at every position, and weights side by side."""

import operator
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from cells.ir import node_name
from cells.ops import get_op
from cells.scan.plan import Apply, Member, Plan, Product

Values = dict[int, jax.Array]
Params = Mapping[str, Mapping[str, jax.Array]]
"""Weights by node: `{"n3": {"kernel": [H, H], "bias": [H]}}`."""

Carry = tuple[jax.Array, ...]
"""The M states, each `[B, H]`."""


ONE_HOT_ROWS = 512
"""Up to this many rows, the gradient of a row look-up is a product with a one-hot
matrix, which is faster than adding row by row."""


class Weights(NamedTuple):
    """What the recurrent part of a cell multiplies by.

    `kernels` and `biases` are per product, `[mH, kH]` and `[kH]` for m arguments and k
    members; a bias is None where it is part of the addends. `scales` are vectors by
    value.
    """

    kernels: tuple[jax.Array, ...]
    biases: tuple[jax.Array | None, ...]
    scales: dict[int, jax.Array]


class Known(NamedTuple):
    """What is known before the scan, at each step or for each row.

    `addends` are per product, `[..., kH]`, or None; `frontier` by value, `[..., H]`.
    """

    addends: tuple[jax.Array | None, ...]
    frontier: dict[int, jax.Array]


@jax.custom_vjp
def take_rows(table: jax.Array, tokens: jax.Array) -> jax.Array:
    """`table[tokens]`: `[V, F]` and `[T, B]` give `[T, B, F]`."""
    return table[tokens]


def _take_rows_forward(
    table: jax.Array, tokens: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, int]]:
    return table[tokens], (tokens, table.shape[0])


def _take_rows_backward(
    residuals: tuple[jax.Array, int], cotangent: jax.Array
) -> tuple[jax.Array, None]:
    tokens, rows = residuals
    flat = cotangent.reshape(-1, cotangent.shape[-1])
    if rows <= ONE_HOT_ROWS:
        one_hot = jax.nn.one_hot(tokens.reshape(-1), rows, dtype=flat.dtype)
        return one_hot.T @ flat, None
    total = jnp.zeros((rows, flat.shape[-1]), flat.dtype)
    return total.at[tokens.reshape(-1)].add(flat), None


take_rows.defvjp(_take_rows_forward, _take_rows_backward)


def before_scan(plan: Plan, params: Params, inputs: jax.Array) -> Known:
    """Computes what depends on x only, for all leading positions of `inputs`."""
    whole = {
        index: linears
        for index, product in enumerate(plan.products)
        if (linears := _whole_addend(plan, product))
    }
    merged = {value for linears in whole.values() for value in linears}
    values = _x_only(plan, params, inputs, merged)
    addends: list[jax.Array | None] = []
    for index, product in enumerate(plan.products):
        if index in whole:
            groups = [
                (*member.linears, value)
                for member, value in zip(product.members, whole[index], strict=True)
            ]
            kernel = _kernel(plan, params, [(value,) for value in whole[index]])
            bias = _bias(plan, params, groups)
            packed = values[_arg(plan, whole[index][0])] @ kernel
            addends.append(packed + jnp.broadcast_to(bias, packed.shape))
        elif product.has_addends:
            parts = [_addend(plan, params, values, m) for m in product.members]
            addends.append(jnp.concatenate(parts, -1))
        else:
            addends.append(None)
    frontier = {value: values[value] for value in plan.frontier}
    return Known(tuple(addends), frontier)


def _arg(plan: Plan, value: int) -> int:
    """The argument of a linear node."""
    return plan.cell.nodes[value - plan.cell.num_inputs].args[0]


def _whole_addend(plan: Plan, product: Product) -> tuple[int, ...]:
    """The x-only linears of a product whose every member adds just one, of one value.

    They are computed side by side, in the product's order, without being taken apart.
    """
    found = [value for m in product.members for _, value in m.addends]
    plain = all([sign for sign, _ in m.addends] == [1] for m in product.members)
    uses = [arg for node in plan.cell.nodes for arg in node.args]
    single = all(uses.count(v) == 1 and v not in plan.cell.outputs for v in found)
    linears = all(v in plan.before and _op(plan, v) == "linear" for v in found)
    if plain and single and linears and len({_arg(plan, v) for v in found}) == 1:
        return tuple(found)
    return ()


def _op(plan: Plan, value: int) -> str:
    return plan.cell.nodes[value - plan.cell.num_inputs].op


def _x_only(plan: Plan, params: Params, inputs: jax.Array, skip: set[int]) -> Values:
    """The x-only values but `skip`; linears of one argument are one product."""
    cell = plan.cell
    values: Values = {0: inputs}
    together: dict[int, list[int]] = {}
    before = [value for value in plan.before if value not in skip]
    for value in before:
        node = cell.nodes[value - cell.num_inputs]
        if node.op == "linear":
            together.setdefault(node.args[0], []).append(value)
    for value in before:
        if value in values:
            continue
        node = cell.nodes[value - cell.num_inputs]
        op = get_op(node.op)
        if node.op == "linear":
            group = together[node.args[0]]
            kernel = _kernel(plan, params, [(member,) for member in group])
            bias = _bias(plan, params, [(member,) for member in group])
            packed = values[node.args[0]] @ kernel
            packed = packed + jnp.broadcast_to(bias, packed.shape)
            width = inputs.shape[-1]
            for position, member in enumerate(group):
                values[member] = part(packed, position, width)
            continue
        args: list[Any] = [values[arg] for arg in node.args]
        if op.weights:
            args.insert(0, params[node_name(value - cell.num_inputs)])
        values[value] = op.function(jnp, *(args or [inputs]))
    return values


def _addend(plan: Plan, params: Params, values: Values, member: Member) -> jax.Array:
    """What a member adds to its product at each position, its biases included."""
    bias = _total(params[_name(plan, value)]["bias"] for value in member.linears)
    total = jnp.broadcast_to(bias, values[0].shape)
    for sign, value in member.addends:
        total = total + values[value] if sign > 0 else total - values[value]
    return total


def _total(arrays: Iterable[jax.Array]) -> jax.Array:
    return reduce(operator.add, arrays)


def _name(plan: Plan, value: int) -> str:
    return node_name(value - plan.cell.num_inputs)


def _kernel(
    plan: Plan, params: Params, members: Sequence[tuple[int, ...]]
) -> jax.Array:
    """Kernels, below each other for one member, side by side for all: `[mH, kH]`."""
    blocks = [[params[_name(plan, v)]["kernel"] for v in m] for m in members]
    columns = [jnp.concatenate(b) if len(b) > 1 else b[0] for b in blocks]
    return jnp.concatenate(columns, 1) if len(columns) > 1 else columns[0]


def _bias(plan: Plan, params: Params, members: Sequence[tuple[int, ...]]) -> jax.Array:
    """Biases, summed for one member, side by side for all: `[kH]`."""
    biases = [_total(params[_name(plan, v)]["bias"] for v in m) for m in members]
    return jnp.concatenate(biases) if len(biases) > 1 else biases[0]


def stacked_weights(plan: Plan, params: Params) -> Weights:
    """The weights of the recurrent part, side by side per product."""
    kernels, biases = [], []
    for product in plan.products:
        groups = [member.linears for member in product.members]
        kernels.append(_kernel(plan, params, groups))
        known = product.has_addends
        biases.append(None if known else _bias(plan, params, groups))
    scales = {
        step.value: params[_name(plan, step.value)]["scale"]
        for step in plan.steps
        if isinstance(step, Apply) and get_op(step.op).weights
    }
    return Weights(tuple(kernels), tuple(biases), scales)


def part(packed: jax.Array, position: int, width: int, count: int = 1) -> jax.Array:
    """Results `position` to `position + count` of a product."""
    start = position * width
    return jax.lax.slice_in_dim(packed, start, start + count * width, axis=-1)
