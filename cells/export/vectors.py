"""What golden vectors are made of: draws on a grid, and results that are rounded."""

import contextlib
import functools
import json
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from cells.export.step import weighted
from cells.ir import Cell, node_name
from cells.ops import CellError, get_op

IN_FEATURES: Final = 3
HIDDEN_FEATURES: Final = 5
BATCH: Final = 2
STEPS: Final = 6
_SEEDS: Final = 30
LARGEST: Final = 1e6
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
Instance = TypeVar("Instance")
Weights = dict[str, dict[str, Array]]
"""For each node that has any, its weights."""


class Draw(Protocol):
    """Draws U[-scale, scale] + start, rounded to the grid."""

    def __call__(
        self, *shape: int, scale: float = 1.0, start: float | Array = 0.0
    ) -> Array:
        """An array of a shape."""
        ...


def drawer(seed: int) -> Draw:
    """The draws of a seed."""
    bits = np.random.PCG64(seed)

    def draw(*shape: int, scale: float = 1.0, start: float | Array = 0.0) -> Array:
        # Raw bits are the same in every version of NumPy.
        raw = bits.random_raw(int(np.prod(shape))) >> np.uint64(43)
        unit = raw.astype(np.float64) / 2**20 - 1
        moved = scale * unit.reshape(shape) + start
        on_grid: Array = np.round(moved * _GRID) / _GRID + 0.0
        return on_grid

    return draw


def draw_cell(cell: Cell, draw: Draw) -> Weights:
    """Weights of a cell as they start, with random biases and vectors too."""
    # W = U[-s, s] + a I and b = U[-s, s] + bias, so that no bias is zero.
    width, bound = HIDDEN_FEATURES, HIDDEN_FEATURES**-0.5
    weights = {}
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
    assert weights.keys() == weighted(cell).keys()
    return weights


class Course:
    """What is met on the way through an instance, in NumPy.

    That is faster here than to compile anything.

    Attributes:
        top: The largest absolute value.
        margin: The smallest distance from a kink. A distance of exactly zero is no
            obstacle: it is zero in every precision.
    """

    def __init__(self) -> None:
        self.top, self.margin = 0.0, math.inf

    @np.errstate(all="ignore")
    def run(
        self, cell: Cell, weights: Weights, inputs: Array, carry: Sequence[Array]
    ) -> Array:
        """The outputs of a cell, [T, B, H]; all that follows is not finite if one is.

        Args:
            cell: The cell.
            weights: Its weights.
            inputs: x at each step, [T, B, H].
            carry: The states before the first step.
        """
        outputs = np.full(inputs.shape, math.nan)
        for step, x in enumerate(inputs):
            values = [x, *carry]
            for index, node in enumerate(cell.nodes):
                op = get_op(node.op)
                args: list[Any] = [values[arg] for arg in node.args]
                # max(a, b) has its kink where a = b, relu(a) where a = 0.
                if node.op in _KINKS:
                    gaps = np.abs(args[0] - args[1] if op.arity == 2 else args[0])
                    near = float(np.min(gaps, initial=1, where=gaps > 0))
                    self.margin = min(self.margin, near)
                if op.weights:
                    args.insert(0, weights[node_name(index)])
                values.append(op.function(np, *(args or [values[0]])))
            self.top = max(self.top, *(float(np.max(np.abs(v))) for v in values))
            if not math.isfinite(self.top):
                self.top, self.margin = math.inf, 0.0
                break
            carry = [values[output] for output in cell.outputs]
            outputs[step] = carry[0]
        return outputs


def finite(
    draw: Callable[[int, Draw], Instance],
    course: Callable[[Instance], Course],
    reference: Callable[[Instance], dict[str, Any]],
) -> tuple[Instance, dict[str, Any]]:
    """An instance of as many steps as stay in range, and its results.

    Args:
        draw: Draws an instance of a number of steps.
        course: What is met on the way through it.
        reference: Its results.

    Raises:
        CellError: Not even one step is finite.
    """
    limits = [(steps, LARGEST) for steps in range(STEPS, 0, -1)]
    for steps, largest in (*limits, (1, math.inf)):
        instance = _smooth(functools.partial(draw, steps), course, largest)
        if instance is None:
            continue
        results = reference(instance)
        top = max(float(np.max(np.abs(a), initial=0.0)) for a in _arrays(results))
        if top <= largest and math.isfinite(top):
            return instance, results
    raise CellError("the cell cannot be exported: its first step is not finite")


def _smooth(
    draw: Callable[[Draw], Instance],
    course: Callable[[Instance], Course],
    largest: float,
) -> Instance | None:
    """The first of several draws that stays clear of kinks, or the clearest.

    None if none of them is finite and in range.
    """
    best, best_margin = None, -1.0
    for seed in range(_SEEDS):
        instance = draw(drawer(seed))
        met = course(instance)
        if not (met.top <= largest and math.isfinite(met.top)):
            continue
        if met.margin >= _MARGIN:
            return instance
        if met.margin > best_margin:
            best, best_margin = instance, met.margin
    return best


def differentiated(
    run: Callable[[Any, Any, Any], tuple[Any, Any]], instance: tuple[Any, Any, Any]
) -> dict[str, Any]:
    """Outputs, last states, loss and gradients in double precision, by JAX.

    Args:
        run: Of weights, inputs and states before the first step: the outputs, and the
            states after the last step.
        instance: Its arguments.
    """
    import jax
    import jax.numpy as jnp

    # Every output and last state is in the loss, so that every weight has a gradient.
    def loss(weights: Any, inputs: Any, states: Any) -> tuple[Any, Any]:
        outputs, after = run(weights, inputs, states)
        return jnp.sum((outputs - 1) ** 2) + jnp.sum((after - 1) ** 2), (outputs, after)

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


def written(content: dict[str, Any]) -> str:
    """JSON with a line for each entry, and for each node of a table of weights."""
    rows = []
    for key, value in content.items():
        text = json.dumps(value)
        if key == "weights":
            lines = (f"  {json.dumps(n)}: {json.dumps(w)}" for n, w in value.items())
            text = "{\n" + ",\n".join(lines) + "\n}"
        rows.append(f"{json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(rows) + "\n}\n"


def _arrays(tree: Any) -> Iterator[Array]:
    """The arrays of a nested dictionary."""
    if isinstance(tree, dict):
        for branch in tree.values():
            yield from _arrays(branch)
    else:
        yield tree


def listed(tree: Any) -> Any:
    """Arrays as lists of numbers."""
    if isinstance(tree, dict):
        return {name: listed(branch) for name, branch in tree.items()}
    return tree.tolist()


def rounded(tree: Any) -> Any:
    """Arrays as lists of numbers, rounded."""
    if isinstance(tree, dict):
        return {name: rounded(branch) for name, branch in tree.items()}
    top = float(np.max(np.abs(tree), initial=0.0))
    digits = _DIGITS if top < 1e-200 else _DIGITS - math.ceil(math.log10(top))
    return _round(tree.tolist(), digits)


def _round(value: Any, digits: int) -> Any:
    if isinstance(value, list):
        return [_round(item, digits) for item in value]
    return round(value, digits) + 0.0
