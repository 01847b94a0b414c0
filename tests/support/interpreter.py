"""A cell computed node by node in NumPy: what every faster form is held to."""

from collections.abc import Mapping

import numpy as np

from cells import OPS, Cell

Array = np.ndarray
Params = Mapping[str, Mapping[str, Array]]

# Written once more, so that a mistake in the op table shows.
FUNCTIONS = {
    "linear": lambda w, a: a @ w["kernel"] + w["bias"],
    "scale": lambda w, a: w["scale"] * a,
    "tanh": np.tanh,
    "sigmoid": lambda a: (1 + np.tanh(a / 2)) / 2,
    "relu": lambda a: np.maximum(a, 0),
    "leaky_relu": lambda a: np.maximum(a, 0) + 0.01 * np.minimum(a, 0),
    "softplus": lambda a: np.maximum(a, 0) + np.log1p(np.exp(-np.abs(a))),
    "silu": lambda a: a * (1 + np.tanh(a / 2)) / 2,
    "sin": np.sin,
    "rms_norm": lambda a: a / np.sqrt((a**2).mean(-1, keepdims=True) + 1e-6),
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "maximum": np.maximum,
    "minimum": np.minimum,
}


def run(cell: Cell, params: Params, inputs: Array) -> Array:
    """Outputs [T, B, H] of a cell that starts at zero, for inputs [T, B, H]."""
    carry, outputs = [np.zeros_like(inputs[0])] * cell.num_states, []
    for x in inputs:
        values = [x, *carry]
        for i, node in enumerate(cell.nodes):
            weights = [params[f"n{i}"]] if OPS[node.op].weights else []
            args = [*weights, *(values[arg] for arg in node.args)]
            function = FUNCTIONS.get(node.op, lambda: np.ones_like(x))  # noqa: B023
            values.append(function(*args))
        carry = [values[output] for output in cell.outputs]
        outputs.append(carry[0])
    return np.stack(outputs)


def random_params(
    cell: Cell, width: int, rng: np.random.Generator, scale: float = 1.0
) -> dict[str, dict[str, Array]]:
    """Weights drawn from U[-s, s], s = scale / sqrt(width), plus attributes.

    Unlike at the start of training, biases and scale vectors are random too.
    """
    params = {}
    for i, node in enumerate(cell.nodes):
        weights = {}
        for name, rank in OPS[node.op].weights:
            bound = scale / np.sqrt(width)
            weights[name] = rng.uniform(-bound, bound, (width,) * rank)
        if node.op == "linear":
            weights["kernel"] += node.attrs[0] * np.eye(width)
            weights["bias"] += node.attrs[1]
        if weights:
            params[f"n{i}"] = weights
    return params
