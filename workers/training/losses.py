"""Losses of the readouts, in nats, and when a prediction counts as correct."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import jax
import jax.numpy as jnp

ONE_HOT_SYMBOLS: Final = 512
"""Up to this many symbols the target's logit is found by a product with a one-hot row,
whose gradient needs no scatter."""


class Readout(NamedTuple):
    """How logits are judged.

    Attributes:
        loss: Logits [..., V] and targets to nats [...]; a frame's are summed.
        correct: The same to bool [...]: whether the likeliest output is the target.
    """

    loss: Callable[[jax.Array, jax.Array], jax.Array]
    correct: Callable[[jax.Array, jax.Array], jax.Array]


@jax.custom_vjp
def log_sum_exp(logits: jax.Array) -> jax.Array:
    """log sum exp of logits [..., V], [...]; its gradient is a softmax.

    As `jax.nn.logsumexp` for logits of which some is finite, in fewer operations.
    """
    return _log_sum_exp_forward(logits)[0]


def _log_sum_exp_forward(logits: jax.Array) -> tuple[jax.Array, Any]:
    largest = logits.max(axis=-1)
    total = jnp.exp(logits - largest[..., None]).sum(axis=-1)
    return largest + jnp.log(total), (logits, largest, total)


def _log_sum_exp_backward(kept: Any, cotangent: jax.Array) -> tuple[jax.Array]:
    logits, largest, total = kept
    return ((cotangent / total)[..., None] * jnp.exp(logits - largest[..., None]),)


log_sum_exp.defvjp(_log_sum_exp_forward, _log_sum_exp_backward)


def softmax_loss(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """Cross-entropy of tokens: logits [..., V], targets [...]."""
    symbols = logits.shape[-1]
    if symbols <= ONE_HOT_SYMBOLS:
        one_hot = jax.nn.one_hot(targets, symbols, dtype=logits.dtype)
        chosen = (logits * one_hot).sum(axis=-1)
    else:
        chosen = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    return log_sum_exp(logits) - chosen


def sigmoid_loss(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """Binary cross-entropy of frames, summed over notes: both [..., F]."""
    wanted = targets.astype(logits.dtype)
    return (jax.nn.softplus(logits) - logits * wanted).sum(axis=-1)


def _likeliest(logits: jax.Array, targets: jax.Array) -> jax.Array:
    return logits.argmax(axis=-1).astype(targets.dtype) == targets


def _never(logits: jax.Array, targets: jax.Array) -> jax.Array:
    return jnp.zeros(logits.shape[:-1], jnp.bool_)


READOUTS: Final[Mapping[str, Readout]] = {
    "softmax": Readout(softmax_loss, _likeliest),
    "sigmoid": Readout(sigmoid_loss, _never),
}
