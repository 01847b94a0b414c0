"""The op table: every operation a cell may use is one row."""

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from cells.tanh import tanh
from cells.wording import unknown_name

Array = Any
"""A NumPy or JAX array: ops are written once for both."""

Kind = Literal["linear", "activation", "elementwise", "constant"]


class CellError(ValueError):
    """A cell, op or cell text is not valid; the message is one line for a person."""


@dataclass(frozen=True)
class Op:
    """One row of the op table.

    `function(xp, *args)` computes the op on arrays `[..., H]`; `xp` is `jax.numpy`
    when a cell is trained and `numpy` when it is tested for life. An op with weights
    gets them as a mapping before its arguments: `function(xp, params, *args)`.

    Attributes:
        name: What a text calls it.
        kind: `activation` (one argument, no weights but `scale`'s vector),
            `elementwise` (two arguments), `linear` or `constant` (no argument).
        arity: Number of arguments.
        function: The computation.
        pullback: `pullback(xp, cotangent, output, *args)` returns the cotangents of
            the arguments, by the rules of calculus; None lets JAX derive them. An op
            with a pullback must act on each element alone.
        reads: What the pullback reads: `output`, `args`, both or nothing. A value that
            no pullback reads need not be kept for the backward pass.
        commutative: Whether the arguments may be swapped.
        symbol: How it is written in infix (two arguments) or prefix (one) form.
        attributes: Names of its numeric attributes; all default to 0.
        weights: Name and rank of its weights: rank 1 is `[H]`, rank 2 is `[H, H]`.
        nonnegative: Whether the output is never below zero.
        odd: Whether an op of one argument has f(-a) = -f(a).
        latex: A format string of its arguments, for equations.
        origin: `module:name` for an op that a person added; empty for built-in ops.
    """

    name: str
    kind: Kind
    arity: int
    function: Callable[..., Array]
    pullback: Callable[..., tuple[Array, ...]] | None = None
    reads: tuple[Literal["output", "args"], ...] = ()
    commutative: bool = False
    symbol: str = ""
    attributes: tuple[str, ...] = ()
    weights: tuple[tuple[str, int], ...] = ()
    nonnegative: bool = False
    odd: bool = False
    latex: str = ""
    origin: str = ""

    @property
    def key(self) -> str:
        """What identifies the op across programs: its origin, or its name."""
        return self.origin or self.name


LEAKY_SLOPE: Final = 0.01
RMS_EPSILON: Final = 1e-6


def _linear(xp: types.ModuleType, params: Mapping[str, Array], a: Array) -> Array:
    product = xp.matmul(a, params["kernel"])
    return product + xp.broadcast_to(params["bias"], product.shape)


def _sigmoid(xp: types.ModuleType, a: Array) -> Array:
    # Never overflows, in value or derivative, unlike 1 / (1 + exp(-a)).
    return 0.5 * tanh(xp, 0.5 * a) + 0.5


def _rms_norm(xp: types.ModuleType, a: Array) -> Array:
    return a / xp.sqrt(xp.mean(a * a, axis=-1, keepdims=True) + RMS_EPSILON)


def _tie(xp: types.ModuleType, a: Array, b: Array) -> Array:
    """The share of `a` in the cotangent of maximum(a, b); equal values split it."""
    return xp.where(a == b, 0.5, xp.where(a > b, 1.0, 0.0)).astype(a.dtype)


