"""The same model with Flax's cells and with cuDNN's LSTM, to be trained the same way.

They stand where `Model` does in a program: loss, clipping, loop over windows and lanes
are ours, and the look-up of the embedding too, so that only the cells differ.
"""

from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.device.place import SCALE
from cells.scan.hoisted import take_rows


def _drawn(shapes: Any, width: int) -> Any:
    """Weights of some shapes, U[-s, s]: what they are decides no time."""
    rng, bound = np.random.default_rng(0), SCALE / width**0.5

    def draw(leaf: Any) -> Any:
        return rng.uniform(-bound, bound, leaf.shape).astype(np.float32)

    return jax.tree.map(draw, shapes)


class Rival:
    """What both have in common: an embedding, one layer, a readout.

    Attributes:
        width: H.
        symbols: V.
        num_states: Arrays of a carry.
    """

    dropout: Final = 0.0
    num_states = 1

    def __init__(self, width: int, symbols: int) -> None:
        self.width, self.symbols = width, symbols

    def layer_shapes(self) -> Any:
        """Shapes of the layer's weights."""
        raise NotImplementedError

    def run(self, weights: Any, carry: Any, values: jax.Array) -> Any:
        """The layer: a tuple of states, and `[T, B, H]`."""
        raise NotImplementedError

    def init(self, seed: int, scale: float) -> Any:
        """Weights; see `Model.init`."""

        def shape(*sides: int) -> jax.ShapeDtypeStruct:
            return jax.ShapeDtypeStruct(sides, jnp.float32)

        return _drawn(
            {
                "embedding": shape(self.symbols, self.width),
                "layer": self.layer_shapes(),
                "kernel": shape(self.width, self.symbols),
                "bias": shape(self.symbols),
            },
            self.width,
        )

    def pack(self, params: Any) -> Any:
        """See `Model.pack`; theirs are as their libraries have them."""
        return params

    def given(self, cell: None) -> "Rival":
        """See `Model.given`."""
        return self

    def initial_carry(self, batch: int) -> Any:
        """Zeros; see `Model.initial_carry`."""
        zeros = np.zeros((batch, self.width), np.float32)
        return ((zeros,) * self.num_states,)

    def apply(self, params: Any, carry: Any, inputs: Any, key: Any = None) -> Any:
        """States and logits; see `Model.apply`."""
        values = take_rows(params["embedding"], inputs)
        states, outputs = self.run(params["layer"], carry[0], values)
        return (states,), outputs @ params["kernel"] + params["bias"]


class FlaxRival(Rival):
    """Flax's `OptimizedLSTMCell` or `GRUCell` under `nn.RNN`."""

    def __init__(self, name: str, width: int, symbols: int) -> None:
        import flax.linen as nn

        super().__init__(width, symbols)
        self.num_states = 2 if name == "lstm" else 1
        cell = {"lstm": nn.OptimizedLSTMCell, "gru": nn.GRUCell}[name](width)
        self._rnn = nn.RNN(cell, time_major=True, return_carry=True)

    def layer_shapes(self) -> Any:
        """As Flax has them."""
        values = jax.ShapeDtypeStruct((2, 1, self.width), jnp.float32)
        key = jax.eval_shape(lambda: jax.random.key(0))
        return jax.eval_shape(self._rnn.init, key, values)

    def run(self, weights: Any, carry: Any, values: jax.Array) -> Any:
        """See `Rival.run`; Flax's GRU has an array where others have a tuple."""
        start = tuple(carry) if self.num_states == 2 else carry[0]
        last, outputs = self._rnn.apply(weights, values, initial_carry=start)
        return tuple(last) if self.num_states == 2 else (last,), outputs


class CudnnRival(Rival):
    """The LSTM of `jax.experimental.rnn`; without a GPU, its reference in JAX.

    It cannot be vectorized: lanes have to go one after the other.
    """

    num_states = 2

    def __init__(self, width: int, symbols: int, on_gpu: bool) -> None:
        from jax.experimental import rnn

        super().__init__(width, symbols)
        self._rnn, self._on_gpu = rnn, on_gpu
        self._form: dict[str, Any] = {
            "input_size": width,
            "hidden_size": width,
            "num_layers": 1,
            "bidirectional": False,
        }

    def layer_shapes(self) -> Any:
        """All weights in one vector."""
        count = self._rnn.get_num_params_in_lstm(**self._form)
        return jax.ShapeDtypeStruct((count,), jnp.float32)

    def run(self, weights: Any, carry: Any, values: jax.Array) -> Any:
        """See `Rival.run`; batches come first there."""
        rows = jnp.swapaxes(values, 0, 1)
        batch, steps, _ = rows.shape
        lengths = jnp.full((batch,), steps, jnp.int32)
        start = (carry[0][None], carry[1][None])
        form = {**self._form, "dropout": 0.0}
        if self._on_gpu:
            # As precise as ours: without this it would round to TF32.
            highest = jax.lax.Precision.HIGHEST
            outputs, last, cell = self._rnn.lstm(
                rows, *start, weights, lengths, precision=highest, **form
            )
        else:
            parts = self._rnn.unpack_lstm_weights(weights, **self._form)
            outputs, last, cell = self._rnn.lstm_ref(
                rows, *start, *parts, lengths, **form
            )
        return (last[0], cell[0]), jnp.swapaxes(outputs, 0, 1)
