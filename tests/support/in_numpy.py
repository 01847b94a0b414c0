"""A traced function computed by NumPy, primitive by primitive: nothing is compiled.

What JAX makes of a function, derivatives and all, is in its trace. Where a program runs
once, or each of its primitives in shapes of its own, to compile takes most of the time.
"""

import itertools
import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Literal

Array = Any


def in_numpy(function: Callable[..., Any], *args: Any) -> Any:
    """The function's result, computed by NumPy.

    Args:
        function: One that JAX can trace, of arrays alone.
        *args: Its arguments, trees of arrays.
    """
    return by_numpy(function, *args)(*args)


def by_numpy(function: Callable[..., Any], *args: Any) -> Callable[..., Any]:
    """The function, traced once: for several calls with arguments of one shape."""
    with jax.disable_jit():  # loops are traced step by step
        traced, shapes = jax.make_jaxpr(function, return_shape=True)(*args)
    structure = jax.tree.structure(shapes)

    def run(*args: Any) -> Any:
        leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(args)]
        return jax.tree.unflatten(structure, _run(traced, leaves))

    return run


def _run(traced: ClosedJaxpr, args: Sequence[Array]) -> list[Array]:
    jaxpr, values = traced.jaxpr, dict[Any, Array]()

    def read(atom: Any) -> Array:
        return np.asarray(atom.val) if isinstance(atom, Literal) else values[atom]

    values.update(zip(jaxpr.constvars, map(np.asarray, traced.consts), strict=True))
    values.update(zip(jaxpr.invars, args, strict=True))
    for equation in jaxpr.eqns:
        given = [read(atom) for atom in equation.invars]
        results = _results(equation, given)
        for variable, result in zip(equation.outvars, results, strict=True):
            assert result.shape == variable.aval.shape, equation.primitive
            assert result.dtype == variable.aval.dtype, equation.primitive
            values[variable] = result
    return [read(atom) for atom in jaxpr.outvars]


def _results(equation: Any, args: list[Array]) -> list[Array]:
    name, params = equation.primitive.name, equation.params
    if name in FUNCTIONS:
        found = FUNCTIONS[name](*args, **params)
        return found if isinstance(found, list) else [np.asarray(found)]
    for inner in (params.get("jaxpr"), params.get("call_jaxpr")):
        if isinstance(inner, ClosedJaxpr):  # of a `jit` or a rule of one's own
            return _run(inner, args)
    # Seldom, and of few shapes: as JAX itself carries it out.
    bound = equation.primitive.bind(*map(jax.numpy.asarray, args), **params)
    several = equation.primitive.multiple_results
    return [np.asarray(one) for one in (bound if several else [bound])]


def _broadcast(
    a: Array, *_: Any, shape: Any, broadcast_dimensions: Any, sharding: Any
) -> Array:
    placed = [1] * len(shape)
    for size, dimension in zip(a.shape, broadcast_dimensions, strict=True):
        placed[dimension] = size
    return np.broadcast_to(a.reshape(placed), shape)


def _dot(a: Array, b: Array, *, dimension_numbers: Any, **_: Any) -> Array:
    (of_a, of_b), (batch_a, batch_b) = dimension_numbers
    letters = iter(string.ascii_letters)
    left, right = [""] * a.ndim, [""] * b.ndim
    for i, j in itertools.chain(
        zip(batch_a, batch_b, strict=True), zip(of_a, of_b, strict=True)
    ):
        left[i] = right[j] = next(letters)
    left = [letter or next(letters) for letter in left]
    right = [letter or next(letters) for letter in right]
    batch = [left[i] for i in batch_a]
    free = [
        letter
        for word, held in ((left, {*of_a, *batch_a}), (right, {*of_b, *batch_b}))
        for i, letter in enumerate(word)
        if i not in held
    ]
    return np.einsum(f"{''.join(left)},{''.join(right)}->{''.join(batch + free)}", a, b)


def _pad(a: Array, value: Array, *, padding_config: Any) -> Array:
    shape = [
        low + high + size + max(size - 1, 0) * inner
        for size, (low, high, inner) in zip(a.shape, padding_config, strict=True)
    ]
    assert all(low >= 0 and high >= 0 for low, high, _ in padding_config)
    padded = np.full(shape, value, a.dtype)
    places = tuple(
        slice(low, low + (size - 1) * (inner + 1) + 1 if size else low, inner + 1)
        for size, (low, _, inner) in zip(a.shape, padding_config, strict=True)
    )
    padded[places] = a
    return padded


def _slice(a: Array, *, start_indices: Any, limit_indices: Any, strides: Any) -> Array:
    steps = strides or [1] * a.ndim
    parts = zip(start_indices, limit_indices, steps, strict=True)
    return a[tuple(slice(*part) for part in parts)]


def _split(a: Array, *, sizes: Any, axis: int) -> list[Array]:
    return np.split(a, np.cumsum(sizes)[:-1], axis)


def _iota(*_: Any, dtype: Any, shape: Any, dimension: int, **__: Any) -> Array:
    places = [1] * len(shape)
    places[dimension] = shape[dimension]
    return np.broadcast_to(
        np.arange(shape[dimension], dtype=dtype).reshape(places), shape
    )


def _reduce(function: Callable[..., Array]) -> Callable[..., Array]:
    return lambda a, *, axes, **_: function(a, axis=tuple(axes))


def _plain(function: Callable[..., Array]) -> Callable[..., Array]:
    return lambda *args, **_: function(*args)


FUNCTIONS: Final[Mapping[str, Callable[..., Array]]] = {
    **{
        name: _plain(function)
        for name, function in {
            "abs": np.abs,
            "add": np.add,
            "add_any": np.add,
            "and": np.logical_and,
            "copy": np.array,
            "cos": np.cos,
            "div": np.divide,
            "eq": np.equal,
            "exp": np.exp,
            "ge": np.greater_equal,
            "gt": np.greater,
            "is_finite": np.isfinite,
            "le": np.less_equal,
            "log": np.log,
            "log1p": np.log1p,
            "logistic": lambda a: (1 + np.tanh(a / 2)) / 2,
            "lt": np.less,
            "max": np.maximum,
            "min": np.minimum,
            "mul": np.multiply,
            "ne": np.not_equal,
            "neg": np.negative,
            "or": np.logical_or,
            "rsqrt": lambda a: 1 / np.sqrt(a),
            "select_n": lambda which, *cases: np.where(which, cases[1], cases[0]),
            "sign": np.sign,
            "sin": np.sin,
            "sqrt": np.sqrt,
            "square": np.square,
            "stop_gradient": np.asarray,
            "sub": np.subtract,
            "tanh": np.tanh,
        }.items()
    },
    "broadcast_in_dim": _broadcast,
    "concatenate": lambda *args, dimension: np.concatenate(args, dimension),
    "convert_element_type": lambda a, *, new_dtype, **_: a.astype(new_dtype),
    "dot_general": _dot,
    "iota": _iota,
    "integer_pow": lambda a, *, y: a**y,
    "pad": _pad,
    "reduce_max": _reduce(np.max),
    "reduce_sum": _reduce(np.sum),
    "reshape": lambda a, *_, new_sizes, **__: a.reshape(new_sizes),
    "rev": lambda a, *, dimensions: np.flip(a, dimensions),
    "slice": _slice,
    "split": _split,
    "squeeze": lambda a, *, dimensions: np.squeeze(a, tuple(dimensions)),
    "stack": lambda *args, axis: np.stack(args, axis),
    "transpose": lambda a, *, permutation: np.transpose(a, permutation),
}
"""Primitives by name, on arrays; logical ones on yes and no alone."""
