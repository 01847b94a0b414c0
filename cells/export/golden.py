"""Golden vectors: what a small instance of a cell computes, value and gradient."""

import contextlib
import json
import math
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cells.export.names import Names
from cells.export.step import weighted
from cells.ir import Cell, node_name
from cells.ops import CellError, get_op

IN_FEATURES: Final = 3
HIDDEN_FEATURES: Final = 5
BATCH: Final = 2
STEPS: Final = 6
_SEEDS: Final = 30
_LARGEST: Final = 1e6
"""Larger values and gradients are avoided: fewer steps are taken instead."""

_MARGIN: Final = 1e-4
"""Distance that every value keeps from where an op has no derivative."""

_GRID: Final = 1024
"""Inputs and weights are multiples of 1/1024: exact in single precision."""

_DIGITS: Final = 10
"""Results are rounded to so many digits below the largest of their array.

All processors agree on those; the last bits of a product differ between them.
"""

_KINKS: Final = {"relu", "leaky_relu", "maximum", "minimum"}
Array = NDArray[np.float64]


class _Instance(NamedTuple):
    """Weights and inputs of a cell of width H.

    Attributes:
        weights: `embedding` [F, H] and, for each node that has any, its weights.
        inputs: [T, B, F].
        states: The M states before the first step, [M, B, H].
    """

    weights: dict[str, dict[str, Array]]
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
    instance, results = _finite(cell)
    content = {
        "name": names.title,
        "digest": digest,
        "classes": names.classes,
        "in_features": IN_FEATURES,
        "hidden_features": HIDDEN_FEATURES,
        "weights": _listed(instance.weights),
        "inputs": instance.inputs.tolist(),
        "initial_states": instance.states.tolist(),
        **_rounded(results),
    }
    return _written(content)


def _written(content: dict[str, Any]) -> str:
    """JSON with a line for each entry, and for each node of a table of weights."""
    rows = []
    for key, value in content.items():
        text = json.dumps(value)
        if key == "weights":
            lines = (f"  {json.dumps(n)}: {json.dumps(w)}" for n, w in value.items())
            text = "{\n" + ",\n".join(lines) + "\n}"
        rows.append(f"{json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(rows) + "\n}\n"


def _finite(cell: Cell) -> tuple[_Instance, dict[str, Any]]:
    """An instance of as many steps as stay in range, and its results."""
    limits = [(steps, _LARGEST) for steps in range(STEPS, 0, -1)]
    for steps, largest in (*limits, (1, math.inf)):
        instance = _smooth(cell, steps, largest)
        if instance is None:
            continue
        results = _reference(cell, instance)
        top = max(float(np.max(np.abs(a), initial=0.0)) for a in _arrays(results))
        if top <= largest and math.isfinite(top):
            return instance, results
    raise CellError("the cell cannot be exported: its first step is not finite")


def _smooth(cell: Cell, steps: int, largest: float) -> _Instance | None:
    """The first of several draws that stays clear of kinks, or the clearest.

    None if none of them is finite and in range.
    """
    best, best_margin = None, -1.0
    for seed in range(_SEEDS):
        instance = _draw(cell, steps, seed)
        top, margin = _course(cell, instance)
        if not (top <= largest and math.isfinite(top)):
            continue
        if margin >= _MARGIN:
            return instance
        if margin > best_margin:
            best, best_margin = instance, margin
    return best


def _draw(cell: Cell, steps: int, seed: int) -> _Instance:
    """Weights as they start, with random biases and vectors too; all on the grid."""
    bits = np.random.PCG64(seed)
    bound = HIDDEN_FEATURES**-0.5

    def draw(*shape: int, scale: float = 1.0, start: float | Array = 0.0) -> Array:
        # Raw bits are the same in every version of NumPy.
        raw = bits.random_raw(int(np.prod(shape))) >> np.uint64(43)
        unit = raw.astype(np.float64) / 2**20 - 1
        moved = scale * unit.reshape(shape) + start
        rounded: Array = np.round(moved * _GRID) / _GRID + 0.0
        return rounded

    # W = U[-s, s] + a I and b = U[-s, s] + bias, so that no bias is zero.
    width = HIDDEN_FEATURES
    weights = {"embedding": {"kernel": draw(IN_FEATURES, width, scale=bound)}}
    for index, node in enumerate(cell.nodes):
        if node.op == "linear":
            diagonal, bias = node.attrs
            weights[node_name(index)] = {
                "kernel": draw(
                    width, width, scale=bound, start=diagonal * np.eye(width)
                ),
                "bias": draw(width, scale=bound, start=bias),
            }
        elif get_op(node.op).weights:
            weights[node_name(index)] = {"scale": draw(width, scale=0.5, start=1.0)}
    assert weights.keys() - {"embedding"} == weighted(cell).keys()
    inputs = draw(steps, BATCH, IN_FEATURES)
    return _Instance(weights, inputs, draw(cell.num_states, BATCH, width))


