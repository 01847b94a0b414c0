"""Optimizers as rows of numbers, so that one compiled program serves them all."""

from typing import Any, Final, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

Array = Any
"""A NumPy or JAX array."""


class Rule(NamedTuple):
    """What an optimizer makes of a gradient g: all of them are one formula.

    With the weights p, the number of the update t, and m and v zero at first:

        m = mean_decay * m + mean_gain * g
        v = square_decay * v + square_gain * g**2
        direction = (from_mean * m + from_gradient * g) / (1 - corrects * mean_decay**t)
        scale = sqrt(v / (1 - corrects * square_decay**t) + inside) + outside
        p = p - rate * (direction / scale + weight_decay * p)

    A term with a coefficient of 0 adds nothing, and a scale of 1 divides exactly: the
    bits of SGD are those that it has by itself.
    """

    mean_decay: Array = np.float32(0)
    mean_gain: Array = np.float32(0)
    square_decay: Array = np.float32(0)
    square_gain: Array = np.float32(0)
    from_mean: Array = np.float32(0)
    from_gradient: Array = np.float32(0)
    corrects: Array = np.float32(0)
    inside: Array = np.float32(0)
    outside: Array = np.float32(0)
    weight_decay: Array = np.float32(0)


def _rule(**numbers: float) -> Rule:
    return Rule(**{name: np.float32(number) for name, number in numbers.items()})


_ADAM: Final = {
    "mean_decay": 0.9,
    "mean_gain": 0.1,
    "square_decay": 0.999,
    "square_gain": 0.001,
    "from_mean": 1.0,
    "corrects": 1.0,
    "outside": 1e-8,
}

RULES: Final[dict[str, Rule]] = {
    "sgd": _rule(from_gradient=1.0, inside=1.0),
    "adam": _rule(**_ADAM),
    "adamw": _rule(**_ADAM, weight_decay=1e-4),
    "momentum": _rule(
        mean_decay=0.9, mean_gain=1.0, from_mean=0.9, from_gradient=1.0, inside=1.0
    ),
    "rmsprop": _rule(square_decay=0.9, square_gain=0.1, from_gradient=1.0, inside=1e-8),
}
"""Optimizers by name, with the constants that Optax has by default; momentum is
Nesterov's."""


class RuleState(NamedTuple):
    """What a rule keeps of earlier gradients.

    Attributes:
        count: Updates so far.
        mean: m, a tree like the weights.
        square: v, a tree like the weights.
    """

    count: Array
    mean: Any
    square: Any


def by_rule(rule: Rule, rate: Array) -> optax.GradientTransformation:
    """The optimizer of a rule, which is known at run time only.

    Args:
        rule: One of `RULES`, or what is traced in its place.
        rate: Learning rate.
    """

    def init(params: Any) -> RuleState:
        zeros = jax.tree.map(jnp.zeros_like, params)
        return RuleState(jnp.int32(0), zeros, zeros)

    def update(
        grads: Any, state: RuleState, params: Any = None
    ) -> tuple[Any, RuleState]:
        count = state.count + 1
        time = count.astype(jnp.float32)
        means = rate / (1 - rule.corrects * rule.mean_decay**time)
        squares = 1 / (1 - rule.corrects * rule.square_decay**time)
        from_mean, from_gradient = means * rule.from_mean, means * rule.from_gradient
        fading = rate * rule.weight_decay

        def mean_of(m: Array, g: Array) -> Array:
            return rule.mean_decay * m + rule.mean_gain * g

        def square_of(v: Array, g: Array) -> Array:
            return rule.square_decay * v + rule.square_gain * (g * g)

        # A step is one operation by itself, and in another shape than the weights: what
        # is computed in their memory, XLA's code for CPUs takes one by one.
        def step(m: Array, v: Array, g: Array, p: Array) -> Array:
            scale = jnp.sqrt(v * squares + rule.inside)[None] + rule.outside
            direction = (from_mean * m + from_gradient * g)[None] / scale
            whole = direction + fading * p[None]
            return -jax.lax.optimization_barrier(whole)[0]  # type: ignore[no-untyped-call]

        mean = jax.tree.map(mean_of, state.mean, grads)
        square = jax.tree.map(square_of, state.square, grads)
        steps = jax.tree.map(step, mean, square, grads, params)
        return steps, RuleState(count, mean, square)

    return optax.GradientTransformation(init, update)
