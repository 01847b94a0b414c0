"""The fast scan: x-only work before it, weight gradients after it.

All of it is exact algebra on the cell's plan:

- what depends on x only is computed for all steps at once, or once per row of the
  embedding;
- linears of the same arguments are one product, and an activation of several of their
  results is one call;
- the backward scan keeps only the cotangents of the products' results; the gradient of
  each weight is then one large product over all steps, where plain reverse-mode
  differentiation adds a matrix to an accumulator at every step;
- the forward scan keeps what is costly to compute (activations, products); sums and
  products of elements are computed again.
"""

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from cells.ir import node_name
from cells.ops import get_op
from cells.plan import (
    Apply,
    Batch,
    Instruction,
    Member,
    Multiply,
    Plan,
    Sum,
    reads,
    writes,
)

Values = dict[int, jax.Array]
Params = Mapping[str, Mapping[str, jax.Array]]
Carry = tuple[jax.Array, ...]

ONE_HOT_ROWS = 512
"""Up to this many rows, the gradient of a row look-up is a product with a one-hot
matrix, which is faster than adding row by row."""


class _Weights(NamedTuple):
    """What the recurrent part of a cell multiplies by.

    `kernels` and `biases` are per product, `[mH, kH]` and `[kH]` for m arguments and k
    members; a bias is None where it is part of the addends. `scales` are vectors by
    value.
    """

    kernels: tuple[jax.Array, ...]
    biases: tuple[jax.Array | None, ...]
    scales: dict[int, jax.Array]


class _Known(NamedTuple):
    """What is known before the scan, at each step or for each row.

    `addends` are per product, `[..., kH]`, or None; `frontier` by value, `[..., H]`.
    """

    addends: tuple[jax.Array | None, ...]
    frontier: dict[int, jax.Array]


def scan_steps(
    plan: Plan, params: Params, carry: Carry, inputs: jax.Array
) -> tuple[Carry, jax.Array]:
    """Runs a cell over `inputs`, `[T, B, H]`; see `Layer.scan`."""
    known = _before(plan, params, inputs)
    return _core(plan, inputs.shape[0], _weights(plan, params), known, carry)


def scan_rows(
    plan: Plan, params: Params, carry: Carry, table: jax.Array, tokens: jax.Array
) -> tuple[Carry, jax.Array]:
    """Runs a cell over `table[tokens]`; see `Layer.scan_tokens`."""
    if table.shape[0] >= tokens.size:
        return scan_steps(plan, params, carry, take_rows(table, tokens))
    rows = _before(plan, params, table)
    known = jax.tree.map(lambda array: take_rows(array, tokens), rows)
    return _core(plan, tokens.shape[0], _weights(plan, params), known, carry)


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


def _before(plan: Plan, params: Params, inputs: jax.Array) -> _Known:
    """Computes what depends on x only, for all leading positions of `inputs`."""
    values = _x_only(plan, params, inputs)
    addends = tuple(
        jnp.concatenate(
            [_addend(plan, params, values, member) for member in product.members], -1
        )
        if product.has_addends
        else None
        for product in plan.products
    )
    return _Known(addends, {value: values[value] for value in plan.frontier})


def _x_only(plan: Plan, params: Params, inputs: jax.Array) -> Values:
    """The x-only values; linears of one argument are one product."""
    cell = plan.cell
    values: Values = {0: inputs}
    together: dict[int, list[int]] = {}
    for value in plan.before:
        node = cell.nodes[value - cell.num_inputs]
        if node.op == "linear":
            together.setdefault(node.args[0], []).append(value)
    for value in plan.before:
        if value in values:
            continue
        node = cell.nodes[value - cell.num_inputs]
        op = get_op(node.op)
        if node.op == "linear":
            group = together[node.args[0]]
            kernel, bias = _stack(plan, params, [(member,) for member in group])
            packed = values[node.args[0]] @ kernel
            packed = packed + jnp.broadcast_to(bias, packed.shape)
            width = inputs.shape[-1]
            for position, member in enumerate(group):
                values[member] = _part(packed, position, width)
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