def _course(cell: Cell, instance: _Instance) -> tuple[float, float]:
    """The largest absolute value met, and the smallest distance from a kink.

    A distance of exactly zero is no obstacle: it is zero in every precision.
    """
    # Step by step in NumPy, which is faster here than to compile anything.
    top, margin = 0.0, math.inf
    carry = list(instance.states)
    with np.errstate(all="ignore"):
        for frame in instance.inputs:
            values = [frame @ instance.weights["embedding"]["kernel"], *carry]
            for index, node in enumerate(cell.nodes):
                op = get_op(node.op)
                args: list[Any] = [values[arg] for arg in node.args]
                # max(a, b) has its kink where a = b, relu(a) where a = 0.
                if node.op in _KINKS:
                    gaps = np.abs(args[0] - args[1] if op.arity == 2 else args[0])
                    margin = min(margin, float(np.min(gaps, initial=1, where=gaps > 0)))
                if op.weights:
                    args.insert(0, instance.weights[node_name(index)])
                values.append(op.function(np, *(args or [values[0]])))
            top = max(top, *(float(np.max(np.abs(value))) for value in values))
            if not math.isfinite(top):
                return math.inf, 0.0
            carry = [values[output] for output in cell.outputs]
    return top, margin


def _reference(cell: Cell, instance: _Instance) -> dict[str, Any]:
    """Outputs, last states, loss and gradients, by the project's own step."""
    import jax
    import jax.numpy as jnp

    from cells.scan.layer import lower

    layer = lower(cell)

    # Every output and last state is in the loss, so that every weight has a gradient.
    def loss(weights: Any, inputs: Any, states: Any) -> tuple[Any, Any]:
        carry, outputs = tuple(states), []
        for frame in inputs:
            x = frame @ weights["embedding"]["kernel"]
            carry, output = layer.step(weights, carry, x)
            outputs.append(output)
        emitted, after = jnp.stack(outputs), jnp.stack(carry)
        return jnp.sum((emitted - 1) ** 2) + jnp.sum((after - 1) ** 2), (emitted, after)

    # All three arguments are differentiated by: a wrong sign anywhere shows.
    with _double_precision():
        arguments = jax.tree.map(jnp.asarray, tuple(instance))
        both = jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True)
        (value, (outputs, after)), gradients = both(*arguments)
        results: dict[str, Any] = {
            "outputs": outputs,
            "final_states": after,
            "loss": value,
            "gradients": dict(
                zip(("weights", "inputs", "initial_states"), gradients, strict=True)
            ),
        }
        return jax.tree.map(  # type: ignore[no-any-return]
            lambda array: np.asarray(array, np.float64), results
        )


@contextlib.contextmanager
def _double_precision() -> Iterator[None]:
    """Double precision, on the CPU."""
    import jax

    home: Any = jax if hasattr(jax, "enable_x64") else jax.experimental
    with home.enable_x64(True), jax.default_device(jax.local_devices(backend="cpu")[0]):
        yield


def _arrays(tree: Any) -> Iterator[Array]:
    """The arrays of a nested dictionary."""
    if isinstance(tree, dict):
        for branch in tree.values():
            yield from _arrays(branch)
    else:
        yield tree


def _listed(tree: Any) -> Any:
    """Arrays as lists of numbers."""
    if isinstance(tree, dict):
        return {name: _listed(branch) for name, branch in tree.items()}
    return tree.tolist()


def _rounded(tree: Any) -> Any:
    """Arrays as lists of numbers, rounded."""
    if isinstance(tree, dict):
        return {name: _rounded(branch) for name, branch in tree.items()}
    top = float(np.max(np.abs(tree), initial=0.0))
    digits = _DIGITS if top < 1e-200 else _DIGITS - math.ceil(math.log10(top))
    return _round(tree.tolist(), digits)


def _round(value: Any, digits: int) -> Any:
    if isinstance(value, list):
        return [_round(item, digits) for item in value]
    return round(value, digits) + 0.0
