"""Golden vectors: what a small instance of a cell computes, value and gradient."""

from functools import partial
from typing import Any, NamedTuple

from cells.export.names import Names
from cells.export.vectors import (
    BATCH,
    HIDDEN_FEATURES,
    IN_FEATURES,
    Array,
    Course,
    Draw,
    Weights,
    differentiated,
    draw_cell,
    finite,
    listed,
    rounded,
    written,
)
from cells.ir import Cell


class _Instance(NamedTuple):
    """Weights and inputs of a cell of width H.

    Attributes:
        weights: `embedding` [F, H] and, for each node that has any, its weights.
        inputs: [T, B, F].
        states: The M states before the first step, [M, B, H].
    """

    weights: Weights
    inputs: Array
    states: Array


def golden_text(cell: Cell, names: Names, digest: str) -> str:
    """The text of `golden.json`: an instance, and what the reference makes of it.

    The reference is `lower(cell).step`, step by step in double precision. The loss is
    the sum of (v - 1)^2 over all outputs and the states after the last step. The
    number of steps is 6, or what remains before values leave the range of numbers.

    Raises:
        CellError: Not even one step is finite.
    """
    instance, results = finite(
        partial(_draw, cell), partial(_course, cell), partial(_reference, cell)
    )
    content = {
        "name": names.title,
        "digest": digest,
        "classes": names.classes,
        "in_features": IN_FEATURES,
        "hidden_features": HIDDEN_FEATURES,
        "weights": listed(instance.weights),
        "inputs": instance.inputs.tolist(),
        "initial_states": instance.states.tolist(),
        **rounded(results),
    }
    return written(content)


def _draw(cell: Cell, steps: int, draw: Draw) -> _Instance:
    """Weights as they start, with random biases and vectors too; all on the grid."""
    width = HIDDEN_FEATURES
    kernel = draw(IN_FEATURES, width, scale=width**-0.5)
    weights = {"embedding": {"kernel": kernel}, **draw_cell(cell, draw)}
    inputs = draw(steps, BATCH, IN_FEATURES)
    return _Instance(weights, inputs, draw(cell.num_states, BATCH, width))


def _course(cell: Cell, instance: _Instance) -> Course:
    met = Course()
    xs = instance.inputs @ instance.weights["embedding"]["kernel"]
    met.run(cell, instance.weights, xs, list(instance.states))
    return met


def _reference(cell: Cell, instance: _Instance) -> dict[str, Any]:
    """Outputs, last states, loss and gradients, by the project's own step."""
    import jax.numpy as jnp

    from cells.scan.layer import lower

    layer = lower(cell)

    def run(weights: Any, inputs: Any, states: Any) -> tuple[Any, Any]:
        carry, outputs = tuple(states), []
        for frame in inputs:
            x = frame @ weights["embedding"]["kernel"]
            carry, output = layer.step(weights, carry, x)
            outputs.append(output)
        return jnp.stack(outputs), jnp.stack(carry)

    return differentiated(run, instance)
