"""One step of a plan, backwards: cotangents, and what they need to be kept."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from cells.ops import get_op
from cells.scan.forward import Run
from cells.scan.hoisted import Carry, Values, Weights, part
from cells.scan.plan import (
    Apply,
    Batch,
    Instruction,
    Multiply,
    Plan,
    Sum,
    reads,
    writes,
)


class Kept(NamedTuple):
    """What the forward scan hands to the backward pass, each `[T, B, ...]`.

    `states` are the new states.
    """

    states: Carry
    values: Values
    batches: tuple[jax.Array, ...]


def kept_of(plan: Plan) -> tuple[list[Batch], list[int]]:
    """The batches and values to keep; new states are kept as such."""
    batches = [
        step
        for step in plan.steps
        if isinstance(step, Batch) and set(step.values) & set(plan.saved)
    ]
    whole = {value for batch in batches for value in batch.values}
    values = [v for v in plan.saved if v not in whole and v not in plan.cell.outputs]
    return batches, values


class Cotangents(NamedTuple):
    """What the backward scan hands out at each step, `[T, ...]`.

    `products` are the cotangents of the products' results, `[T, B, kH]`; `scales` are
    already summed over the batch, `[T, H]`.
    """

    products: tuple[jax.Array, ...]
    frontier: Values
    scales: Values


def replay(
    plan: Plan, weights: Weights, before: Carry, kept: Kept, frontier: Values
) -> Run:
    """The values that the backward pass reads, of one step or of all at once."""
    values = dict(enumerate(before, 1)) | frontier | kept.values
    batches, _ = kept_of(plan)
    for output, state in zip(plan.cell.outputs, kept.states, strict=True):
        if output in plan.saved:
            values[output] = state
    run = Run(plan, weights, (), values, {}, {})
    width = before[0].shape[-1]
    for batch, packed in zip(batches, kept.batches, strict=True):
        run.batches[batch] = packed
        for position, value in enumerate(batch.values):
            values[value] = part(packed, position, width)
    for step in plan.steps:
        if set(writes(step, plan.products)) <= set(plan.recomputed):
            run(step)
    return run


def weight_gradients(
    plan: Plan, weights: Weights, values: Values, found: Cotangents
) -> Weights:
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
    return Weights(tuple(kernels), tuple(biases), scales)


class Pull:
    """Reverse-mode differentiation of one step, instruction by instruction."""

    def __init__(self, run: Run, transposed: tuple[jax.Array, ...]) -> None:
        """Starts from the values of a step and the transposed kernels, `[kH, mH]`."""
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

    def results(self) -> Cotangents:
        """What leaves the backward scan."""
        plan = self.run.plan
        return Cotangents(
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
            self.add(arg, part(pulled, place, width))

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
