"""Before a scan: x-only values at every position, and weights side by side."""

import operator
from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from cells.ir import Cell, node_name
from cells.ops import get_op
from cells.scan.packed import Group, Packed, Params
from cells.scan.plan import Apply, Column, Product, ScanPlan

Values = dict[int, jax.Array]
Carry = tuple[jax.Array, ...]
"""The M states, each `[B, H]`."""


ONE_HOT_ROWS = 512
"""Up to this many rows, the gradient of a row look-up is a product with a one-hot
matrix, which is faster than adding row by row."""


class Weights(NamedTuple):
    """What the recurrent part of a cell multiplies by.

    `kernels` and `biases` are per product, `[mH, kH]` and `[kH]` for m arguments and k
    columns; a bias is None where it is part of the addends. `scales` are vectors by
    value.
    """

    kernels: tuple[jax.Array, ...]
    biases: tuple[jax.Array | None, ...]
    scales: dict[int, jax.Array]


class Hoisted(NamedTuple):
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


def hoist(plan: ScanPlan, params: Params, inputs: jax.Array) -> Hoisted:
    """Computes what depends on x only, for all leading positions of `inputs`."""
    # Some linears are wanted only side by side, as addends: they are not taken apart.
    whole = [_whole_addend(plan, product) for product in plan.products]
    values = compute(plan.cell, params, {0: inputs}, _apart(plan, whole))

    # W_h h + (W_x x + b): what is in parentheses is the addend of the product W_h h.
    addends: list[jax.Array | None] = []
    for product, linears in zip(plan.products, whole, strict=True):
        if linears:
            addends.append(_packed_addend(plan, params, values, product, linears))
        elif product.has_addends:
            parts = [_addend(plan, params, values, c) for c in product.columns]
            addends.append(jnp.concatenate(parts, -1))
        else:
            addends.append(None)
    return Hoisted(tuple(addends), {value: values[value] for value in plan.frontier})


def compute(cell: Cell, params: Params, known: Values, wanted: Sequence[int]) -> Values:
    """What is known, and these nodes of a cell, outside the loop, in order.

    Args:
        cell: The cell.
        params: Its weights.
        known: Values `[..., H]` by number; of constants' cells x is among them.
        wanted: Values of nodes, each after those that it reads and that are not known.
    """
    # Kernels side by side, [H, kH], are one product where there were k.
    values = dict(known)
    together = _together(cell, wanted)
    for value in wanted:
        if value in values:  # computed with another linear of the same argument
            continue
        node = cell.node(value)
        args: list[Any] = [values[arg] for arg in node.args]
        if node.op == "linear":
            group = together[node.args[0]]
            kernel, bias = _kernel(cell, params, group), _bias(cell, params, group)
            packed = _plus(args[0] @ kernel, bias)
            for position, (member,) in enumerate(group):
                values[member] = part(packed, position, args[0].shape[-1])
            continue
        op = get_op(node.op)
        if op.weights:
            args.insert(0, params[_name(cell, value)])
        # A constant has no argument, but needs to know the shape.
        values[value] = op.function(jnp, *(args or [values[0]]))
    return values


def stacked_weights(plan: ScanPlan, params: Params) -> Weights:
    """The weights of the recurrent part, side by side per product."""
    kernels, biases = [], []
    for product in plan.products:
        group = _recurrent(product)
        kernels.append(_kernel(plan.cell, params, group))
        # Where there are addends, `hoist` has put the biases into them.
        hoisted = product.has_addends
        biases.append(None if hoisted else _bias(plan.cell, params, group))
    scales = {
        instruction.value: params[_name(plan.cell, instruction.value)]["scale"]
        for instruction in plan.instructions
        if isinstance(instruction, Apply) and get_op(instruction.op).weights
    }
    return Weights(tuple(kernels), tuple(biases), scales)


def groups_of(plan: ScanPlan) -> tuple[Group, ...]:
    """The linears that a scan multiplies by side by side; each is in one group."""
    whole = [_whole_addend(plan, product) for product in plan.products]
    groups = [
        *(_recurrent(product) for product in plan.products),
        *(_side_by_side(linears) for linears in whole if linears),
        *_together(plan.cell, _apart(plan, whole)).values(),
    ]
    grouped = {value for group in groups for column in group for value in column}
    cell = plan.cell
    for index, node in enumerate(cell.nodes, cell.num_inputs):
        if node.op == "linear" and index not in grouped:  # nothing reads it
            groups.append(((index,),))
    return tuple(groups)


