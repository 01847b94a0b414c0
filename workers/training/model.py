"""The model that is trained: embedding, layers of one cell, readout."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from cells import OPS, Cell, Layer, lower, num_params
from tasks import Task
from workers.job.block import BARE, BLOCKS
from workers.job.cost import model_width
from workers.job.setting import Shape
from workers.training.stack import STACKS, Carry, Dropout, Params


@dataclass(frozen=True)
class Model:
    """L layers of one cell between an embedding and a readout.

    Tokens are looked up in the embedding, frames are multiplied by it. Dropout is on
    the non-recurrent connections only: into each layer and into the readout, as in
    Zaremba et al. 2014 (arXiv:1409.2329); of residual blocks see `stack_residual`.

    Attributes:
        cell: The cell.
        width: H.
        num_layers: L.
        num_inputs: V, or the width F of a frame.
        num_outputs: V, or F.
        dropout: Probability that a connection is dropped in training.
        block: What stands around the cell in each layer, a key of `BLOCKS`.
    """

    cell: Cell
    width: int
    num_layers: int
    num_inputs: int
    num_outputs: int
    dropout: float = 0.0
    block: str = BARE

    @cached_property
    def layer(self) -> Layer:
        """The cell as JAX functions."""
        return lower(self.cell)

    @property
    def num_params(self) -> int:
        """Number of weights."""
        own = BLOCKS[self.block].num_params(self.width, self.num_layers)
        return own + num_params(
            self.cell,
            self.width,
            num_layers=self.num_layers,
            num_inputs=self.num_inputs,
            num_outputs=self.num_outputs,
        )

    def init(self, seed: int, scale: float) -> Params:
        """Draws the weights: U[-s, s] with s = scale / sqrt(H) (paper, section 3.7).

        Biases start at zero or at the node's own value. Drawn with NumPy, in the order
        embedding, layers, blocks, readout, from PCG64's raw output, which is the same
        for ever: a program that draws would take longer to compile than this takes to
        run, and each width would need its own.

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
        blocks = STACKS[self.block].draw(self.width, self.num_layers, draw)
        kernel = draw(self.width, self.num_outputs)
        bias = np.zeros(self.num_outputs, np.float32)
        readout = {"kernel": kernel, "bias": bias}
        return {"embedding": embedding, "layers": layers, **blocks, "readout": readout}

    def pack(self, params: Params) -> Params:
        """Weights as `init` returns them, each layer's in as few arrays as will do."""
        layers = tuple(self.layer.pack(own) for own in params["layers"])
        return {**params, "layers": layers}

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
        dropout = Dropout(self.dropout, key)
        run = STACKS[self.block].run
        carries, values = run(self.layer, params, carry, inputs, dropout)
        kernel, bias = params["readout"]["kernel"], params["readout"]["bias"]
        return carries, values @ kernel + bias[None, None, :]


def make_model(cell: Cell, shape: Shape, task: Task, block: str = BARE) -> Model:
    """The model of a shape: its width is the largest that the budget allows.

    Arguments are those of `model_width`.

    Raises:
        CellError: Not even width 1 fits the budget.
    """
    return Model(
        cell=cell,
        width=model_width(cell, shape, task, block),
        num_layers=shape.num_layers,
        num_inputs=task.num_inputs,
        num_outputs=task.num_outputs,
        dropout=shape.dropout,
        block=block,
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
