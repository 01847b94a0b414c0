"""The model that is trained: embedding, layers of one cell, readout."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from cells import OPS, Cell, Layer, lower, num_params
from tasks import Task
from workers.job.cost import model_width
from workers.job.setting import Shape

Params = Mapping[str, Any]
"""`embedding` [V, H] or [F, H]; `layers`, the cell's weights L times; `readout` with
`kernel` [H, V] and `bias` [V]."""

Carry = tuple[tuple[jax.Array, ...], ...]
"""For each of L layers its M states, each [B, H]."""


@dataclass(frozen=True)
class Model:
    """L layers of one cell between an embedding and a readout.

    Tokens are looked up in the embedding, frames are multiplied by it. Dropout is on
    the non-recurrent connections only: into each layer and into the readout, as in
    Zaremba et al. 2014 (arXiv:1409.2329).

    Attributes:
        cell: The cell.
        width: H.
        num_layers: L.
        num_inputs: V, or the width F of a frame.
        num_outputs: V, or F.
        dropout: Probability that a connection is dropped in training.
    """

    cell: Cell
    width: int
    num_layers: int
    num_inputs: int
    num_outputs: int
    dropout: float = 0.0

    @cached_property
    def layer(self) -> Layer:
        """The cell as JAX functions."""
        return lower(self.cell)

    @property
    def num_params(self) -> int:
        """Number of weights."""
        return num_params(
            self.cell,
            self.width,
            num_layers=self.num_layers,
            num_inputs=self.num_inputs,
            num_outputs=self.num_outputs,
        )

    def init(self, seed: int, scale: float) -> Params:
        """Draws the weights: U[-s, s] with s = scale / sqrt(H) (paper, section 3.7).

        Biases start at zero or at the node's own value. Drawn with NumPy, in the order
        embedding, layers, readout, from PCG64's raw output, which is the same for
        ever: a program that draws would take longer to compile than this takes to run,
        and each width would need its own.

        Args:
            seed: 0 or above.
            scale: See above.
        """
        bits = np.random.PCG64(seed)
        bound = np.float32(scale / self.width**0.5)

        # 24 bits are what a float32 holds: U[-1, 1) without rounding, then scaled.
        def draw(*shape: int) -> NDArray[np.float32]:
            raw = bits.random_raw(int(np.prod(shape))) >> np.uint64(40)
            unit = raw.astype(np.float32) * np.float32(2.0**-23) - np.float32(1)
            return (unit * bound).reshape(shape)

        # The order decides which bits are whose: part of what a seed means.
        embedding = draw(self.num_inputs, self.width)
        layers = tuple(
            {
                f"n{index}": _weights(node.op, node.attrs, self.width, draw)
                for index, node in enumerate(self.cell.nodes)
                if OPS[node.op].weights
            }
            for _ in range(self.num_layers)
        )
        kernel = draw(self.width, self.num_outputs)
        bias = np.zeros(self.num_outputs, np.float32)
        readout = {"kernel": kernel, "bias": bias}
        return {"embedding": embedding, "layers": layers, "readout": readout}

    def given(self, cell: None) -> "Model":
        """The model for the cell that a program is given: it has one already."""
        return self

    def initial_carry(self, batch: int) -> Carry:
        """The states before the first window: zeros."""
        shape = (batch, self.width)
        states = tuple(np.zeros(shape, np.float32) for _ in range(self.cell.num_states))
        return tuple(states for _ in range(self.num_layers))  # type: ignore[misc]

    def apply(
        self,
        params: Params,
        carry: Carry,
        inputs: Any,
        key: jax.Array | None = None,
    ) -> tuple[Carry, jax.Array]:
        """Runs the model over a window.

        Args:
            params: As `init` returns them.
            carry: The states before the window.
            inputs: Tokens, integers [T, B], or frames [T, B, F].
            key: Decides what is dropped; consumed. None: nothing is, as in validation.

        Returns:
            The states after the window, and the logits [T, B, num_outputs].
        """
        # Without a key nothing is dropped, and the program has no random numbers.
        rate = 0.0
        keys: Iterator[jax.Array] = iter(())
        if self.dropout and key is not None:
            rate = self.dropout
            keys = iter(jax.random.split(key, self.num_layers + 1))
        # Tokens that reach the first layer as they are: its work on x alone is done
        # once for each row of the table, and not at each position.
        carries = []
        if inputs.ndim == 2 and not rate:
            new, values = self.layer.scan_tokens(
                params["layers"][0], carry[0], params["embedding"], inputs
            )
            carries.append(new)
        elif inputs.ndim == 2:
            values = params["embedding"][inputs]
        else:
            values = inputs.astype(jnp.float32) @ params["embedding"]
        # Dropout is on the way up only, never from one time step to the next.
        for index in range(len(carries), self.num_layers):
            values = _drop(values, rate, keys)
            new, values = self.layer.scan(params["layers"][index], carry[index], values)
            carries.append(new)
        values = _drop(values, rate, keys)
        kernel, bias = params["readout"]["kernel"], params["readout"]["bias"]
        return tuple(carries), values @ kernel + bias[None, None, :]


def make_model(cell: Cell, shape: Shape, task: Task) -> Model:
    """The model of a shape: its width is the largest that the budget allows.

    Raises:
        CellError: Not even width 1 fits the budget.
    """
    return Model(
        cell=cell,
        width=model_width(cell, shape, task),
        num_layers=shape.num_layers,
        num_inputs=task.num_inputs,
        num_outputs=task.num_outputs,
        dropout=shape.dropout,
    )


def _weights(
    op: str, attrs: tuple[float, ...], width: int, draw: Any
) -> dict[str, NDArray[np.float32]]:
    """The weights of one node, as `Layer.init` has them."""
    if op != "linear":
        return {name: np.ones(width, np.float32) for name, _ in OPS[op].weights}
    diagonal, bias = np.asarray(attrs, np.float32)
    return {
        "kernel": draw(width, width) + diagonal * np.eye(width, dtype=np.float32),
        "bias": np.full(width, bias, np.float32),
    }


def _drop(values: jax.Array, rate: float, keys: Iterator[jax.Array]) -> jax.Array:
    """Zeroes a share of the values and scales up the rest, keeping the mean."""
    if not rate:
        return values
    kept = jax.random.bernoulli(next(keys), 1 - rate, values.shape)
    return jnp.where(kept, values / (1 - rate), 0.0)
