"""One step of a plan, backwards: cotangents, and what has to be kept for them."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from cells.ops import get_op
from cells.scan.forward import Forward
from cells.scan.hoisted import Carry, Values, Weights, part
from cells.scan.plan import (
    Apply,
    Batch,
    Instruction,
    Multiply,
    ScanPlan,
    Sum,
    reads,
    writes,
)


class Residuals(NamedTuple):
    """What the forward scan hands to the backward pass, each `[T, B, ...]`.

    Attributes:
        states: The new states.
        values: Other values, by number.
        batches: Results of batches, side by side.
    """

    states: Carry
    values: Values
    batches: tuple[jax.Array, ...]


def residuals_of(plan: ScanPlan) -> tuple[list[Batch], list[int]]:
    """The batches and values to keep; new states are kept as such."""
    saved = set(plan.saved)
    batches = [
        instruction
        for instruction in plan.instructions
        if isinstance(instruction, Batch) and saved.intersection(instruction.values)
    ]
    whole = {value for batch in batches for value in batch.values}
    values = [v for v in plan.saved if v not in whole and v not in plan.cell.outputs]
    return batches, values


class Cotangents(NamedTuple):
    """What the backward scan hands out at each step, `[T, ...]`.

    Attributes:
        products: Of the products' results, `[T, B, kH]`.
        frontier: Of the x-only values that a step reads, by number.
        scales: Of the vectors of `scale` nodes, summed over the batch, `[T, H]`.
    """

    products: tuple[jax.Array, ...]
    frontier: Values
    scales: Values


def replay(
    plan: ScanPlan,
    weights: Weights,
    before: Carry,
    residuals: Residuals,
    frontier: Values,
) -> Forward:
    """The values that the backward pass reads, of one step or of all at once."""
    # What was kept is there again: values as such, new states, batches taken apart.
    values = dict(enumerate(before, 1)) | frontier | residuals.values
    for output, state in zip(plan.cell.outputs, residuals.states, strict=True):
        if output in plan.saved:
            values[output] = state
    forward = Forward(plan, weights, (), values, {}, {})
    batches, _ = residuals_of(plan)
    for batch, packed in zip(batches, residuals.batches, strict=True):
        forward.batches[batch] = packed
        for position, value in enumerate(batch.values):
            values[value] = part(packed, position, forward.width)

    # What is cheap was not kept; instructions are in order, so all they read is there.
    for instruction in plan.instructions:
        if set(writes(instruction, plan.products)) <= set(plan.recomputed):
            forward.run(instruction)
    return forward


def weight_gradients(
    plan: ScanPlan, weights: Weights, values: Values, cotangents: Cotangents
) -> Weights:
    """One product over all steps for each kernel, `[mH, TB] @ [TB, kH]`."""
    kernels, biases = [], []
    for index, product in enumerate(plan.products):
        # P = A W + b, so dW = A^T dP and db = sum dP, over steps and examples.
        args = [values[arg] for arg in product.args]
        left = jnp.concatenate(args, -1) if len(args) > 1 else args[0]
        right = cotangents.products[index]
        kernels.append(
            left.reshape(-1, left.shape[-1]).T @ right.reshape(-1, right.shape[-1])
        )
        bias = weights.biases[index]
        biases.append(None if bias is None else right.sum((0, 1)))
    scales = {value: total.sum(0) for value, total in cotangents.scales.items()}
    return Weights(tuple(kernels), tuple(biases), scales)


class Backward:
    """Reverse-mode differentiation of one step, instruction by instruction.

    Attributes:
        forward: The values of the step.
        transposed: The transposed kernels, `[kH, mH]`.
        totals: The cotangent of each value so far.
        pieces: By product and column, the cotangents of columns that a batch reads.
        products: The cotangents of products' results.
        scales: The cotangents of vectors.
    """

    def __init__(self, forward: Forward, transposed: tuple[jax.Array, ...]) -> None:
        self.forward = forward
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
        total = self.totals.get(value)
        return jnp.zeros_like(self.forward.values[1]) if total is None else total

    def results(self) -> Cotangents:
        """What leaves the backward scan."""
        plan = self.forward.plan
        return Cotangents(
            tuple(self.products[index] for index in range(len(plan.products))),
            {value: self.total(value) for value in plan.frontier},
            self.scales,
        )

    def pull(self, instruction: Instruction) -> None:
        """Pulls the cotangent of what an instruction computed back to what it read."""
        match instruction:
            case Multiply(index):
                self._multiply(index)
            case Batch():
                self._batch(instruction)
            case Apply():
                self._apply(instruction)
            case Sum(terms, value):
                # s = a - b, so da += ds and db -= ds.
                total = self.total(value)
                for sign, term in terms:
                    self.add(term, total if sign > 0 else -total)

    def _multiply(self, index: int) -> None:
        # dP: batches left theirs side by side, other columns are put between.
        product, width = self.forward.plan.products[index], self.forward.width
        pieces = self.pieces.get(index, {})
        row: list[jax.Array] = []
        position = 0
        while position < len(product.columns):
            piece = pieces.get(position)
            if piece is None:
                piece = self.total(product.columns[position].value)
            row.append(piece)
            position += piece.shape[-1] // width
        packed = jnp.concatenate(row, -1) if len(row) > 1 else row[0]

        # P = A W, so dA = dP W^T; dW waits until after the scan.
        self.products[index] = packed
        pulled = packed @ self.transposed[index]
        for place, arg in enumerate(product.args):
            self.add(arg, part(pulled, place, width))

    def _batch(self, batch: Batch) -> None:
        op, forward = get_op(batch.op), self.forward
        assert op.pullback is not None
        totals = [self.total(value) for value in batch.values]
        args: list[jax.Array | None] = [None]
        if "args" in op.reads:
            read = reads(batch, forward.plan.products)
            args = [jnp.concatenate([forward.values[v] for v in read], -1)]
        output = forward.batches.get(batch)
        (pulled,) = op.pullback(jnp, jnp.concatenate(totals, -1), output, *args)
        self.pieces.setdefault(batch.product, {})[batch.start] = pulled

    def _apply(self, apply: Apply) -> None:
        op, values = get_op(apply.op), self.forward.values
        total = self.total(apply.value)
        if op.pullback is not None:
            read = [values.get(arg) for arg in apply.args]
            pulled = op.pullback(jnp, total, values.get(apply.value), *read)
        else:
            # y = s * a has a weight too: ds = sum dy * a, over examples.
            args = [values[arg] for arg in apply.args]
            pulled = jax.vjp(partial(self.forward.apply, apply), *args)[1](total)
            if op.weights:
                self.scales[apply.value] = (total * args[0]).sum(0)
        for arg, cotangent in zip(apply.args, pulled, strict=True):
            self.add(arg, cotangent)
