"""A layer's weights side by side, as a scan multiplies by them."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import jax
import numpy as np

from cells.ir import Cell, node_name
from cells.ops import get_op

Array = Any
"""A NumPy or JAX array, or the shape of one."""

Params = Mapping[str, Mapping[str, Array]]
"""Weights by node: `{"n3": {"kernel": [H, H], "bias": [H]}}`."""

Group = tuple[tuple[int, ...], ...]
"""Linears of one product: k columns, each a sum of m of them."""


class Block(NamedTuple):
    """The weights of a group.

    Attributes:
        kernel: [mH, kH].
        bias: m times [kH].
    """

    kernel: Array
    bias: tuple[Array, ...]


@jax.tree_util.register_pytree_with_keys_class
class Packed(Mapping[str, Mapping[str, Array]]):
    """The weights of a layer, in as few arrays as a scan has products.

    A program has a kernel or two for each array that it reads, differentiates and
    updates, and to compile them is most of what a cell costs. By the names of nodes it
    can be read as `Params`, too, at the price of a slice.

    Attributes:
        cell: The cell.
        groups: The groups of its linears, each linear in one of them.
        blocks: Their weights.
        others: Those of all other nodes, by name.
    """

    def __init__(
        self,
        cell: Cell,
        groups: tuple[Group, ...],
        blocks: Sequence[Block],
        others: Params,
    ) -> None:
        self.cell = cell
        self.groups = groups
        self.blocks = tuple(blocks)
        self.others = others

    @classmethod
    def of(cls, cell: Cell, groups: tuple[Group, ...], params: Params) -> "Packed":
        """Packs weights; NumPy's, or those that NumPy can read.

        Args:
            cell: The cell.
            groups: See the class.
            params: The weights by node.
        """

        def of(value: int, name: str) -> Array:
            return params[node_name(value - cell.num_inputs)][name]

        blocks = [
            Block(
                np.block([[of(value, "kernel") for value in row] for row in rows]),
                tuple(np.concatenate([of(v, "bias") for v in row]) for row in rows),
            )
            for rows in (tuple(zip(*group, strict=True)) for group in groups)
        ]
        grouped = {node_name(v - cell.num_inputs) for g in groups for c in g for v in c}
        others = {name: own for name, own in params.items() if name not in grouped}
        return cls(cell, groups, blocks, others)

    def kernel(self, group: Group) -> Array | None:
        """The kernel of a group, [mH, kH]; None if it is not one of `groups`."""
        index = self._index.get(group)
        return None if index is None else self.blocks[index].kernel

    def bias(self, row: tuple[int, ...]) -> Array | None:
        """The biases of linears side by side, [kH]; None if no group has such a row."""
        place = self._rows.get(row)
        return None if place is None else self.blocks[place[0]].bias[place[1]]

    def __getitem__(self, name: str) -> Mapping[str, Array]:
        if name in self.others:
            return self.others[name]
        index, row, column = self._places[name]
        block = self.blocks[index]
        width = block.bias[row].shape[-1] // len(self.groups[index])
        down = slice(row * width, (row + 1) * width)
        across = slice(column * width, (column + 1) * width)
        return {
            "kernel": block.kernel[..., down, across],
            "bias": block.bias[row][..., across],
        }

    def __iter__(self) -> Iterator[str]:
        """Names of the nodes that have weights, in order."""
        nodes = enumerate(self.cell.nodes)
        return (node_name(index) for index, node in nodes if get_op(node.op).weights)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @cached_property
    def _index(self) -> dict[Group, int]:
        return {group: index for index, group in enumerate(self.groups)}

    @cached_property
    def _rows(self) -> dict[tuple[int, ...], tuple[int, int]]:
        return {
            values: (index, row)
            for index, group in enumerate(self.groups)
            for row, values in enumerate(zip(*group, strict=True))
        }

    @cached_property
    def _places(self) -> dict[str, tuple[int, int, int]]:
        return {
            node_name(value - self.cell.num_inputs): (index, row, column)
            for index, group in enumerate(self.groups)
            for column, values in enumerate(group)
            for row, value in enumerate(values)
        }

    def tree_flatten_with_keys(self) -> tuple[Any, Any]:
        """For JAX: what it may change, and what it may not."""
        children = (
            (jax.tree_util.GetAttrKey("blocks"), self.blocks),
            (jax.tree_util.GetAttrKey("others"), self.others),
        )
        return children, (self.cell, self.groups)

    @classmethod
    def tree_unflatten(cls, aux: Any, children: Any) -> "Packed":
        """For JAX: the way back, whatever the leaves are."""
        packed = cls.__new__(cls)
        packed.cell, packed.groups = aux
        packed.blocks, packed.others = children
        return packed