def _stack(
    plan: Plan, params: Params, members: list[tuple[int, ...]]
) -> tuple[jax.Array, jax.Array]:
    """Kernels and biases side by side: `[mH, kH]` and `[kH]`."""
    blocks = [[params[_name(plan, v)]["kernel"] for v in m] for m in members]
    columns = [jnp.concatenate(b) if len(b) > 1 else b[0] for b in blocks]
    biases = [_total(params[_name(plan, v)]["bias"] for v in m) for m in members]
    if len(columns) == 1:
        return columns[0], biases[0]
    return jnp.concatenate(columns, 1), jnp.concatenate(biases)


def _weights(plan: Plan, params: Params) -> _Weights:
    kernels, biases = [], []
    for product in plan.products:
        kernel, bias = _stack(plan, params, [m.linears for m in product.members])
        kernels.append(kernel)
        biases.append(None if product.has_addends else bias)
    scales = {
        step.value: params[_name(plan, step.value)]["scale"]
        for step in plan.steps
        if isinstance(step, Apply) and get_op(step.op).weights
    }
    return _Weights(tuple(kernels), tuple(biases), scales)


def _part(packed: jax.Array, position: int, width: int, count: int = 1) -> jax.Array:
    """Results `position` to `position + count` of a product."""
    start = position * width
    return jax.lax.slice_in_dim(packed, start, start + count * width, axis=-1)


@dataclass(frozen=True)
class _Run:
    """Computes instructions on arrays `[..., H]`; remembers products and batches."""

    plan: Plan
    weights: _Weights
    addends: tuple[jax.Array | None, ...]
    values: Values
    products: dict[int, jax.Array]
    batches: dict[Batch, jax.Array]

    def __call__(self, step: Instruction) -> None:
        """Computes one instruction."""
        width = self.values[1].shape[-1]
        match step:
            case Multiply(index):
                self._multiply(index, width)
            case Batch(op, product, start, values):
                packed = self.products[product]
                if len(values) < len(self.plan.products[product].members):
                    packed = _part(packed, start, width, len(values))
                result = get_op(op).function(jnp, packed)
                self.batches[step] = result
                for position, value in enumerate(values):
                    self.values[value] = _part(result, position, width)
            case Apply(op, args, value):
                self.values[value] = self.apply(step, *(self.values[a] for a in args))
            case Sum(terms, value):
                self.values[value] = _signed_sum(terms, self.values)

    def apply(self, step: Apply, *args: jax.Array) -> jax.Array:
        """The op of one `Apply` on its arguments."""
        op = get_op(step.op)
        weights: tuple[Any, ...] = ()
        if op.weights:
            weights = ({"scale": self.weights.scales[step.value]},)
        result: jax.Array = op.function(jnp, *weights, *args)
        return result

    def _multiply(self, index: int, width: int) -> None:
        product = self.plan.products[index]
        args = [self.values[arg] for arg in product.args]
        left = jnp.concatenate(args, -1) if len(args) > 1 else args[0]
        addend = self.addends[index]
        right = self.weights.biases[index] if addend is None else addend
        assert right is not None
        packed = left @ self.weights.kernels[index]
        packed = packed + jnp.broadcast_to(right, packed.shape)
        self.products[index] = packed
        for position, member in enumerate(product.members):
            self.values[member.value] = _part(packed, position, width)


def _signed_sum(terms: tuple[tuple[int, int], ...], values: Values) -> jax.Array:
    total: jax.Array | None = None
    for sign, value in sorted(terms, reverse=True):
        term = values[value]
        if total is None:
            total = term if sign > 0 else -term
        else:
            total = total + term if sign > 0 else total - term
    assert total is not None
    return total


class _Kept(NamedTuple):
    """What the forward scan hands to the backward pass, each `[T, B, ...]`."""

    states: Carry
    values: Values
    batches: tuple[jax.Array, ...]


def _forward(
    plan: Plan,
    length: int,
    weights: _Weights,
    known: _Known,
    carry: Carry,
    keep: bool,
) -> tuple[Carry, jax.Array, _Kept | None]:
    kept_batches, kept_values = _kept(plan)

    def body(carry: Carry, known: _Known) -> tuple[Carry, Any]:
        values = dict(enumerate(carry, 1)) | known.frontier
        run = _Run(plan, weights, known.addends, values, {}, {})
        for step in plan.steps:
            run(step)
        new = tuple(run.values[output] for output in plan.cell.outputs)
        if not keep:
            return new, new[0]
        return new, _Kept(
            new,
            {value: run.values[value] for value in kept_values},
            tuple(run.batches[batch] for batch in kept_batches),
        )

    final, history = jax.lax.scan(body, carry, known, length)
    if not keep:
        return final, history, None
    return final, history.states[0], history