def part(packed: jax.Array, position: int, width: int, count: int = 1) -> jax.Array:
    """Results `position` to `position + count` of a product."""
    start = position * width
    return jax.lax.slice_in_dim(packed, start, start + count * width, axis=-1)


def _whole_addend(plan: ScanPlan, product: Product) -> tuple[int, ...]:
    """The x-only linears of a product whose every column adds just one, of one value.

    They are computed side by side, in the product's order, without being taken apart.
    """
    cell = plan.cell
    added = [value for column in product.columns for _, value in column.addends]
    plain = all([sign for sign, _ in c.addends] == [1] for c in product.columns)
    uses = [arg for node in cell.nodes for arg in node.args]
    single = all(uses.count(v) == 1 and v not in cell.outputs for v in added)
    linears = all(v in plan.before and cell.node(v).op == "linear" for v in added)
    if plain and single and linears and len({cell.node(v).args for v in added}) == 1:
        return tuple(added)
    return ()


def _recurrent(product: Product) -> Group:
    return tuple(column.linears for column in product.columns)


def _side_by_side(linears: Iterable[int]) -> Group:
    return tuple((value,) for value in linears)


def _apart(plan: ScanPlan, whole: Sequence[tuple[int, ...]]) -> list[int]:
    """The x-only values, but for linears of whole addends."""
    merged = {value for linears in whole for value in linears}
    return [value for value in plan.before if value not in merged]


def _together(cell: Cell, wanted: Sequence[int]) -> dict[int, Group]:
    """Linears of one argument, which are one product, by argument."""
    together: dict[int, list[int]] = {}
    for value in wanted:
        node = cell.node(value)
        if node.op == "linear":
            together.setdefault(node.args[0], []).append(value)
    return {arg: _side_by_side(linears) for arg, linears in together.items()}


def _packed_addend(
    plan: ScanPlan,
    params: Params,
    values: Values,
    product: Product,
    linears: tuple[int, ...],
) -> jax.Array:
    """What all columns add, one x-only linear each: one product, `[..., kH]`."""
    summed = tuple(
        (*column.linears, value)
        for column, value in zip(product.columns, linears, strict=True)
    )
    (arg,) = plan.cell.node(linears[0]).args
    kernel = _kernel(plan.cell, params, _side_by_side(linears))
    bias = _bias(plan.cell, params, summed)
    return _plus(values[arg] @ kernel, bias)


def _addend(
    plan: ScanPlan, params: Params, values: Values, column: Column
) -> jax.Array:
    """What a column adds to its product at each position, its biases included."""
    bias = _total(params[_name(plan.cell, value)]["bias"] for value in column.linears)
    total = jnp.broadcast_to(bias, values[0].shape)
    for sign, value in column.addends:
        total = total + values[value] if sign > 0 else total - values[value]
    return total


def _kernel(cell: Cell, params: Params, group: Group) -> jax.Array:
    """Kernels, below each other for one column, side by side for all: `[mH, kH]`."""
    if isinstance(params, Packed) and (whole := params.kernel(group)) is not None:
        kernel: jax.Array = whole
        return kernel
    blocks = [[params[_name(cell, v)]["kernel"] for v in column] for column in group]
    columns = [jnp.concatenate(b) if len(b) > 1 else b[0] for b in blocks]
    return jnp.concatenate(columns, 1) if len(columns) > 1 else columns[0]


def _bias(cell: Cell, params: Params, group: Group) -> jax.Array:
    """Biases, summed for one column, side by side for all: `[kH]`."""
    if isinstance(params, Packed):
        rows = [params.bias(row) for row in zip(*group, strict=True)]
        known = [row for row in rows if row is not None]
        if len(known) == len(rows):
            return _total(known)
    biases = [_total(params[_name(cell, v)]["bias"] for v in c) for c in group]
    return jnp.concatenate(biases) if len(biases) > 1 else biases[0]


def _plus(packed: jax.Array, bias: jax.Array) -> jax.Array:
    return packed + jnp.broadcast_to(bias, packed.shape)


def _total(arrays: Iterable[jax.Array]) -> jax.Array:
    return reduce(operator.add, arrays)


def _name(cell: Cell, value: int) -> str:
    return node_name(value - cell.num_inputs)
