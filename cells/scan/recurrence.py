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
    Backward,
    Cotangents,
    Residuals,
    replay,
    residuals_of,
    weight_gradients,
)
from cells.scan.forward import Forward
from cells.scan.hoisted import (
    Carry,
    Hoisted,
    Weights,
    hoist,
    stacked_weights,
    take_rows,
)
from cells.scan.packed import Params
from cells.scan.plan import ScanPlan


def scan_steps(
    plan: ScanPlan, params: Params, carry: Carry, inputs: jax.Array
) -> tuple[Carry, jax.Array]:
    """Runs a cell over `inputs`, `[T, B, H]`; see `Layer.scan`."""
    hoisted = hoist(plan, params, inputs)
    final, (outputs,) = run_loop(plan, inputs.shape[0], params, hoisted, carry)
    return final, outputs


def scan_rows(
    plan: ScanPlan, params: Params, carry: Carry, table: jax.Array, tokens: jax.Array
) -> tuple[Carry, jax.Array]:
    """Runs a cell over `table[tokens]`; see `Layer.scan_tokens`."""
    if table.shape[0] >= tokens.size:
        return scan_steps(plan, params, carry, take_rows(table, tokens))
    rows = hoist(plan, params, table)
    hoisted = jax.tree.map(lambda array: take_rows(array, tokens), rows)
    final, (outputs,) = run_loop(plan, tokens.shape[0], params, hoisted, carry)
    return final, outputs


def run_loop(
    plan: ScanPlan, length: int, params: Params, hoisted: Hoisted, carry: Carry
) -> tuple[Carry, Carry]:
    """The loop alone: final states, and those that are emitted, `[T, B, H]` each."""
    return _core(plan, length, stacked_weights(plan, params), hoisted, carry)


def _forward(
    plan: ScanPlan,
    length: int,
    weights: Weights,
    hoisted: Hoisted,
    carry: Carry,
    keep: bool,
) -> tuple[Carry, Carry, Residuals | None]:
    """Final states, emitted ones, and, if they are to be kept, the residuals."""
    # What is not kept costs nothing: a forward pass alone hands out outputs only.
    batches, values = residuals_of(plan)

    def body(carry: Carry, hoisted: Hoisted) -> tuple[Carry, Any]:
        # Values 1 to M are the old states; x-only values come from before the scan.
        given = dict(enumerate(carry, 1)) | hoisted.frontier
        step = Forward(plan, weights, hoisted.addends, given, {}, {})
        for instruction in plan.instructions:
            step.run(instruction)
        new = tuple(step.values[output] for output in plan.cell.outputs)
        if not keep:
            return new, new[: plan.emitted]
        return new, Residuals(
            new,
            {value: step.values[value] for value in values},
            tuple(step.batches[batch] for batch in batches),
        )

    final, history = jax.lax.scan(body, carry, hoisted, length)
    if not keep:
        return final, history, None
    return final, history.states[: plan.emitted], history


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _core(
    plan: ScanPlan, length: int, weights: Weights, hoisted: Hoisted, carry: Carry
) -> tuple[Carry, Carry]:
    """The scan itself: final states, and the emitted ones `[T, B, H]`."""
    final, outputs, _ = _forward(plan, length, weights, hoisted, carry, keep=False)
    return final, outputs


def _core_forward(
    plan: ScanPlan, length: int, weights: Weights, hoisted: Hoisted, carry: Carry
) -> tuple[tuple[Carry, Carry], tuple[Weights, Hoisted, Carry, Residuals | None]]:
    final, outputs, kept = _forward(plan, length, weights, hoisted, carry, keep=True)
    return (final, outputs), (weights, hoisted, carry, kept)


def _core_backward(
    plan: ScanPlan,
    length: int,
    saved: tuple[Weights, Hoisted, Carry, Residuals],
    cotangents: tuple[Carry, Carry],
) -> tuple[Weights, Hoisted, Carry]:
    weights, hoisted, carry, residuals = saved
    # A step's old states are the new ones of the step before.
    before = tuple(
        jnp.concatenate([first[None], states[:-1]])
        for first, states in zip(carry, residuals.states, strict=True)
    )
    # Put together once, as memory is copied, and not element by element by each reader.
    before = jax.lax.optimization_barrier(before)  # type: ignore[no-untyped-call]
    transposed = tuple(kernel.T for kernel in weights.kernels)

    def body(d_carry: Carry, step: Any) -> tuple[Carry, Cotangents]:
        d_emitted, before, residuals, frontier = step
        forward = replay(plan, weights, before, residuals, frontier)
        backward = Backward(forward, transposed)
        # A state that is emitted is read twice: after the scan and by the next step.
        for output, cotangent in zip(plan.cell.outputs, d_emitted, strict=False):
            backward.add(output, cotangent)
        for output, cotangent in zip(plan.cell.outputs, d_carry, strict=True):
            backward.add(output, cotangent)
        for instruction in reversed(plan.instructions):
            backward.pull(instruction)
        states = range(1, plan.cell.num_inputs)
        return tuple(backward.total(state) for state in states), backward.results()

    d_final, d_emitted = cotangents
    history = (d_emitted, before, residuals, hoisted.frontier)
    d_carry, handed = jax.lax.scan(body, d_final, history, length, reverse=True)

    # Outside the scan: the gradient of a kernel is one product over all steps, and
    # that of a product's addend is that of the product.
    values = replay(plan, weights, before, residuals, hoisted.frontier).values
    d_weights = weight_gradients(plan, weights, values, handed)
    d_addends = tuple(
        None if addend is None else product
        for addend, product in zip(hoisted.addends, handed.products, strict=True)
    )
    return d_weights, Hoisted(d_addends, handed.frontier), d_carry


_core.defvjp(_core_forward, _core_backward)