def _kept(plan: Plan) -> tuple[list[Batch], list[int]]:
    """The batches and values to keep; new states are kept as such."""
    batches = [
        step
        for step in plan.steps
        if isinstance(step, Batch) and set(step.values) & set(plan.saved)
    ]
    whole = {value for batch in batches for value in batch.values}
    values = [v for v in plan.saved if v not in whole and v not in plan.cell.outputs]
    return batches, values


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _core(
    plan: Plan, length: int, weights: _Weights, known: _Known, carry: Carry
) -> tuple[Carry, jax.Array]:
    """The scan itself: final states, and the outputs `[T, B, H]`."""
    final, outputs, _ = _forward(plan, length, weights, known, carry, keep=False)
    return final, outputs


def _core_forward(
    plan: Plan, length: int, weights: _Weights, known: _Known, carry: Carry
) -> tuple[tuple[Carry, jax.Array], tuple[_Weights, _Known, Carry, _Kept | None]]:
    final, outputs, kept = _forward(plan, length, weights, known, carry, keep=True)
    return (final, outputs), (weights, known, carry, kept)


class _Cotangents(NamedTuple):
    """What the backward scan hands out at each step, `[T, ...]`.

    `products` are the cotangents of the products' results, `[T, B, kH]`; `scales` are
    already summed over the batch, `[T, H]`.
    """

    products: tuple[jax.Array, ...]
    frontier: Values
    scales: Values


def _core_backward(
    plan: Plan,
    length: int,
    residuals: tuple[_Weights, _Known, Carry, _Kept],
    cotangents: tuple[Carry, jax.Array],
) -> tuple[_Weights, _Known, Carry]:
    weights, known, carry, kept = residuals
    before = tuple(
        jnp.concatenate([first[None], states[:-1]])
        for first, states in zip(carry, kept.states, strict=True)
    )
    transposed = tuple(kernel.T for kernel in weights.kernels)

    def body(d_carry: Carry, step: Any) -> tuple[Carry, _Cotangents]:
        d_output, before, kept, frontier = step
        pull = _Pull(_replay(plan, weights, before, kept, frontier), transposed)
        pull.add(plan.cell.outputs[0], d_output)
        for output, cotangent in zip(plan.cell.outputs, d_carry, strict=True):
            pull.add(output, cotangent)
        for instruction in reversed(plan.steps):
            pull(instruction)
        states = range(1, plan.cell.num_inputs)
        return tuple(pull.total(state) for state in states), pull.results()

    d_final, d_outputs = cotangents
    history = (d_outputs, before, kept, known.frontier)
    d_carry, found = jax.lax.scan(body, d_final, history, length, reverse=True)
    values = _replay(plan, weights, before, kept, known.frontier).values
    d_weights = _weight_gradients(plan, weights, values, found)
    d_addends = tuple(
        None if addend is None else product
        for addend, product in zip(known.addends, found.products, strict=True)
    )
    return d_weights, _Known(d_addends, found.frontier), d_carry


_core.defvjp(_core_forward, _core_backward)


def _replay(
    plan: Plan, weights: _Weights, before: Carry, kept: _Kept, frontier: Values
) -> _Run:
    """The values that the backward pass reads, of one step or of all at once."""
    values = dict(enumerate(before, 1)) | frontier | kept.values
    batches, _ = _kept(plan)
    for output, state in zip(plan.cell.outputs, kept.states, strict=True):
        if output in plan.saved:
            values[output] = state
    run = _Run(plan, weights, (), values, {}, {})
    width = before[0].shape[-1]
    for batch, packed in zip(batches, kept.batches, strict=True):
        run.batches[batch] = packed
        for position, value in enumerate(batch.values):
            values[value] = _part(packed, position, width)
    for step in plan.steps:
        if set(writes(step, plan.products)) <= set(plan.recomputed):
            run(step)
    return run