_BUILT_IN: tuple[Op, ...] = (
    Op(
        "linear",
        "linear",
        1,
        _linear,
        attributes=("diagonal", "bias"),
        weights=(("kernel", 2), ("bias", 1)),
    ),
    Op(
        "tanh",
        "activation",
        1,
        tanh,
        pullback=lambda xp, ct, y, a: (ct * (1 - y * y),),
        reads=("output",),
        odd=True,
        latex=r"\tanh({})",
    ),
    Op(
        "sigmoid",
        "activation",
        1,
        _sigmoid,
        pullback=lambda xp, ct, y, a: (ct * (y - y * y),),
        reads=("output",),
        nonnegative=True,
        latex=r"\sigma({})",
    ),
    Op(
        "relu",
        "activation",
        1,
        lambda xp, a: xp.where(a > 0, a, xp.zeros_like(a)),
        pullback=lambda xp, ct, y, a: (xp.where(y > 0, ct, xp.zeros_like(ct)),),
        reads=("output",),
        nonnegative=True,
        latex=r"\mathrm{{relu}}({})",
    ),
    Op(
        "add",
        "elementwise",
        2,
        lambda xp, a, b: a + b,
        pullback=lambda xp, ct, y, a, b: (ct, ct),
        commutative=True,
        symbol="+",
        latex="{} + {}",
    ),
    Op(
        "subtract",
        "elementwise",
        2,
        lambda xp, a, b: a - b,
        pullback=lambda xp, ct, y, a, b: (ct, -ct),
        symbol="-",
        latex="{} - {}",
    ),
    Op(
        "multiply",
        "elementwise",
        2,
        lambda xp, a, b: a * b,
        pullback=lambda xp, ct, y, a, b: (ct * b, ct * a),
        reads=("args",),
        commutative=True,
        symbol="*",
        latex=r"{} \odot {}",
    ),
    Op(
        "one",
        "constant",
        0,
        lambda xp, like: xp.ones_like(like),
        nonnegative=True,
        latex=r"\mathbf{{1}}",
    ),
    Op(
        "leaky_relu",
        "activation",
        1,
        lambda xp, a: xp.where(a > 0, a, LEAKY_SLOPE * a),
        pullback=lambda xp, ct, y, a: (xp.where(y > 0, ct, LEAKY_SLOPE * ct),),
        reads=("output",),
        latex=r"\mathrm{{leaky\,relu}}({})",
    ),
    Op(
        "softplus",
        "activation",
        1,
        lambda xp, a: xp.logaddexp(a, xp.zeros_like(a)),
        pullback=lambda xp, ct, y, a: (ct * _sigmoid(xp, a),),
        reads=("args",),
        nonnegative=True,
        latex=r"\mathrm{{softplus}}({})",
    ),
    Op(
        "silu",
        "activation",
        1,
        lambda xp, a: a * _sigmoid(xp, a),
        latex=r"\mathrm{{silu}}({})",
    ),
    Op(
        "sin",
        "activation",
        1,
        lambda xp, a: xp.sin(a),
        pullback=lambda xp, ct, y, a: (ct * xp.cos(a),),
        reads=("args",),
        odd=True,
        latex=r"\sin({})",
    ),
    Op(
        "maximum",
        "elementwise",
        2,
        lambda xp, a, b: xp.maximum(a, b),
        pullback=lambda xp, ct, y, a, b: (ct * _tie(xp, a, b), ct * _tie(xp, b, a)),
        reads=("args",),
        commutative=True,
        latex=r"\max({}, {})",
    ),
    Op(
        "minimum",
        "elementwise",
        2,
        lambda xp, a, b: xp.minimum(a, b),
        pullback=lambda xp, ct, y, a, b: (ct * _tie(xp, b, a), ct * _tie(xp, a, b)),
        reads=("args",),
        commutative=True,
        latex=r"\min({}, {})",
    ),
    Op(
        "scale",
        "activation",
        1,
        lambda xp, params, a: a * xp.broadcast_to(params["scale"], a.shape),
        weights=(("scale", 1),),
        odd=True,
    ),
    Op(
        "rms_norm",
        "activation",
        1,
        _rms_norm,
        odd=True,
        latex=r"\mathrm{{rmsnorm}}({})",
    ),
)

OPS: dict[str, Op] = {op.name: op for op in _BUILT_IN}
"""Name to op: the built-in rows, and those that `load_op` added."""

PAPER_OPS: Final = (
    "linear",
    "tanh",
    "sigmoid",
    "relu",
    "add",
    "subtract",
    "multiply",
)
EXTENDED_OPS: Final = tuple(op.name for op in _BUILT_IN)

OP_SETS: Final[dict[str, tuple[str, ...]]] = {
    "paper": PAPER_OPS,
    "extended": EXTENDED_OPS,
}
"""Named sets a search may draw from."""


def get_op(name: str) -> Op:
    """The row of an op.

    Raises:
        CellError: There is no op of that name.
    """
    try:
        return OPS[name]
    except KeyError:
        raise CellError(unknown_name("op", name, OPS)) from None
