"""Golden vectors of residual blocks: a small instance of two layers around a cell."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np

from cells.export.names import Names
from cells.export.vectors import (
    BATCH,
    HIDDEN_FEATURES,
    IN_FEATURES,
    Array,
    Course,
    Draw,
    differentiated,
    draw_cell,
    finite,
    listed,
    rounded,
    written,
)
from cells.ir import Cell
from cells.ops import get_op

LAYERS: Final = 2


class _Instance(NamedTuple):
    """Weights and inputs of L residual blocks of width H.

    Attributes:
        weights: `embedding` [F, H]; `layers`, by number, each `cell`, the cell's
            weights by node, the gains `norm` and `inner_norm` [H], and the matrices
            `w1`, `w2` and `w3`; the last gain `norm` [H].
        inputs: [T, B, F].
        states: The states before the first step, [L, M, B, H].
    """

    weights: dict[str, Any]
    inputs: Array
    states: Array


def golden_blocks_text(cell: Cell, names: Names, digest: str) -> str:
    """The text of `golden_blocks.json`; as `golden_text`, of two residual blocks.

    Raises:
        CellError: Not even one step is finite.
    """
    instance, results = finite(
        partial(_draw, cell), partial(_course, cell), partial(_reference, cell)
    )
    content = {
        "name": names.title,
        "digest": digest,
        "class": names.blocks,
        "in_features": IN_FEATURES,
        "hidden_features": HIDDEN_FEATURES,
        "num_layers": LAYERS,
        "weights": listed(instance.weights),
        "inputs": instance.inputs.tolist(),
        "initial_states": instance.states.tolist(),
        **rounded(results),
    }
    return written(content)


def _draw(cell: Cell, steps: int, draw: Draw) -> _Instance:
    """Weights as they start, with random biases, vectors and gains; on the grid."""
    width = HIDDEN_FEATURES
    inner = 4 * width // 3
    matrix = partial(draw, scale=width**-0.5)
    gain = partial(draw, width, scale=0.5, start=1.0)
    weights = {
        "embedding": matrix(IN_FEATURES, width),
        "layers": {
            str(index): {
                "cell": draw_cell(cell, draw),
                "norm": gain(),
                "inner_norm": gain(),
                "w1": matrix(width, inner),
                "w2": matrix(width, inner),
                "w3": matrix(inner, width),
            }
            for index in range(LAYERS)
        },
        "norm": gain(),
    }
    inputs = draw(steps, BATCH, IN_FEATURES)
    return _Instance(weights, inputs, draw(LAYERS, cell.num_states, BATCH, width))


@np.errstate(all="ignore")
def _course(cell: Cell, instance: _Instance) -> Course:
    met = Course()

    def run(index: int, weights: Any, inputs: Array) -> Array:
        return met.run(cell, weights, inputs, list(instance.states[index]))

    _blocks(np, instance.weights, instance.inputs, run)
    return met


def _reference(cell: Cell, instance: _Instance) -> dict[str, Any]:
    """Outputs, last states, loss and gradients, by the project's own step."""
    import jax.numpy as jnp

    from cells.scan.layer import lower

    layer = lower(cell)

    def reference(weights: Any, inputs: Any, states: Any) -> tuple[Any, Any]:
        after = []

        def run(index: int, own: Any, values: Any) -> Any:
            carry, outputs = tuple(states[index]), []
            for x in values:
                carry, output = layer.step(own, carry, x)
                outputs.append(output)
            after.append(jnp.stack(carry))
            return jnp.stack(outputs)

        return _blocks(jnp, weights, inputs, run), jnp.stack(after)

    return differentiated(reference, instance)


def _blocks(
    xp: Any, weights: Any, inputs: Any, run: Callable[[int, Any, Any], Any]
) -> Any:
    """The outputs of residual blocks, [T, B, H].

    Args:
        xp: NumPy or `jax.numpy`.
        weights: Those of an instance.
        inputs: [T, B, F].
        run: Of a layer's number, its cell's weights and normed inputs, [T, B, H]: the
            outputs of the cell.
    """

    def normed(values: Any, gain: Any) -> Any:
        return get_op("rms_norm").function(xp, values) * xp.broadcast_to(
            gain, values.shape
        )

    # v = v + cell(norm(v)), and then v = v + W3 (silu(W1 norm(v)) * W2 norm(v))
    stream = inputs @ weights["embedding"]
    for index, own in weights["layers"].items():
        stream = stream + run(int(index), own["cell"], normed(stream, own["norm"]))
        inner = normed(stream, own["inner_norm"])
        gate = get_op("silu").function(xp, inner @ own["w1"])
        stream = stream + (gate * (inner @ own["w2"])) @ own["w3"]
    return normed(stream, weights["norm"])
