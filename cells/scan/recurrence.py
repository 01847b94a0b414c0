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

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from cells.scan.backward import (
    Cotangents,
    Kept,
    Pull,
    kept_of,
    replay,
    weight_gradients,
)
from cells.scan.forward import Run
from cells.scan.hoisted import (
    Carry,
    Known,
    Params,
    Weights,
    before_scan,
    stacked_weights,
    take_rows,
)
from cells.scan.plan import Plan


def scan_steps(
    plan: Plan, params: Params, carry: Carry, inputs: jax.Array
) -> tuple[Carry, jax.Array]:
    """Runs a cell over `inputs`, `[T, B, H]`; see `Layer.scan`."""
    known = before_scan(plan, params, inputs)
    return _core(plan, inputs.shape[0], stacked_weights(plan, params), known, carry)


def scan_rows(
    plan: Plan, params: Params, carry: Carry, table: jax.Array, tokens: jax.Array
) -> tuple[Carry, jax.Array]:
    """Runs a cell over `table[tokens]`; see `Layer.scan_tokens`."""
    if table.shape[0] >= tokens.size:
        return scan_steps(plan, params, carry, take_rows(table, tokens))
    rows = before_scan(plan, params, table)
    known = jax.tree.map(lambda array: take_rows(array, tokens), rows)
    return _core(plan, tokens.shape[0], stacked_weights(plan, params), known, carry)


def _forward(
    plan: Plan,
    length: int,
    weights: Weights,
    known: Known,
    carry: Carry,
    keep: bool,
) -> tuple[Carry, jax.Array, Kept | None]:
    kept_batches, kept_values = kept_of(plan)

    def body(carry: Carry, known: Known) -> tuple[Carry, Any]:
        values = dict(enumerate(carry, 1)) | known.frontier
        run = Run(plan, weights, known.addends, values, {}, {})
        for step in plan.steps:
            run(step)
        new = tuple(run.values[output] for output in plan.cell.outputs)
        if not keep:
            return new, new[0]
        return new, Kept(
            new,
            {value: run.values[value] for value in kept_values},
            tuple(run.batches[batch] for batch in kept_batches),
        )

    final, history = jax.lax.scan(body, carry, known, length)
    if not keep:
        return final, history, None
    return final, history.states[0], history


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _core(
    plan: Plan, length: int, weights: Weights, known: Known, carry: Carry
) -> tuple[Carry, jax.Array]:
    """The scan itself: final states, and the outputs `[T, B, H]`."""
    final, outputs, _ = _forward(plan, length, weights, known, carry, keep=False)
    return final, outputs


def _core_forward(
    plan: Plan, length: int, weights: Weights, known: Known, carry: Carry
) -> tuple[tuple[Carry, jax.Array], tuple[Weights, Known, Carry, Kept | None]]:
    final, outputs, kept = _forward(plan, length, weights, known, carry, keep=True)
    return (final, outputs), (weights, known, carry, kept)


def _core_backward(
    plan: Plan,
    length: int,
    residuals: tuple[Weights, Known, Carry, Kept],
    cotangents: tuple[Carry, jax.Array],
) -> tuple[Weights, Known, Carry]:
    weights, known, carry, kept = residuals
    before = tuple(
        jnp.concatenate([first[None], states[:-1]])
        for first, states in zip(carry, kept.states, strict=True)
    )
    transposed = tuple(kernel.T for kernel in weights.kernels)

    def body(d_carry: Carry, step: Any) -> tuple[Carry, Cotangents]:
        d_output, before, kept, frontier = step
        pull = Pull(replay(plan, weights, before, kept, frontier), transposed)
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
    values = replay(plan, weights, before, kept, known.frontier).values
    d_weights = weight_gradients(plan, weights, values, found)
    d_addends = tuple(
        None if addend is None else product
        for addend, product in zip(known.addends, found.products, strict=True)
    )
    return d_weights, Known(d_addends, found.frontier), d_carry


_core.defvjp(_core_forward, _core_backward)
