"""The layer of any cell that fits: what `Layer` is to one cell, for many."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cells.ir import Cell
from cells.tables.arrays import TableArrays, fits, to_arrays
from cells.tables.recurrence import scan_tokens
from cells.tables.sizes import SIZES, WIDTH_STEP
from cells.tables.table import Size
from cells.tables.tabulate import tabular, tabulate
from cells.tables.weights import TableWeights, Weights, from_maps, to_maps

Array = Any
"""A NumPy or JAX array."""


@dataclass(frozen=True)
class AnyLayer:
    """A layer whose cell is data.

    Attributes:
        size: The room for a table.
        width: H, the room for features.
    """

    size: Size
    width: int

    @property
    def num_states(self) -> int:
        """M, the room for states."""
        return self.size.num_states

    def table(self, cell: Cell) -> TableArrays:
        """A cell as the layer is given it.

        Raises:
            ValueError: It has an op that no table says, or is too large.
        """
        return to_arrays(tabulate(cell), self.size)

    def fill(self, cell: Cell, weights: Weights) -> TableWeights:
        """A cell's weights, as `Layer.init` draws them, in the room for weights."""
        return to_maps(tabulate(cell), self.size, weights, self.width)

    def take(
        self, cell: Cell, weights: TableWeights, width: int
    ) -> dict[str, dict[str, Array]]:
        """The way back from `fill`, to the cell's own width; of gradients, too."""
        return from_maps(tabulate(cell), self.size, weights, width)

    def scan_tokens(
        self,
        cell: TableArrays,
        weights: TableWeights,
        mask: Array,
        carry: Sequence[Array],
        table: Array,
        tokens: Array,
    ) -> tuple[tuple[Array, ...], Array]:
        """Runs a cell over the rows of an embedding that tokens name.

        Args:
            cell: From `table`.
            weights: From `fill`.
            mask: [H], 1 for the features that the cell has and 0 for the others.
            carry: The M states before, [B, H]; zero where the mask is.
            table: [V, H], zero where the mask is.
            tokens: [T, B], integers.

        Returns:
            The states after, and the first of them at each step, [T, B, H].
        """
        return scan_tokens(self.size, cell, weights, mask, carry, table, tokens)


def any_layer(cell: Cell, width: int) -> AnyLayer | None:
    """The smallest layer that runs a cell; None: there is none.

    A function of the cell alone, so that what it comes to does not depend on which
    others are trained beside it.
    """
    if not tabular(cell):
        return None
    table = tabulate(cell)
    for size in SIZES:
        if fits(table, size):
            return AnyLayer(size, -(-width // WIDTH_STEP) * WIDTH_STEP)
    return None
