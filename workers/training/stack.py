"""How layers are stacked: each fed by the one below, or each adding to a stream."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from cells import OPS, Layer
from workers.job.block import BARE, RESIDUAL, inner_width

Params = Mapping[str, Any]
"""`embedding` [V, H] or [F, H]; `layers`, the cell's weights L times; `readout` with
`kernel` [H, V] and `bias` [V]. With residual blocks also `blocks`, L times what
`draw_residual` has, and the last norm's gain `norm` [H]."""

Carry = tuple[tuple[jax.Array, ...], ...]
"""For each of L layers its M states, each [B, H]."""

Draw = Callable[..., Any]
"""Draws a matrix of a shape."""


class Dropout(NamedTuple):
    """What is dropped in one window.

    Attributes:
        rate: Probability that a value is dropped.
        key: Decides which; None: nothing is, and there are no random numbers.
    """

    rate: float
    key: jax.Array | None

    @property
    def on(self) -> bool:
        """Whether anything may be dropped."""
        return bool(self.rate) and self.key is not None

    def keys(self, count: int) -> Iterator[jax.Array]:
        """A key for each place where values are dropped."""
        return iter(jax.random.split(self.key, count) if self.on else ())  # type: ignore[arg-type]

    def apply(self, values: jax.Array, keys: Iterator[jax.Array]) -> jax.Array:
        """Zeroes a share of the values and scales up the rest, keeping the mean."""
        if not self.on:
            return values
        kept = jax.random.bernoulli(next(keys), 1 - self.rate, values.shape)
        return jnp.where(kept, values / (1 - self.rate), 0.0)


def stack_plain(
    layer: Layer, params: Params, carry: Carry, inputs: Any, dropout: Dropout
) -> tuple[Carry, jax.Array]:
    """Layers of the cell alone, each fed by the one below.

    Args:
        layer: The cell as JAX functions.
        params: The model's.
        carry: The states before the window.
        inputs: Tokens [T, B] or frames [T, B, F].
        dropout: Into each layer and into the readout.

    Returns:
        The states after the window, and what the readout is given, [T, B, H].
    """
    keys = dropout.keys(len(carry) + 1)
    # Tokens that reach the first layer as they are: its work on x alone is done
    # once for each row of the table, and not at each position.
    carries = []
    if inputs.ndim == 2 and not dropout.on:
        new, values = layer.scan_tokens(
            params["layers"][0], carry[0], params["embedding"], inputs
        )
        carries.append(new)
    else:
        values = _embedded(params, inputs)
    # Dropout is on the way up only, never from one time step to the next.
    for index in range(len(carries), len(carry)):
        values = dropout.apply(values, keys)
        new, values = layer.scan(params["layers"][index], carry[index], values)
        carries.append(new)
    return tuple(carries), dropout.apply(values, keys)


def stack_residual(
    layer: Layer, params: Params, carry: Carry, inputs: Any, dropout: Dropout
) -> tuple[Carry, jax.Array]:
    """Layers that add to a stream, as in recent recurrent language models.

    As in Griffin (De et al. 2024, arXiv:2402.19427): each layer adds what the cell
    makes of the normed stream, and then what a gated feed-forward map (Shazeer 2020,
    arXiv:2002.05202) makes of it, normed again; the readout is given it normed.

        v = v + cell(norm(v))
        v = v + W3 (silu(W1 norm(v)) * W2 norm(v))

    Arguments and results are those of `stack_plain`, but for dropout: it is on the
    embedding and on all that is added to it (Vaswani et al. 2017, section 5.4).
    """
    keys = dropout.keys(2 * len(carry) + 1)
    stream = dropout.apply(_embedded(params, inputs), keys)
    carries = []
    for index, block in enumerate(params["blocks"]):
        weights, before = params["layers"][index], carry[index]
        # As in plain layers: the normed rows of the table are the first inputs.
        if index == 0 and inputs.ndim == 2 and not dropout.on:
            table = _normed(params["embedding"], block["norm"])
            new, added = layer.scan_tokens(weights, before, table, inputs)
        else:
            new, added = layer.scan(weights, before, _normed(stream, block["norm"]))
        carries.append(new)
        stream = stream + dropout.apply(added, keys)
        added = _feed_forward(block, _normed(stream, block["inner_norm"]))
        stream = stream + dropout.apply(added, keys)
    return tuple(carries), _normed(stream, params["norm"])


def draw_residual(width: int, num_layers: int, draw: Draw) -> dict[str, Any]:
    """The weights that residual blocks have besides; gains start at one.

    Args:
        width: H.
        num_layers: L.
        draw: Draws all matrices, as those of the cell.

    Returns:
        `norm` [H], and `blocks`, L times `norm` and `inner_norm` [H], `w1` and `w2`
        [H, F], `w3` [F, H]; F is `inner_width(H)`.
    """
    inner = inner_width(width)

    def gain() -> NDArray[np.float32]:  # each its own, since training writes on it
        return np.ones(width, np.float32)

    blocks = tuple(
        {
            "norm": gain(),
            "inner_norm": gain(),
            "w1": draw(width, inner),
            "w2": draw(width, inner),
            "w3": draw(inner, width),
        }
        for _ in range(num_layers)
    )
    return {"blocks": blocks, "norm": gain()}


def _draw_nothing(width: int, num_layers: int, draw: Draw) -> dict[str, Any]:
    return {}


class Stack(NamedTuple):
    """How a block is carried out.

    Attributes:
        run: As `stack_plain`.
        draw: Its own weights, as `draw_residual`.
    """

    run: Callable[[Layer, Params, Carry, Any, Dropout], tuple[Carry, jax.Array]]
    draw: Callable[[int, int, Draw], dict[str, Any]]


STACKS: Final = {
    BARE: Stack(stack_plain, _draw_nothing),
    RESIDUAL: Stack(stack_residual, draw_residual),
}
"""A row for each of `BLOCKS`."""


def _embedded(params: Params, inputs: Any) -> jax.Array:
    """Rows of the embedding, or products of frames with it, [T, B, H]."""
    table = params["embedding"]
    if inputs.ndim == 2:
        return table[inputs]  # type: ignore[no-any-return]
    return inputs.astype(table.dtype) @ table  # type: ignore[no-any-return]


def _feed_forward(block: Params, values: jax.Array) -> jax.Array:
    """W3 (silu(W1 y) * W2 y), without biases."""
    gate: jax.Array = OPS["silu"].function(jnp, values @ block["w1"])
    return (gate * (values @ block["w2"])) @ block["w3"]  # type: ignore[no-any-return]


def _normed(values: jax.Array, gain: jax.Array) -> jax.Array:
    """Values [..., H] over the root of the mean of their squares, times a gain [H]."""
    normed: jax.Array = OPS["rms_norm"].function(jnp, values)
    return normed * jnp.broadcast_to(gain, normed.shape)