def _weight_gradients(
    plan: Plan, weights: _Weights, values: Values, found: _Cotangents
) -> _Weights:
    """One product over all steps for each kernel, `[mH, TB] @ [TB, kH]`."""
    kernels, biases = [], []
    for index, product in enumerate(plan.products):
        args = [values[arg] for arg in product.args]
        left = jnp.concatenate(args, -1) if len(args) > 1 else args[0]
        right = found.products[index]
        kernels.append(
            left.reshape(-1, left.shape[-1]).T @ right.reshape(-1, right.shape[-1])
        )
        bias = weights.biases[index]
        biases.append(None if bias is None else right.sum((0, 1)))
    scales = {value: total.sum(0) for value, total in found.scales.items()}
    return _Weights(tuple(kernels), tuple(biases), scales)


class _Pull:
    """Reverse-mode differentiation of one step, instruction by instruction."""

    def __init__(self, run: _Run, transposed: tuple[jax.Array, ...]) -> None:
        self.run = run
        self.transposed = transposed
        self.totals: Values = {}
        self.pieces: dict[int, dict[int, jax.Array]] = {}
        self.products: dict[int, jax.Array] = {}
        self.scales: Values = {}

    def add(self, value: int, cotangent: jax.Array) -> None:
        """Adds to the cotangent of a value."""
        old = self.totals.get(value)
        self.totals[value] = cotangent if old is None else old + cotangent

    def total(self, value: int) -> jax.Array:
        """The cotangent of a value, zeros where nothing reads it."""
        found = self.totals.get(value)
        return jnp.zeros_like(self.run.values[1]) if found is None else found

    def results(self) -> _Cotangents:
        """What leaves the backward scan."""
        plan = self.run.plan
        return _Cotangents(
            tuple(self.products[index] for index in range(len(plan.products))),
            {value: self.total(value) for value in plan.frontier},
            self.scales,
        )

    def __call__(self, step: Instruction) -> None:
        """Pulls the cotangent of what an instruction computed back to what it read."""
        match step:
            case Multiply(index):
                self._multiply(index)
            case Batch():
                self._batch(step)
            case Apply():
                self._apply(step)
            case Sum(terms, value):
                total = self.total(value)
                for sign, term in terms:
                    self.add(term, total if sign > 0 else -total)

    def _multiply(self, index: int) -> None:
        product = self.run.plan.products[index]
        pieces = self.pieces.get(index, {})
        row: list[jax.Array] = []
        position = 0
        while position < len(product.members):
            piece = pieces.get(position)
            if piece is None:
                piece = self.total(product.members[position].value)
            row.append(piece)
            position += piece.shape[-1] // self.run.values[1].shape[-1]
        packed = jnp.concatenate(row, -1) if len(row) > 1 else row[0]
        self.products[index] = packed
        pulled = packed @ self.transposed[index]
        width = self.run.values[1].shape[-1]
        for place, arg in enumerate(product.args):
            self.add(arg, _part(pulled, place, width))

    def _batch(self, step: Batch) -> None:
        op = get_op(step.op)
        totals = [self.total(value) for value in step.values]
        args: list[jax.Array | None] = [None]
        if "args" in op.reads:
            read = reads(step, self.run.plan.products)
            args = [jnp.concatenate([self.run.values[v] for v in read], -1)]
        assert op.pullback is not None
        output = self.run.batches.get(step)
        (pulled,) = op.pullback(jnp, jnp.concatenate(totals, -1), output, *args)
        self.pieces.setdefault(step.product, {})[step.start] = pulled

    def _apply(self, step: Apply) -> None:
        op = get_op(step.op)
        values = self.run.values
        total = self.total(step.value)
        if op.pullback is not None:
            read = [values.get(arg) for arg in step.args]
            pulled = op.pullback(jnp, total, values.get(step.value), *read)
        else:
            args = [values[arg] for arg in step.args]
            pulled = jax.vjp(partial(self.run.apply, step), *args)[1](total)
            if op.weights:
                self.scales[step.value] = (total * args[0]).sum(0)
        for arg, cotangent in zip(step.args, pulled, strict=True):
            self.add(arg, cotangent)
