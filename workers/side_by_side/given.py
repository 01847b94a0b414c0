"""The model of any cell: the cell is data that a program is given."""

from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import jax
import numpy as np

from cells import AnyLayer, TableArrays
from workers.training.model import Model
from workers.training.stack import Carry, Params

Array = Any
"""A NumPy or JAX array."""


class GivenCell(NamedTuple):
    """A cell as a program is given it, and what else is its lane's own.

    Attributes:
        table: Its coefficients.
        mask: [H], 1 for the features that it has, 0 for those that are only room.
        train: Where the windows that the lane is trained on begin.
        valid: Where those that it is scored on begin.
    """

    table: TableArrays
    mask: Array
    train: Array = np.int32(0)
    valid: Array = np.int32(0)


@dataclass(frozen=True)
class AnyModel:
    """Embedding, one layer of a cell that is known at run time only, and readout.

    A cell that has fewer states, rows, linear maps or features than there is room for
    has zeros there, and what is zero stays zero.

    Attributes:
        layer: The room for cells.
        num_inputs: V.
        num_outputs: V.
        cell: The cell, while a program is traced.
    """

    layer: AnyLayer
    num_inputs: int
    num_outputs: int
    cell: Any = None

    dropout: Final = 0.0

    @property
    def width(self) -> int:
        """H, the room for features."""
        return self.layer.width

    def pack(self, params: Params) -> Params:
        """Weights as `fill` returns them, which are side by side."""
        return params

    def given(self, cell: GivenCell) -> "AnyModel":
        """The model of a cell."""
        return replace(self, cell=cell)

    def initial_carry(self, batch: int) -> Carry:
        """The states before the first window: zeros."""
        zero = np.zeros((batch, self.width), np.float32)
        return ((zero,) * self.layer.num_states,)  # type: ignore[return-value]

    def apply(
        self, params: Params, carry: Carry, inputs: Any, key: None = None
    ) -> tuple[Carry, jax.Array]:
        """Runs the model over a window of tokens; see `Model.apply`."""
        del key  # nothing is dropped here
        new, values = self.layer.scan_tokens(
            self.cell.table,
            params["layers"][0],
            self.cell.mask,
            carry[0],
            params["embedding"],
            inputs,
        )
        kernel, bias = params["readout"]["kernel"], params["readout"]["bias"]
        return (new,), values @ kernel + bias[None, None, :]

    def fill(self, model: Model, params: Params) -> tuple[GivenCell, Params]:
        """A cell and its weights, in the room that there is.

        Args:
            model: Of the cell.
            params: As its `init` returns them.
        """
        cell = model.cell
        mask = np.zeros(self.width, np.float32)
        mask[: model.width] = 1
        maps = self.layer.fill(cell, params["layers"][0])
        readout = params["readout"]
        filled = {
            "embedding": _widened(params["embedding"], 1, self.width),
            "layers": (maps,),
            "readout": {
                "kernel": _widened(readout["kernel"], 0, self.width),
                "bias": readout["bias"],
            },
        }
        return GivenCell(self.layer.table(cell), mask), filled

    def taken(self, model: Model, params: Params) -> Params:
        """The way back from `fill`, for weights."""
        width, readout = model.width, params["readout"]
        maps = self.layer.take(model.cell, params["layers"][0], width)
        return {
            "embedding": params["embedding"][:, :width],
            "layers": (maps,),
            "readout": {
                "kernel": readout["kernel"][:width],
                "bias": readout["bias"],
            },
        }


def _widened(array: Array, axis: int, width: int) -> Array:
    missing = [(0, 0)] * array.ndim
    missing[axis] = (0, width - array.shape[axis])
    return np.pad(array, missing)
