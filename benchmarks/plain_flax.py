"""What a JAX user writes first to train a cell, in Flax; see `bench_evaluate`.

An update in which the hyperparameters are Python constants, so that each setting
compiles it anew, called once a window from Python. What does not depend on the setting
is shared, though a user might as well have missed that: the windows are made once, and
initialization and validation are compiled once a cell.
"""

import functools
import itertools
import math
import time
from collections.abc import Callable
from typing import Any, Final

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from tasks import Split, Windows, windows
from workers import Setting, TaskSpec


def symmetric(key: Any, shape: Any, dtype: Any = jnp.float32) -> jax.Array:
    """Initializer: U[-1, 1], to be multiplied by scale / sqrt(H)."""
    return jax.random.uniform(key, shape, dtype, -1.0, 1.0)


class Mut1Cell(nn.RNNCellBase):
    """MUT1 (Jozefowicz et al. 2015); x enters the candidate without a matrix."""

    features: int

    @nn.compact
    def __call__(self, carry: Any, inputs: Any) -> Any:
        """Returns the new state [B, H] twice: as carry and as output."""
        h, x = carry, inputs
        dense = functools.partial(nn.Dense, self.features, kernel_init=symmetric)
        z = nn.sigmoid(dense(name="xz")(x))
        r = nn.sigmoid(dense(name="xr")(x) + dense(name="hr", use_bias=False)(h))
        candidate = nn.tanh(dense(name="hh")(r * h) + nn.tanh(x))
        h = candidate * z + h * (1.0 - z)
        return h, h

    @property
    def num_feature_axes(self) -> int:
        """Inputs of a step are [B, H]."""
        return 1


def gru_cell(width: int) -> Any:
    """Flax's GRU with the paper's initialization."""
    return nn.GRUCell(width, kernel_init=symmetric, recurrent_kernel_init=symmetric)


CELLS: Final[dict[str, Callable[[int], Any]]] = {
    "gru": gru_cell,
    "mut1": Mut1Cell,
    "gru_reset_after": gru_cell,
}
"""Zoo name to the Flax cell of a width."""


class FlaxModel(nn.Module):
    """Embedding, one layer of a cell, readout."""

    cell: str
    width: int
    symbols: int

    @nn.compact
    def __call__(self, carry: Any, tokens: jax.Array) -> Any:
        """Returns the final state [B, H] and the logits [T, B, V]."""
        embed = nn.Embed(self.symbols, self.width, embedding_init=symmetric)
        rnn = nn.RNN(CELLS[self.cell](self.width), time_major=True, return_carry=True)
        carry, outputs = rnn(embed(tokens), initial_carry=carry)
        return carry, nn.Dense(self.symbols, kernel_init=symmetric)(outputs)


class FlaxProgram:
    """The plain program for one cell: what all of its settings share.

    `compile_s` adds up wall seconds of first calls, each with its one execution.
    """

    def __init__(self, cell: str, width: int, spec: TaskSpec) -> None:
        """Compiles initialization and validation."""
        task = spec.task
        self.model = FlaxModel(cell, width, task.num_inputs)
        self.spec = spec
        self.epochs: dict[tuple[str, int], list[Windows]] = {}
        self.carry = jnp.zeros((task.batch_size, width))
        self.compile_s = 0.0
        self._init = jax.jit(self.model.init)
        self._validate = jax.jit(self._count)
        window = self.windows("valid", 0)[0]
        params = self.first(self._init, jax.random.key(0), self.carry, window.inputs)
        self.first(self._validate, params, self.carry, window)
        self.num_params = sum(leaf.size for leaf in jax.tree.leaves(params))

    def windows(self, split: Split, epoch: int) -> list[Windows]:
        """The windows of an epoch one by one, made once for all settings."""
        if (split, epoch) not in self.epochs:
            task = self.spec.task
            data = windows(task.stream(split, epoch, self.spec.seed), task.num_steps)
            rows = [Windows(*arrays) for arrays in zip(*data, strict=True)]
            self.epochs[split, epoch] = rows
        return self.epochs[split, epoch]

    def first(self, function: Callable[..., Any], *args: Any) -> Any:
        """Calls a jitted function for the first time, and takes the time."""
        start = time.perf_counter()
        result = jax.block_until_ready(function(*args))
        self.compile_s += time.perf_counter() - start
        return result

    def train(self, setting: Setting, budget: int, seed: int) -> float:
        """Trains a setting to the end; returns its best validation accuracy."""
        bound = setting.scale / math.sqrt(self.model.width)
        example = self.windows("train", 0)[0]
        params = self._init(jax.random.key(seed), self.carry, example.inputs)
        params = jax.tree.map(lambda leaf: leaf * bound, params)  # biases are zero
        optimizer = optax.chain(
            optax.clip_by_global_norm(setting.clip), optax.sgd(setting.rate)
        )

        @jax.jit
        def update(params: Any, state: Any, carry: Any, window: Windows) -> Any:
            def loss(params: Any) -> Any:
                new, logits = self._apply(params, carry, window)
                losses = optax.softmax_cross_entropy_with_integer_labels(
                    logits, window.targets
                )
                return jnp.sum(losses * window.scored) / len(carry), new

            grads, new = jax.grad(loss, has_aux=True)(params)
            steps, state = optimizer.update(grads, state, params)
            return optax.apply_updates(params, steps), state, new

        now = (params, optimizer.init(params), self.carry)
        self.first(update, *now, example)  # its result is not used
        best, done = 0.0, 0
        for epoch in itertools.count():
            for window in self.windows("train", epoch)[: budget - done]:
                now = update(*now, window)
                done += 1
            best = max(best, self.validate(now[0]))
            if done == budget:
                break
        return best

    def validate(self, params: Any) -> float:
        """Accuracy on the validation split."""
        carry, correct, count = self.carry, 0, 0
        for window in self.windows("valid", 0):
            carry, hits = self._validate(params, carry, window)
            correct += hits
            count += window.scored.sum()
        return float(correct) / float(count)

    def _count(self, params: Any, carry: Any, window: Windows) -> Any:
        carry, logits = self._apply(params, carry, window)
        return carry, jnp.sum((logits.argmax(-1) == window.targets) & window.scored)

    def _apply(self, params: Any, carry: Any, window: Windows) -> Any:
        carry = jnp.where(window.reset[:, None], 0.0, carry)
        return self.model.apply(params, carry, window.inputs)
